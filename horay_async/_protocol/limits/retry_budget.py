"""How many retries all calls of a client may make together. Whether and when one is made: `RetryPolicy.delay`."""

from __future__ import annotations


class RetryBudget:
    """A token bucket that all calls of a client take their retries from.

    When every call fails, retries multiply the load on a server that is already down. A retry takes one
    token; a success puts back a tenth of one, as in gRPC's retry throttling (proposal A6). Time puts
    back a few, so that a lone client is never locked out for good, and no more than a few, so that a
    crowd whose calls fail slowly doesn't get its fill again with each wave of failures.
    """

    CAPACITY = 72.0
    """Tokens when full: a thousand calls that all fail add less than a tenth to their number, even if
    time refills the bucket to `LONE` between seven waves of failures."""
    LONE = 4.0
    """Tokens that time alone refills to: two calls' worth at the default of two retries."""
    PER_SECOND = 0.1
    PER_SUCCESS = 0.1

    __slots__ = ("_refilled", "_tokens")

    def __init__(self) -> None:
        self._tokens = self.CAPACITY
        self._refilled: float | None = None

    def take(self, *, now: float) -> bool:
        """Whether one retry may be made at `now`, in seconds of any steady clock."""
        if self._refilled is not None and self._tokens < self.LONE:
            passed = max(0.0, now - self._refilled)
            self._tokens = min(self.LONE, self._tokens + passed * self.PER_SECOND)
        self._refilled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def succeeded(self) -> None:
        """Credits a call that went well."""
        if self._tokens < self.CAPACITY:
            self._tokens = min(self.CAPACITY, self._tokens + self.PER_SUCCESS)
