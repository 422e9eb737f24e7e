"""Results that wait."""

from __future__ import annotations

from typing import Any

from horay_async.batch import BatchResult
from horay_async.batch.result_buffer import ResultBuffer


def result(index: int) -> BatchResult[Any]:
    return BatchResult(index=index, custom_id="", request=None)


def indexes(buffer: ResultBuffer) -> list[int]:
    return [taken.index for taken in buffer.get_nowait()]


def test_results_as_they_come() -> None:
    """Each is given out once."""
    buffer = ResultBuffer(ordered=False)
    assert not buffer
    for index in (2, 0, 1):
        buffer.put(result(index))
    assert len(buffer) == 3
    assert indexes(buffer) == [2, 0, 1]
    assert indexes(buffer) == []


def test_results_in_order() -> None:
    """They wait for older ones."""
    buffer = ResultBuffer(ordered=True)
    buffer.put(result(1))
    buffer.put(result(2))
    assert not buffer
    buffer.put(result(0))
    buffer.put(result(4))
    assert indexes(buffer) == [0, 1, 2]
    buffer.put(result(3))
    assert indexes(buffer) == [3, 4]


def test_waiting_results_hold_up_requests() -> None:
    """Sixteen, or as many as there may be requests under way."""
    buffer = ResultBuffer(ordered=False)
    for index in range(16):
        assert not buffer.full(index, 2)
        buffer.put(result(index))
    assert buffer.full(16, 2)
    assert not buffer.full(16, 17)


def test_order_holds_up_requests() -> None:
    """Eight times as far ahead of the oldest one as there may be under way, sixteen at least."""
    buffer = ResultBuffer(ordered=True)
    assert not buffer.full(16, 1)
    assert buffer.full(17, 1)
    assert not buffer.full(80, 10)
    assert buffer.full(81, 10)


def test_those_that_others_wait_for() -> None:
    """Are known, in order; once they are put in, all is ready."""
    buffer = ResultBuffer(ordered=True)
    for index in (0, 5, 3):
        buffer.put(result(index))
    assert buffer.missing() == [1, 2, 4]
    assert indexes(buffer) == [0]
    for index in buffer.missing():
        buffer.put(result(index))
    assert buffer.missing() == []
    assert indexes(buffer) == [1, 2, 3, 4, 5]
