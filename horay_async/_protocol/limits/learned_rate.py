"""The rate of requests that a server turns out to allow."""

from __future__ import annotations

import math
from typing import NamedTuple

import attrs

from horay_async._protocol.limits.concurrency import DECREASE
from horay_async._protocol.limits.cooldown import Cooldown
from horay_async._protocol.limits.leaky_bucket import LeakyBucket
from horay_async._protocol.limits.rate_limiter import BURST_SECONDS, GCRA
from horay_async._protocol.limits.throughput import MAX_WINDOW, Throughput

# Whether there is one, and how high it is set

FEW = 10
"""Responses in the last minute from which on a rate can be guessed."""

KEPT = 0.97
"""The part of the rate that was let through which is kept as the rate."""

MOMENT = 10.0
"""Seconds: episodes that follow one another faster than that are no measure of a window's length."""

# How sure it is, see `_Stage`

WEAK = 100
"""Responses: a guess that is made of fewer, in BRIEF seconds or before a pause that was longer than the time that they took,
may be far too low. They can be the rest of a window that others had used, or what came before an outage or before
refusals for no reason."""

BRIEF = 1.0
"""Seconds."""

TESTED = 20
"""Requests that a guess holds back before a refusal proves it: one that comes sooner belongs to what led
to the guess."""

FAR = 2.0
"""Times what is let through: a rate above that has slowed nothing yet; beside random refusals of half, what is sent is that."""

# When a refusal lowers it

MAX_REFUSALS = 1.5
REFUSAL_LIFETIME = 100
"""As for `ConcurrencyLimit`; what a rate refuses, it refuses now and then."""

MAX_COOLDOWN = 900
"""Responses. In time, the cooldown for a pause lasts one window at most, and that for refusals `Cooldown.MAX`."""

# When it is forgotten

UNUSED = 100
"""Requests in a row that didn't have to wait for the rate, after which it is forgotten."""

RARE = 40
"""Responses since it was last lowered from which on a refusal is rare: what goes over a limit is refused sooner."""

MAX_RARE = 10
"""Times in a row that it is lowered for rare refusals, until it is: then it is a quarter lower, and as many are refused as
before."""


class _Stage(NamedTuple):
    """How sure a rate is, and so how fast it grows while nothing is refused."""

    step: float
    """By which part the rate grows at first; twice that with each step, up to `longest_step`."""
    longest_step: float
    requests: int
    """How many requests have to wait for the rate after a step, before the next step."""
    seconds: float
    """Seconds from a step to the next, at least."""


WEAK_GUESS = _Stage(1.0, 1.0, requests=5, seconds=1.0)
"""Of so few responses that it may be far too low. So it doubles, and often, until it meets a refusal: 3 % of what is allowed is
found to be so in half a minute."""

GUESS = _Stage(0.1, 0.1, requests=10, seconds=1.0)
"""What was let through before the first refusals, or what is left of that after further ones that came too soon to prove it."""

PROVEN = _Stage(0.03, 0.08, requests=100, seconds=10.0)
"""It held back TESTED requests, and then one was refused. It grows after a cooldown, and ten times slower than a guess: a limit
a minute refuses only when it is used up."""


@attrs.define
class _Rate:
    """A rate as it was last set, by the end of an episode of refusals."""

    gcra: GCRA
    stage: _Stage
    step: float
    """By which part the rate grows next."""
    step_at: float
    """When the rate last grew, or was set."""
    drop_at: float
    """When the rate is dropped, if nothing is refused until then: infinite, but for one that may be far too low because the server
    refused much of what was slowed, too."""
    waited: int
    """Requests that had to wait for the rate, since there is one."""
    waited_since_step: int = 0
    """Requests that had to wait for it since `step_at`."""
    grown: bool = False
    """Whether it has grown since it was set."""
    unused: int = 0
    """Requests in a row that didn't have to wait for it."""


