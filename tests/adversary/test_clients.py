"""One client under random use, against a server that does random things: both clients, by state machines."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    rule,
    run_state_machine_as_test,
)

from horay_async import AsyncHoray, ConfigurationError, Horay, HorayError
from tests.adversary.draws import TIMES
from tests.adversary.echo import FAULTS, Echo, echo_server, text_for
from tests.adversary.operations import (
    OPERATIONS,
    Operation,
    chat,
    checked,
    driven,
    messages,
    options_for,
    slots_in_use,
)
from tests.adversary.watchdog import Complaints, becomes, descriptors, in_time, join, watched

STEADY = settings(
    derandomize=TIMES == 1,
    deadline=None,
    database=None,
    max_examples=8 * TIMES,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=(Phase.generate,),
)
"""The same in every run of the suite, however slow the machine. What fails isn't shrunk, which takes minutes: few steps are told."""

SELDOM = {"hung", "refused", "ended executed"}
"""Faults that take long, or that no retry mends."""

KINDS = [kind for kind in FAULTS for _ in range(1 if kind in SELDOM else 2)] + ["good"] * 12

FAULT_LISTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**16)), max_size=3)

SOME_OPERATIONS = st.sampled_from(OPERATIONS)

outcomes: Counter[str] = Counter()
"""What became of all calls of a test: a machine in which nothing is ever answered shows nothing."""

complaints = Complaints()


MOST_HELD = 2
"""Streams that are held open, below the client's `max_connections`: other calls are to get a connection."""


class AsyncCall:
    """A call under way, in a task."""

    def __init__(self, task: asyncio.Task[str]) -> None:
        self.task = task


class Held:
    """A stream that is read a piece at a time."""

    def __init__(self, stream: Any, token: str) -> None:
        self.stream = stream
        self.token = token
        self.got = ""

    def take(self, piece: str) -> None:
        """Fails where it isn't the next piece of the token's response."""
        self.got += piece
        assert text_for(self.token).startswith(self.got), f"{self.token} was answered {self.got!r}"


class Machine(RuleBasedStateMachine):
    """A client and a server, calls under way, and streams that are held open."""

    calls = Bundle("calls")
    streams = Bundle("streams")

    def __init__(self) -> None:
        super().__init__()
        self.descriptors = descriptors()
        self.threads = set(threading.enumerate())
        self.echo = Echo()
        self.server = echo_server(self.echo).__enter__()
        self.threads |= set(threading.enumerate())
        self.held: list[Held] = []

    def stream_of(self, token: str) -> Any:
        """Opens a stream."""
        raise NotImplementedError

    def next_of(self, stream: Any) -> Any:
        """The next chunk of a stream."""
        raise NotImplementedError

    def close_stream(self, stream: Any) -> None:
        """Closes a stream."""
        raise NotImplementedError

    def read_rest(self, held: Held) -> None:
        """Reads a stream to its end."""
        raise NotImplementedError

    @rule(target=streams, faults=FAULT_LISTS)
    def open_stream(self, faults: list[tuple[str, int]]) -> Held | None:
        if sum(held.stream is not None for held in self.held) == MOST_HELD:
            return None
        token = self.echo.new_token(faults)
        try:
            held = Held(self.stream_of(token), token)
        except HorayError:
            return None
        self.held.append(held)
        return held

    @rule(held=streams)
    def read_on(self, held: Held | None) -> None:
        if held is not None and held.stream is not None:
            try:
                chunk = self.next_of(held.stream)
            except (HorayError, StopIteration, StopAsyncIteration):
                return
            held.take(chunk.text or "")

    @rule(held=consumes(streams), how=st.sampled_from(("read", "close", "drop")))
    def leave(self, held: Held | None, how: str) -> None:
        if held is None:
            return
        if how == "close":
            self.close_stream(held.stream)
        elif how == "read":
            self.read_rest(held)
        held.stream = None  # whoever else has the holder


