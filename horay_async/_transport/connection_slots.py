"""A counter of requests under way, with a queue for those over the limit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from horay_async.errors import ConfigurationError

CLIENT_CLOSED = "the client is closed: make a new one"
"""What those are told who still wait to send, or begin to."""


class ConnectionSlots:
    """At most `limit` holders at once; the others wait in the order they came. `on_full` is called when somebody
    waits for the first time.
    """

    __slots__ = ("_free", "_on_full", "_waiters", "limit")

    def __init__(self, limit: int, on_full: Callable[[], None] | None = None) -> None:
        self.limit: int = limit
        self._on_full = on_full
        self._free = limit  # how many more can be held; while somebody waits, none
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def in_use(self) -> int:
        """How many are held now."""
        return self.limit - self._free

    def acquire_nowait(self) -> bool:
        """Acquires a slot if one is free and nobody waits for it."""
        if self._free > 0 and not self._waiters:
            self._free -= 1
            return True
        return False

    async def acquire(self) -> None:
        """Waits for a slot and acquires it. Raises `ConfigurationError` when the client is closed meanwhile."""
        if self.acquire_nowait():
            return
        if (on_full := self._on_full) is not None:
            self._on_full = None
            on_full()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # passed over by now, as it was cancelled
                    self._waiters.remove(turn)
            elif turn.exception() is None:  # handed over in the same moment: pass it on
                self.release()
            raise

    def release(self) -> None:
        """Frees a slot: the longest waiter gets it at once."""
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def end_waits(self) -> None:
        """Has those who wait raise, since the client is closed: who holds a slot may do so for as long as it likes."""
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(ConfigurationError(CLIENT_CLOSED))
