"""What type checkers are to see of typed answers, tools and their events. Checked, never run.

Both are told to complain of an ignore that isn't needed, so an expected error is one that must be there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, assert_type

import attrs

from horay_async import (
    AnswerParsed,
    AsyncEventStream,
    AsyncHoray,
    AsyncToolRun,
    BatchRequest,
    ChatCompletion,
    ChatEvent,
    ChatMessage,
    EventStream,
    Horay,
    ImagePart,
    MessageDict,
    ParsedChoice,
    ParsedCompletion,
    ParsedMessage,
    ParsedToolCall,
    PartialObject,
    SystemMessage,
    TextDelta,
    TextPart,
    Tool,
    ToolCall,
    ToolDict,
    ToolMessage,
    ToolResult,
    ToolRun,
    ToolRunEvent,
    TypedChatEvent,
    UserMessage,
    parse_text,
    pydantic_function_tool,
    tool,
)

MESSAGES: list[MessageDict] = [{"role": "user", "content": "Hello"}]


@attrs.define
class Invoice:
    """An attrs class to parse into."""

    total: int


@dataclass
class Point:
    """A dataclass to parse into."""

    x: float


@tool
def weather(city: str, days: int = 1) -> str:
    """A plain tool."""
    return city * days


@tool(name="look", description="Looks.")
async def look(what: str) -> int:
    """A tool that is awaited."""
    return len(what)


async def batch(client: AsyncHoray) -> None:
    """A class in the requests of a batch."""
    request = BatchRequest.chat(model="m", messages=MESSAGES, response_format=Invoice)
    assert_type(request, BatchRequest[ParsedCompletion[Invoice]])
    async for result in client.batch.run([request]):
        assert_type(result.unwrap().choices[0].message.parsed, Invoice | None)
    plain = BatchRequest.chat(model="m", messages=MESSAGES, response_format={"type": "text"})
    assert_type(plain, BatchRequest[ChatCompletion])


async def awaited(client: AsyncHoray) -> None:
    """The asynchronous client."""
    chat = client.chat.completions
    parsed = await chat.parse(model="m", messages=MESSAGES, response_format=Invoice)
    assert_type(parsed, ParsedCompletion[Invoice])
    assert_type(parsed.choices, list[ParsedChoice[Invoice]])
    assert_type(parsed.choices[0].message, ParsedMessage[Invoice])
    assert_type(parsed.choices[0].message.parsed, Invoice | None)
    assert_type(parsed.choices[0].message.tool_calls, list[ParsedToolCall] | None)
    called = await chat.parse(model="m", messages=MESSAGES, tools=[weather])
    assert_type(called, ParsedCompletion[None])
    async with chat.stream(model="m", messages=MESSAGES, response_format=Point) as events:
        assert_type(events, AsyncEventStream[TypedChatEvent[Point], ParsedCompletion[Point]])
        assert_type(events.snapshot, ParsedCompletion[Point])
        async for event in events:
            if event.type == "partial":
                assert_type(event, PartialObject)
            if isinstance(event, AnswerParsed):
                assert_type(event.parsed, Point)
        assert_type(await events.final(), ParsedCompletion[Point])
    async with chat.stream(model="m", messages=MESSAGES, response_format={"type": "text"}) as plain:
        assert_type(plain, AsyncEventStream[ChatEvent, ChatCompletion])
    run = chat.run_tools(
        model="m", messages=MESSAGES, tools=[weather, look], max_rounds=3, approve=approve
    )
    assert_type(run, AsyncToolRun)
    assert_type(aiter(run), AsyncIterator[ToolRunEvent])
    assert_type(await run.final(), ChatCompletion)


def blocking(client: Horay) -> None:
    """The blocking client: the same, without waiting."""
    chat = client.chat.completions
    parsed = chat.parse(model="m", messages=MESSAGES, response_format=Invoice)
    assert_type(parsed, ParsedCompletion[Invoice])
    assert_type(parsed.choices[0].message.parsed, Invoice | None)
    assert_type(chat.parse(model="m", messages=MESSAGES, tools=[weather]), ParsedCompletion[None])
    with chat.stream(model="m", messages=MESSAGES, response_format=Point) as events:
        assert_type(events, EventStream[TypedChatEvent[Point], ParsedCompletion[Point]])
        for event in events:
            if event.type == "parsed":
                assert_type(event, AnswerParsed[Point])
            elif event.type == "text":
                assert_type(event, TextDelta)
        assert_type(events.final(), ParsedCompletion[Point])
    with chat.stream(model="m", messages=MESSAGES) as plain:
        assert_type(plain, EventStream[ChatEvent, ChatCompletion])
    with chat.run_tools(model="m", messages=MESSAGES, tools=[weather]) as run:
        assert_type(run, ToolRun)
        assert_type(iter(run), Iterator[ToolRunEvent])
        for step in run:
            if isinstance(step, ToolResult):
                assert_type(step.error, Exception | None)
        assert_type(run.final(), ChatCompletion)


async def tools() -> None:
    """A tool is called as the function that it was made of."""
    assert_type(weather("Berlin", days=2), str)
    assert_type(await look("up"), int)
    assert_type(tool(Invoice)(total=1), Invoice)
    assert_type(pydantic_function_tool(Invoice, name="bill")(1), Invoice)
    assert_type(tool(len).name, str)
    assert_type(dict(weather), dict[str, object])


def messages(response: ChatCompletion) -> list[object]:
    """Message classes, responses' messages and dicts go together."""
    assert_type(parse_text(Invoice, "{}"), Invoice)
    assert_type(parse_text(list[Invoice], "[]"), list[Invoice])
    assert_type(response.choices[0].message, ChatMessage)
    return [
        SystemMessage("Be brief."),
        UserMessage([TextPart("What is this?"), ImagePart.of("picture.png")]),
        response.choices[0].message,
        ToolMessage("sunny", tool_call_id="call_1"),
        {"role": "user", "content": "Thanks"},
    ]


