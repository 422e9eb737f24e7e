"""Reading requests, one at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from horay_async import ConfigurationError
from horay_async.batch.sources import ENDED, MAX_PREFETCHED, PENDING, Source, source_of

from .conftest import until

pytestmark = pytest.mark.anyio

TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")


async def read(source: Source, changed: asyncio.Event) -> list[Any]:
    """All items."""
    items: list[Any] = []
    while (item := source.poll()) is not ENDED:
        if item is PENDING:
            changed.clear()
            await changed.wait()
        else:
            items.append(item)
    if source.error is not None:
        raise source.error
    return items


def same(item: Any) -> Any:
    """Prepares nothing."""
    return item


async def numbers(count: int, taken: list[int] | None = None) -> AsyncIterator[int]:
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield number


def plain(count: int, taken: list[int]) -> Iterator[int]:
    for number in range(count):
        taken.append(number)
        yield number


@pytest.mark.parametrize("kind", ["inline", "threaded", "asynchronous"])
async def test_all_items_come_in_order(kind: str) -> None:
    """However they are read, and many more of them than are read ahead."""
    changed = asyncio.Event()
    items = numbers(500) if kind == "asynchronous" else range(500)
    source = source_of(items, same, changed.set, threaded=kind == "threaded")
    assert await asyncio.wait_for(read(source, changed), 20) == list(range(500))
    assert source.poll() is ENDED
    source.stop()


async def test_plain_iterables_are_read_when_asked() -> None:
    """Not before."""
    taken: list[int] = []
    source = source_of(plain(10, taken), same, lambda: None, threaded=False)
    assert taken == []
    assert [source.poll(), source.poll()] == [0, 1]
    assert taken == [0, 1]
    source.stop()
    assert source.poll() is ENDED
    assert taken == [0, 1]


async def test_asynchronous_iterables_are_read_a_little_ahead() -> None:
    """The task that reads them waits until there is room again; stopping closes them at once."""
    changed = asyncio.Event()
    taken: list[int] = []
    items = numbers(10_000, taken)
    source = source_of(items, same, changed.set, threaded=False)
    assert source.poll() is PENDING
    changed.clear()
    await changed.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(taken) == MAX_PREFETCHED
    assert source.poll() == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(taken) == MAX_PREFETCHED + 1
    source.stop()
    await until(lambda: source.poll() is ENDED)
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_asynchronous_iterables_need_not_be_generators() -> None:
    """Any object with the protocol will do."""

    class Countdown:
        left = 3

        def __aiter__(self) -> Countdown:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    changed = asyncio.Event()
    assert await read(source_of(Countdown(), same, changed.set, threaded=False), changed) == [
        2,
        1,
        0,
    ]


async def test_threads_read_a_little_ahead() -> None:
    """The thread waits for room, and ends when it is told to."""
    changed = asyncio.Event()
    taken: list[int] = []
    source = source_of(plain(10_000, taken), same, changed.set, threaded=True)
    while source.poll() is PENDING:
        changed.clear()
        await changed.wait()
    (thread,) = [t for t in threading.enumerate() if t.name == "horay-batch-source"]
    source.stop()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    assert len(taken) <= MAX_PREFETCHED + 2


async def test_threads_see_the_callers_context() -> None:
    """As what is read on the loop does."""
    TENANT.set("alice")
    changed = asyncio.Event()
    source = source_of((TENANT.get() for _ in "ab"), same, changed.set, threaded=True)
    assert await read(source, changed) == ["alice", "alice"]


async def test_threads_may_wait_for_the_loop() -> None:
    """As a blocking client does that shares it."""
    loop = asyncio.get_running_loop()

    async def slow(number: int) -> int:
        await asyncio.sleep(0)
        return number * 10

    def waiting() -> Iterator[int]:
        for number in range(3):
            yield asyncio.run_coroutine_threadsafe(slow(number), loop).result(20)

    changed = asyncio.Event()
    source = source_of(waiting(), same, changed.set, threaded=True)
    assert await asyncio.wait_for(read(source, changed), 20) == [0, 10, 20]


@pytest.mark.parametrize("kind", ["inline", "threaded", "asynchronous"])
async def test_what_the_iterable_raises_comes_after_its_items(kind: str) -> None:
    """And each time that is asked."""

    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("theirs")

    async def failing_too() -> AsyncIterator[int]:
        yield 1
        raise KeyError("theirs")

    changed = asyncio.Event()
    items = failing_too() if kind == "asynchronous" else failing()
    source = source_of(items, same, changed.set, threaded=kind == "threaded")
    while (item := source.poll()) is PENDING:
        changed.clear()
        await changed.wait()
    assert item == 1
    with pytest.raises(KeyError, match="theirs"):
        await asyncio.wait_for(read(source, changed), 20)


@pytest.mark.parametrize("kind", ["inline", "threaded", "asynchronous"])
async def test_items_are_prepared_before_the_next_is_asked_for(kind: str) -> None:
    """By whoever reads them, so that the iterable may change what it gave before."""
    changed = asyncio.Event()

    def changing() -> Iterator[list[int]]:
        item = [0]
        for number in range(200):
            item[0] = number
            yield item

    async def changing_too() -> AsyncIterator[list[int]]:
        for item in changing():
            yield item

    items = changing_too() if kind == "asynchronous" else changing()
    source = source_of(items, tuple, changed.set, threaded=kind == "threaded")
    assert await read(source, changed) == [(number,) for number in range(200)]


@pytest.mark.parametrize("end", ["stopped", "not prepared"])
async def test_threads_close_a_generator_that_is_left(end: str) -> None:
    """In the thread that read it, whoever else still has the generator."""
    closed = threading.Event()
    threads: list[int] = []

    def endless() -> Iterator[int]:
        threads.append(threading.get_ident())
        try:
            while True:
                yield 0
        finally:
            threads.append(threading.get_ident())
            closed.set()

    def prepare(item: Any) -> Any:
        if end != "stopped":
            raise ValueError
        return item

    items = endless()
    source = source_of(items, prepare, asyncio.Event().set, threaded=True)
    if end == "stopped":
        source.stop()
    assert await asyncio.to_thread(closed.wait, 20)
    assert threads[0] == threads[1]
    assert next(items, None) is None


def test_thread_outlives_its_loop() -> None:
    """It stops at the next item when the loop is closed, without a word."""
    go_on, stopped = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            go_on.wait(20)
            yield 1
            yield 2
        finally:
            stopped.set()

    async def begin() -> None:
        assert source_of(items(), same, lambda: None, threaded=True).poll() is PENDING

    asyncio.run(begin())
    go_on.set()
    assert stopped.wait(20)


async def test_process_that_can_start_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what it is needed for."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ConfigurationError, match="needs a thread to read its requests: can't"):
        source_of(range(3), same, asyncio.Event().set, threaded=True)
