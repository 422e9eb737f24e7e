"""Typed answers and tools against llama.cpp, which holds its model to the schema by a grammar."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import attrs
import pydantic
import pytest

from horay_async import MessageDict
from horay_async.client import AsyncHoray
from horay_async.local import LocalServer
from horay_async.models.events import AnswerParsed, PartialObject, ToolResult
from horay_async.tools.define import pydantic_function_tool, tool

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """A server on the default model."""
    with LocalServer() as running:
        yield running


@pytest.fixture
async def client(server: LocalServer) -> AsyncIterator[AsyncHoray]:
    """A client of it."""
    async with AsyncHoray(server.api_key, base_url=server.base_url) as client:
        yield client


class Currency(Enum):
    """What is paid with."""

    EURO = "EUR"
    DOLLAR = "USD"


@dataclasses.dataclass
class Cash:
    """Paid at once."""

    kind: Literal["cash"]
    currency: Currency


@dataclasses.dataclass
class Card:
    """Paid later."""

    kind: Literal["card"]
    due: date


@attrs.define
class Invoice:
    """One of everything that a field can be, short enough for a small model to finish."""

    price: Decimal
    paid: bool
    size: tuple[int, int]
    payment: Cash | Card | None


@attrs.define
class Verdict:
    """A short response."""

    sky: Literal["red", "blue"]


def dot(one: list[float], other: list[float]) -> float:
    """The product of two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def ask(text: str) -> list[MessageDict]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


async def test_many_seeds(client: AsyncHoray) -> None:
    """Choices, each of a seed of its own, all fit the class. A hundred do as well, and take six times as
    long.
    """
    response = await client.chat.completions.parse(
        model="local",
        messages=ask("The sky?"),
        response_format=Verdict,
        n=16,
        seed=1,
        temperature=0.5,
        max_tokens=64,
    )
    verdicts = [choice.message.parsed for choice in response.choices]
    assert len(verdicts) == 16
    assert all(isinstance(verdict, Verdict) for verdict in verdicts)


async def test_stream(client: AsyncHoray) -> None:
    """The object fills, and ends as the instance."""
    async with client.chat.completions.stream(
        model="local",
        messages=ask("I paid 12.50 for a box of 3 by 4. Answer as JSON."),
        response_format=Invoice,
        seed=1,
        temperature=0,
        max_tokens=200,
    ) as events:
        partial: Any = None
        parsed = None
        async for event in events:
            if isinstance(event, PartialObject):
                partial = event.value
            elif isinstance(event, AnswerParsed):
                parsed = event.parsed
    assert isinstance(parsed, Invoice)
    assert list(partial) == ["price", "paid", "size", "payment"]
    assert partial["size"] == list(parsed.size)


async def test_run_tools(client: AsyncHoray) -> None:
    """The model is made to call a function, which is called with what it says, and then responds."""
    asked: list[tuple[str, int]] = []

    @tool
    def weather(city: Literal["Rome", "Oslo"], days: int) -> str:
        """The weather of a city in the days to come."""
        asked.append((city, days))
        return "It will be sunny, with 25 degrees."

    run = client.chat.completions.run_tools(
        model="local",
        messages=ask("How will the weather be in Rome in 2 days?"),
        tools=[weather],
        tool_choice="required",
        seed=1,
        temperature=0,
        max_tokens=60,
    )
    results = [event async for event in run if isinstance(event, ToolResult)]
    assert [result.error for result in results] == [None]
    assert asked[0][0] in ("Rome", "Oslo")
    assert (await run.final()).choices[0].message.content


# --- programs written for the openai package, with other imports: `AsyncHoray as AsyncOpenAI`, and
# `import horay_async as openai`


class Step(pydantic.BaseModel):
    """One step. Words of the model's own choosing could go on for ever with one so small."""

    doing: Literal["subtract", "divide"]
    by: Literal[1, 2]


class Solution(pydantic.BaseModel):
    """How to solve it."""

    first_step: Step
    final_response: Literal[1, 2, 3]


class GetForecast(pydantic.BaseModel):
    """Asks for the forecast."""

    city: Literal["Rome", "Oslo"]
    country: Literal["Italy", "Norway"]


async def test_parsing_as_with_openai(client: AsyncHoray) -> None:
    """A pydantic model as the format: `message.parsed` is an instance of it."""
    completion = await client.chat.completions.parse(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": "You are a maths tutor. Be very brief."},
            {"role": "user", "content": "Solve x + 1 = 3"},
        ],
        response_format=Solution,
        seed=1,
        temperature=0,
        max_tokens=200,
    )
    message = completion.choices[0].message
    assert message.parsed
    assert isinstance(message.parsed.first_step, Step)
    assert message.parsed.final_response in (1, 2, 3)
    assert message.refusal is None


async def test_tools_as_with_openai(client: AsyncHoray) -> None:
    """A pydantic model as a tool: `function.parsed_arguments` is an instance of it."""
    completion = await client.chat.completions.parse(
        model="gpt-4o",
        messages=[{"role": "user", "content": "How is the weather in Rome?"}],
        tools=[pydantic_function_tool(GetForecast, name="get_forecast")],
        tool_choice="required",
        seed=1,
        temperature=0,
    )
    tool_call = (completion.choices[0].message.tool_calls or [])[0]
    assert tool_call.function.name == "get_forecast"
    assert isinstance(tool_call.function.parsed_arguments, GetForecast)


async def test_embeddings(client: AsyncHoray) -> None:
    """Vectors of the model, whose closeness says something; shortened ones, and token ids."""
    texts = ["The cat sleeps.", "A cat is sleeping.", "Stock prices fell sharply in May."]
    response = await client.embeddings.create(model="m", input=texts)
    plain = await client.embeddings.create(model="m", input=texts, encoding_format="float")
    short = await client.embeddings.create(model="m", input=[[1, 2, 3]], dimensions=16)
    first, second, third = (item.embedding for item in response)
    assert [item.array for item in response] == [item.array for item in plain]
    assert dot(first, second) > dot(first, third)
    assert len(short.data[0].array) == 16
    assert response.usage is not None
    assert response.usage.total_tokens > 10


async def test_retrieve(client: AsyncHoray) -> None:
    """Each listed model can be asked for by its id, slashes and all; and by any name that a chat may give."""
    listed = await client.models.list()
    assert any("/" in model.id for model in listed)
    for model in listed:
        assert await client.models.retrieve(model.id) == model
    (loaded,) = (model for model in listed if model.owned_by.startswith("llama.cpp"))
    assert await client.models.retrieve("meta-llama/none") == loaded
