"""Everything of aiohttp's that isn't documented, each with a public way around it.

`ENABLED` turns all of it on or off at once. It is on for the versions of aiohttp that this was tested with, and
off for any other; off, calls, streams and timeouts work by documented means alone. What that costs stands
beside each function here and in the README; the transport's tests run both ways.
"""

# Private names are this module's purpose:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import aiohttp
from aiohttp import streams  # `aiohttp.streams` is missing where a first import was interrupted
from multidict import CIMultiDict, CIMultiDictProxy

from horay_async._first_use import MadeOnce
from horay_async._protocol.wire.size_limits import MAX_HEADER_BYTES, MAX_HEADERS
from horay_async._transport.eviction import keep
from horay_async._transport.headers import CommonHeaders, RequestHeaders
from horay_async._transport.loops import call_soon

if TYPE_CHECKING:
    import ssl

    from yarl import URL


SUPPORTED_AIOHTTP = "3.14."
"""How the versions of aiohttp begin that this was tested with."""

ENABLED: bool = aiohttp.__version__.startswith(SUPPORTED_AIOHTTP)
"""The switch."""

HEAD_LIMITS: Final[Mapping[str, Any]] = {
    "max_line_size": MAX_HEADER_BYTES,
    "max_field_size": MAX_HEADER_BYTES,
    "max_headers": MAX_HEADERS,
}
"""How much of a response's head is taken in, by the names that aiohttp has for it."""

PARSING: Final[Mapping[str, Any]] = {
    "read_until_eof": True,
    "auto_decompress": False,
    **HEAD_LIMITS,
}
"""How all responses are parsed."""

_EMPTY = getattr(streams, "EMPTY_PAYLOAD", None)


def available(content: aiohttp.StreamReader) -> bytes | Awaitable[bytes | None]:
    """All that has come of a body, empty at its end; where nothing has, what to wait for. Raises what ended the body.

    What is waited for returns the bytes the public way; otherwise None, and then this is to be asked again.

    Each event of a stream comes in an HTTP chunk of its own, and aiohttp keeps them apart. The public way takes
    them out one by one, which costs a microsecond for each; joining them first doesn't.
    """
    # The reader of a response without a body has nothing of what is looked at here.
    if not ENABLED or content is _EMPTY:
        return content.readany()
    buffer = content._buffer
    if not buffer and not content._eof and content._exception is None:
        return content._wait("readany")
    # Everything is taken each time, so no part of the first piece was taken before.
    if len(buffer) > 1 and not content._buffer_offset:
        whole = b"".join(buffer)
        buffer.clear()
        buffer.append(whole)
    return content.read_nowait()


def take_unread_body(content: aiohttp.StreamReader) -> bytes:
    """What had come before the bytes that aiohttp couldn't understand: its reader hides it behind the error.

    The public way is to lose what came in the same read of the socket as those bytes.
    """
    if not ENABLED or content is _EMPTY:
        return b""
    return content._read_nowait(-1)


def complaint_of(error: BaseException | None) -> str | None:
    """What aiohttp's parser has against a response, where it is such an error; the first line alone, since the
    others show the server's bytes.

    The public way is to say of bytes in the middle of a body that the connection broke off.
    """
    if not ENABLED:
        return None
    from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415 - see ENABLED

    if not isinstance(error, HttpProcessingError):
        return None
    return first_line(error.message)


def first_line(message: str) -> str:
    """What aiohttp complains of, without the server's bytes that it shows: they can hold a secret."""
    return SHOWN_BYTES.split(message.strip().partition("\n")[0])[0].rstrip(".: ")


SHOWN_BYTES = re.compile(r""":\s*(?:bytearray\()?b["']""")
"""How the bytes that aiohttp shows begin."""


def is_cut_off(error: BaseException | None) -> bool:
    """Whether aiohttp's parser says of a body that it ended too early, and not that it is malformed."""
    if not ENABLED:
        return True
    from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError  # noqa: PLC0415 - see ENABLED

    return isinstance(error, ContentLengthError | TransferEncodingError)


def is_of_another_loop(session: aiohttp.ClientSession) -> bool:
    """Whether a session can't be used on the running loop.

    The public way warns; without either, a request on a wrong loop is sent, and its response can't be received.
    """
    here = asyncio.get_running_loop()
    return ENABLED and getattr(session, "_loop", here) is not here


