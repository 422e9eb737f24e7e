"""The way between threads: the shared loop thread, calls into it, and streams out of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any, cast

import pytest

from horay_async import ConfigurationError, HorayError
from horay_async._bridge import blocking_iterator
from horay_async._bridge.blocking_iterator import (
    MAX_PREFETCHED,
    BlockingIterator,
    BlockingReader,
    Prefetcher,
)
from horay_async._bridge.thread import BlockingCall, LoopHandle
from horay_async.streaming import all_of
from horay_async.sync import Stream
from tests.tripping import Tripped, tripping

THREAD = "horay-blocking"


def loop_threads() -> list[threading.Thread]:
    """The loop threads that run now: none or one."""
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


async def nothing() -> None:
    """Nothing to do on closing."""


@pytest.fixture
def handle() -> Iterator[LoopHandle]:
    """A handle, given back at the end."""
    handle = LoopHandle()
    yield handle
    handle.close(nothing)
    assert not loop_threads()


class Source:
    """An asynchronous source of bursts that notes what is done to it."""

    def __init__(self, bursts: list[list[int]], error: BaseException | None = None) -> None:
        self.bursts = bursts
        self.error = error
        self.pulled = 0
        self.tasks: set[Any] = set()
        self.stalled = threading.Event()
        self.cancelled = threading.Event()

    async def pull(self) -> list[int]:
        """The next burst; a source without an end of its own waits for ever after its last one."""
        self.tasks.add(asyncio.current_task())
        await asyncio.sleep(0)
        if self.pulled < len(self.bursts):
            self.pulled += 1
            return self.bursts[self.pulled - 1]
        if self.error is not None:
            raise self.error
        self.stalled.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return []


def drain(prefetcher: Prefetcher[int]) -> list[int]:
    """Everything that a prefetcher brings."""
    return list(BlockingIterator(prefetcher, all_of, prefetcher.stop))


def test_thread_runs_from_the_first_handle_to_the_last() -> None:
    """Two handles share one thread; it starts with the first call and ends with the last handle."""
    first, second = LoopHandle(), LoopHandle()
    assert not loop_threads()
    first.run(nothing)
    second.run(nothing)
    (thread,) = loop_threads()
    first.close(nothing)
    assert loop_threads() == [thread]
    second.close(nothing)
    assert not thread.is_alive()


def test_closed_handle_is_refused() -> None:
    """A handle that was given back can't be used; giving back twice, or unused, is fine."""
    handle = LoopHandle()
    handle.close(nothing)
    handle.close(nothing)
    with pytest.raises(ConfigurationError, match="closed"):
        handle.run(nothing)
    assert not loop_threads()


@pytest.mark.posix
def test_closing_that_is_interrupted_goes_on() -> None:
    """Ctrl-C is raised at once, nothing can be called any more, and the thread ends."""
    handle = LoopHandle()
    handle.run(nothing)
    (running,) = loop_threads()
    begun, closed = threading.Event(), threading.Event()
    go_on = asyncio.Event()

    async def on_close() -> None:
        begun.set()
        await go_on.wait()
        closed.set()

    interrupt = interrupt_after(begun)
    with pytest.raises(KeyboardInterrupt):
        handle.close(on_close)
    interrupt.join()
    assert handle.closed
    assert not closed.is_set()
    with pytest.raises(ConfigurationError, match="closed"):
        handle.run(nothing)
    assert handle.thread is not None
    assert handle.thread.loop is not None
    handle.thread.loop.call_soon_threadsafe(go_on.set)
    running.join(10)
    assert not running.is_alive()
    assert closed.is_set()


def test_many_threads_start_one_loop(handle: LoopHandle) -> None:
    """Threads that come at the same moment get the same loop."""
    barrier = threading.Barrier(8)
    loops: list[Any] = []

    async def here() -> Any:
        return asyncio.get_running_loop()

    def call() -> None:
        barrier.wait()
        loops.append(handle.run(here))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, loops))) == 1
    assert len(loops) == 8


def test_run_raises_what_the_coroutine_raises(handle: LoopHandle) -> None:
    """An exception crosses the threads as it is."""

    async def fail() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        handle.run(fail)


