"""What the spans of all calls have in common, and what they are made with. Calls that generate nothing get only these: a span by
the conventions for HTTP clients.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs
from opentelemetry import propagate
from opentelemetry._logs import Logger
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
    use_span,
)

from horay_async._attempt import Attempt
from horay_async._observers import CallEnded, CallStarted
from horay_async._protocol.wire.clean import well_formed
from horay_async.errors import APIConnectionError, APIError, APIStatusError
from horay_async.integrations.otel.conventions import Version
from horay_async.integrations.otel.metrics import Metrics, RunMetrics
from horay_async.integrations.otel.requests import server
from horay_async.models._base import Response

FIXED_PATHS = frozenset({"/models", "/user/info"})
"""Paths that may stand in a span's name, since there are few different ones (low cardinality)."""


@attrs.frozen(kw_only=True)
class TelemetrySettings:
    """What spans, metrics and events are made with."""

    tracer: Tracer
    metrics: Metrics
    run_metrics: RunMetrics | None
    """None where the version of the conventions has none: no spans are made of runs then, either."""
    logger: Logger | None
    """Takes the events; None where there are to be none."""
    version: Version
    capture: bool
    """Whether prompts, responses and tools' arguments and results are recorded."""
    propagate: bool
    """Whether trace context is sent."""


def outcome(error_type: str | None, *, complete: bool) -> dict[str, Any]:
    """How a call, a run or a tool ended, as attributes of its span and of its measurements."""
    if error_type is not None:
        return {"error.type": error_type}
    return {} if complete else {"horay.cancelled": True}


class OwnSpan:
    """A span that is begun here, and becomes the current one on request."""

    kind = SpanKind.INTERNAL

    def __init__(self, tracer: Tracer, name: str, attributes: dict[str, Any]) -> None:
        self.began: float = time.perf_counter()
        self.span: Span = tracer.start_span(name, kind=self.kind, attributes=attributes)
        self.context: Context = set_span_in_context(self.span)

    def tell_outcome(
        self, error_type: str | None, message: str | None = None, *, complete: bool
    ) -> dict[str, Any]:
        """Says on the span how it ended; returns the attributes for that, which measurements have as well."""
        if error_type is not None:
            self.span.set_status(Status(StatusCode.ERROR, message))
        ending = outcome(error_type, complete=complete)
        self.span.set_attributes(ending)
        return ending

    def activate(self) -> AbstractContextManager[object]:
        """Makes the span the current one: logs and the spans of HTTP instrumentations belong to it."""
        return use_span(
            self.span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )


class CallSpan(OwnSpan):
    """The span of one call."""

    kind = SpanKind.CLIENT

    def __init__(
        self, tracer: Tracer, name: str, attributes: dict[str, Any], *, propagate: bool
    ) -> None:
        super().__init__(tracer, name, attributes)
        self._propagate = propagate

    def on_attempt(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        """Puts the trace context into the headers."""
        if self._propagate:
            propagate.inject(headers, self.context)

    def on_retry(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        """Tells of a failed attempt, as an event."""
        last = attempts[-1]
        attributes: dict[str, Any] = {
            "error.type": type(error).__qualname__,
            "horay.retry.attempt": len(attempts),
            "horay.retry.delay": delay,
        }
        if last.status is not None:
            attributes["http.response.status_code"] = last.status
        self.span.add_event("horay.retry", attributes)

    def finish(self, ended: CallEnded, error_type: str | None, *, capture: bool) -> None:
        """Ends the span."""
        span, error = self.span, ended.error
        if retries := len(ended.attempts) - 1:
            span.set_attribute("http.request.resend_count", retries)
        if request_id := ended.attempts[-1].request_id:
            span.set_attribute("horay.request_id", well_formed(request_id))
        message = None if error is None else message_of(error, capture=capture)
        self.tell_outcome(error_type, message, complete=ended.complete)
        span.end()


class PlainCall(CallSpan):
    """The span of a call that has nothing generated."""

    def __init__(self, tracer: Tracer, call: CallStarted, *, propagate: bool) -> None:
        method, path = call.method, call.path
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.full": call.url,
            **server(call.url),
        }
        name = method
        if path in FIXED_PATHS:
            name = f"{method} {path}"
            attributes["url.template"] = path
        super().__init__(tracer, name, attributes, propagate=propagate)

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        """Nothing here is streamed."""

    def on_end(self, ended: CallEnded) -> None:
        """Ends the span."""
        if (status := ended.attempts[-1].status) is not None:
            self.span.set_attribute("http.response.status_code", status)
        error = ended.error
        kind = type(error).__qualname__ if isinstance(error, Exception) else None
        if isinstance(error, APIStatusError):
            kind = str(error.status_code)
        self.finish(ended, kind, capture=False)


def message_of(error: BaseException, *, capture: bool) -> str | None:
    """The text of an error that may be recorded: the server's message, which may contain a prompt, only with
    `capture`.
    """
    if capture or (isinstance(error, APIConnectionError) and not isinstance(error, APIStatusError)):
        return well_formed(str(error))
    return f"status {error.status_code}" if isinstance(error, APIStatusError) else None
