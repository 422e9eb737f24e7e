"""What a batch still sends before it ends for its balance."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from horay_async.batch.deferred import DeferredRequests
from horay_async.batch.sources import ENDED, PENDING
from horay_async.batch.unconfirmed import UnconfirmedFailures
from horay_async.batch.work_item import WorkItem

MAX_PROBES = 20
"""Requests for any model that are sent: those refused so far may have asked for more than is left."""

MAX_SECONDS = 30.0
"""Seconds after which no other request is sent: each may have to wait for a limit that the server tells of."""

MAX_READ_AHEAD = 1000
"""Requests that are read from the source meanwhile, and in the search for requests for other models."""

MAX_BYTES_AHEAD = 2**25
"""Bytes of their bodies that are kept meanwhile, about."""


class BalanceSearch:
    """The search for a request that the account can pay for, after several were refused for its balance.

    Requests are sent one at a time, each once all others have ended. The first case that applies decides on the next one:

    1. None, where not all unconfirmed failures are for the balance or the key, or time is up: the batch ends.
    2. A deferred request or the source's next one, for whatever model, as long as there were fewer than `MAX_PROBES`.
    3. The first request for a model that isn't known to be refused, among the deferred ones or the source's next ones. What is
       read from the source for that is deferred, within `MAX_READ_AHEAD` and `MAX_BYTES_AHEAD`. Where none is found, the batch ends.

    Requests for models of low priority come last, since their limits may last longer than the search; those for paused models aren't sent.
    """

    def __init__(
        self,
        unconfirmed: UnconfirmedFailures,
        deferred: DeferredRequests,
        clock: Callable[[], float],
    ) -> None:
        self._unconfirmed = unconfirmed
        """The failures for the balance."""
        self._deferred = deferred
        """Requests that are to be sent before the source's next one."""
        self._clock = clock
        self._since: float | None = None
        """When the search began; None where there is none."""
        self._probes = 0
        """Requests that it has given."""
        self._read = 0
        """Items that it has read from the source."""

    def stop(self) -> None:
        """Another request got past the error, or none has met it: a later search begins anew."""
        self._since = None
        self._probes = self._read = 0

    def next(
        self,
        poll: Callable[[], Any],
        is_full: Callable[[], bool],
        low_priority: Container[bytes],
        paused: Container[bytes],
    ) -> Any:
        """The next request to send; an item of the source's that can't be sent; `PENDING` where the source has none yet, or `is_full` of
        results that weren't taken; `ENDED` where the search is over. `poll` gives the source's next item, or `PENDING` or `ENDED`;
        `low_priority` and `paused` are models.
        """
        now = self._clock()
        if self._since is None:
            self._since = now
        refused: Container[bytes] = self._unconfirmed.models_out_of_balance
        if not refused or now > self._since + MAX_SECONDS:
            return ENDED
        if self._probes < MAX_PROBES:
            refused = ()  # a request for any model is sent
        if (work := self._deferred.pop_first(refused, low_priority)) is not None:
            return self._given(work)
        unconfirmed = sum(one.work.size.length for one in self._unconfirmed.failures)
        room = MAX_BYTES_AHEAD - self._deferred.bytes - unconfirmed
        # Of requests of any model, which are few, the size doesn't matter.
        while room > 0 or self._probes < MAX_PROBES:
            if max(self._read, len(self._deferred)) >= MAX_READ_AHEAD:
                break
            if is_full():
                return PENDING
            item = poll()
            if item is PENDING or item is ENDED:
                return self._last(refused, paused, item)
            self._read += 1
            if not isinstance(item, WorkItem):
                return item
            if item.model not in low_priority and item.model not in refused:
                return self._given(item)
            self._deferred.append(item)
            room -= item.size.length
        return self._last(refused, paused, ENDED)

    def _last(self, refused: Container[bytes], paused: Container[bytes], otherwise: Any) -> Any:
        """A deferred request for a model of low priority; `otherwise` where there is none."""
        work = self._deferred.pop_first(refused, paused)
        return otherwise if work is None else self._given(work)

    def _given(self, work: WorkItem) -> WorkItem:
        self._probes += 1
        return work
