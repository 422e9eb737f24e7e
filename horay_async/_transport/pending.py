"""A request on its way to its response's head: what the timeouts and the timeline need to know."""

from __future__ import annotations

import asyncio
import contextlib

from horay_async._transport.connection import ConnectionProtocol, UnreadData
from horay_async._transport.deadline_timer import DeadlineTimer
from horay_async._transport.failures import NoResponse

__all__ = ["PendingResponse"]


class PendingResponse:
    """One request, from the search for a connection to its response's head.

    `first_byte` is that timeout, in seconds. `interrupt` is what ends the wait where no connection is
    known that could be broken off: in a caller's own session.
    """

    __slots__ = (
        "_first_byte",
        "_interrupt",
        "_loop",
        "_timer",
        "_unread",
        "connection",
        "dispatched_at",
        "expired",
        "number",
    )

    def __init__(
        self, timer: DeadlineTimer, interrupt: asyncio.Timeout | None, first_byte: float | None
    ) -> None:
        self.connection: ConnectionProtocol | None = None
        """Where the request is being written, from its dispatch on; None in a caller's own session."""
        self.dispatched_at: float | None = None
        """When that began, on the loop's clock."""
        self.number: int = 0
        """Which of the connection's requests it is."""
        self.expired: bool = False
        """Whether the timeout for the first byte has passed."""
        self._timer = timer
        self._interrupt = interrupt
        self._first_byte = first_byte
        self._loop = asyncio.get_running_loop()
        self._unread: UnreadData | None = None  # from the moment on when the timeout has passed

    def before_connecting(self) -> None:
        """Keeps aiohttp from sending a request again by itself."""
        if self.dispatched_at is not None:
            raise NoResponse("the server closed the connection without a response")

    def dispatched(self, connection: ConnectionProtocol | None) -> None:
        """The request is being written: the wait for the first byte begins."""
        self.connection = connection
        self.number = 0 if connection is None else connection.requests
        self.dispatched_at = now = self._loop.time()
        if self._first_byte is not None:
            self._timer.add(self, now=now, due=now + self._first_byte)

    def redirected(self) -> None:
        """The response's head has come, and points elsewhere: the request is sent there."""
        self.end()
        self.connection = self.dispatched_at = None

    def check_deadline(self, now: float) -> None:
        """The timeout has passed: unless the response is there already, the wait ends."""
        self._unread = UnreadData()
        self._loop.call_soon(self._check_again)

    def _check_again(self) -> None:
        if self._unread is None:  # the head has come meanwhile
            return
        if self._unread.remains(self.connection):
            self._loop.call_soon(self._check_again)
            return
        self.expired = True
        if self.connection is not None:
            self.abort()  # wakes who waits for the head
        elif self._interrupt is not None:
            with contextlib.suppress(
                RuntimeError
            ):  # the deadline ends the wait in this very moment
                self._interrupt.reschedule(self._loop.time())

    def end(self) -> None:
        """The response's head has come, or none will."""
        self._unread = None
        self._timer.discard(self)

    def abort(self) -> None:
        """Gives the request up, what isn't written yet included: closing would wait for that."""
        if self.connection is not None:
            self.connection.transport.abort()