async def approve(call: ToolCall) -> bool | str | dict[str, object] | None:
    """One of each."""
    return {"city": "Rome"} if call.id else None


async def mistakes(client: AsyncHoray, sync: Horay) -> None:
    """What is to be an error on either client."""
    chat = client.chat.completions
    await chat.parse(model="m", messages=MESSAGES, response_format="Invoice")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType] # no class
    sync.chat.completions.parse(model="m", messages=MESSAGES, response_format="Invoice")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType] # no class
    chat.run_tools(model="m", messages=MESSAGES, rounds=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # it is max_rounds
    chat.run_tools(model="m", messages=MESSAGES, approve=lambda call: call.type == "function")
    chat.run_tools(model="m", messages=MESSAGES, approve=lambda _: 1)  # type: ignore[arg-type, return-value] # pyright: ignore[reportArgumentType] # neither yes nor no
    weather(3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # a city is a string
    weather()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # no city
    ToolMessage("sunny")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # of which call?
    chat.run_tools(model="m", messages=MESSAGES, tools=[len])  # type: ignore[list-item] # pyright: ignore[reportArgumentType] # not a tool yet
    _: Tool[[int], str] = weather  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] # it takes a city


class Foreign:
    """Other software's tool."""

    def __horay_tool__(self) -> Tool[..., str]:
        """The tool."""
        return weather


async def dicts(client: AsyncHoray, sync: Horay) -> None:
    """Dicts are checked: roles, keys and what must be there."""
    chat, blocking = client.chat.completions, sync.chat.completions
    form: ToolDict = {"type": "function", "function": {"name": "look"}}
    tools: list[ToolDict | Tool[..., Any]] = [form, weather]
    await chat.create(model="m", messages=MESSAGES, tools=[form, weather, look, Foreign()])
    await chat.create(model="m", messages=MESSAGES, tools=tools)
    blocking.create(model="m", messages=[{"role": "user", "content": "Hi", "name": "a"}])
    blocking.run_tools(
        model="m", messages=[], tools=[{"type": "function", "function": {"name": "a"}}]
    )
    # From here on, mistakes: no such role, misspelt keys, and what is missing.
    blocking.create(model="m", messages=[{"role": "usr", "content": "Hi"}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    blocking.create(model="m", messages=[{"role": "user", "contents": "Hi"}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    blocking.create(model="m", messages=[{"role": "user"}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    blocking.create(model="m", messages=[{"role": "tool", "content": "a"}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    await chat.parse(model="m", messages=[], tools=[{"type": "function"}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    await chat.create(model="m", messages=[], tools=[{"type": "function", "function": {}}])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    await chat.create(model="m", messages=[], response_format={"type": "json"})  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    bare = [{"role": "user", "content": "Hi"}]
    blocking.create(model="m", messages=bare)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # a variable needs its annotation
