"""What a command writes: results on standard output, everything else on standard error."""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

from horay_async._files import is_regular, replacing, resolved
from horay_async.cli.exit_codes import CommandError
from horay_async.cli.terminal import can_draw, printable, styled, wrapped


def for_stdout(text: str) -> str:
    """`text` as standard output should get it: as it is, unless that is a terminal."""
    return printable(text) if sys.stdout.isatty() else text


NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
REPLACE: Final = "horay-replace"


def replace_missing(stream: Any) -> Callable[[], bool]:
    """Makes `stream` write "?" for a character that its encoding lacks, instead of failing. Returns a function that
    returns whether there was one.
    """
    replaced = False

    def replace(error: UnicodeError) -> tuple[str | bytes, int]:
        nonlocal replaced
        replaced = True
        return codecs.replace_errors(error)

    codecs.register_error(REPLACE, replace)
    stream.reconfigure(errors=REPLACE)
    return lambda: replaced


def write_json(value: Any) -> None:
    """Prints a plain value as JSON, or a response as the server sent it: indented on a terminal, else on one line."""
    indent = 2 if sys.stdout.isatty() else None
    if hasattr(value, "to_json"):
        text = value.to_json(indent=indent)
    else:
        text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # JSON can spell any character in ASCII
        text = NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    print(for_stdout(text), flush=True)


def check_writable(file: Path) -> None:
    """Raises `CommandError` if `file` can't be written: rather now than when the response is paid for."""
    folder = file.parent
    if file.is_dir():
        raise CommandError(f"{file} is a folder")
    if not os.access(folder, os.X_OK) or not os.access(file if file.exists() else folder, os.W_OK):
        raise CommandError(
            f"nothing can be saved in {folder}: no such folder, or no right to write there"
        )


@contextlib.contextmanager
def new_file(file: Path, *, numbered: bool = True) -> Generator[Path]:
    """A new file, for the block to replace: `file`, or where that name is taken, one with a number behind it.

    It is made empty first, so that commands which look at the same time don't take the same name, and removed where the block raises.
    Raises `OSError`: `FileExistsError` where the name is taken, and is to have no number.
    """
    path = file
    for number in itertools.count(2):
        try:
            path.touch(exist_ok=False)
            break
        except FileExistsError:
            if not numbered:
                raise
            path = file.with_stem(f"{file.stem}-{number}")
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_file(file: Path, text: str, *, wait: bool = True) -> None:
    """Puts a file with the text in the place of `file`; what isn't a file of the usual kind is written to. Without `wait`
    a pipe that nobody reads, or that has no room, raises `OSError`.
    """
    data = text.encode("utf-8", "replace")
    at_once = 0 if wait else getattr(os, "O_NONBLOCK", 0)  # Windows has none
    if is_regular(file):
        with replacing(resolved(file), overwrite=True) as new:
            new.write(data)
    else:
        with open(file, "wb", opener=lambda name, flags: os.open(name, flags | at_once)) as out:
            out.write(data)


def write_stderr(text: str) -> None:
    """Writes on standard error. Where that is closed or full, the text is lost, and work goes on."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def note(text: str, *, indent: int = 0) -> None:
    """A remark on standard error, dim and wrapped where that is a terminal; `indent` is that of the
    lines after the first.
    """
    text = wrapped(printable(text), sys.stderr, indent=indent)
    write_stderr(f"{styled(text, 'dim', sys.stderr)}\n")


class _NoteHandler(logging.Handler):
    """Shows what is logged as a note."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


@contextlib.contextmanager
def warnings_noted() -> Generator[None]:
    """Shows the warnings of the package's log until the block ends, unless `HORAY_LOG` has it shown anyway."""
    log = logging.getLogger("horay_async")
    if any(not isinstance(handler, logging.NullHandler) for handler in log.handlers):
        yield
        return
    handler = _NoteHandler(logging.WARNING)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


@contextlib.contextmanager
def spinner(what: str) -> Generator[None]:
    """Shows on a terminal what is being waited for, and erases it at the end."""
    if can_draw(sys.stderr):
        write_stderr(styled(f"{what} …", "dim", sys.stderr))
    try:
        yield
    finally:
        clear_line()


def clear_line() -> None:
    """Erases what `spinner` shows."""
    if can_draw(sys.stderr):
        write_stderr("\r\x1b[K")
