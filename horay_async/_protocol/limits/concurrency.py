"""How many requests to have under way at once: found by trying what the server can take."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import attrs

from horay_async._protocol.limits.cooldown import Cooldown
from horay_async._protocol.limits.latency import Sample, gain
from horay_async._protocol.limits.leaky_bucket import LeakyBucket

# What cuts the limit

MAX_REFUSALS = 1.5
"""Refusals, less what is forgotten of them, that do: two in 40 responses. With one too many under
way, nearly every response is followed by a refusal."""

REFUSAL_LIFETIME = 80
"""Responses after which a refusal is forgotten, so that one in so many is tolerated: a server can refuse a
few for reasons of its own, and fewer under way wouldn't change that."""

ANOTHER_MATTER = 50
"""Responses between two cuts from which on they have nothing to do with one another."""

# How much a cut leaves, see `_limit_after_cut`

STEP_BACK = 0.97
"""What is kept of the number that was let through, once one more was refused."""

DECREASE = 0.7
"""What is kept of the limit where stepping back twice wasn't enough: CUBIC's factor (RFC 9438)."""

RANDOM_COOLDOWN = 1000
"""Responses before more is tried after a cut among random refusals: it takes some ten refusals more to show that it was too much."""

# By how much the next trial changes the limit, see `_begin_trial`

FIRST_STEP = 2.0
"""The limit doubles until it first meets resistance, as in TCP's slow start (RFC 5681)."""

MIN_STEP = 1.1
"""Below a tenth, the effect of a step on the latency drowns in its noise."""

DOUBLING = 40.0
MAX_DOUBLING = 30.0
"""How long the limit takes to double at least, once there was a refusal: as a multiple of the latency, and
in seconds. A limit a minute refuses only when it is used up, so growth mustn't run ahead of it."""

# When there is a trial, and whether it was a success, see `_consider_trial` and `_judge_trial`

MIN_GAIN = 0.2
"""A step is worth it if throughput follows it by this part; see `gain`."""

RISE = math.log(1.3)
"""A mean latency this much (natural logarithm) over what it was asks for a step down."""

MIN_SAMPLE = 16
"""Responses that a mean latency is taken over, or as many as the limit if that is more."""

MAX_SAMPLE_FACTOR = 8
"""Times that number: where noise has left the verdict open until then, the mean decides."""

RECENT = 100
"""Responses that `let_through` looks back over."""


@attrs.define
class _Cuts:
    """What a limit remembers of refusals, and of what they cut it to."""

    before: float
    """The limit before the latest cuts, which `undo_cuts` goes back to. Set by a cut that is another matter than the
    one before it."""
    slow_growth: bool = False
    """Whether the limit grows no faster than DOUBLING says: set by a cut, taken back by a trial that shows that the first
    one had no reason."""
    doubted: int | None = None
    """The number under way that was refused while the limit doubled. Set by that cut, None again with the next one, and once
    more are let through: then the refusals were for another reason, as any server has some, and the limit goes on doubling."""
    in_episode: bool = False
    """Whether there was a cut in the episode of refusals that isn't over. Taken back by `end_episode`."""
    responses_since: int = ANOTHER_MATTER
    """Responses since the latest cut; ANOTHER_MATTER again once that is taken back."""
    probed: bool = False
    """Whether the limit was raised soon after a deep fall: only after the first of several is it. Set by `end_episode`, taken back
    by a cut that is another matter."""


class _Baseline(NamedTuple):
    """What a trial is compared with."""

    limit: float
    """The limit before the trial."""
    sample: Sample
    """The latencies at that limit."""


