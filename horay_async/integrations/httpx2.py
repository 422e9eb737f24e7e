"""A client as a transport of httpx2, for the SDKs that are built on it. The extra is `httpx2`.

    import httpx2
    from horay_async import AsyncHoray
    from horay_async.integrations.httpx2 import AsyncHorayTransport

    horay = AsyncHoray()
    http_client = httpx2.AsyncClient(transport=AsyncHorayTransport(horay))

Each request is a call of `horay`: with its connections, key, default headers, five timeouts, retries, limits, hooks
and telemetry. Failures are raised as httpx2's errors, with this package's own as their cause. Streams of events are
decoded and encoded again, so that one that is cut raises `httpx2.RemoteProtocolError`. Closing the httpx2 client
leaves `horay` open.
"""

# The transports are at home among the clients' private names:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar, cast

import attrs

from horay_async import errors
from horay_async._bridge.blocking_iterator import BlockingReader, Prefetcher
from horay_async._bridge.thread import LoopHandle
from horay_async._extras import missing_extra
from horay_async._protocol.wire.check_parameters import check_parameters
from horay_async._protocol.wire.request import forwarded
from horay_async._timeouts import Timeouts
from horay_async.client import AsyncHoray
from horay_async.errors import HorayError
from horay_async.models.options import GenerationOptions
from horay_async.resources._base import new_idempotency_key
from horay_async.resources._forward import Forwarded, ForwardedBody, ForwardedStream, forward
from horay_async.streaming import all_of, closed_unread
from horay_async.sync import Horay

if _missing := missing_extra(__name__, "httpx2", "httpx2"):
    raise ImportError(_missing)

import httpx2

__all__ = ["AsyncHorayTransport", "HorayTransport"]

T = TypeVar("T")
Body = ForwardedBody | ForwardedStream
Stream = httpx2.AsyncByteStream | httpx2.SyncByteStream
Translate = Callable[[HorayError], Exception]

EXTENSION: Final = "horay"
"""The request extension with options for this call: a dict of `GenerationOptions`."""

UNSET_SECONDS: Final = 5.0
"""httpx2's own timeout for clients that are made without one. It stands for "not set" here: generations take longer."""

ENCODED: Final = frozenset({b"content-encoding", b"content-length"})
"""Headers that no longer hold once the body is decompressed."""


def httpx2_error(error: HorayError, request: httpx2.Request) -> Exception:
    """The error of httpx2 for one of this package's."""
    match error:
        case errors.APITimeoutError(clock="queue"):
            kind: type[httpx2.TransportError] = httpx2.PoolTimeout
        case errors.APITimeoutError(clock="connect"):
            kind = httpx2.ConnectTimeout
        case errors.APITimeoutError():
            kind = httpx2.ReadTimeout
        case errors.APIConnectionError(execution="not_sent"):
            kind = httpx2.ConnectError
        case errors.APIConnectionError():
            kind = httpx2.ReadError
        case errors.APIError():
            kind = httpx2.RemoteProtocolError
        case _:
            kind = httpx2.LocalProtocolError
    return kind(str(error), request=request)


class _Forwarder:
    """What both transports share: from httpx2's request to this client's, and back."""

    _error = staticmethod(httpx2_error)

    def __init__(self, client: AsyncHoray) -> None:
        self._client = client
        self._base = httpx2.URL(client.options.base_url)

    async def _respond(
        self,
        request: httpx2.Request,
        content: bytes,
        as_stream: Callable[[Body, Translate], Stream],
    ) -> httpx2.Response:
        """The response to a request whose body is `content`; `as_stream` makes httpx2's of a body that comes in pieces."""
        path, external = self._path(request.url)
        prepared, stream = forwarded(
            request.method,
            path,
            request.headers,
            content if content or "content-length" in request.headers else None,
            _options(request.extensions),
            self._client.options,
            new_idempotency_key=new_idempotency_key(),
            external=external,
        )
        received = await forward(self._client._transport, prepared, stream=stream)
        if isinstance(received.body, bytes):
            # As a stream, too: where one is closed, httpx2 takes the time for `elapsed`.
            return _response(received, httpx2.ByteStream(received.body))
        return _response(received, as_stream(received.body, partial(self._error, request=request)))

    def _path(self, url: httpx2.URL) -> tuple[str, bool]:
        """What of a URL is below the base URL, else all of it; and whether it is on another host."""
        base = self._base
        if (url.scheme, url.raw_host, url.port) != (base.scheme, base.raw_host, base.port):
            # httpx2 has made a header of a user name and a password in it.
            return str(url.copy_with(userinfo=b"")), True
        path, above = url.raw_path.decode("ascii"), base.raw_path.decode("ascii").rstrip("/")
        if path.startswith(f"{above}/"):
            return path[len(above) :], False
        return str(url), False


