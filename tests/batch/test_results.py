"""Results and progress."""

from __future__ import annotations

import time

import attrs
import pytest

from horay_async import HorayError, RateLimitError
from horay_async.batch import BatchProgress, BatchResult
from horay_async.batch.results import MAX_ERRORS
from horay_async.models.completions import Completion
from horay_async.models.images import ImageResponse
from horay_async.models.usage import Usage


def test_unwrap_gives_the_response_or_raises() -> None:
    """For callers who take a failure as one."""
    response = Completion(id="x")
    result = BatchResult(index=0, custom_id="a", request=None, response=response)
    assert result.unwrap() is response
    failed: BatchResult[Completion] = BatchResult(
        index=0, custom_id="a", request=None, error=RateLimitError("too much")
    )
    with pytest.raises(RateLimitError, match="too much"):
        failed.unwrap()
    with pytest.raises(HorayError, match="neither"):
        BatchResult(index=0, custom_id="a", request=None).unwrap()


def test_totals_count_tokens_where_there_are_some() -> None:
    """Responds without usage and failures count as such."""
    progress = BatchProgress()
    progress._count(Completion(usage=Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)))
    progress._count(Completion())
    progress._count(ImageResponse())
    assert progress.main_error is None
    progress._count(None)
    assert (progress.done, progress.failed) == (3, 1)
    assert (progress.prompt_tokens, progress.completion_tokens, progress.total_tokens) == (3, 2, 5)


def test_the_most_frequent_error_is_kept() -> None:
    """It is told in its own words; texts that are all different take no memory without end."""
    progress = BatchProgress()
    for number in range(MAX_ERRORS + 5):
        progress._count(None, HorayError(f"no. {number}"))
    for _ in range(2):
        progress._count(None, RateLimitError("no. 3"))
    assert progress.main_error == "no. 3"
    assert progress.main_error_count == 3
    assert len(progress._errors) == MAX_ERRORS
    assert progress.failed == MAX_ERRORS + 7


def test_seconds_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from the first attempt that failed; a few aren't told, and none once the server responds or the batch is over."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = BatchProgress()
    seen = [progress.seconds_unreached]
    for reached in (False, False, True, False):
        progress._set_reached(reached)
        seen.append(progress.seconds_unreached)
        now[0] += 4
    now[0] += 2
    seen.append(progress.seconds_unreached)
    progress._end()
    seen.append(progress.seconds_unreached)
    assert seen == [0, 0, 0, 0, 0, 6, 0]
    progress = BatchProgress()
    progress._set_reached(False)
    now[0] += 20
    assert progress.seconds_unreached == 20


def test_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the run before is left."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = BatchProgress()
    progress._start()
    progress.total, progress.skipped, progress.in_flight, progress.refused = 4, 1, 1, 1
    progress._count(None, HorayError("no"))
    progress._end()
    now[0] += 5
    progress._restart()
    now[0] += 3
    assert progress.seconds == 3
    progress._end()
    fresh = BatchProgress()
    for field in attrs.fields(BatchProgress):
        if field.name not in ("_started", "_ended"):
            assert getattr(progress, field.name) == getattr(fresh, field.name)


def test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs from the start to the end, and starts and ends once."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = BatchProgress()
    seen = [progress.seconds]
    for step in (progress._start, progress._start, progress._end, progress._end):
        step()
        now[0] += 1
        seen.append(progress.seconds)
    assert seen == [0, 1, 2, 2, 2]


def test_progress_in_words() -> None:
    """The totals, those of earlier runs among them."""
    assert str(BatchProgress()) == "0 finished, 0 failed"
    progress = BatchProgress(total=2000, skipped=1000, skipped_failed=2, done=30, failed=4)
    assert str(progress) == "1,034 of 2,000 finished (1,000 in earlier runs), 6 failed"
