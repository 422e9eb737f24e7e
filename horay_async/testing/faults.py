"""Faults: each makes a faulty response of a good one, as in `chat("Berlin").with_faults(Cut(40, by="rst"))`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast, get_args

import attrs

from horay_async.testing.responses import AnyFault, ScriptedResponse, Then, is_number
from horay_async.testing.steps import Fin, Gate, MarkExecuted, Pause, Reset, Send, Stall, Step

__all__ = ["CloseUnderNext", "Cut", "Delay", "Ending", "Executed", "Hang", "Split"]

Ending = Literal["fin", "rst"]
"""How a connection ends: by a TCP FIN, or by a reset."""

Within = Literal["response", "body"]
"""What a place in a response is counted from: its first byte, or the first byte after the HTTP head."""


ENDS: Mapping[Ending, Step] = {"fin": Fin(), "rst": Reset()}


def _must_be(
    expected: str, fits: Callable[[Any], bool], error: type[Exception] = TypeError
) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """A validator of fields that hold what `fits`."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not fits(value):
            raise error(f"{attribute.name} must be {expected}; got {value!r}")

    return check


def _one_of(literal: object) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """A validator of fields that hold one value of a `Literal`."""
    allowed = get_args(literal)
    return _must_be(" or ".join(f'"{word}"' for word in allowed), allowed.__contains__, ValueError)


def _are_places(value: Any) -> bool:
    return isinstance(value, Sequence) and all(
        isinstance(place, int) and place >= 0 for place in cast("Sequence[object]", value)
    )


_check_place = _must_be("a number of bytes", lambda value: is_number(value, int))
_check_places = _must_be("a list of numbers of bytes, 0 or above", _are_places)
_check_wait = _must_be(
    "a number of seconds, 0 or above, or a Gate",
    lambda value: isinstance(value, Gate) or (is_number(value) and value >= 0),
)
_check_count = _must_be(
    "a whole number of at least 1", lambda value: is_number(value, int) and value >= 1, ValueError
)


@attrs.frozen
class Cut(AnyFault):
    """Ends the connection after `at` bytes of the response; a negative number counts from its end."""

    at: int = attrs.field(validator=_check_place)
    """Bytes to send before the cut; counted from the end if negative, and then at least none."""
    by: Ending = attrs.field(default="fin", kw_only=True, validator=_one_of(Ending))
    """How the connection ends: `fin` closes it, `rst` resets it."""
    within: Within = attrs.field(default="response", kw_only=True, validator=_one_of(Within))
    """What `at` is counted in."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        kept = _up_to(response, self.at, self.within)
        return attrs.evolve(response, steps=(*kept, ENDS[self.by]), name=f"{response.name} cut")


@attrs.frozen
class Hang(AnyFault):
    """Says nothing more after `at` bytes of the response, until the client leaves."""

    at: int = attrs.field(default=0, validator=_check_place)
    """Bytes to send before the silence; counted from the end if negative."""
    within: Within = attrs.field(default="response", kw_only=True, validator=_one_of(Within))
    """What `at` is counted in."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        kept = _up_to(response, self.at, self.within)
        return attrs.evolve(response, steps=(*kept, Stall()), name=f"{response.name} hung")


@attrs.frozen
class Split(AnyFault):
    """Sends the response in small pieces with `gap` seconds between them.

    The pieces end where `at` says; or are `every` bytes long; or there are `pieces` of them, whose ends
    are drawn from `seed`. Without a gap, several may reach the client in one read.
    """

    at: Sequence[int] = attrs.field(default=(), validator=_check_places)
    """Where to split, in bytes."""
    every: int | None = attrs.field(
        default=None, kw_only=True, validator=attrs.validators.optional(_check_count)
    )
    """Bytes of each piece."""
    seed: int | None = attrs.field(default=None, kw_only=True)
    """Splits at random places, the same for the same seed."""
    pieces: int = attrs.field(default=8, kw_only=True, validator=_check_count)
    """How many pieces a `seed` makes."""
    gap: float = attrs.field(default=0.001, kw_only=True, validator=_check_wait)
    """Seconds between two pieces."""
    within: Within = attrs.field(default="response", kw_only=True, validator=_one_of(Within))
    """What the places are counted in."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        base, size = _extent(response, self.within)
        if self.every is not None:
            places = list(range(self.every, size, self.every))
        elif self.seed is not None:
            inner = range(1, size)
            count = min(self.pieces - 1, len(inner))
            places = sorted(random.Random(self.seed).sample(inner, count))
        else:
            places = sorted(self.at)
            _check_within(response, places, self.within)
        steps = tuple(_split(response.steps, [base, *(base + place for place in places)], self.gap))
        return attrs.evolve(response, steps=steps, name=f"{response.name} split")


@attrs.frozen
class Delay(AnyFault):
    """Begins the response only after so many seconds, or when a gate opens."""

    by: float | Gate = attrs.field(validator=_check_wait)
    """Seconds, or the gate that is waited for."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        wait = self.by if isinstance(self.by, Gate) else Pause(self.by)
        return attrs.evolve(response, steps=(wait, *response.steps), name=f"{response.name} late")


@attrs.frozen
class Executed(AnyFault):
    """Counts the request as executed before the response's first byte, whether or not one is sent."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        return attrs.evolve(response, steps=(MarkExecuted(), *response.steps))


@attrs.frozen
class CloseUnderNext(AnyFault):
    """Responds well and keeps the connection, but ends it the moment the next request has come on it."""

    by: Ending = attrs.field(default="fin", validator=_one_of(Ending))
    """How the connection ends: `fin` closes it, `rst` resets it."""

    def __call__(self, response: ScriptedResponse) -> ScriptedResponse:
        then: Then = "reset_under_next" if self.by == "rst" else "close_under_next"
        return attrs.evolve(response, then=then)


def _extent(response: ScriptedResponse, within: Within) -> tuple[int, int]:
    """Where what places are counted in begins, and how many bytes it has."""
    base = response.head_size if within == "body" else 0
    return base, len(response.data) - base


def _check_within(response: ScriptedResponse, places: Iterable[int], within: Within) -> None:
    """Raises `ValueError` for a place beyond the response's end, or in what is repeated without end: the fault would do nothing."""
    _, size = _extent(response, within)
    for place in places:
        if place > size:
            what = "its body" if within == "body" else "it, head included,"
            raise ValueError(
                f"byte {place} is beyond the end of the response {response.name!r}: {what} has {size} bytes"
            )


def _up_to(response: ScriptedResponse, at: int, within: Within) -> Iterator[Step]:
    """The steps up to the place, and the other steps that come before its byte."""
    _check_within(response, (at,), within)
    base, size = _extent(response, within)
    left = base + (at if at >= 0 else max(0, size + at))
    for step in response.steps:
        if isinstance(step, Send):
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
