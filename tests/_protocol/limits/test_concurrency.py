"""The limit on requests under way, one decision at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest

from horay_async._protocol.limits.concurrency import MIN_SAMPLE, ConcurrencyLimit


class Rounds:
    """A server whose latency depends on the number under way, and a batch that keeps the limit full."""

    def __init__(self, *, start: int = 16, floor: int = 1, ceiling: int = 1000) -> None:
        self.concurrency = ConcurrencyLimit(start=start, floor=floor, ceiling=ceiling)
        self.now = 0.0
        self.capacity = math.inf
        self.latency = 1.0
        self.seen: list[int] = []

    def run(self, responses: int, *, full: bool = True) -> int:
        """Gives so many responses, each after the latency that the limit means; gives the limit then."""
        concurrency = self.concurrency
        for _ in range(responses):
            latency = self.latency * max(1.0, concurrency.limit / self.capacity)
            concurrency.in_flight = concurrency.limit
            if full:
                assert concurrency.must_wait()
            self.now += latency / concurrency.limit
            concurrency.succeeded(concurrency.epoch, concurrency.limit, latency, now=self.now)
            self.seen.append(concurrency.limit)
        return concurrency.limit

    def refuse(
        self, *, in_a_row: int = 1, counts_alone: bool = True, in_flight: int | None = None
    ) -> int:
        """Refuses one of those under way; gives the limit then."""
        concurrency = self.concurrency
        concurrency.refused(
            concurrency.epoch,
            in_flight or concurrency.limit,
            in_a_row=in_a_row,
            counts_alone=counts_alone,
        )
        return concurrency.limit


def settled(limit: int = 36, **bounds: int) -> Rounds:
    """A limit that was found by a refusal one above it, and by another one when that was tried again; it rests."""
    rounds = Rounds(start=limit, **bounds)
    rounds.run(limit - 1)  # not enough to try another
    rounds.refuse(in_flight=limit + 1)
    rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
    while rounds.run(1) <= limit:
        pass
    rounds.refuse(in_flight=limit + 1)
    rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
    return rounds


def test_bounds() -> None:
    """The limit starts within its bounds and stays there."""
    assert ConcurrencyLimit(start=16, ceiling=4).limit == 4
    assert ConcurrencyLimit(start=1, floor=3, ceiling=4).limit == 3
    rounds = Rounds(start=4, ceiling=8)
    assert rounds.run(100) == 8
    assert max(rounds.seen) == 8


def test_fixed_limit_never_changes() -> None:
    """Where the bounds are the same, neither responses nor refusals move it."""
    rounds = Rounds(start=5, floor=5, ceiling=5)
    rounds.run(500)
    rounds.refuse()
    rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
    assert rounds.run(100) == 5
    assert rounds.concurrency.let_through(5) == 100


def test_fullness() -> None:
    """The limit holds back what would go over it."""
    concurrency = ConcurrencyLimit(start=2, ceiling=2)
    seen: list[bool] = []
    changes: list[Callable[[], None]] = [
        partial(concurrency.sent, 0.0),
        partial(concurrency.sent, 0.0),
        concurrency.ended,
    ]
    for change in changes:
        change()
        seen.append(concurrency.must_wait())
    assert seen == [False, True, False]


def test_free_places_are_taken_at_twice_the_usual_pace() -> None:
    """Once the latency is known, a burst is spread out over half of it."""
    concurrency = ConcurrencyLimit(start=10, ceiling=10)
    assert concurrency.wait(0.0) == 0.0
    concurrency.succeeded(0, 1, 1.0, now=0.0)
    now, begun = 100.0, list[float]()
    while len(begun) < 10:
        now += concurrency.wait(now)
        concurrency.sent(now)
        begun.append(now)
    assert begun[:3] == [100.0] * 3  # a few at once are no burst
    assert begun[-1] - begun[2] == pytest.approx(7 * 0.05)


def test_latency_is_a_running_mean() -> None:
    """The first response sets it, later ones count a tenth."""
    concurrency = ConcurrencyLimit(start=1, ceiling=1)
    concurrency.succeeded(0, 1, 2.0, now=0.0)
    assert concurrency.latency == 2.0
    concurrency.succeeded(0, 1, 1.0, now=0.0)
    assert concurrency.latency == pytest.approx(1.9)


def test_limit_doubles_at_first() -> None:
    """As long as more succeeds in the same time."""
    rounds = Rounds(start=16)
    rounds.run(300)
    assert sorted(set(rounds.seen)) == [16, 32, 64, 128, 256]


def test_limit_stays_where_others_are_the_bottleneck() -> None:
    """A limit that is never reached isn't raised."""
    rounds = Rounds(start=16)
    assert rounds.run(500, full=False) == 16


