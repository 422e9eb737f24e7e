"""Waiting for something to change."""

from __future__ import annotations

import asyncio
import math

__all__ = ["Notifier"]


class Notifier:
    """Those who wait. All are woken at once, in the order they came, to look for themselves."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self, seconds: float = math.inf) -> None:
        """Waits to be woken, for so many seconds at most."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = None if seconds == math.inf else loop.call_later(seconds, _wake, turn)
        try:
            await turn
        finally:
            self._waiting = [other for other in self._waiting if other is not turn]
            if timer is not None:
                timer.cancel()

    def notify_all(self) -> None:
        """Wakes all who wait now."""
        for turn in self._waiting:
            _wake(turn)


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
