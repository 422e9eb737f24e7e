"""What headers say of rate limits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from horay_async import RateLimit, RateLimits
from horay_async.models._rate_headers import MAX_COUNT, MAX_RESET, parse_rate_limits

NOW = 1_800_000_000.0
NOTHING = RateLimits()


def parsed(headers: dict[str, str]) -> RateLimits:
    """What `headers` say."""
    return parse_rate_limits(CIMultiDict(headers), now=NOW)


def test_openai_headers() -> None:
    """Requests and tokens each have their own."""
    found = parsed(
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        }
    )
    assert found.requests == RateLimit(limit=60, remaining=59, reset=1.0)
    assert found.tokens == RateLimit(limit=150_000, remaining=149_984, reset=360.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("2d", 172_800.0),
        ("250us", 0.00025),
        ("12", 12.0),
        ("0.5", 0.5),
        (" 7 ", 7.0),
        (str(int(NOW) + 30), 30.0),
        (str((int(NOW) + 30) * 1000), 30.0),
        (str(int(NOW) - 30), 0.0),
        ("2027-01-15T08:00:30Z", 30.0),
        ("2027-01-15T08:00:30", 30.0),
        ("9" * 30, MAX_RESET),
        ("999999999", MAX_RESET),
        ("99999999d", MAX_RESET),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1_0", None),
        ("1e3", None),
        ("٣", None),
        ("٣s", None),
        ("1٣m", None),
        ("1s later", None),
        ("nan", None),
        ("inf", None),
        ("2027-13-45T99:00:00Z", None),
        ("T", None),
    ],
)
def test_resets(text: str, seconds: float | None) -> None:
    """Durations, seconds and moments, within sense; all else is nothing."""
    found = parsed({"x-ratelimit-reset-requests": text}).requests.reset
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_moment_counts_from_the_servers_own_clock() -> None:
    """However wrong it goes."""
    headers = {"x-ratelimit-reset": "1700000030", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    assert parsed(headers).requests.reset == 30.0
    headers["Date"] = "yesterday"
    assert parsed(headers).requests.reset == 0.0


@pytest.mark.posix
def test_date_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the three forms that HTTP has, one names no zone; this machine's is none of its business."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        headers = {"x-ratelimit-reset": "1700000030", "Date": "Tue Nov 14 22:13:20 2023"}
        assert parsed(headers).requests.reset == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("5", 5),
        ("5.9", 5),
        ("100, 100;w=60", 100),
        ("9" * 30, MAX_COUNT),
        ("-1", None),
        ("x", None),
    ],
)
def test_counts(text: str, count: int | None) -> None:
    """Whole numbers that can be."""
    assert parsed({"RateLimit-Remaining": text}).requests.remaining == count


def test_drafts_headers_for_each_part() -> None:
    """As the drafts spelled them until the seventh."""
    headers = {"RateLimit-Limit": "100", "RateLimit-Remaining": "50", "RateLimit-Reset": "30"}
    assert parsed(headers) == RateLimits(requests=RateLimit(limit=100, remaining=50, reset=30.0))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (
            {
                "RateLimit": '"default";r=50;t=30',
                "RateLimit-Policy": '"default";q=100;w=60',
            },
            RateLimits(requests=RateLimit(limit=100, remaining=50, reset=30.0)),
        ),
        (
            {
                "RateLimit": '"minute";r=5;t=30, "day";r=2;t=3000, "tpm";r=900;t=2',
                "RateLimit-Policy": '"minute";q=60;w=60, "day";q=100;w=86400, "tpm";q=1000;qu="tokens"',
            },
            RateLimits(
                requests=RateLimit(limit=100, remaining=2, reset=3000.0),
                tokens=RateLimit(limit=1000, remaining=900, reset=2.0),
            ),
        ),
        (
            {"RateLimit": "limit=100, remaining=50, reset=5"},
            RateLimits(requests=RateLimit(limit=100, remaining=50, reset=5.0)),
        ),
        (
            {"RateLimit-Policy": '"tokens-a-minute";q=1000;w=60'},
            RateLimits(tokens=RateLimit(limit=1000)),
        ),
        (
            {"RateLimit": '"bytes";r=3', "RateLimit-Policy": '"bytes";q=9;qu="content-bytes"'},
            NOTHING,
        ),
        ({"RateLimit": '"a;r=1, ;;;, =, "", 5;r=1'}, NOTHING),
        ({}, NOTHING),
    ],
)
def test_drafts_structured_headers(headers: dict[str, str], found: RateLimits) -> None:
    """The scarcest of several limits counts, of requests and of tokens each."""
    assert parsed(headers) == found


NAMES = [
    *(
        f"x-ratelimit-{p}{k}"
        for p in ("limit", "remaining", "reset")
        for k in ("", "-requests", "-tokens")
    ),
    *(
        "RateLimit",
        "RateLimit-Policy",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
        "Date",
    ),
]
PIECES = st.sampled_from(
    [
        '"a"',
        "r=1",
        "q=9",
        "t=3",
        ";",
        ",",
        "=",
        '"',
        "1",
        "9" * 40,
        "s",
        "ms",
        "T",
        ":",
        "-",
        "Z",
        "²",
    ]
)


@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(), st.lists(PIECES).map("".join))))
def test_nothing_that_a_server_sends_is_an_error(headers: dict[str, str]) -> None:
    """And what is found makes sense."""
    found = parsed(headers)
    for limit in (found.requests, found.tokens):
        for count in (limit.limit, limit.remaining):
            assert count is None or 0 <= count <= MAX_COUNT
        assert limit.reset is None or 0.0 <= limit.reset <= MAX_RESET
