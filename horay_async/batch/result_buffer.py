"""Results that wait for the caller to take them."""

from __future__ import annotations

from collections import deque
from typing import Any

from horay_async.batch.results import BatchResult

MIN_READY = 16
"""Results that may wait for the caller, or as many as there may be requests under way if that is more."""

WINDOW = 8
"""In order, how far results may be ahead of the oldest request under way, as a multiple of that number: one
slow response doesn't hold up the rest at once."""


class ResultBuffer:
    """Results, as they come or in the order of the requests."""

    def __init__(self, *, ordered: bool) -> None:
        self.ordered = ordered
        """Whether it gives them out in the order of the requests."""
        self._due = 0  # in order, the index of the next result
        self._early: dict[int, BatchResult[Any]] = {}  # in order, those that wait for older ones
        self._ready: deque[BatchResult[Any]] = deque()

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, result: BatchResult[Any]) -> None:
        """Takes in a result."""
        if not self.ordered:
            self._ready.append(result)
            return
        self._early[result.index] = result
        while (due := self._early.pop(self._due, None)) is not None:
            self._ready.append(due)
            self._due += 1

    def pop(self) -> BatchResult[Any] | None:
        """Gives out the next one that is ready; None where none is."""
        return self._ready.popleft() if self._ready else None

    def get_nowait(self) -> list[BatchResult[Any]]:
        """Gives out those that are ready."""
        results = list(self._ready)
        self._ready.clear()
        return results

    def missing(self) -> list[int]:
        """In order, the indexes of those that others wait for."""
        return [
            index
            for index in range(self._due, max(self._early, default=0))
            if index not in self._early
        ]

    def full(self, index: int, limit: int) -> bool:
        """Whether request number `index` has to wait, where `limit` requests may be under way."""
        if self.ordered and index - self._due > max(MIN_READY, WINDOW * limit):
            return True
        return self.ready_for(limit)

    def ready_for(self, limit: int) -> bool:
        """Whether the consumer has enough to take, where `limit` requests may be under way."""
        return len(self._ready) >= max(MIN_READY, limit)