def failure_of(protocol: object) -> BaseException | None:
    """What aiohttp's protocol failed with; the public way doesn't know."""
    return cast(Any, protocol).exception() if ENABLED else None


def has_unrequested_bytes(protocol: object) -> bool:
    """Whether aiohttp's protocol has received more than it handed out: bytes in one piece with the end of a response,
    which frees the connection while they are still being parsed. aiohttp looks at that only before.

    The public way is to hand over the last byte of each piece of data alone, so that a response which ends before it is
    noticed: that costs one more call of the parser for each.
    """
    return ENABLED and bool(getattr(protocol, "should_close", False))


def awaits_head(protocol: object) -> bool:
    """Whether aiohttp's protocol has no response to hand out, right after it has received bytes for one.

    The public way is not to know.
    """
    return ENABLED and not cast(Any, protocol)._buffer


async def response_before_error(
    data: bytes | bytearray | None, *, head_only: bool = False
) -> DirectResponse | None:
    """The response that `data` begins with, where aiohttp's parser has found bytes in it that are no HTTP: it raises for all
    that it was given at once, and the response isn't handed out. None where there is none.

    What has come of the body can be read, and after it the error is raised, unless it was whole. `head_only` says that the
    response to such a request has no body.

    The public way is to lose the response.
    """
    if not data or not ENABLED:
        return None
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - see ENABLED

    class Parsed(ResponseHandler):
        """Tells the body's reader of the error, which may be found only when the reader has made room for more."""

        body: aiohttp.StreamReader | None = None

        def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
            super().set_exception(exc)
            exc.__cause__ = exc_cause
            if self.body is not None and not self.body.is_eof():
                self.body.set_exception(exc)

    parsed = Parsed(asyncio.get_running_loop())
    parsed.set_response_params(skip_payload=head_only, **PARSING)
    start = 0
    while (end := data.find(b"\n", start) + 1) and parsed.exception() is None:
        parsed.data_received(bytes(data[start:end]))
        start = end
        if not len(parsed):
            continue
        message, content = await parsed.read()
        if message.code >= 200 or message.code == 101:
            parsed.body = content
            parsed.data_received(bytes(data[start:]))
            return DirectResponse(None, parsed, message, content)
    return None


# Sending a small request straight over a pooled connection.
#
# For each request, `ClientSession.request` does what these never need: it follows redirects, keeps cookies, calls
# hooks, reads the environment, and before Python 3.12 has a task of its own write the body. That takes longer
# than all the rest of a call. The connection and its parser are aiohttp's here as well; the session's way to them is left out,
# and with it the writer and the response, which can do more than is asked of them. The public way is the session's.

MAX_DIRECT_BYTES = 2**15
"""Of a request that is sent this way: half of what an idle connection takes before it asks for a pause, so that
it is written at once. A larger one has to be written beside the reading of the response, which can come early."""


def _is_own(method: object) -> bool:
    """Whether a method is aiohttp's own, and not one that a recorder or mock has put in its place: maybe before this
    module was loaded.
    """
    return getattr(method, "__globals__", None) is vars(aiohttp.client)


class DirectResponse:
    """As much of `aiohttp.ClientResponse` as is looked at here; that one takes four times as long to make."""

    __slots__ = ("_protocol", "connection", "content", "headers", "reason", "status")

    def __init__(self, connection: Any, protocol: Any, message: Any, content: Any) -> None:
        self.connection: Any = connection
        """aiohttp's; None once it is in the pool again, or closed."""
        self.content: aiohttp.StreamReader = content
        self.status: int = message.code
        self.reason: str | None = message.reason
        self.headers: CIMultiDictProxy[str] = message.headers
        self._protocol = protocol
        content.on_eof(self._at_eof)

    def close(self) -> None:
        """Closes the connection, if it isn't in the pool again."""
        connection = self.connection
        if connection is not None:
            self.connection = None
            connection.close()

    def _at_eof(self) -> None:
        connection = self.connection
        if connection is not None and not self._protocol.upgraded:
            self.connection = None
            connection.release()

    # Modules lose their names before the interpreter has ended.
    def __del__(self, call_soon: Callable[..., None] = call_soon) -> None:
        if (connection := getattr(self, "connection", None)) is not None:
            # Which closes it where more is to come; later, since a collector can come in any thread, and amid anything.
            call_soon(self._protocol._loop, connection.release)


