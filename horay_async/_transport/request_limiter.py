"""What the requests of one client on one event loop wait for: its `limits`, and what its batches found out."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Admission, OverloadControl, Wait
from horay_async._protocol.limits.rate_limiter import RateLimiter
from horay_async._protocol.limits.request_size import RequestSize, size_of
from horay_async._protocol.limits.retry_after import parse_retry_after
from horay_async._protocol.limits.server_window import MAX_HOLD, ServerWindows
from horay_async._protocol.limits.token_estimate import TokenEstimate, are_believable
from horay_async._protocol.limits.tokens_used import tokens_used
from horay_async._transport.connection_slots import CLIENT_CLOSED
from horay_async._transport.open_files import most_connections
from horay_async.errors import ConfigurationError
from horay_async.models._rate_headers import parse_rate_limits
from horay_async.options import ClientOptions

START = 16
"""Requests that are sent at once to begin with: what small servers take without complaint."""

NO_LIMIT = 2**31
"""Requests under way, where nothing limits them here."""

OVERLOAD_STATUSES = frozenset({429, 503})
"""Statuses by which a server says that it is overloaded, so that everybody has to wait."""

FIRST_UNKNOWN_STATUS = 500
"""The first of the statuses that don't say whether the request was run; one below, that is no success, took no tokens."""

TICK = 0.001
"""Seconds that a request may be admitted early: event loops' timers are no finer. asyncio would wait too long, and
uvloop, whose clock stands still in between, would be asked again and again. A rate still counts from when a
request was due, so that nothing adds up.
"""


class AnyRateLimiter(Protocol):
    """What keeps requests to a rate; `RateLimiter` says what its methods do."""

    def wait(self, now: float) -> float: ...
    def take(self, tokens: float, now: float) -> None: ...
    def correct(self, tokens: float, now: float) -> None: ...
    def give_back(self, tokens: float, now: float) -> None: ...


class AnyBatchLimiter(Protocol):
    """What says whether it may be forgotten, and hears of refusals."""

    not_before: float
    """When the server takes a batch's requests again, by its own word, on the loop's clock."""

    def is_idle(self, now: float) -> bool: ...
    def on_refusal(self, now: float) -> None: ...


@attrs.define(eq=False)
class LimitedRequest:
    """A request that waits until the limits admit it, and then is admitted."""

    tokens: float
    """Estimated for the request and its response."""
    wait: Wait
    """What it waits for beside rates and the server's windows."""
    rate_limiter: AnyRateLimiter | None = None
    """The rate that it keeps to beside the client's; a batch's always has one."""
    bulk: bool = attrs.field(kw_only=True)
    admission: Admission | None = attrs.field(default=None, init=False)
    """Once it is admitted."""
    windows: tuple[float, float] = attrs.field(default=(0.0, 0.0), init=False)
    """Requests and tokens that had been sent when it was admitted."""


@attrs.define(eq=False)
class _Waiter:
    """A request in its queue."""

    request: LimitedRequest
    serial: int
    """Counts those who wait in the order of arrival."""
    admitted: asyncio.Future[None]
    """Done when it is admitted."""