class LearnedRate:
    """A limit on the rate, learnt from refusals; there is none until the server refuses for the rate's sake.

    It begins as a guess, which grows fast until it meets a refusal and so is proven; faster still where it was made of
    few responses. From then on it grows
    as a limit on concurrency does: after a time in proportion to what the refusals cost, and faster with
    each success. A rate that nothing has to wait for is forgotten. Times are passed in, in seconds of one
    steady clock.
    """

    def __init__(self) -> None:
        self._rate: _Rate | None = None
        """The rate; None while there is no reason for one. Set by `learn` and `forget`."""
        self._suspended: _Rate | None = None
        """The rate that was suspended last."""
        self._throughput = Throughput()
        self._refusals = LeakyBucket(MAX_REFUSALS, REFUSAL_LIFETIME)
        """Refusals of requests that the rate had held back; it is lowered when there are too many."""
        self._responses_since_lowered = 0
        """Responses since the rate was last lowered, as far as `refused` knows."""
        self._lowered_for_rare = 0
        """Times in a row that the rate was lowered for rare refusals; 0 again when it grows, or is lowered for others."""
        self._trusted_for = MAX_WINDOW
        """Seconds after which a doubtful rate is dropped; doubles each time that one is, since it may have been right."""
        self._cooldown = Cooldown()
        """What has to be over before a proven rate grows again; set by `learn`."""

    @property
    def per_second(self) -> float | None:
        """The rate, where there is one."""
        return None if self._rate is None else self._rate.gcra.per_second

    @property
    def has_grown(self) -> bool:
        """Whether it has grown since it was last set, or there is none: then a refusal is no surprise."""
        return self._rate is None or self._rate.grown

    @property
    def proven(self) -> bool:
        """Whether there is a rate, and it was met with a refusal."""
        return self._rate is not None and self._rate.stage is PROVEN

    def wait(self, now: float) -> float:
        """Seconds until the next request is admitted."""
        return 0.0 if self._rate is None else self._rate.gcra.wait(now)

    def sent(self, now: float, *, waited: bool | None) -> None:
        """Counts a request that is sent; `waited` says whether the rate held it back, None that it doesn't keep to it."""
        self._throughput.sent(now)
        rate = self._rate
        if rate is None:
            return
        over = rate.gcra.wait(now) > 0
        rate.gcra.take(1.0, now)
        if waited is None:
            # Sent all the same: where it didn't grow, nothing would be left, for ever, to those that keep to it.
            if over:
                self._grow(rate, now)
        elif waited:
            rate.unused = 0
            rate.waited += 1
            self._grow(rate, now)
        else:
            rate.unused += 1
            if rate.unused >= UNUSED:
                self.forget()

    def succeeded(self, now: float) -> None:
        """Counts a response."""
        self._cooldown.responses -= 1
        self._refusals.leak()
        self._responses_since_lowered += 1
        self._throughput.succeeded(now)

    def let_through_lately(self, now: float) -> bool:
        """Whether the server has responded a few times in the last minute: else its refusals say nothing of a rate."""
        return self._throughput.in_window(now) >= FEW

    def has_slowed(self, now: float) -> bool:
        """Whether there is a rate that isn't far above what is let through."""
        rate = self.per_second
        return rate is not None and rate <= FAR * self._throughput.per_second(now)

    def refused(self, *, counts_alone: bool) -> bool:
        """Counts a refusal of a request that the rate had held back; returns whether that is enough to lower
        it. `counts_alone` says that even a lone one counts.
        """
        if not self._refusals.add(counts_alone=counts_alone):
            return False
        rare = self._responses_since_lowered >= RARE and not counts_alone
        self._lowered_for_rare = self._lowered_for_rare + 1 if rare else 0
        self._responses_since_lowered = 0
        if self._rate is not None and self._lowered_for_rare >= MAX_RARE:
            self.forget()
            return False
        return True

    def learn(self, *, refusals: int, paused: float, now: float, doubtful: bool = False) -> None:
        """Lowers the rate, or begins one, at the end of an episode of `refusals` for its sake, in which sending `paused` for so
        many seconds. `doubtful` is whether it may be far too low then.
        """
        rate, stage = self._rate, self._next_stage(paused, now)
        allowed = KEPT * self._let_through(paused, now)
        if rate is not None and allowed < DECREASE * rate.gcra.per_second:
            self._cooldown = Cooldown()  # so deep a fall may go too far
        else:
            left = max(0, self._cooldown.responses) + Cooldown.PER_REFUSAL * refusals
            until = now + min(MAX_WINDOW, Cooldown.PER_PAUSE * paused)
            self._cooldown = Cooldown(min(left, MAX_COOLDOWN), until, now + Cooldown.MAX)
        if allowed > 0:
            gcra = GCRA(allowed, max(1.0, allowed * BURST_SECONDS))
            gcra.take(1.0, now)  # the request whose response ended the episode
            drop_at = now + self._trusted_for if doubtful else math.inf
            waited = 0 if rate is None else rate.waited
            self._rate = _Rate(gcra, stage, stage.step, now, drop_at, waited)
        self.resume(now)

    def resume(self, now: float) -> None:
        """Notes that sending is resumed after an episode of refusals."""
        self._throughput.resume(now)

    def forget(self) -> None:
        """Drops the rate: it isn't what holds things up."""
        self._rate = None

    def suspend(self) -> None:
        """Drops the rate for a trial whether it helps."""
        self._suspended, self._rate = self._rate, None

    def restore(self) -> None:
        """The suspended rate holds again: it did help."""
        self._rate = self._rate or self._suspended

    def _let_through(self, paused: float, now: float) -> float:
        """Requests a second that the server turned out to let through, the pause at the end included."""
        throughput = self._throughput
        active = throughput.active(paused, now)
        through = self.per_second
        if through is None:
            through = throughput.since_resumed / active
        else:
            active = max(active, MOMENT)
        # In a window that was used up early, the pause belongs to the time that the responses took.
        return max(through * active / (active + paused), throughput.per_second(now))

    def _next_stage(self, paused: float, now: float) -> _Stage:
        """How sure the rate is after an episode of refusals for its sake."""
        rate, throughput = self._rate, self._throughput
        if rate is not None:
            return PROVEN if self.proven or rate.waited >= TESTED else GUESS
        brief = throughput.active(paused, now) < max(paused, BRIEF)
        return WEAK_GUESS if brief and throughput.since_resumed < WEAK else GUESS

    def _grow(self, rate: _Rate, now: float) -> None:
        """What becomes of the rate when a request was sent that had to wait for it. The first case that applies decides.

        - The rate is doubtful, and nothing was refused since it was set, not even in the longest window: it is dropped.
        - Too few requests have waited, or for too short a time; or a proven one is in its cooldown: it stays as it is.
        - Else it grows by a step.
        """
        stage = rate.stage
        rate.waited_since_step += 1
        if now >= rate.drop_at:
            self.forget()
            self._trusted_for *= 2
        elif (
            rate.waited_since_step >= stage.requests
            and now >= rate.step_at + stage.seconds
            and (stage is not PROVEN or self._cooldown.is_over(now))
        ):
            rate.gcra.per_second *= 1 + rate.step
            rate.step = min(stage.longest_step, 2 * rate.step)
            rate.step_at, rate.waited_since_step, rate.grown = now, 0, True
            self._lowered_for_rare = 0
