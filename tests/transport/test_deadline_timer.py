"""One timer for many timeouts, on a loop whose time is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from horay_async._transport.deadline_timer import DeadlineTimer


class Timer:
    """What the loop gives for a call to come."""

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, due: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(due, call))
        return self.timers[-1]

    @property
    def set(self) -> list[float]:
        """When the timers that are set are due."""
        return [timer.due for timer in self.timers if not timer.cancelled]

    def go_to(self, now: float) -> None:
        """Lets time pass, and what is due then run."""
        self.now = now
        for timer in [timer for timer in self.timers if timer.due <= now and not timer.cancelled]:
            self.timers.remove(timer)
            timer.call()


class Timed:
    """Something that waits; `again` is when to look after the first look."""

    def __init__(self, again: float | None = None) -> None:
        self.again = again
        self.looks: list[float] = []

    def check_deadline(self, now: float) -> float | None:
        self.looks.append(now)
        again, self.again = self.again, None
        return again


@pytest.fixture
def loop() -> Loop:
    """A loop at time 0."""
    return Loop()


@pytest.fixture
def watch(loop: Loop) -> DeadlineTimer:
    """A watch on that loop."""
    return DeadlineTimer(cast(asyncio.AbstractEventLoop, cast(Any, loop)))


def test_looks_when_due_and_once(loop: Loop, watch: DeadlineTimer) -> None:
    """A timeout that has passed is looked at, and not again; others aren't yet."""
    early, late = Timed(), Timed()
    watch.add(late, now=0, due=20)
    watch.add(early, now=0, due=10)
    assert loop.set == [10]
    loop.go_to(10)
    assert (early.looks, late.looks) == ([10], [])
    loop.go_to(20)
    assert (early.looks, late.looks) == ([10], [20])
    assert loop.set == []


def test_one_timer_for_a_thousand(loop: Loop, watch: DeadlineTimer) -> None:
    """Later timeouts set no timer of their own, and taking timeouts off sets none either."""
    all_timed = [Timed() for _ in range(1000)]
    for number, timed in enumerate(all_timed):
        watch.add(timed, now=number, due=number + 600)
    assert len(loop.timers) == 1
    for timed in all_timed:
        watch.discard(timed)
    loop.go_to(2000)
    assert not any(timed.looks for timed in all_timed)
    assert loop.set == []


def test_looks_again_when_it_is_told(loop: Loop, watch: DeadlineTimer) -> None:
    """A timed that stood still for a while is looked at again when it says."""
    timed = Timed(again=25)
    watch.add(timed, now=0, due=10)
    loop.go_to(10)
    assert loop.set == [25]
    loop.go_to(25)
    assert timed.looks == [10, 25]


def test_timeouts_due_at_nearly_the_same_time_share_a_look(
    loop: Loop, watch: DeadlineTimer
) -> None:
    """After a look the next one waits for a fiftieth of the shortest wait: no timeout is later than that."""
    first, second = Timed(), Timed()
    watch.add(first, now=0, due=10)
    watch.add(second, now=0, due=10.05)
    loop.go_to(10)
    assert loop.set == [pytest.approx(10.2)]


def test_discarding_what_is_not_there_and_closing(loop: Loop, watch: DeadlineTimer) -> None:
    """Taking off twice is fine; a closed watch looks at nothing."""
    timed = Timed()
    watch.add(timed, now=0, due=10)
    watch.discard(Timed())
    watch.close()
    assert loop.set == []
    loop.go_to(10)
    assert timed.looks == []
