"""Whether the next request is admitted, and what a refusal is taken for.

**How `concurrency="auto"` finds the limit.** A server that is asked for too much can refuse (429 or 503; a *refusal* is no
model's, here), or respond more slowly. What it allows isn't known, and it may be one of two things: a number of requests at
once, or a rate. The client finds out by trying, with three parts that are asked before each request is admitted:

- `ConcurrencyLimit` limits how many requests are under way. It begins with 16 and doubles, as TCP's slow start does, until
  the server first resists. From then on it tries a step up now and then, and compares: if more succeeded in the same
  time the step is kept, and if the responses only got slower it is taken back. So the limit settles where a queue would
  begin. A refusal cuts it to just below the number that was let through. While the limit doubles, the number that was refused
  is tried once more: servers refuse some requests for no reason, and where it is let through, the limit goes on doubling.
- `LearnedRate` limits how many requests are sent in a second. There is no such limit until refusals show that one exists. It
  starts as what the server let through lately, and grows in small steps for as long as nothing is refused.
- `SharedPause` stops all requests for a time: for as long as `Retry-After` says, or for half a second, and for up to 16
  where nothing has succeeded for longer than a moment. Afterwards requests return one by one, spread over a moment.

A `Retry-After` can be meant for all requests, or for the refused one alone: which, is told by those that were under way behind
it (`RetryAfterScope`). Until three have been for one alone, all wait; then only the refused requests do, and what follows says of
refusals without a `Retry-After` goes for them.

**What a refusal is for** is told by the request that was refused, and by what those before it met. The first row decides that
applies:

| the refused request | the refusal is for | so that |
|---|---|---|
| is one of many at random (see below) | no reason | nothing is learnt |
| was sent before an earlier refusal was known | the same as that one | it counts as one more of them |
| was alone, so that it can't be one too many | the rate | that is lowered, or a first one is set |
| had waited for the learnt rate, which was right before | the rate | it is lowered, unless that was a lone refusal |
| is to come back in a time as long as a window, such as a minute | the rate | it is lowered, or set |
| is the second in a row or a later one, of no more at once than were let through before | the rate | it is lowered, or set |
| was one of no more at once than were let through very often | the rate, if any | it is lowered, unless that was a lone refusal |
| is any other one | the number at once | the limit on that is cut |

**What is sent after a refusal**, until the server responds again, is told by the first row that applies, too:

| the refusal | the next request is sent |
|---|---|
| has a `Retry-After` for all | when that is over |
| is at random, and not the fourth or a later one in a row | at once: the back-off of the refused request is all that helps |
| is the first in a row, and others are under way | when one of them ends: that tells whether it would be refused too |
| is the second in a row, or nothing is under way | after a pause |
| is the third in a row | after a pause, and then one at a time |
| is a later one | the same, with longer pauses |

Where one refusal comes after the other though each has lowered what is sent, it is tried whether that helps at all
(`RandomRefusals`): the rate is suspended for 50 requests or more. If no larger part of them is refused, refusals don't follow
what is sent: they are *at random*, nothing is learnt from them, and nothing pauses but for a few in a row. If more are refused
later, there is a limit as well, and fewer are sent at once.

After a refusal nothing is tried for a while, in proportion to what the refusal cost (`Cooldown`): about 150 responses for each,
and 20 times the length of a pause. So refusals stay below 1 in 100 requests, and pauses below a twentieth of the time. All
batches of a client on one event loop share what was found.

Calls share it where their limit is found by trying, too. What they send can be much less than the server allows: a refusal
gives a rate only where more was to be sent than could be, and where the server had let something through in the last
minute: one that refuses everything is out of service, and may take as much as ever when it is back. Calls with a fixed
limit keep to that and to what `Retry-After` asks for, and nothing is learnt from what they meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

import attrs

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.consecutive import ConsecutiveRefusals, Halt
from horay_async._protocol.limits.learned_rate import LearnedRate
from horay_async._protocol.limits.random_refusals import RandomRefusals, RefusalFinding
from horay_async._protocol.limits.retry_after_scope import RetryAfterScope
from horay_async._protocol.limits.shared_pause import SharedPause

# What a refusal is taken for, see `_cause_of`

MIN_EVIDENCE = 5
"""So many of the latest responses at a number under way, or above, show that it is no reason to refuse."""

AMPLE_EVIDENCE = 50
"""So many of them, and even a refusal now and then isn't for the number under way."""

