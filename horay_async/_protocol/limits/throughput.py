"""How many requests a server has let through, and how fast."""

from __future__ import annotations

import math
from collections import deque

MAX_WINDOW = 60.0
"""Seconds: the longest window that servers commonly count in. What was before it, says nothing of what they allow now."""

MIN_SECONDS = 1e-3
"""Seconds: a time that is divided by is at least so long."""


class Throughput:
    """What was let through: since sending was last resumed, and within MAX_WINDOW."""

    def __init__(self) -> None:
        self.since_resumed: int = 0
        """Responses since sending was resumed after the latest episode of refusals; 0 again by `resume`."""
        self._began = math.inf
        """When the first request was sent."""
        self._resumed = math.inf
        """When sending was resumed; at first, when it began."""
        self._counts: deque[tuple[float, int]] = deque()
        """Responses in the window, in counts of a second each with their beginning."""
        self._counted = 0
        """The sum of these counts."""

    def sent(self, now: float) -> None:
        """Counts a request."""
        if now < self._resumed:  # the first one
            self._began = self._resumed = now

    def succeeded(self, now: float) -> None:
        """Counts a response."""
        self.since_resumed += 1
        self._counted += 1
        counts = self._counts
        if counts and now < counts[-1][0] + 1:
            counts[-1] = (counts[-1][0], counts[-1][1] + 1)
        else:
            counts.append((now, 1))
        while counts[0][0] < now - MAX_WINDOW:
            self._counted -= counts.popleft()[1]

    def resume(self, now: float) -> None:
        """Begins to count anew: sending is resumed."""
        self._resumed = now
        self.since_resumed = 0

    def in_window(self, now: float) -> int:
        """Responses in the window; none where the last one was before it."""
        counts = self._counts
        return self._counted if counts and now - MAX_WINDOW <= counts[-1][0] else 0

    def per_second(self, now: float) -> float:
        """Responses a second in the window that ended with the latest one, or since sending began."""
        return self._counted / min(MAX_WINDOW, max(1.0, now - self._began))

    def active(self, paused: float, now: float) -> float:
        """Seconds since sending was resumed, without a pause of so many at the end: at most a window."""
        return min(MAX_WINDOW, max(now - paused - self._resumed, MIN_SECONDS))
