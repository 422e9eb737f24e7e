"""Waiting for something to become true, from any thread or event loop, without sleeping."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

__all__ = ["Watch"]

T = TypeVar("T")


class Watch:
    """Wakes those who wait for a condition whenever `changed` says that it may have become true."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    def changed(self) -> None:
        """Makes every waiter look again."""
        with self._lock:
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def wait(self, condition: Callable[[], T | None], timeout: float | None, what: str = "it") -> T:
        """Blocks until `condition()` is true, and gives what it gave.

        Raises `TimeoutError`, which names `what` was waited for, after `timeout` seconds.
        """
        due = None if timeout is None else time.monotonic() + timeout
        event = threading.Event()
        with self._woken(event.set):
            while True:
                event.clear()  # before looking: a change from here on isn't missed
                if value := condition():
                    return value
                if not event.wait(None if due is None else max(0.0, due - time.monotonic())):
                    raise _late(what, timeout)

    async def until(
        self,
        condition: Callable[[], T | None],
        timeout: float | None,
        what: str = "it",
    ) -> T:
        """`wait` for a caller on an event loop."""
        event = asyncio.Event()
        with self._woken(partial(_set_from_anywhere, asyncio.get_running_loop(), event)):
            try:
                async with asyncio.timeout(timeout):
                    while True:
                        event.clear()
                        if value := condition():
                            return value
                        await event.wait()
            except TimeoutError:
                raise _late(what, timeout) from None

    @contextlib.contextmanager
    def _woken(self, wake: Callable[[], object]) -> Generator[None]:
        with self._lock:
            self._wakers.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakers.remove(wake)


def _set_from_anywhere(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits on it any more
        loop.call_soon_threadsafe(event.set)


def _late(what: str, timeout: float | None) -> TimeoutError:
    return TimeoutError(f"waited {timeout or 0:g} s in vain for {what}")
