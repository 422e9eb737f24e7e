"""A concurrency limit, a learnt rate and pauses taken together: by hand, and in simulated batches."""

from __future__ import annotations

import math
from typing import Any

import pytest

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Admission, OverloadControl, Wait

from .simulation import WAY, Server, simulate


class RequestHandler:
    """An overload control with one concurrency limit, and a clock that is moved by hand."""

    def __init__(self, limit: int = 10) -> None:
        self.overload = OverloadControl(lambda: 0.0)
        self.concurrency = ConcurrencyLimit(start=limit, ceiling=1000)
        self.next = Wait(self.concurrency)
        self.now = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next may go."""
        return self.overload.seconds_until_admitted(self.next, self.now)

    def let_go(self, count: int = 1) -> list[Admission]:
        """Lets so many go, each as soon as it may."""
        admissions: list[Admission] = []
        for _ in range(count):
            assert self.wait < math.inf
            self.now += self.wait
            admissions.append(self.overload.admit(self.next, self.now))
            self.next = Wait(self.concurrency)
        return admissions

    def response(self, *admissions: Admission, latency: float | None = None) -> None:
        """Responds to some."""
        for admission in admissions:
            self.overload.succeeded(admission, self.now, latency=latency)

    def refuse(self, *admissions: Admission, retry_after: float | None = None) -> None:
        """Refuses some."""
        for admission in admissions:
            self.overload.refused(admission, self.now, retry_after=retry_after)


def test_limit_holds_back_until_one_ends() -> None:
    """No more go than the limit allows, whatever the ends are."""
    desk = RequestHandler(2)
    first, second = desk.let_go(2)
    assert desk.wait == math.inf
    desk.overload.release(first)
    assert desk.wait == 0.0
    assert not first.open
    assert second.open
    desk.overload.release(first)  # once more
    assert desk.overload.in_flight == 1


def test_refusal_waits_for_the_next_end() -> None:
    """While others are under way, one that ends is the sign to go on."""
    desk = RequestHandler()
    first, second, _ = desk.let_go(3)
    desk.refuse(first)
    assert desk.wait > 0
    desk.response(second)
    assert desk.wait == 0


@pytest.mark.parametrize(
    ("latency", "seconds"), [(None, 0.5), (0.1, 0.5), (2.0, 2.0), (90.0, 16.0)]
)
def test_refusal_waits_for_an_end_no_longer_than_for_a_pause(
    latency: float | None, seconds: float
) -> None:
    """What is under way may be a response of minutes: after the time that one mostly takes the next goes, and is met by a
    pause if it is refused.
    """
    desk = RequestHandler()
    desk.response(*desk.let_go(), latency=latency)
    first, _ = desk.let_go(2)
    desk.now += 10.0
    desk.refuse(first)
    assert desk.wait == seconds
    desk.now += seconds
    assert desk.wait == 0
    desk.refuse(*desk.let_go())
    assert 0.25 <= desk.wait <= 0.5
    assert desk.overload.paused(desk.now) == desk.wait


def test_refusal_of_a_lone_request_pauses() -> None:
    """With nothing under way there is nothing to wait for but time."""
    desk = RequestHandler()
    desk.refuse(*desk.let_go())
    assert desk.wait == 0.25


def test_refusals_upon_refusals_pause() -> None:
    """What goes next after a refusal, and is refused as well, means a pause."""
    desk = RequestHandler()
    first, second, *_ = desk.let_go(4)
    desk.refuse(first)
    desk.response(second)
    desk.refuse(*desk.let_go())
    assert 0 < desk.wait < math.inf


def test_after_three_refusals_one_goes_at_a_time() -> None:
    """Until one is answered."""
    desk = RequestHandler()
    for _ in range(3):
        desk.refuse(*desk.let_go())
    (canary,) = desk.let_go()
    assert desk.wait == 0.5
    desk.now += 0.1
    desk.response(canary)
    assert desk.wait < 0.1
    desk.let_go(2)


def test_one_that_goes_alone_may_take_long() -> None:
    """One that isn't refused by then was let through: the next goes, alone again."""
    desk = RequestHandler()
    for _ in range(3):
        desk.refuse(*desk.let_go())
    desk.let_go()
    for _ in range(3):
        assert desk.wait == 0.5
        desk.now += 0.5
        desk.let_go()


