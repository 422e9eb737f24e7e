"""Calls that have something generated: spans and metrics by the conventions for generative AI."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.context import Context

from horay_async._observers import CallEnded
from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.content import set_input, set_output
from horay_async.integrations.otel.conventions import OLD
from horay_async.integrations.otel.metrics import usage_of
from horay_async.integrations.otel.requests import DescribedRequest
from horay_async.integrations.otel.spans import CallSpan, TelemetrySettings, message_of, outcome
from horay_async.models._base import Response
from horay_async.models.usage import Usage


class Generation(CallSpan):
    """The span and the measurements of one call."""

    def __init__(
        self, settings: TelemetrySettings, request: DescribedRequest, *, propagate: bool
    ) -> None:
        attributes = request.attributes(settings.version)
        super().__init__(settings.tracer, request.name, attributes, propagate=propagate)
        self._settings = settings
        self._metrics = settings.metrics
        self._request = request
        self._identity = request.identity
        self._last: float | None = None  # when the newest chunk came
        if settings.capture:
            set_input(self.span, request.body)

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        """Measures when chunks came; those of one read share the time since the one before."""
        now = time.perf_counter()
        count = len(chunks)
        if self._last is None:
            seconds = now - self.began
            self._identify(chunks[0])
            self._metrics.first_chunk.record(seconds, self._identity, self.context)
            self.span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
            self._last = now
            count -= 1
        if count:
            each = (now - self._last) / count
            for _ in range(count):
                self._metrics.per_chunk.record(each, self._identity, self.context)
        self._last = now

    def on_end(self, ended: CallEnded) -> None:
        """Records what came of the call, and ends the span."""
        seconds = time.perf_counter() - self.began
        error, response = ended.error, ended.response
        failure = error if isinstance(error, Exception) else None
        error_type = None if failure is None else type(failure).__qualname__
        settings = self._settings
        try:
            usage = self._record_response(response) if response is not None else {}
            measured = self._identity | outcome(error_type, complete=ended.complete)
            operation = self._request.operation
            self._metrics.duration(operation).record(seconds, measured, self.context)
            if usage:
                self._metrics.count(usage, self._identity, self.context, failed=failure is not None)
            if failure is not None and settings.logger is not None:
                exception_event(settings.logger, failure, self.context, capture=settings.capture)
        finally:
            self.finish(ended, error_type, capture=settings.capture)

    def _identify(self, response: Response) -> None:
        """Notes which model responds."""
        model = getattr(response, "model", None)
        if isinstance(model, str) and model and "gen_ai.response.model" not in self._identity:
            self._identity = self._identity | {"gen_ai.response.model": well_formed(model)}

    def _record_response(self, response: Response) -> dict[str, int]:
        """Records a response; returns its tokens."""
        self._identify(response)
        counted = getattr(response, "usage", None)
        usage = usage_of(counted, self._request.operation) if isinstance(counted, Usage) else {}
        span = self.span
        if not span.is_recording():
            return usage
        if isinstance(name := getattr(response, "id", None), str) and name:
            span.set_attribute("gen_ai.response.id", well_formed(name))
        if model := self._identity.get("gen_ai.response.model"):
            span.set_attribute("gen_ai.response.model", model)
        old = self._settings.version == OLD
        for name, tokens in usage.items():
            shown = name.replace("cache_write", "cache_creation") if old else name
            span.set_attribute(f"gen_ai.usage.{shown}", tokens)
        set_output(span, response, self._settings)
        return usage


FAILED: Final = "gen_ai.client.operation.exception"


def exception_event(logger: Logger, error: Exception, context: Context, *, capture: bool) -> None:
    """Tells of `error`, in the context of its call's span. Its message is given as a span's status gives it."""
    kind = type(error)
    # Without its causes: what other libraries' errors say isn't cleaned of keys and passwords.
    trace = (
        traceback.format_exception(error, chain=False)
        if capture
        else traceback.format_tb(error.__traceback__)
    )
    attributes: dict[str, Any] = {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}",
        "exception.stacktrace": well_formed("".join(trace)),
    }
    if (message := message_of(error, capture=capture)) is not None:
        attributes["exception.message"] = message
    logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.WARN,
            event_name=FAILED,
            attributes=attributes,
        )
    )
