"""How many requests to have under way at once: found by trying what the server can take."""

from __future__ import annotations

import math
from collections import deque

import attrs

from horay_async._protocol.limits.latency import Sample, gain

# What happens on a refusal.

STEP_BACK = 0.97
"""What is kept of the number that was let through, once one more was refused."""

DECREASE = 0.7
"""What is kept of the limit where stepping back twice wasn't enough: CUBIC's factor (RFC 9438)."""

MAX_REFUSAL_SCORE = 1.5
"""Refusals, less what is forgotten of them, that cut the limit: two in 40 responses. With one too many under
way, nearly every response is followed by a refusal."""

REFUSAL_SCORE_LIFETIME = 80
"""Responses after which a refusal is forgotten, so that one in so many is tolerated: a server can refuse a
few for reasons of its own, and fewer under way wouldn't change that."""

ANOTHER_MATTER = 50
"""Responses between two cuts from which on they have nothing to do with one another."""

COOLDOWN_PER_REFUSAL = 150
"""Responses between a refusal and the next step up: so refusals stay below 1 in 100."""

COOLDOWN_PER_PAUSE = 20.0
"""Time between a pause and the next step up, as a multiple of the pause: so pauses take 1/20 of the time."""

LONGEST_COOLDOWN = 300.0
"""Seconds: after five minutes of any length of pause it is worth another try."""

# How the limit grows.

FIRST_STEP = 2.0
"""The limit doubles until it first meets resistance, as in TCP's slow start (RFC 5681)."""

SMALLEST_STEP = 1.1
"""Below a tenth, the effect of a step on the latency drowns in its noise."""

DOUBLING = 40.0
LONGEST_DOUBLING = 30.0
"""How long the limit takes to double at least, once there was a refusal: as a multiple of the latency, and
in seconds. A limit a minute refuses only when it is used up, so growth mustn't run ahead of it."""

LEAST_GAIN = 0.2
"""A step is worth it if throughput follows it by this part; see `gain`."""

RISE = math.log(1.3)
"""A mean latency this much (natural logarithm) over what it was asks for a step down."""

LEAST_SAMPLE = 16
"""Responses that a mean latency is taken over, or as many as the limit if that is more."""

MOST_SAMPLE = 8
"""Times that number: where noise has left the verdict open until then, the mean decides."""

RECENT = 100
"""Responses that `let_through` looks back over."""


@attrs.define
class _Cuts:
    """What a limit remembers of refusals, and of what they cut it to."""

    before: float
    """The limit before the latest cuts, which `restore` goes back to. Set by a cut that is another matter than the
    one before it."""
    score: float = 0.0
    """Refusals at this limit, less what is forgotten of them: 1 for each, and 1/REFUSAL_SCORE_LIFETIME less for each
    response. At MAX_REFUSAL_SCORE the limit is cut. 0 again after each change of the limit."""
    any: bool = False
    """Whether there ever was a cut: from then on growth is slowed, see DOUBLING."""
    doubted: int | None = None
    """The number under way that was refused while the limit doubled; None where that is no longer in doubt. Once as many are let
    through, the refusals were for another reason, as any server has some, and the limit goes on doubling."""
    in_episode: bool = False
    """Whether there was one in the episode of refusals that isn't over. Taken back by `settle`."""
    responses_since: int = ANOTHER_MATTER
    """Responses since the latest one."""
    probed: bool = False
    """Whether a deep fall was followed by a quick look up again: only the first of several is."""
    cooldown_responses: float = 0
    """Responses until the next step up may be tried; set by `settle`, and by trials that end. Counts down below 0."""
    cooldown_until: float = -math.inf
    """When the next step up may be tried; set by `settle`."""


