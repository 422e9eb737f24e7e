"""What the requests of one client on one event loop wait for: its `limits`, and what its batches found out."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from horay_async._protocol.limits.admission import Admission, Permit
from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.rate_limiter import RateLimiter
from horay_async._protocol.limits.request_size import RequestSize, size_of
from horay_async._protocol.limits.retry_after import parse_retry_after
from horay_async._protocol.limits.server_window import LONGEST_HOLD, ServerWindow
from horay_async._protocol.limits.token_estimate import TokenEstimate, are_believable
from horay_async._protocol.limits.tokens_used import tokens_used
from horay_async._transport.connection_slots import CLOSED
from horay_async._transport.open_files import most_connections
from horay_async.errors import ConfigurationError
from horay_async.models._rate_headers import parse_rate_limits
from horay_async.options import ClientOptions

__all__ = [
    "NO_LIMIT",
    "OVERLOAD_STATUSES",
    "TICK",
    "AnyRateLimiter",
    "CallAttemptPermit",
    "Limiter",
    "Ticket",
]

START = 16
"""Requests that are sent at once to begin with: what small servers take without complaint."""

NO_LIMIT = 2**31
"""Requests under way, where nothing limits them here."""

OVERLOAD_STATUSES = frozenset({429, 503})
"""Statuses by which a server says that it is overloaded, so that everybody has to wait."""

TICK = 0.001
"""Seconds that a request may go early: event loops' timers are no finer. asyncio would wait too long, and
uvloop, whose clock stands still in between, would be asked again and again. A rate still counts from when a
request was due, so that nothing adds up.
"""


class AnyRateLimiter(Protocol):
    """What keeps requests to a rate; `RateLimiter` says what its methods do."""

    def wait(self, now: float) -> float: ...
    def take(self, tokens: float, now: float) -> None: ...
    def correct(self, tokens: float, now: float) -> None: ...
    def give_back(self, tokens: float, now: float) -> None: ...


class Idle(Protocol):
    """What says whether it may be forgotten."""

    def is_idle(self, now: float) -> bool: ...


@attrs.define(eq=False)
class Ticket:
    """A request that waits to go, and then has gone."""

    tokens: float
    """Estimated for the request and its response."""
    concurrency: ConcurrencyLimit | None
    """The limit on requests under way that it keeps to; None for one that has its permit."""
    rate_limiter: AnyRateLimiter | None = None
    """The rate that it keeps to beside the client's."""
    bulk: bool = attrs.field(kw_only=True)
    probe: bool = attrs.field(default=False, kw_only=True)
    """Whether it waits for given rates alone, and goes during a pause that the client made up, too: to find out whether
    the server is back."""
    permit: Permit | None = attrs.field(default=None, init=False)
    """Once it has gone; None for one without a limit on concurrency."""
    windows: tuple[float, float] = attrs.field(default=(0.0, 0.0), init=False)
    """Requests and tokens that had been sent when it had gone."""


@attrs.define(eq=False)
class _Waiter:
    """A ticket in line."""

    ticket: Ticket
    serial: int
    """Counts those who wait in the order of arrival."""
    turn: asyncio.Future[None]
    """Done when it may go."""