@attrs.define
class _Search:
    """The search for a better limit: which step is tried, and what it is compared with. A cut begins it anew.

    A trial is under way where `baseline` is set; then the responses in `sample` are compared with it. Otherwise
    they show whether it is time for one.
    """

    doubled_from: float
    """The limit at `doubled_at`; it may be no more than twice as high until the time for a doubling is over."""
    doubled_at: float = -math.inf
    """When the limit last began to double after a refusal."""
    step: float = FIRST_STEP
    """By what factor the next trial changes the limit. It is squared by each success, up to FIRST_STEP; the root is taken of it
    by each failure, down to MIN_STEP, with which it begins anew after a cut."""
    upward: bool = True
    """Whether the next trial is one of more requests. Turns when the smallest step up doesn't help, and when the
    responses get slow without a step; back again when that step down doesn't help either."""
    baseline: _Baseline | None = None
    """What the present trial is compared with. Set when a trial begins; None again when it is over."""
    accepted: Sample | None = None
    """Latencies when the limit was last accepted; None after a failed trial, until the next sample."""
    unsettled: int = 0
    """Responses that are still to be left out: the queue that a limit means takes a round to build up, or empty."""
    sample: Sample = attrs.Factory(Sample)
    """Latencies at the present limit; begun anew with each change."""
    limited: bool = False
    """Whether a request had to wait for the limit since the sample began (in TCP: the sender is limited by its window, not by
    the application, RFC 7661): else others were the bottleneck."""

    @property
    def doubles(self) -> bool:
        """Whether the next step is a doubling."""
        return self.step == FIRST_STEP


