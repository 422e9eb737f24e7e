"""What observers share: the telemetry of all clients of the process, and how their failures are logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from horay_async._observers import TelemetryObserver

LOG = logging.getLogger("horay_async")


class ProcessDefaults:
    """What is set for all clients of the process."""

    telemetry: TelemetryObserver | None = None
    """Observes the calls of the clients that have no `telemetry` of their own."""


process_defaults = ProcessDefaults()


class LogOnce:
    """Logs the failures of observers: each kind once, not with each call."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, type[BaseException]]] = set()

    def error(self, source: str, error: BaseException) -> None:
        """Logs `error`, with its traceback, unless one of its class from `source` was logged before."""
        if (source, type(error)) not in self._logged:
            self._logged.add((source, type(error)))
            LOG.error(
                "%s failed, which the call doesn't notice; logged once: %r",
                source,
                error,
                exc_info=error,
            )
