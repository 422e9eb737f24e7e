"""The loop: calls run concurrently, failures told to the model, bounds on rounds and time, every step seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pydantic
import pytest

from horay_async._protocol.wire.finish_reasons import CUT_REASONS
from horay_async.errors import (
    AnswerError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    HorayError,
    StreamTruncatedError,
)
from horay_async.models.chat import ChatCompletion
from horay_async.models.dicts import ToolDict
from horay_async.models.events import (
    ChoiceFinished,
    RoundFinished,
    RoundStarted,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    ToolResult,
)
from horay_async.models.messages import SystemMessage, TextPart, ToolMessage, UserMessage
from horay_async.options import Limits
from horay_async.parsing import messages_to_dicts
from horay_async.testing import FaultServer, Gate, Stall, error, raw, respond, sse
from horay_async.tools.define import Tool, tool
from horay_async.tools.run import AsyncToolRun
from tests.growth import assert_linear
from tests.processes import run_python

from .responses import asked, calling, saying, streamed

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = pytest.mark.anyio

QUESTION = [UserMessage("How is the weather?")]
ASK_USER: ToolDict = {"type": "function", "function": {"name": "ask_user"}}
"""A tool whose function is elsewhere."""


@tool
def weather(city: str, /, days: int = 1) -> str:
    """The weather of a city."""
    return f"sunny in {city} for {days}"


@tool
async def fail(how: str) -> None:
    """Fails."""
    raise RuntimeError(how)


def results(events: list[Any]) -> list[ToolResult]:
    """What came of each call."""
    return [event for event in events if isinstance(event, ToolResult)]


async def take(steps: AsyncIterator[Any]) -> list[Any]:
    """What is left."""
    return [step async for step in steps]


async def test_conversation(fault_server: FaultServer, connect: Connect) -> None:
    """The model calls, is told the result, and responses; each step is an event."""
    fault_server.add(
        calling(("weather", {"city": "Rome", "days": None})), saying("It is ", "sunny.")
    )
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=[SystemMessage("Be brief."), *QUESTION], tools=[weather]
        )
        events = [event async for event in run]
        final = await run.final()
    assert final.choices[0].message.content == "It is sunny."
    started, call, *arguments, done, ended, finished, result, again = events[:-4]
    assert (started, again) == (RoundStarted(1), RoundStarted(2))
    assert call == ToolCallStarted(0, 0, "id0", "weather")
    assert all(isinstance(each, ToolCallArgumentsDelta) for each in arguments)
    assert isinstance(done, ToolCallDone)
    assert ended == ChoiceFinished(0, "tool_calls")
    assert isinstance(finished, RoundFinished)
    assert finished.round == 1
    assert isinstance(result, ToolResult)
    assert (result.content, result.error) == ("sunny in Rome for 1", None)
    assert result.tool_call == done.tool_call
    assert events[-4:] == [
        TextDelta(0, "It is "),
        TextDelta(0, "sunny."),
        ChoiceFinished(0, "stop"),
        RoundFinished(2, final),
    ]
    assert asked(fault_server.requests[1]) == [
        ("system", "Be brief."),
        ("user", "How is the weather?"),
        ("assistant", ["weather"]),
        ("tool", "sunny in Rome for 1"),
    ]
    [message] = [m for m in fault_server.requests[1].json()["messages"] if m["role"] == "tool"]
    assert message["tool_call_id"] == "id0"
    assert [m.content for m in run.messages[-2:]] == ["sunny in Rome for 1", "It is sunny."]
    assert fault_server.requests[0].json()["tools"][0]["function"]["name"] == "weather"


async def test_cut_calls_are_not_run(fault_server: FaultServer, connect: Connect) -> None:
    """Whatever `on_truncation` says: a call may look like another one without its end."""
    ran: list[str] = []

    @tool
    def delete(path: str = "everything") -> None:
        """Deletes."""
        ran.append(path)

    call = {"index": 0, "id": "a", "function": {"name": "delete", "arguments": ""}}
    delta = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    fault_server.add(respond([sse(delta)], content_type="text/event-stream", framing="close"))
    async with connect(on_truncation="return") as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[delete])
        with pytest.raises(StreamTruncatedError):
            await run.final()
    assert not ran


async def test_second_reader_is_refused(fault_server: FaultServer, connect: Connect) -> None:
    """Another task, or another loop, that reads a run is told so; the run goes on."""
    gate = Gate()
    fault_server.add(saying("One", "two", then=(gate,)))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        steps = aiter(run)
        first = [await anext(steps), await anext(steps)]
        reading = asyncio.create_task(take(steps))
        while not run._reading:  # noqa: ASYNC110 - nothing else says that it waits
            await asyncio.sleep(0)
        with pytest.raises(HorayError, match="read by another task"):
            await take(aiter(run))
        gate.open()
        rest = await reading
        assert isinstance(first[0], RoundStarted)
        assert isinstance(rest[-1], RoundFinished)


async def test_another_loop_is_refused(fault_server: FaultServer, connect: Connect) -> None:
    """So is a task on another loop than the one that the run has begun on."""
    fault_server.add(saying("One", "two"))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        steps = aiter(run)
        await anext(steps)
        with pytest.raises(HorayError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, take(aiter(run)))
        assert isinstance((await take(steps))[-1], RoundFinished)


async def test_no_call(fault_server: FaultServer, connect: Connect) -> None:
    """A model that needs no tool just responds."""
    fault_server.add(saying("Fine."))
    async with (
        connect() as client,
        client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather]) as run,
    ):
        with pytest.raises(HorayError, match="no response yet"):
            run._merged()
        assert (await run.final()).choices[0].message.content == "Fine."
        assert await run._next_items() == []
        await run.close()
        assert await run.final() is await run.final()


async def test_awaited_tools_run_at_once(fault_server: FaultServer, connect: Connect) -> None:
    """Two coroutines that wait for one another both finish; the model is told in its own order."""
    first_is_done = asyncio.Event()
    began = asyncio.Event()

    @tool
    async def slow() -> str:
        began.set()
        await first_is_done.wait()
        return "slow"

    @tool
    async def quick() -> str:
        await began.wait()
        return "quick"

    fault_server.add(calling(("slow", {}), ("quick", "")), saying("Done."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[slow, quick])
        told: list[str] = []
        async for event in run:
            if isinstance(event, ToolResult):
                told.append(event.content)
                first_is_done.set()
    assert told == ["quick", "slow"]
    assert asked(fault_server.requests[1])[-2:] == [("tool", "slow"), ("tool", "quick")]


async def test_plain_tools_run_at_once(fault_server: FaultServer, connect: Connect) -> None:
    """Two plain functions that wait for one another both finish, each in a thread."""
    both = threading.Barrier(2, timeout=10)
    threads: set[int] = set()

    @tool
    def meet() -> None:
        threads.add(threading.get_ident())
        both.wait()

    fault_server.add(calling(("meet", {}), ("meet", {})), saying("Done."))
    async with connect() as client:
        await client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[meet]).final()
    assert len(threads - {threading.get_ident()}) == 2
    assert asked(fault_server.requests[1])[-1] == ("tool", "null")


@attrs.define
class Place:
    """A tool that is a class, and a result."""

    name: str
    price: Decimal = Decimal("1.50")


class Report(pydantic.BaseModel):
    """A result of pydantic's kind."""

    ok: bool


