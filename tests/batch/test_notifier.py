"""Waiting for a change."""

from __future__ import annotations

import asyncio

import pytest

from horay_async.batch.notifier import Notifier

pytestmark = pytest.mark.anyio


async def test_all_are_woken() -> None:
    """Each to look for itself."""
    notifier = Notifier()
    waiting = [asyncio.create_task(notifier.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    notifier.notify_all()
    notifier.notify_all()
    await asyncio.gather(*waiting)


async def test_time_wakes_too() -> None:
    """After so many seconds at most."""
    await asyncio.wait_for(Notifier().wait(0.001), 5)


async def test_cancelled_ones_leave_nothing() -> None:
    """Neither a place in the line nor a timer."""
    notifier = Notifier()
    task = asyncio.create_task(notifier.wait(1000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notifier._waiting == []
    notifier.notify_all()
