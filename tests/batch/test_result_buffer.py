"""Results that wait."""

from __future__ import annotations

from typing import Any

from horay_async.batch import BatchResult
from horay_async.batch.result_buffer import ResultBuffer


def result(index: int) -> BatchResult[Any]:
    return BatchResult(index=index, custom_id="", request=None)


def indexes(outbox: ResultBuffer) -> list[int]:
    return [taken.index for taken in outbox.taken()]


def test_results_as_they_come() -> None:
    """Each is given out once."""
    outbox = ResultBuffer(ordered=False)
    assert not outbox
    for index in (2, 0, 1):
        outbox.put(result(index))
    assert len(outbox) == 3
    assert indexes(outbox) == [2, 0, 1]
    assert indexes(outbox) == []


def test_results_in_order() -> None:
    """They wait for older ones."""
    outbox = ResultBuffer(ordered=True)
    outbox.put(result(1))
    outbox.put(result(2))
    assert not outbox
    outbox.put(result(0))
    outbox.put(result(4))
    assert indexes(outbox) == [0, 1, 2]
    outbox.put(result(3))
    assert indexes(outbox) == [3, 4]


def test_waiting_results_hold_up_requests() -> None:
    """Sixteen, or as many as there may be requests under way."""
    outbox = ResultBuffer(ordered=False)
    for index in range(16):
        assert not outbox.full(index, 2)
        outbox.put(result(index))
    assert outbox.full(16, 2)
    assert not outbox.full(16, 17)


def test_order_holds_up_requests() -> None:
    """Eight times as far ahead of the oldest one as there may be under way, sixteen at least."""
    outbox = ResultBuffer(ordered=True)
    assert not outbox.full(16, 1)
    assert outbox.full(17, 1)
    assert not outbox.full(80, 10)
    assert outbox.full(81, 10)
