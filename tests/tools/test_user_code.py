"""User code in a run of tools: it can neither hold nor end what runs it, and what it gives is told."""

from __future__ import annotations

import asyncio
import contextvars
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pydantic
import pytest

from horay_async._json import is_object
from horay_async._protocol.wire.unknown import unknown_of
from horay_async._user_code import UserCodeEnded
from horay_async.batch import BatchRequest
from horay_async.client import AsyncHoray
from horay_async.errors import AnswerError, APIConnectionError, HorayError
from horay_async.models.chat import ToolCall
from horay_async.models.dicts import ToolDict
from horay_async.models.events import RoundFinished, ToolResult
from horay_async.models.messages import ImagePart, ImageURL, TextPart, UserMessage
from horay_async.testing import FaultServer, Request, ScriptedResponse, chat, respond, sse
from horay_async.tools._call_user_code import call_user_code
from horay_async.tools.define import Tool, tool

from .responses import asked, calling, saying

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio

QUESTION = [UserMessage("How is the weather?")]


class DerivedText(str):
    """As numpy's."""

    __slots__ = ()


class Mute(Exception):
    """Can't say what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Spread(NamedTuple):
    """A tuple with names."""

    mean: float
    deviation: float


class Quitter(pydantic.BaseModel):
    """Ends the program when it is looked at."""

    def model_dump(self, **_: Any) -> Any:
        """Doesn't."""
        sys.exit(3)


def leave(*_: Any) -> None:
    """Ends the program."""
    sys.exit(3)


@attrs.define
class Ending:
    """Ends the program when it is made."""

    x: Any = attrs.field(validator=leave)


def raising(error: BaseException) -> dict[str, Callable[..., Any]]:
    """A plain and an asynchronous function that raise it."""

    def plain() -> None:
        raise error

    async def awaited() -> None:
        raise error

    return {"plain": plain, "awaited": awaited}


async def result_of(
    fault_server: FaultServer,
    connect: Connect,
    function: Callable[..., Any],
    arguments: object = "",
) -> ToolResult:
    """What came of a call of a tool; the conversation has gone on after it."""
    fault_server.add(calling(("look", arguments)), saying("I see."))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[Tool(function, name="look")]
        )
        events = [event async for event in run]
        assert (await run.final()).choices[0].message.content == "I see."
    [result] = [event for event in events if isinstance(event, ToolResult)]
    [message] = [m for m in fault_server.requests[1].json()["messages"] if m["role"] == "tool"]
    if result.parts is None:
        assert message["content"] == result.content
    return result


@pytest.mark.parametrize("kind", ["plain", "awaited"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncio.CancelledError("mine"), "Error: UserCodeEnded: it "),
        (SystemExit(3), "Error: UserCodeEnded: it raised SystemExit"),
        (GeneratorExit(), "Error: UserCodeEnded: it raised GeneratorExit"),
        (Mute(), "Error: Mute"),
        (ValueError("half \ud83d"), "Error: ValueError: half \ufffd"),
        (TimeoutError(), "Error: TimeoutError"),
    ],
)
async def test_what_tools_raise(
    fault_server: FaultServer, connect: Connect, kind: str, error: BaseException, told: str
) -> None:
    """Whatever it is, the model is told, and the run goes on."""
    result = await result_of(fault_server, connect, raising(error)[kind])
    assert result.content.startswith(told)
    assert isinstance(result.error, Exception)


async def test_keyboard_interrupt_in_a_thread(fault_server: FaultServer, connect: Connect) -> None:
    """In a thread it is the tool's own."""
    result = await result_of(fault_server, connect, raising(KeyboardInterrupt())["plain"])
    assert result.content == "Error: UserCodeEnded: it raised KeyboardInterrupt"


def test_keyboard_interrupt_in_a_coroutine() -> None:
    """In the main thread it is the user's; on the loop of the blocking clients it is the tool's own."""
    awaited = raising(KeyboardInterrupt())["awaited"]
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(call_user_code(awaited))
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(call_user_code(awaited))
        except BaseException as error:  # noqa: BLE001 - looked at below
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert isinstance(caught[0], UserCodeEnded)


