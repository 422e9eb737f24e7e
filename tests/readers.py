"""What reads streams in tests, and how their responses came about."""

from __future__ import annotations

from typing import Any

from horay_async._protocol.wire.accumulate import (
    ChatAccumulator,
    ChoiceAccumulator,
    CompletionAccumulator,
)
from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.errors import ErrorContext
from horay_async._protocol.wire.size_limits import MAX_OBJECTS
from horay_async.models._base import Response
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import CompletionChunk
from horay_async.models.meta import ResponseMeta

__all__ = ["KEY", "made_meta", "reader_of"]

KEY = "sk-0123456789abcdef"
"""The key of the client whose streams are read."""

ACCUMULATORS: dict[type[Response], type[ChoiceAccumulator[Any, Any]]] = {
    ChatCompletionChunk: ChatAccumulator,
    CompletionChunk: CompletionAccumulator,
}


def made_meta(**known: Any) -> ResponseMeta:
    """How a response came about."""
    usual: dict[str, Any] = {
        "request_id": "req-1",
        "status": 200,
        "headers": {},
        "attempts": (),
        "queue": 0.0,
        "connect": 0.0,
        "first_byte": 0.1,
    }
    return ResponseMeta(**(usual | known))


def reader_of(
    chunks: type[Response] = ChatCompletionChunk,
    choices: int = 1,
    *,
    label: str = "POST /x",
    max_event_bytes: int = 10_000,
    drift: DriftWatch | None = None,
    meta: ResponseMeta | None = None,
    max_objects: int = MAX_OBJECTS,
) -> ChunkReader[Any, Any]:
    """A reader of a stream with so many choices."""
    return ChunkReader(
        decoder(chunks),
        ACCUMULATORS[chunks](choices),
        meta=meta or made_meta(),
        context=ErrorContext(label=label, clean=Cleaner(KEY), status=200, request_id="req-1"),
        max_event_bytes=max_event_bytes,
        drift=drift or DriftWatch(None),
        max_objects=max_objects,
    )
