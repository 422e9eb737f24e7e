"""Retry-After in all its forms, and the budget that retries are taken from."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.limits.retry import RetryBudget, parse_retry_after

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "-0.0"}, 0.0),
        ({"Retry-After": "99999999999999"}, 99999999999999.0),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-inf"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "7 s"}, None),
        # The three forms of a date that RFC 9110 has, 30 s from now; the last names no zone.
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
        ({"Retry-After": "Sunday, 06-Nov-94 08:50:07 GMT"}, 30.0),
        ({"Retry-After": "Sun Nov  6 08:50:07 1994"}, 30.0),
        ({"Retry-After": "Sun, 06 Nov 1994 09:50:07 +0100"}, 30.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:07 GMT"}, 0.0),
        ({"Retry-After": "Sun, 99 Nov 1994 08:50:07 GMT"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 27:50:07 GMT"}, None),
        ({"Retry-After": "Sun, 06 Nov 99999 08:50:07 GMT"}, None),
        ({"Retry-After": "9" * 400}, None),
        # What Python's own readers take for numbers.
        ({"Retry-After": "1_0"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "３"}, None),
        ({"Retry-After": "+5"}, None),
        ({"Retry-After": "5\n"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:0٧ GMT"}, None),
        ({"Retry-After": "Sun, 0_6 Nov 1994 08:50:07 GMT"}, None),
        ({"retry-after-ms": "1_0", "Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
        ({"retry-after-ms": "-1", "Retry-After": "7"}, 0.0),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "inf", "Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "soon"}, None),
    ],
)
def test_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Every form is understood, and what isn't one is passed over."""
    assert parse_retry_after(headers, now=NOW) == seconds


@given(
    st.text(st.sampled_from("0123456789_eE+-.xinfa ٣３²\t"))
    | st.text()
    | st.from_regex(r"\d[\d_.]*")
)
def test_only_digits(text: str) -> None:
    """A number is digits with an optional fraction, and anything else is as if it weren't there."""
    bare = text.strip(" \t").removeprefix("-")
    whole, point, fraction = bare.partition(".")
    parts = (whole, fraction) if point else (whole,)
    number = all(part and set(part) <= set("0123456789") for part in parts)
    for name, unit in (("Retry-After", 1), ("retry-after-ms", 1000)):
        waited = parse_retry_after({name: text}, now=NOW)
        if not number:
            assert waited is None
        elif math.isfinite(float(bare)):
            assert waited == (0.0 if "-" in text else float(bare) / unit)


@given(
    # From 1970 to 2060; before and after, two digits of a year are another century's.
    st.integers(0, 2_840_140_800),
    st.floats(-1e9, 1e9),
    st.sampled_from(
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
    ),
)
def test_dates(moment: int, offset: float, form: str) -> None:
    """The wait until any date, in any of the three forms, is exact, and never negative."""
    date = datetime.fromtimestamp(moment, UTC).strftime(form)
    waited = parse_retry_after({"Retry-After": date}, now=moment + offset)
    assert waited == pytest.approx(max(0.0, -offset), abs=1e-3)


@given(st.text() | st.from_regex(r"[A-Za-z]{3},? ?\d+[- ][A-Za-z]{3}[- ]\d+ \d+:\d+:\d+.*"))
def test_garbage(text: str) -> None:
    """Nothing that a server sends makes it fail, or gives a wait below 0."""
    waited = parse_retry_after({"Retry-After": text, "retry-after-ms": text}, now=NOW)
    assert waited is None or waited >= 0


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
