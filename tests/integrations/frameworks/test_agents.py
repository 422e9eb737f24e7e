"""The OpenAI Agents SDK on this client, through openai's class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import openai
import pytest

from horay_async.testing import FaultServer, error

pytest.importorskip("agents", reason="the tox environment `openai-agents`")

agents: Any = import_module("agents")

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def untraced() -> None:
    """No traces are sent anywhere."""
    agents.set_tracing_disabled(True)


def agent(client: Any, **options: Any) -> Any:
    """An agent on the client."""
    model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
    return agents.Agent(name="one", model=model, **options)


async def test_call_and_retry(client: Any, server: FaultServer) -> None:
    """A run, whose 429 is retried beneath it."""
    server.add(error(429, retry_after=0.001, form="ms"))
    result = await agents.Runner.run(agent(client), "Hello")
    assert result.final_output == "You said: Hello"
    assert len(server.requests) == 2


async def test_stream_and_tool(client: Any) -> None:
    """A streamed run in which the model calls a function of the program."""

    def weather(city: str) -> str:
        """The weather in a city."""
        return f"snow in {city}"

    made = agent(client, tools=[agents.function_tool(weather)])
    result = agents.Runner.run_streamed(made, "How is 'Oslo'?")
    events = [event.type async for event in result.stream_events()]
    assert result.final_output == "The tool says: snow in Oslo"
    assert "raw_response_event" in events


async def test_cut_stream(client: Any, server: FaultServer) -> None:
    """A stream that is cut raises."""
    server.stream(["one", " two"], done=False, finish_reason=None)
    result = agents.Runner.run_streamed(agent(client), "Hello")
    with pytest.raises(openai.APIConnectionError, match="incomplete"):
        async for _ in result.stream_events():
            pass