class ConcurrencyLimit:
    """A limit on the requests under way that follows what the server can take.

    Increase is by trial: a step up is kept if more succeeds in the same time, and taken back if the
    responses only get slower, so the limit settles where a queue would begin. Decrease is multiplicative: a
    refusal (429, 503) cuts the limit to just below what was let through. What was refused first is tried again soon, in
    case there was no reason for it; what is refused after that, isn't. The limit stays, for a
    number of responses and a time in proportion to what the refusal cost, and only then tries again; what it
    tries grows with each success. `floor` and `ceiling` bound it; where they are the same it is fixed.

    Sans-I/O: times are passed in, in seconds of one steady clock.
    """

    def __init__(self, *, start: int, floor: int = 1, ceiling: int) -> None:
        self.in_flight: int = 0
        """Requests under way."""
        self.latency: float = 0.0
        """Seconds from a request's start to its response: a running mean, 0 before the first."""
        self.epoch: int = 0
        """The number of changes of the limit so far."""
        self._floor = floor
        self._ceiling = ceiling
        self._limit = float(min(max(start, floor), ceiling))
        """The limit as it is reckoned with, which may lie between two numbers."""
        self.limit: int = int(self._limit + 0.5)
        """Most requests to have under way now: the limit in whole requests."""
        self._next_start = -math.inf
        """When the next request may be sent; set by each request that is sent."""
        self._recent: deque[int] = deque(maxlen=RECENT)
        """For the latest responses, how many were under way when their requests began."""
        self._refusals = LeakyBucket(MAX_REFUSALS, REFUSAL_LIFETIME)
        """Refusals at this limit, which is cut when there are too many; counted anew with each change of the limit."""
        self._cuts = _Cuts(before=self._limit)
        self._search = _Search(doubled_from=self._limit)
        self._cooldown = Cooldown()
        """What has to be over before the next step up; set by `end_episode`, and by trials that end."""

    def must_wait(self) -> bool:
        """Whether a request that is to be sent now has to wait, because as many are under way as may be. That is noted: only a
        limit that something had to wait for can be judged.
        """
        if self.in_flight < self.limit:
            return False
        self._search.limited = True
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next request may be sent: what is free is taken at twice the usual pace, not at once."""
        return max(0.0, self._next_start - now)

    def sent(self, now: float) -> None:
        """Counts a request that is sent."""
        self.in_flight += 1
        gap = 0.5 * self.latency / self._limit
        self._next_start = max(self._next_start, now - 2 * gap) + gap

    def ended(self) -> None:
        """Counts a request that has ended, however it did."""
        self.in_flight -= 1

    def let_through(self, in_flight: int) -> int:
        """How many of the latest responses were to requests that began as one of so many, or more."""
        return sum(number >= in_flight for number in self._recent)

    def succeeded(self, epoch: int, in_flight: int, latency: float, *, now: float) -> None:
        """Learns from a response, after `latency` seconds, to a request that began in `epoch` as one of
        `in_flight`.
        """
        cuts, search = self._cuts, self._search
        cuts.responses_since += 1
        self._refusals.leak()
        self._cooldown.responses -= 1
        self._recent.append(in_flight)
        latency = max(0.0, latency)  # a clock can go back
        self.latency += (latency - self.latency) * (0.1 if self.latency else 1.0)
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        if search.unsettled > 0:
            search.unsettled -= 1
            return
        search.sample.add(latency)
        if search.sample.count < self._sample_size:
            return
        if not search.limited:  # others were the bottleneck: nothing to learn
            self._begin_sample()
        elif search.baseline is not None:
            self._judge_trial(search.baseline, now)
        else:
            self._consider_trial(now)

    def refused(self, epoch: int, in_flight: int, *, in_a_row: int, counts_alone: bool) -> None:
        """Learns from a refusal of a request that began in `epoch` as one of `in_flight`.

        It is number `in_a_row` of those that came one upon the other, each sent when the one before was known.
        `counts_alone` says that even a lone one counts.
        """
        cuts, search = self._cuts, self._search
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        if not self._refusals.add(counts_alone=counts_alone):
            return
        if cuts.responses_since >= ANOTHER_MATTER:
            cuts.before = self._limit if search.baseline is None else search.baseline.limit
            cuts.probed = False
        cuts.responses_since = 0
        cuts.in_episode = cuts.slow_growth = True
        cuts.doubted = in_flight if search.doubles else None
        kept = self._limit_after_cut(in_flight, in_a_row)
        self._search = _Search(search.doubled_from, step=MIN_STEP)
        self._set_limit(kept)

    def end_episode(self, *, refusals: int, paused: float, now: float) -> None:
        """Ends an episode of `refusals`, in which sending `paused` for so many seconds.

        When more is tried, is decided by the first case that applies:

        - Nothing was cut: as before.
        - The limit fell deep, for the first time in a while, or was cut as it doubled: now. What caused a deep fall may be over,
          and the first refusals may have had no cause: to know is worth a refusal.
        - It was cut during a cooldown: as before. It wasn't trying more that was refused, and a longer one would save nothing.
        - Else after a cooldown.
        """
        cuts = self._cuts
        if not cuts.in_episode:
            return
        cuts.in_episode = False
        deep = self._limit < DECREASE * cuts.before and not cuts.probed
        if deep or cuts.doubted is not None:
            cuts.probed = True
            self._cooldown.responses = 0
        elif self._cooldown.is_over(now):
            self._cooldown.responses = max(Cooldown.PER_REFUSAL * refusals, 4 * self.limit)
            self._cooldown.until = now + min(Cooldown.MAX, Cooldown.PER_PAUSE * paused)

    def undo_cuts(self) -> None:
        """Takes back the latest cuts: the number under way wasn't what was refused."""
        if self._limit < self._cuts.before:
            self._search.baseline = None  # the limit that was being tried is none any more
            self._set_limit(self._cuts.before)
        self._cuts.responses_since = ANOTHER_MATTER

    @property
    def is_cut(self) -> bool:
        """Whether the limit is lower than before the latest cuts."""
        return self._limit < self._cuts.before

    def forget_refusals(self) -> None:
        """Takes back the latest cuts, and goes on as if there had been none: the refusals were random."""
        self.undo_cuts()
        self._cuts = _Cuts(before=self._limit)
        self._cooldown = Cooldown()
        self._search = _Search(doubled_from=self._limit)

    def cut(self) -> None:
        """Cuts the limit to DECREASE of it: many refusals show together that too many are under way, though each by itself is random."""
        self._cuts.slow_growth = True
        self._cooldown = Cooldown(RANDOM_COOLDOWN)
        self._search = _Search(self._search.doubled_from, step=MIN_STEP)
        self._set_limit(self._limit * DECREASE)

    @property
    def _sample_size(self) -> float:
        """Responses to judge by."""
        return max(MIN_SAMPLE, self._limit)

    def _begin_sample(self) -> None:
        self._search.sample = Sample()
        self._search.limited = False

    def _set_limit(self, limit: float) -> None:
        self._limit = min(max(limit, self._floor), self._ceiling)
        self.limit = int(self._limit + 0.5)
        self.epoch += 1
        self._refusals.level = 0.0
        self._search.unsettled = 0 if self._search.doubles else self.limit
        self._begin_sample()

    def _limit_after_cut(self, in_flight: int, in_a_row: int) -> float:
        """What number `in_a_row` of refusals in a row leaves of the limit, where it was of one of `in_flight`.

        | refusal | leaves | at least |
        |---|---|---|
        | while the limit doubles | just below what was let through | half the limit: a doubling overshoots by no more |
        | 1st or 2nd in a row | that, and a bit less the 2nd time | DECREASE of the limit |
        | a later one | DECREASE of the limit | |
        """
        let_through = min(in_flight - 1, self._limit)
        if self._search.doubles:
            return max(let_through * STEP_BACK, self._limit / FIRST_STEP)
        least = self._limit * DECREASE
        return least if in_a_row > 2 else max(let_through * STEP_BACK**in_a_row, least)

    def _consider_trial(self, now: float) -> None:
        """Whether to try another limit than the one that the sample was taken at. The first case that applies decides.

        - The responses are slower than when the limit was accepted, by more than noise: a lower one, cooldown or not.
        - The cooldown is over: the next step.
        - The sample is large: none, but that begins anew, so that what comes isn't compared with what was long ago.
        """
        search, sample = self._search, self._search.sample
        if search.accepted is None:
            search.accepted = sample
        noise = math.sqrt(sample.variance + search.accepted.variance)
        if sample.mean - search.accepted.mean > max(RISE, 3 * noise):
            search.upward = False
            self._begin_trial(now)
        elif self._cooldown.is_over(now):
            self._begin_trial(now)
        elif sample.count >= MAX_SAMPLE_FACTOR * self._sample_size:
            self._begin_sample()

    def _begin_trial(self, now: float) -> None:
        """Tries the next limit: a step up or down, of one request at least. Upward it is more than what is in doubt, and
        no more than twice what it was within the time for a doubling.
        """
        cuts, search, at = self._cuts, self._search, self._limit
        before = _Baseline(at, search.sample)
        # Smaller than twice what the two means will be off by, a step couldn't be judged.
        step = max(search.step, math.exp(2 * math.sqrt(2 * before.sample.variance)))
        to = max(at * step, at + 1) if search.upward else min(at / step, at - 1)
        if cuts.doubted is not None:
            to = max(to, cuts.doubted + 1)
        if cuts.slow_growth:
            if now >= search.doubled_at + min(MAX_DOUBLING, DOUBLING * self.latency):
                search.doubled_at, search.doubled_from = now, at
            to = min(to, 2 * search.doubled_from)
        self._set_limit(to)
        search.baseline = before
        if self._limit == at:  # at its bound
            self._fail_trial(before)

    def _judge_trial(self, before: _Baseline, now: float) -> None:
        """Whether the limit that is tried is better than the one `before`, by how far throughput followed (`gain`).

        - Upward it is better where that followed by MIN_GAIN, and by more after a large step: one that overshoots gains too, and
          what counts is not to end far above the capacity. In doubt it is: an idle server costs more than a short queue.
        - Downward it is better where that didn't follow by MIN_GAIN. In doubt more responses decide, up to MAX_SAMPLE_FACTOR.

        A success is followed by the next trial at once.
        """
        cuts, search, sample = self._cuts, self._search, self._search.sample
        step = math.log(self._limit / before.limit)
        follows, noise = gain(before.sample, sample, step)
        if search.upward:
            least = max(MIN_GAIN, 1 - math.log(MIN_STEP) / step)
            better = follows > least - noise / 2
        else:
            large = sample.count >= MAX_SAMPLE_FACTOR * self._sample_size
            if not large and abs(follows - MIN_GAIN) < 1.5 * noise:
                return
            better = follows < MIN_GAIN
        if not better:
            self._fail_trial(before)
            return
        search.step = min(FIRST_STEP, search.step * search.step)
        if cuts.doubted is not None and self._limit > cuts.doubted:
            cuts.doubted, cuts.slow_growth = None, False
            search.step = FIRST_STEP
        search.accepted = sample
        self._begin_trial(now)

    def _fail_trial(self, before: _Baseline) -> None:
        """Goes back to the limit `before`. The next trial is of a smaller step; after the smallest it is of one the other
        way, and after one downward there is a cooldown first: what doesn't help above may not have helped below.
        """
        search = self._search
        search.baseline = search.accepted = None
        self._set_limit(before.limit)
        if search.step > MIN_STEP:
            search.step = max(MIN_STEP, math.sqrt(search.step))
            return
        search.upward = not search.upward
        self._cooldown.responses = MAX_SAMPLE_FACTOR * self.limit if search.upward else 0