def test_capacity_of_a_queue_is_found_and_held() -> None:
    """Responses that only get slower take the limit back; it comes to rest within 15 % of the capacity."""
    rounds = Rounds(start=16)
    rounds.capacity = 37
    rounds.run(4000)
    rest = rounds.seen[1000:]
    assert 0.85 * 37 <= sum(rest) / len(rest) <= 1.15 * 37
    assert max(rest) <= 1.2 * 37


@pytest.mark.parametrize(("before", "after", "first"), [(37, 74, 3000), (74, 37, 4000)])
def test_changed_capacity_of_a_queue_is_found(before: int, after: int, first: int) -> None:
    """The limit follows: up, and down where the latency has risen at the same limit."""
    rounds = Rounds(start=16)
    rounds.capacity = before
    rounds.run(first)
    rounds.capacity = after
    rounds.run(6000)
    assert rounds.run(1) == pytest.approx(after, rel=0.15)


def test_risen_latency_ends_a_rest() -> None:
    """A queue that has come up needs fewer under way at once, whatever was refused before."""
    rounds = Rounds(start=36)
    rounds.refuse()
    rounds.concurrency.end_episode(refusals=100, paused=0.0, now=0.0)
    rounds.run(200)
    rounds.capacity = 18
    assert rounds.run(1500) == pytest.approx(18, rel=0.15)


def test_slower_server_without_a_queue_keeps_its_limit() -> None:
    """Where fewer under way aren't answered any faster, the step down is taken back."""
    rounds = Rounds(start=36, ceiling=36)
    rounds.run(200)
    rounds.latency = 3.0
    rounds.seen.clear()
    rounds.run(400)
    assert min(rounds.seen) < 36
    assert rounds.seen.count(36) > 0.7 * len(rounds.seen)


def test_noise_delays_the_verdict_downward() -> None:
    """A step down that noise leaves open is watched for longer, and then judged by the mean."""
    concurrency = ConcurrencyLimit(start=100, ceiling=100)
    below = 0
    for number in range(3000):
        concurrency.in_flight = concurrency.limit
        assert concurrency.must_wait()
        # Eight times longer or shorter by turns, and a queue by two tenths less than it would have to be.
        latency = (8.0 if number % 2 else 1 / 8) * (concurrency.limit / 100) ** 0.8
        concurrency.succeeded(concurrency.epoch, concurrency.limit, latency, now=number)
        if concurrency.limit < 100:
            below += 1
        elif below:
            break
    assert below > 8 * MIN_SAMPLE * 2


def test_refusal_cuts_to_just_below_what_was_let_through() -> None:
    """38 refused means 37 let through."""
    rounds = Rounds(start=60)
    assert rounds.refuse(in_flight=38) == 36


def test_lone_refusals_are_tolerated() -> None:
    """One in forty responses changes nothing, a second one soon after does, and so does a sure one."""
    rounds = Rounds(start=20, ceiling=20)
    assert rounds.refuse(counts_alone=False) == 20
    rounds.run(45)
    assert rounds.refuse(counts_alone=False) == 20
    assert rounds.refuse(counts_alone=False) < 20
    assert Rounds(start=20).refuse(counts_alone=True) < 20


def test_refusals_of_an_older_limit_are_ignored() -> None:
    """What was sent before the cut says nothing of the limit after it."""
    rounds = Rounds(start=60)
    limit = rounds.refuse(in_flight=50)
    rounds.concurrency.refused(0, 60, in_a_row=1, counts_alone=True)
    assert rounds.concurrency.limit == limit


def test_first_cut_is_no_deeper_than_the_last_doubling() -> None:
    """However few were under way: the limit before was let through."""
    assert Rounds(start=60).refuse(in_flight=2) == 30


def test_later_cuts_are_bounded() -> None:
    """At most three tenths at once; a bit deeper the second time; always three tenths from the third on."""
    rounds = Rounds(start=60)
    rounds.refuse(in_flight=61)
    assert rounds.concurrency.limit == 58
    assert rounds.refuse(in_flight=2) == pytest.approx(58 * 0.7, abs=1)
    assert rounds.refuse(in_a_row=2) == pytest.approx(40 * 0.97**2, abs=1)
    assert rounds.refuse(in_a_row=3) == pytest.approx(38 * 0.7, abs=1)


def test_refusals_without_a_reason_dont_end_the_doubling() -> None:
    """The number that was refused is tried again soon: where it is let through, the limit goes on as if nothing had been."""
    rounds = Rounds(start=16)
    rounds.refuse(in_flight=9)
    rounds.concurrency.end_episode(refusals=1, paused=2.0, now=rounds.now)
    rounds.run(200)
    assert sorted(set(rounds.seen)) == [8, 10, 20, 40, 80, 160]


def test_refusal_with_a_reason_ends_the_doubling() -> None:
    """The number that was refused is tried again once; where it is refused again, the limit rests below."""
    rounds = Rounds(start=16)
    for _ in range(2):
        assert rounds.refuse(in_flight=9) == 8
        rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
        rounds.seen.clear()
        rounds.run(30)
    rounds.run(110)
    assert set(rounds.seen) == {8}


