"""Retry-After in all its forms."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from horay_async._protocol.limits.retry_after import parse_retry_after

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
        ({"Retry-After": "999999999"}, 999999999.0),
        # The moment in Unix time, in seconds and in milliseconds.
        ({"Retry-After": "1000000007"}, 1_000_000_007 - NOW),
        ({"Retry-After": "1000000000", "Date": "Sun, 09 Sep 2001 01:46:33 GMT"}, 7.0),
        ({"Retry-After": "1000000000", "Date": "Sun, 09 Sep 2001 01:46:47 GMT"}, 0.0),
        ({"Retry-After": "1000000000500", "Date": "Sun, 09 Sep 2001 01:46:33 GMT"}, 7.5),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-inf"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "7 s"}, None),
        ({"Retry-After": "1,500"}, None),
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
        # The server's clock is what its dates are by; one that can't be read is passed over.
        (
            {
                "Retry-After": "Sun, 06 Nov 1994 07:50:07 GMT",
                "Date": "Sun, 06 Nov 1994 07:49:37 GMT",
            },
            30.0,
        ),
        (
            {"Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT", "Date": "today"},
            30.0,
        ),
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


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["7", "30"], 30.0),
        (["30", "7"], 30.0),
        (["soon", "7"], 7.0),
        (["soon", "later"], None),
        (["7", "Sun, 06 Nov 1994 08:50:07 GMT"], 30.0),
        (["Sun, 06 Nov 1994 08:50:07 GMT", "60"], 60.0),
    ],
)
def test_several_headers(values: list[str], seconds: float | None) -> None:
    """A proxy adds its own, or joins them to one: the longest wait keeps to all of them."""
    headers = CIMultiDict([("Retry-After", value) for value in values])
    assert parse_retry_after(CIMultiDictProxy(headers), now=NOW) == seconds
    for separator in (", ", ",\t", " ,  "):
        assert parse_retry_after({"Retry-After": separator.join(values)}, now=NOW) == seconds


def test_several_headers_in_milliseconds() -> None:
    """Those that parse come before `Retry-After`, as a single one does."""
    pairs = [("retry-after-ms", "1500"), ("retry-after-ms", "2500"), ("Retry-After", "7")]
    assert parse_retry_after(CIMultiDict(pairs), now=NOW) == 2.5


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