async def test_tool_that_cancels_itself(fault_server: FaultServer, connect: Connect) -> None:
    """Its task is its own: the run isn't cancelled by it."""

    async def cancel() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    result = await result_of(fault_server, connect, cancel)
    assert result.content == "Error: UserCodeEnded: it cancelled itself"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("half \ud83d", "half \ufffd"),
        ("\ud83d\ude00", "😀"),
        ({"a": ["\udc00", ("x", 1)], "\ud800": None}, '{"a":["\ufffd",["x",1]],"\ufffd":null}'),
        (float("nan"), "Error: TypeError: the number nan has no JSON form"),
        ([(1, float("nan"))], "Error: TypeError: the number nan has no JSON form"),
        ({"a": Spread(1.5, float("inf"))}, "Error: TypeError: the number inf has no JSON form"),
        ({float("nan"): 1}, "Error: TypeError: the number nan has no JSON form"),
        (((b"x",),), "Error: TypeError: a result of bytes has no JSON form"),
        (Spread(1.5, 2), "[1.5,2]"),
        ({1: 2}, '{"1":2}'),
        (Quitter(), "Error: UserCodeEnded: it raised SystemExit"),
        ({(1, 2): 3}, "Error: TypeError"),
        (object(), "Error: TypeError: a value of type object has no JSON form"),
        (DerivedText("a"), "a"),
        ([DerivedText("a")], '["a"]'),
    ],
)
async def test_results(
    fault_server: FaultServer, connect: Connect, value: object, told: str
) -> None:
    """What no request can hold is cleaned, what has no JSON form is an error."""
    result = await result_of(fault_server, connect, lambda: value)
    assert result.content.startswith(told)


async def test_results_that_hold_themselves(fault_server: FaultServer, connect: Connect) -> None:
    """They have no end, and so no JSON form."""
    loop: list[Any] = []
    loop.append(loop)
    result = await result_of(fault_server, connect, lambda: loop)
    assert result.content.startswith("Error: RecursionError")


async def test_arguments_that_end_the_program(fault_server: FaultServer, connect: Connect) -> None:
    """A class's validators are user code as well."""
    result = await result_of(fault_server, connect, Ending, {"x": 1})
    assert result.content == "Error: the arguments don't fit: $: it raised SystemExit"


async def test_content_parts(fault_server: FaultServer, connect: Connect) -> None:
    """Texts and images are told as such."""
    image = ImagePart(image_url=ImageURL(url="data:image/png;base64,AA=="))
    result = await result_of(fault_server, connect, lambda: [TextPart("a\ud83d"), image])
    assert result.content == "a\ufffd\n[image]"
    [message] = [m for m in fault_server.requests[1].json()["messages"] if m["role"] == "tool"]
    assert message["content"] == [
        {"type": "text", "text": "a\ufffd"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]


async def test_one_content_part(fault_server: FaultServer, connect: Connect) -> None:
    """A part needs no list."""
    result = await result_of(fault_server, connect, lambda: TextPart("a"))
    assert (result.content, result.parts) == ("a", [TextPart("a")])


async def test_threads_of_their_own(fault_server: FaultServer, connect: Connect) -> None:
    """Plain tools run in daemon threads, not in the loop's executor, and see the caller's context."""
    seen: list[tuple[bool, str]] = []
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("mine")

    def look() -> None:
        seen.append((threading.current_thread().daemon, variable.get()))

    asyncio.get_running_loop().set_default_executor(Refusing())
    await result_of(fault_server, connect, look)
    assert seen == [(True, "mine")]


class Refusing(ThreadPoolExecutor):
    """An executor that nobody may use."""

    def submit(self, *_: Any, **__: Any) -> Any:
        """Refuses."""
        raise AssertionError("the loop's executor was used")


async def test_nested_runs() -> None:
    """A tool that waits for a run of its own on the same loop is as deep as it likes."""
    depth, loop = 40, asyncio.get_running_loop()

    def nested(left: int) -> int:
        return nest(left)

    def nest(left: int) -> int:
        if left == 0:
            return 0
        inner = asyncio.run_coroutine_threadsafe(call_user_code(partial(nested, left - 1)), loop)
        return 1 + int(inner.result())

    assert await call_user_code(partial(nested, depth)) == depth


async def test_closing_waits_for_no_thread(fault_server: FaultServer, connect: Connect) -> None:
    """A plain tool that hangs is left behind; what it gives in the end is nobody's."""
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> str:
        begun.set()
        assert go_on.wait(60)
        return "late"

    fault_server.add(calling(("hang", "")))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[tool(hang)])
        task = asyncio.create_task(run.final())
        await asyncio.to_thread(begun.wait)
        await run.close()
        with pytest.raises((HorayError, asyncio.CancelledError)):
            await task
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "horay-tool":
            await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)  # the loop is told of what nobody waits for


