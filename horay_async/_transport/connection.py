"""Connections, and what is known of each: what has come on it, and whether it can still bring a response.

Between a connection's transport and aiohttp's protocol stands a `ConnectionProtocol`, put there by asyncio's own
`set_protocol`. It passes everything on, and so sees without any inner part of aiohttp: bytes that nobody asked
for, the loss of a connection, and that data has come which nobody has read yet.
"""

from __future__ import annotations

import asyncio
import select
import socket
from contextvars import ContextVar
from typing import Any, Protocol, cast

import aiohttp

from horay_async._transport import aiohttp_internals
from horay_async._transport.aiohttp_internals import holds_leftover

__all__ = ["FINISHED", "ConnectionProtocol", "Connector", "Reader", "UnreadData", "pending"]


class Reader(Protocol):
    """Who reads the response on a connection."""

    @property
    def content(self) -> Body:
        """The body, as aiohttp receives it."""
        ...

    def before_loss(self) -> None:
        """The connection is lost; what aiohttp has received can still be read."""
        ...

    def after_loss(self, error: BaseException | None) -> None:
        """aiohttp knows of the loss; `error` is what it may say of the reason."""
        ...


class Body(Protocol):
    """As much of aiohttp's stream reader as a connection looks at."""

    def is_eof(self) -> bool:
        """Whether the last byte has come."""
        ...


class Finished:
    """Takes a reader's place on an idle connection, which is to keep no response alive."""

    @property
    def content(self) -> Finished:
        return self

    def is_eof(self) -> bool:
        return True

    def before_loss(self) -> None:
        pass

    def after_loss(self, error: BaseException | None) -> None:
        pass


FINISHED = Finished()


class Pending(Protocol):
    """A request that waits for its connection."""

    def before_connecting(self) -> None:
        """A connection is looked for. Raises where the request was sent before: aiohttp sends a GET once more by
        itself where its connection brought no response, on nobody's record.
        """
        ...

    def dispatched(self, connection: ConnectionProtocol | None) -> None:
        """A connection is there, and the request is being written."""
        ...


pending: ContextVar[Pending | None] = ContextVar("pending", default=None)
"""The request that the running task sends through a session: the session can't be given it along."""


class ConnectionProtocol(asyncio.Protocol):
    """Passes on to aiohttp's protocol what happens on a connection, and takes note of it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.received: int = 0
        """Bytes that have come."""
        self.requests: int = 1
        """How many requests the connection was used for."""
        self.reader: Reader | None = None
        """Who reads the response: from its head on, until the connection is used for the next request. None while a
        response is waited for, whose first bytes may come at any time.
        """
        self._unrequested = False  # once something has come that no request asked for
        self._lost = False  # once the socket is being closed
        self._poll: select.poll | None = None  # for this connection, made when it is first needed
        self._inner = cast("asyncio.Protocol", transport.get_protocol())
        transport.set_protocol(self)

    @classmethod
    def of(cls, transport: asyncio.Transport) -> ConnectionProtocol:
        """The one that stands behind `transport`; put there where there is none yet."""
        protocol = transport.get_protocol()
        return protocol if isinstance(protocol, cls) else cls(transport)

    def begin_request(self) -> None:
        """The connection is used for a request from now on."""
        self.requests += 1
        self.reader = None

    def is_stale(self) -> bool:
        """Whether a connection that was used before can't be used again: the server has left, or has sent what
        nobody asked for, which would be taken for the response to the next request.

        The event loop may not have been told yet, since it was busy: so the operating system is asked.
        """
        return (
            self._unrequested
            or self.transport.is_closing()
            or holds_leftover(self._inner)
            or self.is_readable()
        )

    def is_readable(self) -> bool:
        """Whether the operating system has data, or the connection's end, that the loop hasn't read yet."""
        if self._lost:  # its handle may be another connection's by now
            return False
        if self._poll is None:
            found = cast("socket.socket | None", self.transport.get_extra_info("socket"))
            if found is None or (handle := found.fileno()) < 0:
                return False
            if not hasattr(select, "poll"):  # on Windows; `select` takes any handle there
                return bool(select.select([handle], [], [], 0)[0])
            self._poll = select.poll()
            self._poll.register(handle, select.POLLIN)  # errors and hang-ups are told of unasked
        return bool(self._poll.poll(0))

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        reader = self.reader
        if reader is not None:
            # Where `holds_leftover` can't look: whether the response is whole before the last byte can be seen.
            if not aiohttp_internals.ENABLED and len(data) > 1:
                self._inner.data_received(data[:-1])
                data = data[-1:]
            if reader.content.is_eof():
                self._unrequested = True
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        reader = self.reader
        if reader is not None:
            reader.before_loss()
        self._inner.connection_lost(exc)
        if reader is not None:
            reader.after_loss(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    @property
    def inner(self) -> object:
        """aiohttp's protocol."""
        return self._inner


