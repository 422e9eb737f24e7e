"""Playing the steps of an answer."""

from __future__ import annotations

from collections.abc import Callable

from horay_async.testing._server_connection import ClientLeft, ServerConnection
from horay_async.testing.answers import Answer
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Repeat, Reset, Send, Stall

__all__ = ["play"]


async def play(wire: ServerConnection, answer: Answer, executed: Callable[[], None]) -> None:
    """Plays `answer`; calls `executed` where the request counts as executed, maybe several times.

    Raises `ClientLeft` when the connection ends by it.
    """
    for step in answer.steps:
        match step:
            case Send(data):
                # Before the write: a client that has the answer can count on the count.
                if answer.executed and wire.here:
                    executed()
                await wire.send(data)
            case Repeat(data, gap):
                while True:
                    await wire.send(data)
                    await wire.rest(gap)
            case Pause(seconds):
                await wire.rest(seconds)
            case Gate():
                await wire.meanwhile(step.passed())
            case Stall():
                await wire.until_left()
                raise ClientLeft
            case Fin():
                await wire.fin()
                raise ClientLeft
            case Reset():
                wire.reset()
                raise ClientLeft
            case MarkExecuted():
                executed()
