"""One call: its attempts, the timeouts up to the response's head, and the one loop that tries again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from multidict import CIMultiDict, CIMultiDictProxy, istr

from horay_async._attempt import Attempt, execution_of
from horay_async._keys import Secret
from horay_async._protocol.limits.retry_after import parse_retry_after
from horay_async._protocol.limits.retry_budget import RetryBudget
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.errors import (
    ErrorContext,
    add_body,
    bad_response,
    status_error,
)
from horay_async._protocol.wire.request import Request
from horay_async._protocol.wire.size_limits import MAX_ERROR_BYTES, MAX_ERROR_SECONDS
from horay_async._retry_policy import retry_delay
from horay_async._transport.aiohttp_internals import HTTPResponse
from horay_async._transport.connection import PendingRequest
from horay_async._transport.connection_pool import ConnectionPool, pool_key
from horay_async._transport.failures import chain, map_exception, timed_out
from horay_async._transport.headers import EVENT_STREAM, CommonHeaders, RequestHeaders
from horay_async._transport.log import LOG
from horay_async._transport.loops import call_on, running_loop
from horay_async._transport.response import RawResponse
from horay_async._transport.sender import JSON, Sender
from horay_async._transport.wait_for_connection import Reservation, within_deadline
from horay_async.errors import (
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    Clock,
    ConfigurationError,
    Execution,
    HorayError,
    StreamError,
)
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

if TYPE_CHECKING:
    from horay_async._protocol.limits.attempt_limiter import AttemptLimiter, AttemptPermit
    from horay_async._transport.key_source import KeySource
    from horay_async._transport.observers import CallObservers

T = TypeVar("T")

REQUEST_ID_HEADERS = (istr("x-request-id"), istr("request-id"), istr("x-trace-id"))


class Call:
    """One call of the API, over as many attempts as it takes."""

    def __init__(
        self,
        request: Request,
        sender: Sender,
        *,
        budget: RetryBudget,
        drift: DriftWatch,
        stream: bool = False,
        limiter: AttemptLimiter | None = None,
        started: float | None = None,
    ) -> None:
        self.request = request
        self.drift = drift
        """Who is told where a response differs from what the API describes."""
        self.attempts: list[Attempt] = []
        """Newest last; the newest is under way until `seconds` is set."""
        self.meta: ResponseMeta | None = None
        """Of the newest attempt, once its response's head has come."""
        self.error_body: bytes | None = None
        """Of the newest attempt, where its response is a failure: its body as it was sent."""
        self.observers: CallObservers | None = None
        """Told of what happens; None where nobody observes the call."""
        self.permit: AttemptPermit | None = None
        """What the newest attempt holds of the limits; None where there are none."""
        # Whether the newest attempt is being sent, or was, and hasn't failed.
        self._in_flight = False
        self._end_logged = False
        self._limiter = limiter
        self._keys = None if request.external else sender.keys
        self._key: str = ""  # what the newest attempt was sent with, where a function provides it
        self._key_asks = 0  # how often the function had been asked by then
        self._key_renewed = False  # whether one was asked for after a refusal: once
        self._sender = sender
        self._budget = budget
        self._accept = EVENT_STREAM if stream else JSON
        self._loop = running_loop()
        self._started = self._loop.time()
        total = request.timeouts.total
        # The parts of one call have one deadline.
        since = self._started if started is None else started
        self._deadline = None if total is None else since + total

    # The loop

    def run(
        self,
        receive: Callable[[RawResponse], Awaitable[T]],
        response: RawResponse | None = None,
    ) -> Coroutine[Any, Any, T]:
        """Sends the request and hands the response to `receive`, again and again as the policy says.

        `response` is what to begin with, where a stream is open already. Raises the last attempt's `APIError`.
        """
        if self.observers is None:
            return self._run(receive, response)
        return self._observed(self.observers, receive, response)

    async def _observed(
        self,
        observers: CallObservers,
        receive: Callable[[RawResponse], Awaitable[T]],
        response: RawResponse | None,
    ) -> T:
        with observers.active():
            received = await self._run(receive, response)
            # A stream tells of its end by itself, and so does what reads a body as it comes.
            if self._accept is not EVENT_STREAM and not isinstance(received, RawResponse):
                whole = received if isinstance(received, Response) else None
                self.end(response=lambda: whole)
            return received

    async def _run(
        self, receive: Callable[[RawResponse], Awaitable[T]], response: RawResponse | None
    ) -> T:
        failed: APIError | None = None
        """What the newest attempt has met that was sent."""
        try:
            while True:
                try:
                    if response is None:
                        response = await self._attempt()
                    return await receive(response)
                except APIError as error:
                    self.fail(error)
                    failed, response = error, None
                    if await self._retries(error):
                        continue
                except ConfigurationError as unsent:
                    # Of a later attempt, it doesn't say what became of those before it.
                    if failed is None or response is not None:
                        raise
                    _add_unsent(failed, unsent)
                failed.execution = execution_of(failed.execution, self.attempts)
                raise failed
        except BaseException as error:
            self.end(error)
            raise
        finally:
            failed = None  # it knows this frame

    async def _retries(self, error: APIError) -> bool:
        """Waits until the request may be sent again; returns whether it may. Raises `ConfigurationError` where the caller's own policy isn't
        right.
        """
        try:
            renewed = isinstance(error, AuthenticationError) and await self._renew_key()
        except ConfigurationError as unsent:
            _add_unsent(error, unsent)
            return False
        delay = 0.0 if renewed else self._retry_delay(error)
        return delay is not None and await self._wait_to_retry(error, delay)

    def fail(self, error: APIError) -> None:
        """Puts `error` on record as what ended the newest attempt."""
        attempt = self.attempts[-1]
        self._in_flight = False
        attempt.seconds = self.since_attempt()
        attempt.error = type(error).__name__
        attempt.execution = error.execution
        error.repeatable = self.request.is_safe
        error.attempts = tuple(self.attempts)
        if isinstance(error, APIStatusError | StreamError) and self.meta is not None:
            # The response's own are a view, which can't be pickled.
            error.headers = CIMultiDict(self.meta.headers)
            if error.retry_after is None:  # as of a failure that came under a status of success
                error.retry_after = parse_retry_after(error.headers, now=time.time())
        self._log(f"failed with {attempt.error}")

    def succeed(
        self, meta: ResponseMeta, response: Callable[[], Response | None] | None = None
    ) -> None:
        """Notes that the response is whole, in the timeline, for the budget, and for the limits, which learn from what
        `response` returns.
        """
        self._budget.succeeded()
        meta.total = total = self.elapsed()
        attempt = self.attempts[-1]
        attempt.seconds = total - attempt.started
        self._end_logged = True
        self._log("done")
        if response is not None and self.permit is not None and (whole := response()) is not None:
            self.permit.complete(whole)

    @property
    def may_have_run(self) -> bool:
        """Whether any attempt was sent, or may have been."""
        return self._in_flight or execution_of("not_sent", self.attempts) != "not_sent"

    @property
    def client_closed(self) -> bool:
        """Whether the client was closed, or is being closed, and so its connections."""
        return self._sender.pools.closed

    def _retry_delay(self, error: APIError) -> float | None:
        """Seconds to wait before the next attempt; None where `error` is the end of the call."""
        delay = retry_delay(
            self.request.retry,
            error,
            retries=len(self.attempts) - 1,
            billed_per_run=self.request.billed_per_run,
            random=random.random,
        )
        if delay is None:
            return None
        now = self._loop.time()
        # A wait that ends past the deadline can only end in a timeout: raise the server's own error; it says
        # more.
        asked = error.retry_after if isinstance(error, APIStatusError | StreamError) else None
        if self._deadline is not None and now + max(delay, asked or 0.0) >= self._deadline:
            return None
        if not self._budget.take(now=now):
            LOG.debug("%s: not trying again, too many calls fail", self.request.label)
            return None
        return delay

    async def _wait_to_retry(self, error: APIError, delay: float) -> bool:
        """Returns whether the request can be sent again: not where the client was closed meanwhile."""
        self.attempts[-1].backoff = delay
        LOG.debug("%s: trying again in %.3f s", self.request.label, delay)
        if self.observers is not None:
            self.observers.on_retry(tuple(self.attempts), error, delay)
        wait = asyncio.sleep if self._limiter is None else self._limiter.back_off
        try:
            await self._sender.pools.wait(partial(wait, delay))
        except ConfigurationError as unsent:
            _add_unsent(error, unsent)
            return False
        return True

    # What streams ask for

    def end(
        self,
        error: BaseException | None = None,
        response: Callable[[], Response | None] | None = None,
    ) -> None:
        """Tells the log and observers that the call has ended, for the first time or once more: by `error`, or without one where its
        response is whole or its stream was left early. `response` returns what has come.
        """
        if not self._end_logged:
            # A stream may be closed in another thread while its last chunks come: the loop decides which was first.
            call_on(self._loop, partial(self._log_end, error))
        if self.observers is not None:
            self.observers.on_end(self, error, response)

    def since_attempt(self) -> float:
        """Seconds since the newest attempt began."""
        return self.elapsed() - self.attempts[-1].started

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._loop.time() - self._started

    # One attempt, step by step

    async def _attempt(self) -> RawResponse:
        """One try: a response with a status of success, or an `APIError`."""
        self.meta = self.error_body = None
        loop = self._loop
        began = loop.time()
        attempt = Attempt(started=began - self._started)
        self.attempts.append(attempt)
        sender = self._sender
        options, pools = sender.options, sender.pools
        key = pool_key(loop, options, external=self.request.external)
        pool = pools.get(key, sender) or await pools.create(key, sender)
        reservation = Reservation(self.request, self._deadline)
        try:
            acquired = await reservation.wait_for_connection(
                self._limiter, pool, options.max_connections, since=began
            )
            self.permit = permit = reservation.permit
            api_key = None if self._keys is None else await self._provided_key(self._keys)
            headers = sender.headers(self.request, self._accept, api_key)
            if self.observers is not None:
                changed = headers.merged()
                self.observers.on_attempt(len(self.attempts), changed)
                headers = RequestHeaders(CommonHeaders(changed), {})
            raw, pending = await self._send(headers, pool)
        except BaseException as error:
            reservation.give_up(error)
            raise
        clean = sender.masking(self.request, self._key)
        meta = self._read_head(raw, attempt, clean)
        meta.queue = acquired - began
        meta.connect = max(0.0, (pending.dispatched_at or acquired) - acquired)
        meta.first_byte = loop.time() - began
        if permit is not None:
            permit.received(meta.status, meta.headers)
        response = RawResponse(
            raw,
            meta,
            clean,
            pending,
            deadline=self._deadline,
            pool=pool,
            reservation=reservation,
        )
        if pending.connection is None:
            await response.take_what_was_read()
        if not 200 <= meta.status < 300:
            raise await self._status_error(response, raw)
        return response

    async def _provided_key(self, keys: KeySource) -> Secret:
        """The key that a function provides: mostly the one that it has provided before."""
        here = keys.here()
        key = here.current()
        if key is None:
            wait = self._sender.pools.wait(here.get)
            key = await within_deadline(wait, self.request, self._deadline)
        self._key, self._key_asks = key, here.asks
        return key

    async def _renew_key(self) -> bool:
        """Whether the function provides another key than the one that was refused."""
        if self._keys is None or self._key_renewed:
            return False
        self._key_renewed = True
        try:
            renew = partial(self._keys.here().renew, self._key, asks=self._key_asks)
            wait = self._sender.pools.wait(renew)
            return await within_deadline(wait, self.request, self._deadline)
        except APITimeoutError:
            return False  # the server's own error says more

    async def _send(
        self, headers: RequestHeaders, pool: ConnectionPool
    ) -> tuple[HTTPResponse, PendingRequest]:
        """Sends the request and waits for the response's head; with it comes how it went out."""
        # How it ends, and what becomes of the request:
        #
        #   the head has come                           it is returned
        #   the head has come, and time is up           the connection is closed; the error of the timeout is raised
        #   something below has raised an error         the request is aborted; the error is raised as one of ours (`_send_failure`)
        #   this task is cancelled                      the request is aborted, and the cancellation goes on
        #
        # What bounds it: `first_byte` and the like run on the pool's timer, which aborts the request. A deadline runs while a
        # connection is made as well, and a caller's own session doesn't tell when that is over: there, the task has to be
        # interrupted wherever it waits.
        bounded = self._deadline is not None or not pool.owned
        interrupt = asyncio.timeout_at(self._deadline) if bounded else None
        pending = PendingRequest(self.request, pool.timer, interrupt)
        self._in_flight = True
        try:
            if interrupt is None:
                raw = await self._sender.send(pending, headers, pool)
            else:
                async with interrupt:
                    if not pool.owned:
                        pending.dispatched(None)
                    raw = await self._sender.send(pending, headers, pool)
            if not pending.expired:
                return raw, pending
            raw.close()
            failure = self._send_failure(TimeoutError(), pool, pending)
        except Exception as error:  # noqa: BLE001 - whatever the libraries beneath raise is mapped
            pending.abort()
            failure = self._send_failure(error, pool, pending)
        except BaseException:
            pending.abort()
            raise
        finally:
            pending.end()
        # Not where it was caught: it would carry the library's own error along, whatever that says.
        try:
            raise failure
        finally:
            del failure  # it knows this frame

    def _send_failure(
        self, error: Exception, pool: ConnectionPool, pending: PendingRequest
    ) -> HorayError:
        """The error for an attempt that got no response."""
        request = self.request
        # A caller's own session doesn't tell whether the request went out.
        sent = pending.sent if pool.owned else None
        clean = self._sender.masking(request, self._key)
        if pending.expired or (pending.interrupt is not None and pending.interrupt.expired()):
            clock: Clock = pending.expired or "total"
            execution: Execution = "not_sent" if sent is False else "unknown"
            failure: HorayError = timed_out(clock, request, execution)
        else:
            closed = self.client_closed
            failure = map_exception(error, request, clean, dispatched=sent, closed=closed)
            if isinstance(failure, APIResponseError) and pending.connection is not None:
                # What aiohttp refuses can be a fault of the head alone, with all of a body behind it.
                came = bytes(pending.connection.unparsed or b"")
                add_body(failure, came, context=ErrorContext(label=request.label, clean=clean))
        return chain(failure, error, clean)

    def _read_head(self, raw: HTTPResponse, attempt: Attempt, clean: Cleaner) -> ResponseMeta:
        """What the response's head says, cleaned: from here on, none of its texts has to be looked at again."""
        headers = raw.headers
        together = " ".join((*headers.keys(), *headers.values()))
        if clean.may_change(together):
            headers = CIMultiDictProxy(
                CIMultiDict((clean(name), clean(value)) for name, value in headers.items())
            )
        request_id = None
        for name in REQUEST_ID_HEADERS:
            if request_id := headers.get(name):
                break
        attempt.status = raw.status
        attempt.request_id = request_id
        self.meta = ResponseMeta(
            request_id=request_id,
            status=raw.status,
            headers=headers,
            attempts=tuple(self.attempts),
            queue=0.0,
            connect=0.0,
            first_byte=0.0,
        )
        return self.meta

    async def _status_error(self, response: RawResponse, raw: HTTPResponse) -> APIError:
        """The error for a response that isn't a success."""
        if raw.status < 200:
            response.close()
            return bad_response("switches to another protocol", b"", context=response.context)
        body, undecodable = b"", None
        try:
            async with asyncio.timeout(MAX_ERROR_SECONDS):
                body, _ = await response.read(MAX_ERROR_BYTES)
        except (APIError, TimeoutError) as error:
            # The status is what counts; its explanation broke off, or takes too long.
            body = response.take_cut_off()
            if isinstance(error, APITimeoutError) and error.clock == "total" and not body:
                raise
            if isinstance(error, APIResponseError) and not body:
                undecodable = error.body or None
        self.error_body = body
        options = self._sender.options
        names = (*options.default_headers, *self.request.headers)
        own_header = any(name.lower() == "authorization" for name in names)
        failure = status_error(
            raw.reason or "",
            response.meta.headers,
            body,
            context=response.context,
            now=time.time(),
            base_url=None if self.request.external else options.base_url,
            key_source=None if self.request.external or own_header else options.api_key.source,
        )
        if undecodable is not None:
            failure.body = undecodable
        return failure

    def _log_end(self, error: BaseException | None) -> None:
        """Logs what ended the call, unless that is in the log already, as the errors of its attempts are."""
        if self._end_logged:
            return
        self._end_logged = True
        if error is None or isinstance(error, GeneratorExit):
            self._log("left early")
        elif isinstance(error, asyncio.CancelledError):
            self._log("cancelled")
        elif self.attempts[-1].error is None:
            self._log(f"failed with {type(error).__name__}")

    def _log(self, outcome: str) -> None:
        if not LOG.isEnabledFor(logging.INFO):
            return
        attempt = self.attempts[-1]
        LOG.info(
            "%s %s: %s, status %s, attempt %d took %.3f s, request id %s",
            self.request.method,
            self._sender.url(self.request.path).with_user(None).with_query(None),
            outcome,
            attempt.status,
            len(self.attempts),
            self.since_attempt() if attempt.seconds is None else attempt.seconds,
            attempt.request_id,
        )


def _add_unsent(error: APIError, unsent: ConfigurationError) -> None:
    """Adds to what an attempt has met why no other one was sent."""
    error.add_note(f"the request wasn't sent again: {unsent}")
    error.__cause__ = error.__cause__ or unsent.with_traceback(None)
