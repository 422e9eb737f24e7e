"""The exit statuses, and which error makes which."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

import horay_async


class ExitCode(IntEnum):
    """The exit statuses of `horay`, each with its meaning."""

    def __new__(cls, number: int, meaning: str) -> Self:
        status = int.__new__(cls, number)
        status._value_ = number
        status.meaning = meaning
        return status

    meaning: str
    """Its meaning, as the help has it."""

    DONE = 0, "all is done"
    FAILED = 1, "the server turned the request down, or a file or the local model can't be used"
    USAGE = 2, "the command line or a setting is wrong; nothing was sent"
    PARTLY = (
        3,
        "batch: some requests failed, or the last line is unfinished; doctor: something is wrong",
    )
    REFUSED = 4, "the key is wrong, may not do this, or its balance is exhausted"
    UNREACHED = 5, "the server couldn't be reached, or not in time"
    BUSY = 6, "the server is at a limit or has a fault of its own: try again later"
    BROKEN = (
        7,
        "the response was cut (not where -n asked for that), is empty, or doesn't follow the protocol",
    )
    INTERRUPTED = 130, "stopped by Ctrl-C"
    """128 and the number of SIGINT, as shells count."""
    PIPE = 141, "the reader of the output has gone"
    """128 and the number of SIGPIPE, as shells count."""


class CommandError(Exception):
    """An error of the command itself: a sentence, and the exit status that goes with it."""

    status = ExitCode.FAILED


class WrongUsage(CommandError):
    """The command line is wrong, or names something that can't be used."""

    status = ExitCode.USAGE


class BrokenResponse(CommandError):
    """The response lacks what was asked for."""

    status = ExitCode.BROKEN


def exit_code_of(error: Exception) -> ExitCode | None:
    """The exit status of an error; None for an unexpected one."""
    if isinstance(error, CommandError):
        return error.status
    for kinds, status in (
        (horay_async.ConfigurationError, ExitCode.USAGE),
        (horay_async.AuthenticationError | horay_async.PermissionDeniedError, ExitCode.REFUSED),
        (horay_async.InsufficientBalanceError, ExitCode.REFUSED),
        (horay_async.RateLimitError | horay_async.InternalServerError, ExitCode.BUSY),
        (horay_async.APIConnectionError, ExitCode.UNREACHED),
        (horay_async.APIResponseError, ExitCode.BROKEN),
        (horay_async.StreamError | horay_async.StreamTruncatedError, ExitCode.BROKEN),
        (horay_async.HorayError | OSError, ExitCode.FAILED),
    ):
        if isinstance(error, kinds):
            return status
    from horay_async.local import LocalServerError  # noqa: PLC0415 - seldom what it was

    return ExitCode.FAILED if isinstance(error, LocalServerError) else None
