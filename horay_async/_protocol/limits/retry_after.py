"""When a server says to come back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from horay_async._http_date import moment_in, seconds_until, unix_time

_NUMBER = r"[ \t]*(-?[0-9]+(?:\.[0-9]+)?)[ \t]*"
"""RFC 9110 has whole seconds; servers send fractions and negative numbers too. `float` would read far more."""


_SEPARATOR = r",[ \t]++(?![0-9]{1,2}[ -][A-Za-z])"
"""Between the values of several headers that a proxy has joined to one. The comma in a date is none: a day and a month follow."""


def parse_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or else `Retry-After` (RFC 9110, section 10.2.3).

    Of several values the longest wait counts: a proxy may have added one to the server's. `now` is Unix time in seconds, which a
    date is compared with where the response has no usable `Date`: the clock of this machine may be another one than the
    server's. None where neither header holds anything usable; a negative number and a date in the past are 0. Some servers write
    the moment in Unix time.
    """
    milliseconds = [_number(value) for value in _values(headers, "retry-after-ms")]
    longest = max((wait for wait in milliseconds if wait is not None), default=None)
    if longest is not None:
        return longest / 1000
    date = headers.get("Date")
    seconds = [_seconds(value, date, now) for value in _values(headers, "Retry-After")]
    return max((wait for wait in seconds if wait is not None), default=None)


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    """All values of a header, of each time that it comes."""
    several = getattr(headers, "getall", None)  # of a multidict
    found = (headers.get(name, ""),) if several is None else several(name, ())
    return [value for joined in found for value in re.split(_SEPARATOR, joined)]


def _seconds(value: str, date: str | None, now: float) -> float | None:
    """Seconds to wait, by one value of `Retry-After`."""
    seconds = _number(value)
    moment = unix_time(value) if seconds is None else moment_in(seconds)
    return seconds if moment is None else seconds_until(moment, date=date, now=now)


def _number(text: str) -> float | None:
    if not (found := re.fullmatch(_NUMBER, text)):
        return None
    number = float(found[1])
    return max(0.0, number) if math.isfinite(number) else None
