"""Rate limits in a response's headers: the spellings of OpenAI's API and of the IETF's drafts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from horay_async._http_date import moment_in, seconds_until
from horay_async.models.rate_limits import RateLimit, RateLimits

MARK = "ratelimit"
"""What all names of such headers have in them, in lower case; alone it is a draft's header."""

POLICY = "ratelimit-policy"
"""The other one of the drafts."""

MAX_COUNT = 2**53
"""The greatest whole number that all JSON readers read exactly; no server counts so far."""

MAX_RESET = 31 * 86_400.0
"""Seconds: the longest window that plans of this family have is a month."""

_NUMBER = re.compile(r"[0-9]{1,32}(?:\.[0-9]{0,32})?")
_DURATION = re.compile(r"(?:[0-9]{1,32}(?:\.[0-9]{0,32})?(?:ms|us|µs|ns|[dhms]))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ms|us|µs|ns|[dhms])")
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_UNITS["ns"] = 1e-9


def parse_rate_limits(headers: Mapping[str, str], *, now: float) -> RateLimits:
    """The rate limits in `headers`, whose names are looked up without regard to case. `now` is Unix time in seconds,
    for a server that sends the moment of a reset and no `Date`. Never raises.
    """
    sent: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if MARK in lower:
            sent.setdefault(lower, value)
    if not sent:  # called for each response, and most servers send none
        return RateLimits()
    date = headers.get("Date")
    requests = _spelled(sent, "x-ratelimit-", "-requests", date, now)
    tokens = _spelled(sent, "x-ratelimit-", "-tokens", date, now)
    if MARK in sent or POLICY in sent:
        drafted = _drafted(sent)
        requests = _merged(requests, drafted.get("requests"))
        tokens = _merged(tokens, drafted.get("tokens"))
    if None in requests:
        requests = _merged(requests, _spelled(sent, "ratelimit-", "", date, now))
        requests = _merged(requests, _spelled(sent, "x-ratelimit-", "", date, now))
    return RateLimits(requests=_made(requests), tokens=_made(tokens))


Parts = tuple[int | None, int | None, float | None]
"""The parts of a `RateLimit`: limit, remaining and reset; None where it isn't known."""


def _made(parts: Parts) -> RateLimit:
    limit, remaining, reset = parts
    return RateLimit(limit=limit, remaining=remaining, reset=reset)


def _merged(known: Parts, more: Parts | None) -> Parts:
    """Each part as it is known, else as it is in `more`."""
    if more is None:
        return known
    limit, remaining, reset = known
    return (
        more[0] if limit is None else limit,
        more[1] if remaining is None else remaining,
        more[2] if reset is None else reset,
    )


def _spelled(
    sent: Mapping[str, str], before: str, behind: str, date: str | None, now: float
) -> Parts:
    """A limit of which each part has a header of its own, with its name between two texts."""
    return (
        _count(sent.get(f"{before}limit{behind}")),
        _count(sent.get(f"{before}remaining{behind}")),
        _reset(sent.get(f"{before}reset{behind}"), date, now),
    )


def _count(text: str | None) -> int | None:
    """A number of requests or tokens. Of `100, 100;w=60`, what a draft allowed, it is the first."""
    if text is None:
        return None
    if len(text) < 16 and text.isascii() and text.isdigit():  # as nearly always
        return int(text)
    first = text if text.isdigit() else re.split("[,;]", text, maxsplit=1)[0].strip()
    return min(MAX_COUNT, int(float(first))) if _NUMBER.fullmatch(first) else None


def _reset(text: str | None, date: str | None, now: float) -> float | None:
    """Seconds until a reset, of `6m0s`, `20ms`, `12`, a moment in Unix time, or one as ISO 8601 writes it."""
    if text is None:
        return None
    value = text.strip()
    if _NUMBER.fullmatch(value):
        number = float(value)
        if (found := moment_in(number)) is None:
            return min(MAX_RESET, number)
        moment = found
    elif _DURATION.fullmatch(value):
        seconds = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(value))
        return min(MAX_RESET, seconds)
    elif (found := _iso(value)) is not None:
        moment = found
    else:
        return None
    return min(MAX_RESET, seconds_until(moment, date=date, now=now))


def _iso(text: str) -> float | None:
    from datetime import UTC, datetime  # noqa: PLC0415 - few servers need it

    if "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


# The drafts' `RateLimit: "default";r=50;t=30` and `RateLimit-Policy: "default";q=100;w=60`, and before them
# `RateLimit: limit=100, remaining=50, reset=5`.

_NAMED = re.compile(r'\s*"([^"]{0,256})"\s*')
_PARAMETER = re.compile(r'\s*([a-z]+)\s*=\s*"?([^"]*?)"?\s*')


def _drafted(sent: Mapping[str, str]) -> dict[str, Parts]:
    """The limits of the drafts' headers, by what they count; of several, the one with the least left."""
    policies = dict(_items(sent.get(POLICY)))
    found: dict[str, Parts] = {}
    for name, values in _items(sent.get(MARK)):
        policy = policies.get(name, {})
        limit = (
            _count(values.get("limit") or policy.get("q")),
            _count(values.get("r") or values.get("remaining")),
            _delta(values.get("t") or values.get("reset")),
        )
        kind = _kind(name, policy.get("qu"))
        before = found.get(kind)
        if before is None or _left(limit) < _left(before):
            found[kind] = limit
    for name, policy in policies.items():
        found.setdefault(_kind(name, policy.get("qu")), (_count(policy.get("q")), None, None))
    return found


def _delta(text: str | None) -> float | None:
    count = _count(text)
    return None if count is None else min(MAX_RESET, float(count))


def _left(limit: Parts) -> int:
    return MAX_COUNT if limit[1] is None else limit[1]


def _kind(name: str, unit: str | None) -> str:
    """What a policy counts: by its unit `qu`, else by its name."""
    if "token" in (name if unit is None else unit).lower():
        return "tokens"
    return "requests" if unit in (None, "request") else unit


def _items(header: str | None) -> list[tuple[str, dict[str, str]]]:
    """The items of a list of strings with parameters, or the one item of the older form, whose name is empty."""
    items: list[tuple[str, dict[str, str]]] = []
    older: dict[str, str] = {}
    for item in (header or "").split(","):
        first, *parameters = item.split(";")
        values: dict[str, str] = {}
        for parameter in parameters:
            if found := _PARAMETER.fullmatch(parameter):
                values[found[1]] = found[2]
        if named := _NAMED.fullmatch(first):
            items.append((named[1], values))
        elif found := _PARAMETER.fullmatch(first):
            older[found[1]] = found[2]
    return [*items, ("", older)] if older else items
