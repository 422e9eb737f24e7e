"""The counter of requests under way."""

from __future__ import annotations

import asyncio

import pytest

from horay_async import ConfigurationError
from horay_async._transport.connection_slots import ConnectionSlots

pytestmark = pytest.mark.anyio


async def waiting(slots: ConnectionSlots, count: int) -> list[asyncio.Task[None]]:
    """Tasks that wait for a slot, in this order."""
    tasks = [asyncio.create_task(slots.acquire()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_slots_are_counted() -> None:
    """So many can be held, and no more; what is given back can be taken again."""
    slots = ConnectionSlots(2)
    assert slots.acquire_nowait()
    assert slots.acquire_nowait()
    assert not slots.acquire_nowait()
    assert slots.in_use == 2
    slots.release()
    assert slots.acquire_nowait()


async def test_first_come_first_served() -> None:
    """Waiters get their slots in the order in which they came, and nobody overtakes them."""
    slots = ConnectionSlots(1)
    await slots.acquire()
    first, second = await waiting(slots, 2)
    slots.release()
    assert not slots.acquire_nowait()
    await first
    assert not second.done()
    slots.release()
    await second
    slots.release()
    assert slots.in_use == 0


@pytest.mark.parametrize(
    "when",
    ["and has left the line", "and didn't get to leave the line", "when its slot was handed over"],
)
async def test_waiter_that_gives_up(when: str) -> None:
    """A waiter that is cancelled costs no slot, whenever that is."""
    slots = ConnectionSlots(1)
    await slots.acquire()
    first, second = await waiting(slots, 2)
    if when.startswith("when"):
        slots.release()
        first.cancel()
    else:
        first.cancel()
        if when.startswith("and has"):
            await asyncio.wait([first])
        slots.release()
    await second
    assert first.cancelled()
    slots.release()
    assert slots.in_use == 0


@pytest.mark.parametrize("gives_up", [False, True])
async def test_waits_that_end(gives_up: bool) -> None:
    """Whoever waits is told that the client is closed, and has no slot; also where it is cancelled in that moment."""
    slots = ConnectionSlots(1)
    await slots.acquire()
    first, second = await waiting(slots, 2)
    if gives_up:
        second.cancel()
    slots.end_waits()
    if gives_up:
        first.cancel()
    await asyncio.wait([first, second])
    if gives_up:
        assert first.cancelled()
        assert second.cancelled()
    else:
        assert isinstance(first.exception(), ConfigurationError)
        assert isinstance(second.exception(), ConfigurationError)
    assert slots.in_use == 1
    slots.release()
    assert slots.in_use == 0
