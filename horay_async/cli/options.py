"""The options that several commands share, each declared once, and how a command takes them.

A command takes a group by a parameter of its class: `expand_groups` spreads its fields out into options. Plain
dataclasses, since attrs would take longer to load than the rest of the command line.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast, get_args

import typer

from horay_async._json import is_array, is_object
from horay_async.cli.exit_codes import CommandError, ExitCode
from horay_async.cli.inputs import decode_argument, parse_path
from horay_async.cli.model_names import complete_models

T = TypeVar("T")

DEFAULT_MODEL: Final = "meta-llama/Meta-Llama-3.1-8B-Instruct"
"""The default that the API's reference documents for completions."""

LOCAL_MODEL: Final = "local"
"""What the local model is called in requests; it responds to any name, and says its own."""


@dataclass(kw_only=True)
class ServerOptions:
    """Which server is asked, and how patiently."""

    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Ask the local model, which needs no key, instead of the API.",
        ),
    ] = False
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", envvar="HORAY_BASE_URL", help="Where the API is.")
    ] = None
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="HORAY_API_KEY",
            help="The key; the variable keeps it out of the list of processes.",
        ),
    ] = None
    proxy: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Proxy to go through; else HTTPS_PROXY and its like count."
        ),
    ] = None
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Deadline of each call as a whole.")
    ] = None
    retries: Annotated[
        int | None, typer.Option(metavar="N", help="Most attempts after the first; 2 by default.")
    ] = None
    allow_insecure_http: Annotated[
        bool,
        typer.Option(
            "--allow-insecure-http", help="Send the key over plain HTTP to another machine."
        ),
    ] = False

    def model_or_default(self, model: str | None) -> str:
        """The model to ask for, where none may have been named."""
        return model or (LOCAL_MODEL if self.local else DEFAULT_MODEL)


def _json_object(text: str | None) -> str | None:
    """`text`, if it is a JSON object; raises `typer.BadParameter` otherwise."""
    if text is not None:
        try:
            value = json.loads(text)
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # as it will be sent
        except (ValueError, RecursionError):
            value = None
        if not is_object(value):
            raise typer.BadParameter("it must be a JSON object, such as '{\"min_p\": 0.1}'")
    return text


@dataclass(kw_only=True)
class Sampling:
    """How tokens are chosen: the fields are named as the API's parameters, and unset ones not sent."""

    max_tokens: Annotated[
        int | None, typer.Option("-n", "--max-tokens", help="Most tokens to generate.")
    ] = None
    temperature: Annotated[
        float | None, typer.Option("-t", "--temperature", help="Randomness; 0 is the least.")
    ] = None
    top_p: Annotated[float | None, typer.Option(help="Nucleus threshold.")] = None
    top_k: Annotated[int | None, typer.Option(help="Candidates for each token.")] = None
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1 repeats less.")] = None
    presence_penalty: Annotated[
        float | None, typer.Option(help="-2 to 2; above 0 favours new tokens.")
    ] = None
    frequency_penalty: Annotated[
        float | None, typer.Option(help="-2 to 2; above 0 disfavours frequent tokens.")
    ] = None
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Ends the output; may be repeated.")
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Makes responses repeatable, as far as the server can.")
    ] = None
    extra: Annotated[
        str | None,
        typer.Option(metavar="JSON", callback=_json_object, help="Further fields of the request."),
    ] = None

    def params(self) -> dict[str, Any]:
        """The keyword arguments of the client's methods."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if extra := given.pop("extra", None):
            given["extra_body"] = json.loads(extra)
        return given


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
    return typer.Option("-o", "--output", metavar="FILE", parser=parse_path, help=help)


@dataclass(kw_only=True)
class Output:
    """Where a response goes, and in which form."""

    file: Annotated[
        Path | None, file_option("Write the response to this file; - is standard output.")
    ] = None
    streamed: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            show_default=False,
            help="Show the text as it comes, or with --json its chunks, one a line. The default "
            "on a terminal and with -o, without --json.",
        ),
    ] = None
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.file == Path("-"):
            self.file = None


Text = Annotated[
    str | None,
    typer.Argument(
        show_default=False, help="The text; - is standard input. A pipe joins the text."
    ),
]
"""What is asked."""


def literal_option(literal: Callable[[], Any], help: str) -> Any:
    """An option for a word of one of the client's `Literal`s, which is loaded when it is needed."""

    def choices() -> list[str]:
        return list(get_args(literal()))

    def check(word: str | None) -> str | None:
        if word is not None and word not in choices():
            raise typer.BadParameter(f"it must be one of {', '.join(choices())}")
        return word

    return typer.Option(metavar="WORD", help=help, callback=check, autocompletion=choices)


def expand_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Lets a command take groups of options: see the module's docstring."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type[Any]] = {}
    arguments: set[str] = set()
    spread: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        options = [parameter]
        if is_dataclass(parameter.annotation):
            groups[name] = cast("type[Any]", parameter.annotation)
            options = [*inspect.signature(groups[name], eval_str=True).parameters.values()]
        elif parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            arguments.add(name)
        spread += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in options]

    @wraps(command)
    def gathered(**values: Any) -> T:
        for name, value in values.items():
            source = f"the {name}" if name in arguments else f"--{name.replace('_', '-')}"
            if isinstance(value, float) and not math.isfinite(value):
                raise CommandError(f"{source} must be a finite number", ExitCode.USAGE)
            if isinstance(value, str):
                values[name] = decode_argument(value, source)
            elif is_array(value):
                values[name] = [
                    decode_argument(item, source) if isinstance(item, str) else item
                    for item in value
                ]
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        return command(**values)

    # What typer reads.
    cast("Any", gathered).__signature__ = signature.replace(parameters=spread)
    return gathered
