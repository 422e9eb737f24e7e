"""Runs of tools: a span of kind INTERNAL each, which the requests and the tools of the run are below."""

from __future__ import annotations

import time
from typing import Any, Final

from opentelemetry.trace import SpanKind, Status, StatusCode

from horay_async._observers import RunEnded
from horay_async.integrations.otel.content import set_input, set_output
from horay_async.integrations.otel.metrics import RunMetrics, usage_of
from horay_async.integrations.otel.requests import DescribedRequest
from horay_async.integrations.otel.spans import OwnSpan, TelemetrySettings, message_of, outcome

NOT_OF_RUNS: Final = {
    "gen_ai.request.reasoning.level",
    "gen_ai.request.stream",
    "gen_ai.request.top_k",
}
"""What the conventions have on the spans of single requests alone."""


class RunSpan(OwnSpan):
    """The span of one run."""

    def __init__(
        self, settings: TelemetrySettings, metrics: RunMetrics, run: DescribedRequest
    ) -> None:
        self._began = time.perf_counter()
        self._settings = settings
        self._metrics = metrics
        attributes = run.attributes(settings.version)
        self._measured: dict[str, Any] = {
            name: value for name, value in run.identity.items() if name == "gen_ai.request.model"
        }
        told = {name: value for name, value in attributes.items() if name not in NOT_OF_RUNS}
        # A run has no name, so that its span is named for the operation alone.
        super().__init__(settings.tracer, run.operation, told, kind=SpanKind.INTERNAL)
        if settings.capture:
            set_input(self.span, run.body)

    def on_end(self, ended: RunEnded) -> None:
        """Records what came of the run, and ends the span."""
        seconds = time.perf_counter() - self._began
        span, metrics = self.span, self._metrics
        try:
            kind = None
            if isinstance(error := ended.error, Exception):
                kind = type(error).__qualname__
                message = message_of(error, capture=self._settings.capture)
                span.set_status(Status(StatusCode.ERROR, message))
            ending = outcome(kind, complete=ended.complete)
            span.set_attributes(ending)
            metrics.run.record(seconds, self._measured | ending, self.context)
            metrics.inference_calls.record(ended.inference_calls, context=self.context)
            metrics.tool_calls.record(ended.tool_calls, context=self.context)
            if span.is_recording():
                self._ended(ended)
        finally:
            span.end()

    def _ended(self, ended: RunEnded) -> None:
        spent = [usage_of(usage, "invoke_agent") for usage in ended.usages if usage is not None]
        for name in ("input_tokens", "output_tokens"):
            told = [usage[name] for usage in spent if name in usage]
            if told and len(told) == len(ended.usages):  # a part would look like the whole
                self.span.set_attribute(f"gen_ai.usage.{name}", sum(told))
        if ended.response is not None:
            set_output(self.span, ended.response, capture=self._settings.capture)
