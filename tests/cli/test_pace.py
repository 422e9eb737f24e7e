"""The rate of a batch and the time that is left, from looks at its totals."""

from __future__ import annotations

import pytest

from horay_async import BatchProgress
from horay_async.cli.pace import WINDOW, Look, Pace, span


class Clocked(BatchProgress):
    """Totals whose clock is set by hand."""

    now = 0.0

    @property
    def seconds(self) -> float:
        return self.now


def test_counting() -> None:
    """Until the requests are counted there is nothing to say, and the time isn't part of the rate."""
    totals = Clocked()
    pace = Pace(totals)
    totals.now = 8.0
    assert pace.look() is None
    totals.total, totals.now, totals.done = 9, 10.0, 4
    assert pace.look() == Look(total=9, finished=4, failed=0, tokens=0, rate=2.0)


def test_rate_of_late() -> None:
    """The rate is that of the last while; what earlier runs did has no part in it."""
    totals = Clocked(total=1000, skipped=100)
    pace = Pace(totals)
    first = pace.look()
    assert first is not None
    assert (first.finished, first.rate, first.left) == (100, 0.0, None)
    for second in range(1, 101):
        totals.now = second
        totals.done += 2 if second <= 50 else 4
        totals.failed += 1 if second > 50 else 0
        pace.look()
    last = pace.look()
    assert last is not None
    assert last == Look(total=1000, finished=450, failed=50, tokens=0, rate=5.0)
    assert last.left == 110


def test_no_more_is_remembered_than_needed() -> None:
    """What was seen before the window is forgotten, however long the batch."""
    totals = Clocked(total=9)
    pace = Pace(totals)
    for second in range(1000):
        totals.now = second
        pace.look()
    assert len(pace._seen) == WINDOW + 1


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (Look(5000, 3050, 3, 122_040, 41.26), "3,050 of 5,000 · 41.3/s · 122k tokens · 3 failed · 0:47 left"),
        (Look(1, 0, 0, 0, 0.0), "0 of 1 · 0.0/s · 0 tokens · 0 failed"),
        (Look(2, 1, 0, 1_234_567, 1.0), "1 of 2 · 1.0/s · 1.23M tokens · 0 failed · 0:01 left"),
        (Look(1, 0, 0, 999_999, 0.0), "0 of 1 · 0.0/s · 1000k tokens · 0 failed"),
        (Look(9, 9, 0, 2 * 10**9, 1.0), "9 of 9 · 1.0/s · 2G tokens · 0 failed · 0:00 left"),
    ],
)  # fmt: skip
def test_words(look: Look, words: str) -> None:
    """A look in words: it fits into 60 columns in most cases."""
    assert str(look) == words


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (11045, "3:04:05")]
)
def test_span(seconds: float, shown: str) -> None:
    """Times are told as clocks do."""
    assert span(seconds) == shown
