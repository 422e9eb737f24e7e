"""What the resources share where a response comes in pieces."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.raw_event_reader import RawEventReader
from horay_async._protocol.wire.request import Request
from horay_async._protocol.wire.size_limits import MAX_EVENT_BYTES
from horay_async.models._base import Response
from horay_async.models.raw import ServerSentEvent
from horay_async.streaming import AsyncStream, require_event_stream

if TYPE_CHECKING:
    from horay_async._protocol.wire.accumulate import Accumulator
    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse
    from horay_async._transport.transport import Transport

ChunkT = TypeVar("ChunkT", bound=Response)


async def open_stream(
    transport: Transport,
    request: Request,
    chunk: type[ChunkT],
    merge: Callable[[int], Accumulator[ChunkT, Any]],
    whole: type[Response],
) -> AsyncStream[ChunkT]:
    """Sends a request and returns the stream of chunks that comes back. `whole` is what the server might send instead."""
    call = transport.call(request, stream=True)
    response = await call.run(partial(require_event_stream, whole=whole))
    return AsyncStream(call, response, partial(chunk_reader, call, chunk, merge), whole)


def chunk_reader(
    call: Call,
    chunk: type[ChunkT],
    merge: Callable[[int], Accumulator[ChunkT, Any]],
    response: RawResponse,
) -> ChunkReader[ChunkT, Any]:
    """What makes chunks of a response's bytes."""
    return ChunkReader(
        decoder(chunk),
        merge(call.request.choices),
        meta=response.meta,
        context=response.context,
        max_event_bytes=MAX_EVENT_BYTES,
        drift=call.drift,
        max_objects=call.request.max_objects,
    )


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