def _options(extensions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of one call: those that it names, and httpx2's timeouts where it names none."""
    given: object = extensions.get(EXTENSION) or {}
    if not isinstance(given, Mapping):
        raise TypeError(
            f"extensions[{EXTENSION!r}] must be a mapping of call options, not {given!r}"
        )
    options = cast("Mapping[str, Any]", given)
    check_parameters(options, GenerationOptions)
    timeout = extensions.get("timeout")
    if timeout is None or set(timeout.values()) == {UNSET_SECONDS}:
        return options
    return {**timeout_options(timeout), **options}


def timeout_options(timeout: Mapping[str, float | None]) -> Mapping[str, Any]:
    """httpx2's timeouts as options of a call: the same for all four is a deadline, as a number is everywhere here."""
    seconds = {timeout.get(name) for name in ("connect", "read", "write", "pool")}
    if len(seconds) == 1:
        return {"timeout": seconds.pop()}
    read = timeout.get("read")
    return {
        "timeout": Timeouts(
            queue=timeout.get("pool"), connect=timeout.get("connect"), first_byte=read, idle=read
        )
    }


def _response(received: Forwarded, stream: Stream) -> httpx2.Response:
    """What was received, as httpx2's; `stream` is its body."""
    headers = [(name.encode(), value.encode()) for name, value in received.meta.headers.items()]
    if "Content-Encoding" in received.meta.headers:
        headers = [(name, value) for name, value in headers if name.lower() not in ENCODED]
    extensions = {"http_version": b"HTTP/1.1", EXTENSION: {"attempts": received.meta.attempts}}
    return httpx2.Response(received.status, headers=headers, extensions=extensions, stream=stream)


class AsyncHorayTransport(_Forwarder, httpx2.AsyncBaseTransport):
    """Sends the requests of an `httpx2.AsyncClient` as calls of `client`, an `AsyncHoray`, which it never closes.

    Requests below the client's base URL, or elsewhere on its host, are sent with the client's key, whatever they had
    for it; requests to other hosts without. httpx2's timeouts hold for a call: one number for all four is its
    deadline, retries included; `pool`, `connect` and `read` set `queue`, `connect`, and `first_byte` and `idle`; what an
    httpx2 client has by default, 5 s, leaves the client's own. `extensions={"horay": {"max_retries": 0, "timeout": 30}}`
    on a request sets a call's options, which go before what the request has. Retries happen here: set those of the SDK to 0.
    """

    def __init__(self, client: AsyncHoray) -> None:
        super().__init__(_checked(client, AsyncHoray))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        try:
            return await self._respond(request, content, _AsyncBody)
        except HorayError as error:
            raise self._error(error, request) from error


class HorayTransport(_Forwarder, httpx2.BaseTransport):
    """Sends the requests of an `httpx2.Client` as calls of `client`, a `Horay`, as `AsyncHorayTransport` does."""

    def __init__(self, client: Horay) -> None:
        super().__init__(_checked(client, Horay)._wrapped)
        self._handle: LoopHandle = client._handle

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        content = request.read()
        try:
            as_stream = partial(_BlockingBody, self._handle)
            return self._handle.run(self._respond, request, content, as_stream)
        except HorayError as error:
            raise self._error(error, request) from error


@attrs.frozen
class _AsyncBody(httpx2.AsyncByteStream):
    """A body that is read as it comes."""

    _body: Body
    _translate: Translate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while pieces := await self._body._next_items():
                for piece in pieces:
                    yield piece
        except HorayError as error:
            raise self._translate(error) from error

    async def aclose(self) -> None:
        self._body._close_nowait()


class _BlockingBody(httpx2.SyncByteStream):
    """A body that a blocking client reads as it comes."""

    def __init__(self, handle: LoopHandle, body: Body, translate: Translate) -> None:
        self._body = body
        self._translate = translate
        self._prefetcher: Prefetcher[bytes] = Prefetcher(
            handle,
            body._next_items,
            close=body._close_nowait,
            made_in=handle.shared,
            unsent=closed_unread,
        )

    def __iter__(self) -> Iterator[bytes]:
        return _BodyReader(self._prefetcher, self._translate)

    def close(self) -> None:
        self._body._close_nowait()
        self._prefetcher.stop()


class _BodyReader(BlockingReader[bytes]):
    """Raises httpx2's errors."""

    __slots__ = ("_translate",)

    def __init__(self, prefetcher: Prefetcher[bytes], translate: Translate) -> None:
        super().__init__(prefetcher, all_of)
        self._translate = translate

    def _on_error(self, error: HorayError) -> None:
        raise self._translate(error) from error


def _checked(client: T, kind: type[T]) -> T:
    if not isinstance(client, kind):
        raise TypeError(f"a client of the class {kind.__name__} is needed; got {client!r}")
    return client
