"""The rate of requests that a server turns out to allow."""

from __future__ import annotations

import math
from collections import deque

from horay_async._protocol.limits import cooldown
from horay_async._protocol.limits.concurrency import DECREASE
from horay_async._protocol.limits.rate_limiter import BURST_SECONDS, GCRA

SHORTEST = 1e-3
"""Seconds: a time that is divided by is at least so long."""


class _Throughput:
    """What was let through: since sending was last resumed, and lately."""

    def __init__(self, memory: float) -> None:
        self.responses: int = 0
        """Since sending was resumed after the latest episode of refusals."""
        self._memory = memory
        """Seconds that it looks back over."""
        self._began = math.inf
        """When the first request was sent."""
        self._resumed = math.inf
        """When sending was resumed; at first, when it began."""
        self._counts: deque[tuple[float, int]] = deque()
        """Responses in that memory, in counts of a second each with their beginning."""
        self._counted = 0
        """Their sum."""

    def sent(self, now: float) -> None:
        """Counts a request."""
        # Told at sight: each request comes here, and `min` costs twice as much.
        if now < self._began:
            self._began = now
        if now < self._resumed:
            self._resumed = now

    def succeeded(self, now: float) -> None:
        """Counts a response."""
        self.responses += 1
        self._counted += 1
        counts = self._counts
        if counts and now < counts[-1][0] + 1:
            counts[-1] = (counts[-1][0], counts[-1][1] + 1)
        else:
            counts.append((now, 1))
        while counts[0][0] < now - self._memory:
            self._counted -= counts.popleft()[1]

    def lately(self, now: float) -> int:
        """Responses lately; none where the last one was long ago."""
        return self._counted if self._counts and now - self._memory <= self._counts[-1][0] else 0

    def active(self, paused: float, now: float) -> float:
        """Seconds since sending was resumed, without a pause of so many at the end."""
        return min(self._memory, max(now - paused - self._resumed, SHORTEST))

    def recent(self, now: float) -> float:
        """Responses a second lately."""
        return self._counted / min(self._memory, max(1.0, now - self._began))

    def resume(self, now: float) -> None:
        """Begins to count anew."""
        self._resumed = now
        self.responses = 0