LONG_WAIT = 4.0
"""Seconds, and times the latency, from which on a wait that the server asks for is for a window to end: who
counts requests under way says to come back soon."""


@attrs.define(eq=False)
class Wait:
    """The wait of one request: what it keeps to, and what it has had to wait for so far, which `OverloadControl.seconds_until_admitted` notes."""

    concurrency: ConcurrencyLimit
    """The limit on requests under way that it keeps to."""
    adaptive: bool = True
    """Whether it keeps to what was learnt from refusals, and something is learnt from what it meets. Else its limit is fixed, and it
    keeps to that and to pauses that the server has asked for."""
    paced: bool = True
    """Whether it keeps to the pace at which the limit is filled, too: a batch's does, which always has more to send."""
    probe: bool = False
    """Whether it waits for none of that: it is sent to find out if the server is back, whatever pause there is."""
    for_limit: bool = attrs.field(default=False, init=False)
    """Whether as many as may be were under way."""
    for_rate: bool = attrs.field(default=False, init=False)
    """Whether the learnt rate held it back."""


@attrs.define(eq=False)
class Admission:
    """What became of the wait of a request that was admitted. Its numbers are those by then."""

    wait: Wait
    """What it had waited for."""
    epoch: int
    """Of its concurrency limit."""
    serial: int
    """Counts the requests of all limits in the order in which they were admitted."""
    in_flight: int
    """Requests under way under its limit, itself included."""
    alone: bool
    """Whether nothing else was under way."""
    open: bool = True
    """Whether it hasn't ended yet."""
    undecided: bool = True
    """Whether the server may still refuse the request."""


class _Cause(Enum):
    """What a refusal is taken for."""

    CONCURRENCY = auto()
    """More requests under way than the server takes: the limit on them is cut."""
    RATE = auto()
    """More requests in a time than the server takes: the rate is lowered when the episode is over."""
    RATE_IF_REPEATED = auto()
    """Perhaps so: but any server refuses a request now and then. It is lowered if there are several of these."""
    UNCLEAR = auto()
    """None that is known, such as where many are refused at random: nothing is changed."""


class _Refusal(NamedTuple):
    """A refusal, and what is known of it."""

    admission: Admission
    """Of the request."""
    asked: float | None
    """The server's `Retry-After`, in seconds."""
    for_window: bool
    """Whether that is a wait for a window of time to end."""
    informed: bool
    """Whether the request was sent when the refusal before was known."""
    in_a_row: int
    """How many there were in a row, see `ConsecutiveRefusals`."""
    evidence: int
    """How many of the latest responses were to requests that began with as many under way, or more."""
    refusing: float
    """Seconds for which the server has refused everything."""
    shows_rate: bool
    """Whether enough was let through in the last minute to tell a rate from it."""

    @property
    def counts_alone(self) -> bool:
        """Whether even a lone one counts: it is the second in a row, or the server says when to come back."""
        return self.in_a_row > 1 or self.asked is not None


@attrs.define
class _OverloadEpisode:
    """A time of refusals, from the first one to a response to what was sent after it."""

    serial: int
    """The newest admission's when it began."""
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
    """The limits under which the refused requests were admitted."""


