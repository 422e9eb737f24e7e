"""Playing the steps of a response."""

from __future__ import annotations

from collections.abc import Callable

from horay_async.testing._server_connection import ClientLeft, ServerConnection
from horay_async.testing.responses import ScriptedResponse
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Repeat, Reset, Send, Stall


async def play(
    wire: ServerConnection, response: ScriptedResponse, executed: Callable[[], None]
) -> None:
    """Plays `response`; calls `executed` where the request counts as executed, maybe several times.

    Raises `ClientLeft` when the connection ends by it.
    """
    for step in response.steps:
        match step:
            case Send(data):
                # Before the write: a client that has the response can count on the count.
                if response.executed and wire.here:
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