class UnreadData:
    """Looks at the data before a timeout that has passed is believed.

    A process that was stopped, or a loop that was busy, finds a timeout passed and the response in the socket. So
    the wait goes on as long as data keeps coming in turn after turn of the loop, and ends once nothing has
    come for a few turns: by then, whoever waits for it has seen all that there was. What can't have been on its way
    when the timeout passed doesn't count.
    """

    __slots__ = ("_last", "_quiet", "_received", "_turns")

    QUIET_TURNS = 3
    """Turns of the loop from the reading of a socket to the waking of who waits for what was in it."""
    MAX_TURNS = 1000
    """Turns in all, so that a server which sends without end what is no content can't hold the timeout up."""
    MAX_BYTES = 2**20
    """Bytes in all, for the same reason: more than the system commonly holds of one connection."""

    def __init__(self) -> None:
        self._received: int = -1  # how many bytes had come by the turn before
        self._last: int | None = None  # how many will have come with the last one that counts
        self._quiet = self._turns = 0

    def remains(self, connection: ConnectionProtocol | None) -> bool:
        """Whether to wait for one more turn of the loop; to be asked once a turn."""
        self._turns += 1
        self._quiet += 1
        if connection is not None:
            received, before = connection.received, self._received
            if self._last is None:
                self._last = received + self.MAX_BYTES
            self._received = received
            if before < self._last and (received != before or connection.is_readable()):
                self._quiet = 0
        return self._quiet < self.QUIET_TURNS and self._turns < self.MAX_TURNS


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, which looks at an idle connection before it hands it out, notices dead ones, and tells
    the request that waits when its connection is there.

    `tcp_keepalive` is that option of the client, in seconds.
    """

    def __init__(self, *, tcp_keepalive: float | None, **options: Any) -> None:
        def make_socket(address: Any) -> socket.socket:
            family, kind, protocol, *_ = address
            made = socket.socket(family, kind, protocol)
            if tcp_keepalive is not None:
                keep_alive(made, tcp_keepalive)
            return made

        super().__init__(socket_factory=make_socket, **options)  # pyright: ignore[reportUnknownMemberType] - aiohttp types an address as a bare tuple

    async def connect(self, *args: Any, **options: Any) -> Any:
        request = pending.get()
        if request is not None:
            request.before_connecting()
        while True:
            try:
                connection = await super().connect(*args, **options)
            except (aiohttp.ClientConnectorError, TimeoutError):
                # The server may have moved: the next attempt is to ask for its address anew.
                self.clear_dns_cache()
                raise
            transport = connection.transport
            if transport is None:  # lost already: writing the request will tell
                return connection
            known = transport.get_protocol()
            if isinstance(known, ConnectionProtocol):
                if known.is_stale():
                    connection.close()
                    continue
                known.begin_request()
            else:
                known = ConnectionProtocol(transport)  # new: TLS may have sent session tickets
            if request is not None:
                request.dispatched(known)
            return connection


def keep_alive(made: socket.socket, seconds: float) -> None:
    """Has the operating system give a connection up when the other side is silent for `seconds`: after half of
    that it probes three times. Without, a connection that a router has dropped is found out by no one.
    """
    options = {
        "TCP_KEEPIDLE": max(1, round(seconds / 2)),
        "TCP_KEEPALIVE": max(1, round(seconds / 2)),  # what macOS calls it
        "TCP_KEEPINTVL": max(1, round(seconds / 6)),
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": max(1, round(seconds * 1000)),  # of data that isn't acknowledged
    }
    if hasattr(socket, "TCP_KEEPIDLE"):
        del options["TCP_KEEPALIVE"]
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
