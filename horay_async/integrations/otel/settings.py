"""What the observers of one `Telemetry` share."""

from __future__ import annotations

import attrs
from opentelemetry._logs import Logger
from opentelemetry.trace import Tracer

from horay_async.integrations.otel.conventions import Version
from horay_async.integrations.otel.metrics import Metrics, RunMetrics


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
