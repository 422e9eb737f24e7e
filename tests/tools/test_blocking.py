"""The blocking client of the loop: the same steps, bounds and stops, from the caller's thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import pytest

from horay_async.errors import (
    AnswerError,
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    HorayError,
)
from horay_async.models.events import (
    AnswerParsed,
    PartialObject,
    RoundFinished,
    RoundStarted,
    TextDelta,
    ToolResult,
)
from horay_async.models.messages import UserMessage
from horay_async.sync import ToolRun
from horay_async.testing import FaultServer, Stall, chat, stream
from horay_async.tools.define import tool

from .responses import asked, calling, saying

if TYPE_CHECKING:
    from tests.conftest import ConnectBlocking

QUESTION = [UserMessage("How is the weather?")]


@attrs.define
class Point:
    """What a text is to become."""

    x: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def test_conversation(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """Every step is seen in the caller's thread; the tool runs in another."""
    threads: set[int] = set()

    @tool
    def where() -> str:
        threads.add(threading.get_ident())
        return "here"

    fault_server.add(calling(("where", {})), saying("There."))
    with (
        connect_blocking() as client,
        client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[where]) as run,
    ):
        events = list(run)
        assert run.final().choices[0].message.content == "There."
    kinds = [type(event) for event in events]
    assert kinds[0] is RoundStarted
    assert kinds[-1] is RoundFinished
    assert kinds.count(ToolResult) == 1
    assert threading.get_ident() not in threads
    assert asked(fault_server.requests[1])[-1] == ("tool", "here")
    assert [message.content for message in run.messages[-2:]] == ["here", "There."]


def test_final_alone(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """Nobody has to look at the steps."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Sunny."))
    with connect_blocking() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        assert run.final().choices[0].message.content == "Sunny."


def test_bounds(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """Rounds and time are bounded."""
    fault_server.always(calling(("weather", {"city": "Rome"})))
    with connect_blocking() as client:
        completions = client.chat.completions
        with pytest.raises(AnswerError, match="after 1 round, which is all that max_rounds allows"):
            completions.run_tools(
                model="m", messages=QUESTION, tools=[weather], max_rounds=1
            ).final()
        fault_server.add(saying("It", then=(Stall(),)))
        with pytest.raises(APITimeoutError):
            completions.run_tools(
                model="m", messages=QUESTION, tools=[weather], timeout=0.05
            ).final()


def test_leaving_the_loop(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """A loop left in the middle of a response closes the connection."""
    fault_server.add(saying("One", "two", then=(Stall(),)))
    with connect_blocking() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])
        for event in run:
            if isinstance(event, TextDelta):
                break
        fault_server.wait(lambda: fault_server.open_connections == 0, what="closing")
        with pytest.raises(HorayError):
            run.final()


def close(run: ToolRun) -> None:
    """Closes in so many words."""
    run.close()


def leave(run: ToolRun) -> None:
    """Leaves the block."""
    with run:
        pass


@pytest.mark.parametrize("end", [close, leave])
def test_closing_cancels_tools(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, end: Callable[[ToolRun], None]
) -> None:
    """Closing the run ends a tool that waits, and waits until it has cleaned up."""
    begun, ended = threading.Event(), threading.Event()

    @tool
    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(1000):
                await asyncio.sleep(0)
            ended.set()

    fault_server.add(calling(("hang", {})))
    with connect_blocking() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[hang])
        events = iter(run)
        while not isinstance(next(events), RoundFinished):
            pass
        assert begun.wait(10)
        end(run)
        assert ended.is_set()


@pytest.mark.parametrize("where", ["thread", "tool", "loop"])
def test_closing_elsewhere(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, where: str
) -> None:
    """Who waits for a tool is told that the run was stopped, as with the asynchronous client. On the loop's thread closing doesn't wait."""
    threads: list[threading.Thread] = []

    @tool
    async def waiting() -> None:
        if where == "loop":
            run.close()
        else:
            threads.append(threading.Thread(target=run.close))
            threads[0].start()
        await asyncio.Event().wait()

    @tool
    def closing() -> None:
        run.close()

    used = closing if where == "tool" else waiting
    fault_server.add(calling((used.name, {})))
    with connect_blocking() as client:
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[used])
        for _ in range(2):
            with pytest.raises(HorayError, match="the run was stopped") as raised:
                run.final()
            assert type(raised.value) is HorayError
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("other", [False, True])
def test_closing_the_client_under_a_tool(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, other: bool
) -> None:
    """A round was executed by then, and paid for: the error says so, whether other clients are in use or not."""
    client = connect_blocking()
    threads: list[threading.Thread] = []

    @tool
    def closing() -> None:
        threads.append(threading.Thread(target=client.close))
        threads[0].start()
        while not client._handle.closed:
            time.sleep(0.001)

    with connect_blocking() as second:
        if other:
            second.models.list()
        fault_server.add(calling(("closing", {})))
        run = client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[closing])
        with pytest.raises(APIConnectionError, match="the run of tools has ended") as caught:
            run.final()
        threads[0].join(20)
    assert (caught.value.execution, caught.value.transient) == ("executed", False)


def test_never_read(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """A run that nobody reads does nothing, and a warning says so, where it is dropped; not of one that is read, entered or closed."""
    client = connect_blocking()

    def made() -> ToolRun:
        return client.chat.completions.run_tools(model="m", messages=QUESTION, tools=[weather])

    with pytest.warns(RuntimeWarning, match=r"run_tools\(...\) was never read") as caught:
        made()
    assert caught[0].filename == __file__
    iter(made())
    made().close()
    with made():
        pass
    client.close()
    with pytest.raises(ConfigurationError):
        made().final()
    assert not fault_server.requests


def test_parse_and_stream(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """Typed answers, whole and as they fill."""
    fault_server.add(chat('{"x": 1}'), stream(['{"x"', ": 2}"]))
    with connect_blocking() as client:
        completions = client.chat.completions
        response = completions.parse(model="m", messages=QUESTION, response_format=Point)
        assert response.choices[0].message.parsed == Point(1)
        with completions.stream(model="m", messages=QUESTION, response_format=Point) as events:
            kinds = [type(event) for event in events]
            assert events.final().choices[0].message.parsed == Point(2)
        assert {PartialObject, AnswerParsed} <= set(kinds)
        fault_server.add(chat("{}"))
        with pytest.raises(AnswerError, match=r"\$\.x: is missing"):
            completions.parse(model="m", messages=QUESTION, response_format=Point)
