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


async def test_nobody_is_woken_by_what_was_before() -> None:
    """Whoever waits now waits for the next change."""
    notifier = Notifier()
    notifier.notify_all()
    waiting = asyncio.create_task(notifier.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    notifier.notify_all()
    await waiting


async def test_cancelled_ones_leave_nothing() -> None:
    """The others are woken all the same."""
    notifier = Notifier()
    task, other = (asyncio.create_task(notifier.wait()) for _ in range(2))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    notifier.notify_all()
    await other
