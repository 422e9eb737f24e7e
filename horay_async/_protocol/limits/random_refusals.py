"""Telling random refusals from those that follow from what is sent."""

from __future__ import annotations

import math
from enum import Enum, auto

import attrs

from horay_async._protocol.limits.consecutive import PROBE_AFTER
from horay_async._protocol.limits.leaky_bucket import LeakyBucket

# When it is tried whether refusals are random

MAX_EPISODES = 6.0
"""Episodes of refusals, less what is forgotten of them, after which refusals may be random; twice as many each time that they weren't."""

EPISODE_LIFETIME = 100
"""Responses after which an episode is forgotten: of a limit that was found, 1 in 150 requests is refused, see `Cooldown`."""

UNEXPLAINED_LIFETIME = 1000
"""Responses after which an episode is forgotten that nothing explains, as no more was tried than before: with a limit that was found,
there are hardly any."""

SOON = 40
"""Responses between two refusals of which the first explains the second: what is over a limit is refused sooner, until it is low enough."""

MOST_EPISODES = 16 * MAX_EPISODES
"""Most episodes before a trial: a limit that others use too, and that is never found for long, costs one trial for each so many."""

TRIAL = 50
"""Requests that a trial takes, or three times as many as may be under way if that is more: refusals come sooner than
responses, so those under way make the part that is refused look too large."""

# How much is refused

WEIGHT = 0.02
"""The weight of the newest outcome in the part that is refused, which is a running mean."""

TRIAL_DEVIATIONS = 2.0
TRIAL_TOLERATED = 0.02
"""As many standard deviations, and so much more than was refused before, may be refused in a trial: a false verdict costs but the time
until the next."""

DEVIATIONS = 4.0
TOLERATED = 0.05
"""As many standard deviations, and so much more than was refused before, may be refused after a trial: the mean is looked at after every
request."""

MAX_REFUSED = 0.95
"""The part of the requests that may be refused at the very most: a window that is used up refuses nearly all."""

DOUBTFUL = 0.4
"""The part of the requests from which on the server may be out of order."""

MAX_EXCEEDED = 4.0
EXCEEDED_LIFETIME = 100
"""Times that more is refused than that, less one for so many responses, after which refusals aren't random any more: fewer under way
doesn't help."""

OVER = 20.0
"""Times the responses between two refusals without any: they have ended. By chance that comes once in 20,000 times, even where
half of those of the trial were chance."""

RARE = 0.01
"""How likely a row of refusals is that is no outage."""


class RefusalFinding(Enum):
    """What a request has shown of refusals that were taken for random."""

    NOT_RANDOM = auto()
    """More is refused where more is sent: a trial has shown that to send less had helped."""
    RANDOM = auto()
    """No more is refused where more is sent: a trial has shown that to send less had not helped."""
    TOO_MANY = auto()
    """Refusals are random, but more come than before: too many requests are under way as well."""


@attrs.define
class _Share:
    """The part of the requests that is refused: a running mean; of the first requests a plain mean."""

    value: float = 0.0
    requests: int = 0

    def add(self, *, refused: bool) -> None:
        """Counts a request."""
        self.requests += 1
        self.value += (refused - self.value) * max(WEIGHT, 1 / self.requests)

    def at_most(self, deviations: float, requests: float) -> float:
        """The part that may be refused by chance among so many requests, as far as so many standard deviations."""
        return self.value + deviations * math.sqrt(self.value * (1 - self.value) / requests)


@attrs.define
class _Trial:
    """Requests that are sent as if nothing had been learnt."""

    after: int
    """Serial number of the last request before the trial."""
    requests: int
    """How many requests the trial takes."""
    most: float
    """How many of them may be refused."""
    ended: int = 0
    refused: int = 0


@attrs.define
class _Assumption:
    """The assumption that refusals are random."""

    share: _Share
    """The part that is refused at random: what was refused before the trial; after it, what was refused in it."""
    most: float
    """The part up to which refusals are taken for random."""
    trial: _Trial | None
    """The trial of whether they are random; None once it has shown that they are."""
    exceeded: LeakyBucket = attrs.field(
        factory=lambda: LeakyBucket(MAX_EXCEEDED, EXCEEDED_LIFETIME)
    )
    """Times that more were refused than that, since the trial."""


