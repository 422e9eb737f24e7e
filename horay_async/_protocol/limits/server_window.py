"""What a server says is left of its window: so that a client waits before it is refused."""

from __future__ import annotations

import math

LONGEST_HOLD = 120.0
"""Seconds for which a response's word is believed: windows are mostly of a minute. Then a request asks anew; so a server
with a daily window that is used up refuses one every two minutes."""


class ServerWindow:
    """The rest of one rate limit's window, as the latest response told it, less what was sent since.

    Sans-I/O: times are passed in, in seconds of one steady clock.
    """

    __slots__ = ("_left", "_until", "taken")

    def __init__(self) -> None:
        self.taken: float = 0.0
        """Units sent, ever."""
        self._left = math.inf
        """Units that may be sent before `_until`."""
        self._until = -math.inf
        """When the window begins anew."""

    def wait(self, units: float, now: float) -> float:
        """Seconds until a request of so many units is admitted."""
        if now >= self._until:
            self._left = math.inf
        return self._until - now if self._left < units else 0.0

    def is_idle(self, now: float) -> bool:
        """Whether nothing of the server's word holds any longer."""
        return now >= self._until

    def take(self, units: float) -> None:
        """Counts a request that is sent."""
        self.taken += units
        self._left -= units

    def give_back(self, units: float) -> None:
        """Counts a request out again that wasn't sent."""
        self.taken -= units
        self._left += units

    def update(
        self, *, remaining: int | None, reset: float | None, taken: float, now: float
    ) -> None:
        """Takes in what the response to a request says. `taken` is `self.taken` just after that request was sent: what was sent
        since then isn't in the server's count yet.
        """
        if remaining is None or not reset:
            return
        self._until = now + min(reset, LONGEST_HOLD)
        self._left = remaining - max(0.0, self.taken - taken)
