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

__all__ = ["KEY", "OTHER_APIS", "made_meta", "reader_of"]

KEY = "sk-0123456789abcdef"
"""The key of the client whose streams are read."""

ACCUMULATORS: dict[type[Response], type[ChoiceAccumulator[Any, Any]]] = {
    ChatCompletionChunk: ChatAccumulator,
    CompletionChunk: CompletionAccumulator,
}


COUNTED: dict[str, Any] = {"input_tokens": 5, "output_tokens": 6}

OTHER_APIS: dict[str, tuple[dict[str, Any], str]] = {
    "/messages": (
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Hello"}],
         "stop_reason": "end_turn", "usage": COUNTED},
        "'content'",
    ),
    "/responses": (
        {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "usage": COUNTED,
         "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}]},
        "'status', 'output'",
    ),
    "DashScope": (
        {"output": {"text": "Hello", "finish_reason": "stop"}, "usage": COUNTED, "request_id": "r"},
        "'output', 'request_id'",
    ),
    "Bedrock": (
        {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 5, "outputTokens": 6}},
        "'output', 'stopReason'",
    ),
    "Cohere": (
        {"id": "x", "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
         "finish_reason": "COMPLETE", "usage": {"tokens": COUNTED}},
        "'message'",
    ),
    "Workers AI": (
        {"response": "Hello", "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}},
        "'response'",
    ),
}  # fmt: skip
"""Whole responses of other APIs, and the fields by which they are told."""


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