class RandomRefusals:
    """Whether refusals follow from what is sent, or come at random.

    A server that is asked for too much refuses less when less is sent. One that refuses at random, such as one with a broken
    instance behind its load balancer, refuses the same part of whatever is sent: to be slower is no use there, and nothing
    can be learnt. Which of the two it is, is found out in steps:

    1. Episodes of refusals are counted. Where a limit was found, they are forgotten faster than they come. Those are forgotten more slowly
       that come though no more was tried than before.
    2. One comes after the other, though each has lowered what is sent: a trial begins. The rate is suspended, and what is
       refused of the next requests is compared with what was refused before.
    3. If more is refused, the rate had helped: it holds again, and the next trial comes later. If not, refusals are taken for
       random: all that was learnt from them is forgotten.
    4. If more come after that, fewer requests are sent at once. If that doesn't help either, or no more come at all, the
       refusals to come aren't taken for random.

    Sans-I/O, and without a clock.
    """

    def __init__(self) -> None:
        self._episodes = LeakyBucket(MAX_EPISODES, EPISODE_LIFETIME)
        """Episodes of refusals."""
        self._unexplained = LeakyBucket(MAX_EPISODES, UNEXPLAINED_LIFETIME)
        """The episodes that nothing explains."""
        self._share = _Share()
        """The part that is refused. Begun anew with the first of these episodes, and after a trial."""
        self._since_refusal = 0
        """Responses since the latest episode began."""
        self._before_refusal = 0
        """Responses between the latest episode and the one before it."""
        self._assumption: _Assumption | None = None
        """The assumption that is being tried or holds. Set by `episode_began`; None again by `_end`."""

    @property
    def assumed(self) -> bool:
        """Whether refusals are taken for random ones, if only on trial."""
        return self._assumption is not None

    @property
    def doubtful(self) -> bool:
        """Whether so much is refused that refusals may be random, or the server out of order."""
        return self._share.value > DOUBTFUL

    @property
    def longest_row(self) -> int:
        """Refusals in a row that are no outage: of random ones, as many as come once in a hundred times."""
        if self._assumption is None:
            return PROBE_AFTER
        return max(PROBE_AFTER, math.ceil(math.log(RARE) / math.log(max(self._share.value, RARE))))

    def episode_began(self, newest: int, in_flight: int, *, explained: bool) -> bool:
        """Counts an episode of refusals that began when `newest` was the newest request's serial number, and up to `in_flight` might be
        under way; returns whether a trial begins with it. `explained` is whether more was tried since the last one.
        """
        if self._assumption is not None:
            return False
        if max(self._episodes.level, self._unexplained.level) <= 0:
            self._share = _Share()
        many = self._episodes.add()
        if not explained and self._before_refusal >= SOON:
            many |= self._unexplained.add()
        if not many:
            return False
        share, requests = self._share, max(TRIAL, 3 * in_flight)
        trial = _Trial(
            newest,
            requests,
            requests * share.at_most(TRIAL_DEVIATIONS, requests) + requests * TRIAL_TOLERATED,
        )
        most = min(MAX_REFUSED, share.at_most(DEVIATIONS, 2 / WEIGHT - 1) + TOLERATED)
        self._assumption = _Assumption(share, most, trial)
        return True

    def record(self, serial: int, *, refused: bool) -> RefusalFinding | None:
        """Records what a request met; returns what that has shown, if anything."""
        self._share.add(refused=refused)
        if refused:
            self._before_refusal, self._since_refusal = self._since_refusal, 0
        else:
            self._since_refusal += 1
        if not refused:
            self._episodes.leak()
            self._unexplained.leak()
        assumption = self._assumption
        if assumption is None:
            return None
        if assumption.trial is not None:
            return self._judge(assumption, assumption.trial, serial, refused=refused)

        # It is known that they are random. What has changed is decided by the first case that applies.
        # 1. They have ended.
        if self._since_refusal * assumption.share.value > OVER:
            self._end()
            self._episodes.most = self._unexplained.most = MAX_EPISODES
            return None

        # 2. More come than before.
        if self._share.value > assumption.most:
            if assumption.exceeded.add():
                self._end()
                return None
            self._share = attrs.evolve(assumption.share)
            return RefusalFinding.TOO_MANY

        # 3. Nothing has.
        if not refused:
            assumption.exceeded.leak()
        return None

    def _judge(
        self, assumption: _Assumption, trial: _Trial, serial: int, *, refused: bool
    ) -> RefusalFinding | None:
        """Counts a request, if it is one of a trial; returns what that has shown once it is over."""
        if serial <= trial.after:
            return None
        trial.ended += 1
        trial.refused += refused
        if trial.refused > trial.most:
            self._end()
            return RefusalFinding.NOT_RANDOM
        if trial.ended < trial.requests:
            return None
        assumption.trial = None
        assumption.share = _Share(trial.refused / trial.ended, trial.ended)
        self._share = attrs.evolve(assumption.share)
        return RefusalFinding.RANDOM

    def _end(self) -> None:
        """Refusals aren't taken for random any more. The next trial comes later."""
        self._assumption = None
        self._episodes.most = self._unexplained.most = min(MOST_EPISODES, 2 * self._episodes.most)
