"""When a server says to come back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from horay_async._http_date import seconds_until, unix_time

_NUMBER = r"[ \t]*(-?[0-9]+(?:\.[0-9]+)?)[ \t]*"
"""RFC 9110 has whole seconds; servers send fractions and negative numbers too. `float` would read far more."""


def parse_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or else `Retry-After` (RFC 9110, section 10.2.3).

    `now` is Unix time in seconds, which a date is compared with where the response has no usable `Date`: the clock of this
    machine may be another one than the server's. None where neither header holds anything usable; a negative
    number and a date in the past are 0.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    moment = unix_time(value)
    return None if moment is None else seconds_until(moment, date=headers.get("Date"), now=now)


def _number(text: str | None) -> float | None:
    if text is None or not (found := re.fullmatch(_NUMBER, text)):
        return None
    number = float(found[1])
    return max(0.0, number) if math.isfinite(number) else None
