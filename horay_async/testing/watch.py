"""Waiting for something to become true, from any thread or event loop, without sleeping."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["Watch"]

T = TypeVar("T")


class Watch:
    """Wakes those who wait for a condition whenever `changed` says that it may have become true."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._change = _next_change()

    def changed(self) -> None:
        """Makes every waiter look again."""
        with self._lock:
            change, self._change = self._change, _next_change()
        change.set_result(None)

    def wait(self, condition: Callable[[], T | None], timeout: float | None, what: str = "it") -> T:
        """Blocks until `condition()` is true, and gives what it gave.

        Raises `TimeoutError`, which names `what` was waited for, after `timeout` seconds.
        """
        due = None if timeout is None else time.monotonic() + timeout
        while True:
            change = self._change  # before looking: a change from here on isn't missed
            if value := condition():
                return value
            try:
                change.result(None if due is None else max(0.0, due - time.monotonic()))
            except TimeoutError:
                raise _late(what, timeout) from None

    async def until(
        self, condition: Callable[[], T | None], timeout: float | None, what: str = "it"
    ) -> T:
        """`wait` for a caller on an event loop."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    change = self._change
                    if value := condition():
                        return value
                    await asyncio.wrap_future(change)
        except TimeoutError:
            raise _late(what, timeout) from None


def _next_change() -> Future[None]:
    """What all wait for together; one who gives up can't cancel it."""
    change: Future[None] = Future()
    change.set_running_or_notify_cancel()
    return change


def _late(what: str, timeout: float | None) -> TimeoutError:
    return TimeoutError(f"waited {timeout or 0:g} s in vain for {what}")