async def test_closing_waits_for_no_deaf_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine that doesn't heed its cancellation isn't waited for either."""
    monkeypatch.setattr("horay_async.tools._call_user_code.CLEANUP", 0.01)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def deaf() -> None:
        begun.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(call_user_code(deaf))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()


async def test_cancelled_coroutine_that_fails() -> None:
    """What a cancelled coroutine raises instead is nobody's: the cancellation passes."""
    begun = asyncio.Event()

    async def fail() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    task = asyncio.create_task(call_user_code(fail))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


HANGING = """
import asyncio, threading
from horay_async.tools._call_user_code import call_user_code

async def main():
    begun = threading.Event()
    task = asyncio.create_task(call_user_code(lambda: (begun.set(), threading.Event().wait())))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    task.cancel()

asyncio.run(main())
"""


def test_the_programs_end_waits_for_no_tool() -> None:
    """A tool that hangs doesn't keep the program."""
    done = subprocess.run([sys.executable, "-c", HANGING], timeout=60, check=False)
    assert done.returncode == 0


async def test_loop_that_is_gone() -> None:
    """A thread whose loop was closed meanwhile ends without a word."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def elsewhere() -> None:
        def late() -> None:
            begun.set()
            go_on.wait(60)

        async def main() -> None:
            asyncio.get_running_loop().create_task(call_user_code(late))
            await asyncio.to_thread(begun.wait)

        asyncio.run(main())
        ended.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(ended.wait)
    before = [t for t in threading.enumerate() if t.name == "horay-tool"]
    go_on.set()
    for each in before:
        each.join(60)
    thread.join()


# --- tools from a schema, and others'

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


async def awaited_weather(**arguments: object) -> str:
    """The weather."""
    return f"sunny: {arguments}"


def plain_weather(**arguments: object) -> str:
    """The weather."""
    return f"sunny: {arguments}"


@pytest.mark.parametrize("call", [awaited_weather, plain_weather])
async def test_from_schema(
    fault_server: FaultServer, connect: Connect, call: Callable[..., Any]
) -> None:
    """The schema goes out as it is, the arguments come as the model sent them."""
    made = Tool.from_schema("weather", "Looks.", PARAMETERS, call)
    fault_server.add(calling(("weather", {"city": 3, "share": 0.5})), saying("Fine."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[made])
        await run.final()
    assert fault_server.requests[0].json()["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Looks.", "parameters": PARAMETERS},
        }
    ]
    assert asked(fault_server.requests[1])[-1] == ("tool", "sunny: {'city': 3, 'share': 0.5}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "sunny: {}"),
        ("[1]", "Error: the arguments don't fit: $: expected an object"),
        ("{", "Error: the arguments don't fit: $: is no JSON"),
    ],
)
async def test_arguments_from_schema(
    fault_server: FaultServer, connect: Connect, arguments: str, told: str
) -> None:
    """They are a JSON object; nothing at all is an empty one."""
    made = Tool.from_schema("look", None, {}, plain_weather)
    assert made["function"] == {"name": "look", "parameters": {"type": "object", "properties": {}}}
    fault_server.add(calling(("look", arguments)), saying("Fine."))
    async with connect() as client:
        await client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[made]).final()
    assert str(asked(fault_server.requests[1])[-1][1]).startswith(told)


@pytest.mark.parametrize(
    ("parameters", "call", "message"),
    [
        (
            {"type": "array"},
            plain_weather,
            "the parameters of the tool look are an object, not 'array'",
        ),
        (PARAMETERS, None, "the tool look needs something to call"),
    ],
)
def test_bad_schema(parameters: Mapping[str, Any], call: Any, message: str) -> None:
    """What can't be a tool is refused where it is made."""
    with pytest.raises(TypeError, match=message):
        Tool.from_schema("look", "", parameters, call)


