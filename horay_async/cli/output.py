"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from typing import Any, Final, Self, TextIO

from horay_async.cli.exit_codes import CommandError, ExitCode

__all__ = ["Spinner", "colours", "for_stdout", "note", "printable", "read_input", "styled"]
__all__ += ["read_text", "wrapped", "write_json"]

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that can move the cursor, change colours or retitle the window: all controls but tab and
line feed."""


STYLES: Final = {"dim": 2, "red": 31, "green": 32, "yellow": 33}
"""Names of "Select Graphic Rendition" parameters (ECMA-48, 8.3.117)."""


def printable(text: str) -> str:
    """`text` without what a terminal would obey: a model's words are no orders."""
    return _CONTROL.sub("", text)


def for_stdout(text: str) -> str:
    """`text` as standard output should get it: as it is, unless that is a terminal."""
    return printable(text) if sys.stdout.isatty() else text


def write_json(value: Any) -> None:
    """Prints JSON: indented on a terminal, else on one line."""
    indent = 2 if sys.stdout.isatty() else None
    print(for_stdout(json.dumps(value, ensure_ascii=False, indent=indent)), flush=True)


def note(text: str, *, indent: int = 0) -> None:
    """A remark on standard error, dim and wrapped where that is a terminal; `indent` is that of the
    lines after the first.
    """
    text = wrapped(printable(text), sys.stderr, indent=indent)
    print(styled(text, "dim", sys.stderr), file=sys.stderr, flush=True)


def wrapped(text: str, out: TextIO, *, indent: int = 0) -> str:
    """`text` in lines that fit, where `out` is a terminal; words, such as paths, stay whole."""
    if not out.isatty():
        return text
    return textwrap.fill(
        text,
        shutil.get_terminal_size().columns - 1,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,  # --options stay whole
    )


def colours(out: TextIO) -> bool:
    """Whether escape sequences for colours and the like are welcome there (https://no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, out: TextIO) -> str:
    """`text` in a style of `STYLES`, where that is welcome."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if colours(out) else text


class Spinner:
    """Says on a terminal what takes a while, and takes it back when it is over."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        if self._shown:
            sys.stderr.write(styled(f"{self._what} …", "dim", sys.stderr))
            sys.stderr.flush()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def read_text(text: str | None) -> str:
    """What an argument means: `-`, and nothing in a pipe, stand for standard input.

    Raises `CommandError` where there is no text.
    """
    if text is None and sys.stdin.isatty():
        raise CommandError(
            "there is no text: give it as an argument, or - and pipe it in", ExitCode.USAGE
        )
    found = read_input() if text in (None, "-") else text
    if not found.strip():
        raise CommandError("the text is empty", ExitCode.USAGE)
    return found


def read_input() -> str:
    """Standard input without its last line end, which `echo` adds and nobody means."""
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise CommandError("standard input isn't UTF-8 text", ExitCode.USAGE) from error
    return text.removesuffix("\n").removesuffix("\r")