class RequestLimiter:
    """Admits requests when concurrency, rates, pauses and the server's own windows allow it: those of calls, and
    those of batches, which come by way of a `BatchLimiter`.

    Those that wait stand in queues, one for each priority, concurrency limit and rate limiter. In a queue, first come is
    first served. Of the first of each queue, those that may be sent now are admitted, the one that came first before the
    others. While a call waits for what the client as a whole is limited by, none with `bulk` is admitted.
    """

    def __init__(self, options: ClientOptions) -> None:
        limits = options.limits  # None where only batches ask here
        self.overload: OverloadControl = OverloadControl(random.random)
        self.estimate: TokenEstimate = TokenEstimate()
        self.auto: ConcurrencyLimit = ConcurrencyLimit(
            start=START, ceiling=most_connections(options)
        )
        """The limit on requests under way that is found by trying."""
        self.on_pause: Callable[[float], None] | None = None
        """Told of the seconds of each `Retry-After`, where others share the server's limit."""
        self.batch_limiter: AnyBatchLimiter | None = None
        """What batches keep beside it."""
        fixed = NO_LIMIT if limits is None or limits.concurrency is None else limits.concurrency
        self._concurrency = (
            self.auto
            if isinstance(fixed, str)
            else ConcurrencyLimit(start=fixed, floor=fixed, ceiling=fixed)
        )
        """What the client's `limits` say of requests under way: its calls keep to it, and all of its requests together do."""
        self._rate_limiter = RateLimiter(limits.rpm, limits.tpm) if limits else RateLimiter()
        """What they say of requests and tokens a minute, for all of its requests."""
        self._windows = ServerWindows()
        """What the server says is left of its own limits."""
        self._queues: dict[tuple[object, ...], deque[_Waiter]] = {}
        """Those that wait, by what they keep to, see `admit`. None is empty after `wake`."""
        self._serial = 0  # of who came last
        self._timer: asyncio.TimerHandle | None = None  # while something waits for a time
        self._closed = False

    # For calls

    def acquire_nowait(self, body: bytes | None, *, bulk: bool) -> CallAttemptPermit | None:
        """Admits a call's attempt where it needn't wait. Raises `ConfigurationError` once the client is closed."""
        request, size = self._request_of(body, bulk=bulk)
        return CallAttemptPermit(self, request, size) if self.admit_nowait(request) else None

    async def acquire(self, body: bytes | None, *, bulk: bool) -> CallAttemptPermit:
        """Waits until a call's attempt is admitted. Raises `ConfigurationError` once the client is closed."""
        request, size = self._request_of(body, bulk=bulk)
        await self.admit(request)
        return CallAttemptPermit(self, request, size)

    async def back_off(self, seconds: float) -> None:
        """See `AttemptLimiter`."""
        await asyncio.sleep(seconds)

    def _request_of(self, body: bytes | None, *, bulk: bool) -> tuple[LimitedRequest, RequestSize]:
        concurrency, size = self._concurrency, size_of(body)
        # The pace at which a limit is filled is for batches: calls ask one by one.
        wait = Wait(concurrency, adaptive=concurrency is self.auto, paced=False)
        return LimitedRequest(self.estimate.of(size), wait, bulk=bulk), size

    # For batches too

    def admit_nowait(self, request: LimitedRequest) -> bool:
        """Admits a request where nobody waits and it needn't wait either; returns whether it did."""
        if self._closed:
            raise ConfigurationError(CLIENT_CLOSED)
        if self._queues:
            return False
        now = asyncio.get_running_loop().time()
        if self._shared_wait(request.tokens, now) > TICK or self._own_wait(request, now) > TICK:
            return False
        self._count(request, now)
        return True

    async def admit(self, request: LimitedRequest) -> None:
        """Waits until a request is admitted. After a wait that was given up, the same one can wait again."""
        if self._closed:
            raise ConfigurationError(CLIENT_CLOSED)
        self._serial += 1
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(request, self._serial, admitted)
        key = (request.bulk, request.wait.concurrency, request.rate_limiter, request.wait.probe)
        queue = self._queues.setdefault(key, deque())
        queue.append(waiter)
        try:
            self.wake()
            await admitted
        except BaseException:
            # No loop runs any more, so nobody waits; or the queue has let go of it.
            with contextlib.suppress(RuntimeError, ValueError):
                if admitted.cancelled() or not admitted.done():
                    queue.remove(waiter)
                    self.wake()  # it may have held back the next one
                elif admitted.exception() is None:  # admitted in the same moment
                    self.give_back(request)
            raise

    def give_back(self, request: LimitedRequest) -> None:
        """Undoes that a request was admitted: it wasn't sent."""
        now = asyncio.get_running_loop().time()
        if request.admission is not None:
            self.overload.release(request.admission)
        for rate_limiter in filter(None, (self._rate_limiter, request.rate_limiter)):
            rate_limiter.give_back(request.tokens, now)
        self._windows.give_back(request.tokens)
        self.wake()

    def correct(self, tokens: float, rate_limiter: AnyRateLimiter | None, now: float) -> None:
        """Counts tokens in addition, negative for less."""
        for each in filter(None, (self._rate_limiter, rate_limiter)):
            each.correct(tokens, now)

    def learn(self, size: RequestSize, response: object) -> int | None:
        """The tokens that a response says it took, which later estimates build on; None where it doesn't say, or what
        can't be.
        """
        prompt, completion, total = tokens_used(response)
        most = self.estimate.most(size)
        if not total or not are_believable(prompt, completion, total, most=most):
            return None
        self.estimate.learn(size, prompt=prompt, completion=completion)
        return int(total)

    def refused(self, admission: Admission, now: float, *, retry_after: float | None) -> None:
        """Ends the admission of a request that was refused."""
        # A batch that can wait for longer does; calls ask anew.
        held = None if retry_after is None else min(retry_after, MAX_HOLD)
        self.overload.refused(admission, now, retry_after=held)
        told = None if self.overload.pauses_alone else self.on_pause
        if retry_after is not None and told is not None:
            told(retry_after)

    def update_windows(self, headers: Mapping[str, str], request: LimitedRequest) -> None:
        """Takes in what a response's headers say of the server's limits."""
        found = parse_rate_limits(headers, now=time.time())
        self._windows.update(found, request.windows, asyncio.get_running_loop().time())

    def wake(self) -> None:
        """Admits those that may be sent now, and looks again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queues:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        delay = 0.0
        while delay <= TICK:
            delay = self._admit_next(now)
        if delay < math.inf:
            self._timer = loop.call_later(delay, self.wake)

    def is_idle(self, now: float) -> bool:
        """Whether a new one would admit the same: nothing waits, is under way, or would have to wait."""
        return (
            not (self._queues or self.overload.in_flight or self.overload.paused(now))
            and self._rate_limiter.is_idle(now)
            and self._windows.is_idle(now)
            and (self.batch_limiter is None or self.batch_limiter.is_idle(now))
        )

    def close(self) -> None:
        """Ends all waits, with a `ConfigurationError`: the client is closed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            for waiter in queue:
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(ConfigurationError(CLIENT_CLOSED))

    # Who is admitted next

    def _admit_next(self, now: float) -> float:
        """Admits the next one, if one may be sent now: then 0, else the seconds until one may."""
        soonest = math.inf
        heads = list(filter(None, map(self._head, list(self._queues))))
        heads.sort(key=lambda waiter: (waiter.request.bulk, waiter.serial))
        held = False  # whether a call waits for what everybody has to wait for
        for waiter in heads:
            request = waiter.request
            if request.bulk and held:
                break
            shared = self._shared_wait(request.tokens, now)
            delay = max(shared, self._own_wait(request, now))
            if delay <= TICK:
                self._count(request, now)
                waiter.admitted.set_result(None)  # by which it leaves its queue, see `_head`
                return 0.0
            held |= shared > TICK
            soonest = min(soonest, delay)
        return soonest

    def _head(self, key: tuple[object, ...]) -> _Waiter | None:
        """The first of a queue that still waits. Those before it leave the queue: they are admitted, or were cancelled and may not
        have heard of it yet.
        """
        queue = self._queues[key]
        while queue and queue[0].admitted.done():
            queue.popleft()
        if queue:
            return queue[0]
        del self._queues[key]
        return None

    def seconds_to_reset(self, tokens: float, now: float) -> float:
        """Seconds until the server's windows, as its headers tell them, admit a request of so many tokens."""
        return self._windows.wait_told(tokens, now)

    def _shared_wait(self, tokens: float, now: float) -> float:
        """Seconds until the client's own limits, and the server's windows, admit a request."""
        if self.overload.in_flight >= self._concurrency.limit:
            self._concurrency.must_wait()  # which notes that something waits for it
            return math.inf
        reset = self._windows.wait(tokens, now)
        # A server refuses what comes a moment before its reset, so that none is admitted a tick early.
        until_reset = reset + TICK if reset else 0.0
        return max(self._rate_limiter.wait(now), until_reset)

    def _own_wait(self, request: LimitedRequest, now: float) -> float:
        """Seconds until its concurrency limit, its rate limiter and the overload control admit a request."""
        delay = self.overload.seconds_until_admitted(request.wait, now)
        if request.rate_limiter is None:
            return delay
        if self.batch_limiter is not None and not request.wait.probe:
            delay = max(delay, self.batch_limiter.not_before - now)
        return max(delay, request.rate_limiter.wait(now))

    def _count(self, request: LimitedRequest, now: float) -> None:
        """Counts a request that is admitted."""
        for rate_limiter in filter(None, (self._rate_limiter, request.rate_limiter)):
            rate_limiter.take(request.tokens, now)
        request.windows = self._windows.take(request.tokens)
        request.admission = self.overload.admit(request.wait, now)


