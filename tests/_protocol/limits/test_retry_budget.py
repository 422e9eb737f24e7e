"""The retries that all calls of a client may make together."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.retry_budget import RetryBudget


def test_budget_of_a_crowd() -> None:
    """A thousand calls that fail at once send at most 1,100 requests, however often each would retry."""
    budget = RetryBudget()
    granted = sum(budget.take(now=100.0) for _ in range(3) for _ in range(1000))
    assert 50 <= granted <= 100


@pytest.mark.parametrize("gap", [0.1, 10.0, 600.0])
def test_budget_of_a_slow_crowd(gap: float) -> None:
    """So do a thousand that fail in waves of 256, as their connections allow, and retry twice."""
    budget, now, requests = RetryBudget(), 0.0, 0
    waiting = [0] * 1000  # the retries that each call has made
    while waiting:
        wave, waiting = waiting[:256], waiting[256:]
        requests += len(wave)
        now += gap
        waiting += [made + 1 for made in wave if made < 2 and budget.take(now=now)]
    assert 1050 <= requests <= 1100


def test_budget_of_a_lone_call() -> None:
    """A client that makes a call now and then always gets its two retries."""
    budget, now = RetryBudget(), 0.0
    for _ in range(500):
        now += 30.0
        assert budget.take(now=now)
        assert budget.take(now=now)


def test_budget_after_an_outage() -> None:
    """An exhausted budget gives a lone call its retries back after a while, but no crowd's worth."""
    budget = RetryBudget()
    while budget.take(now=0.0):
        pass
    assert not budget.take(now=1.0)
    assert [budget.take(now=25.0) for _ in range(3)] == [True, True, False]
    assert sum(budget.take(now=1e6) for _ in range(100)) == budget.LONE


def test_budget_is_refilled_by_successes() -> None:
    """Ten successes pay for a retry, up to the capacity."""
    budget = RetryBudget()
    while budget.take(now=0.0):
        pass
    for _ in range(11):  # one more than ten: a tenth isn't exact in binary
        budget.succeeded()
    assert budget.take(now=0.0)
    assert not budget.take(now=0.0)
    for _ in range(10_000):
        budget.succeeded()
    assert sum(budget.take(now=0.0) for _ in range(200)) == budget.CAPACITY


def test_budget_survives_a_clock_that_steps_back() -> None:
    """Time that runs backwards gives nothing and takes nothing."""
    budget = RetryBudget()
    while budget.take(now=1000.0):
        pass
    assert not budget.take(now=500.0)
    assert budget.take(now=510.0)
