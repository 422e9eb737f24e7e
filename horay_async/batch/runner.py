"""Running a batch: from a source of requests, through the batch limiter, to results."""

# What moves the totals is kept under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from horay_async._transport.connection_slots import CLIENT_CLOSED
from horay_async.batch.balance_search import MAX_BYTES_AHEAD, BalanceSearch
from horay_async.batch.batch_limiter import RequestPermit
from horay_async.batch.request_lines import line_number
from horay_async.batch.result_buffer import ResultBuffer
from horay_async.batch.results import BatchResult
from horay_async.batch.sender import RequestSender
from horay_async.batch.sending_stop import SendingStoppedError
from horay_async.batch.sources import ENDED, PENDING, source_of
from horay_async.batch.work_item import WorkItem
from horay_async.errors import ConfigurationError, HorayError

if TYPE_CHECKING:
    from horay_async.batch.bar import ProgressBar

BATCH_CLOSED = "the batch was left: its loop was ended early, or close() was called"

MAX_UNCONFIRMED_SECONDS = 1.0
"""Seconds for which failures are unconfirmed while nothing else goes on."""

MAX_DEFERRED = 10_000
MAX_DEFERRED_OF_ONE = 1000
"""Deferred requests, up to which more are read: one may be for a model that isn't refused. Fewer where all so far were for one model."""

MAX_UNFINISHED = 2
"""Requests that were sent and have no result, as a multiple of how many may be under way: some wait to be retried."""


