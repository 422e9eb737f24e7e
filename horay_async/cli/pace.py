"""How fast a batch goes, and how long it will take, from looking at its totals now and then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from horay_async import BatchProgress

__all__ = ["Look", "Pace", "span"]

WINDOW: Final = 30.0
"""Seconds that a rate is averaged over: enough to be steady, few enough to follow the server."""


@dataclass(frozen=True)
class Look:
    """A batch at one moment."""

    total: int
    finished: int
    """Requests that need nothing more, those of earlier runs included."""
    failed: int
    tokens: int
    rate: float
    """Requests a second, lately."""

    @property
    def left(self) -> float | None:
        """Seconds until all is done, at the rate of late; None where there is none."""
        return (self.total - self.finished) / self.rate if self.rate else None

    def __str__(self) -> str:
        left = "" if self.left is None else f" · {span(self.left)} left"
        return (
            f"{self.finished:,} of {self.total:,} · {self.rate:.1f}/s · {_short(self.tokens)} tokens · "
            f"{self.failed:,} failed{left}"
        )


class Pace:
    """Looks at the totals of a batch; what was seen within `WINDOW` makes the rate."""

    def __init__(self, totals: BatchProgress) -> None:
        self._totals = totals
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])

    def look(self) -> Look | None:
        """The batch now; None while its requests are still being counted."""
        totals = self._totals
        if totals.total is None:
            self._seen = deque([(totals.seconds, 0)])  # counting has no part in the rate
            return None
        now, ended = totals.seconds, totals.done + totals.failed
        self._seen.append((now, ended))
        while self._seen[0][0] < now - WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return Look(
            total=totals.total,
            finished=totals.skipped + ended,
            failed=totals.failed,
            tokens=totals.total_tokens,
            rate=(ended - before) / (now - since) if now > since else 0.0,
        )


def span(seconds: float) -> str:
    """A time as `1:02` or `3:04:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _short(count: int) -> str:
    """A count in three digits or so."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            number = count / size
            return f"{number:.0f}{unit}" if number >= 100 else f"{number:.3g}{unit}"
    return str(count)
