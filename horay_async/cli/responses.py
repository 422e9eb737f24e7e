"""Getting a response onto standard output or into a file: as it comes, or whole, as text or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import horay_async
from horay_async.cli.exit_codes import CommandError, ExitCode
from horay_async.cli.options import Output
from horay_async.cli.output import Spinner, check_writable, for_stdout, note, write_json
from horay_async.cli.terminal import is_dumb, styled

if TYPE_CHECKING:
    from horay_async import ChatChoice, CompletionChoice

__all__ = ["print_response", "write_stream"]

BETWEEN_CHOICES = "\n---\n"
"""What separates several choices."""

REMARKS = {
    "length": "(at the limit of tokens; --max-tokens sets it)",
    "tool_calls": "(the model asks for tools; --json shows the calls)",
}
"""What to say of an end that isn't "stop"."""


def print_response(
    operation: Any, params: dict[str, Any], output: Output, *, markdown: bool = False
) -> None:
    """Sends and prints. `operation` is `client.completions` or `client.chat.completions`; `markdown` lays
    the text out where it goes to a terminal. Text is streamed onto a terminal by default, as long as there
    is one choice.

    Raises `CommandError` for a response without a choice.
    """
    with _stdout_into(output.file):
        streamed = output.streamed
        if streamed is None:
            streamed = sys.stdout.isatty() and not output.as_json and params.get("n", 1) == 1
        if streamed and output.as_json:
            choices: Sequence[object] = ()
            with operation.create(stream=True, **params) as chunks:
                for chunk in chunks:
                    write_json(chunk.to_dict())
                    choices = choices or chunk.choices
            _check_choices(choices)
        elif streamed:
            with operation.stream(**params) as events:
                write_stream(events, [], markdown=markdown)
        else:
            with Spinner("waiting for the response"):
                response = operation.create(**params)
            if output.as_json:
                write_json(response.to_dict())
            _check_choices(response.choices)
            if not output.as_json:
                _print_choices(response.choices, markdown=markdown)


def write_stream(events: Iterable[Any], said: list[str], *, markdown: bool = False) -> None:
    """Writes the first choice's text as it comes, and adds it to `said`; ends the line, come what may.

    On a terminal the reasoning before it is shown as well, dim. Raises `CommandError` where no choice comes.
    """
    plain, on_terminal = _Plain(), sys.stdout.isatty()
    out = _markdown_writer() if markdown and _can_draw() else plain
    reasons, finished = False, list[str]()
    try:
        for event in events:
            if event.type == "finished":
                finished.append(event.finish_reason)
            elif event.type not in ("text", "refusal", "reasoning") or event.index != 0:
                continue
            elif event.type != "reasoning":
                if reasons:
                    plain.end()
                    reasons = False
                said.append(event.text)  # first: Ctrl-C can come once it is seen
                out.write(event.text)
            elif on_terminal:
                if not reasons:
                    out.end()
                    reasons = True
                plain.write(event.text, dim=True)
    finally:
        plain.end()
        out.end()
    _check_choices(finished)
    _remark(finished[0])


@contextmanager
def _stdout_into(file: Path | None) -> Generator[None]:
    """Writes to `file` what goes to standard output within; None changes nothing.

    The file is written at the end: a failed request leaves it as it was, an interrupted one leaves what
    had come.
    """
    if file is None:
        yield
        return
    check_writable(file)
    text = io.StringIO()
    try:
        with redirect_stdout(text):
            yield
    finally:
        if text.getvalue():
            try:
                file.write_text(text.getvalue(), encoding="utf-8", errors="replace")
            except OSError:
                print(text.getvalue(), end="")  # it is paid for
                raise


def _check_choices(choices: Sequence[object]) -> None:
    if not choices:
        raise CommandError("the response holds no choice", ExitCode.BROKEN)


def _print_choices(choices: Sequence[CompletionChoice | ChatChoice], *, markdown: bool) -> None:
    text = BETWEEN_CHOICES.join(map(_text, choices))
    if markdown and _can_draw():
        from horay_async.cli.markdown import print_markdown  # noqa: PLC0415 - loads rich

        print_markdown(text, sys.stdout)
    else:
        print(for_stdout(text))
    for reason in dict.fromkeys(choice.finish_reason for choice in choices):
        _remark(reason)


def _remark(finish_reason: str | None) -> None:
    if finish_reason in REMARKS and (sys.stdout.isatty() or finish_reason != "length"):
        note(REMARKS[finish_reason])


def _can_draw() -> bool:
    return sys.stdout.isatty() and not is_dumb()


class _TextWriter(Protocol):
    def write(self, text: str) -> None: ...
    def end(self) -> None: ...


class _Plain:
    """Writes just what comes, and a last line end."""

    def __init__(self) -> None:
        self._open = False

    def write(self, text: str, *, dim: bool = False) -> None:
        self._open = not text.endswith("\n")
        sys.stdout.write(styled(for_stdout(text), "dim", sys.stdout) if dim else for_stdout(text))
        sys.stdout.flush()

    def end(self) -> None:
        if self._open:
            self.write("\n")


def _markdown_writer() -> _TextWriter:
    from horay_async.cli.markdown import MarkdownWriter  # noqa: PLC0415 - loads rich

    return MarkdownWriter(sys.stdout)


def _text(choice: CompletionChoice | ChatChoice) -> str:
    if isinstance(choice, horay_async.CompletionChoice):
        return choice.text
    return choice.message.content or choice.message.refusal or ""
