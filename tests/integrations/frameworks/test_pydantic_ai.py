"""pydantic-ai on this client, through openai's class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from horay_async.testing import FaultServer, error

pytest.importorskip("pydantic_ai", reason="the tox environment `pydantic-ai`")

ai: Any = import_module("pydantic_ai")
models: Any = import_module("pydantic_ai.models.openai")
providers: Any = import_module("pydantic_ai.providers.openai")
exceptions: Any = import_module("pydantic_ai.exceptions")

pytestmark = pytest.mark.anyio


def agent(client: Any, **options: Any) -> Any:
    """An agent on the client."""
    provider = providers.OpenAIProvider(openai_client=client)
    return ai.Agent(models.OpenAIChatModel("m", provider=provider), **options)


async def test_call_and_retry(client: Any, server: FaultServer) -> None:
    """A run, whose 429 is retried beneath it."""
    server.add(error(429, retry_after=0.001, form="ms"))
    assert (await agent(client).run("Hello")).output == "You said: Hello"
    assert len(server.requests) == 2


async def test_stream(client: Any) -> None:
    """Text as it comes."""
    async with agent(client).run_stream("Hello there") as result:
        texts = [text async for text in result.stream_text(delta=True, debounce_by=None)]
    assert "".join(texts) == "You said: Hello there"


async def test_tool(client: Any) -> None:
    """The model calls a function of the program."""
    found: list[str] = []
    made = agent(client)

    def weather(city: str) -> str:
        """The weather in a city."""
        found.append(city)
        return f"snow in {city}"

    made.tool_plain(weather)
    assert (await made.run("How is 'Oslo'?")).output == "The tool says: snow in Oslo"
    assert found == ["Oslo"]


async def test_structured(client: Any) -> None:
    """The response as an instance of a class."""

    class City(BaseModel):
        name: str

    result = await agent(client, output_type=City).run("Name 'Oslo'")
    assert result.output == City(name="Oslo")


async def test_cut_stream(client: Any, server: FaultServer) -> None:
    """A stream that is cut raises."""
    server.stream(["one", " two"], done=False, finish_reason=None)

    async def read() -> None:
        async with agent(client).run_stream("Hello") as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                pass

    with pytest.raises((import_module("openai").APIConnectionError, exceptions.ModelAPIError)):
        await read()
