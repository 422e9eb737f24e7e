"""Runs of tools, and the tools: a span of kind INTERNAL each. The requests and the tools of a run are below its span."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

from opentelemetry import propagate
from opentelemetry.context import Context, create_key, get_value, set_value

from horay_async._observers import RunEnded
from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.content import set_content, set_input, set_output, tool_result
from horay_async.integrations.otel.metrics import RunMetrics, usage_of
from horay_async.integrations.otel.requests import DescribedRequest
from horay_async.integrations.otel.spans import OwnSpan, TelemetrySettings, message_of
from horay_async.models.chat import ToolCall
from horay_async.models.events import ToolResult

NOT_OF_RUNS: Final = {
    "gen_ai.request.reasoning.level",
    "gen_ai.request.stream",
    "gen_ai.request.top_k",
}
"""What the conventions have on the spans of single requests alone."""

CURRENT_TOOL = create_key("horay-tool-span")
"""Under which the `ToolSpan` of the tool that is run is found."""


class RunSpan(OwnSpan):
    """The span of one run. What fails at its end is left to `contained`."""

    def __init__(
        self,
        settings: TelemetrySettings,
        metrics: RunMetrics,
        run: DescribedRequest,
        contained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._contained = contained
        attributes = run.attributes(settings.version)
        self._measured: dict[str, Any] = {
            name: value for name, value in run.identity.items() if name == "gen_ai.request.model"
        }
        attributes = {name: value for name, value in attributes.items() if name not in NOT_OF_RUNS}
        # A run has no name, so that its span is named for the operation alone.
        super().__init__(settings.tracer, run.operation, attributes)
        if settings.capture:
            set_input(self.span, run.body)

    def on_end(self, ended: RunEnded) -> None:
        """Records what came of the run, and ends the span."""
        seconds = time.perf_counter() - self.began
        span, metrics = self.span, self._metrics
        with self._contained():
            try:
                kind, message = None, None
                if isinstance(error := ended.error, Exception):
                    kind = type(error).__qualname__
                    message = message_of(error, capture=self._settings.capture)
                ending = self.tell_outcome(kind, message, complete=ended.complete)
                metrics.run.record(seconds, self._measured | ending, self.context)
                metrics.inference_calls.record(ended.inference_calls, context=self.context)
                metrics.tool_calls.record(ended.tool_calls, context=self.context)
                if span.is_recording():
                    self._record(ended)
            finally:
                span.end()

    def _record(self, ended: RunEnded) -> None:
        spent = [usage_of(usage, "invoke_agent") for usage in ended.usages if usage is not None]
        for name in ("input_tokens", "output_tokens"):
            counts = [usage[name] for usage in spent if name in usage]
            if counts and len(counts) == len(ended.usages):  # a part would look like the whole
                self.span.set_attribute(f"gen_ai.usage.{name}", sum(counts))
        if ended.response is not None:
            set_output(self.span, ended.response, self._settings)


class ToolSpan(OwnSpan):
    """The span of one call of a tool."""

    def __init__(
        self, settings: TelemetrySettings, call: ToolCall, description: str | None
    ) -> None:
        self.settings = settings
        name = well_formed(call.function.name)
        self._known = description is not None
        self._measured: dict[str, Any] = {"gen_ai.tool.name": name, "gen_ai.tool.type": "function"}
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.id": well_formed(call.id),
            **self._measured,
        }
        if description:
            attributes["gen_ai.tool.description"] = well_formed(description)
        if settings.capture:
            attributes["gen_ai.tool.call.arguments"] = well_formed(call.function.arguments)
        super().__init__(settings.tracer, f"execute_tool {name}", attributes)
        self.context: Context = set_value(CURRENT_TOOL, self, self.context)

    def on_end(self, ended: ToolResult | None) -> None:
        """Ends the span; `ended` is None where the tool was cancelled."""
        span = self.span
        try:
            kind = None
            if ended is not None and ended.error is not None:
                # An error can name its type itself, as MCP's does.
                kind = getattr(ended.error, "telemetry_type", type(ended.error).__qualname__)
            elif ended is not None and self.settings.capture:
                content = ended.content
                set_content(span, "gen_ai.tool.call.result", lambda: tool_result(content))
            ending = self.tell_outcome(kind, complete=ended is not None)
            # Names that a model has made up have no measurements: there is no end of them.
            if self.settings.run_metrics is not None and self._known:
                seconds = time.perf_counter() - self.began
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
    if isinstance(tool := get_value(CURRENT_TOOL), ToolSpan):
        tool.span.set_attribute("mcp.method.name", "tools/call")
        if request_id is not None:
            tool.span.set_attribute("jsonrpc.request.id", str(request_id))
        if tool.settings.propagate:
            with suppress(Exception):  # a propagator may be anybody's: the call goes without
                propagate.inject(carrier)
    return carrier
