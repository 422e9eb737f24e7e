"""How many requests to have under way at once: found by trying what the server can take."""

from __future__ import annotations

import math
from collections import deque

from horay_async._protocol.limits.latency import Sample, gain

__all__ = [
    "COOLDOWN_PER_PAUSE",
    "COOLDOWN_PER_REFUSAL",
    "DECREASE",
    "LONGEST_COOLDOWN",
    "Concurrency",
]

# What happens on a refusal.

STEP_BACK = 0.97
"""What is kept of the number that was let through, once one more was refused."""

DECREASE = 0.7
"""What is kept of the limit where stepping back twice wasn't enough: CUBIC's factor (RFC 9438)."""

MAX_REFUSAL_SCORE = 1.5
"""Refusals, less what is forgotten of them, that cut the limit: two in 40 answers. With one too many under
way, nearly every answer is followed by a refusal."""

REFUSAL_SCORE_LIFETIME = 80
"""Answers after which a refusal is forgotten, so that one in so many is tolerated: a server can refuse a
few for reasons of its own, and fewer under way wouldn't change that."""

ANOTHER_MATTER = 50
"""Answers between two cuts from which on they have nothing to do with one another."""

COOLDOWN_PER_REFUSAL = 150
"""Answers between a refusal and the next step up: so refusals stay below 1 in 100."""

COOLDOWN_PER_PAUSE = 20.0
"""Time between a pause and the next step up, as a multiple of the pause: so pauses take 1/20 of the time."""

LONGEST_COOLDOWN = 300.0
"""Seconds."""

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
"""Answers that a mean latency is taken over, or as many as the limit if that is more."""

MOST_SAMPLE = 8
"""Times that number: where noise has left the verdict open until then, the mean decides."""

LATELY = 100
"""Answers that `let_through` looks back over."""


