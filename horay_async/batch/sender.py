"""Sending the requests of a batch, each through the batch limiter, and what becomes of it."""

# What moves the totals is kept under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Container
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Admission, Wait
from horay_async._protocol.wire.errors import asked_to_wait
from horay_async._transport.connection_slots import CLIENT_CLOSED
from horay_async._transport.log import LOG
from horay_async._transport.loops import running_loop
from horay_async._transport.request_limiter import LimitedRequest
from horay_async.batch.batch_limiter import RequestPermit, WaitLimit, batch_limiter_of, unbound
from horay_async.batch.deferred import DeferredRequests
from horay_async.batch.options import Settings
from horay_async.batch.outcomes import (
    accepts_key,
    as_error,
    is_unreachable,
    outcome_of,
    was_refused,
)
from horay_async.batch.preparer import Preparer
from horay_async.batch.request_lines import line_number
from horay_async.batch.results import TOLD_AFTER, BatchProgress, BatchResult
from horay_async.batch.sending_stop import SendingStop, SendingStoppedError
from horay_async.batch.unconfirmed import UnconfirmedFailures
from horay_async.batch.work_item import WorkItem
from horay_async.errors import (
    AnswerError,
    APIConnectionError,
    APIError,
    APIStatusError,
    ConfigurationError,
    DriftWarning,
    HorayError,
)
from horay_async.models._base import Response
from horay_async.resources._base import fetch

if TYPE_CHECKING:
    from horay_async._transport.connection_pool import ConnectionPools
    from horay_async._transport.request_limiter import AnyRateLimiter
    from horay_async._transport.transport import Transport


