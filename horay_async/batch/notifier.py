"""Waiting for something to change."""

from __future__ import annotations

import asyncio


class Notifier:
    """Those who wait. All are woken at once, in the order they came, to look for themselves."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Waits to be woken."""
        self._event.clear()
        await self._event.wait()

    def notify_all(self) -> None:
        """Wakes all who wait now."""
        self._event.set()
