"""OpenTelemetry's SDK with everything kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as log_export
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric, Sum
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from horay_async.integrations.otel import Telemetry

# Its name until version 1.39, and since.
LOG_EXPORTER: Any = getattr(log_export, "InMemoryLogRecordExporter", None) or getattr(
    log_export, "InMemoryLogExporter", None
)


class Recorded:
    """What telemetry has recorded."""

    def __init__(self, **options: Any) -> None:
        """`options` are those of the tracer provider."""
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False, **options)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self._logs: Any = LOG_EXPORTER()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(
            log_export.SimpleLogRecordProcessor(self._logs)
        )

    def telemetry(self, **options: Any) -> Telemetry:
        """Telemetry that is recorded here."""
        return Telemetry(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
            **options,
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in that order."""
        return list(self._exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.spans
        return span

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the only span."""
        return dict(self.span.attributes or {})

    def metrics(self) -> dict[str, Metric]:
        """What was measured, by name."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> list[HistogramDataPoint]:
        """The points of a histogram, one for each set of attributes."""
        found = self.metrics().get(name)
        points: list[Any] = list(found.data.data_points) if found else []
        assert all(isinstance(point, HistogramDataPoint) for point in points)
        return points

    def sums(self, name: str) -> dict[str, float]:
        """What a counter says, by the modality of the tokens."""
        data = self.metrics()[name].data
        assert isinstance(data, Sum)
        assert data.is_monotonic
        return {
            str((point.attributes or {})["gen_ai.token.modality"]): point.value
            for point in data.data_points
        }

    @property
    def events(self) -> list[Any]:
        """The events, in their order."""
        return [log.log_record for log in self._logs.get_finished_logs()]

    def close(self) -> None:
        """Ends the SDK."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """What telemetry records in this test."""
    record = Recorded()
    yield record
    record.close()


@pytest.fixture
def left_out() -> Iterator[Recorded]:
    """The same with a sampler that takes no trace."""
    record = Recorded(sampler=ALWAYS_OFF)
    yield record
    record.close()
