"""Counting refusals in a row, and holding back what would only meet the next one."""

from __future__ import annotations

import math

import attrs

from horay_async._protocol.limits.shared_pause import SharedPause

PROBE_AFTER = 3
"""Consecutive refusals after which one request at a time is sent, until one succeeds; more where they are random."""


class ConsecutiveRefusals:
    """Counts refusals in a row, each of the request that was sent next after the one before was known.

    Of many requests under way, many can be refused for the same reason at the same time, which says no more than one of
    them. So a request counts only where it is *informed*: sent when the latest refusal was known. Requests are told apart by
    serial numbers, which `sent` returns.
    """

    def __init__(self) -> None:
        self.count: int = 0
        """Refusals in a row: grows when the next request after a refusal is refused, and is 1 again when a later one is. The caller sets
        it to 0 when one is let through."""
        self.newest: int = 0
        """The number of the newest request."""
        self.most: int = PROBE_AFTER
        """Refusals in a row that are no outage yet."""
        self._informed_after = 0
        """Requests with a higher number are informed; set to the newest one by a refusal."""
        self._informed_in_flight = 0
        """Informed requests that are under way."""

    @property
    def probe_in_flight(self) -> bool:
        """Whether so many were refused that one request at a time is sent, and that one is under way."""
        return self.count >= self.most and self._informed_in_flight > 0

    def is_informed(self, serial: int) -> bool:
        """Whether a request was sent when the latest refusal was known."""
        return serial > self._informed_after

    def is_next(self, serial: int) -> bool:
        """Whether a request was the first one that was sent after the latest refusal: it had waited for that, or for a pause after it."""
        return serial == self._informed_after + 1 > 1

    def sent(self) -> int:
        """Counts a request, and returns its number."""
        self.newest += 1
        self._informed_in_flight += 1
        return self.newest

    def ended(self, serial: int) -> None:
        """Counts a request that is no longer under way."""
        self._informed_in_flight -= self.is_informed(serial)

    def refused(self, serial: int) -> None:
        """Counts the refusal of an informed request. It comes at once: what was sent before that one, and after the last
        refusal, was let through.
        """
        self.count = self.count + 1 if self.is_next(serial) else 1
        self._informed_after = self.newest
        self._informed_in_flight = 0


@attrs.define
class Halt:
    """Nothing is sent until a request that is under way ends: that tells whether the next would be refused, too."""

    on: bool = False
    """Whether nothing is sent because of a first refusal. Taken back when any request ends. While one request at a time is sent, the halt
    is for the end of that request alone."""
    until: float = -math.inf
    """When the next request is sent even if none ends: a response may take minutes."""

    def extend(self, now: float, latency: float) -> None:
        """Has the halt last for the time that a request mostly takes, as far as a pause may be so long."""
        self.until = now + min(SharedPause.MAX, max(SharedPause.FIRST, latency))

    def wait(self, now: float, *, probe_in_flight: bool) -> float:
        """Seconds until the next request is sent even if none ends."""
        return max(0.0, self.until - now) if self.on or probe_in_flight else 0.0