class LearnedRate:
    """A limit on the rate, learnt from refusals; there is none until the server refuses for the rate's sake.

    It begins as a guess, which grows fast until it meets a refusal and so is proven; faster still where it was made of
    few responses. From then on it grows
    as a limit on concurrency does: after a time in proportion to what the refusals cost, and faster with
    each success. A rate that nothing has to wait for is forgotten. Times are passed in, in seconds of one
    steady clock.
    """

    KEPT = 0.97
    """Of the rate that was let through."""
    GUESS_STEP = 0.1
    """By which a guess grows."""
    WEAK = 100
    """Responses: a guess that is made of fewer, in BRIEF seconds or before a pause that was longer than the time that they took,
    may be far too low. They can be the rest of a window that others had used, or what came before an outage or before
    refusals for no reason."""
    FEW = 10
    """Responses in the last minute from which on a rate can be guessed."""
    BRIEF = 1.0
    WEAK_GUESS_STEP = 1.0
    WEAK_STEP_REQUESTS = 5
    """So it doubles, and more often, until it meets a refusal: 3 % of what is allowed is found to be so in half a minute."""
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
    """As for `ConcurrencyLimit`; what a rate refuses, it refuses now and then."""
    SPARSE = 10
    """Times that it is lowered for rare refusals, until it is forgotten: a quarter lower, and as many are
    refused as before."""
    RARE = 40
    """Responses between two such times: what goes over a limit is refused sooner."""
    LONGEST_COOLDOWN = 900
    """Responses. In time, the cooldown for a pause lasts one window at most, and that for refusals `LONGEST_COOLDOWN`."""
    UNUSED = 100
    """Requests in a row that didn't have to wait for the rate, until it is forgotten."""
    FAR = 2.0
    """Times what is let through: a rate above that has slowed nothing yet; beside random refusals of half, what is sent is that."""
    MOMENT = 10.0
    """Seconds: episodes that follow one another faster than that are no measure of a window's length."""
    MEMORY = 60.0
    """Seconds: the longest window that servers commonly count in."""

    def __init__(self) -> None:
        self.proven: bool = False
        """Whether there is a rate, and it was met with a refusal."""
        self._weak = False
        """Whether it is a guess that was made of few responses; taken back by a refusal."""
        self._rate: GCRA | None = None
        """The rate; None while there is no reason for one."""
        self._throughput = _Throughput(self.MEMORY)
        # When the rate is lowered, or forgotten
        self._score = 0.0
        """Refusals of held-back requests, less what is forgotten of them; 0 again when the rate is lowered."""
        self._responses_since_lowered = 0
        self._sparse = 0
        """Times in a row that it was lowered for rare refusals; 0 again when it grows."""
        self._unused = 0
        """Requests in a row that didn't have to wait for it."""
        self._held_back = 0
        """Requests that had to wait for it since it was set."""
        self._doubtful = False
        """Whether the server refused much of what was slowed, too, when it was set: it may be far too low."""
        self._set_at = -math.inf
        """When that was."""
        self._trusted_for = self.MEMORY
        """Seconds from then on after which a doubtful rate is dropped; doubles each time, since it may have been right."""
        # When it grows
        self._step = self.FIRST_STEP
        """By which part a proven rate grows next; doubles with each step up to LONGEST_STEP."""
        self._step_requests = 0
        """Requests that had to wait since the last step."""
        self._step_at = -math.inf
        """When that was."""
        self._cooldown_responses = 0
        """Responses until it may grow again; set when it is lowered, counts down below 0."""
        self._cooldown_until = -math.inf
        """When it may grow again at the earliest; set when it is lowered."""
        self._cooldown_at_most = -math.inf
        """When it may grow whatever `_cooldown_responses` says: where few responses come, those would take long."""

    @property
    def per_second(self) -> float | None:
        """The rate, where there is one."""
        return None if self._rate is None else self._rate.per_second

    def wait(self, now: float) -> float:
        """Seconds until the next request is admitted."""
        return 0.0 if self._rate is None else self._rate.wait(now)

    def begin(self, now: float, *, waited: bool | None) -> None:
        """Counts a request that is sent; `waited` says whether the rate held it back, None that it doesn't keep to it."""
        self._throughput.sent(now)
        rate = self._rate
        if rate is None:
            return
        over = rate.wait(now) > 0
        rate.take(1.0, now)
        if waited is None:
            # Sent all the same: where it didn't grow, nothing would be left, for ever, to those that keep to it.
            if over:
                self._grow(rate, now)
            return
        self._unused = 0 if waited else self._unused + 1
        if self._unused >= self.UNUSED:
            self.forget()
        elif waited:
            self._held_back += 1
            self._grow(rate, now)

    def succeeded(self, now: float) -> None:
        """Counts a response."""
        self._cooldown_responses -= 1
        self._score = max(0.0, self._score - 1 / self.REFUSAL_SCORE_LIFETIME)
        self._responses_since_lowered += 1
        self._throughput.succeeded(now)

    def let_through_lately(self, now: float) -> bool:
        """Whether the server has responded a few times in the last minute: else its refusals say nothing of a rate."""
        return self._throughput.lately(now) >= self.FEW

    def has_slowed(self, now: float) -> bool:
        """Whether there is a rate that isn't far above what is let through."""
        rate = self._rate
        return rate is not None and rate.per_second <= self.FAR * self._throughput.recent(now)

    def refused(self, *, sure: bool) -> bool:
        """Counts a refusal of a request that the rate had held back; returns whether that is enough to lower
        it. `sure` says that even a lone one counts.
        """
        self._score += 1
        if self._score < self.MAX_REFUSAL_SCORE and not sure:
            return False
        rare = self._responses_since_lowered >= self.RARE and not sure
        self._sparse = self._sparse + 1 if rare else 0
        self._score, self._responses_since_lowered = 0.0, 0
        if self._rate is not None and self._sparse >= self.SPARSE:
            self.forget()
            return False
        return True

    def settle(
        self,
        *,
        rate_limited: bool,
        refusals: int,
        paused: float,
        now: float,
        doubtful: bool = False,
    ) -> None:
        """Ends an episode of `refusals`, in which sending `paused` for so many seconds; `rate_limited` says
        that they were for the rate, which then is lowered, or begins. `doubtful` is whether it may be far too low.
        """
        if rate_limited:
            self.proven |= self._rate is not None and self._held_back >= self.TESTED
            self._weak = (
                self._rate is None
                and self._throughput.responses < self.WEAK
                and max(paused, self.BRIEF) > self._throughput.active(paused, now)
            )
            allowed = self.KEPT * self._let_through(paused, now)
            # So deep a fall may go too far: no cooldown after it.
            deep = self._rate is not None and allowed < DECREASE * self._rate.per_second
            self._set(allowed, now)
            self._doubtful = doubtful
            self._cool_down(0 if deep else refusals, 0.0 if deep else paused, now, forget=deep)
        self._throughput.resume(now)

    def _let_through(self, paused: float, now: float) -> float:
        """Requests a second that the server turned out to let through, the pause at the end included."""
        throughput = self._throughput
        active = throughput.active(paused, now)
        if self._rate is None:
            through = throughput.responses / active
        else:
            through = self._rate.per_second
            active = max(active, self.MOMENT)
        # In a window that was used up early, the pause belongs to the time that the responses took.
        return max(through * active / (active + paused), throughput.recent(now))

    def _set(self, allowed: float, now: float) -> None:
        burst = max(1.0, allowed * BURST_SECONDS)
        if self._rate is None:
            self._held_back = 0
        self._rate = GCRA(allowed, burst) if allowed > 0 else None
        if self._rate is not None:
            self._rate.take(1.0, now)  # the request whose response ended the episode
        self._step = self.FIRST_STEP
        self._step_requests, self._step_at = 0, now
        self._unused = 0
        self._set_at = now

    def _cool_down(self, refusals: int, paused: float, now: float, *, forget: bool) -> None:
        """Lets the rate rest, in proportion to what the refusals and the pause cost."""
        left = 0 if forget else max(0, self._cooldown_responses)
        self._cooldown_responses = min(
            self.LONGEST_COOLDOWN, left + cooldown.PER_REFUSAL * refusals
        )
        self._cooldown_until = now + min(self.MEMORY, cooldown.PER_PAUSE * paused)
        self._cooldown_at_most = now + cooldown.LONGEST

    def forget(self) -> None:
        """Drops the rate: it isn't what holds things up."""
        self._rate = None
        self.proven = False

    def _grow(self, rate: GCRA, now: float) -> None:
        self._step_requests += 1
        if self._doubtful and now >= self._set_at + self._trusted_for:
            self.forget()  # nothing was refused since, not even in the longest window
            self._trusted_for *= 2
            return
        slower = self.SLOWER if self.proven else 1
        needed = self.WEAK_STEP_REQUESTS if self._weak else slower * self.STEP_REQUESTS
        if self._step_requests < needed:
            return
        if now < self._step_at + slower * self.STEP_SECONDS:
            return
        if not self.proven:
            step = self.WEAK_GUESS_STEP if self._weak else self.GUESS_STEP
        elif now < self._cooldown_until or (
            self._cooldown_responses > 0 and now < self._cooldown_at_most
        ):
            return
        else:
            step = self._step
            self._step = min(self.LONGEST_STEP, 2 * step)
        rate.per_second *= 1 + step
        self._sparse = 0
        self._step_requests, self._step_at = 0, now