class RequestSender:
    """Sends requests of one batch: `admit` waits for a request's turn, `send` sends it, and `release` lets the next one go.

    A request that was sent and has no result yet waits in `deferred` or in `unconfirmed`.

    `concurrency` and `rate_limiter`, where they are given, are used in place of the settings' own: several batches can share
    them. A rate limiter that can't say for how many seconds it holds back requests has to call `RequestLimiter.wake` when it no
    longer does. `ends_with` says which errors end the batch when no request gets past them (`UnconfirmedFailures`): then the others
    aren't sent, to fail one after the other.
    """

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        progress: BatchProgress,
        *,
        concurrency: ConcurrencyLimit | None = None,
        rate_limiter: AnyRateLimiter | None = None,
        ends_with: Callable[[HorayError], bool] | None = None,
    ) -> None:
        self._clock = running_loop().time
        """Gives all times of a batch, in seconds."""
        self._began = self._clock()
        """When the batch began: what the server refused before is no reason to give up."""
        self._batch_limiter = batch_limiter_of(transport)
        """Shared by the client's batches, as what it knows of the server is."""
        self._batch_limiter.evict_unused(self._began)
        self.concurrency: ConcurrencyLimit = concurrency or self._batch_limiter.concurrency(
            settings
        )
        """The limit on requests under way."""
        self._rate_limiter = rate_limiter or self._batch_limiter.rate_limiter(settings)
        """What keeps to the batch's `rpm` and `tpm`."""
        self._transport = unbound(transport)
        """The client's connections; how many there may be is the batch limiter's to say."""
        self.pools: ConnectionPools = self._transport.pools
        """Whether the client is closed, and what waits until it is."""
        self.preparer: Preparer = Preparer(self._transport.options)
        """Makes of the caller's items what `admit` and `send` take."""
        self.settings: Settings = settings
        """How the batch is run, checked."""
        self.progress: BatchProgress = progress
        """What the caller sees of the batch; here requests under way and refusals are counted, in the runner results."""
        self.deferred: DeferredRequests = DeferredRequests()
        """Requests that are to be sent before the source's next one."""
        # With `fail_fast` any failure ends the run, at once.
        may_be_all = None if settings.fail_fast else ends_with
        self.unconfirmed: UnconfirmedFailures = UnconfirmedFailures(may_be_all)
        """Failures that may be every request's."""
        self.stop: SendingStop = SendingStop()
        """Whether no more are sent: then `admit`, and each wait to be sent again, ends with `SendingStoppedError`."""
        self.waiting: int = 0
        """Requests that wait because the server asked that of them alone."""
        self._outage_logged = False
        """Whether the log says that the server can't be reached; False again when it responds."""
        self._pause_logged = -math.inf
        """The end of the latest wait that the log has told of."""

    def defer_passed(self) -> None:
        """Defers the requests whose unconfirmed error another request got past."""
        passed = self.unconfirmed.pop_passed(reached=self._batch_limiter.reached)
        self.deferred.prepend(passed)  # who has waited longest comes first

    async def admit(self, work: WorkItem) -> RequestPermit | None:
        """Waits until `work` may be sent, and returns its permit, which goes to `release` at last. None where the
        server won't take it within the time that it has, or its timeout `total` has passed: see `unsent`. Raises `SendingStoppedError` where the batch sends no more.
        """
        settings, rate_limiter = self.settings, self._rate_limiter
        if work.is_late(self._clock()):
            return None
        work.tokens = self._batch_limiter.limiter.estimate.of(work.size)
        request = LimitedRequest(
            work.tokens, Wait(self.concurrency), rate_limiter, bulk=settings.bulk
        )
        since = self._clock() if work.deferred_since is None else work.deferred_since
        wait_limit = WaitLimit(work.model, self._began, since, settings.give_up_after)
        if since < self._batch_limiter.not_before <= wait_limit.until:
            self._note_pause()
        self._note_window(work.tokens)
        if not self._batch_limiter.acquire_nowait(request, wait_limit):
            wait = partial(self._batch_limiter.acquire, request, wait_limit)
            until_late = asyncio.timeout_at(work.deadline)
            try:
                async with until_late:
                    if not await self.stop.unless_stopped(wait):
                        return None
            except TimeoutError:
                if not until_late.expired():
                    raise
                return None
        permit = work.request.limiter = RequestPermit(
            self._batch_limiter, request, wait_limit, self.stop
        )
        self.progress.in_flight += 1
        return permit

    def withdraw(self, work: WorkItem, permit: RequestPermit) -> None:
        """Defers a request that was admitted, and isn't sent."""
        permit.give_back()
        self.progress.in_flight -= 1
        self.deferred.prepend([work])

    def low_priority_models(self) -> Container[bytes]:
        """Models that were refused lately, or may be: requests for others are sent first."""
        batch_limiter = self._batch_limiter
        refusing = batch_limiter.overload.refusing_since is not None
        return batch_limiter.refused_models.low_priority(self._clock(), refusing=refusing)

    def seconds_paused(self, model: bytes) -> float:
        """Seconds until a request may be sent for a model, where that is refused alone."""
        now = self._clock()
        resumes_at = self._batch_limiter.resumes_at(
            model, now, began=self._began, give_up_after=self.settings.give_up_after
        )
        return max(0.0, resumes_at - now)

    def paused_models(self) -> frozenset[bytes]:
        """Models of deferred requests for which nothing is sent now."""
        return frozenset(filter(self.seconds_paused, self.deferred.models))

    def seconds_until_sent(self) -> float | None:
        """Seconds until a deferred request may be sent, where all are for models that are refused alone; None where none is deferred."""
        return min(map(self.seconds_paused, self.deferred.models), default=None)

    def longest_waiting(self, work: WorkItem, permit: RequestPermit) -> WorkItem:
        """The request to send in the place of `work`, which was just admitted. Where that is new, one for the same model that was deferred while
        it waited is sent first, and `work` is deferred: else new requests would take what the server allows, again and again.
        """
        self._batch_limiter.refused_models.probed(work.model, self._clock())
        new = work.started is None
        first = self.deferred.pop(work.model, sent_before=True) if new else None
        if first is None:
            return work
        self.deferred.prepend([work])
        first.request.limiter = permit
        self._correct(first.tokens - work.tokens, self._clock())
        return first

    def release(self, permit: RequestPermit) -> None:
        """Lets others be sent in the place of a request that isn't under way any more."""
        self._batch_limiter.overload.release(permit.admission)  # if that isn't done yet
        self._batch_limiter.on_release(self._clock())
        self._batch_limiter.limiter.wake()
        self.progress.in_flight -= 1

    async def send(self, work: WorkItem, permit: RequestPermit) -> BatchResult[Any] | None:
        """Sends a request once, the retries that its policy allows included. Returns its result; None where it has none yet,
        or waited to be sent again when the batch was told to send no more.

        Raises `ConfigurationError` where the client is closed, and what the caller's own retry policy raises.
        """
        began = self._clock()
        work.begin(began)
        try:
            response: Response = await fetch(
                self._transport, work.request, work.into, started=work.started
            )
        except SendingStoppedError:
            return None
        except (HorayError, RecursionError, DriftWarning) as raised:
            # What else there is: the function for the API key has raised, which is this request's own matter too.
            of_request = isinstance(raised, APIError | RecursionError | DriftWarning)
            if self.pools.closed and not of_request:
                raise
            if self.was_cut_off(raised):
                if line_number(work.item):  # the next run sends it
                    raise ConfigurationError(CLIENT_CLOSED) from raised
                work.record(raised.attempts, began)
                return work.result(self._clock(), error=raised)
            error = as_error(raised, self._transport.masked)
            result = self._failed(work, permit, error, began)
            if result is None and work.pause:
                await self._wait_alone(work)
            return result
        now = self._clock()
        meta = response.meta
        self._responded(accepted=True)
        self.unconfirmed.note_success(work, began)
        latency = now - began if len(meta.attempts) == 1 else None
        admission = permit.admission
        self._batch_limiter.overload.succeeded(admission, now, latency=latency)
        self._batch_limiter.let_through(admission, work.model, now, sent=began)
        work.record(meta.attempts, began)
        meta.attempts = tuple(work.attempts)
        if (used := self._batch_limiter.limiter.learn(work.size, response)) is not None:
            self._correct(used - work.tokens, now)
        self._note_window(work.tokens)
        if work.parse is not None:
            try:
                response = work.parse(response, clean=self._transport.clean)
            except AnswerError as error:
                return work.result(now, error=error)
        return work.result(now, response=response)

    def was_cut_off(self, error: object) -> TypeGuard[APIError]:
        """Whether a request met `error` because the client was closed while it was under way, or waited to be retried."""
        if not (self.pools.closed and isinstance(error, APIError)):
            return False
        under_way = isinstance(error, APIConnectionError) and not error.transient
        waited = bool(error.attempts) and error.attempts[-1].backoff is not None
        return under_way or waited

    async def _wait_alone(self, work: WorkItem) -> None:
        """Waits for as long as the server has asked of a request alone, unless the batch sends no more, and defers it. Raises
        `ConfigurationError` where the client is closed meanwhile.
        """
        wait = partial(self.stop.unless_stopped, partial(asyncio.sleep, work.pause))
        self.waiting += 1
        self.progress.in_flight -= 1
        try:
            with contextlib.suppress(SendingStoppedError):
                await self.pools.wait(wait)
        finally:
            self.waiting -= 1
            self.progress.in_flight += 1
        self.deferred.append(work)

    def unsent(self, work: WorkItem) -> BatchResult[Any]:
        """The result of a request that the server won't take within the time that it has, or whose timeout `total` has passed: its own
        last error, or if it was never sent, the server's last refusal.
        """
        error, unsent = work.last_error, "the request wasn't sent again"
        if work.is_late(now := self._clock()):
            from horay_async._transport.failures import timed_out  # noqa: PLC0415 - loads aiohttp

            error = error or timed_out("total", work.request, "not_sent")
            error.__notes__ = [f"{unsent}: its timeout total is {work.request.timeouts.total:g} s"]
            return work.result(now, error=error)
        if error is None:
            error, unsent = self._batch_limiter.last_refusal(work.model), "the request wasn't sent"
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        seconds = self.settings.give_up_after
        why = "has refused everything for that long"
        if asked:
            wait = f"a wait of {asked:g} s"
            why = f"asked for {wait}" if asked >= seconds else f"{why}, with {wait} at last"
        error.__notes__ = [f"{unsent}: give_up_after is {seconds:g} s, and the server {why}"]
        return work.result(now, error=error)

    def _failed(
        self, work: WorkItem, permit: RequestPermit, error: HorayError, began: float
    ) -> BatchResult[Any] | None:
        """What becomes of a request that met `error`: its result, or None."""
        now = self._clock()
        if isinstance(error, APIError):
            work.record(error.attempts, began)
            work.last_error = error
            if (accepted := accepts_key(error)) is not None:
                self._responded(accepted=accepted)
            if permit.gave_up:
                return self.unsent(work)
        reached = self._batch_limiter.reached
        may_be_all = self.unconfirmed.takes(work, error, now, reached=reached)
        outcome = outcome_of(error, reached=reached, may_be_all=may_be_all)
        again = outcome != "failed"
        if outcome == "deferred":
            again = self._defer(work, permit.admission, cast("APIError", error), now, began)
        elif outcome == "unconfirmed":
            self.unconfirmed.add(work, error, now)
        if outcome != "failed" or was_refused(error):  # it took no tokens
            self._correct(-work.tokens, now)
        return None if again else work.result(now, error=error)

    def _defer(
        self, work: WorkItem, admission: Admission, error: APIError, now: float, began: float
    ) -> bool:
        """Makes the batch wait for the server. Returns whether the request waits too, to be sent again: not where it has waited
        for long enough, or its policy has none sent again.
        """
        batch_limiter = self._batch_limiter
        asked = batch_limiter.refused(admission, work.model, error, now, sent=began)
        is_alone = self.seconds_paused(work.model) > 0
        work.pause = asked if batch_limiter.overload.pauses_alone and not is_alone else 0.0
        self.progress.refused += 1
        if is_unreachable(error):
            self._note_outage(error)
        if work.deferred_since is None:
            work.deferred_since = now
        refusing_since = cast("float", batch_limiter.refusing_since(work.model))
        since = min(work.deferred_since, max(refusing_since, self._began))
        late = work.is_late(now + work.pause)
        patient = now + asked - since < self.settings.give_up_after
        if patient and asked and not work.pause and not is_alone:
            self._note_pause()
        again = patient and not late and work.may_go_again(error)
        if again and not work.pause:
            self.deferred.append(work)
        return again

    def _correct(self, tokens: float, now: float) -> None:
        """Counts `tokens` beside a request's estimate, now that it is known what it took."""
        self._batch_limiter.limiter.correct(tokens, self._rate_limiter, now)

    def _responded(self, *, accepted: bool) -> None:
        """Learns that the server responds, and whether it takes the key."""
        self._batch_limiter.reached = True
        self.unconfirmed.key_accepted |= accepted
        self.progress._set_reached(True)
        self._outage_logged = False

    def _note_pause(self) -> None:
        """Learns that the server has asked to wait, perhaps in a refusal of another batch's request."""
        until, error = self._batch_limiter.not_before, self._batch_limiter.last_error
        if error is not None:
            asked = getattr(error, "retry_after", None) or 0
            self._tell_pause(
                until - self._clock(), error.message.removesuffix(asked_to_wait(asked))
            )

    def _note_window(self, tokens: float) -> None:
        """Learns whether the server's headers say that it takes no more requests like this one before a time."""
        seconds = self._batch_limiter.limiter.seconds_to_reset(tokens, self._clock())
        self._tell_pause(seconds, "its headers say that what is left until then doesn't suffice")

    def _tell_pause(self, seconds: float, reason: str) -> None:
        """Has the progress, and once the log, say that nothing is sent for so many seconds; not where they are few."""
        if seconds < TOLD_AFTER:
            return
        self.progress._set_pause(seconds, reason)
        until = self._clock() + seconds
        if until - self._pause_logged >= TOLD_AFTER:
            self._pause_logged = until
            LOG.warning("%s", self.progress.pause)

    def _note_outage(self, error: APIError) -> None:
        """Learns that an attempt couldn't connect to a server that has responded before. Others may still be under way there."""
        self.progress._set_reached(False)
        seconds = self.progress.seconds_unreached
        if seconds and not self._outage_logged:
            self._outage_logged = True
            LOG.warning(
                "the server can't be reached for %.0f s: %s. The batch goes on trying, each request for %g s",
                seconds,
                error.message,
                self.settings.give_up_after,
            )
