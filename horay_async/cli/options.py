"""The options that several commands share, each declared once, and how a command takes them.

A command takes a group by a parameter of its class: `expand_groups` spreads its fields out into options. Plain
dataclasses, since attrs would take longer to load than the rest of the command line.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_type_hints

import typer

from horay_async._json import is_array, is_object
from horay_async.cli.exit_codes import WrongUsage
from horay_async.cli.inputs import DASH, decode_argument, parse_path
from horay_async.cli.model_names import complete_models

T = TypeVar("T")

DEFAULT_MODEL: Final = "meta-llama/Meta-Llama-3.1-8B-Instruct"
"""The default that the API's reference documents for completions."""

LOCAL_MODEL: Final = "local"
"""What the local model is called in requests; it responds to any name, and says its own."""


def option(help: str, *names: str, default: Any = None, **settings: Any) -> Any:
    """As a default, makes a field of a group, or a parameter, an option of its name, or of other `names`; `settings` are
    those of `typer.Option`.
    """
    return field(default=default, metadata={"typer": typer.Option(*names, help=help, **settings)})


def path_argument(metavar: str, help: str) -> Any:
    """As a default, makes a parameter an argument that names a file."""
    settings: Any = typer.Argument(metavar=metavar, parser=parse_path, help=help)
    return field(default=inspect.Parameter.empty, metadata={"typer": settings})


def given(**values: Any) -> dict[str, Any]:
    """The values that were given: an option that wasn't is None."""
    return {name: value for name, value in values.items() if value is not None}


def above_0(value: float | None) -> float | None:
    """Checks a number that may have been given, of seconds or a rate."""
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter("it must be a number above 0")
    return value


@dataclass(kw_only=True)
class ServerOptions:
    """Which server is asked, and how patiently."""

    local: bool = option(
        "Ask the local model, which needs no key, instead of the API.", "--local", default=False
    )
    base_url: str | None = option("Where the API is.", metavar="URL", envvar="HORAY_BASE_URL")
    api_key: str | None = option(
        "The key; the variable keeps it out of the list of processes.",
        metavar="KEY",
        envvar="HORAY_API_KEY",
    )
    proxy: str | None = option(
        "Proxy to go through; else HTTPS_PROXY and its like count.", metavar="URL"
    )
    timeout: float | None = option(
        "Deadline of each call as a whole.", metavar="SECONDS", callback=above_0
    )
    retries: int | None = option("Most attempts after the first; 2 by default.", metavar="N")
    allow_insecure_http: bool = option(
        "Send the key over plain HTTP to another machine.", "--allow-insecure-http", default=False
    )

    def model_or_default(self, model: str | None) -> str:
        """The model to ask for, where none may have been named."""
        return model or (LOCAL_MODEL if self.local else DEFAULT_MODEL)


def _json_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; raises `typer.BadParameter` where it holds anything else."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # as it will be sent
    except (ValueError, RecursionError):
        value = None
    if not is_object(value):
        raise typer.BadParameter("it must be a JSON object, such as '{\"min_p\": 0.1}'")
    return value


@dataclass(kw_only=True)
class Sampling:
    """How tokens are chosen: the fields are named as the API's parameters, and unset ones not sent."""

    max_tokens: int | None = option("Most tokens to generate.", "-n", "--max-tokens")
    temperature: float | None = option("Randomness; 0 is the least.", "-t", "--temperature")
    top_p: float | None = option("Nucleus threshold.")
    top_k: int | None = option("Candidates for each token.")
    repetition_penalty: float | None = option("Above 1 repeats less.")
    presence_penalty: float | None = option("-2 to 2; above 0 favours new tokens.")
    frequency_penalty: float | None = option("-2 to 2; above 0 disfavours frequent tokens.")
    stop: list[str] | None = option("Ends the output; may be repeated.", metavar="TEXT")
    seed: int | None = option("Makes responses repeatable, as far as the server can.")
    extra: Any = option("Further fields of the request.", metavar="JSON", parser=_json_object)

    def params(self) -> dict[str, Any]:
        """The keyword arguments of the client's methods."""
        params = given(**vars(self))
        if extra := params.pop("extra", None):
            params["extra_body"] = extra
        return params


ChatModel = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        envvar="HORAY_MODEL",
        help=f"The model's name; {DEFAULT_MODEL} by default.",
        autocompletion=complete_models("text"),
    ),
]
"""Of a model that writes text."""

AsJson = Annotated[bool, typer.Option("--json", help="Print what the server sent, as JSON.")]
"""Whether to print JSON."""


def file_option(help: str) -> Any:
    """The option for the file that a response goes to."""
    return option(help, "-o", "--output", metavar="FILE", parser=parse_path)


@dataclass(kw_only=True)
class Output:
    """Where a response goes, and in which form."""

    file: Path | None = file_option("Write the response to this file; - is standard output.")
    streamed: bool | None = option(
        "Show the text as it comes, or with --json its chunks, one a line. The default "
        "on a terminal and with -o, without --json.",
        "--stream/--no-stream",
        show_default=False,
    )
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.file == DASH:
            self.file = None


Text = Annotated[
    str | None,
    typer.Argument(
        show_default=False, help="The text; - is standard input. A pipe joins the text."
    ),
]
"""What is asked."""


def literal_option(literal: Callable[[], Any], help: str, default: str | None = None) -> Any:
    """An option for a word of one of the client's `Literal`s, which is loaded when it is needed."""

    def choices() -> list[str]:
        return list(get_args(literal()))

    def check(word: str | None) -> str | None:
        if word is not None and word not in choices():
            raise typer.BadParameter(f"it must be one of {', '.join(choices())}")
        return word

    return option(help, default=default, metavar="WORD", callback=check, autocompletion=choices)


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    """A field of a group, or a parameter, as typer takes it; `default` may be what `option` has made."""
    if isinstance(default, Field):
        made = cast("Field[Any]", default)
        default = made.default
        if settings := made.metadata.get("typer"):
            kind = Annotated[kind, settings]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def expand_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Lets a command take groups of options: see the module's docstring."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {}
    arguments: set[str] = set()
    spread: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        kind: Any = parameter.annotation
        if is_dataclass(kind):
            groups[name] = kind
            hints = get_type_hints(kind, include_extras=True)
            spread += [_parameter(each.name, hints[each.name], each) for each in fields(kind)]
            continue
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            arguments.add(name)
        spread.append(_parameter(name, kind, parameter.default))

    @wraps(command)
    def gathered(**values: Any) -> T:
        for name, value in values.items():
            source = f"the {name}" if name in arguments else f"--{name.replace('_', '-')}"
            if isinstance(value, float) and not math.isfinite(value):
                raise WrongUsage(f"{source} must be a finite number")
            if isinstance(value, str):
                values[name] = decode_argument(value, source)
            elif is_array(value):
                values[name] = [
                    decode_argument(item, source) if isinstance(item, str) else item
                    for item in value
                ]
        for name, group in groups.items():
            values[name] = group(**{each.name: values.pop(each.name) for each in fields(group)})
        return command(**values)

    # What typer reads.
    cast("Any", gathered).__signature__ = signature.replace(parameters=spread)
    return gathered
