"""What the resources share where a response comes in pieces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from horay_async._protocol.wire.accumulate import ChatAccumulator, CompletionAccumulator
from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.raw_event_reader import RawEventReader
from horay_async._protocol.wire.request import Request
from horay_async._protocol.wire.size_limits import MAX_EVENT_BYTES
from horay_async.errors import APIError, APIStatusError, StreamError
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from horay_async.models.raw import ServerSentEvent
from horay_async.streaming import AsyncStream, require_event_stream, unstreamed

if TYPE_CHECKING:
    from horay_async._protocol.wire.accumulate import ChoiceAccumulator
    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse
    from horay_async._transport.transport import Transport


@attrs.frozen
class Described:
    """The classes of an operation's responses."""

    whole: type[Response]
    chunk: type[Response]
    merge: Callable[[int], ChoiceAccumulator[Any, Any]]
    """What merges the chunks of so many choices."""


STREAMED: Final[Mapping[str, Described]] = {
    "/chat/completions": Described(ChatCompletion, ChatCompletionChunk, ChatAccumulator),
    "/completions": Described(Completion, CompletionChunk, CompletionAccumulator),
}
"""The operations that stream, by their paths."""


async def open_stream(transport: Transport, request: Request) -> AsyncStream[Any]:
    """Sends a request and returns the stream of chunks that comes back."""
    call = transport.call(request, stream=True)
    described = STREAMED[call.request.bare_path]
    response = await call.run(partial(require_event_stream, whole=described.whole))
    return AsyncStream(call, response, partial(chunk_reader, call, described), described.whole)


def chunk_reader(call: Call, described: Described, response: RawResponse) -> ChunkReader[Any, Any]:
    """What makes chunks of a response's bytes."""
    return ChunkReader(
        decoder(described.chunk),
        described.merge(call.request.choices),
        meta=response.meta,
        context=response.context,
        max_event_bytes=MAX_EVENT_BYTES,
        drift=call.drift,
        max_objects=call.request.max_objects,
    )


def unasked_stream(call: Call, response: RawResponse, body: bytes, failure: APIError) -> APIError:
    """The error for a whole body that is an event stream nobody asked for: `failure`, with the merged response or
    else the text as `partial`; or the error that the stream itself reports, which says more.
    """
    described = STREAMED.get(call.request.bare_path)
    if described is None:
        failure.partial = body.decode("utf-8", "replace")
        return failure
    reader = chunk_reader(call, described, response)
    reader.feed(body)
    reader.end("its body has ended", keep_truncated=True)
    reported = reader.take_failure()
    if isinstance(reported, APIStatusError | StreamError):
        failure = reported
    if failure.partial is None:
        failure.partial = reader.partial()
    if failure.partial is None and reader.body:  # which came among the events, and is none
        failure.partial = unstreamed(reader.body, described.whole, response.meta)
    if failure.partial is not None:
        failure.execution = "executed"
    return failure


def raw_event_reader(names: Collection[str], response: RawResponse) -> RawEventReader:
    """What makes events of a response's bytes; `names` are those of the last one."""
    return RawEventReader(
        ends_with=names,
        meta=response.meta,
        context=response.context,
        max_event_bytes=MAX_EVENT_BYTES,
    )


async def send_sse(
    transport: Transport, request: Request, ends_with: str | Collection[str]
) -> AsyncStream[ServerSentEvent]:
    """Sends a request and returns the stream of events that comes back."""
    names = (ends_with,) if isinstance(ends_with, str) else ends_with
    call = transport.call(request, stream=True)
    return AsyncStream(call, await call.run(require_event_stream), partial(raw_event_reader, names))