def test_requested_wait_is_kept() -> None:
    """By all, even for requests that were sent before the refusal was known."""
    desk = RequestHandler()
    admissions = desk.let_go(4)
    desk.refuse(admissions[0], retry_after=3.0)
    assert desk.wait == 3.0
    desk.refuse(admissions[1], retry_after=5.0)
    assert desk.wait == 5.0


def test_outage_is_timed() -> None:
    """From the first refusal to the next response."""
    desk = RequestHandler()
    first, second, third = desk.let_go(3)
    since = [desk.overload.refusing_since]
    desk.now = 7.0
    desk.refuse(first, second)
    since.append(desk.overload.refusing_since)
    desk.response(third)
    since.append(desk.overload.refusing_since)
    assert since == [None, 7.0, None]


def test_latency_is_learnt_from_single_attempts() -> None:
    """What took several says nothing of the server."""
    desk = RequestHandler()
    desk.response(*desk.let_go(), latency=None)
    assert desk.concurrency.latency == 0.0
    desk.response(*desk.let_go(), latency=2.0)
    assert desk.concurrency.latency == 2.0


def test_levels_count_together() -> None:
    """A batch with a limit of its own shares the pauses, not the limit."""
    desk = RequestHandler(1)
    other = ConcurrencyLimit(start=5, floor=5, ceiling=5)
    first = desk.overload.admit(Wait(other), 0.0)
    (second,) = desk.let_go()
    assert (first.alone, second.alone) == (True, False)
    assert desk.wait == math.inf
    assert desk.overload.seconds_until_admitted(Wait(other), 0.0) == 0.0
    desk.refuse(second, retry_after=1.0)
    assert desk.overload.seconds_until_admitted(Wait(other), 0.0) == 1.0


def test_each_request_has_a_wait_of_its_own() -> None:
    """What one had to wait for says nothing of one that is admitted meanwhile under another limit."""
    desk = RequestHandler(1)
    desk.let_go()
    assert desk.wait == math.inf
    other = Wait(ConcurrencyLimit(start=5, floor=5, ceiling=5))
    assert desk.overload.seconds_until_admitted(other, 0.0) == 0.0
    assert (desk.next.for_limit, desk.overload.admit(other, 0.0).wait.for_limit) == (True, False)


def test_refusal_of_the_little_there_was_gives_no_rate() -> None:
    """A call that is refused alone stops the next one for a moment; from then on they go as before."""
    overload, concurrency = OverloadControl(lambda: 0.0), ConcurrencyLimit(start=10, ceiling=1000)
    now = 0.0

    def go() -> Admission:
        nonlocal now
        wait = Wait(concurrency, paced=False)
        now += overload.seconds_until_admitted(wait, now)
        return overload.admit(wait, now)

    for _ in range(10):
        overload.succeeded(go(), now, latency=None)
        now += 1.0
    overload.refused(go(), now, retry_after=None)
    overload.succeeded(go(), now, latency=None)
    now += 1.0
    began = now
    for _ in range(100):
        overload.succeeded(go(), now, latency=None)
    assert now == began


