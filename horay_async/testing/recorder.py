"""What a test asks a server: which requests and connections came; and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

from horay_async.testing.records import Connection, Request
from horay_async.testing.watch import Watch

__all__ = ["Recorder"]

T = TypeVar("T")

WAIT_TIMEOUT = 5.0
"""The default of most seconds to wait: far more than anything on loopback takes, and little enough that a failing
test is soon over."""


class Recording:
    """The records, written by one thread and read by any."""

    def __init__(self) -> None:
        self.watch: Watch = Watch()
        """Wakes whenever something is written."""
        self.requests: list[Request] = []
        self.connections: list[Connection] = []

    def opened(self) -> Connection:
        """A connection was accepted."""
        connection = Connection(number=len(self.connections) + 1, opened_at=time.monotonic())
        self.connections.append(connection)
        self.watch.changed()
        return connection

    def closed(self, connection: Connection, who: Literal["client", "server"]) -> None:
        """A connection was ended."""
        connection.closed_by = who
        connection.closed_at = time.monotonic()
        self.watch.changed()

    def received(self, request: Request) -> None:
        """As much of a request has come as will be read."""
        request.number = len(self.requests) + 1
        self.connections[request.connection - 1].requests += 1
        self.requests.append(request)
        self.watch.changed()

    def executed(self, request: Request) -> None:
        """A request counts as executed, if it came whole."""
        if request.complete and not request.executed:
            request.executed = True
            self.watch.changed()


class Recorder:
    """The records of a server, in the order in which things came.

    Waiting comes in two spellings: `wait…` blocks, `until…` is awaited. Neither sleeps, and both raise
    `TimeoutError` when what is waited for doesn't happen within `timeout` seconds.
    """

    def __init__(self) -> None:
        self._recording = Recording()

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests: each is here once as much of it has come as will be read."""
        return tuple(self._recording.requests)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that were accepted, open or closed."""
        return tuple(self._recording.connections)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return sum(connection.open for connection in self.connections)

    @property
    def executions(self) -> int:
        """How many requests count as executed: see `Request.executed`."""
        return sum(request.executed for request in self.requests)

    def wait(
        self,
        condition: Callable[[], T | None],
        *,
        timeout: float = WAIT_TIMEOUT,
        what: str = "the condition",
    ) -> T:
        """Blocks until `condition()` is true, and gives its value. It is asked whenever a record changes."""
        return self._recording.watch.wait(condition, timeout, what)

    async def until(
        self,
        condition: Callable[[], T | None],
        *,
        timeout: float = WAIT_TIMEOUT,
        what: str = "the condition",
    ) -> T:
        """`wait`, awaited."""
        return await self._recording.watch.until(condition, timeout, what)

    def wait_for_requests(
        self, count: int = 1, *, timeout: float = WAIT_TIMEOUT
    ) -> tuple[Request, ...]:
        """Blocks until so many requests have come, and gives all."""
        return self.wait(self._having(count), timeout=timeout, what=f"request no. {count}")

    async def until_requests(
        self, count: int = 1, *, timeout: float = WAIT_TIMEOUT
    ) -> tuple[Request, ...]:
        """`wait_for_requests`, awaited."""
        return await self.until(self._having(count), timeout=timeout, what=f"request no. {count}")

    def wait_for_close(self, connection: int = 1, *, timeout: float = WAIT_TIMEOUT) -> float:
        """Blocks until the connection of this number is closed, from 1: a request's is `requests[-1].connection`. Gives `Connection.closed_at`."""
        what = f"the end of connection no. {connection}"
        return self.wait(self._closed(connection), timeout=timeout, what=what)

    async def until_closed(self, connection: int = 1, *, timeout: float = WAIT_TIMEOUT) -> float:
        """`wait_for_close`, awaited."""
        what = f"the end of connection no. {connection}"
        return await self.until(self._closed(connection), timeout=timeout, what=what)

    def _having(self, count: int) -> Callable[[], tuple[Request, ...]]:
        if count < 1:
            raise ValueError("one request at least has to be waited for")
        return lambda: self.requests if len(self._recording.requests) >= count else ()

    def _closed(self, number: int) -> Callable[[], float | None]:
        def closed_at() -> float | None:
            known = self.connections
            return known[number - 1].closed_at if len(known) >= number else None

        return closed_at  # 0.0, which is false, isn't met: monotonic clocks count from the start-up
