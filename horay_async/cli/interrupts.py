"""What Ctrl-C, SIGTERM and SIGHUP do in the `horay` command: their `KeyboardInterrupt` ends in `report_stopped`, but in a conversation.

The call that was under way is cancelled before: by `horay_async._bridge`, in `BlockingCall.cancel_on_interrupt`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import typer

from horay_async.cli.errors import print_error
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.terminal import handled_by, is_default


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: what runs ends as by Ctrl-C, and then the process."""


@contextmanager
def ended_as_interrupted() -> Generator[None]:
    """Has SIGTERM and SIGHUP (a terminal that is closed) end the block as Ctrl-C does, so that what has come is written, and then the
    process as they commonly do.
    """
    before: dict[int, Any] = {}
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        for each in before:  # a terminal that is closed sends several
            # Not `SIG_IGN`, which CPython complains of where such a signal has come already.
            signal.signal(each, lambda _number, _frame: None)
        raise Ended

    try:
        with handled_by(end, ("SIGTERM", "SIGHUP"), is_default, before):
            yield
    finally:
        if came:
            os.kill(os.getpid(), came[0])


@contextmanager
def signals_held() -> Generator[None]:
    """Has Ctrl-C, SIGTERM and SIGHUP wait for the end of the block: of a file that is written, and what is in it was paid for."""
    came: list[int] = []

    try:
        names = ("SIGINT", "SIGTERM", "SIGHUP")
        with handled_by(lambda number, _: came.append(number), names, callable, {}):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


@contextmanager
def ended_after(stop: Callable[[], bool]) -> Generator[None]:
    """Has the first Ctrl-C, SIGTERM or SIGHUP call `stop`, by which the block ends soon, and do then what it does otherwise; at once where
    `stop` returns False: there is nothing to wait for. A second one does it at once, too, and the block is left early.
    """
    came: list[int] = []
    before: dict[int, Any] = {}

    def handle(number: int, frame: object) -> None:
        if came and number == came[0] == getattr(signal, "SIGHUP", None):
            return  # a shell sends it once more when its terminal is closed
        is_first = not came
        came.append(number)
        if not (is_first and stop()):
            before[number](number, frame)

    with handled_by(handle, ("SIGINT", "SIGTERM", "SIGHUP"), callable, before):
        yield
        if came:
            before[came[0]](came[0], None)


def report_stopped(sentence: str = "stopped") -> typer.Exit:
    """Reports it as an error, and returns what ends the command with `ExitCode.INTERRUPTED`."""
    print_error(sentence)
    return typer.Exit(ExitCode.INTERRUPTED)
