"""The observer that makes spans and metrics of calls."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from opentelemetry import metrics, trace
from opentelemetry.context import get_value
from opentelemetry.trace import SpanKind, Status, StatusCode

from horay_async._version import __version__
from horay_async.integrations.otel.content import tool_result
from horay_async.integrations.otel.generation import Generation
from horay_async.integrations.otel.metrics import Histograms
from horay_async.integrations.otel.plain import PlainCall
from horay_async.integrations.otel.requests import generation_of
from horay_async.options import content_captured

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from horay_async._observe import CallObserver, CallStarted, ToolEnded, ToolStarted

__all__ = ["Telemetry", "TelemetryParams"]

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.1"

SUPPRESSED = ("suppress_instrumentation", "suppress_http_instrumentation")
"""What OpenTelemetry's instrumentations set in the context of calls that are to have no spans."""


class TelemetryParams(TypedDict, total=False):
    """What `Telemetry` can be told."""

    tracer_provider: TracerProvider | None
    """Makes the spans; the one that OpenTelemetry is set up with unless given."""
    meter_provider: MeterProvider | None
    """Makes the metrics; the same."""
    capture_content: bool | None
    """Whether prompts, answers and tools' arguments and results are recorded on spans; unless given, it is for
    `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` to say (`true`, `SPAN_ONLY` or `SPAN_AND_EVENT`)."""
    propagate: bool
    """False keeps trace context out of the headers."""


class Telemetry:
    """Spans, metrics and trace context for the calls of a client, given to it as `telemetry`.

    Its keyword arguments are those of `TelemetryParams`; any other is a `TypeError`.
    """

    def __init__(self, **params: Unpack[TelemetryParams]) -> None:
        if unknown := params.keys() - TelemetryParams.__annotations__.keys():
            known = ", ".join(TelemetryParams.__annotations__)
            raise TypeError(f"unknown parameter {min(unknown)!r}: Telemetry takes {known}")
        self._tracer = trace.get_tracer(
            "horay_async", __version__, params.get("tracer_provider"), schema_url=SCHEMA_URL
        )
        self._histograms = Histograms(
            metrics.get_meter(
                "horay_async", __version__, params.get("meter_provider"), schema_url=SCHEMA_URL
            )
        )
        capture = params.get("capture_content")
        self._capture = content_captured() if capture is None else capture
        self._propagate = params.get("propagate", True)

    def begin(self, call: CallStarted) -> CallObserver | None:
        """Begins the span of a call; none where the context suppresses it."""
        if any(get_value(name) for name in SUPPRESSED):
            return None
        propagate = self._propagate and not call.external
        if (generation := generation_of(call)) is None:
            return PlainCall(self._tracer, call, propagate=propagate)
        return Generation(
            self._tracer, self._histograms, generation, propagate=propagate, capture=self._capture
        )

    @contextmanager
    def tool(self, tool: ToolStarted) -> Generator[Callable[[ToolEnded], None], None, None]:
        """The span of a tool that is run."""
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool.name,
            "gen_ai.tool.call.id": tool.call_id,
            "gen_ai.tool.type": "function",
        }
        if tool.description:
            attributes["gen_ai.tool.description"] = tool.description
        if self._capture:
            attributes["gen_ai.tool.call.arguments"] = tool.arguments
        span = self._tracer.start_span(
            f"execute_tool {tool.name}", kind=SpanKind.INTERNAL, attributes=attributes
        )

        def on_end(result: ToolEnded) -> None:
            if result.error is not None:
                span.set_attribute("error.type", type(result.error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
            elif self._capture:
                span.set_attribute("gen_ai.tool.call.result", tool_result(result.content))

        with trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            yield on_end
