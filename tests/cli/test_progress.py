"""The line that tells how far a batch is."""

from __future__ import annotations

import pytest

from horay_async.batch.results import BatchProgress
from horay_async.cli.progress import describe


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (0.0, "15 of 40 · 0.0/s · 0 tokens · 1 failed"),
        (10.0, "15 of 40 · 0.5/s · 0 tokens · 1 failed · 0:00:50 left"),
    ],
)
def test_describe(seconds: float, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What earlier runs finished counts, but makes no rate; without a rate nobody knows how long it takes."""
    monkeypatch.setattr(BatchProgress, "seconds", seconds)
    assert describe(BatchProgress(skipped=10, done=4, failed=1), 40) == line


def test_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in the place of the time left."""
    monkeypatch.setattr(BatchProgress, "seconds", 10.0)
    monkeypatch.setattr(BatchProgress, "seconds_unreached", 20.4)
    assert describe(BatchProgress(done=10), 40) == (
        "10 of 40 · 1.0/s · 0 tokens · 0 failed · the server can't be reached for 0:00:20, trying again"
    )
