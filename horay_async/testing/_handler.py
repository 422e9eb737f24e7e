"""Taking requests in: their records, and the responses that the script has for them."""

from __future__ import annotations

import attrs

from horay_async.testing._parse import Head
from horay_async.testing.failures import error
from horay_async.testing.recorder import Recording
from horay_async.testing.records import Connection, Request
from horay_async.testing.responses import ScriptedResponse
from horay_async.testing.script import Script, Scripted, made

BASE_PATH = "/v1"
"""The path of the API on the server, as on the real one."""


@attrs.define(eq=False)
class RequestHandler:
    """Where the requests of one connection arrive. `key` is what they must carry, unless None."""

    recording: Recording
    _script: Script
    _connection: Connection
    _origin: str = attrs.field(kw_only=True, alias="origin")
    _key: str | None = attrs.field(kw_only=True, alias="key")
    _problems: list[BaseException] = attrs.field(kw_only=True, alias="problems")

    def request(self, head: Head, at: float) -> Request:
        """The record of a request whose head has come."""
        path = _path(head.target)
        if path.startswith(f"{BASE_PATH}/"):
            path = path.removeprefix(BASE_PATH)
        return Request(
            connection=self._connection.number,
            at=at,
            method=head.method,
            target=head.target,
            path=path,
            origin=self._origin,
            headers=head.headers,
        )

    def script(self, request: Request) -> Scripted:
        """What it is to be answered with."""
        below_base = request.path != _path(request.target)
        if self._key is not None and below_base:
            given = request.headers.get("Authorization")
            if given != f"Bearer {self._key}":
                return error(401, "the API key is missing or wrong", type="authentication_error")
        return self._script.next(request.method, request.path)

    def respond(self, scripted: Scripted, request: Request) -> ScriptedResponse:
        """The response itself; one of 500, and the problem on record, where a handler raises."""
        try:
            return made(scripted, request)
        except BaseException as problem:  # noqa: BLE001 - raised in the test, whose handler it is
            self._problems.append(problem)
            return error(500, f"the test's handler raised {problem!r}", name="handler failed")


def _path(target: str) -> str:
    """The path in a request's target."""
    if not target.startswith("/"):
        # A client that takes this for a proxy names the whole URL (RFC 9112, section 3.2.2).
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]
