"""LlamaIndex on this client, through openai's classes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import openai
import pytest

from horay_async.testing import FaultServer, error

pytest.importorskip("llama_index.llms.openai", reason="the tox environment `llama-index`")

llms: Any = import_module("llama_index.llms.openai")
core: Any = import_module("llama_index.core.llms")
tools: Any = import_module("llama_index.core.tools")

pytestmark = pytest.mark.anyio


def model(client: Any, blocking_client: Any) -> Any:
    """A model on the clients; LlamaIndex asks for a name that it knows."""
    return llms.OpenAI(
        model="gpt-4o-mini",
        openai_client=blocking_client,
        async_openai_client=client,
        max_retries=0,
        reuse_client=True,
    )


def messages(text: str) -> Any:
    """A conversation."""
    return [core.ChatMessage(role="user", content=text)]


async def test_call_and_retry(client: Any, blocking_client: Any, server: FaultServer) -> None:
    """A call, whose 429 is retried beneath it, awaited and blocking."""
    server.add(error(429, retry_after=0.001, form="ms"))
    made = model(client, blocking_client)
    assert (await made.achat(messages("Hello"))).message.content == "You said: Hello"
    assert made.chat(messages("Hello")).message.content == "You said: Hello"
    assert len(server.requests) == 3


async def test_stream(client: Any, blocking_client: Any) -> None:
    """Text as it comes."""
    made = model(client, blocking_client)
    texts = [part.delta async for part in await made.astream_chat(messages("Hello there"))]
    assert "".join(text or "" for text in texts) == "You said: Hello there"


async def test_tool(client: Any, blocking_client: Any) -> None:
    """The model asks for a function of the program."""

    def weather(city: str) -> str:
        """The weather in a city."""
        return f"snow in {city}"

    made = model(client, blocking_client)
    tool = tools.FunctionTool.from_defaults(fn=weather)
    response = await made.achat_with_tools([tool], user_msg="How is 'Oslo'?")
    (call,) = made.get_tool_calls_from_response(response)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Oslo"})


async def test_cut_stream(client: Any, blocking_client: Any, server: FaultServer) -> None:
    """A stream that is cut raises."""
    server.stream(["one", " two"], done=False, finish_reason=None)
    with pytest.raises(openai.APIConnectionError, match="incomplete"):
        async for _ in await model(client, blocking_client).astream_chat(messages("Hello")):
            pass
