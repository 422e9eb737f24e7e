"""Streamed responses of a model that calls tools, as the wire carries them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from horay_async.testing import ScriptedResponse, Step, respond, sse

__all__ = ["asked", "calling", "saying", "streamed"]


def streamed(
    *deltas: dict[str, Any],
    finish_reason: str,
    then: tuple[Step, ...] = (),
    usage: dict[str, int] | None = None,
) -> ScriptedResponse:
    """A stream of one choice, a chunk a delta; the last one has `usage`."""
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body: list[bytes | Step] = [
        sse({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        for delta in deltas
    ]
    body += then
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": finish_reason}
    last = {**base, "choices": [end], **({} if usage is None else {"usage": usage})}
    body += [sse(last), sse("[DONE]")]
    return respond(body, content_type="text/event-stream", framing="chunked")


def calling(
    *calls: tuple[str, object],
    finish_reason: str = "tool_calls",
    usage: dict[str, int] | None = None,
    more: Sequence[dict[str, Any]] = (),
) -> ScriptedResponse:
    """The model calls tools, each by name and with its arguments: JSON, or a text as it is; `more` are deltas behind them."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for index, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        half = len(text) // 2
        head = {"index": index, "id": f"id{index}", "type": "function"}
        deltas.append(
            {"tool_calls": [{**head, "function": {"name": name, "arguments": text[:half]}}]}
        )
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": text[half:]}}]})
    return streamed(*deltas, *more, finish_reason=finish_reason, usage=usage)


def saying(
    *texts: str, then: tuple[Step, ...] = (), usage: dict[str, int] | None = None
) -> ScriptedResponse:
    """The model says something."""
    deltas = ({"content": text} for text in texts)
    return streamed(*deltas, finish_reason="stop", then=then, usage=usage)


def asked(request: Any) -> list[tuple[str, object]]:
    """Role and content of each message of a request; a message that calls tools has their names."""
    messages: list[dict[str, Any]] = request.json()["messages"]
    return [
        (
            message["role"],
            [call["function"]["name"] for call in message["tool_calls"]]
            if "tool_calls" in message
            else message["content"],
        )
        for message in messages
    ]
