"""`horay doctor --live`: each operation once, at the least cost, and a report of what came back.

The report holds no text that a model wrote, nothing of the account and no secret: shapes, names, times.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import horay_async
from horay_async._protocol.wire.clean import Cleaner, with_texts
from horay_async.cli.exit_codes import WrongUsage
from horay_async.cli.image import DEFAULT_MODEL as IMAGE_MODEL
from horay_async.cli.output import note, spinner, write_stderr

IMAGE_SIZE: Final = "768x512"
"""The smallest of the sizes that the API's reference lists."""

MAX_TOKENS: Final = 1

DEADLINE: Final = 120.0
"""Seconds for each operation, where none is set: an image takes its time."""

HARMLESS: Final = re.compile(
    r"(age|cache-control|connection|content-(encoding|length|type)|date|keep-alive|retry-after(-ms)?|server"
    r"|transfer-encoding|vary|via|(x-)?ratelimit-[a-z-]+|[a-z-]*processing-ms)",
    re.IGNORECASE,
)
"""Headers whose values are shown. Of any other the report has the name alone: it may hold a session, an
account or a key."""

PLAIN_CODE: Final = re.compile(r"[A-Za-z_]{1,40}|\d{1,6}", re.ASCII)
"""Codes of errors that are shown: what looks otherwise may be the id of an account."""


def _operations(client: horay_async.Horay, model: str) -> dict[str, Callable[[], Any]]:
    """What calls each operation, by its method and path."""
    return {
        "GET /user/info": client.user.info,
        "GET /models": client.models.list,
        "POST /chat/completions": lambda: client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi"}], max_tokens=MAX_TOKENS
        ),
        "POST /completions": lambda: client.completions.create(
            model=model, prompt="Hi", max_tokens=MAX_TOKENS
        ),
        "POST /image/generations": lambda: client.images.generate(
            model=IMAGE_MODEL, prompt="a dot", image_size=IMAGE_SIZE
        ),
    }


def confirm(model: str, base_url: str, *, agreed: bool) -> None:
    """Says what will be sent and what it costs, and asks whether to go on, unless that is `agreed`.

    Raises `WrongUsage` where the user doesn't want it, or nobody can be asked.
    """
    note(
        f"This sends 5 requests to {base_url}, each once: user info and models, which are free; "
        f"one chat completion and one completion of {model}, with a prompt of one word and at most "
        f"{MAX_TOKENS} token each; and one image of {IMAGE_SIZE} of {IMAGE_MODEL}. "
        f"It costs at most {2 * MAX_TOKENS} generated tokens, their prompts, and one image."
    )
    if agreed:
        return
    if not sys.stdin.isatty():
        raise WrongUsage(
            "--live costs money, and there is no terminal to ask on: --yes goes on without asking"
        )
    write_stderr("Go on? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise WrongUsage("nothing was sent")


def run_live(client: horay_async.Horay, model: str) -> dict[str, Any]:
    """Sends the requests and returns the report, the API key masked wherever the server echoed it."""
    operations: list[dict[str, Any]] = []
    for name, call in _operations(client, model).items():
        client.drift.clear()
        with spinner(name):
            operations.append({"operation": name, **_record(call)})
        operations[-1]["drift"] = client.drift.to_dict()
    report: dict[str, Any] = {
        "versions": {"horay-async": horay_async.__version__, "python": sys.version.split()[0]},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "base_url": client.options.base_url,
        "operations": operations,
    }
    masked: dict[str, Any] = with_texts(report, Cleaner(str(client.options.api_key)).mask)
    return masked


def _record(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        meta = call().meta
    except horay_async.HorayError as error:
        attempts = error.attempts if isinstance(error, horay_async.APIError) else ()
        status = attempts[-1].status if attempts else None
        return {
            "status": status,
            "error": _without_quotes(error, status),
            "seconds": {},
            "headers": {},
        }
    return {
        "status": meta.status,
        "error": None,
        "seconds": {
            name: round(seconds, 4)
            for name in ("queue", "connect", "first_byte", "total")
            if (seconds := getattr(meta, name)) is not None
        },
        "headers": {
            name: value if HARMLESS.fullmatch(name) else None
            for name, value in meta.headers.items()
        },
    }


def _without_quotes(error: horay_async.HorayError, status: int | None) -> str:
    """What an operation failed with: nothing that the server wrote, which may be about the account, but its status and code."""
    kind = type(error).__name__
    if not isinstance(error, horay_async.APIError):
        return f"{kind}: {error}"
    if isinstance(error, horay_async.APIConnectionError):
        return f"{kind}: {error.message}"
    code = str(getattr(error, "code", None) or "")
    told = [f"status {status}"] if status is not None else []
    told += [f"code {code}"] if PLAIN_CODE.fullmatch(code) else []
    return f"{kind}: {', '.join(told)}" if told else kind


def describe_report(report: dict[str, Any]) -> str:
    """The report as text."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines = [f"{report['base_url']} on {report['time']}, {versions}"]
    for operation in report["operations"]:
        times = ", ".join(
            f"{name.replace('_', ' ')} {seconds * 1000:.0f} ms"
            for name, seconds in operation["seconds"].items()
        )
        lines += ["", operation["operation"]]
        if operation["error"]:
            lines.append(f"  failed: {' '.join(operation['error'].split())}")
        else:
            lines.append(f"  {operation['status']}, {times}")
        for path, kinds in operation["drift"].items():
            found = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
            lines.append(f"  not as described: {path}: {found}")
        lines += [
            f"  header {name}" + ("" if value is None else f": {value}")
            for name, value in operation["headers"].items()
        ]
    return "\n".join(lines)
