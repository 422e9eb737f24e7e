"""Getting a response onto standard output or into a file: as it comes, or whole, as text or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import typer

import horay_async
from horay_async._files import is_regular
from horay_async._protocol.wire.finish_reasons import (
    AT_THE_LIMIT,
    BROKEN_OFF,
    FILTERED,
    OF_THE_MODEL,
    cut_of,
)
from horay_async.cli.exit_codes import CommandError, ExitCode
from horay_async.cli.interrupts import signals_held
from horay_async.cli.options import Output
from horay_async.cli.output import (
    check_writable,
    for_stdout,
    new_file,
    note,
    spinner,
    write_file,
    write_response,
)
from horay_async.cli.terminal import is_dumb, styled

Choice: TypeAlias = "horay_async.CompletionChoice | horay_async.ChatChoice"

BETWEEN_CHOICES = "\n---\n"
"""What separates several choices."""

REMARKS = {
    AT_THE_LIMIT: "(at the limit of tokens; --max-tokens sets it)",
    OF_THE_MODEL: "(at the limit of tokens)",
    FILTERED: "(cut by the content filter)",
    BROKEN_OFF: "(broken off by the server)",
}
"""What to say of a response that was cut."""

ASKS_FOR_TOOLS = "(the model asks for tools; --json shows the calls)"

EMPTY = "(the response is empty)"
FIRST_CHOICE = "(the first choice; all are printed without --stream, or with --json)"

CALLS = frozenset({"tool_calls", "function_call"})
"""Ends of a response that needs no text."""

LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
"""Parameters with which a user accepts that the response is cut."""


class Ending(NamedTuple):
    """How a choice of a response ended."""

    finish_reason: str | None
    text: bool
    """Whether there was any."""

    @property
    def remark(self) -> str | None:
        """What to say of it; None where all is well."""
        if cut := cut_of(self.finish_reason):
            return REMARKS[cut]
        if self.finish_reason == "tool_calls":
            return ASKS_FOR_TOOLS
        return None if self.text or self.finish_reason in CALLS else EMPTY

    def is_whole(self, *, limited: bool) -> bool:
        """Whether it is what was asked for; `limited` is whether a limit of tokens was."""
        if self.finish_reason in CALLS or (limited and cut_of(self.finish_reason) is AT_THE_LIMIT):
            return True
        return self.remark is None


def print_response(
    operation: Any, params: dict[str, Any], output: Output, *, markdown: bool = False
) -> None:
    """Sends and prints. `operation` is `client.completions` or `client.chat.completions`; `markdown` lays
    the text out where it goes to a terminal. Text is streamed onto a terminal and into a file by default, as long as
    there is one choice.

    Raises `CommandError` for a response without a choice, and once it is written, `typer.Exit` for one that was cut or
    is empty. What else is raised may have a response that hasn't been written: that is paid for, and is written, too.
    """
    with _stdout_into(output.file), _partial_written(output) as said:
        sent, streamed = params | params.get("extra_body", {}), output.streamed
        several = sent.get("n") not in (None, 1)
        if streamed is None:
            # Into a file, too: what has come when it is stopped is written.
            seen = output.file is not None or sys.stdout.isatty()
            streamed = seen and not output.as_json and not several
        if streamed and output.as_json:
            with operation.stream(**params) as events:
                for chunk in events.chunks:
                    said.append("a chunk")
                    write_response(chunk)
                endings = _endings(events.final().choices)
        elif streamed:
            with operation.stream(**params) as events:
                endings = [write_stream(events, said, markdown=markdown)]
            if several:
                note(FIRST_CHOICE)
        else:
            with spinner("waiting for the response"):
                response = operation.create(**params)
            if output.as_json:
                write_response(response)
            endings = _endings(response.choices)
            if not output.as_json:
                _print_choices(response.choices, markdown=markdown)
        limited = bool(LIMITS & sent.keys())
        broken = [ending for ending in endings if not ending.is_whole(limited=limited)]
        # JSON says itself how a response ended.
        limit = next((sent[name] for name in sorted(LIMITS & sent.keys())), None)
        for remark in dict.fromkeys(
            ending.remark for ending in (broken if output.as_json else endings)
        ):
            if limit is not None and remark == REMARKS[AT_THE_LIMIT]:
                note(f"(at the limit of {limit} tokens)")
            elif remark is not None:
                note(remark)
        if broken:
            raise typer.Exit(ExitCode.BROKEN)


@contextmanager
def _partial_written(output: Output) -> Generator[list[str]]:
    """Writes the response that an error of the block has, unless the block has put what it wrote into the list."""
    said: list[str] = []
    try:
        yield said
    except horay_async.APIError as error:
        partial = error.partial
        if not said and isinstance(partial, horay_async.ChatCompletion | horay_async.Completion):
            if output.as_json and partial.choices:
                write_response(partial)
            elif any(map(_text_of, partial.choices)):
                _print_choices(partial.choices, markdown=False)
        elif not said and isinstance(partial, str):
            print(for_stdout(partial))
        raise


def write_stream(
    events: horay_async.EventStream[Any, Any], said: list[str], *, markdown: bool = False
) -> Ending:
    """Writes the first choice's text as it comes, and adds it to `said`; ends the line, come what may. Returns how it
    ended.

    On a terminal the reasoning before it is shown as well, dim. Raises `CommandError` where no choice comes.
    """
    plain, on_terminal = _Plain(), sys.stdout.isatty()
    out: Any = plain  # a MarkdownWriter has the same methods
    if markdown and _can_draw():
        from horay_async.cli.markdown import MarkdownWriter  # noqa: PLC0415 - loads rich

        out = MarkdownWriter(sys.stdout)
    reasons = False
    try:
        for event in events:
            if event.type not in ("text", "refusal", "reasoning") or event.index != 0:
                continue
            if event.type != "reasoning":
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
    return _endings(events.final().choices)[0]


@contextmanager
def _stdout_into(file: Path | None) -> Generator[None]:
    """Writes to `file` what goes to standard output within; None changes nothing.

    The file is written at the end, and only where nothing was raised. Else what had come, which is paid for, is
    written to a file of another name, whether there was one of the first name or not.
    """
    if file is None:
        yield
        return
    check_writable(file)
    text, whole, regular = io.StringIO(), False, is_regular(file)
    held = signals_held if regular else nullcontext  # a pipe may be read by nobody
    try:
        with redirect_stdout(text):
            yield
        with held(), _printed_if_lost(text):
            whole = True
            if text.getvalue().strip():
                write_file(file, text.getvalue())
            else:  # the model can ask for tools without a word, which replaces nothing
                with suppress(FileExistsError), new_file(file, numbered=False) as new:
                    write_file(new, text.getvalue())
    except BaseException:
        if not whole and text.getvalue().strip():
            with held(), _printed_if_lost(text):
                if regular:
                    with new_file(file.with_stem(f"{file.stem}-partial")) as target:
                        write_file(target, text.getvalue())
                else:
                    target = file
                    write_file(target, text.getvalue(), wait=False)  # what ends has no time
                note(f"what had come is in {target}")
        raise


@contextmanager
def _printed_if_lost(text: io.StringIO) -> Generator[None]:
    """Prints the text, which is paid for, where the block can't write it, or is interrupted."""
    try:
        yield
    except BaseException:
        print(for_stdout(text.getvalue()), end="")
        raise


def _endings(choices: Sequence[Choice]) -> list[Ending]:
    """How the choices of a response ended. Raises `CommandError` where there is none."""
    if not choices:
        raise CommandError("the response holds no choice", ExitCode.BROKEN)
    return [Ending(choice.finish_reason, bool(_text_of(choice))) for choice in choices]


def _print_choices(choices: Sequence[Choice], *, markdown: bool) -> None:
    text = BETWEEN_CHOICES.join(map(_text_of, choices))
    if markdown and _can_draw():
        from horay_async.cli.markdown import print_markdown  # noqa: PLC0415 - loads rich

        print_markdown(text, sys.stdout)
    else:
        print(for_stdout(text))


def _can_draw() -> bool:
    return sys.stdout.isatty() and not is_dumb()


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


def _text_of(choice: Choice) -> str:
    if isinstance(choice, horay_async.CompletionChoice):
        return choice.text
    return choice.message.content or choice.message.refusal or ""
