"""The rate that a server turns out to allow."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.learned_rate import TESTED, LearnedRate


def send(
    rate: LearnedRate, *, since: float, until: float, each: float, waited: bool = False
) -> None:
    """Requests that go at regular times and are answered at once."""
    for number in range(round((until - since) / each)):
        now = since + number * each
        rate.sent(now, waited=waited)
        rate.succeeded(now)


def guess(per_second: float = 10.0) -> tuple[LearnedRate, float]:
    """A rate that was guessed at from a window of a minute that was used up, and the time by then."""
    rate = LearnedRate()
    used_up = 60 * per_second
    send(rate, since=0.0, until=6.0, each=6.0 / used_up)
    rate.learn(refusals=3, paused=54.0, now=60.0)
    return rate, 60.0


def proven(per_second: float = 10.0) -> tuple[LearnedRate, float]:
    """A rate that has been met with a refusal, and the time by then."""
    rate, now = guess(per_second)
    send(rate, since=now, until=now + 30, each=30 / TESTED, waited=True)
    now += 30
    rate.learn(refusals=1, paused=0.0, now=now)
    return rate, now


def test_nothing_waits_without_a_rate() -> None:
    """As long as the server didn't refuse for the rate's sake, there is none."""
    rate = LearnedRate()
    send(rate, since=0.0, until=10.0, each=0.001)
    rate.resume(20.0)
    assert rate.per_second is None
    assert rate.wait(20.0) == 0.0


def test_guess_counts_the_pause_as_part_of_the_window() -> None:
    """600 responses in 6 seconds and a pause of 54 are ten a second; the request that ended the pause is one of them."""
    rate, now = guess()
    assert rate.per_second == pytest.approx(10, rel=0.05)
    assert not rate.proven
    rate.sent(now, waited=False)
    assert 0.1 < rate.wait(now) < 0.3


def test_no_response_gives_no_rate() -> None:
    """A server that refused from the first request on says nothing of a rate."""
    rate = LearnedRate()
    rate.sent(0.0, waited=False)
    rate.learn(refusals=3, paused=5.0, now=5.0)
    assert rate.per_second is None


def test_guess_grows_fast() -> None:
    """By a tenth every ten requests that it held back, and no more often than once a second."""
    rate, now = guess()
    before = rate.per_second
    assert before is not None
    send(rate, since=now, until=now + 0.9, each=0.01, waited=True)
    assert rate.per_second == before
    send(rate, since=now + 0.9, until=now + 1.1, each=0.01, waited=True)
    assert rate.per_second == pytest.approx(1.1 * before)


def test_weak_guess_doubles() -> None:
    """Few responses before a long pause say little: they may have been the rest of a window."""
    for responses, paused, grown in ((10, 50.0, 2.0), (10, 0.5, 1.0), (200, 50.0, 1.0)):
        rate = LearnedRate()
        send(rate, since=0.0, until=1.0, each=1 / responses)
        rate.learn(refusals=3, paused=paused, now=1 + paused)
        before = rate.per_second
        assert before is not None
        now = 1 + paused
        send(rate, since=now, until=now + 2, each=2 / 9, waited=True)
        assert rate.per_second == pytest.approx(grown * before)
        rate.learn(refusals=1, paused=0.0, now=now + 2)
        before = rate.per_second
        assert before is not None
        send(rate, since=now + 3, until=now + 5, each=2 / 9, waited=True)
        assert rate.per_second == before  # a refusal ends that


def test_guess_of_a_moment_doubles() -> None:
    """So do few responses in less than a second: a server refuses some of its first requests for no reason."""
    rate = LearnedRate()
    send(rate, since=0.0, until=0.1, each=0.01)
    rate.learn(refusals=2, paused=0.05, now=0.15)
    before = rate.per_second
    assert before is not None
    send(rate, since=0.15, until=2.15, each=2 / 9, waited=True)
    assert rate.per_second == pytest.approx(2 * before)


def test_calls_that_dont_keep_to_a_rate_leave_something_of_it() -> None:
    """What they get through beyond a guess makes that grow, so that what keeps to it is sent at last."""
    rate, now = guess()
    until = now + 60
    while now < until and rate.wait(now) == 0.0:
        rate.sent(now, waited=None)  # fifteen a second
        rate.succeeded(now)
        now += 1 / 15
    assert rate.wait(now) > 0
    while now < until and rate.wait(now) > 0:
        rate.sent(now, waited=None)
        rate.succeeded(now)
        now += 1 / 15
    assert now < until
    assert rate.per_second is not None
    assert rate.per_second > 15


def test_refusal_proves_a_guess() -> None:
    """What was held back often enough before it is refused was the rate's doing."""
    rate, _ = proven()
    assert rate.proven


