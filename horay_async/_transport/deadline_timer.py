"""One timer for the timeouts of all requests on an event loop."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

COALESCE = 0.02
"""How much later than due a timeout may be seen to have passed, as a part of the wait: looking at timeouts
that are due at nearly the same time in one go is what keeps thousands of them cheap."""


class HasDeadline(Protocol):
    """Something with a timeout."""

    def check_deadline(self, now: float) -> float | None:
        """Ends the wait if its timeout has passed by `now`; gives when to look again, or None for never."""
        ...


class DeadlineTimer:
    """Looks at timeouts when they are due. All times are the loop's, in seconds.

    A timer of its own for each request, set and taken back, would cost more than all else that this
    package does for the request; nearly all timeouts are taken off before they are due.
    """

    __slots__ = ("_due", "_slack", "_timer", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self._waiting: dict[HasDeadline, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._slack = math.inf

    def add(self, waiting: HasDeadline, *, now: float, due: float) -> None:
        """Looks at `waiting` when it is `due`, unless it is taken off before."""
        self._waiting[waiting] = due
        slack = (due - now) * COALESCE
        if slack < self._slack:
            self._slack = slack
        if due < self._due:
            self._set(due)

    def discard(self, waiting: HasDeadline) -> None:
        """Takes `waiting` off; it needn't be there."""
        self._waiting.pop(waiting, None)

    def close(self) -> None:
        """Takes everything off."""
        self._waiting.clear()
        self._set(math.inf)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None if due == math.inf else self.loop.call_at(due, self._check)

    def _check(self) -> None:
        self._timer = None
        self._due = math.inf
        now = self.loop.time()
        for waiting, due in list(self._waiting.items()):
            if due > now:
                continue
            again = waiting.check_deadline(now)
            if again is None:
                self._waiting.pop(waiting, None)
            else:
                self._waiting[waiting] = again
        earliest = min(self._waiting.values(), default=math.inf)
        self._set(max(earliest, now + self._slack) if earliest < math.inf else earliest)