def test_fixed_limit_keeps_to_pauses_alone() -> None:
    """The batch's rate holds no call with a fixed limit back; what that sends counts in the rate all the same."""
    desk = RequestHandler()
    for _ in range(20):
        desk.response(*desk.let_go())
        desk.now += 1.0
    fixed = Wait(ConcurrencyLimit(start=2, floor=2, ceiling=2), adaptive=False, paced=False)
    desk.refuse(*desk.let_go())
    assert desk.wait > 0.0
    assert desk.overload.seconds_until_admitted(fixed, desk.now) == 0.0
    desk.response(*desk.let_go())
    desk.now += 10.0
    for _ in range(200):
        assert desk.overload.seconds_until_admitted(fixed, desk.now) == 0.0
        desk.response(desk.overload.admit(fixed, desk.now))
    assert desk.wait > 1.0
    calls = [desk.overload.admit(fixed, desk.now) for _ in range(2)]
    assert desk.overload.seconds_until_admitted(fixed, desk.now) == math.inf
    desk.refuse(calls[0])
    assert desk.overload.seconds_until_admitted(fixed, desk.now) == 0.0
    desk.refuse(calls[1], retry_after=3.0)
    assert desk.overload.seconds_until_admitted(fixed, desk.now) == pytest.approx(3.0)


def test_long_wait_is_for_a_window() -> None:
    """It doesn't lower the limit, but gives a rate, which holds back what comes after it."""
    desk = RequestHandler(10)
    for _ in range(10):
        desk.response(*desk.let_go(10), latency=0.0)
    limit = desk.concurrency.limit
    desk.now += 10
    desk.refuse(*desk.let_go(), retry_after=50.0)
    desk.response(*desk.let_go())
    assert desk.concurrency.limit == limit
    desk.let_go(3)
    assert 0.1 < desk.wait < 1.0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_limit_of_requests_under_way(retry_after: float | None, seed: int) -> None:
    """A capacity of 37 is found within 15 % and held, with few refusals and most of the throughput."""
    server = Server(at_once=37, retry_after=retry_after)
    course = simulate(server, 240, seed=seed)
    assert 0.85 * 37 <= course.limit(60, 240) <= 1.15 * 37
    assert course.throughput(60, 240) >= 0.85 * 37 / server.latency
    assert course.refused(60, 240) < 0.02


def test_responses_in_step() -> None:
    """So it is where all responses take the same time, and come in bursts."""
    course = simulate(Server(at_once=37, spread=0.0), 240)
    assert 0.85 * 37 <= course.limit(60, 240) <= 1.15 * 37
    assert course.throughput(60, 240) >= 0.85 * 37
    assert course.refused(60, 240) < 0.02


def test_doubled_and_halved_limit() -> None:
    """What changes on the way is found again."""
    changes = {120.0: {"at_once": 74}, 300.0: {"at_once": 20}}
    course = simulate(Server(at_once=37), 420, changes=changes)
    assert course.limit(220, 300) == pytest.approx(74, rel=0.15)
    assert course.throughput(220, 300) >= 0.85 * 74
    assert course.limit(340, 420) == pytest.approx(20, rel=0.15)
    assert course.throughput(340, 420) >= 0.85 * 20
    assert course.refused(220, 300) < 0.02


def test_small_limit() -> None:
    """A server that takes three at once is kept busy with three."""
    course = simulate(Server(at_once=3), 600)
    assert course.limit(200, 600) == pytest.approx(3, abs=0.3)
    assert course.throughput(200, 600) >= 0.85 * 3
    assert course.refused(200, 600) < 0.02


def test_queue_without_refusals() -> None:
    """A server that lets requests wait in line is met where the line begins."""
    course = simulate(Server(workers=37, spread=0.1), 300)
    assert course.limit(100, 300) == pytest.approx(37, rel=0.15)
    assert course.throughput(100, 300) >= 0.9 * 37
    doubled = simulate(Server(workers=37, spread=0.1), 400, changes={100.0: {"workers": 74}})
    assert doubled.limit(250, 400) == pytest.approx(74, rel=0.15)


@pytest.mark.parametrize("retry_after", [None, 1.0, "window"])
@pytest.mark.parametrize("latency", [0.1, 2.0])
def test_limit_of_requests_a_minute(retry_after: float | str | None, latency: float) -> None:
    """The rate is learnt, whether or not the server says when to come back."""
    server = Server(latency=latency, window=(600, 60.0), retry_after=retry_after)
    course = simulate(server, 900)
    assert course.throughput(400, 900) >= 0.85 * 10
    assert course.refused(400, 900) < 0.02


