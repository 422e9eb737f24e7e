"""What the exit status tells, and which error makes which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import horay_async

__all__ = ["TABLE", "Failure", "Status", "status_of"]


class Status(IntEnum):
    """The exit statuses of `horay`, as `TABLE` explains them."""

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


TABLE: Final[dict[Status, str]] = {
    Status.DONE: "all is done",
    Status.FAILED: "the server turned the request down, or a file or the local model can't be used",
    Status.USAGE: "the command line or a setting is wrong; nothing was sent",
    Status.PARTLY: "batch: some requests failed; doctor: something is wrong",
    Status.REFUSED: "the key is wrong, may not do this, or its balance is exhausted",
    Status.UNREACHED: "the server couldn't be reached, or not in time",
    Status.BUSY: "the server is at a limit or has a fault of its own: try again later",
    Status.BROKEN: "the answer was cut, or isn't what the protocol says",
    Status.INTERRUPTED: "stopped by Ctrl-C",
    Status.PIPE: "the reader of the output has gone",
}
"""Status to meaning."""


class Failure(Exception):
    """What the command itself has to complain of: a sentence, and the exit status that goes with it."""

    def __init__(self, sentence: str, status: Status = Status.FAILED) -> None:
        super().__init__(sentence)
        self.status = status


def status_of(error: Exception) -> Status | None:
    """The exit status that an error makes; None for one that nobody foresaw."""
    if isinstance(error, Failure):
        return error.status
    for kinds, status in (
        (horay_async.ConfigurationError, Status.USAGE),
        (horay_async.AuthenticationError, Status.REFUSED),
        (horay_async.PermissionDeniedError, Status.REFUSED),
        (horay_async.InsufficientBalanceError, Status.REFUSED),
        (horay_async.RateLimitError, Status.BUSY),
        (horay_async.InternalServerError, Status.BUSY),
        (horay_async.APIConnectionError, Status.UNREACHED),
        (horay_async.APIResponseError, Status.BROKEN),
        (horay_async.StreamError, Status.BROKEN),
        (horay_async.StreamTruncatedError, Status.BROKEN),
        (horay_async.HorayError, Status.FAILED),
        (OSError, Status.FAILED),
    ):
        if isinstance(error, kinds):
            return status
    return None
