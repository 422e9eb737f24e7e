"""What a server says is left of its window: so that a client waits before it is refused."""

from __future__ import annotations

import math

import attrs

from horay_async.models.rate_limits import RateLimit, RateLimits

MAX_HOLD = 120.0
"""Seconds for which a response's word is believed: windows are mostly of a minute. Then a request asks anew; so a server
with a daily window that is used up refuses one every two minutes."""


class ServerWindow:
    """The rest of one rate limit's window, as the latest response told it, less what was sent since.

    When that window is over, as much is admitted as the server's limit says; where it doesn't say it, one request if the window was used
    up, else all. Their responses tell of the next window. Until one comes, as much is admitted again after the same time, or
    everything where the limit isn't known.

    Sans-I/O: times are passed in, in seconds of one steady clock.
    """

    __slots__ = ("_asks_anew", "_left", "_limit", "_seconds", "taken", "until")

    def __init__(self) -> None:
        self.taken: float = 0.0
        """Units sent, ever."""
        self._left = math.inf
        """Units that may be sent before `until`."""
        self._limit = 0.0
        """Units of a whole window; 0 where the server doesn't say it."""
        self._seconds = 0.0
        """For how long the server's latest word held; 0 where nothing is known of the windows to come."""
        self._asks_anew = False
        """Whether the window is one that the server hasn't told of yet."""
        self.until: float = -math.inf
        """When the window begins anew; past where nothing of the server's word holds."""

    def wait(self, units: float, now: float) -> float:
        """Seconds until a request of so many units is admitted."""
        if now >= self.until:
            used_up = self._left < units
            self._asks_anew = self._seconds > 0 and (self._limit > 0 or used_up)
            self._left = math.inf
            if self._asks_anew:
                # The first one is admitted even if it is larger than the limit.
                self._left = max(self._limit, units)
                self.until = now + self._seconds
                if not self._limit:
                    self._seconds = 0.0
        return self.until - now if self._left < units else 0.0

    def wait_told(self, units: float, now: float) -> float:
        """The same, where the server has told of the window; else 0."""
        wait = self.wait(units, now)
        return 0.0 if self._asks_anew else wait

    def take(self, units: float) -> None:
        """Counts a request that is sent; where `units` is negative, takes out a request that wasn't sent."""
        self.taken += units
        self._left -= units

    def update(self, limit: RateLimit, *, taken: float, now: float) -> None:
        """Takes in what the response to a request says. `taken` is `self.taken` just after that request was sent: what was sent
        since then isn't in the server's count yet.
        """
        # A limit of 0 is what some servers say where nothing is limited.
        if limit.remaining is not None and limit.reset and limit.limit != 0:
            self._seconds = min(limit.reset, MAX_HOLD)
            self.until = now + self._seconds
            self._left = limit.remaining - max(0.0, self.taken - taken)
            self._limit, self._asks_anew = limit.limit or 0.0, False
        elif self._asks_anew:
            self._left, self._seconds, self._asks_anew = math.inf, 0.0, False


@attrs.define
class ServerWindows:
    """The windows of requests and of tokens together."""

    requests: ServerWindow = attrs.field(factory=ServerWindow)
    tokens: ServerWindow = attrs.field(factory=ServerWindow)

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request of so many tokens is admitted by both."""
        return max(self.requests.wait(1.0, now), self.tokens.wait(tokens, now))

    def wait_told(self, tokens: float, now: float) -> float:
        """The same, as far as the server has told of the windows."""
        return max(self.requests.wait_told(1.0, now), self.tokens.wait_told(tokens, now))

    def is_idle(self, now: float) -> bool:
        """Whether nothing of the server's word holds any longer."""
        return now >= max(self.requests.until, self.tokens.until)

    def take(self, tokens: float) -> tuple[float, float]:
        """Counts a request that is sent, and returns the requests and tokens sent by then."""
        self.requests.take(1.0)
        self.tokens.take(tokens)
        return self.requests.taken, self.tokens.taken

    def give_back(self, tokens: float) -> None:
        """Takes out a request that was counted and wasn't sent."""
        self.requests.take(-1.0)
        self.tokens.take(-tokens)

    def update(self, limits: RateLimits, taken: tuple[float, float], now: float) -> None:
        """Takes in what the response to a request says; `taken` is what `take` returned for that request."""
        requests, tokens = taken
        self.requests.update(limits.requests, taken=requests, now=now)
        self.tokens.update(limits.tokens, taken=tokens, now=now)