class Numbers(pydantic.RootModel[list[int]]):
    """No object."""


def test_class_that_is_no_object() -> None:
    """The arguments of a tool are an object, also where a class says otherwise."""
    with pytest.raises(TypeError, match="the parameters of the tool Numbers are an object"):
        dict(tool(Numbers))


class Thing:
    """Other software's tool."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __horay_tool__(self) -> Tool[..., Any]:
        """The tool."""
        return Tool.from_schema(self.name, "", PARAMETERS, plain_weather)


class Stranger:
    """Other software's tool, which doesn't know of us."""


class Point:
    """An entry point."""

    name = "tests"

    def load(self) -> Callable[[Any], Tool[..., Any]]:
        """Gives what makes a tool."""
        return lambda _: Tool.from_schema("stranger", "", PARAMETERS, plain_weather)


async def test_other_softwares_tools(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are tools by a method of theirs, or by an entry point for their package."""

    def entry_points(*, group: str) -> list[Point]:
        return [Point()] if group == "horay_async.tools" else []

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    fault_server.add(calling(("thing", {}), ("stranger", {})), saying("Fine."))
    async with connect() as client:
        tools: Any = [Thing("thing"), Stranger()]
        await client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools).final()
        await client.chat.completions.create(model="m", messages=QUESTION, tools=tools)
        async with client.chat.completions.stream(model="m", messages=QUESTION, tools=tools):
            pass
        await client.chat.completions.parse(model="m", messages=QUESTION, tools=tools)
    assert len(fault_server.requests) == 5
    for request in fault_server.requests:
        sent = request.json()["tools"]
        assert [each["function"]["name"] for each in sent] == ["thing", "stranger"]
    assert asked(fault_server.requests[1])[-2:] == [("tool", "sunny: {}")] * 2


@pytest.mark.parametrize("made", [{"type": "function"}, None, plain_weather])
async def test_other_softwares_tool_that_is_none(connect: Connect, made: Any) -> None:
    """It would be taken for a tool that can't be run here, or for something else."""

    class Other:
        def __horay_tool__(self) -> Any:
            return made

    async with connect() as client:
        tools: Any = [Other()]
        with pytest.raises(TypeError, match=r"an object of type .*Other must be a Tool, such as"):
            client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)


# --- approval


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def approving(value: object) -> dict[str, Any]:
    """A plain and an asynchronous function that return it."""

    async def awaited(_: ToolCall) -> object:
        return value

    def plain(_: ToolCall) -> object:
        return value

    return {"plain": plain, "awaited": awaited}


