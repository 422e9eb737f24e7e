"""The client against a server that wasn't made here: llama.cpp's own, over HTTP."""

from __future__ import annotations

import importlib
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from horay_async import (
    AsyncHoray,
    AuthenticationError,
    BadRequestError,
    ChatMessage,
    ChatParams,
    FunctionCall,
    Horay,
    MessageDict,
    NotFoundError,
    ToolCall,
    ToolDict,
)
from horay_async.local import weights
from horay_async.local.templates import CHATML_WITH_TOOLS

KEY = "llama-key-123456"
MODEL = "any"
GERMANY = "The capital of Germany is"
HELLO: list[MessageDict] = [{"role": "user", "content": "Say hello."}]
WEATHER: ToolDict = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def start(template: str = "") -> Any:
    """llama.cpp's server as its binding starts it, on the default weights."""
    binding: Any = importlib.import_module("xllamacpp")
    params = binding.CommonParams()
    params.model.path = str(weights.find())
    params.api_keys = [KEY]
    params.chat_template = template
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 2048, 2, -1, False
    params.cpuparams.n_threads, params.cpuparams.poll = 1, 0
    params.endpoint_metrics = True
    server = binding.Server(params)
    server.handle_metrics()  # its loop runs: stopped before that, it would hang
    return server


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The base URL of llama.cpp's server."""
    server = start(CHATML_WITH_TOOLS)
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.anyio
async def test_models(llama: str) -> None:
    """llama.cpp's model list, which has more in it than the API's own."""
    async with AsyncHoray(KEY, base_url=llama) as client:
        (model,) = await client.models.list()
    assert model.id.endswith(weights.FILE_NAME)
    assert model.owned_by == "llamacpp"


@pytest.mark.anyio
async def test_completion(llama: str) -> None:
    """A completion and its stream say the same, and what only llama.cpp sends is kept."""
    async with AsyncHoray(KEY, base_url=llama) as client:
        whole = await client.completions.create(
            model=MODEL, prompt=GERMANY, max_tokens=4, temperature=0, seed=1
        )
        assert whole.choices[0].text.startswith(" Berlin.")
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 4
        assert whole.to_dict()["timings"]["predicted_n"] == 4
        stream = await client.completions.create(
            model=MODEL, prompt=GERMANY, max_tokens=4, temperature=0, seed=1, stream=True
        )
        text = "".join([piece async for piece in stream.text()])
    assert text == whole.choices[0].text


@pytest.mark.anyio
async def test_chat(llama: str) -> None:
    """A chat response, its stream, and the events with the whole response at their end."""
    fields: ChatParams = {"model": MODEL, "messages": HELLO, "max_tokens": 4, "temperature": 0}
    async with AsyncHoray(KEY, base_url=llama) as client:
        whole = await client.chat.completions.create(**fields)
        message = whole.choices[0].message
        assert message.role == "assistant"
        assert "Hello" in (message.content or "")
        chunks = await client.chat.completions.create(**fields, stream=True)
        assert "".join([piece async for piece in chunks.text()]) == message.content
        counted: ChatParams = {**fields, "stream_options": {"include_usage": True}}
        async with client.chat.completions.stream(**counted) as events:
            final = await events.final()
        again = await client.chat.completions.create(
            model=MODEL, messages=[*HELLO, message, *HELLO], max_tokens=1
        )
    assert final.choices[0].message.content == message.content
    assert final.choices[0].finish_reason == "length"
    assert final.usage is not None
    assert final.usage.completion_tokens == 4
    assert again.choices[0].message.role == "assistant"


@pytest.mark.anyio
async def test_choices_and_logprobs(llama: str) -> None:
    """Several choices with logprobs are merged, each in its place."""
    async with (
        AsyncHoray(KEY, base_url=llama) as client,
        client.chat.completions.stream(
            model=MODEL, messages=HELLO, n=2, max_tokens=3, seed=1, logprobs=True, top_logprobs=2
        ) as events,
    ):
        final = await events.final()
    assert [choice.index for choice in final.choices] == [0, 1]
    for choice in final.choices:
        assert choice.logprobs is not None
        tokens = choice.logprobs.content or []
        assert "".join(token.token for token in tokens) == choice.message.content
        assert all(len(token.top_logprobs) == 2 for token in tokens)


@pytest.mark.anyio
async def test_tool_call(llama: str) -> None:
    """A tool call as llama.cpp streams it, after an example that shows the model how."""
    example = ToolCall(
        id="c1", function=FunctionCall(name="get_weather", arguments='{"city": "Paris"}')
    )
    messages: list[MessageDict | ChatMessage] = [
        {"role": "user", "content": "Weather in Paris?"},
        ChatMessage(tool_calls=[example]),
        {"role": "user", "content": "Weather in Oslo?"},
    ]
    async with (
        AsyncHoray(KEY, base_url=llama) as client,
        client.chat.completions.stream(
            model=MODEL, messages=messages, tools=[WEATHER], temperature=0, max_tokens=60
        ) as events,
    ):
        kinds = [event.type async for event in events]
        final = await events.final()
    assert final.choices[0].finish_reason == "tool_calls"
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    assert kinds.count("tool_call_done") == 1


@pytest.mark.anyio
async def test_errors(llama: str) -> None:
    """llama.cpp's refusals become the classes of their status, in its words."""
    async with AsyncHoray(KEY, base_url=llama) as client:
        with pytest.raises(NotFoundError):
            await client.user.info()
        with pytest.raises(BadRequestError, match="exceeds the available context size") as caught:
            await client.completions.create(model=MODEL, prompt="word " * 3000)
        assert caught.value.type == "exceed_context_size_error"
        with pytest.raises(BadRequestError, match="context size"):
            await client.completions.create(model=MODEL, prompt="word " * 3000, stream=True)
        with pytest.raises(AuthenticationError) as refused:
            await (
                client.with_options(base_url=llama)
                .with_options(max_retries=0)
                .models.list(extra_headers={"Authorization": "Bearer wrong"})
            )
    assert refused.value.status_code == 401


def test_blocking(llama: str) -> None:
    """The blocking client does the same."""
    with Horay(KEY, base_url=llama) as client:
        assert len(client.models.list()) == 1
        response = client.completions.create(
            model=MODEL, prompt=GERMANY, max_tokens=2, temperature=0
        )
        assert "Berlin" in response.choices[0].text
        with client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=3, temperature=0, stream=True
        ) as chunks:
            assert "Hello" in "".join(chunks.text())
        with pytest.raises(NotFoundError):
            client.images.generate(model=MODEL, prompt="an island", image_size="768x512")


def test_template_without_tools(llama: str) -> None:
    """Without tools the local server's template writes what the model's own writes."""
    own = start()
    user, system = {"role": "user", "content": "hi"}, {"role": "system", "content": "Be brief."}
    assistant = {"role": "assistant", "content": "hello"}
    parts = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    for messages in (
        [user],
        [system, user],
        [user, assistant, user],
        [system, user, assistant, system, user],
        [parts],
    ):
        texts: list[str] = []
        for address in (own.listening_address, llama.removesuffix("/v1")):
            request = urllib.request.Request(
                f"{address}/apply-template",
                json.dumps({"messages": messages}).encode(),
                {"Authorization": f"Bearer {KEY}"},
            )
            with urllib.request.urlopen(request) as response:
                texts.append(json.load(response)["prompt"])
        assert texts[0] == texts[1]