def test_changed_limit_of_requests_a_minute() -> None:
    """The rate follows, up and down."""
    changes = {300.0: {"window": (1200, 60.0)}, 900.0: {"window": (300, 60.0)}}
    course = simulate(Server(window=(600, 60.0)), 1500, changes=changes)
    assert course.throughput(600, 900) >= 0.85 * 20
    assert course.refused(600, 900) < 0.02
    assert course.throughput(1100, 1500) >= 0.85 * 5
    assert course.refused(1100, 1500) < 0.02


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rest_of_a_window(seed: int) -> None:
    """Others had used up nearly all of a minute when the batch began: the few responses that were left don't slow it down
    for long.
    """
    server = Server(window=(600, 60.0))
    server.accepted.extend([-30.0] * 590)
    assert simulate(server, 240, seed=seed).throughput(60, 240) >= 0.75 * 10


def test_short_window() -> None:
    """Ten a second, where responses take longer than that."""
    course = simulate(Server(window=(10, 1.0)), 600)
    assert course.throughput(250, 600) >= 0.85 * 10
    assert course.refused(250, 600) < 0.02


def test_refusals_for_no_reason_dont_stop_a_batch() -> None:
    """One request in a hundred refused at random costs little more than itself."""
    concurrency = ConcurrencyLimit(start=16, ceiling=50)
    course = simulate(Server(failing=0.01), 400, concurrency=concurrency)
    assert course.throughput(100, 400) >= 0.8 * 50


def test_refusals_for_no_reason_at_the_start_cost_little() -> None:
    """Two of the first requests are refused, of thousands: the limit finds within seconds that it wasn't for their number."""
    server = Server(latency=0.05)
    server.refusing = {3, 9}
    course = simulate(server, 3, concurrency=ConcurrencyLimit(start=16, ceiling=750))
    assert len(course.refusals) == 2
    assert len(course.responses) > 3000