class Concurrency:
    """A limit on the requests under way that follows what the server can take.

    Increase is by trial: a step up is kept if more is answered in the same time, and taken back if the
    answers only get slower, so the limit settles where a queue would begin. Decrease is multiplicative: a
    refusal (429, 503) cuts the limit to just below what was let through. After it the limit stays, for a
    number of answers and a time in proportion to what the refusal cost, and only then tries again; what it
    tries grows with each success. `floor` and `ceiling` bound it; where they are the same it is fixed.

    Sans-I/O: times are passed in, in seconds of one steady clock.
    """

    def __init__(self, *, start: int, floor: int = 1, ceiling: int) -> None:
        self.in_flight: int = 0
        """Requests under way."""
        self.latency: float = 0.0
        """Seconds from a request's start to its answer: a running mean, 0 before the first."""
        self.epoch: int = 0
        """Counts the changes of the limit."""
        self._floor = floor
        self._ceiling = ceiling
        self._limit = float(min(max(start, floor), ceiling))
        self._next = -math.inf
        self._lately: deque[int] = deque(maxlen=LATELY)
        # Cuts
        self._strikes = 0.0
        self._before = self._limit  # the limit before the latest cuts
        self._since_cut = ANOTHER_MATTER  # answers
        self._was_cut = False  # in the spell of refusals that isn't over yet
        self._looked = False  # whether a deep fall was followed by a quick look up again
        self._calm_answers = 0
        self._calm_until = -math.inf
        # Trials
        self._step = FIRST_STEP
        self._up = True
        self._from: tuple[float, Sample] | None = None  # what the trial under way is held against
        self._normal: Sample | None = None  # latencies when the limit was last accepted
        self._refused = False  # ever
        self._doubled_at = -math.inf
        self._doubled_from = self._limit
        self._unsettled = 0
        self._begin_sample()

    @property
    def limit(self) -> int:
        """Most requests to have under way now."""
        return int(self._limit + 0.5)

    @property
    def full(self) -> bool:
        """Whether the limit holds back a request that asks now."""
        if self.in_flight < self.limit:
            return False
        self._reached = True
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next may begin: what is free is taken at twice the usual pace, not at once."""
        return max(0.0, self._next - now)

    def begin(self, now: float) -> None:
        """Counts one that begins."""
        self.in_flight += 1
        gap = 0.5 * self.latency / self._limit
        self._next = max(self._next, now - 2 * gap) + gap

    def end(self) -> None:
        """Counts one that has ended, however it did."""
        self.in_flight -= 1

    def let_through(self, in_flight: int) -> int:
        """How many of the latest answers were to requests that began as one of so many, or more."""
        return sum(number >= in_flight for number in self._lately)

    def answered(self, epoch: int, in_flight: int, latency: float, *, now: float) -> None:
        """Learns from an answer, after `latency` seconds, to a request that began in `epoch` as one of
        `in_flight`.
        """
        self._calm_answers -= 1
        self._since_cut += 1
        self._strikes = max(0.0, self._strikes - 1 / REFUSAL_SCORE_LIFETIME)
        self._lately.append(in_flight)
        self.latency += (latency - self.latency) * (0.1 if self.latency else 1.0)
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        if self._unsettled > 0:
            self._unsettled -= 1
            return
        sample = self._sample
        sample.add(latency)
        if sample.count < self._enough:
            return
        if not self._reached:  # others were the bottleneck: nothing to learn
            self._begin_sample()
        elif self._from is not None:
            self._judge(*self._from, sample, now)
        else:
            self._consider(sample, now)

    def refused(self, epoch: int, in_flight: int, *, row: int, sure: bool) -> None:
        """Learns from a refusal of a request that began in `epoch` as one of `in_flight`.

        It is number `row` of those that came one upon the other, each sent when the one before was known.
        `sure` says that even a lone one counts.
        """
        if epoch != self.epoch or self._floor == self._ceiling:
            return
        self._strikes += 1
        if self._strikes < MAX_REFUSAL_SCORE and not sure:
            return
        if self._since_cut >= ANOTHER_MATTER:
            self._before = self._limit if self._from is None else self._from[0]
            self._looked = False
        self._since_cut = 0
        self._was_cut = self._refused = True
        through = min(in_flight - 1, self._limit)
        if self._step == FIRST_STEP:  # doubling overshoots by as much as the limit itself
            kept = max(through * STEP_BACK, self._limit / FIRST_STEP)
        elif row > 2:
            kept = self._limit * DECREASE
        else:
            kept = max(through * STEP_BACK**row, self._limit * DECREASE)
        self._doubled_at = -math.inf
        self._step = SMALLEST_STEP
        self._up = True
        self._from = self._normal = None
        self._move(kept)

    def settle(self, *, refusals: int, paused: float, now: float) -> None:
        """Ends a spell of `refusals`, in which sending `paused` for so many seconds."""
        if not self._was_cut:
            return
        self._was_cut = False
        if self._limit < DECREASE * self._before and not self._looked:
            # It fell deep. What caused that may be over: a quick look is worth a refusal.
            self._looked = True
            self._calm_answers = 0
        elif self._calm_answers <= 0 and now >= self._calm_until:
            # Within a calm it wasn't trying more that was refused: more calm would save nothing.
            self._calm_answers = max(COOLDOWN_PER_REFUSAL * refusals, 4 * self.limit)
            self._calm_until = now + min(LONGEST_COOLDOWN, COOLDOWN_PER_PAUSE * paused)

    def restore(self) -> None:
        """Takes back the latest cuts: the number under way wasn't what was refused."""
        if self._limit < self._before:
            self._move(self._before)
        self._since_cut = ANOTHER_MATTER

    @property
    def _enough(self) -> float:
        """Answers to judge by."""
        return max(LEAST_SAMPLE, self._limit)

    def _begin_sample(self) -> None:
        self._sample = Sample()
        self._reached = False

    def _move(self, limit: float) -> None:
        self._limit = min(max(limit, self._floor), self._ceiling)
        self.epoch += 1
        self._strikes = 0.0
        # The queue that a limit means takes a round to build up, or to empty.
        self._unsettled = 0 if self._step == FIRST_STEP else self.limit
        self._begin_sample()

    def _consider(self, sample: Sample, now: float) -> None:
        """Whether to try another limit than the one that `sample` was taken at."""
        if self._normal is None:
            self._normal = sample
        noise = math.sqrt(sample.variance + self._normal.variance)
        if sample.mean - self._normal.mean > max(RISE, 3 * noise):
            self._up = False
            self._try(sample, now)
        elif self._calm_answers <= 0 and now >= self._calm_until:
            self._try(sample, now)
        elif sample.count >= MOST_SAMPLE * self._enough:
            self._begin_sample()

    def _try(self, sample: Sample, now: float) -> None:
        at = self._limit
        # Smaller than twice what the two means will be off by, a step couldn't be judged.
        step = max(self._step, math.exp(2 * math.sqrt(2 * sample.variance)))
        to = max(at * step, at + 1) if self._up else min(at / step, at - 1)
        if self._refused:
            if now >= self._doubled_at + min(LONGEST_DOUBLING, DOUBLING * self.latency):
                self._doubled_at, self._doubled_from = now, at
            to = min(to, 2 * self._doubled_from)
        self._move(to)
        if self._limit == at:  # at its bound
            self._reject(at)
        else:
            self._from = (at, sample)

    def _judge(self, at: float, before: Sample, sample: Sample, now: float) -> None:
        """Whether to stay at the limit that is being tried, or go back to the one `at` which it was."""
        step = math.log(self._limit / at)
        follows, noise = gain(before, sample, step)
        if self._up:
            # A large step that overshoots gains too: what counts is not to end far above the capacity.
            least = max(LEAST_GAIN, 1 - math.log(SMALLEST_STEP) / step)
            better = follows > least - noise / 2  # an idle server costs more than a short queue
        elif sample.count < MOST_SAMPLE * self._enough and abs(follows - LEAST_GAIN) < 1.5 * noise:
            return
        else:
            better = follows < LEAST_GAIN
        if better:
            self._step = min(FIRST_STEP, self._step * self._step)
            self._normal = sample
            self._try(sample, now)
        else:
            self._reject(at)

    def _reject(self, at: float) -> None:
        self._from = self._normal = None
        self._move(at)
        if self._step > SMALLEST_STEP:
            self._step = max(SMALLEST_STEP, math.sqrt(self._step))
            return
        # What doesn't help above may not have helped below: look there next, and only then rest.
        self._up = not self._up
        self._calm_answers = MOST_SAMPLE * self.limit if self._up else 0
