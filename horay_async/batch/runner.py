"""Running a batch: from a source of requests, through the throttle, to results."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from horay_async._protocol.limits.admission import Permit
from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._transport.limiter import FIRST_UNKNOWN_STATUS
from horay_async._transport.log import LOG
from horay_async.batch.notifier import Notifier
from horay_async.batch.options import Settings
from horay_async.batch.requests import (
    Preparer,
    WorkItem,
    is_overloaded,
    is_refused_key,
    is_unreachable,
)
from horay_async.batch.result_buffer import ResultBuffer
from horay_async.batch.results import BatchProgress, BatchResult
from horay_async.batch.sources import ENDED, PENDING, source_of
from horay_async.batch.throttle import BatchAttemptLimiter, Patience, throttle_of, unbound
from horay_async.errors import (
    AnswerError,
    APIError,
    APIResponseError,
    APIStatusError,
    ConfigurationError,
    DriftError,
    DriftWarning,
    HorayError,
)
from horay_async.models._base import Response
from horay_async.models.meta import Attempt
from horay_async.resources._base import fetch

if TYPE_CHECKING:
    from horay_async._transport.limiter import AnyRateLimiter
    from horay_async._transport.transport import Transport
    from horay_async.batch.bar import ProgressBar

BATCH_CLOSED = "the batch was left: its loop was ended early, or close() was called"

LEAST_REFUSED = 3
"""Requests whose key the server refuses before no more are sent, unless there are fewer: a single one may have met a server
that was just starting.
"""

LONGEST_SET_ASIDE = 1.0
"""Seconds for which requests are set aside while nothing else goes on."""

MOST_UNFINISHED = 2
"""Requests that were sent and have no result, as a multiple of how many may be under way: some wait to be retried."""


class BatchRunner:
    """One batch run on one event loop: one task takes requests from the source, and another one sends each of them.

    `concurrency` and `rate_limiter`, where they are given, are used in place of the settings' own: several runners can share
    them. A rate limiter that can't say for how many seconds it holds back requests has to call `Limiter.wake` when it no
    longer does. `ends_with` says which errors end the run when all of its first requests meet them: then the others aren't
    sent, to fail one after the other.
    """

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        progress: BatchProgress,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool,
        threaded: bool,
        concurrency: ConcurrencyLimit | None = None,
        rate_limiter: AnyRateLimiter | None = None,
        bar: ProgressBar | None = None,
        ends_with: Callable[[HorayError], bool] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._throttle = throttle_of(transport)
        self._throttle.evict_unused(self._began)
        self._concurrency = (
            self._throttle.concurrency(settings) if concurrency is None else concurrency
        )
        self._rate_limiter = (
            self._throttle.rate_limiter(settings) if rate_limiter is None else rate_limiter
        )
        self._transport = unbound(transport)
        self._settings = settings
        self._progress = progress
        self._buffer = ResultBuffer(ordered=ordered)
        self._index = 0  # of the next item to send
        self._requeued: deque[WorkItem] = deque()  # put off, to be sent again before anything else
        self._ends_with = ends_with
        self._accepted = False  # whether the server has taken the key of one of this run's requests
        self._outage_logged = False  # since the server last responded
        self._set_aside: list[tuple[WorkItem, HorayError]] = []
        """Those that met such an error before it was known whether others fare better: no more are sent, beyond a few, until those under way
        have ended, and either one of them did, and these are sent again, or the run ends without results for them.
        """
        self._failure: BaseException | None = None
        self._over = False
        self._dispatch_notifier = Notifier()
        self._results_notifier = Notifier()
        self._sending: set[asyncio.Task[None]] = set()
        self._source = source_of(
            items,
            Preparer(self._transport.options).prepare_next,
            self._dispatch_notifier.notify_all,
            threaded=threaded,
        )
        """Its error ends the run, once the requests under way are done: what the iterable raised, or sending a request."""
        self._bar = bar
        progress.start()
        if bar is not None:
            bar.start()
        self._dispatcher = asyncio.create_task(self._dispatch())
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
        self._dispatch_notifier.notify_all()
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
            await self._results_notifier.wait()

    def get_nowait(self) -> list[BatchResult[Any]]:
        """The results that are there."""
        results = self._buffer.get_nowait()
        self._dispatch_notifier.notify_all()
        return results

    def stop(self, failure: BaseException) -> None:
        """Cancels what is under way; `failure` is raised once the results are taken."""
        if self._over:
            return
        self._failure = failure
        self._end()
        self._source.stop()
        self._dispatcher.cancel()
        for task in self._sending:
            task.cancel()
        self._results_notifier.notify_all()

    def stop_soon(self) -> None:
        """Cancels what is under way on the next turn of the runner's loop, from any thread and from finalizers."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.stop, HorayError(BATCH_CLOSED))
        elif self._bar is not None:
            self._bar.stop()

    async def close(self) -> None:
        """Cancels what is under way, and waits until it is gone."""
        self.stop(HorayError(BATCH_CLOSED))
        tasks = [self._dispatcher, *self._sending]
        await asyncio.gather(*tasks, return_exceptions=True)

    # Sending

    async def _dispatch(self) -> None:
        while True:
            if self._set_aside:
                self._requeued.extend(
                    work for work, error in self._set_aside if self._has_passed(error)
                )
                self._set_aside = [one for one in self._set_aside if not self._has_passed(one[1])]
                if self._must_wait():
                    if not self._sending:
                        raise self._error_of_all()
                    await self._dispatch_notifier.wait()
                    continue
            full = self._source.error is None and self._buffer.full(
                self._index, self._concurrency.limit
            )
            crowded = len(self._sending) >= MOST_UNFINISHED * self._concurrency.limit
            if crowded or (full and not self._requeued):
                await self._wait_to_go_on()
                continue
            work: Any = self._requeued.popleft() if self._requeued else self._next()
            if work is PENDING or (work is ENDED and self._sending):
                await self._wait_to_go_on()
            elif work is ENDED:
                if (error := self._source.error) is not None:
                    self.stop(error)  # not raised in this task: a `SystemExit` would end the loop
                    return
                if self._set_aside:
                    raise self._error_of_all()
                return
            elif work is not None:
                await self._send(work)

    async def _wait_to_go_on(self) -> None:
        """Waits until the results are taken, or the source has more. Where nothing is under way, either may wait for the
        results of those that were set aside, whose errors then become their results: an iterable may ask for its last result before
        it gives more, and in order nothing comes before the first one.
        """
        try:
            async with asyncio.timeout(LONGEST_SET_ASIDE if self._stands_still() else None):
                await self._dispatch_notifier.wait()
        except TimeoutError:
            if self._stands_still():
                set_aside, self._set_aside = self._set_aside, []
                for work, error in set_aside:
                    if isinstance(error, APIError):
                        error.attempts = tuple(work.attempts)
                    self._done(work, self._loop.time(), error=error)

    def _stands_still(self) -> bool:
        """Whether some are set aside, nothing is under way, and there is no result to be taken."""
        return bool(self._set_aside) and not self._sending and not self._buffer

    def _next(self) -> Any:
        """The next work item, `PENDING`, `ENDED`, or None for an item that isn't a request."""
        item = self._source.poll()
        if item is PENDING or item is ENDED:
            return item
        self._index += 1
        if isinstance(item, BatchResult):
            self._finish(cast("BatchResult[Any]", item))
            return None
        return item

    async def _send(self, work: WorkItem) -> None:
        limiter = self._throttle.limiter
        work.tokens = limiter.tokens_of(work.size)
        since = self._loop.time() if work.put_off_since is None else work.put_off_since
        patience = Patience(self._began, since, self._settings.give_up_after)
        admitted = await self._throttle.acquire(
            self._concurrency,
            self._rate_limiter,
            work.tokens,
            bulk=self._settings.bulk,
            patience=patience,
        )
        if admitted is None:
            self._fail_unsent(work, self._loop.time())
            return
        attempts = work.request.limiter = BatchAttemptLimiter(self._throttle, admitted, patience)
        self._progress.in_flight += 1
        task = self._loop.create_task(self._run(work, attempts))
        self._sending.add(task)
        task.add_done_callback(partial(self._sent, attempts))

    async def _run(self, work: WorkItem, attempts: BatchAttemptLimiter) -> None:
        """Sends a request once, the retries that its policy allows included."""
        clock = self._loop.time
        began = clock()
        if work.started is None:
            work.started = began
        elif work.attempts:  # none where the function for the API key raised
            last = work.attempts[-1]
            last.backoff = began - work.started - last.started - (last.seconds or 0.0)
        try:
            response: Response = await fetch(self._transport, work.request, work.into)
        except RecursionError as error:
            # A response that is nested to the very edge of the stack: one result's matter, not the batch's.
            failure = APIResponseError("the response is nested too deep")
            failure.__cause__ = error
            self._failed(work, failure, clock())
        except APIError as error:
            now = clock()
            self._record(work, error.attempts, began)
            self._note_status(error)
            if attempts.gave_up:
                work.last_error = error
                self._fail_unsent(work, now)
            elif is_overloaded(error) or (is_unreachable(error) and self._throttle.reached):
                self._send_again_or_fail(work, attempts.permit, error, now)
            elif self._try_set_aside(work, error, now):
                work.last_error = error
            else:
                if isinstance(error, APIStatusError) and error.status_code < FIRST_UNKNOWN_STATUS:
                    self._throttle.limiter.correct(-work.tokens, self._rate_limiter, now)
                self._failed(work, error, now)
        except HorayError as error:
            if self._transport.pools.closed:
                raise
            # The function for the API key raised, for example: one result's matter, and the next request asks it again.
            now = clock()
            if not self._try_set_aside(work, error, now):
                self._done(work, now, error=error)
        except DriftWarning as warning:
            # Of a program that makes errors of warnings: one result's matter, as with `strict="raise"`.
            response = warning.response
            self._record(work, response.meta.attempts, began)
            self._responded(accepted=True)
            self._failed(work, self._drift_error(warning), clock())
        else:
            now = clock()
            self._responded(accepted=True)
            meta = response.meta
            single = len(meta.attempts) == 1
            latency = now - began if single else None
            self._throttle.admission.succeeded(attempts.permit, now, latency=latency)
            self._record(work, meta.attempts, began)
            meta.attempts = tuple(work.attempts)
            self._correct(work, response, now)
            try:
                parsed = (
                    response
                    if work.parse is None
                    else work.parse(response, clean=self._transport.clean)
                )
            except AnswerError as error:
                self._failed(work, error, now)
            else:
                self._done(work, now, response=parsed)

    def _drift_error(self, warning: DriftWarning) -> DriftError:
        """The error that stands for a raised warning in a result, whose errors are all `HorayError`s."""
        response = warning.response
        body = self._transport.masked(response._raw)  # noqa: SLF001 - as it was sent
        failure = DriftError(
            str(warning),
            path=warning.path,
            kind=warning.kind,
            drifts=((warning.path, warning.kind),),
            body=body.decode("utf-8", "replace"),
            response=response,
            request_id=response.meta.request_id,
        )
        failure.__cause__ = warning
        return failure

    def _send_again_or_fail(
        self, work: WorkItem, permit: Permit, error: APIError, now: float
    ) -> None:
        """Puts a request back in front, unless it has been put off for long enough."""
        admission, limiter = self._throttle.admission, self._throttle.limiter
        asked = self._throttle.refused(permit, error, now)
        limiter.correct(-work.tokens, self._rate_limiter, now)
        self._progress.refused += 1
        if is_unreachable(error):
            self._note_outage(error)
        if work.put_off_since is None:
            work.put_off_since = now
        work.last_error = error
        # What the server refused before this batch began is no reason to give up.
        refusing_since = max(cast(float, admission.refusing_since), self._began)
        since = min(work.put_off_since, refusing_since)
        total = work.request.timeouts.total
        late = total is not None and now - cast(float, work.started) >= total
        patient = now + asked - since < self._settings.give_up_after
        if late or not patient or not work.may_go_again(error):
            self._failed(work, error, now)
        else:
            self._requeued.append(work)

    def _note_status(self, error: APIError) -> None:
        """Learns from a failure whether the server responds, and whether it takes the key. A refusal for its load and a fault
        of its own say nothing of the key.
        """
        status = error.attempts[-1].status
        if status is None:
            return
        self._responded(
            accepted=not (is_refused_key(error) or is_overloaded(error) or status >= 500)
        )

    def _responded(self, *, accepted: bool) -> None:
        """Learns that the server responds, and whether it takes the key."""
        self._throttle.reached = True
        self._accepted |= accepted
        self._progress.set_reached(True)
        self._outage_logged = False

    def _note_outage(self, error: APIError) -> None:
        """Learns that an attempt couldn't connect to a server that has responded before. Others may still be under way there."""
        self._progress.set_reached(False)
        seconds = self._progress.seconds_unreached
        if seconds and not self._outage_logged:
            self._outage_logged = True
            LOG.warning(
                "the server can't be reached for %.0f s: %s. The batch goes on trying, each request for %g s",
                seconds,
                error.message,
                self._settings.give_up_after,
            )

    def _try_set_aside(self, work: WorkItem, error: HorayError, now: float) -> bool:
        """Keeps a request without a result, if it isn't known yet whether the others meet the same error."""
        if self._ends_with is None or not self._ends_with(error) or self._has_passed(error):
            return False
        if self._settings.fail_fast:  # then any failure ends the run, at once
            return False
        self._throttle.limiter.correct(-work.tokens, self._rate_limiter, now)
        self._set_aside.append((work, error))
        return True

    def _has_passed(self, error: HorayError) -> bool:
        """Whether another request got past what stopped this one."""
        return self._accepted if is_refused_key(error) else self._throttle.reached

    def _must_wait(self) -> bool:
        """Whether no more is to be sent until one of those under way gets past what stopped others."""
        refused = sum(is_refused_key(error) for _, error in self._set_aside)
        return refused < len(self._set_aside) or refused >= LEAST_REFUSED

    def _error_of_all(self) -> HorayError:
        """The error for a run of which no request has reached the server, or none with a key that it takes."""
        _, error = self._set_aside[-1]
        count = len(self._set_aside)
        what = (
            f"the server refused the key of the first {count} requests"
            if is_refused_key(error)
            else f"none of its first {count} requests reached the server"
        )
        error.add_note(
            f"the batch ends here: {what}. They have no results: the next run sends them"
        )
        return error

    def _correct(self, work: WorkItem, response: Response, now: float) -> None:
        """Puts what a response really took in the place of its estimate."""
        limiter = self._throttle.limiter
        used = limiter.learn(work.size, response)
        if used is not None:
            limiter.correct(used - work.tokens, self._rate_limiter, now)

    # Results

    def _record(self, work: WorkItem, attempts: Iterable[Attempt], began: float) -> None:
        assert work.started is not None
        offset = began - work.started
        for attempt in attempts:
            attempt.started += offset
            work.attempts.append(attempt)

    def _fail_unsent(self, work: WorkItem, now: float) -> None:
        """Ends a request that the server won't take within the time that it has: with its own last refusal, or if it
        was never sent, with the server's last one.
        """
        if work.last_error is None:
            error = self._throttle.last_refusal()
            unsent = "the request wasn't sent"
        else:
            error = work.last_error
            unsent = "the request wasn't sent again"
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        patience = self._settings.give_up_after
        why = "has refused everything for that long"
        if asked:
            wait = f"a wait of {asked:g} s"
            why = f"asked for {wait}" if asked >= patience else f"{why}, with {wait} at last"
        error.__notes__ = [f"{unsent}: give_up_after is {patience:g} s, and the server {why}"]
        if work.started is None:
            work.started = now
        self._failed(work, error, now)

    def _failed(self, work: WorkItem, error: APIError, now: float) -> None:
        error.attempts = tuple(work.attempts)
        self._done(work, now, error=error)

    def _done(
        self,
        work: WorkItem,
        now: float,
        *,
        response: Response | None = None,
        error: HorayError | None = None,
    ) -> None:
        assert work.started is not None
        self._finish(
            BatchResult(
                index=work.index,
                custom_id=work.custom_id,
                request=work.item,
                response=response,
                error=error,
                attempts=tuple(work.attempts),
                seconds=now - work.started,
            )
        )

    def _finish(self, result: BatchResult[Any]) -> None:
        if self._over:
            return
        self._progress.count(result.response, result.error)
        if result.error is not None and self._settings.fail_fast:
            result.error.add_note(f"request {result.index}, custom_id {result.custom_id!r}")
            self.stop(result.error)
            return
        self._buffer.put(result)
        if self._buffer:
            self._results_notifier.notify_all()

    # Tasks

    def _sent(self, attempts: BatchAttemptLimiter, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._throttle.admission.end(attempts.permit)  # if that isn't done yet
        self._throttle.limiter.wake()
        self._progress.in_flight -= 1
        error = _error_of(task)
        if isinstance(error, Exception):
            self._source.fail(error)
        elif error is not None:
            self.stop(error)
        self._dispatch_notifier.notify_all()

    def _dispatched(self, task: asyncio.Task[None]) -> None:
        if (error := _error_of(task)) is not None:
            self.stop(error)
        if not self._over:
            self._end()
            self._results_notifier.notify_all()

    def _end(self) -> None:
        self._over = True
        self._buffer.release()
        self._progress.end()
        if self._bar is not None:
            self._bar.stop()


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """What a task of a run was ended by."""
    if task.cancelled():
        return ConfigurationError("the batch was cancelled from outside")
    return task.exception()
