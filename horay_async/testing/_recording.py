"""What the server has recorded, as its thread writes it."""

from __future__ import annotations

import time
from typing import Literal

from horay_async.testing.records import Connection, Request
from horay_async.testing.watch import Watch


class Recording:
    """The records, written by one thread and read by any."""

    def __init__(self) -> None:
        self.watch = Watch()
        """Wakes whenever something is written."""
        self.requests: list[Request] = []
        self.connections: list[Connection] = []

    def opened(self) -> Connection:
        """A connection was accepted."""
        number = len(self.connections) + 1
        connection = Connection(number=number, opened_at=time.monotonic())
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
