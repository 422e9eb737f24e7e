"""Calls that have something generated: spans and metrics by the conventions for generative AI."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from horay_async.integrations.otel.content import input_messages, output_messages, tool_definitions
from horay_async.integrations.otel.spans import CallSpan

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from horay_async._observe import CallEnded
    from horay_async.integrations.otel.metrics import Histograms
    from horay_async.integrations.otel.requests import Described
    from horay_async.models._base import Response
    from horay_async.models.usage import Usage

__all__ = ["Generation"]


class Generation(CallSpan):
    """The span and the measurements of one call."""

    def __init__(
        self,
        tracer: Tracer,
        histograms: Histograms,
        request: Described,
        *,
        propagate: bool,
        capture: bool,
    ) -> None:
        self._began = time.perf_counter()
        super().__init__(tracer, request.name, request.attributes(), propagate=propagate)
        self._histograms = histograms
        self._request = request
        self._capture = capture
        self._identity = request.identity
        self._last: float | None = None  # when the newest chunk came
        if capture and self.span.is_recording():
            self._set("gen_ai.input.messages", input_messages(request.body))
            self._set("gen_ai.tool.definitions", tool_definitions(request.body))

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        """Measures when chunks came; those of one read share the time since the one before."""
        now = time.perf_counter()
        count = len(chunks)
        if self._last is None:
            seconds = now - self._began
            self._identify(chunks[0])
            self._histograms.first_chunk.record(seconds, self._identity, self.context)
            self.span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
            self._last = now
            count -= 1
        if count:
            each = (now - self._last) / count
            for _ in range(count):
                self._histograms.per_chunk.record(each, self._identity, self.context)
        self._last = now

    def on_end(self, ended: CallEnded) -> None:
        """Records what came of the call, and ends the span."""
        seconds = time.perf_counter() - self._began
        error, answer = ended.error, ended.response
        measured = self._identity
        usage: Usage | None = None
        if answer is not None:
            self._identify(answer)
            measured = self._identity
            usage = getattr(answer, "usage", None)
            self._answered(answer, usage)
        error_type = type(error).__qualname__ if isinstance(error, Exception) else None
        if error_type is not None:
            measured = measured | {"error.type": error_type}
        elif not ended.complete:
            measured = measured | {"horay.cancelled": True}
        self._histograms.duration.record(seconds, measured, self.context)
        if usage is not None:
            self._histograms.count(usage, self._identity, self.context)
        self.finish(ended, error_type, capture=self._capture)

    def _identify(self, answer: Response) -> None:
        """Notes which model answers."""
        model = getattr(answer, "model", None)
        if model and "gen_ai.response.model" not in self._identity:
            self._identity = self._identity | {"gen_ai.response.model": model}

    def _answered(self, answer: Response, usage: Usage | None) -> None:
        if not self.span.is_recording():
            return
        self._set("gen_ai.response.id", getattr(answer, "id", None))
        self._set("gen_ai.response.model", self._identity.get("gen_ai.response.model"))
        reasons = [choice.finish_reason for choice in getattr(answer, "choices", ())]
        if all(reasons):  # of a stream that broke off, some have none
            self._set("gen_ai.response.finish_reasons", reasons)
        if usage is not None:
            read, written = usage.prompt_tokens_details, usage.completion_tokens_details
            self.span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens)
            self.span.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens)
            self._set("gen_ai.usage.cache_read.input_tokens", read and read.cached_tokens)
            self._set("gen_ai.usage.reasoning.output_tokens", written and written.reasoning_tokens)
        if self._capture:
            self._set("gen_ai.output.messages", output_messages(answer))

    def _set(self, name: str, value: Any) -> None:
        if value:
            self.span.set_attribute(name, value)
