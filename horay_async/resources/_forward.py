"""Forwards requests that another library has built: sends each as a call of this client, and returns the response as
it came.
"""

# What is handed back offers the same private names as a stream, by which both kinds of clients read:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from horay_async._protocol.wire.decode import BodyDecoder, decoder
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async._transport.headers import EVENT_STREAM
from horay_async._transport.loops import finalize_on
from horay_async.errors import APIError, APIStatusError, StreamError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta
from horay_async.models.raw import ServerSentEvent
from horay_async.resources._base import JSON_TYPES, decode_response, has_no_content
from horay_async.resources._streams import (
    STREAMED,
    Described,
    chunk_reader,
    raw_event_reader,
)
from horay_async.streaming import AsyncStream, require_event_stream, without_traceback

if TYPE_CHECKING:
    from horay_async._protocol.wire.request import Request
    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse
    from horay_async._transport.transport import Transport


@attrs.frozen
class Forwarded:
    """The response to a forwarded request."""

    status: int
    """The HTTP status; of a failure that was sent with a status of success, what it maps to."""
    meta: ResponseMeta
    body: bytes | ForwardedBody | ForwardedStream
    """The whole body where it is JSON or an error's, else an object that reads it as it comes."""


LAST_EVENTS: Final[Mapping[str, frozenset[str]]] = {
    "/responses": frozenset(
        {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
    ),
}
"""Names of the last event of a stream, by path (OpenAI's API reference). They hold for the paths below as well: a
stream is resumed at the path of its response.
"""


async def forward(transport: Transport, request: Request, *, stream: bool) -> Forwarded:
    """Sends a request as often as the policy says. `stream` says whether it asks for one.

    A response with a failing status is returned like others, its body as it was sent, with the API key masked.
    Raises the last attempt's `APIError` where no response came or it can't be used.
    """
    call = transport.call(request, stream=stream)
    try:
        received = await call.run(partial(_receive, call, stream))
    except APIStatusError as error:
        if call.meta is None or error.status_code < 300:
            raise
        body = error.body if call.error_body is None else call.error_body
        if not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        return Forwarded(error.status_code, call.meta, transport.masked(body))
    if isinstance(received, Response):
        return Forwarded(received.meta.status, received.meta, received._raw)
    meta = received.meta
    if stream or received.content_type == EVENT_STREAM:
        # A GET asks for one by its query, and a form by a field.
        asked = stream or not (request.body or b"").startswith(b"{")
        return Forwarded(meta.status, meta, _stream(call, received, asked=asked))
    return Forwarded(meta.status, meta, ForwardedBody(call, received))


async def _receive(call: Call, stream: bool, response: RawResponse) -> Response | RawResponse:
    """The whole response where it is JSON; else the response with its body unread."""
    media = response.content_type
    if media == EVENT_STREAM:
        return response
    if stream:
        return await require_event_stream(response)
    described = _described(call)
    if described is None and has_no_content(call.request.method, response.meta):
        return response  # whatever its head says of a type
    named_json = media in JSON_TYPES or media.endswith("+json")
    if described is None and (not named_json or call.request.bare_path.endswith("/content")):
        return response  # a file may be anything
    into: BodyDecoder[Any] = JSONDecoder() if described is None else decoder(described.whole)
    decoded: Response = await decode_response(call, into, response)
    return decoded


def _described(call: Call) -> Described | None:
    """The classes of the responses, where it is a call of an operation that streams. A GET of the same path lists what is stored."""
    return STREAMED.get(call.request.bare_path) if call.request.method == "POST" else None


def _stream(call: Call, response: RawResponse, *, asked: bool) -> ForwardedStream:
    described = _described(call)
    if described is None:
        kind = "/".join(call.request.bare_path.split("/")[:2])
        read: Any = partial(raw_event_reader, LAST_EVENTS.get(kind, frozenset[str]()))
    else:
        read = partial(chunk_reader, call, described)
    stream = AsyncStream(call, response, read)
    return ForwardedStream(stream, described=described is not None, asked=asked)


class ForwardedBody:
    """A body that is neither JSON nor events, such as audio: passed on as it comes."""

    def __init__(self, call: Call, response: RawResponse) -> None:
        self._call = call
        self._response = response
        self._failure: APIError | None = None

    async def _next_items(self) -> list[bytes]:
        """The bytes that have come, waiting for some; none at the end."""
        response = self._response
        if self._failure is not None:
            raise without_traceback(self._failure)
        if response.finished:
            return []
        response.waiting_since = response.loop.time()
        try:
            piece = await response.next_piece()
        except BaseException as error:
            if isinstance(error, APIError):
                self._call.fail(error)
                self._failure = without_traceback(error)
            self._call.end(error)
            raise
        finally:
            response.waiting_since = None
        if not piece:
            self._call.succeed(response.meta)
            self._call.end()
            return []
        return [piece]

    def _close_nowait(self) -> None:
        """Closes the connection, unless the body was read to its end; from any thread."""
        self._call.end()
        self._response.close_soon()

    def __del__(self) -> None:
        finalize_on(self._response.loop, self._close_nowait)


class ForwardedStream:
    """A stream of events. It is decoded, since the timeout `idle` and a missing end can't be noticed otherwise, and
    encoded again. `asked` is whether the request may have asked for a stream.
    """

    def __init__(self, stream: AsyncStream[Any], *, described: bool, asked: bool) -> None:
        self._stream = stream
        self._described = described
        self._asked = asked
        self._ended = False

    async def _next_items(self) -> list[bytes]:
        """The events that have come, waiting for some; nothing at the end.

        An error that the server reports in the stream is passed on as it came. It is raised where the request didn't
        ask for a stream: the caller wouldn't look for an error among events then.
        """
        if self._ended:
            return []
        try:
            chunks = await self._stream._next_items()
        except (APIStatusError, StreamError) as error:
            if not self._asked:
                raise
            self._ended = True
            return [_error_event(error, described=self._described)]
        if not chunks:
            self._ended = True
            return [b"data: [DONE]\n\n"] if self._described else []
        if self._described:
            lines = [chunk._raw.replace(b"\n", b"\ndata: ") for chunk in chunks]
            return [b"data: %b\n\n" % b"\n\ndata: ".join(lines)]
        return [b"".join(map(_written, chunks))]

    def _close_nowait(self) -> None:
        """Closes the connection, unless the stream was read to its end; from any thread."""
        self._stream._close_nowait()


def _written(event: ServerSentEvent) -> bytes:
    lines = [f"event: {event.event}"] if event.event else []
    if event.id:
        lines.append(f"id: {event.id}")
    lines.extend(f"data: {line}" for line in event.data.split("\n"))
    return ("\n".join(lines) + "\n\n").encode()


def _error_event(error: APIStatusError | StreamError, *, described: bool) -> bytes:
    body: Any = error.body
    if not isinstance(body, dict) or (described and "error" not in body):
        known = {"message": error.message, "type": error.type, "code": error.code}
        body = {"error": {**known, "param": error.param}}
    name = b"" if described else b"event: error\n"
    return b"%bdata: %b\n\n" % (name, msgspec.json.encode(body))
