"""How a failure becomes a sentence on standard error and an exit status."""

from __future__ import annotations

import errno
import re
import sys
from dataclasses import fields
from typing import Final

import horay_async
from horay_async.cli.exit_codes import ExitCode, exit_code_of
from horay_async.cli.options import ServerOptions
from horay_async.cli.output import write_stderr
from horay_async.cli.terminal import printable, wrapped

OPTIONS: Final = {
    field.name: f"--{field.name.replace('_', '-')}" for field in fields(ServerOptions)
} | {"max_retries": "--retries"}
"""The client's names of its settings, and the command line's."""

_NAME: Final = re.compile(
    r"(?<![\w/?&'])([a-z]+(?:_[a-z]+)+|[a-z]+(?= must\b))\b(=True\b|=\.\.\.)?"
)
"""What may be the name of a setting: one with an underscore, or what a complaint begins with."""

_NO_MODEL: Final = re.compile("404 from POST .*model", re.IGNORECASE | re.DOTALL)
"""The error for a model that isn't found."""


def report_error(error: Exception) -> ExitCode:
    """Prints what went wrong, in a sentence, and returns the exit status."""
    if is_broken_pipe(error):
        return ExitCode.PIPE  # whoever reads has seen enough
    status = exit_code_of(error)
    if status is None:
        print_error(f"unexpected {type(error).__qualname__}, please report it: {error}")
        return ExitCode.FAILED
    sentence = str(error)
    if isinstance(error, OSError) and error.strerror:
        sentence = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, horay_async.HorayError):
        sentence = in_options(sentence, quoted=str(getattr(error, "body", "")))
    if isinstance(error, horay_async.APIError) and "an HTML page" in sentence:
        sentence += "; `horay doctor` finds out whether the API is there"
    if isinstance(error, horay_async.InsufficientBalanceError):
        sentence += "; `horay user` shows the balance"
    print_error("; ".join([sentence, *getattr(error, "__notes__", ())]))
    return status


def in_options(text: str, *, quoted: str = "") -> str:
    """A text of the client's with the options of the command line for its settings, and where a model isn't found, what
    lists the models; `quoted` is what isn't its own, but the server's, and stays.
    """

    def option(found: re.Match[str]) -> str:
        return found[0] if found[1] in quoted else OPTIONS.get(found[1], found[0])

    from horay_async._keys import Secret  # noqa: PLC0415 - loads attrs, which the help does without

    hint = "; `horay models` lists those there are" if _NO_MODEL.match(text) else ""
    return _NAME.sub(option, text.replace(Secret.source, "the key given by --api-key")) + hint


def is_broken_pipe(error: Exception) -> bool:
    """Whether nobody reads any more what is written. Windows calls that an invalid argument, of no file."""
    if isinstance(error, OSError) and error.errno == errno.EINVAL and sys.platform == "win32":
        return error.filename is None
    return isinstance(error, BrokenPipeError)


def print_error(sentence: str, *more: str) -> None:
    """Writes an error on standard error: on one line, unless a terminal is narrower than that. What is `more` follows on lines
    of its own.
    """
    for each in (f"horay: {sentence}", *more):
        write_stderr(f"{wrapped(' '.join(printable(each).split()), sys.stderr)}\n")
