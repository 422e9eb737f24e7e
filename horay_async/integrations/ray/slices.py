"""The whole cluster's rate, held by one worker at a time: slices of time, and a rate limiter that runs in them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from horay_async._protocol.limits.rate_limiter import GCRA, MINUTE
from horay_async._protocol.limits.token_estimate import TokenEstimate

LATE = 0.25
"""Seconds: a slice may begin so far in the past. What nobody asked for in time, because the question was
under way, is made up for."""

GRACE = 0.75
"""Seconds for which time of a slice can be used after it has passed: event loops and timers run late."""

PREFETCH_SECONDS = 0.25
"""Seconds of slices that a worker holds. A worker that dies loses as much of the rate, once; and it asks for
more about eight times a second, however high the rate is."""

ROUNDING = 1e-6
"""Seconds, and parts of a request: far over the errors of sums, and far under what anybody could use."""

EXACT = MINUTE / (MINUTE + LATE + GRACE)
"""Part of the rate that is given out, so that no minute has more than it allows: what is late comes on top
of what that minute had of its own."""


class Allotment:
    """Hands out time, each moment to one worker. Times are passed in, in seconds of one steady clock."""

    def __init__(self) -> None:
        self._due = -math.inf  # the end of the last slice

    def pause(self, seconds: float, now: float) -> None:
        """Hands out no time that is within so many seconds."""
        self._due = max(self._due, now + seconds)

    def take(self, seconds: float, now: float) -> float:
        """Hands out a slice of so many seconds; gives the seconds until it begins, negative where it
        has begun.
        """
        start = max(self._due, now - LATE)
        self._due = start + seconds
        return start - now


class Slices:
    """A clock that runs in a worker's slices alone: it counts the seconds of them that have passed."""

    def __init__(self) -> None:
        self._slices: deque[tuple[float, float]] = deque()  # start and end, in order
        self._past = 0.0  # seconds of the slices that were forgotten
        self.total: float = 0.0
        """Seconds of all slices, those to come included."""

    def add(self, start: float, seconds: float) -> None:
        """Adds a slice. One that would overlap the last begins later: the responses that tell when slices
        begin don't all take the same time.
        """
        if self._slices:
            start = max(start, self._slices[-1][1])
        self._slices.append((start, start + seconds))
        self.total += seconds

    def at(self, now: float) -> float:
        """What the clock shows at `now`."""
        return self._past + sum(min(end, now) - start for start, end in self._slices if start < now)

    def when(self, shown: float) -> float:
        """When the clock shows so much and goes on; infinite where no slice is known in which it does."""
        left = shown - self._past
        for start, end in self._slices:
            if left < end - start - ROUNDING:  # at the end of one, it goes on with the next
                return start + left
            left -= end - start
        return math.inf

    def forget(self, before: float) -> None:
        """Forgets slices that ended before some time; what the clock showed until then is asked no more."""
        while self._slices and self._slices[0][1] < before:
            start, end = self._slices.popleft()
            self._past += end - start


class SlicedRateLimiter:
    """Keeps a worker to its slices, and in them to the rates of the cluster as a whole.

    It has the methods of `RateLimiter`, on whose arithmetic it runs; `ask` is called with the seconds of a slice
    to get, and is to call `add` in the end. `unsent` tells how many requests the worker has still
    to send, so that it asks for no more than it can use.
    """

    def __init__(
        self,
        rpm: float | None,
        tpm: float | None,
        *,
        ask: Callable[[SlicedRateLimiter, float], None],
        unsent: Callable[[], int],
    ) -> None:
        self._requests = GCRA(math.inf if rpm is None else rpm / MINUTE * EXACT)
        self._tokens = GCRA(math.inf if tpm is None else tpm / MINUTE * EXACT)
        # What a request takes. It is admitted when the whole of it is held: a hundred workers that were each in debt
        # by a part of it would together be far over the rate.
        self._slot = 1.0 / self._requests.per_second
        self._slices = Slices()
        self._ask = ask
        self._unsent = unsent
        self._asked = False
        self._mean = TokenEstimate.COMPLETION_TOKENS  # tokens of a request

    def wait(self, now: float) -> float:
        """Seconds until the next request is admitted; infinite until more slices have come."""
        self._slices.forget(now - GRACE)
        # On the clock of the slices, which began at 0: a rate's wait from there is when it is due.
        due = max(self._slices.at(now - GRACE), self._requests.wait(0.0), self._tokens.wait(0.0))
        held = self._slices.total - due
        self._order(held)
        if held < self._slot - ROUNDING:
            return math.inf
        return max(0.0, self._slices.when(due) - now)

    def take(self, tokens: float, now: float) -> None:
        """Counts a request of about so many tokens."""
        self._requests.take(1.0, self._slices.at(now - GRACE))
        self._mean += TokenEstimate.WEIGHT * (tokens - self._mean)
        self.correct(tokens, now)

    def correct(self, tokens: float, now: float) -> None:
        """Counts tokens in addition, negative for less."""
        self._tokens.take(tokens, self._slices.at(now - GRACE))

    def give_back(self, tokens: float, now: float) -> None:
        """Takes back what `take` counted: the request wasn't sent."""
        self._requests.take(-1.0, self._slices.at(now - GRACE))
        self.correct(-tokens, now)

    def add(self, delay: float, seconds: float, now: float) -> None:
        """Takes in a slice that begins after `delay` seconds."""
        self._asked = False
        self._slices.add(now + delay, seconds)

    def _order(self, held: float) -> None:
        """Asks for time where `held` seconds are too few: for whole requests, as parts would be lost."""
        each = max(self._slot, self._mean / self._tokens.per_second)
        most = max(1, int(PREFETCH_SECONDS / each))
        wanted = min(max(1, self._unsent()), most) * each
        if not self._asked and held < wanted / 2 + ROUNDING:
            self._asked = True
            self._ask(self, math.ceil((wanted - held) / each - ROUNDING) * each)
