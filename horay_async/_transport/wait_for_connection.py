"""The wait for a connection: until the limits admit an attempt, and then until a slot is free. The timeout `queue` bounds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from horay_async._protocol.wire.request import Request
from horay_async._transport.connection_pool import ConnectionPool
from horay_async._transport.connection_slots import ConnectionSlots
from horay_async._transport.failures import timed_out
from horay_async.errors import Clock, HorayError

if TYPE_CHECKING:
    from horay_async._protocol.limits.attempt_limiter import AttemptLimiter, AttemptPermit

T = TypeVar("T")

LIMITED = "the limits didn't let the request go within"
"""What the error for the timeout `queue` says where no connection slot was waited for."""


class Reservation:
    """What one attempt holds from its wait for a connection on, until that is free again or closed."""

    __slots__ = ("_deadline", "_request", "_slots", "permit")

    def __init__(self, request: Request, deadline: float | None) -> None:
        self._request = request
        self._deadline = deadline
        self._slots: ConnectionSlots | None = None  # those of which it holds one
        self.permit: AttemptPermit | None = None
        """From the limits; None where there are none."""

    async def wait_for_connection(
        self,
        limiter: AttemptLimiter | None,
        pool: ConnectionPool,
        max_connections: int,
        *,
        since: float,
    ) -> float:
        """Waits until `limiter` admits the attempt, and until it is one of at most `max_connections` that have a connection.

        Returns when that was, or `since`, when the attempt began, where nothing had to be waited for. Raises `APITimeoutError` when
        the timeout `queue` or the deadline of the call has passed.
        """
        acquired = since
        if limiter is not None:
            body, bulk = self._request.body, self._request.bulk
            self.permit = limiter.acquire_nowait(body, bulk=bulk)
            if self.permit is None:
                wait = limiter.acquire(body, bulk=bulk)
                self.permit = await self._within_queue_timeout(wait, since, LIMITED)
                acquired = pool.loop.time()
        # Nothing is awaited between the look-up and this: slots that nobody uses may be forgotten.
        slots = pool.slots[max_connections]
        if not slots.acquire_nowait():
            await self._within_queue_timeout(slots.acquire(), since)
            acquired = pool.loop.time()
        self._slots = slots
        return acquired

    def _within_queue_timeout(
        self, wait: Awaitable[T], since: float, what: str = ""
    ) -> Awaitable[T]:
        """Waits until the timeout `queue` or the deadline has passed, whichever comes first. `what` says what didn't happen, where
        it wasn't a slot that was waited for.
        """
        queue, deadline = self._request.timeouts.queue, self._deadline
        if queue is None or (deadline is not None and deadline < since + queue):
            return within_deadline(wait, self._request, deadline)
        return _wait_until(since + queue, wait, self._request, "queue", what)

    def give_up(self, error: BaseException) -> None:
        """The attempt has ended without a response: the rate gets back what surely wasn't sent."""
        if self.permit is not None and (
            self._slots is None
            or (
                isinstance(error, HorayError)
                and getattr(error, "execution", "not_sent") == "not_sent"
            )
        ):
            self.permit.unsent()
        self.release(whole=False)

    def release(self, *, whole: bool) -> None:
        """The connection is free again, or closed; `whole` is whether all of the response had come."""
        if self._slots is not None:
            self._slots.release()
        if self.permit is not None:
            self.permit.release(whole=whole)


def within_deadline(wait: Awaitable[T], request: Request, deadline: float | None) -> Awaitable[T]:
    """Waits until the deadline of the call, which the timeout `total` sets, and raises `APITimeoutError` when it has passed."""
    # Mostly there is none, and no more than needed is to be kept for each of thousands that wait.
    return wait if deadline is None else _wait_until(deadline, wait, request, "total")


async def _wait_until(
    until: float, wait: Awaitable[T], request: Request, clock: Clock, what: str = ""
) -> T:
    try:
        async with asyncio.timeout_at(until):
            return await wait
    except TimeoutError as error:
        raise timed_out(clock, request, "not_sent", what=what) from error