@tool
def report() -> list[Report]:
    """Gives pydantic models."""
    return [Report(ok=True)]


@tool
def later() -> Any:
    """A plain function that gives something to await."""
    return asyncio.sleep(0, "later")


@tool
def unwritable() -> object:
    """Gives what JSON can't hold."""
    return object()


@tool
def exhausted() -> object:
    """Asks for more than there is."""
    return next(iter(()))


@tool
def number(which: str) -> object:
    """Gives what is no number, or bytes, among others."""
    return {"values": [1.5, float(which)], "exact": Decimal(which), "all": None}


@tool
def image_bytes() -> object:
    """Gives bytes."""
    return {"data": b"Berlin"}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            ("Place", {"name": "Rome", "price": None}),
            "Error: the arguments don't fit: $.price: expected",
        ),
        (("Place", {"name": "Rome", "price": 2.50}), '{"name":"Rome","price":2.5}'),
        (("report", "{}"), '[{"ok":true}]'),
        (("later", "{}"), "later"),
        (("fail", {"how": "badly"}), "Error: RuntimeError: badly"),
        (("fail", {"how": 3}), "Error: the arguments don't fit: $.how: expected a string, got 3"),
        (("fail", '{"how'), "Error: the arguments don't fit: $: is no JSON"),
        (
            ("rain", "{}"),
            "Error: LookupError: there is no tool 'rain'; there are: Place, exhausted, fail",
        ),
        (("exhausted", "{}"), "Error: RuntimeError: it raised StopIteration"),
        (("number", {"which": "inf"}), "Error: TypeError: the number inf has no JSON form"),
        (("number", {"which": "nan"}), "Error: TypeError: the number nan has no JSON form"),
        (("number", {"which": "2"}), '{"values":[1.5,2.0],"exact":2,"all":null}'),
        (("image_bytes", "{}"), "Error: TypeError: a result of bytes has no JSON form"),
        (("unwritable", "{}"), "Error: TypeError: a value of type object has no JSON form"),
    ],
)
async def test_what_the_model_is_told(
    fault_server: FaultServer, connect: Connect, call: tuple[str, object], told: str
) -> None:
    """Results are texts or JSON; whatever goes wrong is told, and the conversation goes on."""
    fault_server.add(calling(call), saying("I see."))
    tools: list[Tool[..., Any]] = [tool(Place), report, later, fail, exhausted, unwritable]
    tools += [number, image_bytes]
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        [result] = results([event async for event in run])
    assert result.content.startswith(told)
    assert (result.error is not None) == told.startswith("Error")
    assert result.ran is not isinstance(result.error, AnswerError | LookupError)
    if isinstance(result.error, AnswerError):
        assert str(result.error).startswith(f"the arguments don't fit {call[0]}: $")
    assert asked(fault_server.requests[1])[-1] == ("tool", result.content)