@pytest.mark.parametrize("kind", ["plain", "awaited"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "sunny in Rome"),
        (True, "sunny in Rome"),
        (False, "The call was not approved."),
        ("Ask\ud83d first.", "Ask\ufffd first."),
        ({"city": "Oslo"}, "sunny in Oslo"),
        ({"city": 3}, "Error: the arguments don't fit: $.city: expected a string, got 3"),
    ],
)
async def test_approve(
    fault_server: FaultServer, connect: Connect, kind: str, value: object, told: str
) -> None:
    """A call runs, doesn't, or runs with other arguments, as `approve` says."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Fine."))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approving(value)[kind]
        )
        [result] = [event async for event in run if isinstance(event, ToolResult)]
    assert result.content == told
    assert (result.error is not None) == told.startswith("Error")
    assert result.ran == told.startswith("sunny")
    assert asked(fault_server.requests[1])[-1] == ("tool", told)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("weather", '{"city": "Oslo"}', "sunny in Oslo"),
        ("weather", "{}", "Error: the arguments don't fit: $.city: is missing"),
        ("rain", "{}", "Error: LookupError: there is no tool 'rain'; there are: weather"),
    ],
)
async def test_approve_changes_the_call(
    fault_server: FaultServer, connect: Connect, name: str, arguments: str, told: str
) -> None:
    """What it has made of the call is what runs, and its result's; the model's message stays as it came."""

    def approve(call: ToolCall) -> bool:
        call.id = "another"
        call.function.name, call.function.arguments = name, arguments
        return True

    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Fine."))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        )
        [result] = [event async for event in run if isinstance(event, ToolResult)]
    assert result.content == told
    function = result.tool_call.function
    assert (function.name, function.arguments) == (name, arguments)
    _, message, answer, _ = run.messages
    [call] = message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Rome"}')
    assert call.id == answer.tool_call_id == "id0"


@attrs.define
class OpenCity:
    """One whose class refuses another in a way of its own."""

    name: str

    def __attrs_post_init__(self) -> None:
        if self.name == "Atlantis":
            raise RuntimeError("it is flooded")


async def test_approve_returns_what_a_class_refuses(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The model is told, as of its own arguments, whatever the class raises; the other calls go on."""

    @tool
    def visit(city: OpenCity) -> str:
        """Goes there."""
        return f"nice in {city.name}"

    fault_server.add(
        calling(
            ("visit", {"city": {"name": "Rome"}}),
            ("visit", {"city": {"name": "Oslo"}}),
            ("visit", {"city": {"name": "Atlantis"}}),
        ),
        saying("Fine."),
    )
    returned: Iterator[Any] = iter([{"city": {"name": "Atlantis"}}, True])
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[visit], approve=lambda _: next(returned)
        )
        results = [event.content async for event in run if isinstance(event, ToolResult)]
    refused, other = [told for told in results if "nice" not in told]
    assert refused == other
    assert refused.startswith("Error: ")
    assert "it is flooded" in refused
    assert "nice in Oslo" in results