HTTPResponse: TypeAlias = aiohttp.ClientResponse | DirectResponse
"""A response whose head has come, from either way of sending."""


class _ConnectionKeyRequest(aiohttp.ClientRequest):
    """A request that is never sent, by which the connector knows where to connect to."""

    @MadeOnce
    def connection_key(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - read alone
        """Made once, since it takes as long as looking for the connection."""
        return super().connection_key


class _Target:
    """What requests to one URL have in common."""

    def __init__(
        self, url: URL, session: aiohttp.ClientSession, tls: ssl.SSLContext | bool
    ) -> None:
        from aiohttp import http_writer  # noqa: PLC0415 - see ENABLED
        from aiohttp.helpers import TimerNoop  # noqa: PLC0415 - see ENABLED

        loop = asyncio.get_running_loop()
        self.key_request = _ConnectionKeyRequest("POST", url, loop=loop, session=session, ssl=tls)
        self.address = str(url)
        self.line = f"POST {url.raw_path_qs} HTTP/1.1"
        self.headers = CIMultiDict(
            {name: self.key_request.headers[name] for name in ("Host", "Accept-Encoding")}
        )
        writer: Any = http_writer
        self.serialize: Callable[[str, Mapping[str, str]], bytes] = writer._serialize_headers
        """Line and headers as bytes; raises `ValueError` for a line break in one."""
        self.no_timer = TimerNoop()

    def beginning(self, common: CommonHeaders) -> bytes:
        """Request line and common headers as bytes, up to the last one's line end."""
        if (known := common.as_bytes.get(self.address)) is not None:
            return known
        headers = self.headers.copy()
        headers.update(common.headers)
        headers.popall("Content-Length", None)
        made = self.serialize(self.line, headers).removesuffix(b"\r\n\r\n")
        return keep(common.as_bytes, self.address, made)


class DirectSender:
    """Sends small POST requests over the connections of a session that this package has made."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._targets: dict[tuple[URL, ssl.SSLContext | bool], _Target] = {}

    def can_send(self, method: str, body: bytes) -> bool:
        """Whether a request is to be sent this way. It isn't where others look on at the session's: tracing
        adds trace configurations to sessions as they are made, and mocks replace the method.
        """
        return (
            ENABLED
            and method == "POST"
            and len(body) <= MAX_DIRECT_BYTES
            and not self._session.trace_configs
            and _is_own(getattr(aiohttp.ClientSession, "_request", None))
        )

    async def send(
        self,
        url: URL,
        headers: RequestHeaders,
        body: bytes,
        *,
        tls: ssl.SSLContext | bool,
        timer: aiohttp.ClientTimeout,
        on_dispatch: Callable[[Any], None],
    ) -> DirectResponse:
        """Sends a request and waits for the response's head. `on_dispatch` gets the protocol that our connector has put
        behind the transport, once the request is being written. Raises what `ClientSession.request` does.
        """
        connector = self._session.connector
        if connector is None:
            raise RuntimeError("Session is closed")
        target = self._targets.get((url, tls))
        if target is None:
            target = keep(self._targets, (url, tls), _Target(url, self._session, tls))
        common, own = headers
        own = {**own, "Content-Length": str(len(body))}
        try:
            connection = await connector.connect(target.key_request, traces=[], timeout=timer)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}") from error
        known: Any = None
        try:
            protocol = connection.protocol
            assert protocol is not None
            protocol.set_response_params(timer=target.no_timer, **PARSING)
            transport = connection.transport
            if transport is None or transport.is_closing():
                raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
            # At once: it is smaller than what asks for a pause. Never in a variable: those that show a
            # traceback's variables would show the key. The empty line in front ends the last common header.
            transport.write(target.beginning(common) + target.serialize("", own) + body)
            known = transport.get_protocol()
            on_dispatch(known)
            message, content = await protocol.read()
            while 100 <= message.code < 200 and message.code != 101:  # more is to come
                message, content = await protocol.read()
        except BaseException as error:
            connection.close()
            if complaint_of(error) is None:
                raise
            if (response := await response_before_error(known and known.unparsed)) is not None:
                return response
            # As `ClientSession.request` raises it; what it says is read from its cause.
            raise aiohttp.ClientResponseError(
                target.key_request.request_info, (), message=cast("Any", error).message
            ) from error
        return DirectResponse(connection, protocol, message, content)
