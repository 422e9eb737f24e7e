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
from horay_async._protocol.wire import finish_reasons
from horay_async.cli.exit_codes import BrokenResponse, ExitCode
from horay_async.cli.interrupts import signals_held
from horay_async.cli.kept_output import check_stdout_open, kept_where_lost
from horay_async.cli.options import Output
from horay_async.cli.output import (
    check_writable,
    for_stdout,
    new_file,
    note,
    spinner,
    write_file,
    write_json,
)
from horay_async.cli.terminal import can_draw, styled

Choice: TypeAlias = "horay_async.CompletionChoice | horay_async.ChatChoice"

BETWEEN_CHOICES = "\n---\n"
"""What separates several choices."""

FIRST_CHOICE = "(the first choice; all are printed without --stream, or with --json)"

LIMITS = ("max_completion_tokens", "max_tokens")
"""Parameters with which a user accepts that the response is cut."""


class Ending(NamedTuple):
    """How a choice of a response ended."""

    remark: str | None
    """The remark about it; None where nothing is wrong."""
    whole: bool
    """Whether it is what was asked for."""


ENDINGS: dict[finish_reasons.CutReason | str | None, Ending] = {
    finish_reasons.AT_THE_LIMIT: Ending(
        "(at the limit of tokens; --max-tokens sets it)", whole=False
    ),
    finish_reasons.OF_THE_MODEL: Ending("(at the limit of tokens)", whole=False),
    finish_reasons.FILTERED: Ending("(cut by the content filter)", whole=False),
    finish_reasons.BROKEN_OFF: Ending("(broken off by the server)", whole=False),
    "tool_calls": Ending("(the model asks for tools; --json shows the calls)", whole=True),
    "function_call": Ending(None, whole=True),
}
"""By what ended it: how it was cut, or a finish reason that needs no text. What any other makes depends on the text."""

WITH_TEXT = Ending(None, whole=True)
WITHOUT_TEXT = Ending("(the response is empty)", whole=False)


def ending_of(choice: Choice, limits: Sequence[object] = ()) -> Ending:
    """How a choice ended; `limits` are those of tokens that were asked for."""
    reason = finish_reasons.cut_of(choice.finish_reason) or choice.finish_reason
    ending = ENDINGS.get(reason, WITH_TEXT if _text_of(choice) else WITHOUT_TEXT)
    if reason is finish_reasons.AT_THE_LIMIT and limits:
        told = ending.remark if limits[0] is None else f"(at the limit of {limits[0]} tokens)"
        return Ending(told, whole=True)
    return ending


def print_response(
    operation: Any, params: dict[str, Any], output: Output, *, markdown: bool = False
) -> None:
    """Sends and prints. `operation` is `client.completions` or `client.chat.completions`; `markdown` lays
    the text out where it goes to a terminal. Text is streamed onto a terminal and into a file by default, as long as
    there is one choice.

    Raises `BrokenResponse` for a response without a choice, and once it is written, `typer.Exit` for one that was cut or
    is empty. What else is raised may have a response that hasn't been written: that is paid for, and is written, too.
    """
    sent, streamed = params | params.get("extra_body", {}), output.streamed
    several = sent.get("n") not in (None, 1)
    if streamed is None:
        # Into a file, too: what has come when it is stopped is written.
        seen = output.file is not None or sys.stdout.isatty()
        streamed = seen and not output.as_json and not several
    if output.file is None:
        check_stdout_open()
    with kept_where_lost(), _stdout_into(output.file), _partial_written(output) as said:
        if streamed and output.as_json:
            with operation.stream(**params) as events:
                for chunk in events.chunks:
                    said.append("a chunk")
                    write_json(chunk)
                choices = events.final().choices
        elif streamed:
            with operation.stream(**params) as events:
                choices = [write_stream(events, said, markdown=markdown)]
            if several:
                note(FIRST_CHOICE)
        else:
            with spinner("waiting for the response"):
                response = operation.create(**params)
            choices = response.choices
            if output.as_json:
                write_json(response)
            elif choices:
                _print_choices(choices, markdown=markdown)
        limits = [sent[name] for name in LIMITS if name in sent]
        endings = [ending_of(choice, limits) for choice in _checked(choices)]
        # JSON says itself how a response ended.
        told = [ending for ending in endings if not (output.as_json and ending.whole)]
        for remark in dict.fromkeys(ending.remark for ending in told):
            if remark is not None:
                note(remark)
        if not all(ending.whole for ending in endings):
            raise typer.Exit(ExitCode.BROKEN)


@contextmanager
def _partial_written(output: Output) -> Generator[list[str]]:
    """Writes the response that an error of the block has, unless the block has put what it wrote into the list."""
    said: list[str] = []
    try:
        yield said
    except horay_async.APIError as error:
        if not said:
            write_partial(error, as_json=output.as_json)
        raise


def write_partial(error: horay_async.APIError, *, as_json: bool = False) -> str:
    """Writes the response that an error has, where it has one with a text. Returns the text."""
    partial = error.partial
    if isinstance(partial, horay_async.ChatCompletion | horay_async.Completion):
        texts = list(map(_text_of, partial.choices))
        if as_json and texts:
            write_json(partial)
        elif any(texts):
            _print_choices(partial.choices, markdown=False)
            return texts[0]
    elif isinstance(partial, str):
        print(for_stdout(partial))
        return partial
    return ""


def write_stream(
    events: horay_async.EventStream[Any, Any], said: list[str], *, markdown: bool = False
) -> Choice:
    """Writes the first choice's text as it comes, and adds it to `said`; ends the line, also after an error. Returns
    the choice.

    On a terminal the reasoning before it is shown as well, dim. Raises `BrokenResponse` where no choice comes.
    """
    plain, on_terminal = _Plain(), sys.stdout.isatty()
    out: Any = plain  # a MarkdownWriter has the same methods
    if markdown and can_draw(sys.stdout):
        from horay_async.cli.markdown import MarkdownWriter  # noqa: PLC0415 - loads rich

        out = MarkdownWriter(sys.stdout)
    reasons = False
    try:
        for event in events:
            if event.type not in ("text", "refusal", "reasoning") or event.index != 0:
                continue
            reasoning = event.type == "reasoning"
            if reasoning and not on_terminal:
                continue
            if reasoning != reasons:
                plain.end()
                out.end()
                reasons = reasoning
            if reasoning:
                plain.write(event.text, dim=True)
            else:
                said.append(event.text)  # first: Ctrl-C can come once it is seen
                out.write(event.text)
    finally:
        plain.end()
        out.end()
    return _checked(events.final().choices)[0]


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
            else:  # the model can ask for tools without a text, which replaces no file
                with suppress(FileExistsError), new_file(file, numbered=False) as new:
                    write_file(new, text.getvalue())
    except BaseException:
        if not whole and text.getvalue().strip():
            with held(), _printed_if_lost(text):
                beside = file.with_stem(f"{file.stem}-partial")
                with new_file(beside) if regular else nullcontext(file) as target:
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


def _checked(choices: Sequence[Choice]) -> Sequence[Choice]:
    """The choices of a response. Raises `BrokenResponse` where there is none."""
    if not choices:
        raise BrokenResponse("the response has no choice")
    return choices


def _print_choices(choices: Sequence[Choice], *, markdown: bool) -> None:
    text = BETWEEN_CHOICES.join(map(_text_of, choices))
    if markdown and can_draw(sys.stdout):
        from horay_async.cli.markdown import print_markdown  # noqa: PLC0415 - loads rich

        print_markdown(text, sys.stdout)
    else:
        print(for_stdout(text))


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
