"""Tools of MCP servers: what telemetry tells of them, with versions 1 and 2 of the `mcp` package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mcp", reason="the extra `mcp`")

from opentelemetry import trace

from horay_async.testing import FaultServer
from tests.integrations.scripted_model import scripted_model
from tests.integrations.test_mcp import NEW, Server, run_one, session_of

from .conventions import EXECUTE_TOOL, MCP, check

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio


def tool_span(recorded: Recorded) -> ReadableSpan:
    """The only span of a tool."""
    (span,) = [span for span in recorded.spans if span.name.startswith("execute_tool")]
    return span


class Listening(Server):
    """A server that notes the trace context that comes with calls."""

    def __init__(self) -> None:
        super().__init__()
        self.trace_ids: list[str] = []

        def traced(city: str) -> str:
            """Notes what came along."""
            if NEW:  # which makes it the current one
                found = trace.get_current_span().get_span_context().trace_id
                self.trace_ids.append(f"{found:032x}")
            else:
                meta = self.app.get_context().request_context.meta
                parent = getattr(meta, "traceparent", "--")
                self.trace_ids.append(parent.split("-")[1])
            return city

        self.app.tool()(traced)


async def test_span_of_an_mcp_tool(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The span of the tool has the attributes of an MCP call: there is no second one for the same call."""
    fault_server.always(scripted_model)
    telemetry = recorded.telemetry()
    async with connect(telemetry=telemetry) as client, session_of(Server()) as session:
        await run_one(client, session, "add", "3 and 3")
    span = tool_span(recorded)
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert check(attributes, {**EXECUTE_TOOL, **MCP}) >= {"mcp.method.name", "gen_ai.tool.name"}
    assert attributes["mcp.method.name"] == "tools/call"
    assert ("jsonrpc.request.id" in attributes) is not NEW  # which has a span with it


async def test_errors_of_mcp_tools(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """An error in a result has the conventions' type."""
    fault_server.always(scripted_model)
    async with connect(telemetry=recorded.telemetry()) as client, session_of(Server()) as session:
        await run_one(client, session, "failing", "of 'rust'")
    assert dict(tool_span(recorded).attributes or {})["error.type"] == "tool_error"


@pytest.mark.parametrize("propagate", [True, False])
async def test_context_for_the_server(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, propagate: bool
) -> None:
    """The server is sent the trace context in `_meta`, unless it is kept back."""
    if NEW and not propagate:
        pytest.skip("version 2 of mcp sends the context by itself")
    fault_server.always(scripted_model)
    server = Listening()
    telemetry = recorded.telemetry(propagate=propagate)
    async with connect(telemetry=telemetry) as client, session_of(server) as session:
        await run_one(client, session, "traced", "of 'Rome'")
    found = tool_span(recorded).get_span_context()
    assert found is not None
    assert server.trace_ids == [f"{found.trace_id:032x}" if propagate else ""]


async def test_nothing_without_telemetry(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Without telemetry a span of the program's own is left as it is."""
    fault_server.always(scripted_model)
    tracer = recorded.tracer_provider.get_tracer("test")
    async with connect() as client, session_of(Server()) as session:
        with tracer.start_as_current_span("mine"):
            assert (await run_one(client, session, "add", "3 and 3")).content == "6"
    assert not recorded.attributes
