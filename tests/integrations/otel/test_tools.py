"""Tools that `run_tools` runs: spans of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from horay_async import tool
from horay_async.testing import FaultServer
from tests.tools.responses import calling, saying

from .conventions import EXECUTE_TOOL, OPT_IN, check

if TYPE_CHECKING:
    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

seen: list[int] = []
"""The current span while a tool ran."""


@tool
def weather(city: str) -> dict[str, str]:
    """The weather of a city."""
    seen.append(trace.get_current_span().get_span_context().span_id)
    return {"sky": "clear", "city": city}


@tool
async def fail() -> str:
    """Fails."""
    raise RuntimeError("s3cret")


async def run(client: Any) -> None:
    """A question that takes tools to respond."""
    await client.chat.completions.run_tools(
        model="m", messages=[{"role": "user", "content": "?"}], tools=[weather, fail]
    ).final()


@pytest.mark.parametrize("capture", [False, True])
async def test_spans_of_tools(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, capture: bool
) -> None:
    """Each has the conventions' attributes, what it was called with only on request, and is current."""
    seen.clear()
    fault_server.add(calling(("weather", {"city": "Berlin"})), saying("Clear."))
    async with connect(telemetry=recorded.telemetry(capture_content=capture)) as client:
        await run(client)
    assert [span.name for span in recorded.spans] == [
        "chat m",
        "execute_tool weather",
        "chat m",
        "invoke_agent",
    ]
    span = recorded.spans[1]
    attributes: dict[str, Any] = dict(span.attributes or {})
    known = check(attributes, EXECUTE_TOOL)
    optional = {name for name, (level, _) in EXECUTE_TOOL.items() if level == OPT_IN}
    assert known == EXECUTE_TOOL.keys() - {"error.type"} - (set() if capture else optional)
    assert span.kind is SpanKind.INTERNAL
    assert attributes["gen_ai.tool.call.id"] == "id0"
    assert attributes["gen_ai.tool.description"] == "The weather of a city."
    found = span.get_span_context()
    assert found is not None
    assert seen == [found.span_id]
    if capture:
        assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {"city": "Berlin"}
        assert json.loads(attributes["gen_ai.tool.call.result"])["sky"] == "clear"


@pytest.mark.parametrize(("name", "kind"), [("fail", "RuntimeError"), ("gone", "LookupError")])
async def test_tools_that_fail(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, name: str, kind: str
) -> None:
    """A tool's failure is told by its class; a tool that doesn't exist fails too."""
    fault_server.add(calling((name, {})), saying("Sorry."))
    async with connect(telemetry=recorded.telemetry()) as client:
        await run(client)
    span = recorded.spans[1]
    assert span.name == f"execute_tool {name}"
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == kind
    assert "s3cret" not in span.to_json()