def test_early_refusal_proves_nothing() -> None:
    """A refusal right after the guess belongs to what led to it."""
    rate, now = guess()
    send(rate, since=now, until=now + 1, each=0.5, waited=True)
    rate.learn(refusals=1, paused=0.0, now=now + 1)
    assert not rate.proven


def test_proven_rate_falls_a_little_with_each_refusal() -> None:
    """To a bit below what it was; episodes that follow one another fast don't add up."""
    rate, now = proven()
    before = rate.per_second
    assert before is not None
    rate.learn(refusals=1, paused=0.0, now=now + 1)
    assert rate.per_second == pytest.approx(0.97 * before)


def test_rate_falls_no_lower_than_what_was_let_through() -> None:
    """However long the pause, the responses of the last minute count."""
    rate, now = proven()
    send(rate, since=now, until=now + 60, each=0.1, waited=True)
    rate.learn(refusals=1, paused=59.0, now=now + 60)
    assert rate.per_second == pytest.approx(9.7, rel=0.02)


def test_responses_of_long_ago_dont_count() -> None:
    """After a minute without a response, the pause speaks for itself."""
    rate, now = proven()
    before = rate.per_second
    assert before is not None
    send(rate, since=now + 120, until=now + 121, each=0.5, waited=True)
    rate.learn(refusals=1, paused=30.0, now=now + 151)
    assert rate.per_second == pytest.approx(0.97 * before / 1.5, rel=0.1)


def grown(rate: LearnedRate, now: float) -> tuple[int, float]:
    """Lets requests go, ten a second, until the rate has grown; how many went, and the time by then."""
    before, count = rate.per_second, 0
    while rate.per_second == before:
        rate.sent(now, waited=True)
        rate.succeeded(now)
        count += 1
        now += 0.1
    return count, now


def test_proven_rate_is_calm_before_it_grows() -> None:
    """In proportion to the refusals; then it grows by more each time."""
    rate, now = proven()
    before = rate.per_second
    assert before is not None
    count, now = grown(rate, now)
    # Four refusals in all, and the responses between the first three and the fourth.
    assert count == pytest.approx(150 * 4 - TESTED, abs=2)
    assert rate.per_second == pytest.approx(1.03 * before)
    for step in (1.06, 1.08, 1.08):
        before = rate.per_second
        assert before is not None
        count, now = grown(rate, now)
        assert count == pytest.approx(100, abs=2)
        assert rate.per_second == pytest.approx(step * before)


def test_deep_fall_is_followed_by_no_calm() -> None:
    """It may have gone too far."""
    rate, now = proven()
    send(rate, since=now + 120, until=now + 121, each=0.5, waited=True)
    rate.learn(refusals=50, paused=50.0, now=now + 171)
    count, _ = grown(rate, now + 171)
    assert count <= 102


def test_calm_is_bounded_in_time() -> None:
    """At a low rate, the responses to wait for would take too long."""
    rate, now = proven(per_second=1.0)
    rate.learn(refusals=9, paused=0.0, now=now)
    before = rate.per_second
    send(rate, since=now, until=now + 299, each=1.0, waited=True)
    assert rate.per_second == before
    send(rate, since=now + 299, until=now + 302, each=1.0, waited=True)
    assert rate.per_second != before


