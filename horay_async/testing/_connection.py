"""The life of one connection: requests in, their records, and the responses that the script has for them."""

from __future__ import annotations

import contextlib
import time

import attrs

from horay_async.testing._parse import BadRequest, Head, read_body, read_head
from horay_async.testing._server_connection import ConnectionGone, ServerConnection
from horay_async.testing.failures import error
from horay_async.testing.recorder import Recording
from horay_async.testing.records import Connection, Request
from horay_async.testing.responses import ScriptedResponse, Then, raw
from horay_async.testing.script import Script, Scripted, made
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Repeat, Reset, Send, Stall

BASE_PATH = "/v1"
"""The path of the API on the server, as on the real one."""

_OF_THE_API = frozenset({"chat", "completions", "embeddings", "image", "models", "user"})
"""What the paths of operations begin with. Elsewhere there is nothing at them; pictures can be anywhere."""

_UNDER: dict[Then, ScriptedResponse] = {
    "close_under_next": raw(Fin(), read=0, name="closed under the request"),
    "reset_under_next": raw(Reset(), read=0, name="reset under the request"),
}


@attrs.frozen(kw_only=True, eq=False)
class RequestHandler:
    """The requests and responses of one connection."""

    wire: ServerConnection
    record: Connection
    recording: Recording
    script: Script
    origin: str
    key: str | None
    """What requests must carry, unless None."""
    problems: list[BaseException]
    """What handlers have raised."""

    async def run(self) -> None:
        """Responds to requests until either side ends the connection."""
        then: Then = "keep"
        try:
            while then != "close":
                head = await read_head(self.wire)
                then = await self._exchange(head, _UNDER.get(then))
                if head.closes:
                    then = "close"
        except ConnectionGone:
            pass
        except BadRequest as problem:
            response = error(400, str(problem), headers={"Connection": "close"})
            with contextlib.suppress(ConnectionGone):
                await self.wire.send(response.data)
        finally:
            self.wire.close()

    async def _exchange(self, head: Head, fixed: ScriptedResponse | None) -> Then:
        """Reads and responds to one request; `fixed`, where given, instead of what the script has."""
        request = self.request(head)
        scripted = fixed or self._scripted(request)
        most = scripted.read if isinstance(scripted, ScriptedResponse) else None
        body = bytearray()
        try:
            if head.expects_continue and most != 0:
                await self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.complete = await read_body(self.wire, head, body, most)
        finally:
            request.body = bytes(body)
            self.recording.received(request)
        response = request.response = self._response(scripted, request)
        await self._play(response, request)
        if request.complete:
            return response.then
        # What wasn't read of a body can't be told from the next request; and closing with it unread would reset
        # the connection, maybe before the client has the response.
        await self.wire.fin()
        return "close"

    def request(self, head: Head) -> Request:
        """The record of a request whose head has come."""
        path = _path(head.target)
        if path.startswith(f"{BASE_PATH}/"):
            path = path.removeprefix(BASE_PATH)
        return Request(
            connection=self.record.number,
            at=time.monotonic(),
            method=head.method,
            target=head.target,
            path=path,
            origin=self.origin,
            headers=head.headers,
        )

    def _scripted(self, request: Request) -> Scripted:
        """What it is to be answered with."""
        below_base = request.path != _path(request.target)
        given = request.headers.get("Authorization")
        if not below_base and request.path.split("/")[1] in _OF_THE_API:
            return error(404, f"there is no {request.path} here", code="not_found")
        if self.key is not None and below_base and given != f"Bearer {self.key}":
            return error(401, "the API key is missing or wrong", type="authentication_error")
        return self.script.next(request.method, request.path)

    def _response(self, scripted: Scripted, request: Request) -> ScriptedResponse:
        """The response itself; one of 500, and the problem on record, where a handler raises."""
        try:
            return made(scripted, request)
        except BaseException as problem:  # noqa: BLE001 - raised in the test, whose handler it is
            self.problems.append(problem)
            return error(500, f"the test's handler raised {problem!r}", name="handler failed")

    async def _play(self, response: ScriptedResponse, request: Request) -> None:
        """Plays `response`, and notes where the request counts as executed. Raises `ConnectionGone` when the connection ends by it."""
        wire, executed = self.wire, self.recording.executed
        for step in response.steps:
            match step:
                case Send(data):
                    # Before the write: a client that has the response can count on the count.
                    if response.executed and wire.connected:
                        executed(request)
                    await wire.send(data)
                case Repeat(data, gap):
                    while True:
                        await wire.send(data)
                        await wire.sleep(gap)
                case Pause(seconds):
                    await wire.sleep(seconds)
                case Gate():
                    await wire.wait_for(step.passed())
                case Stall():
                    await wire.until_left()
                    raise ConnectionGone
                case Fin():
                    await wire.fin()
                    raise ConnectionGone
                case Reset():
                    wire.reset()
                    raise ConnectionGone
                case MarkExecuted():
                    executed(request)


def _path(target: str) -> str:
    """The path in a request's target."""
    if not target.startswith("/"):
        # A client that takes this for a proxy names the whole URL (RFC 9112, section 3.2.2).
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]
