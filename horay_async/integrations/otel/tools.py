"""Tools that are run: a span and a measurement each."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.trace import SpanKind, Status, StatusCode

from horay_async._observers import ToolEnded, ToolStarted
from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.content import set_content, tool_result
from horay_async.integrations.otel.spans import OwnSpan, TelemetrySettings, outcome

CURRENT = create_key("horay-tool-span")
"""Under which the `ToolSpan` of the tool that is run is found."""


class ToolSpan(OwnSpan):
    """The span of one call of a tool."""

    def __init__(self, settings: TelemetrySettings, tool: ToolStarted) -> None:
        self._began = time.perf_counter()
        self.settings = settings
        name = well_formed(tool.name)
        self._known = tool.description is not None
        self._measured: dict[str, Any] = {"gen_ai.tool.name": name, "gen_ai.tool.type": "function"}
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.id": well_formed(tool.call_id),
            **self._measured,
        }
        if tool.description:
            attributes["gen_ai.tool.description"] = well_formed(tool.description)
        if settings.capture:
            attributes["gen_ai.tool.call.arguments"] = well_formed(tool.arguments)
        super().__init__(
            settings.tracer, f"execute_tool {name}", attributes, kind=SpanKind.INTERNAL
        )
        self.context: Context = set_value(CURRENT, self, self.context)

    def on_end(self, ended: ToolEnded | None) -> None:
        """Ends the span; `ended` is None where the tool was cancelled."""
        span = self.span
        try:
            kind = None
            if ended is not None and ended.error is not None:
                # An error can name its type itself, as MCP's does.
                kind = getattr(ended.error, "telemetry_type", type(ended.error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
            elif ended is not None and self.settings.capture:
                content = ended.content
                set_content(span, "gen_ai.tool.call.result", lambda: tool_result(content))
            ending = outcome(kind, complete=ended is not None)
            span.set_attributes(ending)
            # Names that a model has made up have no measurements: there is no end of them.
            if self.settings.run_metrics is not None and self._known:
                seconds = time.perf_counter() - self._began
                self.settings.run_metrics.tool.record(
                    seconds, self._measured | ending, self.context
                )
        finally:
            span.end()


def mcp_call(request_id: int | None) -> dict[str, str]:
    """Notes on the span of the tool that is run that it calls an MCP server; returns the trace context to send
    along. There is no second span for the same call (semantic conventions, docs/gen-ai/mcp.md, "Client").
    """
    carrier: dict[str, str] = {}
    if isinstance(tool := get_value(CURRENT), ToolSpan):
        tool.span.set_attribute("mcp.method.name", "tools/call")
        if request_id is not None:
            tool.span.set_attribute("jsonrpc.request.id", str(request_id))
        if tool.settings.propagate:
            with suppress(Exception):  # a propagator may be anybody's: the call goes without
                propagate.inject(carrier)
    return carrier
