"""Slices of the cluster's rate: who may send when, played through on a clock of the test's own."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable

import pytest

pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")

from horay_async.integrations.ray.slices import (
    EXACT,
    GRACE,
    LATE,
    PREFETCH_SECONDS,
    Allotment,
    SlicedRateLimiter,
    Slices,
)


def test_slices_follow_one_another() -> None:
    """Each moment goes to one worker, whoever asks."""
    allotment = Allotment()
    assert allotment.take(0.5, 100.0) == -LATE
    assert allotment.take(0.25, 100.0) == pytest.approx(0.5 - LATE)
    assert allotment.take(0.25, 100.1) == pytest.approx(0.65 - LATE)


def test_what_nobody_asked_for_is_gone() -> None:
    """Time that passed without a question is lost, but for the latest quarter of a second."""
    allotment = Allotment()
    allotment.take(0.5, 100.0)
    assert allotment.take(0.5, 200.0) == -LATE


def test_clock_runs_in_slices_alone() -> None:
    """Between two slices it stands still, and tells when it will go on."""
    slices = Slices()
    slices.add(10.0, 1.0)
    slices.add(20.0, 2.0)
    assert [slices.at(now) for now in (9.0, 10.5, 15.0, 21.0, 30.0)] == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert [slices.when(shown) for shown in (0.0, 0.5, 1.0, 2.5)] == [10.0, 10.5, 20.0, 21.5]
    assert slices.when(3.0) == math.inf


def test_overlapping_slices_are_put_off() -> None:
    """A slice that seems to begin before the last has ended is as long as any."""
    slices = Slices()
    slices.add(10.0, 1.0)
    slices.add(10.9, 1.0)
    assert slices.when(1.0) == 11.0
    assert slices.at(12.0) == slices.total == 2.0


def test_forgetting_changes_nothing() -> None:
    """Slices that are past are counted without being kept."""
    slices = Slices()
    for start in (10.0, 20.0, 30.0):
        slices.add(start, 1.0)
    slices.forget(25.0)
    assert (slices.at(30.5), slices.when(2.5), slices.total) == (2.5, 30.5, 3.0)


class Player:
    """Workers that send as fast as their rate limiters let them, over an allotment that takes a while to respond."""

    def __init__(self, *, rpm: float | None = None, tpm: float | None = None) -> None:
        self.now = 1000.0
        self.sent: list[tuple[float, int]] = []
        """When, and by which worker."""
        self.questions = 0
        self.tokens = 0.0
        """Of each request: what it is estimated at, and what it takes."""
        self.left: list[int] = []
        """Rows of each worker that wait to be sent."""
        self._allotment = Allotment()
        self._rates = (rpm, tpm)
        self._rate_limiters: list[SlicedRateLimiter] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._timers: dict[int, float] = {}  # when each worker means to look again

    def worker(self, rows: int) -> int:
        """A worker with so many rows."""
        number = len(self.left)
        self.left.append(rows)

        def ask(rate_limiter: SlicedRateLimiter, seconds: float) -> None:
            self.questions += 1
            self.at(self.now + 0.002, lambda: response(rate_limiter, seconds))

        def response(rate_limiter: SlicedRateLimiter, seconds: float) -> None:
            delay = self._allotment.take(seconds, self.now)
            self.at(self.now + 0.002, lambda: come(rate_limiter, delay, seconds))

        def come(rate_limiter: SlicedRateLimiter, delay: float, seconds: float) -> None:
            rate_limiter.add(delay, seconds, self.now)
            self.send(number)

        rate_limiter = SlicedRateLimiter(*self._rates, ask=ask, unsent=lambda: self.left[number])
        self._rate_limiters.append(rate_limiter)
        self.at(self.now, lambda: self.send(number))
        return number

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), what))

    def send(self, number: int) -> None:
        """Sends what may go, and comes back when the next may."""
        rate_limiter = self._rate_limiters[number]
        while self.left[number]:
            wait = rate_limiter.wait(self.now)
            if wait > 0:
                if wait < math.inf:
                    self.look_again(number, self.now + wait)
                return
            rate_limiter.take(self.tokens, self.now)
            self.left[number] -= 1
            self.sent.append((self.now, number))

    def play(self, until: float = math.inf) -> None:
        """Goes on, to some seconds after the start or until nothing happens any more."""
        while self._events and self._events[0][0] < 1000.0 + until:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def look_again(self, number: int, when: float) -> None:
        """Has a worker try once more; what it meant to do before is off."""
        self._timers[number] = when

        def look() -> None:
            if self._timers.get(number) == when:
                del self._timers[number]
                self.send(number)

        self.at(when, look)


def per_minute(times: Iterable[float]) -> float:
    known = sorted(times)
    return (len(known) - 1) / (known[-1] - known[0]) * 60


def most_in(seconds: float, times: Iterable[float]) -> int:
    """The most that went in any span of so many seconds."""
    known, first, most = sorted(times), 0, 0
    for last, now in enumerate(known):
        while known[first] <= now - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
@pytest.mark.parametrize("rpm", [60, 600, 6000])
def test_all_workers_together_keep_the_rate(workers: int, rpm: int) -> None:
    """Whoever sends, the cluster sends at the rate, and never more in a minute."""
    player = Player(rpm=rpm)
    for _ in range(workers):
        player.worker(3 * rpm // workers)
    player.play()
    times = [when for when, _ in player.sent]
    assert len(times) == 3 * rpm // workers * workers
    assert per_minute(times) == pytest.approx(rpm, rel=0.05)
    assert most_in(60.0, times) <= rpm + 1
    assert {number for _, number in player.sent} == set(range(workers))


def test_allotment_is_asked_seldom() -> None:
    """Eight times a second by one worker, at whatever rate."""
    player = Player(rpm=60_000)
    player.worker(20_000)
    player.play()
    assert player.questions <= 20 / (PREFETCH_SECONDS / 2) * 1.2


def test_dead_worker_takes_little_with_it() -> None:
    """When one dies the other goes on at the full rate."""
    player = Player(rpm=6000)
    dead = player.worker(10**6)
    player.worker(10**6)
    player.play(until=10.0)
    player.left[dead] = 0
    player.play(until=20.0)
    times = [when for when, _ in player.sent]
    before = sum(when < 1010.0 for when in times)
    after = [when for when in times if when >= 1010.0]
    assert {number for when, number in player.sent if when >= 1010.5} == {1}
    assert len(after) >= 0.95 * before
    assert (
        max(later - earlier for earlier, later in itertools.pairwise(times)) < 2 * PREFETCH_SECONDS
    )


def test_worker_without_rows_leaves_the_rate_to_others() -> None:
    """A few rows take as many moments, and no more."""
    player = Player(rpm=600)
    for _ in range(50):
        player.worker(1)
    player.worker(500)
    player.play()
    assert per_minute(when for when, _ in player.sent) == pytest.approx(600, rel=0.05)


def test_tokens_keep_their_rate() -> None:
    """A limit on tokens paces requests by what they are estimated to take."""
    player = Player(tpm=60_000)
    player.tokens = 50.0
    player.worker(1000)
    player.worker(1000)
    player.play()
    rate = per_minute(when for when, _ in player.sent) * player.tokens
    assert rate == pytest.approx(60_000, rel=0.05)


def test_large_request_is_paid_for_later() -> None:
    """A request over the rate of several seconds goes, and what follows waits for as long."""
    player = Player(tpm=6000)
    player.tokens = 500.0
    player.worker(3)
    player.play()
    first, second, third = [when for when, _ in player.sent]
    assert second - first == pytest.approx(5 / EXACT, rel=0.05)
    assert third - second == pytest.approx(5 / EXACT, rel=0.05)


def test_estimate_is_corrected() -> None:
    """Tokens that weren't used are there for others; what was used beyond has to be waited for."""
    asked: list[float] = []
    rate_limiter = SlicedRateLimiter(
        None, 6000, ask=lambda _, seconds: asked.append(seconds), unsent=lambda: 9
    )
    assert rate_limiter.wait(10.0) == math.inf
    rate_limiter.add(0.0, 10.0, 10.0)
    assert rate_limiter.wait(10.0) == 0.0
    rate_limiter.take(200, 10.0)
    assert rate_limiter.wait(10.0) == pytest.approx(2.0 / EXACT)
    rate_limiter.correct(-100, 10.0)
    assert rate_limiter.wait(10.0) == pytest.approx(1.0 / EXACT)
    rate_limiter.correct(+300, 10.0)
    assert rate_limiter.wait(10.0) == pytest.approx(4.0 / EXACT)
    assert len(asked) == 1


def test_unused_time_lapses() -> None:
    """A slice that has passed can be used for a short while, and then no more."""
    for late, usable in ((GRACE / 2, True), (2 * GRACE, False)):
        rate_limiter = SlicedRateLimiter(
            6000, None, ask=lambda _rate_limiter, _seconds: None, unsent=lambda: 9
        )
        rate_limiter.add(0.0, 0.25, 10.0)
        assert (rate_limiter.wait(10.25 + late) == 0.0) is usable
