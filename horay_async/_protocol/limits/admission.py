"""Whether the next request is admitted, and what a refusal is taken for.

**How `concurrency="auto"` finds the limit.** A server that is asked for too much can refuse (429 or 503; a *refusal* is no
model's, here), or respond more slowly. What it allows isn't known, and it may be one of two things: a number of requests at once, or a rate. The client
finds out by trying, with three parts that are asked before each request is admitted:

- `ConcurrencyLimit` limits how many requests are under way. It begins with 16 and doubles, as TCP's slow start does, until
  the server first resists. From then on it tries a step up now and then, and compares: if more succeeded in the same
  time the step is kept, and if the responses only got slower it is taken back. So the limit settles where a queue would
  begin. A refusal cuts it to just below the number that was let through. While the limit doubles, the number that was refused is
  tried once more: servers refuse some requests for no reason, and where it is let through, the limit goes on doubling.
- `LearnedRate` limits how many requests are sent in a second. There is no such limit until refusals show that one exists. It
  starts as what the server let through lately, and grows in small steps for as long as nothing is refused.
- `SharedPause` stops all requests for a time: for as long as `Retry-After` says, or for half a second, and for up to 16
  where nothing has succeeded for longer than a moment. Afterwards requests return one by one, spread over a moment.

Whether a refusal was for the number or for the rate is decided by what the requests before it met, in `_cause_of`. In
short: a request that was alone can't be one too many; a number that was let through many times just before isn't too
high; and a server that says to come back in a minute counts by the minute. Where a rate was lowered time and again, and as much is
refused as before, refusals don't follow what is sent: the rate is dropped, nothing is learnt from them, and nothing pauses but for a
few in a row. After 200 responses it is tried anew whether it helps to be slower.

After a refusal nothing is tried for a while, in proportion to what the refusal cost: about 150 responses for each, and 20
times the length of a pause. So refusals stay below 1 in 100 requests, and pauses below a twentieth of the time. All batches
of a client on one event loop share what was found.

Calls share it where their limit is found by trying, too. What they send can be much less than the server allows: a refusal
gives a rate only where more was to be sent than could be, and where the server had let something through in the last
minute: one that refuses everything is out of service, and may take as much as ever when it is back. Calls with a fixed
limit keep to that and to what `Retry-After` asks for, and nothing is learnt from what they meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto

import attrs

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.learned_rate import LearnedRate
from horay_async._protocol.limits.shared_pause import SharedPause

PROBE_AFTER = 3
"""Consecutive refusals after which one request at a time is sent, until one succeeds."""

MIN_EVIDENCE = 5
"""So many of the latest responses at a number under way, or above, show that it is no reason to refuse."""

# When refusals are taken for random ones, from which nothing is learnt.

RANDOM_EPISODES = 12.0
"""Episodes of refusals, less what is forgotten of them, after which they are: each of them lowered a rate that what is let
through keeps to, and that helped no more than the time before."""

EPISODE_LIFETIME = 20
"""Responses after which one is forgotten: of a limit that was found, fewer than 1 in 50 requests are refused."""

MOST_RANDOM = 0.8
"""The part of the requests up to which they are: a window that is used up refuses nearly all."""

RANDOM_WEIGHT = 0.05
"""Of the newest outcome in that part, a running mean."""

DOUBTFUL = 0.4
"""The part of them from which on a rate that is learnt is doubtful: it is dropped again where nothing is refused for a minute, since
the server may have been out of order."""

RANDOM_RESPONSES = 200
"""Responses for which they are taken for random ones; then it is tried anew whether it helps to be slower."""

AMPLE_EVIDENCE = 50
"""So many of them, and even a refusal now and then isn't for the number under way."""

LONG_WAIT = 4.0
"""Seconds, and times the latency, from which on a wait that the server asks for is for a window to end: who
counts requests under way says to come back soon."""


@attrs.define(eq=False)
class Permit:
    """A request that was admitted."""

    concurrency: ConcurrencyLimit
    epoch: int
    """Of the limit, when it began."""
    serial: int
    in_flight: int
    """Requests under way under its limit when it began, itself included."""
    alone: bool
    """Whether nothing else was under way."""
    waited_for_rate: bool
    """Whether the learnt rate had held it back."""
    pressed: bool
    """Whether more was to be sent than could be when it began."""
    adaptive: bool
    """Whether something is learnt from what it meets."""
    probe: bool = False
    """Whether it was sent to find out if the server is back, whatever pause there was."""
    open: bool = True
    """Whether it wasn't taken back yet."""
    undecided: bool = True
    """Whether the server may still refuse the request."""


