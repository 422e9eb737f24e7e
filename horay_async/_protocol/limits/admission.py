"""Whether the next request of a batch may go: concurrency, a learnt rate and pauses, taken together."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs

from horay_async._protocol.limits.concurrency import Concurrency
from horay_async._protocol.limits.learned_rate import LearnedRate
from horay_async._protocol.limits.shared_pause import SharedPause

__all__ = ["Admission", "Permit"]

PROBE_AFTER = 3
"""Refusals one upon the other after which one request at a time goes, until one is answered."""

MIN_EVIDENCE = 5
"""So many of the latest answers at a number under way, or above, show that it is no reason to refuse."""

AMPLE_EVIDENCE = 50
"""So many of them, and even a refusal now and then isn't for the number under way."""

LONG_WAIT = 4.0
"""Seconds, and times the latency, from which on a wait that the server asks for is for a window to end: who
counts requests under way says to come back soon."""


@attrs.define(eq=False)
class Permit:
    """A request that was let go."""

    level: Concurrency
    epoch: int
    """Of the level, when it began."""
    serial: int
    in_flight: int
    """Requests under way at its level when it began, itself included."""
    alone: bool
    """Whether nothing else was under way."""
    paced: bool
    """Whether the learnt rate had held it back."""
    open: bool = True
    """Whether it wasn't taken back yet."""


@attrs.define
class _RefusalEpisode:
    """A time of refusals, from the first one to an answer to what was sent after it."""

    serial: int
    """The newest permit's when it began."""
    refusals: int = 0
    paused: float = 0.0
    through: bool = False
    """Whether as many under way as were refused had been let through shortly before."""
    by_rate: bool = False
    """Whether it was the rate that was refused."""
    levels: set[Concurrency] = attrs.field(factory=set[Concurrency])


class Admission:
    """What all batch runs of a client on one event loop share.

    Sans-I/O: `random` gives a number from 0 up to 1; times are passed in, in seconds of one steady clock.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.in_flight: int = 0
        """Requests under way, at all levels."""
        self.refusing_since: float | None = None
        """When the server began to refuse everything; None while it answers."""
        self._recess = SharedPause(random)
        self._rate = LearnedRate()
        self._held = False  # whether the rate holds back the next request
        self._serial = 0
        self._known = 0  # permits above it were given when the latest refusal was known: fresh ones
        self._fresh = 0  # of those, the ones under way
        self._row = 0  # refusals one upon the other: each of what was sent next after the last
        self._halted = False  # until one that is under way ends
        self._spell: _RefusalEpisode | None = None

    def wait(self, level: Concurrency, now: float) -> float:
        """Seconds until a request may go at `level`; infinite until one that is under way ends."""
        if level.full:
            return math.inf
        if self.in_flight and (self._halted or (self._row >= PROBE_AFTER and self._fresh)):
            return math.inf
        by_rate = self._rate.wait(now)
        self._held |= by_rate > 0
        return max(by_rate, self._recess.wait(now), level.wait(now))

    def begin(self, level: Concurrency, now: float) -> Permit:
        """Lets one go at `level`. Each permit goes to one of `answered`, `refused` and `end`."""
        alone = not self.in_flight
        paced, self._held = self._held, False
        self.in_flight += 1
        self._serial += 1
        self._fresh += 1
        level.begin(now)
        self._recess.begin(now)
        self._rate.begin(now, waited=paced)
        return Permit(level, level.epoch, self._serial, level.in_flight, alone, paced)

    def end(self, permit: Permit) -> None:
        """Takes back a permit whose request says nothing of the server's capacity."""
        permit.open = False
        self.in_flight -= 1
        self._fresh -= permit.serial > self._known
        self._halted = False
        permit.level.end()

    def answered(self, permit: Permit, now: float, *, latency: float | None) -> None:
        """Takes back a permit whose request was answered; `latency` is None where that took several
        attempts.
        """
        self.end(permit)
        self.refusing_since = None
        self._rate.answered(now)
        if permit.serial > self._known:
            self._row = 0
        spell = self._spell
        if spell is not None and permit.serial > spell.serial:
            self._close(spell, now)
        if latency is not None:
            permit.level.answered(permit.epoch, permit.in_flight, latency, now=now)

    def refused(self, permit: Permit, now: float, *, retry_after: float | None) -> None:
        """Takes back a permit whose request was refused; the server may have said when to come back."""
        fresh = permit.serial > self._known
        self.end(permit)
        if self.refusing_since is None:
            self.refusing_since = now
        if self._spell is None:
            self._spell = _RefusalEpisode(serial=self._serial)
        spell = self._spell
        spell.refusals += 1
        spell.levels.add(permit.level)
        if fresh:
            # A refusal comes at once: what was sent before this one, and after the last, was let through.
            self._row = self._row + 1 if permit.serial == self._known + 1 else 1
            self._known = self._serial
            self._fresh = 0
        self._attribute(permit, spell, fresh=fresh, asked=retry_after)
        if retry_after is not None or (fresh and (self._row > 1 or not self.in_flight)):
            sharers = permit.level.limit
            spell.paused += self._recess.pause(retry_after, sharers=sharers, now=now)
        elif fresh:
            self._halted = True

    def _attribute(
        self, permit: Permit, spell: _RefusalEpisode, *, fresh: bool, asked: float | None
    ) -> None:
        """Decides what was refused: the rate, or the number under way, which is cut."""
        level = permit.level
        sure = asked is not None or self._row > 1
        if fresh and not spell.by_rate:
            through = level.let_through(permit.in_flight)
            spell.through |= through >= MIN_EVIDENCE
            long = asked is not None and asked > LONG_WAIT * max(1.0, level.latency)
            if permit.alone:
                spell.by_rate = True
                level.restore()
            elif permit.paced and (spell.through or self._rate.proven):
                spell.by_rate = self._rate.struck(sure=sure)
                return
            elif long or (spell.through and self._row > 1):
                spell.by_rate = True
            elif through >= AMPLE_EVIDENCE and asked is None:
                spell.by_rate = self._rate.struck(sure=False)
                return
            elif permit.paced:
                self._rate.forget()
        if not spell.by_rate:
            level.refused(permit.epoch, permit.in_flight, row=self._row, sure=sure)

    def _close(self, spell: _RefusalEpisode, now: float) -> None:
        self._spell = None
        self._recess.over()
        for level in spell.levels:
            level.settle(refusals=spell.refusals, paused=spell.paused, now=now)
        self._rate.settle(
            rate_limited=spell.by_rate, refusals=spell.refusals, paused=spell.paused, now=now
        )
