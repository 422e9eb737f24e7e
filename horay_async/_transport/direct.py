"""Sending a small request straight over a pooled connection of aiohttp's.

For each request, `ClientSession.request` does what these never need: it follows redirects, keeps cookies, calls
hooks, reads the environment, and before Python 3.12 has a task of its own write the body. That takes longer than
all the rest of a call. The connection, its parser, the writer and the response are aiohttp's here as well; only
the session's way to them is left out.

How they are put together isn't documented by aiohttp, so this is for the versions that it was tested with. With
any other, every request goes through the session.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import hdrs
from aiohttp.helpers import TimerNoop
from aiohttp.http import StreamWriter
from multidict import CIMultiDict

from horay_async._transport.faults import Unanswered, told

if TYPE_CHECKING:
    import ssl

    from yarl import URL

    from horay_async._transport.response import Exchange

__all__ = ["Direct"]

TESTED = "3.14."
"""How the versions of aiohttp begin that this was tested with."""

MAX_BODY_BYTES = 2**15
"""Of a request that is sent this way: half of what an idle connection takes before it asks for a pause, so that
it is written at once. A larger one has to be written beside the reading of the answer, which can come early."""

NOT_HERE = (hdrs.TRANSFER_ENCODING, hdrs.EXPECT, hdrs.CONNECTION, hdrs.UPGRADE)
"""Headers that change how a request is sent."""

_NO_TIMER = TimerNoop()
_REQUEST = aiohttp.ClientSession._request  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - only compared


class _Target:
    """What requests to one URL have in common."""

    def __init__(
        self, url: URL, session: aiohttp.ClientSession, tls: ssl.SSLContext | bool
    ) -> None:
        loop = asyncio.get_running_loop()
        self.like = aiohttp.ClientRequest(hdrs.METH_POST, url, loop=loop, session=session, ssl=tls)
        """A request that is never sent, by which the connector knows where to connect to."""
        self.line = f"{hdrs.METH_POST} {url.raw_path_qs} HTTP/1.1"
        self.headers = CIMultiDict(
            {name: self.like.headers[name] for name in (hdrs.HOST, hdrs.ACCEPT_ENCODING)}
        )
        self.info = self.like.request_info


class Direct:
    """Sends small POST requests over the connections of a session that this package has made."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._as_tested = aiohttp.__version__.startswith(TESTED) and not session.trace_configs
        self._targets: dict[tuple[URL, ssl.SSLContext | bool], _Target] = {}

    def takes(self, method: str, headers: CIMultiDict[str], body: bytes) -> bool:
        """Whether a request is to be sent this way. It isn't where others look on at the session's: tracing
        adds trace configurations to sessions as they are made, and mocks replace the method.
        """
        return (
            method == hdrs.METH_POST
            and len(body) <= MAX_BODY_BYTES
            and self._as_tested
            and aiohttp.ClientSession._request is _REQUEST  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - only compared
            and not any(name in headers for name in NOT_HERE)
        )

    async def post(
        self,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes,
        *,
        tls: ssl.SSLContext | bool,
        timer: aiohttp.ClientTimeout,
        under_way: Exchange,
    ) -> aiohttp.ClientResponse:
        """Sends a request and waits for the answer's head. Raises what `ClientSession.request` does."""
        session = self._session
        connector = session.connector
        if session.closed or connector is None:
            raise RuntimeError("Session is closed")
        target = self._targets.get((url, tls))
        if target is None:
            target = _Target(url, session, tls)
            if len(self._targets) < 64:
                self._targets[url, tls] = target
        try:
            connection = await connector.connect(target.like, traces=[], timeout=timer)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}") from error
        try:
            protocol = connection.protocol
            assert protocol is not None
            protocol.set_response_params(timer=_NO_TIMER, read_until_eof=True)
            writer = StreamWriter(protocol, self._loop)
            response = aiohttp.ClientResponse(
                hdrs.METH_POST,
                url,
                writer=None,
                continue100=None,
                timer=_NO_TIMER,
                request_info=target.info,
                traces=[],
                loop=self._loop,
                session=session,
                stream_writer=writer,
            )
            sent = target.headers.copy()
            sent.update(headers)
            sent[hdrs.CONTENT_LENGTH] = str(len(body))
            await writer.write_headers(target.line, sent)
            await writer.write_eof(body)  # both at once, or an error and nothing
            under_way.transport = connection.transport
            under_way.dispatched(self._loop.time())
            try:
                return await response.start(connection)
            except BaseException:
                response.close()
                raise
        except BaseException as error:
            connection.close()
            if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError):
                raise Unanswered(told(error)) from error
            raise
