"""Getting an answer onto standard output: as it comes, or whole, as text or as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import horay_async
from horay_async.cli.output import Spinner, colours, for_stdout, note, write_json

if TYPE_CHECKING:
    from horay_async import ChatChoice, CompletionChoice

__all__ = ["print_response", "write_stream"]

BETWEEN_CHOICES = "\n---\n"
"""What parts several choices."""


def print_response(
    operation: Any, params: dict[str, Any], *, as_json: bool, streamed: bool | None
) -> None:
    """Asks and prints. `operation` is `client.completions` or `client.chat.completions`; `streamed` None streams text onto a terminal, as long as there is one choice."""
    if streamed is None:
        streamed = sys.stdout.isatty() and not as_json and params.get("n", 1) == 1
    if streamed and as_json:
        with operation.create(stream=True, **params) as chunks:
            for chunk in chunks:
                write_json(chunk.to_dict())
    elif streamed:
        with operation.stream(**params) as events:
            write_stream(events, [])
    else:
        with Spinner("waiting for the answer"):
            whole = operation.create(**params)
        if as_json:
            write_json(whole.to_dict())
        else:
            print(for_stdout(BETWEEN_CHOICES.join(map(_text, whole.choices))))


def write_stream(events: Iterable[Any], said: list[str]) -> None:
    """Writes the first choice's text as it comes, and adds it to `said`; ends the line, come what may.

    On a terminal the reasoning before it is shown as well, dim.
    """
    out, on_terminal = _writer(), sys.stdout.isatty()
    reasoned = False
    try:
        for event in events:
            if event.type == "finished":
                if event.finish_reason == "length" and on_terminal:
                    out.end()
                    note("(at the limit of tokens; --max-tokens sets it)")
            elif event.type not in ("text", "refusal", "reasoning") or event.index != 0:
                continue
            elif event.type == "reasoning":
                if on_terminal:
                    out.write(event.text, dim=True)
                    reasoned = True
            else:
                if reasoned:
                    out.end()
                    reasoned = False
                said.append(event.text)  # first: Ctrl-C can come once it is seen
                out.write(event.text)
    finally:
        out.end()


class _Writer(Protocol):
    def write(self, text: str, *, dim: bool = False) -> None: ...
    def end(self) -> None: ...


class _Plain:
    """Writes to a pipe, or to a terminal that can't move its cursor: just what came, and a last line end."""

    def __init__(self) -> None:
        self._open = False

    def write(self, text: str, *, dim: bool = False) -> None:
        self._open = not text.endswith("\n")
        sys.stdout.write(for_stdout(text))
        sys.stdout.flush()

    def end(self) -> None:
        if self._open:
            self.write("\n")


def _writer() -> _Writer:
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return _Plain()
    from horay_async.cli.wrapping import Flow  # noqa: PLC0415 - loads rich, which pipes do without

    return Flow(sys.stdout, colours=colours(sys.stdout))


def _text(choice: CompletionChoice | ChatChoice) -> str:
    if isinstance(choice, horay_async.CompletionChoice):
        return choice.text
    return choice.message.content or choice.message.refusal or ""
