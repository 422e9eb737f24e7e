"""Telemetry for all clients of the process, as OpenTelemetry's own instrumentors switch it."""

from __future__ import annotations

import logging
from typing import Any, Unpack, cast

from horay_async._observer_defaults import process_defaults
from horay_async.integrations.otel.telemetry import Telemetry, TelemetryParams

LOG = logging.getLogger("horay_async")


class HorayInstrumentor:
    """Switches telemetry on and off for all clients of the process, those that exist included.

    It is what `opentelemetry-instrument` finds. A client with a `telemetry` of its own keeps that.
    """

    def instrument(self, **params: Unpack[TelemetryParams]) -> None:
        """Switches it on. What `opentelemetry-instrument` passes beside those is of no meaning here."""
        if process_defaults.telemetry is not None:
            LOG.warning("telemetry is on already: it stays as it is")
            return
        names = TelemetryParams.__annotations__
        known = {name: value for name, value in params.items() if name in names}
        process_defaults.telemetry = Telemetry(**cast("TelemetryParams", known))

    def uninstrument(self, **others: Any) -> None:
        """Switches it off for the calls that begin from now on."""
        process_defaults.telemetry = None

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether it is on."""
        return process_defaults.telemetry is not None