class Limiter:
    """Lets requests go when concurrency, rates, pauses and the server's own windows allow it.

    Those that wait stand in lines, one for each priority, concurrency limit and rate limiter: in a line, first come is
    first served; of the lines' first, the one goes that came first and may go. While a call waits for what the client as a
    whole is limited by, nothing of those with `bulk` goes.
    """

    def __init__(self, options: ClientOptions) -> None:
        limits = options.limits  # None where only batches ask here
        self.admission: Admission = Admission(random.random)
        self.estimate: TokenEstimate = TokenEstimate()
        self.auto: ConcurrencyLimit = ConcurrencyLimit(
            start=START, ceiling=most_connections(options)
        )
        """The limit on requests under way that is found by trying."""
        self.on_pause: Callable[[float], None] | None = None
        """Told of the seconds of each `Retry-After`, where others share the server's limit."""
        self.batches: Idle | None = None
        """What batches keep beside it."""
        fixed = NO_LIMIT if limits is None or limits.concurrency is None else limits.concurrency
        self._concurrency = (
            self.auto
            if isinstance(fixed, str)
            else ConcurrencyLimit(start=fixed, floor=fixed, ceiling=fixed)
        )
        self._rate_limiter = None if limits is None else RateLimiter(limits.rpm, limits.tpm)
        self._windows = (ServerWindow(), ServerWindow())  # of requests and of tokens
        self._lines: dict[tuple[object, ...], deque[_Waiter]] = {}
        self._serial = 0  # of who came last
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # For calls

    def acquire_nowait(self, body: bytes | None, *, bulk: bool) -> CallAttemptPermit | None:
        """Lets a call's attempt go where it needn't wait. Raises `ConfigurationError` once the client is closed."""
        size = size_of(body)
        ticket = Ticket(self.tokens_of(size), self._concurrency, bulk=bulk)
        return CallAttemptPermit(self, ticket, size) if self.admit_nowait(ticket) else None

    async def acquire(self, body: bytes | None, *, bulk: bool) -> CallAttemptPermit:
        """Waits until a call's attempt may go. Raises `ConfigurationError` once the client is closed."""
        size = size_of(body)
        ticket = Ticket(self.tokens_of(size), self._concurrency, bulk=bulk)
        await self.admit(ticket)
        return CallAttemptPermit(self, ticket, size)

    # For batches too

    def tokens_of(self, size: RequestSize) -> float:
        """What a request will take, as far as can be known."""
        return self.estimate.of(size.length, size.max_tokens, size.choices)

    def admit_nowait(self, ticket: Ticket) -> bool:
        """Lets a request go, and counts it, where nobody waits and it needn't wait either; returns whether it did."""
        if self._closed:
            raise ConfigurationError(CLOSED)
        if self._lines:
            return False
        now = asyncio.get_running_loop().time()
        if self._shared_wait(ticket.tokens, now) > TICK or self._own_wait(ticket, now) > TICK:
            return False
        self._go(ticket, now)
        return True

    async def admit(self, ticket: Ticket) -> None:
        """Waits until a request may go, and counts it. After a wait that was given up, a ticket can wait again."""
        if self._closed:
            raise ConfigurationError(CLOSED)
        self._serial += 1
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(ticket, self._serial, turn)
        self._lines.setdefault(_line_of(ticket), deque()).append(waiter)
        self.wake()
        if turn.done():
            turn.result()
            return
        try:
            await turn
        except BaseException:
            with contextlib.suppress(RuntimeError):  # no loop runs any more, so nobody waits
                if turn.cancelled() or not turn.done():
                    self._leave(waiter)
                elif turn.exception() is None:  # let go in the same moment
                    self.give_back(ticket)
            raise

    def give_back(self, ticket: Ticket) -> None:
        """Undoes that a request went: it wasn't sent."""
        now = asyncio.get_running_loop().time()
        if ticket.permit is not None:
            self.admission.end(ticket.permit)
        for rate_limiter in filter(None, (self._rate_limiter, ticket.rate_limiter)):
            rate_limiter.give_back(ticket.tokens, now)
        for window, units in zip(self._windows, (1.0, ticket.tokens), strict=True):
            window.give_back(units)
        self.wake()

    def correct(self, tokens: float, rate_limiter: AnyRateLimiter | None, now: float) -> None:
        """Counts tokens in addition, negative for less."""
        if self._rate_limiter is not None:
            self._rate_limiter.correct(tokens, now)
        if rate_limiter is not None:
            rate_limiter.correct(tokens, now)

    def learn(self, size: RequestSize, response: object) -> int | None:
        """The tokens that a response says it took, which later estimates build on; None where it doesn't say, or what
        can't be.
        """
        prompt, completion, total = tokens_used(response)
        most = self.estimate.most(size.length, size.max_tokens, size.choices)
        if not total or not are_believable(prompt, completion, total, most=most):
            return None
        self.estimate.learn(size.length, size.choices, prompt=prompt, completion=completion)
        return int(total)

    def refused(self, permit: Permit, now: float, *, retry_after: float | None) -> None:
        """Takes back a permit whose request was refused."""
        self.admission.refused(permit, now, retry_after=retry_after)
        if retry_after is not None and self.on_pause is not None:
            self.on_pause(retry_after)

    def update_windows(self, headers: Mapping[str, str], ticket: Ticket) -> None:
        """Takes in what a response's headers say of the server's limits."""
        found = parse_rate_limits(headers, now=time.time())
        now = asyncio.get_running_loop().time()
        for window, limit, taken in zip(
            self._windows, (found.requests, found.tokens), ticket.windows, strict=True
        ):
            if limit.limit == 0:
                continue  # what some servers say where nothing is limited
            window.update(remaining=limit.remaining, reset=limit.reset, taken=taken, now=now)

    def wake(self) -> None:
        """Lets go whoever may go, and looks again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        while (delay := self._let_one_go(now)) <= TICK:
            if not self._lines:
                return
        if delay < FOREVER:
            self._timer = loop.call_later(delay, self.wake)

    def is_idle(self, now: float) -> bool:
        """Whether a new one would let go the same: nothing waits, is under way, or would have to wait."""
        return (
            not (self._lines or self.admission.in_flight or self.admission.paused(now))
            and (self._rate_limiter is None or self._rate_limiter.is_idle(now))
            and all(window.is_idle(now) for window in self._windows)
            and (self.batches is None or self.batches.is_idle(now))
        )

    def close(self) -> None:
        """Ends all waits, with a `ConfigurationError`: the client is closed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        lines, self._lines = self._lines, {}
        for line in lines.values():
            for waiter in line:
                if not waiter.turn.done():
                    waiter.turn.set_exception(ConfigurationError(CLOSED))

    # Who goes next

    def _let_one_go(self, now: float) -> float:
        """Lets the next one go, if one may: then 0, else the seconds until one may."""
        soonest = FOREVER
        heads = sorted(filter(None, map(self._head, list(self._lines))), key=_priority)
        held = False  # whether a call waits for what everybody has to wait for
        for waiter in heads:
            ticket = waiter.ticket
            if ticket.bulk and held:
                break
            shared = self._shared_wait(ticket.tokens, now)
            delay = max(shared, self._own_wait(ticket, now))
            if delay <= TICK:
                self._take_out(waiter)
                self._go(ticket, now)
                waiter.turn.set_result(None)
                return 0.0
            held |= shared > TICK
            soonest = min(soonest, delay)
        return soonest

    def _head(self, key: tuple[object, ...]) -> _Waiter | None:
        """The first of a line that still waits: one that was cancelled may not have heard of it yet."""
        line = self._lines[key]
        while line and line[0].turn.done():
            line.popleft()
        if line:
            return line[0]
        del self._lines[key]
        return None

    def _shared_wait(self, tokens: float, now: float) -> float:
        """Seconds until the client's own limits, and the server's windows, let a request go."""
        rate_limiter = self._rate_limiter
        if rate_limiter is not None and self.admission.in_flight >= self._concurrency.limit:
            self._concurrency.hold_back()
            return FOREVER
        requests, of_tokens = self._windows
        reset = max(requests.wait(1.0, now), of_tokens.wait(tokens, now))
        # A server refuses what comes a moment before its reset, so that none may go a tick early.
        until_reset = reset + TICK if reset else 0.0
        return until_reset if rate_limiter is None else max(rate_limiter.wait(now), until_reset)

    def _own_wait(self, ticket: Ticket, now: float) -> float:
        """Seconds until its concurrency limit, its rate limiter and the admission let a request go."""
        admission, concurrency = self.admission, ticket.concurrency
        rate_limiter = ticket.rate_limiter
        if ticket.probe:
            delay = 0.0
        elif concurrency is None:
            delay = admission.paused(now)
        elif rate_limiter is not None or concurrency is self.auto:
            # The pace at which a limit is filled up is for batches: others ask one by one.
            delay = admission.hold_back(concurrency, now, paced=rate_limiter is not None)
        else:  # a call's, which keeps to the client's own fixed limit alone
            delay = admission.hold_back_fixed(concurrency, now)
        return delay if rate_limiter is None else max(delay, rate_limiter.wait(now))

    def _go(self, ticket: Ticket, now: float) -> None:
        """Counts a request that goes."""
        if self._rate_limiter is not None:
            self._rate_limiter.take(ticket.tokens, now)
        requests, tokens = self._windows
        requests.take(1.0)
        tokens.take(ticket.tokens)
        ticket.windows = (requests.taken, tokens.taken)
        concurrency, rate_limiter = ticket.concurrency, ticket.rate_limiter
        if rate_limiter is not None:
            rate_limiter.take(ticket.tokens, now)
        if concurrency is not None:
            adaptive = rate_limiter is not None or concurrency is self.auto
            ticket.permit = self.admission.begin(
                concurrency, now, adaptive=adaptive, probe=ticket.probe
            )

    def _leave(self, waiter: _Waiter) -> None:
        """Somebody waits no more: the next in line may have been held back by it."""
        with contextlib.suppress(KeyError, ValueError):  # the client was closed
            self._take_out(waiter)
            self.wake()

    def _take_out(self, waiter: _Waiter) -> None:
        ticket = waiter.ticket
        key = _line_of(ticket)
        line = self._lines[key]
        line.remove(waiter)
        if not line:
            del self._lines[key]


