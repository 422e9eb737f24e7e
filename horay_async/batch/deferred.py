"""Requests of a batch that are to be sent before its other ones, by model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from collections.abc import Set as AbstractSet

import attrs

from horay_async.batch.work_item import WorkItem


@attrs.define
class _Queue:
    """The requests for one model."""

    sent: deque[WorkItem] = attrs.field(factory=deque[WorkItem])
    """Those that were sent before."""
    unsent: deque[WorkItem] = attrs.field(factory=deque[WorkItem])
    """Those that weren't."""

    def of(self, work: WorkItem) -> deque[WorkItem]:
        """Where one belongs."""
        return self.unsent if work.started is None else self.sent


class DeferredRequests:
    """Requests that are to be sent before the source's next one: the server was too busy for them or couldn't be reached, or their failure was
    unconfirmed and others got past it, or their model has low priority. Of those for one model the first is sent first, of those
    that were sent before: then come those that weren't. Those leave it whose timeout `total` has passed.
    """

    def __init__(self) -> None:
        self.bytes: int = 0
        """Of their bodies."""
        self.on_late: Callable[[WorkItem], object] | None = None
        """Told of each that has left for its timeout."""
        self._count = 0
        self._by_model: dict[bytes, _Queue] = {}  # none is empty
        self._timers: dict[WorkItem, asyncio.TimerHandle] = {}  # of those that have a deadline

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[WorkItem]:
        return (work for queue in self._by_model.values() for work in (*queue.sent, *queue.unsent))

    @property
    def models(self) -> AbstractSet[bytes]:
        """Those that they are for."""
        return self._by_model.keys()

    def append(self, work: WorkItem) -> None:
        """Adds one behind those for its model that were sent before, as it was, or behind all."""
        self._added(work).append(work)

    def prepend(self, works: Iterable[WorkItem]) -> None:
        """Adds some, in their order, before the others for their models that were sent before, as they were, or weren't."""
        for work in reversed([*works]):
            self._added(work).appendleft(work)

    def pop(self, model: bytes, *, sent_before: bool = False) -> WorkItem | None:
        """Takes out the first one for a model, or of those that were `sent_before`; None where there is none."""
        queue = self._by_model.get(model)
        if queue is None or (sent_before and not queue.sent):
            return None
        work = (queue.sent or queue.unsent).popleft()
        self._removed(work)
        return work

    def pop_first(self, *excluded: Container[bytes]) -> WorkItem | None:
        """Takes out the first one for the first model that none of `excluded` contains; None where there is none."""
        models = (model for model in self._by_model if not any(model in each for each in excluded))
        return None if (model := next(models, None)) is None else self.pop(model)

    def clear(self) -> None:
        """Takes out all."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._by_model.clear()
        self._count = self.bytes = 0

    def _added(self, work: WorkItem) -> deque[WorkItem]:
        """Counts one; returns those that it belongs to."""
        self._count += 1
        self.bytes += work.size.length
        if (deadline := work.deadline) is not None:
            loop = asyncio.get_running_loop()
            self._timers[work] = loop.call_at(deadline, self._end_late, work)
        return self._by_model.setdefault(work.model, _Queue()).of(work)

    def _removed(self, work: WorkItem) -> None:
        """Counts one less, which has left its queue."""
        queue = self._by_model[work.model]
        if not (queue.sent or queue.unsent):
            del self._by_model[work.model]
        if (timer := self._timers.pop(work, None)) is not None:
            timer.cancel()
        self._count -= 1
        self.bytes -= work.size.length

    def _end_late(self, work: WorkItem) -> None:
        self._by_model[work.model].of(work).remove(work)
        self._removed(work)
        if self.on_late is not None:
            self.on_late(work)