@attrs.define
class _Search:
    """The search for a better limit: which step is tried, and what it is held against.

    A trial is under way where `baseline` is set; then the responses in `sample` are compared with it. Otherwise
    they show whether it is time for one.
    """

    doubled_from: float
    """The limit at `doubled_at`; it may be no more than twice as high until the time for a doubling is over."""
    doubled_at: float = -math.inf
    """When the limit last began to double after a refusal; forgotten by a cut."""
    step: float = FIRST_STEP
    """By what factor the next trial changes the limit. FIRST_STEP means that it never met resistance; later it
    grows with each success and shrinks with each failure."""
    upward: bool = True
    """Whether the next trial is one of more requests. Turns when the smallest step up doesn't help, and when the
    responses get slow without a step; back again when that step down doesn't help either."""
    baseline: tuple[float, Sample] | None = None
    """The limit before the trial under way, and the latencies at it; None where no trial is."""
    accepted: Sample | None = None
    """Latencies when the limit was last accepted; None after a cut or a failed trial, until the next sample."""
    unsettled: int = 0
    """Responses that are still to be left out: the queue that a limit means takes a round to build up, or empty."""
    sample: Sample = attrs.field(factory=Sample)
    """Latencies at the present limit; begun anew with each change."""
    limited: bool = False
    """Whether the limit has held back a request since the sample began: else others were the bottleneck."""


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
        """Counts the changes of the limit."""
        self._floor = floor
        self._ceiling = ceiling
        self._limit = float(min(max(start, floor), ceiling))
        """The limit as it is reckoned with."""
        self.limit: int = int(self._limit + 0.5)
        """Most requests to have under way now: what that means in whole requests."""
        self._next_start = -math.inf
        """When the next request may begin; set by each that begins."""
        self._recent: deque[int] = deque(maxlen=RECENT)
        """For the latest responses, how many were under way when their requests began."""
        self._cuts = _Cuts(before=self._limit)
        self._search = _Search(doubled_from=self._limit)

    def hold_back(self) -> bool:
        """Holds back a request that asks now, where as many are under way as may be; returns whether it does. That is
        noted: only a limit that holds back can be judged.
        """
        if self.in_flight < self.limit:
            return False
        self._search.limited = True
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next may begin: what is free is taken at twice the usual pace, not at once."""
        return max(0.0, self._next_start - now)

    def begin(self, now: float) -> None:
        """Counts one that begins."""
        self.in_flight += 1
        gap = 0.5 * self.latency / self._limit
        self._next_start = max(self._next_start, now - 2 * gap) + gap

    def end(self) -> None:
        """Counts one that has ended, however it did."""
        self.in_flight -= 1

    def let_through(self, in_flight: int) -> int:
        """How many of the latest responses were to requests that began as one of so many, or more."""
        return sum(number >= in_flight for number in self._recent)

    def succeeded(self, epoch: int, in_flight: int, latency: float, *, now: float) -> None:
        """Learns from a response, after `latency` seconds, to a request that began in `epoch` as one of
        `in_flight`.
        """
        self._cuts.cooldown_responses -= 1
        self._cuts.responses_since += 1
        self._cuts.score = max(0.0, self._cuts.score - 1 / REFUSAL_SCORE_LIFETIME)
        self._recent.append(in_flight)
        self.latency += (latency - self.latency) * (0.1 if self.latency else 1.0)
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        if self._search.unsettled > 0:
            self._search.unsettled -= 1
            return
        sample = self._search.sample
        sample.add(latency)
        if sample.count < self._enough:
            return
        if not self._search.limited:  # others were the bottleneck: nothing to learn
            self._begin_sample()
        elif self._search.baseline is not None:
            self._judge(*self._search.baseline, sample, now)
        else:
            self._consider(sample, now)

    def refused(self, epoch: int, in_flight: int, *, row: int, sure: bool) -> None:
        """Learns from a refusal of a request that began in `epoch` as one of `in_flight`.

        It is number `row` of those that came one upon the other, each sent when the one before was known.
        `sure` says that even a lone one counts.
        """
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        self._cuts.score += 1
        if self._cuts.score < MAX_REFUSAL_SCORE and not sure:
            return
        if self._cuts.responses_since >= ANOTHER_MATTER:
            self._cuts.before = (
                self._limit if self._search.baseline is None else self._search.baseline[0]
            )
            self._cuts.probed = False
        self._cuts.responses_since = 0
        self._cuts.in_episode = self._cuts.any = True
        through = min(in_flight - 1, self._limit)
        self._cuts.doubted = None
        if self._search.step == FIRST_STEP:  # doubling overshoots by as much as the limit itself
            self._cuts.doubted = in_flight
            kept = max(through * STEP_BACK, self._limit / FIRST_STEP)
        elif row > 2:
            kept = self._limit * DECREASE
        else:
            kept = max(through * STEP_BACK**row, self._limit * DECREASE)
        self._search.doubled_at = -math.inf
        self._search.step = SMALLEST_STEP
        self._search.upward = True
        self._search.baseline = self._search.accepted = None
        self._move(kept)

    def settle(self, *, refusals: int, paused: float, now: float) -> None:
        """Ends a spell of `refusals`, in which sending `paused` for so many seconds."""
        if not self._cuts.in_episode:
            return
        self._cuts.in_episode = False
        deep = self._limit < DECREASE * self._cuts.before and not self._cuts.probed
        if deep or self._cuts.doubted is not None:
            # What caused a deep fall may be over, and a first one may have had no cause: a quick look is worth a refusal.
            self._cuts.probed = True
            self._cuts.cooldown_responses = 0
        elif self._cuts.cooldown_responses <= 0 and now >= self._cuts.cooldown_until:
            # Within a calm it wasn't trying more that was refused: more calm would save nothing.
            self._cuts.cooldown_responses = max(COOLDOWN_PER_REFUSAL * refusals, 4 * self.limit)
            self._cuts.cooldown_until = now + min(LONGEST_COOLDOWN, COOLDOWN_PER_PAUSE * paused)

    def restore(self) -> None:
        """Takes back the latest cuts: the number under way wasn't what was refused."""
        if self._limit < self._cuts.before:
            self._search.baseline = None  # the limit that was being tried is none any more
            self._move(self._cuts.before)
        self._cuts.responses_since = ANOTHER_MATTER

    @property
    def _enough(self) -> float:
        """Responses to judge by."""
        return max(LEAST_SAMPLE, self._limit)

    def _begin_sample(self) -> None:
        self._search.sample = Sample()
        self._search.limited = False

    def _move(self, limit: float) -> None:
        self._limit = min(max(limit, self._floor), self._ceiling)
        self.limit = int(self._limit + 0.5)
        self.epoch += 1
        self._cuts.score = 0.0
        # The queue that a limit means takes a round to build up, or to empty.
        self._search.unsettled = 0 if self._search.step == FIRST_STEP else self.limit
        self._begin_sample()

    def _consider(self, sample: Sample, now: float) -> None:
        """Whether to try another limit than the one that `sample` was taken at."""
        if self._search.accepted is None:
            self._search.accepted = sample
        noise = math.sqrt(sample.variance + self._search.accepted.variance)
        if sample.mean - self._search.accepted.mean > max(RISE, 3 * noise):
            self._search.upward = False
            self._try(sample, now)
        elif self._cuts.cooldown_responses <= 0 and now >= self._cuts.cooldown_until:
            self._try(sample, now)
        elif sample.count >= MOST_SAMPLE * self._enough:
            self._begin_sample()

    def _try(self, sample: Sample, now: float) -> None:
        at = self._limit
        # Smaller than twice what the two means will be off by, a step couldn't be judged.
        step = max(self._search.step, math.exp(2 * math.sqrt(2 * sample.variance)))
        to = max(at * step, at + 1) if self._search.upward else min(at / step, at - 1)
        if self._cuts.doubted is not None:
            to = max(to, self._cuts.doubted + 1)
        if self._cuts.any:
            if now >= self._search.doubled_at + min(LONGEST_DOUBLING, DOUBLING * self.latency):
                self._search.doubled_at, self._search.doubled_from = now, at
            to = min(to, 2 * self._search.doubled_from)
        self._move(to)
        if self._limit == at:  # at its bound
            self._reject(at)
        else:
            self._search.baseline = (at, sample)

    def _judge(self, at: float, before: Sample, sample: Sample, now: float) -> None:
        """Whether to stay at the limit that is being tried, or go back to the one `at` which it was."""
        step = math.log(self._limit / at)
        follows, noise = gain(before, sample, step)
        if self._search.upward:
            # A large step that overshoots gains too: what counts is not to end far above the capacity.
            least = max(LEAST_GAIN, 1 - math.log(SMALLEST_STEP) / step)
            better = follows > least - noise / 2  # an idle server costs more than a short queue
        elif sample.count < MOST_SAMPLE * self._enough and abs(follows - LEAST_GAIN) < 1.5 * noise:
            return
        else:
            better = follows < LEAST_GAIN
        if better:
            self._search.step = min(FIRST_STEP, self._search.step * self._search.step)
            if self._cuts.doubted is not None and self._limit > self._cuts.doubted:
                self._cuts.doubted, self._cuts.any = None, False
                self._search.step = FIRST_STEP
            self._search.accepted = sample
            self._try(sample, now)
        else:
            self._reject(at)

    def _reject(self, at: float) -> None:
        self._search.baseline = self._search.accepted = None
        self._move(at)
        if self._search.step > SMALLEST_STEP:
            self._search.step = max(SMALLEST_STEP, math.sqrt(self._search.step))
            return
        # What doesn't help above may not have helped below: look there next, and only then rest.
        self._search.upward = not self._search.upward
        self._cuts.cooldown_responses = MOST_SAMPLE * self.limit if self._search.upward else 0
