"""Whether this machine's clock agrees with the server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from horay_async._http_date import unix_time
from horay_async.cli.doctor.findings import Finding, fault, ok, unknown, warning

FAULT: Final = timedelta(minutes=5)
"""From here on protocols refuse: it is what Kerberos and signed requests commonly tolerate."""

WARNING: Final = timedelta(seconds=30)
"""More than a request takes, and than a clock that is kept right is ever off."""


def compare_clocks(date: str | None, now: datetime) -> Finding:
    """Compares the server's `Date` header with this machine's time (both in UTC)."""
    theirs = unix_time(date or "")
    if theirs is None:
        return unknown("clock", "not compared: the server sends no Date header")
    off = now - datetime.fromtimestamp(theirs, UTC)
    if abs(off) < WARNING:
        return ok("clock", "agrees with the server's")
    judge = fault if abs(off) >= FAULT else warning
    return judge(
        "clock",
        f"this machine's clock is {_span(abs(off))} {'ahead of' if off > timedelta() else 'behind'} "
        "the server's",
        "Set it right, best by turning on time synchronisation (NTP): certificates and waiting times "
        "are judged by it.",
    )


def _span(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