def test_limit_rests_after_a_refusal() -> None:
    """For 150 responses each; then it tries one step, and grows faster with each success."""
    rounds = settled(36)
    limit = rounds.concurrency.limit
    rounds.seen.clear()
    rounds.run(149)
    assert set(rounds.seen) == {limit}
    rounds.run(400)
    steps = sorted(set(rounds.seen))
    assert steps[1] == round(1.1 * limit)
    assert steps[2] / steps[1] == pytest.approx(1.21, rel=0.05)


def test_limit_rests_for_the_time_of_a_pause() -> None:
    """Twenty times as long as sending was paused."""
    rounds = settled(36)
    limit = rounds.run(150)
    while rounds.run(1) == limit:
        pass
    limit = rounds.refuse()
    rounds.concurrency.end_episode(refusals=1, paused=2.0, now=rounds.now)
    until = rounds.now + 40
    while rounds.now < until - 1:
        assert rounds.run(1) == limit
    rounds.run(200)
    assert rounds.concurrency.limit > limit


def test_slower_responses_ask_for_fewer_at_once() -> None:
    """Also in a rest: the server has become slower without a step."""
    rounds = settled(36)
    limit = rounds.run(150)
    while rounds.run(1) == limit:
        pass
    rounds.refuse()
    rounds.concurrency.end_episode(refusals=9, paused=0.0, now=rounds.now)
    limit = rounds.run(400)
    rounds.latency = 2.0
    rounds.seen.clear()
    rounds.run(400)
    assert min(rounds.seen) < limit


def test_growth_after_a_refusal_is_bounded() -> None:
    """The limit takes at least forty latencies to double, once it was refused."""
    rounds = settled(36)
    limit = rounds.concurrency.limit
    start = rounds.now
    while rounds.run(1) <= 2 * limit:
        pass
    assert rounds.now - start >= 40


def test_episode_without_a_cut_costs_no_rest() -> None:
    """Refusals that weren't for the number under way don't keep the limit from growing."""
    rounds = Rounds(start=36)
    rounds.concurrency.end_episode(refusals=9, paused=9.0, now=0.0)
    assert rounds.run(100) > 36


def test_refusal_in_a_rest_doesnt_lengthen_it() -> None:
    """It wasn't an attempt at more that was refused."""
    rounds = settled(36)
    rounds.run(100)
    limit = rounds.refuse()
    rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
    rounds.seen.clear()
    rounds.run(60)
    assert set(rounds.seen) == {limit}
    rounds.run(100)
    assert rounds.concurrency.limit > limit


def test_deep_fall_is_followed_by_one_quick_look() -> None:
    """What caused it may be over: no rest this time, but the next."""
    rounds = settled(36)
    limits = [rounds.refuse(in_a_row=3) for _ in range(2)]
    rounds.concurrency.end_episode(refusals=2, paused=0.0, now=rounds.now)
    assert rounds.run(40) > limits[-1]
    limit = rounds.refuse(in_a_row=3)
    rounds.concurrency.end_episode(refusals=1, paused=0.0, now=rounds.now)
    rounds.seen.clear()
    rounds.run(100)
    assert set(rounds.seen) == {limit}


def test_cut_in_a_trial_falls_back_on_what_was_accepted() -> None:
    """What is restored is the limit before the trial, not the one that was being tried."""
    rounds = settled(36)
    limit = rounds.concurrency.limit
    while rounds.run(1) == limit:
        pass
    rounds.refuse(in_a_row=3)
    rounds.concurrency.undo_cuts()
    assert rounds.concurrency.limit == limit


def test_all_cuts_of_an_episode_are_undone() -> None:
    """Back to the limit before the first; and never down from a higher one."""
    rounds = settled(36)
    rounds.run(60)
    limit = rounds.concurrency.limit
    rounds.refuse(in_a_row=2)
    rounds.refuse(in_a_row=3)
    rounds.concurrency.undo_cuts()
    assert rounds.concurrency.limit == limit
    rounds.concurrency.undo_cuts()
    assert rounds.concurrency.limit == limit


def test_what_was_let_through() -> None:
    """Of the latest hundred responses, those that began with as many under way."""
    concurrency = ConcurrencyLimit(start=16, ceiling=16)
    for number in range(150):
        concurrency.succeeded(0, number, 1.0, now=0.0)
    assert concurrency.let_through(0) == 100
    assert concurrency.let_through(140) == 10
    assert concurrency.let_through(150) == 0


def test_clock_that_goes_back() -> None:
    """A response that seems to come before its request holds nothing up: it took no time."""
    concurrency = ConcurrencyLimit(start=10, ceiling=10)
    concurrency.succeeded(0, 1, -100.0, now=0.0)
    for _ in range(9):
        assert concurrency.wait(0.0) == 0.0
        concurrency.sent(0.0)
    assert concurrency.latency == 0.0
