"""The rate of requests that a server turns out to allow."""

from __future__ import annotations

import math
from collections import deque

from horay_async._protocol.limits.concurrency import (
    COOLDOWN_PER_PAUSE,
    COOLDOWN_PER_REFUSAL,
    DECREASE,
    LONGEST_COOLDOWN,
)
from horay_async._protocol.limits.pacing import BURST_SECONDS, GCRA

__all__ = ["LearnedRate"]


class LearnedRate:
    """A limit on the rate, learnt from refusals; there is none until the server refuses for the rate's sake.

    It begins as a guess, which grows fast until it meets a refusal and so is proven. From then on it grows
    as a limit on concurrency does: after a time in proportion to what the refusals cost, and faster with
    each success. A rate that nothing has to wait for is forgotten. Times are passed in, in seconds of one
    steady clock.
    """

    KEPT = 0.97
    """Of the rate that was let through."""
    GUESS_STEP = 0.1
    """By which a guess grows."""
    FIRST_STEP = 0.03
    LONGEST_STEP = 0.08
    """By which a proven rate grows at first, and at most."""
    STEP_REQUESTS = 10
    STEP_SECONDS = 1.0
    """What a step takes at least."""
    SLOWER = 10
    """Times that, for a proven rate: a limit a minute refuses only when it is used up."""
    TESTED = 20
    """Requests that a guess holds back before a refusal proves it: one that comes sooner belongs to what led
    to the guess."""
    MAX_REFUSAL_SCORE = 1.5
    REFUSAL_SCORE_LIFETIME = 100
    """As for `Concurrency`; what a rate refuses, it refuses now and then."""
    SPARSE = 10
    """Times that it is lowered for rare refusals, until it is forgotten: a quarter lower, and as many are
    refused as before."""
    RARE = 40
    """Answers between two such times: what goes over a limit is refused sooner."""
    LONGEST_COOLDOWN = 900
    """Answers. In time, calm for a pause lasts one window at most, and calm for refusals `LONGEST_COOLDOWN`."""
    UNUSED = 100
    """Requests in a row that didn't have to wait for the rate, until it is forgotten."""
    MOMENT = 10.0
    """Seconds: spells that follow one another faster than that are no measure of a window's length."""
    MEMORY = 60.0
    """Seconds: the longest window that servers commonly count in."""

    def __init__(self) -> None:
        self.proven = False
        """Whether there is a rate, and it was met with a refusal."""
        self._rate: GCRA | None = None
        self._strikes = 0.0
        self._sparse = 0
        self._since_struck = 0  # answers
        self._unused = 0
        self._held_back = 0
        # What was let through, in total and lately, in counts of a second each
        self._began = math.inf
        self._resumed = math.inf  # when sending began again after the last spell of refusals
        self._answers = 0  # since then
        self._counts: deque[tuple[float, int]] = deque()
        self._counted = 0
        # Growth
        self._step = self.FIRST_STEP
        self._step_requests = 0
        self._step_at = -math.inf
        self._calm_answers = 0
        self._calm_until = -math.inf
        self._calm_at_most = -math.inf

    @property
    def per_second(self) -> float | None:
        """The rate, where there is one."""
        return None if self._rate is None else self._rate.per_second

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        return 0.0 if self._rate is None else self._rate.wait(now)

    def begin(self, now: float, *, waited: bool) -> None:
        """Counts a request that goes; `waited` says whether the rate held it back."""
        self._began = min(self._began, now)
        self._resumed = min(self._resumed, now)
        rate = self._rate
        if rate is None:
            return
        rate.take(1.0, now)
        self._unused = 0 if waited else self._unused + 1
        if self._unused >= self.UNUSED:
            self.forget()
        elif waited:
            self._held_back += 1
            self._grow(rate, now)

    def answered(self, now: float) -> None:
        """Counts an answer."""
        self._calm_answers -= 1
        self._strikes = max(0.0, self._strikes - 1 / self.REFUSAL_SCORE_LIFETIME)
        self._since_struck += 1
        self._answers += 1
        self._counted += 1
        counts = self._counts
        if counts and now < counts[-1][0] + 1:
            counts[-1] = (counts[-1][0], counts[-1][1] + 1)
        else:
            counts.append((now, 1))
        while counts[0][0] < now - self.MEMORY:
            self._counted -= counts.popleft()[1]

    def struck(self, *, sure: bool) -> bool:
        """Counts a refusal of a request that the rate had held back; gives whether that is enough to lower
        it. `sure` says that even a lone one counts.
        """
        self._strikes += 1
        if self._strikes < self.MAX_REFUSAL_SCORE and not sure:
            return False
        rare = self._since_struck >= self.RARE and not sure
        self._sparse = self._sparse + 1 if rare else 0
        self._strikes, self._since_struck = 0.0, 0
        if self._rate is not None and self._sparse >= self.SPARSE:
            self.forget()
            return False
        return True

    def settle(self, *, rate_limited: bool, refusals: int, paused: float, now: float) -> None:
        """Ends a spell of `refusals`, in which sending `paused` for so many seconds; `rate_limited` says that
        they were for the rate.
        """
        if rate_limited:
            active = min(self.MEMORY, max(now - paused - self._resumed, 1e-3))
            self.proven |= self._rate is not None and self._held_back >= self.TESTED
            if self._rate is None:
                through = self._answers / active
            else:
                through = self._rate.per_second
                active = max(active, self.MOMENT)
            # In a window that was used up early, the pause belongs to the time that the answers took.
            lately = self._counted / min(self.MEMORY, max(1.0, now - self._began))
            allowed = self.KEPT * max(through * active / (active + paused), lately)
            # So deep a fall may go too far: no calm after it.
            deep = self._rate is not None and allowed < DECREASE * self._rate.per_second
            burst = max(1.0, allowed * BURST_SECONDS)
            self._rate = GCRA(allowed, burst) if allowed > 0 else None
            self._step = self.FIRST_STEP
            self._step_requests, self._step_at = 0, now
            self._held_back = self._unused = 0
            calm = max(0, self._calm_answers) + COOLDOWN_PER_REFUSAL * refusals
            self._calm_answers = 0 if deep else min(self.LONGEST_COOLDOWN, calm)
            self._calm_until = now + (0 if deep else min(self.MEMORY, COOLDOWN_PER_PAUSE * paused))
            self._calm_at_most = now + LONGEST_COOLDOWN
        self._resumed = now
        self._answers = 0

    def forget(self) -> None:
        """Drops the rate: it isn't what holds things up."""
        self._rate = None
        self.proven = False

    def _grow(self, rate: GCRA, now: float) -> None:
        self._step_requests += 1
        slower = self.SLOWER if self.proven else 1
        if self._step_requests < slower * self.STEP_REQUESTS:
            return
        if now < self._step_at + slower * self.STEP_SECONDS:
            return
        if not self.proven:
            step = self.GUESS_STEP
        elif now < self._calm_until or (self._calm_answers > 0 and now < self._calm_at_most):
            return
        else:
            step = self._step
            self._step = min(self.LONGEST_STEP, 2 * step)
        rate.per_second *= 1 + step
        self._sparse = 0
        self._step_requests, self._step_at = 0, now
