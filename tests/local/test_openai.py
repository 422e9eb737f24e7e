"""The local server under a client that wasn't made here: the `openai` package."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import openai
import pytest

from horay_async.local import LocalServer

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
GERMANY = "The capital of Germany is"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the weather in Paris?"}
]


@pytest.fixture
def client(server: LocalServer) -> Iterator[openai.OpenAI]:
    """The package's blocking client."""
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url) as made:
        yield made


@pytest.fixture
async def async_client(server: LocalServer) -> AsyncIterator[openai.AsyncOpenAI]:
    """The package's asynchronous client."""
    async with openai.AsyncOpenAI(api_key=server.api_key, base_url=server.base_url) as made:
        yield made


def test_models(client: openai.OpenAI, server: LocalServer) -> None:
    """The model list is one that the package understands."""
    assert next(iter(client.models.list())).id == server.model


def test_chat(client: openai.OpenAI) -> None:
    """A whole chat response, its usage, and what the package adds to make of it."""
    response = client.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0, max_completion_tokens=3, n=2, logprobs=True
    )
    assert [choice.index for choice in response.choices] == [0, 1]
    for choice in response.choices:
        assert choice.message.role == "assistant"
        assert "Hello" in (choice.message.content or "")
        assert choice.finish_reason == "length"
        assert choice.logprobs is not None
        assert len(choice.logprobs.content or []) == 3
    assert response.usage is not None
    assert response.usage.completion_tokens == 6
    assert response._request_id


def test_completion(client: openai.OpenAI) -> None:
    """A whole completion."""
    response = client.completions.create(
        model=MODEL, prompt=GERMANY, temperature=0, max_tokens=4, stop=["\n"], echo=True
    )
    assert response.choices[0].text == GERMANY + " Berlin."
    assert response.choices[0].finish_reason == "stop"


def test_streams(client: openai.OpenAI) -> None:
    """Both streams, to the end and left early."""
    pieces = client.completions.create(
        model=MODEL, prompt=GERMANY, temperature=0, max_tokens=4, stream=True
    )
    assert "".join(piece.choices[0].text for piece in pieces).startswith(" Berlin.")
    with client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, max_tokens=500
    ) as chunks:
        assert next(chunks).choices[0].delta.role == "assistant"


def test_stream_helper(client: openai.OpenAI) -> None:
    """The package's accumulating stream ends with the whole response and its usage."""
    with client.chat.completions.stream(
        model=MODEL,
        messages=HELLO,
        temperature=0,
        max_tokens=4,
        stream_options={"include_usage": True},
    ) as events:
        kinds = {event.type for event in events}
        # Its own parsing step refuses responses that were cut by max_tokens; the snapshot is whole.
        final = events.current_completion_snapshot
    assert {"chunk", "content.delta"} <= kinds
    assert final.usage is not None
    assert final.usage.completion_tokens == 4
    assert "Hello" in (final.choices[0].message.content or "")


def test_tool_call(client: openai.OpenAI) -> None:
    """A required call is one to the package as well, whole and streamed; its result is taken."""
    response = client.chat.completions.create(
        model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", temperature=0
    )
    message = response.choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}

    with client.chat.completions.stream(
        model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", temperature=0
    ) as events:
        streamed = events.get_final_completion().choices[0]
    assert streamed.finish_reason == "tool_calls"
    assert streamed.message.tool_calls is not None
    assert streamed.message.tool_calls[0].function.arguments == call.function.arguments

    followed = client.chat.completions.create(
        model=MODEL,
        messages=[
            *QUESTION,
            {"role": "assistant", "tool_calls": [call.to_dict()]},  # type: ignore[list-item] # pyright: ignore[reportArgumentType] - any JSON object
            {"role": "tool", "tool_call_id": call.id, "content": "18 degrees, sunny"},
        ],
        temperature=0,
        max_tokens=24,
    )
    assert "18 degrees" in (followed.choices[0].message.content or "")


def test_response_format(client: openai.OpenAI) -> None:
    """JSON by a schema is what the package expects of it."""
    response = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "greeting",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"loud": {"type": "boolean"}},
                    "required": ["loud"],
                },
            },
        },
    )
    assert isinstance(json.loads(response.choices[0].message.content or "")["loud"], bool)


def test_errors(client: openai.OpenAI) -> None:
    """Refusals become the package's error classes, with the field that was wrong."""
    with pytest.raises(openai.BadRequestError, match="temperature must be") as caught:
        client.completions.create(model=MODEL, prompt=GERMANY, temperature=3)
    assert caught.value.param == "temperature"
    assert caught.value.code == "invalid_value"
    with pytest.raises(openai.AuthenticationError, match="API key is missing or wrong"):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.NotFoundError):
        client.get("/nothing", cast_to=object)


def test_embeddings(client: openai.OpenAI, server: LocalServer) -> None:
    """Vectors, which the package asks for as base64 by itself, and a model by its id."""
    packed = client.embeddings.create(model=MODEL, input=["One", "Two"])
    plain = client.embeddings.create(model=MODEL, input=["One", "Two"], encoding_format="float")
    assert packed.model == client.models.retrieve(server.model).id == server.model
    assert client.models.retrieve(MODEL).id == server.model  # whatever name was asked for
    assert [one.index for one in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-5)
    assert packed.usage == plain.usage


@pytest.mark.anyio
async def test_async(async_client: openai.AsyncOpenAI, server: LocalServer) -> None:
    """The asynchronous client: models, a response, a stream."""
    models = [model.id async for model in async_client.models.list()]
    assert models[0] == server.model
    response = await async_client.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0, max_tokens=3
    )
    content = response.choices[0].message.content
    assert content is not None
    stream = await async_client.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0, max_tokens=3, stream=True
    )
    async with stream:
        streamed = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(streamed) == content
