"""The observer that makes spans and metrics of calls, and what switches it on for all clients of the process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack, cast

from opentelemetry import metrics, trace
from opentelemetry._logs import LoggerProvider, get_logger
from opentelemetry.context import attach, detach, get_value
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from horay_async._checks import wrong
from horay_async._observer_defaults import LOG, LogOnce, process_defaults
from horay_async._observers import CallObserver, CallStarted, RunObserver
from horay_async._suggestions import unknown_option
from horay_async._version import __version__
from horay_async.integrations.otel.conventions import LATEST, OLD, OLD_SCHEMA_URL, Version
from horay_async.integrations.otel.generation import Generation
from horay_async.integrations.otel.metrics import LatestMetrics, OldMetrics, RunMetrics
from horay_async.integrations.otel.requests import described, generation_of
from horay_async.integrations.otel.runs import RunSpan, ToolSpan
from horay_async.integrations.otel.spans import PlainCall, TelemetrySettings
from horay_async.models.chat import ToolCall
from horay_async.models.events import ToolResult
from horay_async.options import content_captured

SUPPRESSED = ("suppress_instrumentation", "suppress_http_instrumentation")
"""What OpenTelemetry's instrumentations set in the context of calls that are to have no spans."""


HABITS = {
    "provider": "tracer_provider makes the spans, meter_provider the metrics",
    "trace_provider": "it is tracer_provider",
}
"""Options of `Telemetry` that have another name here."""

PASSED = frozenset({"skip_dep_check", "raise_exception_on_conflict"})
"""What `opentelemetry-instrument` passes to each instrumentor."""


class TelemetryParams(TypedDict, total=False):
    """The options of `Telemetry`."""

    tracer_provider: TracerProvider | None
    """Makes the spans; the one that OpenTelemetry is set up with unless given."""
    meter_provider: MeterProvider | None
    """Makes the metrics; the same."""
    capture_content: bool | None
    """Whether prompts, responses and tools' arguments and results are recorded on spans; unless given,
    `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` decides (`true`, `SPAN_ONLY` or `SPAN_AND_EVENT`)."""
    logger_provider: LoggerProvider | None
    """Takes the events; the one that OpenTelemetry is set up with unless given."""
    propagate: bool
    """False keeps trace context out of the headers, and out of what is sent to MCP servers."""
    conventions: Version
    """`"1.41.1"` for the names that the conventions had until that version; `"latest"` unless given."""


class Telemetry:
    """Spans, metrics and trace context for the calls of a client, given to it as `telemetry`.

    Its keyword arguments are those of `TelemetryParams`; any other is a `TypeError`, and a version of the
    conventions that isn't known a `ConfigurationError`.
    """

    def __init__(self, **params: Unpack[TelemetryParams]) -> None:
        known = TelemetryParams.__annotations__
        if strange := params.keys() - known.keys():
            raise unknown_option("Telemetry option", min(strange), known, HABITS)
        version = LATEST if (asked := params.get("conventions")) is None else asked
        if version not in (LATEST, OLD):
            raise wrong("conventions", f"{LATEST!r} or {OLD!r}", version)
        latest = version == LATEST
        url = None if latest else OLD_SCHEMA_URL
        capture = params.get("capture_content")
        scope = ("horay_async", __version__)
        meter = metrics.get_meter(*scope, params.get("meter_provider"), schema_url=url)
        self._settings = TelemetrySettings(
            tracer=trace.get_tracer(*scope, params.get("tracer_provider"), schema_url=url),
            metrics=LatestMetrics(meter) if latest else OldMetrics(meter),
            run_metrics=RunMetrics(meter) if latest else None,
            logger=get_logger(*scope, params.get("logger_provider")) if latest else None,
            version=version,
            capture=content_captured() if capture is None else capture,
            propagate=params.get("propagate", True),
        )
        self._log = LogOnce()

    def begin(self, call: CallStarted) -> CallObserver | None:
        """Begins the span of a call; none where the context suppresses it."""
        if _suppressed():
            return None
        propagate = self._settings.propagate and not call.external
        if (generation := generation_of(call)) is None:
            return PlainCall(self._settings.tracer, call, propagate=propagate)
        return Generation(self._settings, generation, propagate=propagate)

    def run(self, body: bytes | None) -> RunObserver | None:
        """Begins the span of a run of tools, whose first request sends `body`."""
        run_metrics = self._settings.run_metrics
        if run_metrics is None or _suppressed():
            return None
        with self._contained():
            request = described("invoke_agent", body, stream=False, identity={})
            if request is not None:
                return RunSpan(self._settings, run_metrics, request, self._contained)
        return None

    @contextmanager
    def tool(
        self, call: ToolCall, description: str | None
    ) -> Generator[Callable[[ToolResult], None], None, None]:
        """The span of a tool that is run."""
        span: ToolSpan | None = None
        if not _suppressed():
            with self._contained():
                span = ToolSpan(self._settings, call, description)
        if span is None:
            yield lambda ended: None
            return
        ended: list[ToolResult] = []
        token = attach(span.context)
        try:
            yield ended.append
        finally:
            detach(token)
            with self._contained():
                span.on_end(ended[-1] if ended else None)

    @contextmanager
    def _contained(self) -> Generator[None, None, None]:
        """Logs what is raised within, once for each kind: the program goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - processors and readers may be anybody's
            self._log.error("Telemetry", error)


class HorayInstrumentor:
    """Switches telemetry on and off for all clients of the process, those that exist included.

    It is what `opentelemetry-instrument` finds. A client with a `telemetry` of its own keeps that.
    """

    def instrument(self, **params: Unpack[TelemetryParams]) -> None:
        """Switches it on. What `opentelemetry-instrument` passes beside those is of no meaning here; any other name is left out with a warning,
        since distributions of OpenTelemetry may pass names of their own.
        """
        if process_defaults.telemetry is not None:
            LOG.warning("telemetry is on already: it stays as it is")
            return
        names = TelemetryParams.__annotations__
        if strange := params.keys() - names.keys() - PASSED:
            problem = unknown_option("Telemetry option", min(strange), names, HABITS)
            warnings.warn(f"{problem}; it is left out", stacklevel=2)
        known = {name: value for name, value in params.items() if name in names}
        process_defaults.telemetry = Telemetry(**cast("TelemetryParams", known))

    def uninstrument(self, **others: Any) -> None:
        """Switches it off for the calls that begin from now on."""
        process_defaults.telemetry = None

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether it is on."""
        return process_defaults.telemetry is not None


def _suppressed() -> bool:
    return any(get_value(name) for name in SUPPRESSED)