@pytest.mark.parametrize("reason", ["mismatch", "length"])
async def test_tool_that_raises_an_answer_error(
    fault_server: FaultServer, connect: Connect, reason: Any
) -> None:
    """As one that asks a model itself may: its arguments have fitted, all the same."""

    @tool
    def ask() -> str:
        """Asks."""
        errors = (("$.price", "is missing"),) if reason == "mismatch" else ()
        raise AnswerError("the answer is odd", reason=reason, errors=errors)

    fault_server.add(calling(("ask", "{}")), saying("I see."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[ask])
        [result] = results([event async for event in run])
    assert result.content.startswith("Error: AnswerError: the answer is odd")
    assert result.ran


async def test_rounds_are_bounded(fault_server: FaultServer, connect: Connect) -> None:
    """A model that never responds is stopped; the error has its last response, now and later."""
    fault_server.always(calling(("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], max_rounds=2
        )
        with pytest.raises(AnswerError, match="still asks for tools after 2 rounds") as caught:
            await run.final()
        assert repr(run) == "<AsyncToolRun: ended by AnswerError in round 2>"
        assert caught.value.reason == "rounds"
        assert isinstance(caught.value.completion, ChatCompletion)
        with pytest.raises(AnswerError):
            await run.final()
    assert len(fault_server.requests) == 2


@pytest.mark.parametrize("finish", [*CUT_REASONS, "MAX_TOKENS"])
async def test_cut_call(fault_server: FaultServer, connect: Connect, finish: str) -> None:
    """A call of a response that was cut isn't run, whatever there is of its arguments."""
    fault_server.add(calling(("weather", '{"city": "Rome"}'), finish_reason=finish))
    ran: list[str] = []

    @tool
    def weather(city: str) -> None:
        """The weather."""
        ran.append(city)

    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        with pytest.raises(AnswerError, match="none of which was run") as caught:
            await run.final()
    reason, said = CUT_REASONS[finish.lower()]
    assert (caught.value.reason, caught.value.text) == (reason, '{"city": "Rome"}')
    assert said in str(caught.value)
    assert ran == []


async def test_events_are_copies(fault_server: FaultServer, connect: Connect) -> None:
    """What a reader does with events, as to leave something out of a log, changes neither what is run nor what is sent."""
    ran: list[int] = []

    @tool
    def pay(amount: int) -> list[TextPart]:
        """Pays."""
        ran.append(amount)
        return [TextPart(f"paid {amount}")]

    fault_server.add(calling(("pay", {"amount": 5}), ("pay", {"amount": 6})), saying("Done."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[pay])
        async for event in run:
            if isinstance(event, RoundFinished):
                for call in event.completion.choices[0].message.tool_calls or ():
                    call.function.arguments = "left out"
            elif isinstance(event, ToolResult):
                assert event.parts is not None
                event.tool_call.id = event.content = "left out"
                event.parts[0] = TextPart("left out")
    assert ran == [5, 6]
    assert "left out" not in fault_server.requests[1].body.decode()


@pytest.mark.parametrize("arguments", ["", " ", "null", " null "])
async def test_no_arguments(arguments: str, fault_server: FaultServer, connect: Connect) -> None:
    """A function that needs none runs, whatever stands for none; another one is missing its own."""
    ran: list[str] = []

    @tool
    def now(zone: str = "UTC") -> None:
        """The time."""
        ran.append(zone)

    @tool
    def pay(amount: int) -> None:
        """Pays."""

    fault_server.add(calling(("now", arguments), ("pay", arguments)), saying("Done."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[now, pay])
        results = [event async for event in run if isinstance(event, ToolResult)]
    assert ran == ["UTC"]
    assert sorted(result.content for result in results) == [
        "Error: the arguments don't fit: $.amount: is missing",
        "null",
    ]


@pytest.mark.parametrize("again", ['{"amount": 1}', '{ "amount":1 }', '{"\\u0061mount": 1}'])
async def test_repeated_call(again: str, fault_server: FaultServer, connect: Connect) -> None:
    """A call that comes twice with its id runs once; one that shares the id of another gets one of its own. Its
    arguments are the same however they are written, if they are JSON.
    """
    ran: list[int] = []

    @tool
    def pay(amount: int) -> None:
        """Pays."""
        ran.append(amount)

    deltas = [
        {
            "tool_calls": [
                {
                    "index": index,
                    "id": "a",
                    "type": "function",
                    "function": {"name": "pay", "arguments": arguments},
                }
            ]
        }
        for index, arguments in enumerate(['{"amount": 1}', again, '{"amount": 2}', "{"])
    ]
    fault_server.add(streamed(*deltas, finish_reason="tool_calls"), saying("Done."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[pay])
        await run.final()
    assert ran == [1, 2]
    sent = fault_server.requests[1].json()["messages"]
    asked = [call["id"] for call in sent[1]["tool_calls"]]
    assert asked == [message["tool_call_id"] for message in sent[2:]]
    assert len(set(asked)) == 3


def test_many_calls_of_one_id_take_linear_time() -> None:
    """Each is held against the first ones, however long these are."""
    assert_linear(
        """
        import json
        from horay_async.models.chat import FunctionCall, ToolCall
        from horay_async.tools._calls import with_own_ids

        def called(arguments):
            return ToolCall(id="a", function=FunctionCall(name="f", arguments=json.dumps(arguments)))

        def prepare(n):
            return [called({"numbers": list(range(20 * n))}), *(called({"x": i}) for i in range(n))]

        def work(calls):
            assert len(with_own_ids(calls, str)) == len(calls)
        """,
        200,
    )


def hanging(cancelled: asyncio.Event, begun: asyncio.Event) -> Any:
    """A tool that waits for ever, and says when it begins and when it is cancelled."""

    @tool
    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    return hang


async def test_time_for_tools_is_bounded(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When time is up, tools are cancelled, and the timeout is named."""
    cancelled, begun = asyncio.Event(), asyncio.Event()
    fault_server.add(calling(("hang", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[hanging(cancelled, begun)], timeout=1000
        )
        ended = asyncio.create_task(run.final())
        await begun.wait()
        loop = asyncio.get_running_loop()
        before = loop.time
        monkeypatch.setattr(loop, "time", lambda: before() + 2000)
        with pytest.raises(APITimeoutError, match=r"wasn't over after 1000 s") as caught:
            await ended
    assert (caught.value.clock, caught.value.execution) == ("total", "executed")
    assert cancelled.is_set()


@pytest.mark.parametrize("rounds", [1, 2])
async def test_time_for_responses_is_bounded(
    fault_server: FaultServer, connect: Connect, rounds: int
) -> None:
    """A model that doesn't go on is stopped by the same timeout; the error has what came of its response."""
    if rounds == 2:
        fault_server.add(calling(("weather", {"city": "Rome"})))
    fault_server.add(saying("It", then=(Stall(),)))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], timeout=0.5
        )
        with pytest.raises(
            APITimeoutError, match=r"the run of tools wasn't over after 0.5 s"
        ) as caught:
            await run.final()
        with pytest.raises(APITimeoutError) as again:
            await run.final()
    for raised in (caught.value, again.value):
        assert (raised.clock, raised.execution) == ("total", "executed")
        assert raised.partial.choices[0].message.content == "It"
        assert [attempt.status for attempt in raised.attempts] == [200]


@pytest.mark.parametrize(("rounds", "execution"), [(1, "unknown"), (2, "executed")])
async def test_time_is_up_before_a_response(
    fault_server: FaultServer, connect: Connect, rounds: int, execution: str
) -> None:
    """The request may have been executed; an earlier round was."""
    if rounds == 2:
        fault_server.add(calling(("weather", {"city": "Rome"})))
    fault_server.add(raw(Stall()))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], timeout=0.5
        )
        with pytest.raises(APITimeoutError) as caught:
            await run.final()
    assert caught.value.execution == execution
    assert len(caught.value.attempts) == 1


async def test_time_is_up_before_a_request_is_sent(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The error says that it wasn't sent."""
    fault_server.add(saying("Sunny."))
    async with connect(limits=Limits(rpm=1)) as client:
        settings: dict[str, Any] = {"model": "m", "messages": QUESTION, "tools": [weather]}
        await client.chat.completions.run_tools(**settings).final()
        run = client.chat.completions.run_tools(**settings, timeout=0.05)
        with pytest.raises(APITimeoutError, match="the run of tools wasn't over") as caught:
            await run.final()
    assert (caught.value.clock, caught.value.execution) == ("total", "not_sent")
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("rounds", [1, 2])
async def test_time_is_up_between_two_steps(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """No request is sent then."""
    fault_server.always(calling(("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], timeout=1000
        )
        events = aiter(run)
        while (event := await anext(events)) != RoundStarted(rounds):
            assert not isinstance(event, RoundStarted) or event.round < rounds
        loop = asyncio.get_running_loop()
        before = loop.time
        monkeypatch.setattr(loop, "time", lambda: before() + 2000)
        with pytest.raises(APITimeoutError, match="wasn't over after 1000 s") as caught:
            await anext(events)
    assert caught.value.execution == ("not_sent" if rounds == 1 else "executed")
    assert len(fault_server.requests) == rounds - 1


async def close(run: AsyncToolRun) -> None:
    """Closes in so many words."""
    await run.close()


async def close_nowait(run: AsyncToolRun) -> None:
    """Closes without waiting."""
    run._close_nowait()


@pytest.mark.parametrize("stop", [close, close_nowait])
async def test_stopping_between_results(
    fault_server: FaultServer, connect: Connect, stop: Callable[[AsyncToolRun], Any]
) -> None:
    """Stopped between two results, the tool that still runs is cancelled; reading on says why."""
    cancelled, begun = asyncio.Event(), asyncio.Event()
    fault_server.add(calling(("weather", {"city": "Rome"}), ("hang", {})))
    async with connect() as client:
        tools = [weather, hanging(cancelled, begun)]
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        while not results(await run._next_items()):
            pass
        await begun.wait()
        await stop(run)
        await cancelled.wait()
        with pytest.raises(HorayError, match="the run was stopped"):
            await run.final()


async def test_closing_while_another_task_waits_for_a_tool(
    fault_server: FaultServer, connect: Connect
) -> None:
    """That task is told, not cancelled."""
    cancelled, begun = asyncio.Event(), asyncio.Event()
    fault_server.add(calling(("hang", {})))
    async with connect() as client:
        tools = [hanging(cancelled, begun)]
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        reading = asyncio.create_task(run.final())
        await begun.wait()
        await run.close()
        with pytest.raises(HorayError, match="the run was stopped"):
            await reading
    assert cancelled.is_set()


@pytest.mark.parametrize("headless", [True, False])
async def test_closing_while_another_task_waits_for_the_model(
    fault_server: FaultServer, connect: Connect, headless: bool
) -> None:
    """The same before the response and in its middle; its connection is closed."""
    held = Gate()
    response = saying("It", then=(Stall(),))
    if headless:
        response = attrs.evolve(response, steps=(held, *response.steps))
    fault_server.always(response)
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        reading = asyncio.create_task(run.final())
        await fault_server.until_requests(1)
        while not headless and run._stream is None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        await run.close()
        with pytest.raises(HorayError, match="the run was stopped"):
            await reading
        await fault_server.until(lambda: fault_server.open_connections == 0, what="closing")
    assert len(fault_server.requests) == 1


async def test_tool_whose_task_is_cancelled_from_outside(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The run fails; who reads it isn't cancelled."""
    begun = asyncio.Event()
    fault_server.add(calling(("hang", {})))
    async with connect() as client:
        tools = [hanging(asyncio.Event(), begun)]
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        reading = asyncio.create_task(run.final())
        await begun.wait()
        assert run._caller is not None
        next(iter(run._caller.tasks)).cancel()
        with pytest.raises(HorayError, match="the task of a tool was cancelled"):
            await reading


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_approve_that_raises_a_timeout(
    fault_server: FaultServer, connect: Connect, seconds: float | None
) -> None:
    """It is raised as it is: the run's own time isn't up."""
    theirs = TimeoutError("nobody at the keyboard")

    async def approve(_: Any) -> None:
        raise theirs

    fault_server.add(calling(("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve, timeout=seconds
        )
        with pytest.raises(TimeoutError) as caught:
            await run.final()
    assert caught.value is theirs


async def test_never_read(fault_server: FaultServer, connect: Connect) -> None:
    """A run that nobody reads does nothing, and a warning says so, where it is dropped; not at the program's end."""
    async with connect() as client:
        ask = partial(
            client.chat.completions.run_tools, model="m", messages=QUESTION, tools=[weather]
        )
        with pytest.warns(RuntimeWarning, match=r"run_tools\(...\) was never read") as caught:
            ask()
        assert caught[0].filename == __file__
        aiter(ask())
        await ask().close()
        async with ask():
            pass
        with pytest.raises(TypeError):
            ask(max_rounds=0)
    assert not fault_server.requests


def test_never_read_at_the_end_of_the_program() -> None:
    """All is collected then, so it says nothing about what was forgotten."""
    code = """
from horay_async import Horay
client = Horay("a-key")
run = client.chat.completions.run_tools(model="m", messages=[{"role": "user", "content": ""}], tools=[])
batch = client.batch.run([])
"""
    done = run_python("-W", "error::RuntimeWarning", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


async def test_leaving_the_loop(fault_server: FaultServer, connect: Connect) -> None:
    """A loop left in the middle of a response closes the connection."""
    fault_server.add(saying("One", "two", then=(Stall(),)))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        async for event in run:
            if isinstance(event, TextDelta):
                break
        with pytest.raises(HorayError, match="the run was stopped"):
            await run._next_items()
        assert repr(run) == "<AsyncToolRun: closed>"
        await fault_server.until(lambda: fault_server.open_connections == 0, what="closing")


async def test_cancellation(fault_server: FaultServer, connect: Connect) -> None:
    """Cancelling the caller cancels the tools, and has waited for them."""
    cancelled, begun = asyncio.Event(), asyncio.Event()
    fault_server.add(calling(("hang", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[hanging(cancelled, begun)]
        )
        task = asyncio.create_task(run.final())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cancelled.is_set()
        with pytest.raises(HorayError, match="the run is closed: CancelledError ended"):
            await run.final()


async def test_failing_request(fault_server: FaultServer, connect: Connect) -> None:
    """A request that fails ends the run with its error."""
    fault_server.add(calling(("weather", {"city": "Rome"})), error(401))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        with pytest.raises(AuthenticationError):
            await run.final()


async def test_tool_in_json_form(fault_server: FaultServer, connect: Connect) -> None:
    """A tool without a function here ends the run, once those that have one are run."""
    fault_server.add(calling(("ask_user", {}), ("weather", {"city": "Rome"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather, ASK_USER]
        )
        final = await run.final()
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ["ask_user", "weather"]
    assert run.messages[-1].content == "sunny in Rome for 1"
    assert len(fault_server.requests) == 1


CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "code", "description": "Runs."}}
FLAT: dict[str, Any] = {"type": "function", "name": "code", "parameters": {"type": "object"}}


@pytest.mark.parametrize("given", [CUSTOM, FLAT])
async def test_tools_of_other_forms(
    fault_server: FaultServer, connect: Connect, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A call of a custom tool, or of one whose form is flat, is the caller's, too."""
    call: dict[str, Any] = {"index": 0, "id": "k", "type": given["type"]}
    if given is CUSTOM:
        call["custom"] = {"name": "code", "input": "x = 1"}
    else:
        call["function"] = {"name": "code", "arguments": "{}"}
    fault_server.add(streamed({"tool_calls": [call]}, finish_reason="tool_calls"))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather, given]
        )
        [told] = (await run.final()).choices[0].message.tool_calls or []
    assert told.id == "k"
    assert len(fault_server.requests) == 1
    assert "the model called code, which was given without a function" in caplog.text


async def test_made_up_ids_are_new(fault_server: FaultServer, connect: Connect) -> None:
    """One that a call needs is none of those that the server has given."""
    calls = [
        {"index": place, "id": id_, "function": {"name": "weather", "arguments": arguments}}
        for place, (id_, arguments) in enumerate(
            [
                ("call_1_1", '{"city": "Rome"}'),
                ("", '{"city": "Oslo"}'),
                ("call_1_1", '{"city": "Bonn"}'),
                ("call_1_1", '{"city": "Rome"}'),
                ("call_1_1", '{"city": "Bonn"}'),
            ]
        )
    ]
    fault_server.add(streamed({"tool_calls": calls}, finish_reason="tool_calls"), saying("Sunny."))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        await run.final()
    messages = fault_server.requests[1].json()["messages"]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert ids == ["call_1_1", "call_1_1_", "call_1_2"]
    assert [message["content"] for message in messages[2:]] == [
        f"sunny in {city} for 1" for city in ("Rome", "Oslo", "Bonn")
    ]


async def test_only_tools_in_json_form(fault_server: FaultServer, connect: Connect) -> None:
    """Where no call is ours, the response is final."""
    fault_server.add(calling(("ask_user", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[ASK_USER])
        assert (await run.final()).choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "later"),
    [
        ("required", "auto"),
        ("none", "none"),
        ({"type": "function", "function": {"name": "weather"}}, "auto"),
        ("weather", "auto"),
        (weather, "auto"),
        ("any", "auto"),
    ],
)
async def test_forced_choice(
    fault_server: FaultServer, connect: Connect, choice: Any, later: str
) -> None:
    """A choice that forces a call holds for the first round, or the model could never respond. A tool, or its name, is sent in the
    API's form.
    """
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Sunny."))
    async with connect() as client:
        await client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], tool_choice=choice
        ).final()
    sent = [request.json()["tool_choice"] for request in fault_server.requests]
    if choice in ("weather", weather):
        choice = {"type": "function", "function": {"name": "weather"}}
    assert sent == [choice, later]


async def test_tool_choice_that_isnt_among_the_tools(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A tool goes by its name, and what else there is as it is: the server knows what it can take."""
    other = Tool(weather.function, name="other")
    choices: list[Any] = [other, "other", {"type": "other"}]
    async with connect() as client:
        for choice in choices:
            await client.chat.completions.create(
                model="m", messages=QUESTION, tools=[weather], tool_choice=choice
            )
    sent = [request.json()["tool_choice"] for request in fault_server.requests]
    assert sent == [{"type": "function", "function": {"name": "other"}}, *choices[1:]]


@pytest.mark.parametrize("name", ["auto", "weather"])
async def test_name_of_a_tool_as_tool_choice(
    fault_server: FaultServer, connect: Connect, name: str
) -> None:
    """Tools in the API's form have names, too. A word of the API is never a tool's name."""
    form: Any = {"type": "function", "function": {"name": name}}
    async with connect() as client:
        await client.chat.completions.create(
            model="m", messages=QUESTION, tools=[form], tool_choice=name
        )
    assert fault_server.requests[0].json()["tool_choice"] == ("auto" if name == "auto" else form)


@pytest.mark.parametrize(
    "key", [{"idempotency_key": "k"}, {"extra_headers": {"X-A": "1", "idempotency-key": "k"}}]
)
async def test_idempotency_key(
    fault_server: FaultServer, connect: Connect, key: dict[str, Any]
) -> None:
    """Each round has a key of its own, or a server would take it for the first one again."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Sunny."))
    async with connect() as client:
        await client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], **key
        ).final()
    sent = [request.headers["Idempotency-Key"] for request in fault_server.requests]
    assert sent == ["k", "k-2"]


async def test_calls_without_ids(fault_server: FaultServer, connect: Connect) -> None:
    """Calls that a server didn't number are numbered, so that results find them, through all runs of a conversation."""
    unnumbered_calls = respond(unnumbered(), content_type="text/event-stream", framing="close")
    fault_server.add(*3 * [unnumbered_calls, saying("Sunny.")])
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        await run.final()
        more = [*run.messages, *QUESTION]
        run = client.chat.completions.run_tools(model="m", messages=more, tools=[weather])
        await run.final()
        shortened: Any = messages_to_dicts(run.messages[-5:])
        await client.chat.completions.run_tools(
            model="m", messages=[*shortened, *QUESTION], tools=[weather]
        ).final()
    messages = fault_server.requests[1].json()["messages"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_1_0", "call_1_1"]
    assert [message["tool_call_id"] for message in messages[2:]] == ["call_1_0", "call_1_1"]
    for place, ids in (
        (3, ["call_1_0", "call_1_1", "call_6_0", "call_6_1"]),
        (5, ["call_6_0", "call_6_1", "call_6_0_", "call_6_1_"]),
    ):
        messages = fault_server.requests[place].json()["messages"]
        calls = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
        assert calls == ids


async def test_client_closed_while_a_tool_is_at_work(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The tool is cancelled, and the run raises at once what has come of it: nothing else would tell it."""
    begun, cancelled = asyncio.Event(), asyncio.Event()
    fault_server.add(calling(("hang", {})))
    client = connect()
    run = client.chat.completions.run_tools(
        model="m", messages=QUESTION, tools=[hanging(cancelled, begun)]
    )
    ended = asyncio.create_task(run.final())
    await begun.wait()
    await client.close()
    with pytest.raises(APIConnectionError, match="the client is closed") as caught:
        await ended
    assert caught.value.execution == "executed"
    assert cancelled.is_set()


def unnumbered() -> bytes:
    """A stream of two calls that have no ids."""
    calls = [
        {"index": place, "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
        for place in range(2)
    ]
    choice = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    return sse({"id": "c1", "choices": [choice]}) + sse("[DONE]")


async def test_no_choices(fault_server: FaultServer, connect: Connect) -> None:
    """A response without choices is the last one."""
    body = sse({"id": "c1", "choices": []}) + sse("[DONE]")
    fault_server.add(respond(body, content_type="text/event-stream", framing="close"))
    async with connect() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        assert (await run.final()).choices == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_rounds": 0}, "max_rounds must be a whole number of at least 1, not 0"),
        ({"n": 2}, "run_tools follows one choice"),
        ({"rounds": 3}, "unknown parameter 'rounds'"),
        ({"tools": [len]}, "tools can't be sent as JSON"),
    ],
)
async def test_misuse(connect: Connect, params: dict[str, Any], message: str) -> None:
    """Mistakes are told where they are made, before anything is sent."""
    async with connect() as client:
        ask: Any = partial(client.chat.completions.run_tools, model="m", messages=QUESTION)
        with pytest.raises(TypeError, match=message):
            ask(**{"tools": [weather], **params})


@pytest.mark.parametrize("slow_first", [False, True])
async def test_results_that_came_stay_where_the_run_ends(
    fault_server: FaultServer, connect: Connect, slow_first: bool
) -> None:
    """A run that ends within a round has the results of the tools that have run among its messages."""
    begun = asyncio.Event()
    calls: list[tuple[str, object]] = [("weather", {"city": "Rome"}), ("hang", {})]
    fault_server.add(calling(*(reversed(calls) if slow_first else calls)))
    async with connect() as client:
        tools = [weather, hanging(asyncio.Event(), begun)]
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        while not results(await run._next_items()):
            pass
        during = run.messages
        await begun.wait()
        await run.close()
    ours, theirs = ("id1", "id0") if slow_first else ("id0", "id1")
    for messages in (during, run.messages):
        told = {message.tool_call_id: message.content for message in messages[2:]}
        assert told.pop(ours) == "sunny in Rome for 1"
        assert list(told) == ([] if messages is during else [theirs])


async def test_results_that_came_stay_where_approve_raises(
    fault_server: FaultServer, connect: Connect
) -> None:
    """What `approve` raises at a call ends the run, and takes no result of another call with it."""
    asked_for: list[str] = []
    told = asyncio.Event()

    async def approve(call: Any) -> None:
        asked_for.append(call.id)
        if len(asked_for) == 2:
            await told.wait()
            raise ValueError("no more")

    fault_server.add(calling(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[weather], approve=approve
        )
        while not results(await run._next_items()):
            pass
        told.set()
        with pytest.raises(ValueError, match="no more"):
            await run.final()
    assert [message.role for message in run.messages] == ["user", "assistant", "tool"]
    assert run.messages[-1].content == "sunny in Rome for 1"


@pytest.mark.parametrize("late", [False, True])
async def test_result_of_a_tool_that_was_stopped(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """What a tool brings though it was cancelled is among the messages, at once or later; until then, that it was stopped."""
    monkeypatch.setattr("horay_async.tools._call_user_code.CLEANUP", 0.01 if late else 60.0)
    begun, others_begun, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    cancelled = 0

    @tool
    async def book() -> str:
        """Books a seat, and can't be kept from it."""
        nonlocal cancelled
        begun.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                cancelled += 1
                if not late:
                    go_on.set()
        return "booked"

    fault_server.add(calling(("book", {}), ("hang", {})))
    async with connect() as client:
        tools = [book, hanging(asyncio.Event(), others_begun)]
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=tools)
        task = asyncio.create_task(run.final())
        await begun.wait()
        await others_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if late:
            assert ["was stopped" in each.content for each in run.messages[2:]] == [True, True]
            go_on.set()
            assert run._caller is not None
            await asyncio.wait(run._caller.tasks)
    first, second = run.messages[2:]
    assert (first.content, first.tool_call_id) == ("booked", "id0")
    assert "the run was stopped before this call was over" in second.content
    assert second.tool_call_id == "id1"
    assert cancelled == 1


async def test_stopped_while_approve_is_asked(fault_server: FaultServer, connect: Connect) -> None:
    """A call whose tool wasn't called isn't told to have been: it can be run, and its message added."""
    asked_for, answer = asyncio.Event(), asyncio.Event()

    async def approve(_: Any) -> None:
        asked_for.set()
        try:
            await answer.wait()
        except asyncio.CancelledError:
            return  # which lets the call run

    begun = asyncio.Event()
    fault_server.add(calling(("hang", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[hanging(asyncio.Event(), begun)], approve=approve
        )
        ended = asyncio.create_task(run.final())
        await asked_for.wait()
        await run.close()
        with pytest.raises((HorayError, asyncio.CancelledError)):
            await ended
    assert [message.role for message in run.messages] == ["user", "assistant"]
    assert not begun.is_set()


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_tool_that_has_ended_as_the_run_is_stopped(
    fault_server: FaultServer, connect: Connect, how: str, threaded: bool, turns: int
) -> None:
    """What it has done is told, however few turns of the loop later the run ends."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def book() -> str:
        loop.call_soon_threadsafe(ended.set)
        return "booked, number 17"

    async def book_soon() -> str:
        return book()

    fault_server.add(calling(("book", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m",
            messages=QUESTION,
            tools=[Tool(book if threaded else book_soon, name="book", description="Books.")],
        )
        reader = asyncio.create_task(run.final())
        await ended.wait()
        for thread in threading.enumerate():
            if thread.name == "horay-tool":
                thread.join()  # while the loop stands still
        for _ in range(turns):
            await asyncio.sleep(0)
        if how == "cancel":
            reader.cancel()
        else:
            await run.close()
        await asyncio.wait([reader])
        assert run.messages[2] == ToolMessage("booked, number 17", tool_call_id="id0")
        await run.close()


async def test_coroutine_of_a_function_that_has_ended_as_the_run_is_stopped(
    fault_server: FaultServer, connect: Connect
) -> None:
    """It isn't begun any more."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun: list[str] = []

    async def later() -> str:
        begun.append("later")
        return "booked"

    made = later()

    def book() -> Any:
        loop.call_soon_threadsafe(ended.set)
        return made

    fault_server.add(calling(("book", {})))
    async with connect() as client:
        run = client.chat.completions.run_tools(
            model="m", messages=QUESTION, tools=[Tool(book, description="Books.")]
        )
        reader = asyncio.create_task(run.final())
        await ended.wait()
        for thread in threading.enumerate():
            if thread.name == "horay-tool":
                thread.join()
        await run.close()
        await asyncio.wait([reader])
        [told] = run.messages[2:]
        assert "what it has done by then isn't known" in told.content
    made.close()
    assert not begun