class CallAttemptPermit:
    """What one attempt of a call holds of the limits."""

    __slots__ = ("_began", "_limiter", "_loop", "_request", "_size", "_succeeded")

    def __init__(self, limiter: RequestLimiter, request: LimitedRequest, size: RequestSize) -> None:
        self._limiter = limiter
        self._request = request
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._succeeded = False  # whether the server took the request

    def received(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head has come."""
        limiter, request = self._limiter, self._request
        limiter.update_windows(headers, request)
        assert request.admission is not None
        now = self._loop.time()
        if 200 <= status < 300:
            self._succeeded = True
            limiter.overload.accepted(request.admission)
        elif status in OVERLOAD_STATUSES:
            retry_after = parse_retry_after(headers, now=time.time())
            limiter.refused(request.admission, now, retry_after=retry_after)
            if limiter.batch_limiter is not None:
                limiter.batch_limiter.on_refusal(now)
            limiter.correct(-request.tokens, None, now)
        elif status < FIRST_UNKNOWN_STATUS:
            limiter.correct(-request.tokens, None, now)
        limiter.wake()

    def complete(self, response: object) -> None:
        """The response is whole."""
        limiter = self._limiter
        used = limiter.learn(self._size, response)
        if used is not None:
            limiter.correct(used - self._request.tokens, None, self._loop.time())
            limiter.wake()

    def unsent(self) -> None:
        """The attempt was given up before its request went out."""
        self._limiter.give_back(self._request)

    def release(self, *, whole: bool) -> None:
        """The attempt is over; `whole` is whether all of its response had come. Only the first time counts."""
        admission, overload = self._request.admission, self._limiter.overload
        now = self._loop.time()
        if admission is None or not admission.open:
            return
        if self._succeeded:
            # Only a limit that is found by trying learns from how long it took.
            timed = whole and admission.wait.concurrency is self._limiter.auto
            overload.succeeded(admission, now, latency=now - self._began if timed else None)
        else:
            overload.release(admission)
        self._limiter.wake()