class AsyncMachine(Machine):
    """An `AsyncHoray` on a loop that goes on while a rule runs, and stands still in between."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.loop.set_exception_handler(complaints.of_loop)
        self.open: set[asyncio.Task[str]] = set()
        self.client = self.new_client()

    def new_client(self) -> AsyncHoray:
        return AsyncHoray(self.server.api_key, **options_for(self.server))

    def run(self, work: Any) -> Any:
        return self.runner.run(in_time(work))

    def begin(self, operation: Operation, faults: list[tuple[str, int]]) -> asyncio.Task[str]:
        work = checked(operation, self.client, self.echo.new_token(faults), self.echo)
        task = self.loop.create_task(work, name=operation.__name__)
        self.open.add(task)
        return task

    async def end(self, task: asyncio.Task[str]) -> None:
        self.open.discard(task)
        outcomes[await task] += 1

    @rule(target=Machine.calls, operation=SOME_OPERATIONS, faults=FAULT_LISTS)
    def start(self, operation: Operation, faults: list[tuple[str, int]]) -> AsyncCall:
        return AsyncCall(self.begin(operation, faults))

    @rule(operation=SOME_OPERATIONS, faults=FAULT_LISTS)
    def call(self, operation: Operation, faults: list[tuple[str, int]]) -> None:
        self.run(self.end(self.begin(operation, faults)))

    @rule(drawn=st.lists(st.tuples(SOME_OPERATIONS, FAULT_LISTS), min_size=2, max_size=6))
    def many_at_once(self, drawn: list[tuple[Operation, list[tuple[str, int]]]]) -> None:
        tasks = [self.begin(*each) for each in drawn]

        async def all_of_them() -> None:
            for task in tasks:
                await self.end(task)

        self.run(all_of_them())

    @rule(call=consumes(Machine.calls))
    def finish(self, call: AsyncCall) -> None:
        self.run(self.end(call.task))

    @rule(call=consumes(Machine.calls), again=st.booleans())
    def cancel(self, call: AsyncCall, again: bool) -> None:
        async def cancelled() -> None:
            call.task.cancel()
            if again:
                await asyncio.sleep(0)
                call.task.cancel()
            try:
                await self.end(call.task)
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1

        self.run(cancelled())

    @rule(turns=st.integers(1, 12), pause=st.sampled_from((0, 0, 0.001, 0.005)))
    def go_on(self, turns: int, pause: float) -> None:
        async def some_turns() -> None:
            for _ in range(turns):
                await asyncio.sleep(pause)

        self.run(some_turns())

    def stream_of(self, token: str) -> Any:
        create = self.client.chat.completions.create
        return self.run(create(model="m", messages=messages(token), stream=True))

    def next_of(self, stream: Any) -> Any:
        return self.run(anext(stream))

    def close_stream(self, stream: Any) -> None:
        self.run(stream.close())

    def read_rest(self, held: Held) -> None:
        self.run(self.rest(held))

    async def rest(self, held: Held) -> None:
        try:
            async for piece in held.stream.text():
                held.take(piece)
        except HorayError as error:
            outcomes[type(error).__name__] += 1
        else:
            if held.got:
                outcomes["right"] += 1

    @rule()
    def close(self) -> None:
        closed, self.client = self.client, self.new_client()
        self.run(closed.close())
        with pytest.raises(ConfigurationError):
            self.run(closed.models.list())

    @rule()
    def collect(self) -> None:
        gc.collect()

    def teardown(self) -> None:
        try:
            self.run(self.settle())
        finally:
            self.runner.close()
            self.server.__exit__(None, None, None)
        becomes(lambda: set(threading.enumerate()) <= self.threads, "a thread is left")
        becomes(lambda: descriptors() <= self.descriptors, "a descriptor is left")
        complaints.check()

    async def settle(self) -> None:
        """Ends everything; nothing may be left."""
        while self.open:
            await self.end(next(iter(self.open)))
        for held in self.held:
            held.stream = None  # dropped
        await self.nothing_left(lambda: not slots_in_use(self.client), "a connection slot")
        await self.client.close()
        await self.nothing_left(lambda: not self.server.open_connections, "a connection")
        await self.nothing_left(lambda: len(asyncio.all_tasks()) <= OWN_TASKS, "a task")

    async def nothing_left(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(5_000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise AssertionError(f"{what} is left: {asyncio.all_tasks()}")


OWN_TASKS = 2
"""Those that wait for the end: the runner's, and the watched one within it."""