def test_calm_lasts_in_proportion_to_the_pause() -> None:
    """A pause of two seconds is followed by 40 without an attempt at more, responses or not."""
    rate, now = proven()
    send(rate, since=now, until=now + 60, each=0.1, waited=True)
    now += 60
    rate.learn(refusals=0, paused=2.0, now=now)
    before = rate.per_second
    send(rate, since=now, until=now + 39, each=0.1, waited=True)
    assert rate.per_second == before
    send(rate, since=now + 39, until=now + 41, each=0.1, waited=True)
    assert rate.per_second != before


def test_lone_refusals_are_tolerated() -> None:
    """One in a hundred changes nothing, two in a row do, and so does one that is sure."""
    rate, _ = proven()
    assert not rate.refused(counts_alone=False)
    send(rate, since=100.0, until=110.0, each=0.1)
    assert not rate.refused(counts_alone=False)
    assert rate.refused(counts_alone=False)
    assert not rate.refused(counts_alone=False)
    assert rate.refused(counts_alone=True)


def test_rate_that_isnt_to_blame_is_forgotten() -> None:
    """Where as many are refused at a rate a quarter lower, it isn't the rate; a sure one begins anew."""
    rate, now = proven()

    def rare(times: int) -> None:
        for _ in range(times):
            send(rate, since=now, until=now + 4, each=0.1, waited=True)
            rate.refused(counts_alone=False)
            rate.refused(counts_alone=False)

    rare(9)
    rate.refused(counts_alone=True)
    rare(9)
    before = rate.per_second
    rare(1)
    assert (before is None, rate.per_second) == (False, None)
    assert not rate.proven


def test_unused_rate_is_forgotten() -> None:
    """A hundred requests in a row that didn't have to wait for it."""
    rate, now = guess()
    send(rate, since=now, until=now + 99, each=1.0)
    rate.sent(now + 99, waited=True)
    send(rate, since=now + 99, until=now + 198, each=1.0)
    before = rate.per_second
    rate.sent(now + 198, waited=False)
    assert (before is None, rate.per_second) == (False, None)


def test_doubtful_rate_is_dropped_after_a_minute_without_a_refusal() -> None:
    """It may have been set while the server was out of order. The next one is trusted for twice as long: it may have been right."""
    rate, now = guess()
    for trusted in (60, 120):
        rate.learn(refusals=1, paused=0.0, now=now, doubtful=True)
        send(rate, since=now, until=now + trusted, each=1.0, waited=True)
        before, now = rate.per_second, now + trusted
        send(rate, since=now, until=now + 1, each=1.0, waited=True)
        assert (before is None, rate.per_second) == (False, None)


def test_refusal_renews_the_trust_in_a_doubtful_rate() -> None:
    """Sending more slowly has not ended the refusals yet, so that it isn't shown to be without use."""
    rate, now = guess()
    for _ in range(3):
        rate.learn(refusals=1, paused=0.0, now=now, doubtful=True)
        send(rate, since=now, until=now + 50, each=1.0, waited=True)
        now += 50
    rate.learn(refusals=1, paused=0.0, now=now)  # no longer doubtful
    send(rate, since=now, until=now + 200, each=1.0, waited=True)
    assert rate.per_second is not None


def test_clock_that_goes_back() -> None:
    """A rate is learnt all the same, and holds nothing up for longer than until the clock is where it was."""
    rate, now = proven()
    back = now - 1000
    send(rate, since=back, until=back + 1, each=0.1)
    rate.learn(refusals=1, paused=0.5, now=back + 2)
    assert rate.per_second is not None
    assert rate.per_second > 0
    assert rate.wait(back + 2) < 1.0
    assert rate.wait(now) == 0.0


def test_refusal_is_no_surprise_once_it_has_grown() -> None:
    """Nor where there is no rate."""
    assert LearnedRate().has_grown
    rate, now = guess()
    grown = [rate.has_grown]
    send(rate, since=now, until=now + 30, each=0.1, waited=True)
    grown.append(rate.has_grown)
    rate.learn(refusals=1, paused=0.0, now=now + 30)
    grown.append(rate.has_grown)
    assert grown == [False, True, False]