@pytest.mark.parametrize("failing", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize(("latency", "seconds"), [(0.02, 40), (0.3, 200), (2.0, 400)])
@pytest.mark.parametrize("most", [8, 32])
def test_random_refusals_cost_a_fixed_number_only_themselves(
    most: int, latency: float, seconds: int, failing: float
) -> None:
    """After a while as much is let through as if each had been sent again with nothing learnt from it."""
    fixed = ConcurrencyLimit(start=most, floor=most, ceiling=most)
    course = simulate(Server(latency=latency, failing=failing), seconds, concurrency=fixed)
    free = most / (latency + 2 * WAY)
    assert course.throughput(seconds / 2, seconds) >= 0.85 * free * (1 - failing)


@pytest.mark.parametrize("failing", [0.02, 0.05, 0.1, 0.2])
def test_random_refusals_dont_hold_back_a_limit_that_is_found(failing: float) -> None:
    """It grows as far as it may."""
    concurrency = ConcurrencyLimit(start=16, ceiling=50)
    course = simulate(Server(failing=failing), 400, concurrency=concurrency)
    assert course.throughput(200, 400) >= 0.85 * 50 * (1 - failing)


@pytest.mark.parametrize("failing", [0.02, 0.1])
@pytest.mark.parametrize("limits", [{"at_once": 37}, {"window": (1200, 60.0)}])
def test_random_refusals_beside_a_limit(limits: dict[str, Any], failing: float) -> None:
    """That is found, roughly, in spite of them."""
    course = simulate(Server(failing=failing, **limits), 600)
    free = limits.get("at_once", 20)
    assert course.throughput(200, 600) >= 0.65 * free * (1 - failing)


@pytest.mark.parametrize(
    ("most", "seconds", "failing", "least"),
    [(1, 300, 0.3, 6), (1, 300, 0.6, 2), (32, 60, 0.3, 200), (32, 60, 0.6, 50)],
)
def test_random_refusals_make_a_fixed_number_no_slower_and_slower(
    most: int, seconds: int, failing: float, least: float
) -> None:
    """A third or more refused at random, at any pace: each costs a short pause, and no rate is learnt from them."""
    fixed = ConcurrencyLimit(start=most, floor=most, ceiling=most)
    course = simulate(Server(latency=0.01, failing=failing), seconds, concurrency=fixed)
    assert course.throughput(0, seconds) >= least


@pytest.mark.parametrize(("failing", "least"), [(0.2, 1000), (0.5, 300)])
def test_number_at_once_isnt_cut_for_random_refusals(failing: float, least: float) -> None:
    """Nor for those of requests that were sent together: once they are taken for random ones, as much is sent as before."""
    concurrency = ConcurrencyLimit(start=16, ceiling=100)
    course = simulate(Server(latency=0.02, failing=failing), 60, concurrency=concurrency)
    assert course.throughput(30, 60) >= least


def test_retry_after_of_no_time_is_none() -> None:
    """Servers that refuse here and there send 0: it asks for nothing, and tells as little of a rate as a refusal without it."""
    responses = [
        simulate(Server(latency=0.01, failing=0.3, retry_after=asked), 60).responses
        for asked in (None, 0.0)
    ]
    assert responses[0] == responses[1]


def test_random_refusals_dont_close_the_limit() -> None:
    """Nor is the number under way cut for long."""
    course = simulate(Server(latency=0.01, failing=0.3), 30)
    assert course.throughput(0, 30) >= 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_limit_that_is_restored_during_a_trial(seed: int) -> None:
    """A lone refusal takes back the cuts before it while another limit is tried: that trial is over."""
    concurrency = ConcurrencyLimit(start=16, ceiling=50)
    server = Server(latency=0.1, failing=0.02)
    course = simulate(server, 300, concurrency=concurrency, seed=seed)
    assert course.throughput(0, 300) > 100


@pytest.mark.parametrize("allowed", [(1, 1.0), (10, 1.0), (20, 1.0), (60, 60.0)])
@pytest.mark.parametrize("most", [1, 32])
def test_window_of_a_fixed_number_isnt_taken_for_chance(
    most: int, allowed: tuple[int, float]
) -> None:
    """What refuses by the clock is learnt, though it refuses much of what is sent at first."""
    fixed = ConcurrencyLimit(start=most, floor=most, ceiling=most)
    course = simulate(Server(latency=0.01, window=allowed), 900, concurrency=fixed)
    assert course.throughput(300, 900) >= 0.8 * allowed[0] / allowed[1]
    assert course.refused(300, 900) < 0.06


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize(("failing", "seconds"), [(0.3, 60), (0.8, 20), (0.8, 60)])
def test_recovery_from_random_refusals(failing: float, seconds: int, seed: int) -> None:
    """What was learnt while a server refused much at random doesn't slow a batch for long once it is well."""
    concurrency = ConcurrencyLimit(start=16, ceiling=32)
    server = Server(latency=0.02, failing=failing)
    changes = {float(seconds): {"failing": 0.0}}
    course = simulate(server, seconds + 125, concurrency=concurrency, changes=changes, seed=seed)
    assert course.throughput(seconds + 115, seconds + 125) > 200


def test_recovery_from_an_outage() -> None:
    """A server that refused everything for half a minute is soon used to the full again."""
    changes = {100.0: {"at_once": 0}, 130.0: {"at_once": 37}}
    course = simulate(Server(at_once=37), 260, changes=changes)
    assert len([at for at in course.refusals if 101 < at < 130]) < 15
    assert course.throughput(180, 260) >= 0.85 * 37


def test_what_the_server_responses_at_length_holds_nobody_up() -> None:
    """A stream's response has begun: a refusal after that doesn't wait for its end, but pauses."""
    overload = OverloadControl(lambda: 0.0)
    concurrency = ConcurrencyLimit(start=4, floor=4, ceiling=4)
    stream = overload.admit(Wait(concurrency), 0.0)
    overload.accepted(stream)
    refused = overload.admit(Wait(concurrency), 0.0)
    overload.refused(refused, 0.0, retry_after=None)
    assert 0 < overload.seconds_until_admitted(Wait(concurrency), 0.0) < math.inf
    assert overload.paused(0.0) > 0
    other = overload.admit(Wait(concurrency), 20.0)
    overload.refused(other, 20.0, retry_after=None)
    overload.accepted(stream)  # which was sent before the refusals, and so tells nothing new
    assert overload.seconds_until_admitted(Wait(concurrency), 20.0) > 0
    overload.release(stream)
    assert overload.in_flight == 0


def test_pause_of_another_process() -> None:
    """Holds everybody back, as one of this process does."""
    overload = OverloadControl(lambda: 0.0)
    concurrency = ConcurrencyLimit(start=4, floor=4, ceiling=4)
    overload.pause(7.0, concurrency, 0.0)
    assert overload.seconds_until_admitted(Wait(concurrency, paced=False), 0.0) == 7.0


@pytest.mark.parametrize("retry_after", [None, 1.0, 30.0])
def test_outage_before_any_response_teaches_no_rate(retry_after: float | None) -> None:
    """A server that lets nothing through says nothing of a rate: once it is back, all that the limit allows go."""
    desk = RequestHandler()
    for _ in range(4):
        desk.refuse(*desk.let_go(), retry_after=retry_after)
    desk.response(*desk.let_go(), latency=0.05)
    began = desk.now
    for _ in range(200):
        desk.response(*desk.let_go(), latency=0.05)
        desk.now += 0.005
    assert desk.now - began < 10


def test_response_to_a_probe_ends_the_pause() -> None:
    """It went during it, to find out whether the server is back; refused, it ends nothing."""
    desk = RequestHandler()
    desk.refuse(*desk.let_go())
    probe = Wait(desk.concurrency, probe=True)
    assert (desk.wait > 0, desk.overload.seconds_until_admitted(probe, desk.now)) == (True, 0.0)
    desk.refuse(desk.overload.admit(probe, desk.now))
    assert desk.wait > 0
    desk.response(desk.overload.admit(probe, desk.now))
    assert desk.wait == 0.0


def test_request_that_was_accepted_first_counts_once() -> None:
    """A stream's response begins, and then it is whole: only the first tells whether the server refuses."""
    desk = RequestHandler()
    (stream,) = desk.let_go()
    assert desk.overload.undecided == 1
    desk.overload.accepted(stream)
    assert (desk.overload.undecided, desk.overload.in_flight) == (0, 1)
    desk.response(stream, latency=3.0)
    assert (desk.overload.undecided, desk.overload.in_flight) == (0, 0)
    assert desk.concurrency.latency == 3.0


@pytest.mark.parametrize(
    ("latency", "failing", "asked"),
    [(0.2, 0.005, 5.0), (0.2, 0.05, 5.0), (1.0, 0.01, 5.0), (1.0, 0.2, 1.0)],
)
def test_waits_that_are_for_the_refused_ones_alone(
    latency: float, failing: float, asked: float
) -> None:
    """A server that says so at random and takes the next request: all the others go on."""
    course = simulate(
        Server(latency=latency, failing=failing, retry_after=asked),
        900,
        concurrency=ConcurrencyLimit(start=16, ceiling=32),
    )
    assert course.throughput(450, 900) >= 0.8 * 32 / (latency + 2 * WAY) * (1 - failing)


@pytest.mark.parametrize("asked", [1.0, "window"])
def test_waits_for_all_after_some_for_one(asked: float | str) -> None:
    """A limit that begins to be enforced is kept to, whatever the server's waits meant before."""
    server = Server(latency=0.2, failing=0.02, retry_after=1.0, window=(100_000, 60.0))
    changes = {200.0: {"window": (600, 60.0), "failing": 0.0, "retry_after": asked}}
    course = simulate(server, 1200, changes=changes)
    assert course.throughput(100, 200) >= 100
    assert course.throughput(700, 1200) >= 0.9 * 10
    assert course.refused(700, 1200) <= 0.1
