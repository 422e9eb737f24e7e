"""The moments in HTTP's headers."""

from __future__ import annotations

import re

_DATE = r"[A-Za-z0-9 ,:+-]+"
"""What dates are made of. The parser of dates would read other scripts' digits, and digits with `_` between."""

EPOCH = 10**9
"""A number of seconds of at least so much is a moment in Unix time, not a duration: it was passed in 2001, and is
31 years as a duration."""

MILLISECONDS = 10**11
"""A moment of at least so much is in milliseconds: in seconds it is the year 5138."""


def moment_in(number: float) -> float | None:
    """The moment in Unix time that a header's number means; None where it is a duration in seconds."""
    if number < EPOCH:
        return None
    return number / 1000 if number >= MILLISECONDS else number


def unix_time(date: str) -> float | None:
    """The moment of an HTTP date, in seconds; None where it isn't one."""
    if not re.fullmatch(_DATE, date):
        return None
    # Only needed here, and they load half of the email package and sockets.
    from datetime import UTC  # noqa: PLC0415 - see above
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - see above

    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:  # asctime's form names no zone; all of HTTP's dates are in UTC
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None


def seconds_until(moment: float, *, date: str | None, now: float) -> float:
    """Seconds from a response to a moment in Unix time; 0 for one that has passed. They are counted by the response's
    `Date`, since the clock of this machine may be another one than the server's, and by `now` where that can't be used.
    """
    sent = unix_time(date or "")
    return max(0.0, moment - (now if sent is None else sent))
