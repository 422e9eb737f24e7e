"""Waiting without sleeping, across threads and loops."""

from __future__ import annotations

import asyncio
import threading

import pytest

from horay_async.testing import Gate
from horay_async.testing.watch import Watch


def test_wait_gives_the_value() -> None:
    """A blocking wait ends with what the condition gave, once another thread makes it true."""
    watch = Watch()
    found: list[str] = []

    def find() -> None:
        found.append("it")
        watch.changed()

    finder = threading.Thread(target=find)
    finder.start()
    assert watch.wait(lambda: found, 5) == ["it"]
    finder.join()


@pytest.mark.anyio
async def test_until_gives_the_value() -> None:
    """An awaited one does so as well, though the change comes from another thread."""
    watch = Watch()
    found: list[str] = []

    def find() -> None:
        found.append("it")
        watch.changed()

    finder = threading.Timer(0.001, find)
    finder.start()
    assert await watch.until(lambda: found, 5) == ["it"]
    finder.join()


def test_wait_in_vain() -> None:
    """The error says what was waited for, and for how long."""
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s in vain for a sign"):
        Watch().wait(lambda: False, 0.01, "a sign")


@pytest.mark.anyio
async def test_until_in_vain() -> None:
    """So does the awaited one's."""
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s in vain for a sign"):
        await Watch().until(lambda: False, 0.01, "a sign")


def test_a_closed_loop_is_no_trouble() -> None:
    """A change that comes when a waiter's loop is closing reaches the other waiters all the same."""
    watch = Watch()
    loop = asyncio.new_event_loop()
    waiter = loop.create_task(watch.until(lambda: False, None))
    loop.run_until_complete(asyncio.sleep(0))
    waiter.cancel()
    loop.close()  # the waiter never gets to leave
    watch.changed()
    assert watch.wait(lambda: True, 0)
    waiter.get_coro().close()


@pytest.mark.anyio
async def test_a_gate_stays_open() -> None:
    """What waits at a gate goes on when it opens, and what comes later isn't held up."""
    gate = Gate()
    assert not gate.is_open
    waiting = asyncio.ensure_future(gate.passed())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.open()
    await waiting
    await gate.passed()
    assert gate.is_open
