"""The end of a run's sending, while what is under way goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from horay_async._transport.loops import Waits
from horay_async.errors import HorayError

STOPPED = "the batch was told to send no more requests"

T = TypeVar("T")


class SendingStoppedError(HorayError):
    """A request waited to be sent, and isn't. No caller sees it."""


class SendingStop:
    """Whether a run sends no more. Belongs to the loop that it was made on."""

    def __init__(self) -> None:
        self.stopped: bool = False
        """Whether nothing more is sent."""
        self.on_stop: Callable[[], object] | None = None
        """Called on the loop after that."""
        self._loop = asyncio.get_running_loop()
        self._waits = Waits()

    def __reduce__(self) -> Any:
        """Nothing, in a copy of the progress that holds it: there is no run behind that."""
        return type(None), ()

    def stop(self) -> bool:
        """Has nothing more sent, from any thread, and from a signal handler. Returns False where the loop is closed."""
        self.stopped = True
        try:
            self._loop.call_soon_threadsafe(self._end_waits)
        except RuntimeError:
            return False
        return True

    async def unless_stopped(self, wait: Callable[[], Awaitable[T]]) -> T:
        """What `wait` returns; raises `SendingStoppedError` as soon as nothing more is sent."""
        if self.stopped:
            raise SendingStoppedError(STOPPED)
        return await self._waits.unless_ended(wait, partial(SendingStoppedError, STOPPED))

    def _end_waits(self) -> None:
        self._waits.end()
        if self.on_stop is not None:
            self.on_stop()