class OverloadControl:
    """What all requests of a client on one event loop share.

    Sans-I/O: `random` gives a number from 0 up to 1; times are passed in, in seconds of one steady clock.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.in_flight: int = 0
        """Requests under way, under all limits."""
        self.undecided: int = 0
        """Those of them that the server may still refuse: it has responded to the others, whose response isn't whole yet."""
        self.refusing_since: float | None = None
        """When the server began to refuse everything; None while it responds."""
        self._pause = SharedPause(random)
        """A time in which nothing is sent. Begun by `_delay_next` and `pause`; ended early by a response to a probe."""
        self._halt = Halt()
        """Until one that is under way ends. Set by a first refusal without `Retry-After`; by `release` and `accepted` taken back."""
        self._rate = LearnedRate()
        """Requests a second, once refusals have shown that there is such a limit. Set by `_end_episode`; dropped by `_learn` and
        `refused` where it doesn't help."""
        self._consecutive = ConsecutiveRefusals()
        """Refusals in a row. Each request gets its serial number here."""
        self._random_refusals = RandomRefusals()
        """Whether refusals come at random, however little is sent; then nothing is learnt from them."""
        self._scope = RetryAfterScope()
        """Whom a `Retry-After` is meant for."""
        self._unlearnt: list[tuple[_Refusal, _OverloadEpisode]] = []
        """Refusals with a wait that nothing was learnt from yet, see `_learn_late`."""
        self._episode: _OverloadEpisode | None = None
        """The refusals that aren't over; None while all is well."""

    @property
    def pauses_alone(self) -> bool:
        """Whether a `Retry-After` is for the refused request alone."""
        return self._scope.refused_alone

    def paused(self, now: float) -> float:
        """Seconds until nothing pauses any more."""
        return self._pause.wait(now)

    def pause(self, seconds: float, concurrency: ConcurrencyLimit, now: float) -> None:
        """Pauses, for as long as the server has asked this process for, or another one that shares the limit."""
        self._pause.pause(seconds, sharers=concurrency.limit, now=now)

    def seconds_until_admitted(self, wait: Wait, now: float) -> float:
        """Seconds until a request is admitted, infinite until one that is under way ends; notes in `wait` what it has to wait for.
        The first case that applies decides.
        """
        # 1. It is to find out whether the server is back.
        if wait.probe:
            return 0.0

        # 2. As many are under way as its limit allows: one of them has to end.
        concurrency = wait.concurrency
        if concurrency.must_wait():
            wait.for_limit = True
            return math.inf

        # 3. It keeps to a fixed limit, and isn't held back by what the refusals of others have taught.
        if not wait.adaptive:
            return self._pause.wait_asked(now)

        # 4. One was refused, and the end of another that is under way tells whether this one would be refused, too.
        halted = self._halt.wait(now, probe_in_flight=self._consecutive.probe_in_flight)
        if self.undecided and halted:
            return halted

        # 5. It is held back by the rate, a pause and the pace: until the last of them lets it go.
        by_rate = self._rate.wait(now)
        wait.for_rate |= by_rate > 0
        return max(by_rate, self._pause.wait(now), concurrency.wait(now) if wait.paced else 0.0)

    def admit(self, wait: Wait, now: float) -> Admission:
        """Admits a request after its wait. Pass each admission to `succeeded` or `refused`; `release` may be called before that, or in its
        place.
        """
        self._learn_late()
        concurrency = wait.concurrency
        alone = not self.in_flight
        self.in_flight += 1
        self.undecided += 1
        serial = self._consecutive.sent()
        concurrency.sent(now)
        self._pause.sent(now)
        self._rate.sent(now, waited=wait.for_rate if wait.adaptive else None)
        if self._consecutive.count >= self._consecutive.most:
            self._halt.extend(now, concurrency.latency)
        return Admission(wait, concurrency.epoch, serial, concurrency.in_flight, alone)

    def release(self, admission: Admission) -> None:
        """Ends the admission of a request that says nothing of the server's capacity, or nothing yet. Only the first time counts."""
        if not admission.open:
            return
        admission.open = False
        self.in_flight -= 1
        self.undecided -= admission.undecided
        self._consecutive.ended(admission.serial)
        self._halt.on = False
        admission.wait.concurrency.ended()

    def accepted(self, admission: Admission) -> None:
        """Notes that the server responds to a request, whose response can take long to come: a stream's does."""
        self._let_through(admission)
        self.undecided -= admission.undecided
        admission.undecided = False
        self._halt.on = False

    def succeeded(self, admission: Admission, now: float, *, latency: float | None) -> None:
        """Ends the admission of a request that succeeded; `latency` is None where that took several attempts."""
        self.release(admission)
        self.refusing_since = None
        if admission.wait.probe:
            self._pause.shorten(now)
        self._rate.succeeded(now)
        if admission.undecided:
            self._let_through(admission)
        if self._episode is not None and admission.serial > self._episode.serial:
            self._unlearnt.clear()  # it responds while it asks to wait
            self._end_episode(self._episode, now)
        if latency is not None:
            epoch, in_flight = admission.epoch, admission.in_flight
            admission.wait.concurrency.succeeded(epoch, in_flight, latency, now=now)

    def refused(self, admission: Admission, now: float, *, retry_after: float | None) -> None:
        """Ends the admission of a request that was refused; the server may have said when to come back. A `Retry-After` of 0 counts as none,
        and so does one that is for this request alone.
        """
        # 1. What is known of it by now, before it counts itself.
        retry_after = retry_after or None
        consecutive, concurrency = self._consecutive, admission.wait.concurrency
        informed = consecutive.is_informed(admission.serial)
        self._record(admission, refused=True)
        if retry_after is not None:
            self._scope.refused(admission.serial, consecutive.newest)
            retry_after = None if self._scope.refused_alone else retry_after
        consecutive.most = self._random_refusals.longest_row

        # 2. Its place is free again, and the server may be refusing everything from now on.
        self.release(admission)
        if self.refusing_since is None:
            self.refusing_since = now

        # 3. Under a fixed limit nothing is learnt: a wait that the server asks for is all that counts.
        if not admission.wait.adaptive:
            if retry_after is not None:
                self.pause(retry_after, concurrency, now)
            return

        # 4. It is one more of an episode, or the first one.
        for_window = (retry_after or 0.0) > LONG_WAIT * max(1.0, concurrency.latency)
        slowed = self._rate.has_slowed(now) or (retry_after is not None and concurrency.is_cut)
        episode = self._episode or self._begin_episode(concurrency, may_be_random=slowed)
        episode.refusals += 1
        episode.limits.add(concurrency)
        if informed:
            consecutive.refused(admission.serial)

        # 5. What it was for is learnt from it, and what would be sent next is delayed.
        refusal = _Refusal(
            admission,
            retry_after,
            for_window,
            informed,
            in_a_row=consecutive.count,
            evidence=concurrency.let_through(admission.in_flight),
            refusing=now - self.refusing_since,
            shows_rate=self._rate.let_through_lately(now),
        )
        if retry_after is None:
            self._learn(refusal, episode)
        else:
            self._unlearnt.append((refusal, episode))
        self._delay_next(refusal, episode, now)

    def forget_refusals(self, concurrency: ConcurrencyLimit) -> None:
        """Forgets all refusals, and what was learnt from them: they were for a reason that other requests don't share."""
        self._rate.forget()
        self._unlearnt.clear()
        self._episode = None
        self._halt.on = False
        self._consecutive.count = 0
        self._pause.end()
        self.refusing_since = None
        concurrency.forget_refusals()

    def _begin_episode(
        self, concurrency: ConcurrencyLimit, *, may_be_random: bool
    ) -> _OverloadEpisode:
        """A new episode, where no refusal is open; it may be of random ones where less was sent than before. Where that didn't help
        often enough, the rate is suspended.
        """
        newest, random = self._consecutive.newest, self._random_refusals
        if may_be_random and random.episode_began(
            newest, concurrency.limit, explained=self._rate.has_grown
        ):
            self._rate.suspend()
        self._episode = _OverloadEpisode(serial=newest)
        return self._episode

    def _let_through(self, admission: Admission) -> None:
        """Records that a request was let through."""
        self._record(admission, refused=False)
        self._scope.let_through(admission.serial)

    def _record(self, admission: Admission, *, refused: bool) -> None:
        """Records whether a request was refused or let through. In a row only those count that are informed: others tell nothing new."""
        consecutive = self._consecutive
        if consecutive.count < 2 * consecutive.most:  # more in a row are an outage
            match self._random_refusals.record(admission.serial, refused=refused):
                case RefusalFinding.NOT_RANDOM:
                    self._rate.restore()
                case RefusalFinding.RANDOM:
                    admission.wait.concurrency.forget_refusals()
                    self._scope.found_random()
                case RefusalFinding.TOO_MANY:
                    admission.wait.concurrency.cut()
                case _:
                    pass
        if not refused and consecutive.is_informed(admission.serial):
            consecutive.count = 0

    def _delay_next(self, refusal: _Refusal, episode: _OverloadEpisode, now: float) -> None:
        """Delays what would be sent next. The first case that applies decides."""
        concurrency = refusal.admission.wait.concurrency
        if refusal.asked is None:
            # 1. It was at random: the request's own backoff is all that helps, until there are more in a row.
            if self._random_refusals.assumed and refusal.in_a_row <= self._consecutive.most:
                return

            # 2. It was sent before the latest refusal was known, which has delayed all already.
            if not refusal.informed:
                return

            # 3. It is the first in a row, and others are under way: what they meet tells whether to go on.
            if refusal.in_a_row == 1 and self.undecided:
                self._halt.on = True
                self._halt.extend(now, concurrency.latency)
                return

        # 4. Nothing is sent for as long as the server asks for, or for longer the longer it refuses everything. A few in a
        #    row are no outage yet, however long what was under way took.
        refusing = refusal.refusing if refusal.in_a_row > self._consecutive.most else 0.0
        episode.paused += self._pause.pause(
            refusal.asked, sharers=concurrency.limit, now=now, refusing=refusing
        )

    def _learn_late(self) -> None:
        """Learns from refusals with a wait. That waits until more is sent: by then it shows whether it let others
        through meanwhile. If so, they are as any others are.
        """
        unlearnt, self._unlearnt = self._unlearnt, []
        for refusal, episode in unlearnt:
            if self._scope.contradicted:
                refusal = refusal._replace(asked=None, for_window=False)  # noqa: PLW2901
            self._learn(refusal, episode)

    def _learn(self, refusal: _Refusal, episode: _OverloadEpisode) -> None:
        """Has what was refused learn from it: the number under way at once, which is cut, or the rate when the episode is over."""
        if episode.rate_limited:
            return  # the number isn't the reason, and the rate counts them all
        admission, concurrency = refusal.admission, refusal.admission.wait.concurrency
        if refusal.informed:
            episode.let_through |= refusal.evidence >= MIN_EVIDENCE
        cause = self._cause_of(refusal, episode)
        if cause is _Cause.RATE_IF_REPEATED:
            repeated = self._rate.refused(counts_alone=refusal.counts_alone)
            cause = _Cause.RATE if repeated else _Cause.UNCLEAR
        if cause is _Cause.RATE:
            # A first rate can't be told from the little that there was to send. Nor can it where nothing at all was let
            # through: the server was out of service, or a window was used up before. A rate shows when some are let through,
            # and others aren't.
            known = self._rate.per_second is not None
            episode.rate_limited = known or admission.wait.paced or admission.wait.for_limit
            episode.teaches_rate = known or refusal.shows_rate
            if admission.alone:
                concurrency.undo_cuts()  # whatever the limit was cut for before
        elif cause is _Cause.CONCURRENCY:
            if refusal.informed and admission.wait.for_rate:
                self._rate.forget()  # it held requests back, and they were refused all the same
            epoch, in_flight = admission.epoch, admission.in_flight
            concurrency.refused(
                epoch, in_flight, in_a_row=refusal.in_a_row, counts_alone=refusal.counts_alone
            )

    def _cause_of(self, refusal: _Refusal, episode: _OverloadEpisode) -> _Cause:
        """What a refusal was for. The first case that applies decides."""
        # 1. Refusals are at random: slower sending didn't help.
        admission = refusal.admission
        if self._random_refusals.assumed:
            return _Cause.UNCLEAR

        # 2. It was sent with those that were refused before it, and counts as one more of them.
        if not refusal.informed:
            return _Cause.CONCURRENCY

        # 3. Nothing else was under way, so it wasn't one too many.
        if admission.alone:
            return _Cause.RATE

        # 4. It had to wait for the rate, and there is reason to believe in that rate: it was met with a refusal
        #    before, or as many under way were let through just now. Then the rate is a little too high.
        if admission.wait.for_rate and (episode.let_through or self._rate.proven):
            return _Cause.RATE_IF_REPEATED

        # 5. The server asks for a wait as long as a window of time; or it refuses again and again what it had
        #    let through in that number: its window is used up.
        if refusal.for_window:
            return _Cause.RATE
        if episode.let_through and refusal.in_a_row > 1:
            return _Cause.RATE

        # 6. That number was let through so often that it can't be the reason. The rate may be, or none at all.
        if refusal.evidence >= AMPLE_EVIDENCE and refusal.asked is None:
            return _Cause.RATE_IF_REPEATED

        # 7. Nothing speaks for a rate.
        return _Cause.CONCURRENCY

    def _end_episode(self, episode: _OverloadEpisode, now: float) -> None:
        """Ends the episode, since the server has responded to what was sent after its first refusal: each limit that saw refusals gets
        their number and the seconds paused.
        """
        self._episode = None
        refusals, paused = episode.refusals, episode.paused
        for concurrency in episode.limits:
            concurrency.end_episode(refusals=refusals, paused=paused, now=now)
        if episode.rate_limited and episode.teaches_rate:
            doubtful = self._random_refusals.doubtful
            self._rate.learn(refusals=refusals, paused=paused, now=now, doubtful=doubtful)
        else:
            self._rate.resume(now)
