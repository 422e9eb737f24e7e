"""Faults: each makes a faulty answer of a good one, as in `chat("Berlin").with_faults(Cut(40, by="rst"))`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

from horay_async.testing.answers import Answer
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Reset, Send, Stall, Step

__all__ = ["CloseUnderNext", "Cut", "Delay", "Ending", "Executed", "Hang", "Split"]

Ending = Literal["fin", "rst"]
"""How a connection ends: by a TCP FIN, or by a reset."""

Within = Literal["answer", "body"]
"""What a place in an answer is counted from: its first byte, or the first byte after the HTTP head."""


def _end(by: Ending) -> Step:
    return Reset() if by == "rst" else Fin()


@attrs.frozen
class Cut:
    """Ends the connection after `at` bytes of the answer; a negative number counts from its end."""

    at: int
    """Bytes to send before the cut; counted from the end if negative."""
    by: Ending = attrs.field(default="fin", kw_only=True)
    """How the connection ends: `fin` closes it, `rst` resets it."""
    within: Within = attrs.field(default="answer", kw_only=True)
    """What `at` is counted in."""

    def __call__(self, answer: Answer) -> Answer:
        kept = _up_to(answer, self.at, self.within)
        return attrs.evolve(answer, steps=(*kept, _end(self.by)), name=f"{answer.name} cut")


@attrs.frozen
class Hang:
    """Says nothing more after `at` bytes of the answer, until the client leaves."""

    at: int = 0
    """Bytes to send before the silence; counted from the end if negative."""
    within: Within = attrs.field(default="answer", kw_only=True)
    """What `at` is counted in."""

    def __call__(self, answer: Answer) -> Answer:
        kept = _up_to(answer, self.at, self.within)
        return attrs.evolve(answer, steps=(*kept, Stall()), name=f"{answer.name} hung")


@attrs.frozen
class Split:
    """Sends the answer in small pieces with `gap` seconds between them.

    The pieces end where `at` says; or are `every` bytes long; or there are `pieces` of them, whose ends
    are drawn from `seed`. Without a gap, several may reach the client in one read.
    """

    at: Sequence[int] = ()
    """Where to split, in bytes."""
    every: int | None = attrs.field(default=None, kw_only=True)
    """Bytes of each piece."""
    seed: int | None = attrs.field(default=None, kw_only=True)
    """Splits at random places, the same for the same seed."""
    pieces: int = attrs.field(default=8, kw_only=True)
    """How many pieces a `seed` makes."""
    gap: float = attrs.field(default=0.001, kw_only=True)
    """Seconds between two pieces."""
    within: Within = attrs.field(default="answer", kw_only=True)
    """What the places are counted in."""

    def __call__(self, answer: Answer) -> Answer:
        size = len(answer.data)
        base = answer.head_size if self.within == "body" else 0
        if self.every is not None:
            places = list(range(self.every, size - base, self.every))
        elif self.seed is not None:
            inner = range(1, size - base)
            count = min(self.pieces - 1, len(inner))
            places = sorted(random.Random(self.seed).sample(inner, count))
        else:
            places = sorted(self.at)
        steps = tuple(_split(answer.steps, [base, *(base + place for place in places)], self.gap))
        return attrs.evolve(answer, steps=steps, name=f"{answer.name} split")


@attrs.frozen
class Delay:
    """Begins the answer only after so many seconds, or when a gate opens."""

    by: float | Gate
    """Seconds, or the gate that is waited for."""

    def __call__(self, answer: Answer) -> Answer:
        wait = self.by if isinstance(self.by, Gate) else Pause(self.by)
        return attrs.evolve(answer, steps=(wait, *answer.steps), name=f"{answer.name} late")


@attrs.frozen
class Executed:
    """Counts the request as executed before the answer's first byte, whether or not one is sent."""

    def __call__(self, answer: Answer) -> Answer:
        return attrs.evolve(answer, steps=(MarkExecuted(), *answer.steps))


@attrs.frozen
class CloseUnderNext:
    """Answers well and keeps the connection, but ends it the moment the next request has come on it."""

    by: Ending = "fin"
    """How the connection ends: `fin` closes it, `rst` resets it."""

    def __call__(self, answer: Answer) -> Answer:
        then: Literal["close_under_next", "reset_under_next"] = (
            "reset_under_next" if self.by == "rst" else "close_under_next"
        )
        return attrs.evolve(answer, then=then)


def _up_to(answer: Answer, at: int, within: Within) -> Iterator[Step]:
    """The steps up to the place, and the other steps that come before its byte."""
    base = answer.head_size if within == "body" else 0
    left = base + at if at >= 0 else max(base, len(answer.data) + at)
    for step in answer.steps:
        if not isinstance(step, Send):
            yield step
            continue
        if left < len(step.data):
            if left:
                yield Send(step.data[:left])
            return
        left -= len(step.data)
        yield step


def _split(steps: Sequence[Step], places: list[int], gap: float) -> Iterator[Step]:
    """The steps, with what they send parted at `places`, counted from the first byte."""
    position = 0
    for step in steps:
        if not isinstance(step, Send):
            yield step
            continue
        end = position + len(step.data)
        cuts = [place - position for place in places if position < place < end]
        for start, stop in zip([0, *cuts], [*cuts, len(step.data)], strict=True):
            if position + start > 0:
                yield Pause(gap)
            yield Send(step.data[start:stop])
        position = end
