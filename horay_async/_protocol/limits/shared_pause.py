"""Pauses in which nothing is sent, each followed by a spread-out return."""

from __future__ import annotations

import math
from collections.abc import Callable


class SharedPause:
    """When to be silent, and for how long.

    `random` gives a number from 0 up to 1. Times are passed in, in seconds of one steady clock.
    """

    FIRST = 0.5
    MAX = 16.0
    """Seconds of a pause that the server gave no length for: the least and the longest."""
    GROWS_AFTER = 2.0
    """Seconds of refusals until such a pause gets longer: it does where the short ones didn't help. A server that refuses 6
    of 10 at random has accepted one by then, mostly."""
    SPREAD = 0.1
    MIN_SPREAD = 0.25
    """The return takes this part of the pause, and at least so many seconds: what a single call adds to a
    `Retry-After` at random, see `RetryPolicy`."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = -math.inf
        """When the next request may be sent; set by a pause, and by each request during the return."""
        self._until = -math.inf
        """When the latest pause ends, and the return begins."""
        self._asked_until = -math.inf
        """The time until which the server has asked for a pause."""
        self._spread_until = -math.inf
        """When the return is over."""
        self._gap = 0.0
        """Seconds between two requests during the return; set by a pause."""

    def wait(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        return max(0.0, self._next - now)

    def wait_asked(self, now: float) -> float:
        """Seconds until a request may be sent that keeps only to the pauses that the server has asked for."""
        asked = self._asked_until
        return self.wait(now) if asked >= self._until else max(0.0, asked - now)

    def sent(self, now: float) -> None:
        """Counts a request that is sent: during the return, the next one is sent a little later."""
        if now < self._spread_until:
            self._next = max(self._next, now + self._gap)  # a probe is sent during the pause

    def pause(
        self, seconds: float | None, *, sharers: int, now: float, refusing: float = 0.0
    ) -> float:
        """Pauses for the `seconds` that the server asked for, or for as long as seems fit to one that has refused everything
        for `refusing` seconds; returns how much longer nothing is sent because of it. `sharers` is how many will want to send
        when it is over.
        """
        if seconds is None:
            spread = self.MIN_SPREAD
            longest = min(self.MAX, max(self.FIRST, refusing - self.GROWS_AFTER))
            length = longest * (0.5 + 0.5 * self._random())
        else:
            spread = max(self.MIN_SPREAD, self.SPREAD * seconds)
            length = seconds + spread * self._random()
            self._asked_until = max(self._asked_until, now + length)
        before = max(self._until, now)
        if now + length <= before:
            return 0.0
        self._until = self._next = now + length
        self._spread_until = self._until + spread
        self._gap = spread / sharers
        return self._until - before

    def shorten(self, now: float) -> None:
        """Ends what remains of a pause that the server didn't ask for: it responded to a request sent during it."""
        self._until = self._next = min(self._next, max(now, self._asked_until))

    def end(self) -> None:
        """Ends any pause: what it was for isn't shared."""
        self._next = self._until = self._asked_until = self._spread_until = -math.inf