@pytest.mark.posix
def test_interrupted_before_it_starts(handle: LoopHandle) -> None:
    """Ctrl-C while the thread is too busy to begin a call: it never begins."""
    busy, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    async def hold_up() -> None:
        busy.set()
        go_on.wait(5)

    async def run() -> None:
        ran.append(1)

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    holding = BlockingCall(hold_up)
    handle.submit(holding)
    assert busy.wait(5)
    timer = threading.Timer(0.03, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        handle.run(run)
    go_on.set()
    holding.wait()
    handle.run(nothing)
    assert not ran


class Cleanup:
    """A call that takes its time to end when it is cancelled."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.cleaning = threading.Event()
        self.go_on = asyncio.Event()
        self.ended = False

    async def pull(self) -> list[int]:
        """Waits for ever; cancelled, it waits for `go_on`."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaning.set()
            await self.go_on.wait()
            for _ in range(1000):  # so that a caller who doesn't wait is gone before
                await asyncio.sleep(0)
            self.ended = True
        return []


def interrupt_after(*events: threading.Event) -> threading.Thread:
    """Sends Ctrl-C to the main thread after each of the events."""

    def wait_and_send() -> None:
        for event in events:
            event.wait(10)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread


@pytest.mark.posix
@pytest.mark.parametrize("streamed", [False, True])
def test_interrupt_waits_for_the_end(handle: LoopHandle, streamed: bool) -> None:
    """When Ctrl-C is raised, nothing of the call runs any more."""
    call = Cleanup()
    call.go_on.set()
    interrupt = interrupt_after(call.began)
    with pytest.raises(KeyboardInterrupt):
        _ = drain(Prefetcher(handle, call.pull)) if streamed else handle.run(call.pull)
    assert call.ended
    interrupt.join()


async def go_on(call: Cleanup) -> None:
    """Lets a call end."""
    call.go_on.set()


@pytest.mark.posix
@pytest.mark.parametrize(
    ("seconds", "interrupts"),
    [(60.0, ["began", "cleaning"]), (0.01, ["began"])],
    ids=["a second Ctrl-C is raised at once", "the wait has an end of its own"],
)
def test_call_that_does_not_end_is_not_waited_for(
    handle: LoopHandle, monkeypatch: pytest.MonkeyPatch, seconds: float, interrupts: list[str]
) -> None:
    """After Ctrl-C, a call is given some time to end."""
    monkeypatch.setattr("horay_async._bridge.thread.CANCEL_TIMEOUT", seconds)
    call = Cleanup()
    interrupt = interrupt_after(*(getattr(call, name) for name in interrupts))
    with pytest.raises(KeyboardInterrupt):
        handle.run(call.pull)
    assert not call.ended
    interrupt.join()
    handle.run(go_on, call)


def ignore(*_: object) -> None:
    """An exception handler for a loop."""


def test_call_of_a_closed_loop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task never ends."""
    monkeypatch.setattr("horay_async._bridge.thread.CANCEL_TIMEOUT", 1e6)
    loop, source = asyncio.new_event_loop(), Source([])
    loop.set_exception_handler(ignore)  # the task stays pending
    call = BlockingCall(source.pull)
    task = loop.create_task(call.run())
    while not source.stalled.is_set():
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    call.cancel_on_interrupt()
    assert not task.done()
    call.abandon_after_fork()
    call.cancel_on_interrupt()


@pytest.mark.posix
@pytest.mark.parametrize("streamed", [False, True])
def test_interrupt_that_wakes_nobody(
    handle: LoopHandle, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """On Windows Ctrl-C doesn't end a wait for another thread; it is noticed all the same."""
    monkeypatch.setattr("horay_async._bridge.thread.MAX_WAIT", 0.01)
    handle.run(nothing)  # the loop's thread has the signal unblocked
    source = Source([])

    def send() -> None:
        source.stalled.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    interrupt = threading.Thread(target=send)
    interrupt.start()
    # From here on another thread gets the signal, and this one isn't woken.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(KeyboardInterrupt):
            _ = drain(Prefetcher(handle, source.pull)) if streamed else handle.run(source.pull)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        interrupt.join()
    assert source.cancelled.wait(10)


@pytest.mark.anyio
async def test_works_below_a_running_loop(handle: LoopHandle) -> None:
    """A thread whose event loop is running can call, as in a notebook."""

    async def response() -> int:
        return 42

    assert handle.run(response) == 42


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


def test_prefetcher_keeps_order_and_pulls_in_one_task(handle: LoopHandle) -> None:
    """All items come, in order, and one task pulls them all."""
    source = Source([[1, 2], [3], [4, 5, 6], []])
    assert drain(Prefetcher(handle, source.pull)) == [1, 2, 3, 4, 5, 6]
    assert len(source.tasks) == 1


def test_prefetcher_raises_after_the_items(handle: LoopHandle) -> None:
    """An error of the source comes after what came before it, and again for whoever reads on."""
    prefetcher = Prefetcher(handle, Source([[1, 2]], LookupError("lost")).pull)
    loop = BlockingIterator(prefetcher, all_of, prefetcher.stop)
    assert [next(loop), next(loop)] == [1, 2]
    for _ in range(2):
        with pytest.raises(LookupError, match="lost"):
            next(loop)


@pytest.mark.parametrize("most", [None, 1, 2])
def test_prefetcher_reads_ahead_but_not_without_end(handle: LoopHandle, most: int | None) -> None:
    """A caller who is slow stops the source after some bursts; going on starts it again."""
    total = MAX_PREFETCHED * 5
    source = Source([[number] for number in range(total)] + [[]])
    prefetcher = Prefetcher(handle, source.pull, max_prefetched=most)
    loop = BlockingIterator(prefetcher, all_of, prefetcher.stop)
    assert next(loop) == 0

    async def settled() -> int:
        pulled = -1
        while pulled != source.pulled:
            pulled = source.pulled
            for _ in range(10):
                await asyncio.sleep(0)
        return pulled

    assert handle.run(settled) <= (most or MAX_PREFETCHED) + 1
    assert list(loop) == list(range(1, total))


def test_dropped_loop_stops_the_source(handle: LoopHandle) -> None:
    """Leaving a loop early cancels the task that pulls."""
    source = Source([[1, 2, 3]])
    prefetcher = Prefetcher(handle, source.pull)
    for number in BlockingIterator(prefetcher, all_of, prefetcher.stop):
        assert number == 1
        assert source.stalled.wait(5)
        break
    assert source.cancelled.wait(5)
    with pytest.raises(HorayError, match="closed"):
        prefetcher.advance()


def test_closing_the_handle_wakes_a_waiting_loop() -> None:
    """A loop in another thread ends with a clear error when the client is closed under it."""
    handle = LoopHandle()
    source = Source([[1]])
    raised: list[BaseException] = []

    def read() -> None:
        try:
            drain(Prefetcher(handle, source.pull))
        except ConfigurationError as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert source.stalled.wait(5)
    handle.close(nothing)
    thread.join(5)
    assert not thread.is_alive()
    assert "closed" in str(raised[0])


class Streamed:
    """What a blocking stream wraps, over a source."""

    def __init__(self, bursts: list[list[int]]) -> None:
        self._next_items = Source(bursts).pull
        self.closed = False

    def _close_nowait(self) -> None:
        """Notes that it is closed."""
        self.closed = True

    def _unsent(self, error: ConfigurationError) -> HorayError:
        """Nothing was sent."""
        return error

    _drop = _close_nowait


def odd(items: Iterator[int]) -> Iterator[int]:
    """The items of a loop that leaves some out, by a generator."""
    return (item for item in items or () if item % 2)


def reads(code: CodeType) -> bool:
    """Whether code is a step of reading a stream."""
    return code.co_filename == blocking_iterator.__file__ or code in odd.__code__.co_consts


def none_of(items: Iterator[int] | None) -> Iterator[int]:
    """Goes through all of them, and selects none."""
    return iter(deque(items or (), maxlen=0))


@pytest.mark.parametrize("way", ["loop", "selecting", "next", "exhaust"])
def test_interruption_at_any_step_never_looks_complete(handle: LoopHandle, way: str) -> None:
    """Reading on after one raises, of a stream that is closed, or goes on where nothing was lost."""
    whole = {"selecting": [1, 3, 5], "exhaust": []}.get(way, [1, 2, 3, 4, 5])
    tripped, refused = 0, 0
    while True:
        streamed = Streamed([[1, 2], [3, 4, 5], []])
        stream: Stream[Any] = Stream(cast("Any", streamed), handle)
        items: Iterator[int] = iter(partial(next, cast("Any", stream)), None)
        if way != "next":
            select: Any = {"loop": all_of, "selecting": odd, "exhaust": none_of}[way]
            items = stream._iterate(select)
        read: list[int] = []
        try:
            with tripping(tripped, reads):
                deque(map(read.append, items), maxlen=0)
        except Tripped:
            tripped += 1
        else:
            break
        try:
            read.extend(items)
        except HorayError as error:
            refused += "Tripped" in str(error)
            assert streamed.closed
            whole_or_begun = whole[: len(read)]
        else:
            whole_or_begun = whole
        assert read == whole_or_begun
    assert read == whole
    assert 0 < refused <= tripped


def test_first_reading_after_the_client_was_closed() -> None:
    """It raises, and so does each further one."""
    handle = LoopHandle()
    handle.close(nothing)
    items = BlockingReader(Prefetcher(handle, Source([[1]]).pull), all_of)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="closed"):
            next(items)
