"""Requests and tokens a minute."""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest

from horay_async._protocol.limits.rate_limiter import GCRA, RateLimiter


def times(
    rate_limiter: RateLimiter, seconds: float, *, tokens: float = 0.0, late: float = 0.0
) -> list[float]:
    """When requests go that are sent as soon as they may, by timers that fire up to `late` seconds late."""
    chance = random.Random(1)
    now, sent = 0.0, list[float]()
    while now < seconds:
        if (wait := rate_limiter.wait(now)) > 0:
            now += wait + late * chance.random()
        else:
            rate_limiter.take(tokens, now)
            sent.append(now)
    return sent


def most_in(sent: list[float], seconds: float) -> int:
    """The most that went in any so many seconds."""
    return max(bisect_left(sent, at + seconds) - index for index, at in enumerate(sent))


@pytest.mark.parametrize("rpm", [1, 10, 60, 601, 3000])
def test_no_minute_holds_more_than_was_asked_for(rpm: int) -> None:
    """Not at the beginning, nor with timers that are late; and it is nearly used up."""
    sent = times(RateLimiter(rpm=rpm), 240, late=0.01)
    assert most_in(sent, 60 - 1e-6) <= rpm
    assert len(sent) >= 0.97 * rpm * 4


def test_requests_go_evenly_spaced() -> None:
    """Sixty a minute go a second apart, give or take a tenth of a second."""
    assert times(RateLimiter(rpm=60), 5) == pytest.approx([0, 0.9, 1.9, 2.9, 3.9, 4.9], abs=0.02)


def test_what_was_missed_is_caught_up_with_within_bounds() -> None:
    """After a silence no more than a tenth of a second's worth goes at once."""
    rate_limiter = RateLimiter(rpm=60_000)
    rate_limiter.take(0, 0.0)
    burst = 0
    while rate_limiter.wait(10.0) <= 0:
        rate_limiter.take(0, 10.0)
        burst += 1
    assert burst == pytest.approx(100, abs=1)


def test_tokens_are_paced_whatever_the_size() -> None:
    """A request larger than the burst goes, and the next waits until it is paid off."""
    rate_limiter = RateLimiter(tpm=6000)
    rate_limiter.take(1000, 0.0)
    assert rate_limiter.wait(0.0) == pytest.approx(10, rel=0.02)


def test_estimates_are_corrected() -> None:
    """What a response didn't take is given back, what it took beyond is added."""
    rate_limiter = RateLimiter(tpm=6000)
    rate_limiter.take(1000, 0.0)
    rate_limiter.correct(-500, 0.0)
    assert rate_limiter.wait(0.0) == pytest.approx(5, rel=0.02)
    rate_limiter.correct(200, 0.0)
    assert rate_limiter.wait(0.0) == pytest.approx(7, rel=0.02)


def test_both_limits_hold() -> None:
    """The stricter one decides."""
    assert len(times(RateLimiter(rpm=60, tpm=600), 60, tokens=100)) == pytest.approx(6, abs=1)
    assert len(times(RateLimiter(rpm=6, tpm=600_000), 60, tokens=100)) == pytest.approx(6, abs=1)


def test_no_limit_never_waits() -> None:
    """Without limits everything goes at once."""
    rate_limiter = RateLimiter()
    rate_limiter.take(1e9, 0.0)
    assert rate_limiter.wait(0.0) == 0.0


def test_rate_can_be_raised() -> None:
    """The rate is free to change while it is in use."""
    rate = GCRA(1.0)
    rate.take(1, 0.0)
    assert rate.wait(0.0) == 1.0
    rate.per_second = 10.0
    rate.take(1, 1.0)
    assert rate.wait(1.0) == pytest.approx(0.1)


def test_what_was_not_sent_is_given_back() -> None:
    """The next goes as if it hadn't been; and no more than that."""
    limiter = RateLimiter(rpm=60, tpm=6000)
    for _ in range(3):
        limiter.take(6000, 0.0)
        assert limiter.wait(0.0) > 0
        limiter.give_back(6000, 0.0)
        assert limiter.wait(0.0) == 0.0
    RateLimiter().give_back(5, 0.0)


@pytest.mark.parametrize(("rpm", "tpm", "seconds"), [(60, None, 1), (None, 6000, 2), (60, 6000, 2)])
def test_is_idle_once_all_is_through(rpm: float | None, tpm: float | None, seconds: float) -> None:
    """As good as new: when requests and tokens have taken their time."""
    limiter = RateLimiter(rpm, tpm)
    assert limiter.is_idle(0.0)
    limiter.take(200, 0.0)
    assert not limiter.is_idle(seconds)  # the burst is taken off the rate
    assert limiter.is_idle(seconds * 1.2)
    assert RateLimiter().is_idle(0.0)
