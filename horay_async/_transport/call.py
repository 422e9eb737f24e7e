"""One call: attempts, the clocks up to the answer's head, and the decision to try again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Token
from typing import TYPE_CHECKING, Final, TypeVar

import aiohttp
from multidict import CIMultiDict, istr

from horay_async._protocol.wire.bounds import MAX_ERROR_BYTES, MAX_ERROR_SECONDS
from horay_async._protocol.wire.errors import bad_response, status_error
from horay_async._protocol.wire.request import Request
from horay_async._transport.faults import FOREIGN, timed_out, translate
from horay_async._transport.log import LOG
from horay_async._transport.response import Exchange, RawResponse, exchange
from horay_async._transport.sending import by_session, straight
from horay_async.errors import APIError, APIStatusError, APITimeoutError, Execution
from horay_async.models.meta import Attempt, ResponseMeta

if TYPE_CHECKING:
    from yarl import URL

    from horay_async._protocol.wire.drift import DriftWatch
    from horay_async._transport.pool import Pool
    from horay_async._transport.transport import Transport
    from horay_async.models._base import Response

__all__ = ["EVENT_STREAM", "JSON", "Call"]

T = TypeVar("T")

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"

REQUEST_ID_HEADERS = (istr("x-request-id"), istr("request-id"), istr("x-trace-id"))


class Call:
    """One call of the API, over as many attempts as it takes."""

    def __init__(self, transport: Transport, request: Request, *, accept: str) -> None:
        self.request = request
        self.attempts: list[Attempt] = []
        self._transport = transport
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        total = request.timeouts.total
        self._deadline = None if total is None else self._started + total

    async def run(self, receive: Callable[[RawResponse], Awaitable[T]]) -> T:
        """Sends the request and hands the answer to `receive`, again and again as the policy says.

        Raises the last attempt's `APIError`.
        """
        while True:
            try:
                received = await receive(await self._attempt())
            except APIError as error:
                await self.back_off(error)
            else:
                return received

    def note(self, error: APIError) -> None:
        """Puts `error` on record as what ended the newest attempt."""
        attempt = self.attempts[-1]
        attempt.seconds = self.since_attempt()
        attempt.error = type(error).__name__
        attempt.execution = error.execution
        error.attempts = tuple(self.attempts)
        if LOG.isEnabledFor(logging.INFO):
            self._log(f"failed with {attempt.error}")

    async def back_off(self, error: APIError) -> None:
        """Waits as the policy says after `error`; raises it where the call is over."""
        self.note(error)
        delay = self.request.retry.delay(
            error,
            retries=len(self.attempts) - 1,
            billed_per_run=self.request.billed_per_run,
            random=random.random,
        )
        now = self._loop.time()
        if delay is None:
            raise error
        # A wait that ends past the deadline can only end in a timeout: the server's words are worth more.
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        if self._deadline is not None and now + max(delay, asked or 0.0) >= self._deadline:
            raise error
        if not self._transport.budget.take(now=now):
            LOG.debug("%s: not trying again, too many calls fail", self.request.label)
            raise error
        self.attempts[-1].backoff = delay
        LOG.debug("%s: trying again in %.3f s", self.request.label, delay)
        await self._pause(error, delay)

    def done(self, meta: ResponseMeta) -> None:
        """Notes that the answer is whole, in the timeline and for the budget."""
        self._transport.budget.succeeded()
        meta.total = total = self._elapsed()
        attempt = self.attempts[-1]
        attempt.seconds = total - attempt.started
        if LOG.isEnabledFor(logging.INFO):
            self._log("done")

    # What others may look on at. Nobody does here.

    def headers(self) -> CIMultiDict[str]:
        """What the newest attempt is sent with, which is about to happen."""
        return self._transport.headers(self.request, self._accept)

    def received(self, chunks: Sequence[Response]) -> None:
        """Chunks of a stream have come in one read."""

    def over(
        self,
        error: BaseException | None = None,
        answer: Callable[[], Response | None] | None = None,
    ) -> None:
        """The call has ended: by `error`, else with its answer whole or its stream left early. `answer` gives
        what has come. Only the first time counts.
        """

    async def _pause(self, error: APIError, delay: float) -> None:
        """Waits before the attempt that follows one which failed with `error`."""
        await asyncio.sleep(delay)

    async def turn(self) -> None:
        """Lets other tasks and the clocks run."""
        await asyncio.sleep(0)

    @property
    def key(self) -> str:
        """The API key, for masking it where a server echoes it."""
        return self._transport.options.api_key

    @property
    def drift(self) -> DriftWatch:
        """Who is told where an answer differs from what the API describes."""
        return self._transport.drift

    def since_attempt(self) -> float:
        """Seconds since the newest attempt began."""
        return self._elapsed() - self.attempts[-1].started

    def _log(self, outcome: str) -> None:
        attempt = self.attempts[-1]
        LOG.info(
            "%s %s: %s, status %s, attempt %d took %.3f s, request id %s",
            self.request.method,
            self._transport.url(self.request.path).with_query(None),
            outcome,
            attempt.status,
            len(self.attempts),
            attempt.seconds,
            attempt.request_id,
        )

    def _elapsed(self) -> float:
        return self._loop.time() - self._started

    async def _attempt(self) -> RawResponse:
        """One try: an answer with a status of success, or an `APIError`."""
        began = taken = self._loop.time()
        attempt = Attempt(started=began - self._started)
        self.attempts.append(attempt)
        options = self._transport.options
        # A caller's own session can carry headers of its own, which are no business of other hosts.
        own = options.session is None or self.request.external
        pools = self._transport.pools
        pool = pools.known(options, own=own) or await pools.made(options, own=own)
        slots = pool.slots(options.max_connections)
        if not slots.take_now():
            await self._queue(slots.take())
            taken = self._loop.time()
        try:
            raw, dispatched_at = await self._exchange(pool)
        except BaseException:
            slots.give_back()
            raise
        attempt.status = raw.status
        attempt.request_id = request_id = _request_id(raw)
        meta = ResponseMeta(
            request_id=request_id,
            status=raw.status,
            headers=raw.headers,
            attempts=tuple(self.attempts),
            queue=taken - began,
            connect=max(0.0, (dispatched_at or taken) - taken),
            first_byte=self._loop.time() - began,
        )
        response = RawResponse(
            raw,
            meta,
            self.request,
            deadline=self._deadline,
            watch=pool.watch,
            release=slots.give_back,
        )
        if raw.status >= 300:
            raise await self._refusal(response, raw)
        if raw.status < 200:
            response.close()
            raise bad_response(
                "switches to another protocol",
                b"",
                status=raw.status,
                label=self.request.label,
                key=self.key,
                request_id=request_id,
            )
        return response

    async def _queue(self, turn: Awaitable[None]) -> None:
        """Waits for a connection slot."""
        timeouts = self.request.timeouts
        due = None if timeouts.queue is None else self._loop.time() + timeouts.queue
        if due is None and self._deadline is None:
            await turn
            return
        by_deadline = self._deadline is not None and (due is None or self._deadline < due)
        try:
            async with asyncio.timeout_at(self._deadline if by_deadline else due):
                await turn
        except TimeoutError as error:
            if by_deadline:
                raise timed_out("total", timeouts.total, self.request.label, "not_sent") from error
            raise timed_out("queue", timeouts.queue, self.request.label, "not_sent") from error

    async def _exchange(self, pool: Pool) -> tuple[aiohttp.ClientResponse, float | None]:
        """Sends the request and waits for the answer's head; with it comes when the request went out."""
        request, transport = self.request, self._transport
        timeouts = request.timeouts
        # A deadline runs while a connection is made as well, and a caller's own session doesn't tell when
        # that is over: there, the task has to be interrupted wherever it waits.
        bounded = self._deadline is not None or not pool.owned
        timer = asyncio.timeout_at(self._deadline) if bounded else None
        under_way = Exchange(pool.watch, timer, timeouts.first_byte)
        token: Token[Exchange] | None = None
        sent: bool | None = True if pool.owned else None  # a caller's own session doesn't tell
        try:
            proxy: str | URL | None = transport.options.proxy
            if proxy is None and transport.options.trust_env:
                proxy = await transport.proxy(transport.url(request.path))
            headers = self.headers()
            answer = None if proxy else straight(transport, request, headers, pool, under_way)
            if answer is None:
                token = exchange.set(under_way)
                answer = by_session(transport, request, headers, pool, proxy)
            if timer is None:
                raw = await answer
                if under_way.expired:  # in the same moment
                    raw.close()
                    raise TimeoutError
            else:
                async with timer:
                    if not pool.owned:
                        under_way.dispatched(self._loop.time())
                    raw = await answer
        except BaseException as error:
            under_way.abort()
            if not isinstance(error, FOREIGN):
                raise
            if sent is not None:
                sent = under_way.dispatched_at is not None
            if under_way.expired or (timer is not None and timer.expired()):
                clock = under_way.clock
                seconds = timeouts.total if clock == "total" else timeouts.first_byte
                execution: Execution = "not_sent" if sent is False else "unknown"
                raise timed_out(clock, seconds, request.label, execution) from error
            raise translate(
                error,
                label=request.label,
                dispatched=sent,
                connect=timeouts.connect,
                closed=transport.pools.closed,
            ) from error
        finally:
            if token is not None:
                exchange.reset(token)
            under_way.over()
        return raw, under_way.dispatched_at

    async def _refusal(
        self, response: RawResponse, raw: aiohttp.ClientResponse
    ) -> APIStatusError | APIError:
        """The error for an answer that isn't a success."""
        body = b""
        try:
            async with asyncio.timeout(MAX_ERROR_SECONDS):
                body, _ = await response.read(MAX_ERROR_BYTES)
        except APITimeoutError as error:
            if error.clock == "total":
                raise
        except (APIError, TimeoutError):
            pass  # the status is what counts; its explanation broke off, or takes too long
        return status_error(
            raw.status,
            raw.reason or "",
            raw.headers,
            body,
            label=self.request.label,
            key=self.key,
            now=time.time(),
            request_id=response.meta.request_id,
        )


def _request_id(raw: aiohttp.ClientResponse) -> str | None:
    for name in REQUEST_ID_HEADERS:
        if value := raw.headers.get(name):
            return value
    return None
