"""The way between threads: the shared loop thread, calls into it, and streams out of it."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from horay_async import AsyncHoray, ConfigurationError, Horay, HorayError
from horay_async._bridge import AHEAD, Lease, Loop, Pump
from horay_async.streaming import all_of

THREAD = "horay-blocking"


def loop_threads() -> list[threading.Thread]:
    """The loop threads that run now: none or one."""
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


async def nothing() -> None:
    """A farewell with nothing to say."""


@pytest.fixture
def lease() -> Iterator[Lease]:
    """A lease, given back at the end."""
    lease = Lease()
    yield lease
    lease.close(nothing)
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


def drain(pump: Pump[int]) -> list[int]:
    """Everything that a pump brings."""
    return list(Loop(pump, all_of, pump.stop))


def test_thread_runs_from_the_first_lease_to_the_last() -> None:
    """Two leases share one thread; it starts with the first call and ends with the last lease."""
    first, second = Lease(), Lease()
    assert not loop_threads()
    first.run(nothing)
    second.run(nothing)
    (thread,) = loop_threads()
    first.close(nothing)
    assert loop_threads() == [thread]
    second.close(nothing)
    assert not thread.is_alive()


def test_closed_lease_is_refused() -> None:
    """A lease that was given back can't be used; giving back twice, or unused, is fine."""
    lease = Lease()
    lease.close(nothing)
    lease.close(nothing)
    with pytest.raises(ConfigurationError, match="closed"):
        lease.run(nothing)
    assert not loop_threads()


def test_many_threads_start_one_loop(lease: Lease) -> None:
    """Threads that come at the same moment get the same loop."""
    barrier = threading.Barrier(8)
    loops: list[Any] = []

    async def here() -> Any:
        return asyncio.get_running_loop()

    def call() -> None:
        barrier.wait()
        loops.append(lease.run(here))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, loops))) == 1
    assert len(loops) == 8


def test_run_raises_what_the_coroutine_raises(lease: Lease) -> None:
    """An exception crosses the threads as it is."""

    async def fail() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        lease.run(fail)


def test_interrupted_before_it_starts(lease: Lease) -> None:
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

    holding = lease.start(hold_up)
    assert busy.wait(5)
    timer = threading.Timer(0.03, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        lease.run(run)
    go_on.set()
    holding.result()
    lease.run(nothing)
    assert not ran


@pytest.mark.skipif(sys.platform == "win32", reason="shows on POSIX what Windows does")
@pytest.mark.parametrize("streamed", [False, True])
def test_interrupt_that_wakes_nobody(
    lease: Lease, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """On Windows Ctrl-C doesn't end a wait for another thread; it is noticed all the same."""
    monkeypatch.setattr("horay_async._job.MAX_WAIT", 0.01)
    lease.run(nothing)  # the loop's thread has the signal unblocked
    source = Source([])
    interrupt = threading.Thread(
        target=lambda: (source.stalled.wait(10), os.kill(os.getpid(), signal.SIGINT))
    )
    interrupt.start()
    # From here on another thread gets the signal, and this one isn't woken.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(KeyboardInterrupt):
            _ = drain(Pump(lease, source.pull)) if streamed else lease.run(source.pull)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        interrupt.join()
    assert source.cancelled.wait(10)


@pytest.mark.anyio
async def test_works_below_a_running_loop(lease: Lease) -> None:
    """A thread whose event loop is running can call, as in a notebook."""

    async def answer() -> int:
        return 42

    assert lease.run(answer) == 42


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


def test_pump_keeps_order_and_pulls_in_one_task(lease: Lease) -> None:
    """All items come, in order, and one task pulls them all."""
    source = Source([[1, 2], [3], [4, 5, 6], []])
    assert drain(Pump(lease, source.pull)) == [1, 2, 3, 4, 5, 6]
    assert len(source.tasks) == 1


def test_pump_raises_after_the_items(lease: Lease) -> None:
    """An error of the source comes after what came before it, and again for whoever reads on."""
    pump = Pump(lease, Source([[1, 2]], LookupError("lost")).pull)
    loop = Loop(pump, all_of, pump.stop)
    assert [next(loop), next(loop)] == [1, 2]
    for _ in range(2):
        with pytest.raises(LookupError, match="lost"):
            next(loop)


def test_pump_reads_ahead_but_not_without_end(lease: Lease) -> None:
    """A caller who is slow stops the source after some bursts; going on starts it again."""
    total = AHEAD * 5
    source = Source([[number] for number in range(total)] + [[]])
    pump = Pump(lease, source.pull)
    loop = Loop(pump, all_of, pump.stop)
    assert next(loop) == 0

    async def settled() -> int:
        pulled = -1
        while pulled != source.pulled:
            pulled = source.pulled
            for _ in range(10):
                await asyncio.sleep(0)
        return pulled

    assert lease.run(settled) <= AHEAD + 1
    assert list(loop) == list(range(1, total))


def test_dropped_loop_stops_the_source(lease: Lease) -> None:
    """Leaving a loop early cancels the task that pulls."""
    source = Source([[1, 2, 3]])
    pump = Pump(lease, source.pull)
    for number in Loop(pump, all_of, pump.stop):
        assert number == 1
        assert source.stalled.wait(5)
        break
    assert source.cancelled.wait(5)
    with pytest.raises(HorayError, match="closed"):
        pump.advance()


def test_closing_the_lease_wakes_a_waiting_loop() -> None:
    """A loop in another thread ends with a clear error when the client is closed under it."""
    lease = Lease()
    source = Source([[1]])
    raised: list[BaseException] = []

    def read() -> None:
        try:
            drain(Pump(lease, source.pull))
        except ConfigurationError as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert source.stalled.wait(5)
    lease.close(nothing)
    thread.join(5)
    assert not thread.is_alive()
    assert "closed" in str(raised[0])


def test_methods_keep_signature_and_docstring() -> None:
    """Hovering over a blocking method shows what the asynchronous one says."""
    with Horay("a-key-for-nothing") as client:
        for face, twin in (
            (client.completions.create, AsyncHoray.request),
            (client.request, AsyncHoray.request),
        ):
            assert not inspect.iscoroutinefunction(face)
            assert "Raises" in (face.__doc__ or "") or face.__doc__ == twin.__doc__
        assert list(inspect.signature(client.request).parameters) == [
            "method",
            "path",
            "body",
            "options",
        ]
