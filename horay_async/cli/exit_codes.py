"""What the exit status tells, and which error makes which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import horay_async


class ExitCode(IntEnum):
    """The exit statuses of `horay`, as `MEANINGS` explains them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    REFUSED = 4
    UNREACHED = 5
    BUSY = 6
    BROKEN = 7
    INTERRUPTED = 130
    """128 and the number of SIGINT, as shells count."""
    PIPE = 141
    """128 and the number of SIGPIPE, as shells count."""


MEANINGS: Final[dict[ExitCode, str]] = {
    ExitCode.DONE: "all is done",
    ExitCode.FAILED: "the server turned the request down, or a file or the local model can't be used",
    ExitCode.USAGE: "the command line or a setting is wrong; nothing was sent",
    ExitCode.PARTLY: "batch: some requests failed, or the last line is unfinished; doctor: something is wrong",
    ExitCode.REFUSED: "the key is wrong, may not do this, or its balance is exhausted",
    ExitCode.UNREACHED: "the server couldn't be reached, or not in time",
    ExitCode.BUSY: "the server is at a limit or has a fault of its own: try again later",
    ExitCode.BROKEN: "the response was cut (not where -n asked for that), is empty, or isn't what the protocol says",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    ExitCode.PIPE: "the reader of the output has gone",
}
"""ExitCode to meaning."""


class CommandError(Exception):
    """What the command itself has to complain of: a sentence, and the exit status that goes with it."""

    def __init__(self, sentence: str, status: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.status = status


def exit_code_of(error: Exception) -> ExitCode | None:
    """The exit status that an error makes; None for one that nobody foresaw."""
    if isinstance(error, CommandError):
        return error.status
    for kinds, status in (
        (horay_async.ConfigurationError, ExitCode.USAGE),
        (horay_async.AuthenticationError, ExitCode.REFUSED),
        (horay_async.PermissionDeniedError, ExitCode.REFUSED),
        (horay_async.InsufficientBalanceError, ExitCode.REFUSED),
        (horay_async.RateLimitError, ExitCode.BUSY),
        (horay_async.InternalServerError, ExitCode.BUSY),
        (horay_async.APIConnectionError, ExitCode.UNREACHED),
        (horay_async.APIResponseError, ExitCode.BROKEN),
        (horay_async.StreamError, ExitCode.BROKEN),
        (horay_async.StreamTruncatedError, ExitCode.BROKEN),
        (horay_async.HorayError, ExitCode.FAILED),
        (OSError, ExitCode.FAILED),
    ):
        if isinstance(error, kinds):
            return status
    return None
