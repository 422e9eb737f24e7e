"""How a failure becomes a sentence on standard error and an exit status."""

from __future__ import annotations

import errno
import sys
from typing import Final

import horay_async
from horay_async.cli.exit_codes import ExitCode, exit_code_of
from horay_async.cli.output import write_stderr
from horay_async.cli.terminal import printable, wrapped

IN_OPTIONS: Final = {
    "pass allow_insecure_http=True": "pass --allow-insecure-http",
    "pass api_key=...": "pass --api-key",
    "base_url": "--base-url",
    "proxy must": "--proxy must",
}
"""The client's names of its settings, and the command line's."""


def report_error(error: Exception) -> ExitCode:
    """Says what went wrong, in a sentence, and gives the exit status."""
    if is_broken_pipe(error):
        return ExitCode.PIPE  # whoever reads has seen enough
    status = exit_code_of(error)
    if status is None:
        print_error(f"unexpected {type(error).__qualname__}, please report it: {error}")
        return ExitCode.FAILED
    sentence = str(error)
    if isinstance(error, OSError) and error.strerror:
        sentence = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, horay_async.ConfigurationError | horay_async.APIConnectionError):
        for theirs, ours in IN_OPTIONS.items():
            sentence = sentence.replace(theirs, ours)
    print_error("; ".join([sentence, *getattr(error, "__notes__", ())]))
    return status


def is_broken_pipe(error: Exception) -> bool:
    """Whether nobody reads any more what is written. Windows calls that an invalid argument, of no file."""
    if isinstance(error, OSError) and error.errno == errno.EINVAL and sys.platform == "win32":
        return error.filename is None
    return isinstance(error, BrokenPipeError)


def print_error(sentence: str) -> None:
    """Writes an error on standard error: on one line, unless a terminal is narrower than that."""
    line = f"horay: {' '.join(printable(sentence).split())}"
    write_stderr(f"{wrapped(line, sys.stderr)}\n")
