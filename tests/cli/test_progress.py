"""The line that tells how far a batch is."""

from __future__ import annotations

import threading

import pytest

from horay_async.batch.results import BatchProgress
from horay_async.cli import progress
from horay_async.cli.progress import describe, show_progress


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


def test_wait_that_the_server_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line meanwhile: the log has told of it."""
    pauses = iter(["until 12:34"] * 3)
    left: list[int] = []
    told = threading.Event()

    def note(_: str) -> None:
        left.append(len(list(pauses)))
        told.set()

    monkeypatch.setattr(BatchProgress, "pause", property(lambda _: next(pauses, None)))
    monkeypatch.setattr(progress, "EVERY", 0.001)
    monkeypatch.setattr(progress, "note", note)
    with show_progress(BatchProgress(total=3), bar=False):
        assert told.wait(20)
    assert left[0] == 0
