"""The life of one connection: requests in, responses out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from horay_async.testing._handler import RequestHandler
from horay_async.testing._parse import BadRequest, Head, read_body, read_head
from horay_async.testing._server_connection import ClientLeft, ServerConnection
from horay_async.testing.failures import error
from horay_async.testing.responses import ScriptedResponse, Then, raw
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Repeat, Reset, Send, Stall

_UNDER: dict[Then, ScriptedResponse] = {
    "close_under_next": raw(Fin(), read=0, name="closed under the request"),
    "reset_under_next": raw(Reset(), read=0, name="reset under the request"),
}


async def converse(wire: ServerConnection, handler: RequestHandler) -> None:
    """Responds to requests until either side ends the connection."""
    then: Then = "keep"
    try:
        while then != "close":
            head = await read_head(wire)
            then = await _exchange(wire, handler, head, _UNDER.get(then))
            if head.closes:
                then = "close"
    except ClientLeft:
        pass
    except BadRequest as problem:
        await _turn_down(wire, problem)
    finally:
        wire.close()


async def _exchange(
    wire: ServerConnection, handler: RequestHandler, head: Head, fixed: ScriptedResponse | None
) -> Then:
    """Reads and responds to one request; `fixed`, where given, instead of what the script has."""
    request = handler.request(head, time.monotonic())
    scripted = fixed or handler.script(request)
    most = scripted.read if isinstance(scripted, ScriptedResponse) else None
    body = bytearray()
    try:
        if head.expects_continue and most != 0:
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.complete = await read_body(wire, head, body, most)
    finally:
        request.body = bytes(body)
        handler.recording.received(request)
    response = request.response = handler.respond(scripted, request)
    await _play(wire, response, lambda: handler.recording.executed(request))
    if request.complete:
        return response.then
    # What wasn't read of a body can't be told from the next request; and closing with it unread would reset
    # the connection, maybe before the client has the response.
    await wire.fin()
    return "close"


async def _turn_down(wire: ServerConnection, problem: BadRequest) -> None:
    response = error(400, str(problem), headers={"Connection": "close"})
    with contextlib.suppress(ClientLeft):
        await _play(wire, response, lambda: None)


async def _play(
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
