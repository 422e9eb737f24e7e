"""Sending no faster than was asked for: requests and tokens a minute."""

from __future__ import annotations

import math

BURST_SECONDS = 0.1
"""How much of a rate may be sent at once, in addition to one: timers fire late by some milliseconds, and what was
missed is caught up with."""

MINUTE = 60.0
"""Seconds."""


class GCRA:
    """Spaces out what it admits, `per_second` units each second.

    The generic cell rate algorithm of ATM networks, in its virtual-scheduling form: no more than
    `per_second * seconds + burst` are admitted in any `seconds`, a last one beyond that included.
    """

    __slots__ = ("_burst", "_due", "per_second")

    def __init__(self, per_second: float, burst: float = 1.0) -> None:
        self.per_second = per_second
        self._burst = burst
        self._due = -math.inf  # when all that was admitted would be through at the exact rate

    def wait(self, now: float) -> float:
        """Seconds until the next one is admitted."""
        return max(0.0, self._due - (self._burst - 1) / self.per_second - now)

    def is_idle(self, now: float) -> bool:
        """Whether all that was admitted is through, so that it is as good as new."""
        return now >= self._due

    def take(self, units: float, now: float) -> None:
        """Admits `units`, or takes some back where it is negative."""
        self._due = max(self._due, now) + units / self.per_second


class RateLimiter:
    """Keeps within `rpm` requests and `tpm` tokens a minute, each None for no limit.

    They are sent evenly spaced: what a server allows a minute, it mostly enforces over shorter times. Times are
    passed in, in seconds of one steady clock.
    """

    def __init__(self, rpm: float | None = None, tpm: float | None = None) -> None:
        self._requests = _per_minute(rpm)
        self._tokens = _per_minute(tpm)

    def wait(self, now: float) -> float:
        """Seconds until the next request is admitted, whatever its size."""
        return max(self._requests.wait(now), self._tokens.wait(now))

    def is_idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        return self._requests.is_idle(now) and self._tokens.is_idle(now)

    def take(self, tokens: float, now: float) -> None:
        """Counts a request of about so many tokens."""
        self._requests.take(1.0, now)
        self._tokens.take(tokens, now)

    def correct(self, tokens: float, now: float) -> None:
        """Counts tokens in addition: what a response took beyond its estimate, negative for less."""
        self._tokens.take(tokens, now)

    def give_back(self, tokens: float, now: float) -> None:
        """Takes back what `take` counted: the request wasn't sent."""
        self._requests.take(-1.0, now)
        self._tokens.take(-tokens, now)


def _per_minute(units: float | None) -> GCRA:
    """At most `units` in any minute: the burst is taken off the rate. None is an infinite rate, which holds nothing."""
    if units is None:
        return GCRA(math.inf)
    extra = units / MINUTE * BURST_SECONDS
    return GCRA((units - extra) / MINUTE, 1 + extra)
