"""What runs on each node: one client, and one batch for each table of rows that Ray Data hands it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._transport.transport import Transport
from horay_async.batch import BatchProgress, BatchRequest, BatchResult
from horay_async.batch.batch_limiter import batch_limiter_of
from horay_async.batch.options import Settings
from horay_async.batch.runner import BatchRunner
from horay_async.batch.sender import RequestSender
from horay_async.integrations.ray.options import SealedOptions
from horay_async.integrations.ray.rows import EmbeddingRows, Rows, Table
from horay_async.integrations.ray.slices import SlicedRateLimiter


class Worker:
    """A callable class for Ray Data, one instance a node.

    Ray Data calls it for several tables at once, on one event loop. Their batches share the client and its
    concurrency; a table is the unit that is done again when the node dies.
    """

    def __init__(
        self,
        options: SealedOptions,
        rows: Rows | EmbeddingRows,
        settings: Settings,
        allotment: Any,
    ) -> None:
        """`allotment` is the handle of the actor of `start_allotment_actor`."""
        self._rows = rows
        self._settings = settings
        self._allotment = allotment
        self._transport = Transport(options.open(), made_at=__name__)
        self._shared: tuple[ConcurrencyLimit, SlicedRateLimiter | None] | None = None
        self._running: dict[BatchRunner, BatchProgress] = {}
        self._tasks: set[asyncio.Future[None]] = set()  # a loop holds its tasks weakly
        self._listening: asyncio.Future[None] | None = None  # while something runs
        self._pauses = 0  # of the cluster, as far as is known

    async def __call__(self, table: Table) -> Table:
        """The table with the columns for its responses."""
        results = await self._results(self._rows.requests(table))
        results += await self._results(self._rows.again(table, results))
        return self._rows.with_results(table, results)

    async def _results(self, requests: list[BatchRequest[Any]]) -> list[BatchResult[Any]]:
        """What becomes of the requests."""
        if self._shared is None:
            self._shared = self._share()
        concurrency, rate_limiter = self._shared
        progress = BatchProgress(total=len(requests))
        sender = RequestSender(
            self._transport,
            self._settings,
            progress,
            concurrency=concurrency,
            rate_limiter=rate_limiter,
        )
        runner = BatchRunner(sender, requests, ordered=False, threaded=False)
        self._running[runner] = progress
        self._listen(concurrency)
        results: list[BatchResult[Any]] = []
        try:
            while taken := await runner.get():
                results += taken
        finally:
            del self._running[runner]
            if not self._running and self._listening is not None:
                self._listening.cancel()
            await runner.close()
        return results

    def _share(self) -> tuple[ConcurrencyLimit, SlicedRateLimiter | None]:
        """What the batches of this worker have in common; to be made on the loop that they run on."""
        batch_limiter, settings = batch_limiter_of(self._transport), self._settings
        concurrency = batch_limiter.concurrency(settings)
        batch_limiter.limiter.on_pause = self._tell
        if settings.rpm is None and settings.tpm is None:
            return concurrency, None
        return concurrency, SlicedRateLimiter(
            settings.rpm, settings.tpm, ask=self._ask, unsent=self._unsent
        )

    def _unsent(self) -> int:
        """Rows that wait to be sent."""
        return sum(
            (progress.total or 0) - progress.done - progress.failed - progress.in_flight
            for progress in self._running.values()
        )

    def _ask(self, rate_limiter: SlicedRateLimiter, seconds: float) -> None:
        """Gets a slice of the cluster's rate; meanwhile what is held is used."""
        self._start(self._get(rate_limiter, seconds))

    async def _get(self, rate_limiter: SlicedRateLimiter, seconds: float) -> None:
        delay = await self._allotment.take.remote(seconds)
        rate_limiter.add(delay, seconds, asyncio.get_running_loop().time())
        batch_limiter_of(self._transport).limiter.wake()

    # A `Retry-After` is for all of the cluster

    def _tell(self, seconds: float) -> None:
        """Has the other workers pause too."""
        self._start(self._allotment.pause.remote(seconds))

    def _listen(self, concurrency: ConcurrencyLimit) -> None:
        """Pauses when another worker was asked to, as long as something runs."""
        if self._listening is None or self._listening.done():
            self._listening = self._start(self._follow_pauses(concurrency))

    async def _follow_pauses(self, concurrency: ConcurrencyLimit) -> None:
        limiter = batch_limiter_of(self._transport).limiter
        while True:
            self._pauses, left = await self._allotment.next_pause.remote(self._pauses)
            if left > 0:
                limiter.overload.pause(left, concurrency, asyncio.get_running_loop().time())
                limiter.wake()

    def _start(self, work: Awaitable[None]) -> asyncio.Future[None]:
        """Runs work that needs the allotment, beside the batches."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Future[None]) -> None:
        """Without an allotment nothing more can be sent."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            for runner in self._running:
                runner.stop(error)