class BatchRunner:
    """One batch run on one event loop.

    A `Source` reads the requests, and prepares them. One task, the dispatcher, takes them from it, and makes a task for each,
    which the `RequestSender` sends. The results go to the `ResultBuffer`, from which the consumer takes them.
    """

    def __init__(
        self,
        sender: RequestSender,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool,
        threaded: bool,
        bar: ProgressBar | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        """The loop of all tasks of this run; only `stop_soon` may be called from elsewhere."""
        self._sender = sender
        """What sends requests, and holds those that wait to be sent again."""
        self._bar = bar
        """Drawn until the run is over."""
        self._sending: set[asyncio.Task[None]] = set()
        """The tasks of the requests under way."""
        self._buffer = ResultBuffer(ordered=ordered)
        """Results that the consumer hasn't taken yet."""
        self._unfinished: dict[int, WorkItem] = {}
        """Requests that have no result yet, by their indexes."""
        self._index = 0
        """The index of the source's next item: how many there were so far."""
        self._changed = asyncio.Event()
        """Wakes the dispatcher: results were taken, a request ended, or the source has more."""
        self._has_results = asyncio.Event()
        """Wakes the consumers: there are results, or the run is over."""
        self._over = False
        """Whether no more results will come. Set when the dispatcher ends or `stop` is called, once."""
        self._models = set[bytes]()  # the first two models that requests came for
        self._search = BalanceSearch(sender.unconfirmed, sender.deferred, self._loop.time)
        """What is sent once the balance seems to be exhausted, and nothing is under way."""
        self._source_waits = False
        """Whether the source had nothing to give for a while when it was read ahead: it may wait for results."""
        self._resumes_at: float | None = None
        """When a request may be sent for a paused model, where all that can be sent is for such models; on the loop's clock."""
        self._failure: BaseException | None = None
        """What ended the run early: raised to the consumer, once the results are taken."""
        changed, prepare = self._changed.set, sender.preparer.prepare_next
        self._source = source_of(items, prepare, changed, threaded=threaded)
        """Its error ends the run, once the requests under way are done: what the iterable raised, or sending a request."""
        sender.stop.on_stop = changed
        sender.deferred.on_late = self._finish_late
        sender.progress._start(sender.stop)
        if bar is not None:
            bar.start()
        self._dispatcher = asyncio.create_task(self._dispatch())
        """The task that sends; when it ends, the run is over."""
        self._dispatcher.add_done_callback(self._dispatched)

    # For the consumer

    async def get(self) -> list[BatchResult[Any]]:
        """The results that are there, waiting for at least one; none when all were taken.

        Raises what ended the run early, once the results from before it were taken.
        """
        await self._wait_for_results()
        return self.get_nowait()

    async def get_one(self) -> BatchResult[Any] | None:
        """The next result, waiting for it; None when all were taken. Several tasks may wait: each result goes to one.

        Raises what `get` raises.
        """
        await self._wait_for_results()
        result = self._buffer.pop()
        self._changed.set()
        return result

    async def _wait_for_results(self) -> None:
        """Waits until a result is there, or none will come any more. Nothing may be awaited between this and the taking:
        another task could take it.
        """
        while not self._buffer:
            if self._failure is not None:
                raise self._failure
            if self._over:
                return
            self._has_results.clear()
            await self._has_results.wait()

    def get_nowait(self) -> list[BatchResult[Any]]:
        """The results that are there."""
        results = self._buffer.get_nowait()
        self._changed.set()
        return results

    def stop(self, failure: BaseException, *, left: bool = False) -> None:
        """Cancels what is under way; `failure` is raised once the results are taken, unless the run is `left`: then nobody takes them."""
        if self._over:
            return
        self._failure = failure
        self._end(left=left)
        self._source.stop()
        self._dispatcher.cancel()
        for task in self._sending:
            task.cancel()
        self._has_results.set()

    def stop_soon(self) -> None:
        """Cancels what is under way on the next turn of the runner's loop, from any thread and from finalizers."""
        if not self._loop.is_closed():
            stop = partial(self.stop, HorayError(BATCH_CLOSED), left=True)
            self._loop.call_soon_threadsafe(stop)
        elif self._bar is not None:
            self._bar.stop()

    async def close(self) -> None:
        """Cancels what is under way, and waits until it is gone, and the caller's source is at its end."""
        self.stop(HorayError(BATCH_CLOSED), left=True)
        tasks = [self._dispatcher, *self._sending]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()

    # Sending

    async def _dispatch(self) -> None:
        """Sends requests one after the other, as fast as they are admitted. Raises the latest unconfirmed error, where no other
        request got past it.
        """
        while True:
            work = self._next()
            if work is PENDING or (work is ENDED and self._sending):  # which may be deferred
                await self._wait_to_go_on(may_send=work is PENDING)
            elif work is ENDED:
                break
            elif isinstance(work, WorkItem):
                await self._send(work)
            else:
                self._finish(work)
        unconfirmed, error = self._sender.unconfirmed, self._source.error
        stopped = self._sender.stop.stopped
        if stopped:
            await self._source.close()
        if unconfirmed.failures and error is None and not stopped:
            raise unconfirmed.error_of_all()
        for work, failure, _ in unconfirmed.pop_all():
            if not line_number(work.item):  # those of a file are sent by the next run
                self._finish(work.result(self._loop.time(), error=failure))
        if error is not None:
            # Not raised here: in a task, a `SystemExit` would end the loop.
            self.stop(error)

    def _next(self) -> Any:
        """The next request to send; the source's next item where it can't be sent, which is a result then. `PENDING` where there is
        none yet, `ENDED` where no more will be sent but those that are deferred meanwhile.
        """
        sender, limit = self._sender, self._sender.concurrency.limit
        self._resumes_at = None
        if sender.stop.stopped:
            return ENDED
        # 1. Unconfirmed failures: their requests are deferred where others got past the error, or they stop the sending.
        if sender.unconfirmed.failures:
            sender.defer_passed()
            if sender.unconfirmed.stops_sending:
                if self._sending or self._source_waits:
                    return ENDED
                is_full = partial(self._buffer.ready_for, limit)
                low_priority, paused = sender.low_priority_models(), sender.paused_models()
                return self._search.next(self._poll, is_full, low_priority, paused)
        self._search.stop()
        # 2. Nothing, where enough are under way, some of which wait to be retried, or wait because they were asked to.
        if len(self._sending) - sender.waiting >= MAX_UNFINISHED * limit:
            return PENDING
        if sender.waiting >= MAX_DEFERRED:
            return PENDING
        # 3. A deferred request, or a new one.
        return self._next_deferred_or_new(limit)

    def _next_deferred_or_new(self, limit: int) -> Any:
        """The next deferred request, or a new one. A limit that refuses a request may be its model's alone, so that requests for models of low
        priority come last. The first case that applies decides.
        """
        sender, deferred = self._sender, self._sender.deferred
        low_priority = sender.low_priority_models()
        # 1. A deferred request, for a model that isn't of low priority.
        if (work := deferred.pop_first(low_priority)) is not None:
            return work
        # 2. A new request for such a model, unless too many results weren't taken; others that are read on the way are deferred.
        #    A source that has failed has no more.
        several = len(self._models) > 1
        most = MAX_DEFERRED if several else MAX_DEFERRED_OF_ONE
        while not deferred or (len(deferred) < most and deferred.bytes < MAX_BYTES_AHEAD):
            if self._source.error is None and self._buffer.full(self._index, limit):
                break
            new = self._poll()
            if (new is PENDING or new is ENDED) and deferred:
                break
            if not isinstance(new, WorkItem):
                return new
            if new.model not in low_priority and not sender.seconds_paused(new.model):
                return new
            deferred.append(new)
        # 3. A deferred request for any model that isn't paused.
        if (work := deferred.pop_first(sender.paused_models())) is not None:
            return work
        if (seconds := sender.seconds_until_sent()) is not None:
            self._resumes_at = self._loop.time() + seconds
        return PENDING

    def _poll(self) -> Any:
        """The source's next item, `PENDING` or `ENDED`."""
        item = self._source.poll()
        if item is not PENDING and item is not ENDED:
            self._index += 1
        if isinstance(item, WorkItem):
            self._unfinished[item.index] = item
            if len(self._models) < 2:
                self._models.add(item.model)
        return item

    async def _wait_to_go_on(self, *, may_send: bool) -> None:
        """Waits until results are taken, a request ends, or the source has more; where more may be sent, not once the client is closed.
        Where nothing is under way, all of that may wait for the results of unconfirmed failures, which then are their results: an
        iterable may ask for its last result before it gives more, and in order nothing comes before the first one.
        """
        pools = self._sender.pools
        standing = self._loop.time() + MAX_UNCONFIRMED_SECONDS if self._stands_still() else None
        resumed = self._resumes_at
        at = min((each for each in (resumed, standing) if each is not None), default=None)
        try:
            async with asyncio.timeout_at(at):
                self._changed.clear()
                if may_send and not pools.closed:
                    await pools.wait(self._changed.wait)
                else:
                    await self._changed.wait()
        except ConfigurationError as closed:
            self._source.fail(closed)
        except TimeoutError:
            if at == resumed or not self._stands_still():
                return
            if self._sender.unconfirmed.stops_sending:
                self._source_waits = True
                return
            for work, error, _ in self._sender.unconfirmed.pop_all():
                self._finish(work.result(self._loop.time(), error=error))

    def _stands_still(self) -> bool:
        """Whether failures are unconfirmed, nothing is under way, and there is no result to be taken."""
        return bool(self._sender.unconfirmed.failures) and not self._sending and not self._buffer

    async def _send(self, work: WorkItem) -> None:
        """Waits until a request is admitted, and starts its task, unless no more are sent."""
        # Where all requests are for one model, there are no others that could go first.
        goes_first = len(self._models) > 1 and work.model not in self._sender.low_priority_models()
        try:
            permit = await self._sender.admit(work)
        except SendingStoppedError:
            return
        except ConfigurationError as error:
            # The client is closed: those under way have their results first.
            self._source.fail(error)
            return
        if permit is None:
            self._finish(self._sender.unsent(work))
            return
        # Others go first where its model was refused while it waited.
        refused = goes_first and work.model in self._sender.low_priority_models()
        if self._sender.stop.stopped or refused:
            self._sender.withdraw(work, permit)
            return
        work = self._sender.longest_waiting(work, permit)
        task = self._loop.create_task(self._run(work, permit))
        self._sending.add(task)
        task.add_done_callback(partial(self._sent, permit))

    async def _run(self, work: WorkItem, permit: RequestPermit) -> None:
        """The task of a request that is under way."""
        if (result := await self._sender.send(work, permit)) is not None:
            self._finish(result)
            if self._sender.was_cut_off(result.error):
                self._source.fail(ConfigurationError(CLIENT_CLOSED))

    def _sent(self, permit: RequestPermit, task: asyncio.Task[None]) -> None:
        """A request's task has ended."""
        self._sending.discard(task)
        self._sender.release(permit)
        error = _error_of(task)
        if isinstance(error, Exception):
            self._source.fail(error)
        elif error is not None:
            self.stop(error)
        self._changed.set()

    # Ending

    def _finish(self, result: BatchResult[Any]) -> None:
        if self._over:
            return
        self._unfinished.pop(result.index, None)
        self._sender.progress._count(result.response, result.error)
        if result.error is not None and self._sender.settings.fail_fast:
            self._end_with(result, result.error)
            return
        self._buffer.put(result)
        if self._buffer:
            self._has_results.set()

    def _finish_late(self, work: WorkItem) -> None:
        """The timeout `total` of a deferred request has passed."""
        if not self._sender.stop.stopped:  # else it has no result, as all that waited
            self._finish(self._sender.unsent(work))
            self._changed.set()

    def _end_with(self, result: BatchResult[Any], error: HorayError) -> None:
        """A failure ends the run: one of a file once what is under way has its results, any other at once."""
        line = line_number(result.request)
        which = f"line {line}" if line else f"request {result.index}"
        error.add_note(f"{which}, custom_id {result.custom_id!r}")
        # What was executed is paid for: it goes into the file, with what came of it, and isn't sent again.
        executed = getattr(error, "execution", None) == "executed"
        if self._buffer.ordered or (line and executed):
            self._buffer.put(result)
            self._has_results.set()
        if line:
            self._source.fail(error)
            self._sender.stop.stop()
        else:
            self.stop(error)

    def _dispatched(self, task: asyncio.Task[None]) -> None:
        if (error := _error_of(task)) is not None:
            self.stop(error)
        if not self._over:
            self._end()
            self._has_results.set()

    def _end(self, *, left: bool = False) -> None:
        self._over = True
        # In order, each result stays beside its request: what is missing between them is told by an error.
        for index in self._buffer.missing():
            work = self._unfinished[index]
            if not left:
                self._sender.progress._count(None, work.last_error)
            self._buffer.put(work.unfinished(self._loop.time()))
        # Whoever keeps the error that ended the run, whose traceback leads here, isn't to keep the requests.
        self._unfinished.clear()
        self._sender.deferred.clear()
        self._sender.deferred.on_late = None  # a cycle, which only the garbage collector would free
        self._sender.unconfirmed.failures.clear()
        self._sender.progress._end()
        if self._bar is not None:
            self._bar.stop()


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """The error that ended a task of a run; None without one."""
    if task.cancelled():
        return ConfigurationError("the batch was cancelled from outside")
    return task.exception()
