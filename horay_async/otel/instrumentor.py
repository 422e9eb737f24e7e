"""Telemetry for all clients of the process, as OpenTelemetry's own instrumentors switch it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from horay_async._observe import PROCESS
from horay_async.otel.telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["HorayInstrumentor"]

LOG = logging.getLogger("horay_async")


class HorayInstrumentor:
    """Switches telemetry on and off for all clients of the process, those that exist included.

    It is what `opentelemetry-instrument` finds. A client with a `telemetry` of its own keeps that.
    """

    def instrument(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool | None = None,
        propagate: bool = True,
        **others: Any,
    ) -> None:
        """Switches it on; the arguments are those of `Telemetry`, and `others` are of no meaning here."""
        if PROCESS.telemetry is not None:
            LOG.warning("telemetry is on already: it stays as it is")
            return
        PROCESS.telemetry = Telemetry(
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            capture_content=capture_content,
            propagate=propagate,
        )

    def uninstrument(self, **others: Any) -> None:
        """Switches it off for the calls that begin from now on."""
        PROCESS.telemetry = None

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether it is on."""
        return PROCESS.telemetry is not None