async def test_approve_changes_the_call_and_returns_arguments(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The mapping is what runs, and a refusal runs nothing, whatever became of the call."""
    returned = iter([{"city": "Bern"}, "No."])

    def approve(call: ToolCall) -> Any:
        call.function.arguments = "{}"
        return next(returned)

    signed = {"tool_calls": [{"index": 0, "extra_content": {"thought_signature": "s"}}]}
    fault_server.add(
        calling(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}), more=[signed]),
        saying("Fine."),
    )
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        )
        events = {event.content: event async for event in run if isinstance(event, ToolResult)}
    assert {told: event.ran for told, event in events.items()} == {
        "No.": False,
        "sunny in Bern": True,
    }
    ran = events["sunny in Bern"].tool_call
    assert json.loads(ran.function.arguments) == {"city": "Bern"}
    assert unknown_of(ran) == {"extra_content": {"thought_signature": "s"}}


@pytest.mark.parametrize("value", [1, 0, [], b"no"])
async def test_approve_says_something_else(
    fault_server: FaultServer, connect: Connect, value: Any
) -> None:
    """It is a mistake, and ends the run."""
    fault_server.add(calling(("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=lambda _: value
        )
        with pytest.raises(TypeError, match=r"approve returns None or True .*; not "):
            await run.final()
        with pytest.raises(TypeError):
            await run.final()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "arguments",
            {"city": "Oslo"},
            r"function\.arguments, which is a text, to \{'city': 'Oslo'\}",
        ),
        ("name", None, r"function\.name, which is a text, to None"),
        ("function", None, r"tool_call\.function to None"),
    ],
)
async def test_approve_sets_something_else(
    fault_server: FaultServer, connect: Connect, field: str, value: Any, told: str
) -> None:
    """In the call that it gets: it is a mistake, and no tool runs."""
    fault_server.add(calling(("weather", {"city": "Rome"})))

    def approve(call: ToolCall) -> None:
        setattr(call if field == "function" else call.function, field, value)

    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        )
        with pytest.raises(TypeError, match=f"approve has set .*{told}"):
            await run.final()


async def test_approve_raises(fault_server: FaultServer, connect: Connect) -> None:
    """What it raises ends the run, and stops the other calls."""
    fault_server.add(calling(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})))

    def approve(call: ToolCall) -> None:
        raise PermissionError(call.function.arguments)

    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        )
        with pytest.raises(PermissionError, match="Rome"):
            await run.final()


async def test_approve_is_asked_in_order(fault_server: FaultServer, connect: Connect) -> None:
    """One call at a time, while tools that were approved run; not for what can't run anyway."""
    asked_for: list[str] = []
    asking = 0

    async def approve(call: ToolCall) -> None:
        nonlocal asking
        asking += 1
        assert asking == 1
        await asyncio.sleep(0)
        asked_for.append(call.function.arguments)
        asking -= 1

    cities = ["Rome", "Oslo", "Bern"]
    calls = [("weather", {"city": city}) for city in cities]
    fault_server.add(calling(*calls, ("weather", "{}"), ("rain", "{}")), saying("Fine."))
    async with connect() as client:
        await client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        ).final()
    assert asked_for == [f'{{"city": "{city}"}}' for city in cities]


