"""When a server says to come back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

__all__ = ["parse_retry_after"]

_NUMBER = r"[ \t]*(-?[0-9]+(?:\.[0-9]+)?)[ \t]*"
"""RFC 9110 has whole seconds; servers send fractions and negative numbers too. `float` would read far more."""

_DATE = r"[A-Za-z0-9 ,:+-]+"
"""What dates are made of. The parser of dates would read other scripts' digits, and digits with `_` between."""


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
    moment = _unix_time(value)
    if moment is None:
        return None
    sent = _unix_time(headers.get("Date", ""))
    return max(0.0, moment - (now if sent is None else sent))


def _number(text: str | None) -> float | None:
    if text is None or not (found := re.fullmatch(_NUMBER, text)):
        return None
    number = float(found[1])
    return max(0.0, number) if math.isfinite(number) else None


def _unix_time(date: str) -> float | None:
    """The moment of an HTTP date, in seconds; None where it isn't one."""
    # Only needed here, and they load half of the email package and sockets.
    from datetime import UTC  # noqa: PLC0415 - see above
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - see above

    if not re.fullmatch(_DATE, date):
        return None
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:  # asctime's form names no zone; all of HTTP's dates are in UTC
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
