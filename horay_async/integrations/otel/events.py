"""The event of a call that failed."""

from __future__ import annotations

import time
import traceback
from typing import Any, Final

from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.context import Context

from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.spans import message_of

NAME: Final = "gen_ai.client.operation.exception"


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
            event_name=NAME,
            attributes=attributes,
        )
    )
