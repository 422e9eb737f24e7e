"""What both readers of event streams know a stream by: how it ends, fails, and isn't one. Pure."""

from __future__ import annotations

from horay_async._protocol.wire.decode import reports_failure
from horay_async._protocol.wire.errors import ErrorContext, bad_response, stream_error
from horay_async.errors import APIError

__all__ = ["DONE", "ERROR", "OPENING", "misnamed"]

DONE = b"[DONE]"
"""The data that ends a stream of OpenAI's family, whatever else ends it."""
ERROR = "error"
"""The name of an event that reports a failure, whatever its data."""
OPENING = 2**14
"""Bytes that are kept of a body without an event: an error that was sent as one is hardly longer."""


def misnamed(opening: bytes | None, context: ErrorContext) -> APIError | None:
    """What a body is that was sent as an event stream and isn't one: JSON, or a page. `opening` is its beginning;
    None once an event has come.
    """
    opening = (opening or b"").lstrip()
    if not opening.startswith((b"{", b"[", b"<", b'"')):
        return None
    if reports_failure(opening):
        return stream_error(opening, context=context)
    return bad_response("isn't an event stream", opening, context=context)