def test_approve_on_the_blocking_client(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """It is asked there as well."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Fine."))
    with connect_blocking() as client:
        client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=lambda _: "No."
        ).final()
    assert asked(fault_server.requests[1])[-1] == ("tool", "No.")


def test_approve_runs_on_the_callers_thread(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """It is the one that waits, where it may read what somebody types; runs that it starts itself ask on others."""
    threads: list[threading.Thread] = []
    calls, fine = calling(("weather", {"city": "Rome"})), saying("Fine.")
    fault_server.add(calls, calls, fine, calls, fine, fine)

    def note(_: ToolCall) -> str:
        threads.append(threading.current_thread())
        return "No."

    async def run_asynchronously() -> None:
        async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as other:
            await other.chat.completions.run_tools(
                model="m", messages=QUESTION, tools=[weather], approve=note
            ).final()

    with connect_blocking() as client:
        run = partial(
            client.chat.completions.run_tools, model="m", messages=QUESTION, tools=[weather]
        )

        def run_others(call: ToolCall) -> str:
            run(approve=note).final()
            asyncio.run(run_asynchronously())
            return note(call)

        assert run(approve=run_others).final().choices[0].message.content == "Fine."
    here = threading.current_thread()
    assert [thread is here for thread in threads] == [True, False, True]


@pytest.mark.parametrize("blocking", [False, True])
async def test_approve_that_raises_is_not_asked_again(
    fault_server: FaultServer, connect: Connect, connect_blocking: ConnectBlocking, blocking: bool
) -> None:
    """The run ends with that: nobody is asked about calls that won't be made."""
    asked_for: list[ToolCall] = []

    def approve(call: ToolCall) -> bool:
        asked_for.append(call)
        raise LookupError("not here")

    fault_server.add(calling(*[("weather", {"city": city}) for city in ("Rome", "Oslo", "Bonn")]))
    given: Any = {"model": "m", "messages": QUESTION, "tools": [weather], "approve": approve}
    if blocking:

        def run() -> None:
            with connect_blocking() as client:
                client.chat.completions.run_tools(**given).final()

        with pytest.raises(LookupError, match="not here"):
            await asyncio.to_thread(run)
    else:
        async with connect() as client:
            with pytest.raises(LookupError, match="not here"):
                await client.chat.completions.run_tools(**given).final()
    assert len(asked_for) == 1


def test_question_of_a_run_that_is_over(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """It isn't put any more: nothing would come of what somebody says."""
    fault_server.add(calling(("weather", {"city": "Rome"})))
    asked_for: list[ToolCall] = []
    client = connect_blocking()
    run = client.chat.completions.run_tools(
        model="m", messages=QUESTION, tools=[weather], approve=asked_for.append
    )
    events = iter(run)
    while not isinstance(next(events), RoundFinished):
        pass
    while not run._prefetcher._lists.qsize():  # until it waits to be put
        time.sleep(0.001)
    client.close()
    with pytest.raises(APIConnectionError, match="closed"):
        next(events)
    assert asked_for == []


def test_runs_beside_a_blocking_one_have_their_own_threads(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """What a source of requests asks isn't put to the thread that reads their results."""
    calls, fine = calling(("weather", {"city": "Rome"})), saying("Fine.")

    def respond_to(request: Request) -> ScriptedResponse:
        asked = request.json()
        if not asked.get("tools"):
            return chat("Fine.")
        return fine if asked["messages"][-1]["role"] == "tool" else calls

    fault_server.always(respond_to)
    threads: list[threading.Thread] = []

    def note(_: ToolCall) -> None:
        threads.append(threading.current_thread())

    async def requests() -> AsyncIterator[BatchRequest[Any]]:
        async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as other:
            for _ in range(5):
                run = other.chat.completions.run_tools(
                    model="m", messages=QUESTION, tools=[weather], approve=note
                )
                await run.final()
                yield BatchRequest.chat(model="m", messages=QUESTION)

    with connect_blocking() as client:
        results = list(client.batch.run(requests(), concurrency=2))
    assert [result.error for result in results] == [None] * 5
    assert len(threads) == 5
    assert threading.current_thread() not in threads


def end_program(_: ToolCall) -> bool:
    """As a handler of SIGTERM may do it meanwhile."""
    raise SystemExit(3)


def press_ctrl_c(_: ToolCall) -> bool:
    """Does it."""
    signal.raise_signal(signal.SIGINT)
    return True


@pytest.mark.parametrize("interrupt", [press_ctrl_c, end_program])
def test_interrupted_in_approve(
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    interrupt: Callable[[ToolCall], bool],
) -> None:
    """Ctrl-C or the program's end while somebody is asked ends the run, and nothing runs on; the client goes on."""
    before = threading.active_count()
    fault_server.add(calling(("weather", {"city": "Rome"})))
    with connect_blocking() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=interrupt
        )
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run.final()
        with pytest.raises(HorayError, match=r"KeyboardInterrupt|SystemExit"):
            run.final()
        assert not [thread for thread in threading.enumerate() if thread.name == "horay-tool"]
        fault_server.add(saying("Fine."))
        with client.chat.completions.stream(model="m", messages=QUESTION) as stream:
            assert stream.final().choices[0].message.content == "Fine."
    assert threading.active_count() <= before


# --- bounds


def costing(tokens: object, *calls: tuple[str, object]) -> Any:
    """A response that calls tools and tells its tokens, if it does."""
    deltas = [
        {
            "index": place,
            "id": f"id{place}",
            "function": {"name": name, "arguments": json.dumps(given)},
        }
        for place, (name, given) in enumerate(calls)
    ]
    choice = {"index": 0, "delta": {"tool_calls": deltas}, "finish_reason": "tool_calls"}
    body = [sse({"id": "c1", "choices": [choice]})]
    if tokens is not None:
        usage: Any = tokens if is_object(tokens) else {"total_tokens": tokens}
        body.append(sse({"id": "c1", "choices": [], "usage": usage}))
    return respond([*body, sse("[DONE]")], content_type="text/event-stream", framing="chunked")


async def test_tokens_are_bounded(fault_server: FaultServer, connect: Connect) -> None:
    """With all tokens spent no other round begins; usage is asked for."""
    fault_server.always(costing(60, ("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], max_total_tokens=100
        )
        with pytest.raises(AnswerError, match="after 120 tokens of 100") as caught:
            await run.final()
    assert caught.value.reason == "tokens"
    assert run.usage is not None
    assert run.usage.total_tokens == 120
    assert caught.value.completion is not None
    assert len(fault_server.requests) == 2
    assert fault_server.requests[0].json()["stream_options"] == {"include_usage": True}
    assert run.messages[-1].content == "sunny in Rome"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 50, "completion_tokens": 10},
        {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": None},
        {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 0},
        {"input_tokens": 50, "output_tokens": 10},
    ],
)
async def test_tokens_without_their_total(
    fault_server: FaultServer, connect: Connect, usage: dict[str, object]
) -> None:
    """They are those of prompts and responses."""
    fault_server.always(lambda _: costing(usage, ("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], max_total_tokens=100
        )
        with pytest.raises(AnswerError, match="after 120 tokens of 100"):
            await run.final()
    assert run.usage is not None
    assert run.usage.total_tokens == 120


@pytest.mark.parametrize("tokens", [None, -5, 10**12, 0, {}, {"spent": 5}])
async def test_tokens_that_nobody_tells(
    fault_server: FaultServer, connect: Connect, tokens: object
) -> None:
    """A bound that can't be held ends the run rather than to hold nothing."""
    fault_server.add(costing(tokens, ("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], max_total_tokens=100
        )
        with pytest.raises(AnswerError, match="doesn't send its token counts"):
            await run.final()
        assert (run.usage is None) == (tokens is None)


async def test_response_beyond_the_tokens(fault_server: FaultServer, connect: Connect) -> None:
    """A response that calls no tools is one, whatever it has cost."""
    fault_server.add(saying("Fine."))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], max_total_tokens=1
        )
        assert run.usage is None
        assert (await run.final()).choices[0].message.content == "Fine."


async def test_tools_that_nobody_awaited(connect: Connect) -> None:
    """Those of an MCP server come from a coroutine."""

    async def tools_of() -> list[Any]:
        return [weather]

    async with connect() as client:
        ask: Any = client.chat.completions.run_tools
        with pytest.raises(TypeError, match=r"write tools=await \.\.\."):
            ask(model="m", messages=QUESTION, tools=tools_of())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_total_tokens": 0}, "max_total_tokens must be a whole number of at least 1, not 0"),
        (
            {"max_total_tokens": "3"},
            "max_total_tokens must be a whole number of at least 1, not '3'",
        ),
        ({"max_rounds": True}, "max_rounds must be a whole number of at least 1, not True"),
        ({"max_round": 3}, "unknown parameter 'max_round': did you mean 'max_rounds'"),
        (
            {"max_total_token": 3},
            "unknown parameter 'max_total_token': did you mean 'max_total_tokens'",
        ),
        ({"aprove": None}, "unknown parameter 'aprove': did you mean 'approve'"),
        ({"approve": "yes"}, "approve must be a function, not 'yes'"),
        ({"tools": [weather, Tool(len, name="weather")]}, "two tools are named weather"),
        ({"tools": [[weather]]}, r"tools\[0\] is a value of type list: leave out its brackets"),
    ],
)
async def test_misuse(connect: Connect, params: dict[str, Any], message: str) -> None:
    """Mistakes are told where they are made, before anything is sent."""
    async with connect() as client:
        ask: Any = client.chat.completions.run_tools
        with pytest.raises(TypeError, match=message):
            ask(**{"model": "m", "messages": QUESTION, "tools": [weather], **params})


async def test_call_that_nobody_can_run(
    fault_server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A tool that was given without a function ends the run, with a sentence that says so."""
    form: ToolDict = {"type": "function", "function": {"name": "ask_user"}}
    fault_server.add(calling(("ask_user", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[form])
        await run.final()
    assert "the model called ask_user, which was given without a function" in caplog.text