FOREVER = float("inf")


def _line_of(ticket: Ticket) -> tuple[object, ...]:
    return ticket.bulk, ticket.concurrency, ticket.rate_limiter, ticket.probe


def _priority(waiter: _Waiter) -> tuple[bool, int]:
    return waiter.ticket.bulk, waiter.serial


class CallAttemptPermit:
    """What one attempt of a call holds of the limits."""

    __slots__ = ("_began", "_limiter", "_loop", "_size", "_succeeded", "_ticket")

    def __init__(self, limiter: Limiter, ticket: Ticket, size: RequestSize) -> None:
        self._limiter = limiter
        self._ticket = ticket
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._succeeded = False  # whether the server took the request

    def received(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head has come."""
        limiter, ticket = self._limiter, self._ticket
        limiter.update_windows(headers, ticket)
        assert ticket.permit is not None
        if 200 <= status < 300:
            self._succeeded = True
            limiter.admission.accepted(ticket.permit)
            limiter.wake()
        elif status in OVERLOAD_STATUSES:
            now = self._loop.time()
            asked = parse_retry_after(headers, now=time.time())
            retry_after = None if asked is None else min(asked, LONGEST_HOLD)
            limiter.refused(ticket.permit, now, retry_after=retry_after)
            limiter.correct(-ticket.tokens, None, now)
            limiter.wake()

    def complete(self, response: object) -> None:
        """The response is whole."""
        limiter = self._limiter
        used = limiter.learn(self._size, response)
        if used is not None:
            limiter.correct(used - self._ticket.tokens, None, self._loop.time())
            limiter.wake()

    def unsent(self) -> None:
        """The attempt was given up before its request went out."""
        self._limiter.give_back(self._ticket)

    def release(self, *, whole: bool) -> None:
        """The attempt is over; `whole` is whether all of its response had come. Only the first time counts."""
        permit, admission, now = self._ticket.permit, self._limiter.admission, self._loop.time()
        if permit is None or not permit.open:
            return
        if self._succeeded:
            # Only a limit that is found by trying learns from how long it took.
            timed = whole and permit.concurrency is self._limiter.auto
            admission.succeeded(permit, now, latency=now - self._began if timed else None)
        else:
            admission.end(permit)
        self._limiter.wake()