class BlockingCallUnderWay:
    """A call in a thread of its own."""

    def __init__(self, operation: Operation, client: Horay, token: str, echo: Echo) -> None:
        self.failure: BaseException | None = None

        def run() -> None:
            try:
                outcomes[driven(checked(operation, client, token, echo))] += 1
            except BaseException as error:  # noqa: BLE001 - raised where the test waits
                self.failure = error

        self.thread = threading.Thread(target=run, name=operation.__name__)
        self.thread.start()

    def end(self) -> None:
        """Waits for its end; raises what was wrong with it."""
        join(self.thread)
        if self.failure is not None:
            raise self.failure


class BlockingMachine(Machine):
    """A `Horay`, called from several threads, beside another one on the same loop."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[BlockingCallUnderWay] = set()
        self.client = self.new_client()
        self.other = self.new_client()

    def new_client(self) -> Horay:
        return Horay(self.server.api_key, **options_for(self.server))

    def begin(self, operation: Operation, faults: list[tuple[str, int]]) -> BlockingCallUnderWay:
        call = BlockingCallUnderWay(operation, self.client, self.echo.new_token(faults), self.echo)
        self.open.add(call)
        return call

    def end(self, call: BlockingCallUnderWay) -> None:
        self.open.discard(call)
        call.end()

    @rule(target=Machine.calls, operation=SOME_OPERATIONS, faults=FAULT_LISTS)
    def start(self, operation: Operation, faults: list[tuple[str, int]]) -> BlockingCallUnderWay:
        return self.begin(operation, faults)

    @rule(operation=SOME_OPERATIONS, faults=FAULT_LISTS)
    def call(self, operation: Operation, faults: list[tuple[str, int]]) -> None:
        token = self.echo.new_token(faults)
        outcomes[driven(checked(operation, self.client, token, self.echo))] += 1

    @rule(drawn=st.lists(st.tuples(SOME_OPERATIONS, FAULT_LISTS), min_size=2, max_size=6))
    def many_at_once(self, drawn: list[tuple[Operation, list[tuple[str, int]]]]) -> None:
        for call in [self.begin(*each) for each in drawn]:
            self.end(call)

    @rule(call=consumes(Machine.calls))
    def finish(self, call: BlockingCallUnderWay) -> None:
        self.end(call)

    def stream_of(self, token: str) -> Any:
        create = self.client.chat.completions.create
        return create(model="m", messages=messages(token), stream=True)

    def next_of(self, stream: Any) -> Any:
        return next(stream)

    def close_stream(self, stream: Any) -> None:
        stream.close()

    def read_rest(self, held: Held) -> None:
        try:
            for piece in held.stream.text():
                held.take(piece)
        except HorayError as error:
            outcomes[type(error).__name__] += 1

    @rule(under_way=st.booleans())
    def close(self, under_way: bool) -> None:
        """Under calls that are under way, or once they are over."""
        if not under_way:
            for call in list(self.open):
                self.end(call)
        closed, self.client = self.client, self.new_client()
        closed.close()
        with pytest.raises(ConfigurationError):
            closed.models.list()

    @rule()
    def close_other(self) -> None:
        """The other client comes and goes: the thread they share is leased by whoever is left."""
        other, self.other = self.other, self.new_client()
        token = self.echo.new_token([])
        assert driven(checked(chat, other, token, self.echo)) in ("right", "APITimeoutError")
        other.close()

    def teardown(self) -> None:
        try:
            for call in list(self.open):
                self.end(call)
            for held in self.held:
                held.stream = None
            gc.collect()
            slots = self.client._wrapped
            becomes(lambda: not slots_in_use(slots), "a connection slot is left")
            self.client.close()
            self.other.close()
            self.server.wait(
                lambda: not self.server.open_connections, what="the last connection's end"
            )
        finally:
            self.server.__exit__(None, None, None)
        becomes(lambda: set(threading.enumerate()) <= self.threads, "a thread is left")
        becomes(lambda: descriptors() <= self.descriptors, "a descriptor is left")
        complaints.check()


@pytest.mark.parametrize("machine", [AsyncMachine, BlockingMachine])
def test_random_use(machine: type[RuleBasedStateMachine]) -> None:
    """Every response is its own request's, every failure a `HorayError`, nothing hangs, and nothing is left."""
    outcomes.clear()
    with watched(), complaints.heard():
        run_state_machine_as_test(machine, settings=STEADY)
    complaints.check()
    assert outcomes["right"] > 50
    assert sum(outcomes.values()) > outcomes["right"]
