"""Calls that have nothing generated: spans by the conventions for HTTP clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import Tracer

from horay_async._observers import CallEnded, CallStarted
from horay_async.errors import APIStatusError
from horay_async.integrations.otel.requests import server
from horay_async.integrations.otel.spans import CallSpan
from horay_async.models._base import Response

TEMPLATES = frozenset({"/models", "/user/info"})
"""Paths of which there aren't any number, so that they may stand in a span's name."""


class PlainCall(CallSpan):
    """The span of one call."""

    def __init__(self, tracer: Tracer, call: CallStarted, *, propagate: bool) -> None:
        method, path = call.method, call.path
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.full": call.url,
            **server(call.url),
        }
        name = method
        if path in TEMPLATES:
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
