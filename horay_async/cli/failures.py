"""How a failure becomes a sentence on standard error and an exit status."""

from __future__ import annotations

import contextlib
import sys
from typing import Final

import horay_async
from horay_async.cli.output import printable, wrapped
from horay_async.cli.statuses import Status, status_of

__all__ = ["complain", "explained"]

IN_OPTIONS: Final = {
    "pass allow_insecure_http=True": "pass --allow-insecure-http",
    "pass api_key=...": "pass --api-key",
    "base_url": "--base-url",
    "proxy must": "--proxy must",
}
"""The client's names of its settings, and the command line's."""


def explained(error: Exception) -> Status:
    """Says what went wrong, in a sentence, and gives the exit status."""
    if isinstance(error, BrokenPipeError):
        return Status.PIPE  # whoever reads has seen enough
    status = status_of(error)
    if status is None:
        complain(f"unexpected {type(error).__qualname__}, please report it: {error}")
        return Status.FAILED
    sentence = str(error)
    if isinstance(error, OSError) and error.strerror:
        sentence = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, horay_async.ConfigurationError):
        for theirs, ours in IN_OPTIONS.items():
            sentence = sentence.replace(theirs, ours)
    complain(sentence)
    return status


def complain(sentence: str) -> None:
    """Writes an error on standard error: on one line, unless a terminal is narrower than that."""
    with contextlib.suppress(BrokenPipeError):  # then nobody is there to read it
        line = f"horay: {' '.join(printable(sentence).split())}"
        print(wrapped(line, sys.stderr), file=sys.stderr, flush=True)
