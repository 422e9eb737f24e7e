"""Running a batch: from a source of requests, through the gate, to results."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from horay_async._protocol.limits.admission import Permit
from horay_async._protocol.limits.concurrency import Concurrency
from horay_async._protocol.limits.pacing import are_believable
from horay_async.batch.errors import InvalidRequestError
from horay_async.batch.notifier import Notifier
from horay_async.batch.options import Settings
from horay_async.batch.requests import Job, Preparer, name_of, refusal, unreachable
from horay_async.batch.result_buffer import ResultBuffer
from horay_async.batch.results import BatchProgress, BatchResult
from horay_async.batch.sources import ENDED, PENDING, source_of
from horay_async.batch.throttle import Paces, throttle_of, unbound
from horay_async.errors import (
    APIError,
    APIResponseError,
    APIStatusError,
    ConfigurationError,
    HorayError,
)
from horay_async.models._base import Response
from horay_async.models.meta import Attempt
from horay_async.models.usage import Usage
from horay_async.resources._base import fetch

if TYPE_CHECKING:
    from horay_async._transport import Transport

__all__ = ["LEFT", "BatchRunner"]

LEFT = "the batch was left: its loop was ended early, or close() was called"


class BatchRunner:
    """One batch run on one event loop: a task that sends, and one for each request under way.

    `level` and `pacer` take the place of those that the settings call for, to be shared by several engines.
    A pacer that doesn't know for how long it holds back requests has to wake the gate's turns.
    """

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        totals: BatchProgress,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool,
        threaded: bool,
        level: Concurrency | None = None,
        pacer: Paces | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._gate = throttle_of(transport)
        self._level = self._gate.level(settings) if level is None else level
        self._pacer = self._gate.pacer(settings) if pacer is None else pacer
        self._transport = unbound(transport)
        self._preparer = Preparer(self._transport.options)
        self._settings = settings
        self._totals = totals
        self._outbox = ResultBuffer(ordered=ordered)
        self._index = 0  # of the next item
        self._again: deque[Job] = deque()  # put off, to be sent again before anything else
        self._failure: BaseException | None = None
        self._over = False
        self._broken: Exception | None = None  # what reading the source raised
        self._dispatcher_turns = Notifier()
        self._consumer_turns = Notifier()
        self._sending: set[asyncio.Task[None]] = set()
        self._source = source_of(items, self._dispatcher_turns.wake, threaded=threaded)
        totals.start()
        self._dispatcher = asyncio.create_task(self._dispatch())
        self._dispatcher.add_done_callback(self._dispatched)

    # For the consumer

    async def take(self) -> list[BatchResult[Any]]:
        """The results that are there, waiting for at least one; none when all were taken.

        Raises what ended the run early, once the results from before it were taken.
        """
        while not self._outbox:
            if self._failure is not None:
                raise self._failure
            if self._over:
                return []
            await self._consumer_turns.wait()
        return self.taken()

    def taken(self) -> list[BatchResult[Any]]:
        """The results that are there."""
        results = self._outbox.taken()
        self._dispatcher_turns.wake()
        return results

    def stop(self, failure: BaseException) -> None:
        """Cancels what is under way; `failure` is raised once the results are taken."""
        if self._over:
            return
        self._over = True
        self._failure = failure
        self._totals.end()
        self._source.stop()
        self._dispatcher.cancel()
        for task in self._sending:
            task.cancel()
        self._consumer_turns.wake()

    def stop_soon(self) -> None:
        """Cancels what is under way, from any thread: at once on the engine's own loop, else on its next
        turn.
        """
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self.stop(HorayError(LEFT))
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.stop, HorayError(LEFT))

    async def close(self) -> None:
        """Cancels what is under way, and waits until it is gone."""
        self.stop(HorayError(LEFT))
        tasks = [self._dispatcher, *self._sending]
        await asyncio.gather(*tasks, return_exceptions=True)

    # Sending

    async def _dispatch(self) -> None:
        while True:
            if not self._again and self._outbox.full(self._index, self._level.limit):
                await self._dispatcher_turns.wait()
                continue
            job = self._again.popleft() if self._again else self._next()
            if job is PENDING or (job is ENDED and self._sending):
                await self._dispatcher_turns.wait()
            elif job is ENDED:
                if self._broken is not None:
                    raise self._broken
                return
            elif job is not None:
                await self._send(cast("Job", job))

    def _next(self) -> Any:
        """The next job, `PENDING`, `ENDED`, or None for an item that isn't a request."""
        if self._broken is not None:
            return ENDED
        try:
            item = self._source.poll()
        except Exception as error:  # noqa: BLE001 - the caller's iterable can raise anything
            self._broken = error
            return ENDED
        if item is PENDING or item is ENDED:
            return item
        index = self._index
        self._index += 1
        try:
            return self._preparer.prepare(item, index)
        except InvalidRequestError as error:
            name = name_of(item, index)
            self._finish(BatchResult(index=index, custom_id=name, request=item, error=error))
            return None

    async def _send(self, job: Job) -> None:
        if self._settings.tpm is not None:
            job.tokens = self._gate.estimate.of(job.size, job.max_tokens, job.choices)
        permit = await self._gate.enter(self._level, self._pacer, job.tokens)
        self._totals.in_flight += 1
        task = self._loop.create_task(self._run(job, permit))
        self._sending.add(task)
        task.add_done_callback(partial(self._sent, permit))

    async def _run(self, job: Job, permit: Permit) -> None:
        """Sends a request once, the retries that its policy allows included."""
        clock, admission = self._loop.time, self._gate.admission
        began = clock()
        if job.started is None:
            job.started = began
        else:
            last = job.attempts[-1]
            last.backoff = began - job.started - last.started - (last.seconds or 0.0)
        try:
            response = cast(Response, await fetch(self._transport, job.request, job.into))
        except RecursionError as error:
            # An answer that is nested to the very edge of the stack: one result's matter, not the batch's.
            failure = APIResponseError("the response is nested too deep")
            failure.__cause__ = error
            admission.end(permit)
            self._failed(job, failure, clock())
        except APIError as error:
            now = clock()
            self._record(job, error.attempts, began)
            self._gate.reached |= error.attempts[-1].status is not None
            if refusal(error) or (unreachable(error) and self._gate.reached):
                self._put_off(job, permit, error, now)
            else:
                admission.end(permit)
                self._failed(job, error, now)
        else:
            now = clock()
            self._gate.reached = True
            meta = response.meta
            single = len(meta.attempts) == 1
            admission.answered(permit, now, latency=now - began if single else None)
            self._record(job, meta.attempts, began)
            meta.attempts = tuple(job.attempts)
            self._correct(job, response, now)
            self._done(job, now, response=response)

    def _put_off(self, job: Job, permit: Permit, error: APIError, now: float) -> None:
        """Puts a request back in front, unless it has been put off for long enough."""
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        if asked is not None:
            asked = min(asked, job.policy.max_retry_after)
        admission = self._gate.admission
        admission.refused(permit, now, retry_after=asked)
        self._pacer.correct(-job.tokens, now)
        self._totals.refused += 1
        if job.put_off_since is None:
            job.put_off_since = now
        since = min(job.put_off_since, cast(float, admission.refusing_since))
        total = job.request.timeouts.total
        late = total is not None and now - cast(float, job.started) >= total
        if late or now - since >= self._settings.give_up_after or not job.may_go_again(error):
            self._failed(job, error, now)
        else:
            self._again.append(job)

    def _correct(self, job: Job, response: Response, now: float) -> None:
        """Puts what an answer really took in the place of its estimate."""
        usage = getattr(response, "usage", None)
        if not isinstance(usage, Usage) or not usage.total_tokens:
            return
        most = self._gate.estimate.most(job.size, job.max_tokens, job.choices)
        counts = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
        if not are_believable(*counts, most=most):
            return
        self._gate.estimate.learn(
            job.size, job.choices, prompt=usage.prompt_tokens, completion=usage.completion_tokens
        )
        self._pacer.correct(usage.total_tokens - job.tokens, now)

    # Results

    def _record(self, job: Job, attempts: Iterable[Attempt], began: float) -> None:
        offset = began - cast(float, job.started)
        for attempt in attempts:
            attempt.started += offset
            job.attempts.append(attempt)

    def _failed(self, job: Job, error: APIError, now: float) -> None:
        error.attempts = tuple(job.attempts)
        self._done(job, now, error=error)

    def _done(
        self,
        job: Job,
        now: float,
        *,
        response: Response | None = None,
        error: HorayError | None = None,
    ) -> None:
        self._finish(
            BatchResult(
                index=job.index,
                custom_id=job.custom_id,
                request=job.item,
                response=response,
                error=error,
                attempts=tuple(job.attempts),
                seconds=now - cast(float, job.started),
            )
        )

    def _finish(self, result: BatchResult[Any]) -> None:
        if self._over:
            return
        self._totals.count(result.response)
        if result.error is not None and self._settings.fail_fast:
            result.error.add_note(f"request {result.index}, custom_id {result.custom_id!r}")
            self.stop(result.error)
            return
        self._outbox.put(result)
        if self._outbox:
            self._consumer_turns.wake()

    # Tasks

    def _sent(self, permit: Permit, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if permit.open:  # it was cancelled, or never began to run
            self._gate.admission.end(permit)
        self._gate.turns.wake()
        self._totals.in_flight -= 1
        self._ended(task)
        self._dispatcher_turns.wake()

    def _dispatched(self, task: asyncio.Task[None]) -> None:
        self._ended(task)
        if not self._over:
            self._over = True
            self._totals.end()
            self._consumer_turns.wake()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Stops the run where a task met what isn't the result of a request."""
        if task.cancelled():
            self.stop(ConfigurationError("the batch was cancelled from outside"))
        elif (error := task.exception()) is not None:
            self.stop(error)