class _Cause(Enum):
    """What a refusal is taken for."""

    CONCURRENCY = auto()
    """More requests under way than the server takes: the limit on them is cut."""
    RATE = auto()
    """More requests in a time than the server takes: the rate is lowered when the episode is over."""
    UNCLEAR = auto()
    """Perhaps a rate, or a refusal now and then as any server has them, or many at random: nothing is changed."""


@attrs.define
class _OverloadEpisode:
    """A time of refusals, from the first one to a response to what was sent after it."""

    serial: int
    """The newest permit's when it began."""
    refusals: int = 0
    """How many there were so far."""
    paused: float = 0.0
    """Seconds for which sending paused because of them."""
    let_through: bool = False
    """Whether as many under way as were refused had been let through shortly before."""
    rate_limited: bool = False
    """Whether the rate was found to be the cause: then it is that of all refusals to come."""
    teaches_rate: bool = False
    """Whether it then says how high the rate is: something was let through before."""
    limits: set[ConcurrencyLimit] = attrs.field(factory=set[ConcurrencyLimit])
    """The limits at which the refused requests had begun."""


class Admission:
    """What all requests of a client on one event loop share.

    Sans-I/O: `random` gives a number from 0 up to 1; times are passed in, in seconds of one steady clock.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.in_flight: int = 0
        """Requests under way, under all limits."""
        self.refusing_since: float | None = None
        """When the server began to refuse everything; None while it responds."""
        self.undecided: int = 0
        """Those of them that the server may still refuse: it has responded to the others, whose response isn't whole yet."""
        self._pause = SharedPause(random)
        self._rate = LearnedRate()
        self._rate_holds = False
        """Whether the rate has held back the request that is sent next; set by `hold_back`, taken by `begin`."""
        self._pressed = False
        """Whether more is to be sent than can be: always with a batch, with calls where the limit has held one back. Set by
        `hold_back`, taken by `begin`."""
        self._last_serial = 0
        """The newest permit's."""
        # A request is *informed* if it was sent when the latest refusal was known. One that was sent before tells
        # nothing new by being refused as well.
        self._informed_after = 0
        """Permits with a higher serial are those of informed requests; set to the newest one by a refusal."""
        self._informed_in_flight = 0
        """Informed requests that are under way."""
        self._consecutive = 0
        """Refusals in a row, each of the request that was sent next after the one before was known; 0 once an
        informed request succeeds."""
        self._episodes = 0.0
        """Episodes of refusals without `Retry-After`, less what is forgotten of them; 0 again at RANDOM_EPISODES."""
        self._random_responses = 0
        """Responses for which refusals are still taken for random ones."""
        self._refused_slowed = 0.0
        """Running mean of the part that was refused of the requests which something had slowed: the rate, a pause or the end of
        another request; the first few in a row, not an outage. While refusals are taken for random ones, of all requests."""
        self._halted = False
        """Whether a request that is under way has to end before the next is sent; set by a refusal without `Retry-After`."""
        self._halted_until = -math.inf
        """When the next is sent even if none ends: it may be a response of minutes. Set by such a refusal, and while one request
        at a time is sent, by each."""
        self._episode: _OverloadEpisode | None = None
        """The refusals that aren't over; None while all is well."""

    def paused(self, now: float) -> float:
        """Seconds until nothing pauses any more."""
        return self._pause.wait(now)

    def pause(self, seconds: float, concurrency: ConcurrencyLimit, now: float) -> None:
        """Pauses, for as long as the server has asked this process for, or another one that shares the limit."""
        self._pause.pause(seconds, sharers=concurrency.limit, now=now)

    def hold_back(self, concurrency: ConcurrencyLimit, now: float, *, paced: bool = True) -> float:
        """Seconds until a request is admitted under `concurrency`, infinite until one that is under way ends; notes what holds
        it back. `paced` is whether it keeps to the pace at which the limit is filled: a batch does, which always has more
        to send.
        """
        self._pressed |= paced
        if concurrency.hold_back():
            self._pressed = True
            return math.inf
        probing = self._consecutive >= PROBE_AFTER and self._informed_in_flight
        if self.undecided and (self._halted or probing) and now < self._halted_until:
            return self._halted_until - now
        by_rate = self._rate.wait(now)
        self._rate_holds |= by_rate > 0
        return max(by_rate, self._pause.wait(now), concurrency.wait(now) if paced else 0.0)

    def hold_back_fixed(self, concurrency: ConcurrencyLimit, now: float) -> float:
        """The same for a request that keeps to a fixed limit `concurrency`, and to pauses that the server has asked for, but not
        to what was learnt from the refusals of others.
        """
        return math.inf if concurrency.hold_back() else self._pause.wait_asked(now)

    def begin(
        self,
        concurrency: ConcurrencyLimit,
        now: float,
        *,
        adaptive: bool = True,
        probe: bool = False,
    ) -> Permit:
        """Admits one under `concurrency`. Each permit goes to one of `succeeded` and `refused`, or to `end`, before that or alone. `adaptive` is False
        for one that asked `hold_back_fixed`, `probe` True for one that didn't ask.
        """
        alone = not self.in_flight
        waited_for_rate = pressed = False
        if adaptive:
            waited_for_rate, self._rate_holds = self._rate_holds, False
            pressed, self._pressed = self._pressed, False
        self.in_flight += 1
        self.undecided += 1
        self._last_serial += 1
        self._informed_in_flight += 1
        concurrency.begin(now)
        self._pause.begin(now)
        if self._consecutive >= PROBE_AFTER:
            self._halted_until = now + self._longest_halt(concurrency)
        self._rate.begin(now, waited=waited_for_rate if adaptive else None)
        return Permit(
            concurrency,
            concurrency.epoch,
            self._last_serial,
            concurrency.in_flight,
            alone=alone,
            waited_for_rate=waited_for_rate,
            pressed=pressed,
            adaptive=adaptive,
            probe=probe,
        )

    def end(self, permit: Permit) -> None:
        """Takes back a permit whose request says nothing of the server's capacity, or nothing yet. Only the first time counts."""
        if not permit.open:
            return
        permit.open = False
        self.in_flight -= 1
        self.undecided -= permit.undecided
        self._informed_in_flight -= self._is_informed(permit)
        self._halted = False
        permit.concurrency.end()

    def accepted(self, permit: Permit) -> None:
        """Notes that the server responds to a request, whose response can take long to come: a stream's does."""
        self._note(permit, refused=False)
        self.undecided -= permit.undecided
        permit.undecided = False
        self._halted = False

    def succeeded(self, permit: Permit, now: float, *, latency: float | None) -> None:
        """Takes back a permit whose request succeeded; `latency` is None where that took several
        attempts.
        """
        self.end(permit)
        self.refusing_since = None
        if permit.probe:
            self._pause.shorten(now)
        self._rate.succeeded(now)
        self._episodes = max(0.0, self._episodes - 1 / EPISODE_LIFETIME)
        self._random_responses = max(0, self._random_responses - 1)
        if permit.undecided:
            self._note(permit, refused=False)
        episode = self._episode
        if episode is not None and permit.serial > episode.serial:
            self._end_episode(episode, now)
        if latency is not None:
            permit.concurrency.succeeded(permit.epoch, permit.in_flight, latency, now=now)

    def refused(self, permit: Permit, now: float, *, retry_after: float | None) -> None:
        """Takes back a permit whose request was refused; the server may have said when to come back."""
        informed = self._is_informed(permit)
        self._note(permit, refused=True)
        self.end(permit)
        if self.refusing_since is None:
            self.refusing_since = now
        if not permit.adaptive:
            if retry_after is not None:
                self.pause(retry_after, permit.concurrency, now)
            return
        if self._episode is None:
            self._episode = _OverloadEpisode(serial=self._last_serial)
            if retry_after is None:
                self._count_episode(now)
        episode = self._episode
        episode.refusals += 1
        episode.limits.add(permit.concurrency)
        if informed:
            # A refusal comes at once: what was sent before this one, and after the last, was let through.
            next_sent = permit.serial == self._informed_after + 1
            self._consecutive = self._consecutive + 1 if next_sent else 1
            self._informed_after = self._last_serial
            self._informed_in_flight = 0
        self._attribute(permit, episode, now, informed=informed, asked=retry_after)
        if retry_after is None and self._refuses_at_random and self._consecutive <= PROBE_AFTER:
            return  # the request's own backoff is all that helps
        if retry_after is not None or (informed and (self._consecutive > 1 or not self.undecided)):
            sharers = permit.concurrency.limit
            # A few in a row are no outage yet, however long what was under way took.
            refusing = now - self.refusing_since if self._consecutive > PROBE_AFTER else 0.0
            episode.paused += self._pause.pause(
                retry_after, sharers=sharers, now=now, refusing=refusing
            )
        elif informed:
            self._halted = True
            self._halted_until = now + self._longest_halt(permit.concurrency)

    def _note(self, permit: Permit, *, refused: bool) -> None:
        """Notes whether an informed request was let through or refused."""
        if permit.serial <= self._informed_after:
            return
        next_sent = self._informed_after and permit.serial == self._informed_after + 1
        slowed = next_sent or permit.waited_for_rate or self._refuses_at_random
        if slowed and self._consecutive < 2 * PROBE_AFTER:
            self._refused_slowed += RANDOM_WEIGHT * (refused - self._refused_slowed)
        if not refused:
            self._consecutive = 0

    def _count_episode(self, now: float) -> None:
        """Counts an episode that began although the rate had slowed sending. After many of them, refusals are taken for random
        ones, and what was learnt of a rate is wrong.
        """
        if self._refuses_at_random or not self._rate.has_slowed(now):
            return
        self._episodes += 1
        if self._episodes >= RANDOM_EPISODES:
            self._episodes = 0.0
            self._random_responses = RANDOM_RESPONSES
            self._rate.forget()

    @property
    def _refuses_at_random(self) -> bool:
        """Whether refusals are taken for random ones."""
        return self._random_responses > 0 and self._refused_slowed <= MOST_RANDOM

    def _longest_halt(self, concurrency: ConcurrencyLimit) -> float:
        """Seconds for which others wait for a request under way to end: the time that one mostly takes, as far as a pause
        may be so long.
        """
        return min(SharedPause.LONGEST, max(SharedPause.FIRST, concurrency.latency))

    def _is_informed(self, permit: Permit) -> bool:
        return permit.serial > self._informed_after

    def _attribute(
        self,
        permit: Permit,
        episode: _OverloadEpisode,
        now: float,
        *,
        informed: bool,
        asked: float | None,
    ) -> None:
        """Has what was refused learn from it: the rate, or the number under way, which is cut.

        `asked` is the server's `Retry-After`, in seconds.
        """
        sure = asked is not None or self._consecutive > 1  # so that even a lone refusal counts
        concurrency = permit.concurrency
        if episode.rate_limited:
            return
        # One that wasn't informed was sent with those before it, and counts as one more of them.
        cause = (
            self._cause_of(permit, episode, sure=sure, asked=asked)
            if informed
            else _Cause.CONCURRENCY
        )
        if cause is _Cause.RATE:
            # How much the server allows can't be told from the little that there was to send.
            # Where nothing at all was let through, the server was out of service, or a window was used up before: a
            # rate shows when some are let through, and others aren't.
            known = self._rate.per_second is not None
            episode.rate_limited = permit.pressed or known
            episode.teaches_rate = known or self._rate.let_through_lately(now)
            if permit.alone:
                concurrency.restore()  # whatever the limit was cut for before
        elif cause is _Cause.CONCURRENCY:
            if informed and permit.waited_for_rate:
                self._rate.forget()  # it held requests back, and they were refused all the same
            concurrency.refused(permit.epoch, permit.in_flight, row=self._consecutive, sure=sure)

    def _cause_of(
        self, permit: Permit, episode: _OverloadEpisode, *, sure: bool, asked: float | None
    ) -> _Cause:
        """What the refusal of an informed request was for. The first case that applies decides."""
        concurrency = permit.concurrency
        evidence = concurrency.let_through(permit.in_flight)
        episode.let_through |= evidence >= MIN_EVIDENCE

        # 0. Slower sending didn't help.
        if asked is None and self._refuses_at_random:
            return _Cause.UNCLEAR

        # 1. Nothing else was under way, so it wasn't one too many.
        if permit.alone:
            return _Cause.RATE

        # 2. The rate had held it back, and there is reason to believe in that rate: it was met with a refusal
        #    before, or as many under way were let through just now. Then the rate is a little too high.
        if permit.waited_for_rate and (episode.let_through or self._rate.proven):
            return _Cause.RATE if self._rate.refused(sure=sure) else _Cause.UNCLEAR

        # 3. The server asks for a wait as long as a window of time; or it refuses again and again what it had
        #    let through in that number: its window is used up.
        if asked is not None and asked > LONG_WAIT * max(1.0, concurrency.latency):
            return _Cause.RATE
        if episode.let_through and self._consecutive > 1:
            return _Cause.RATE

        # 4. That number was let through so often that it can't be the reason. The rate may be, or none at all.
        if evidence >= AMPLE_EVIDENCE and asked is None:
            return _Cause.RATE if self._rate.refused(sure=False) else _Cause.UNCLEAR

        # 5. Nothing speaks for a rate.
        return _Cause.CONCURRENCY

    def _end_episode(self, episode: _OverloadEpisode, now: float) -> None:
        self._episode = None
        for concurrency in episode.limits:
            concurrency.settle(refusals=episode.refusals, paused=episode.paused, now=now)
        self._rate.settle(
            rate_limited=episode.rate_limited and episode.teaches_rate,
            refusals=episode.refusals,
            paused=episode.paused,
            now=now,
            doubtful=self._refused_slowed > DOUBTFUL,
        )
