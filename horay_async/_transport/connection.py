"""Connections, and what is known of each: what has come on it, whether it can still bring a response, and the request that
waits for one.

Between a connection's transport and aiohttp's protocol stands a `ConnectionProtocol`, put there by asyncio's own
`set_protocol`. It passes everything on, and so sees without any inner part of aiohttp: bytes that nobody asked
for, the loss of a connection, and that data has come which nobody has read yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import select
import socket
import sys
from contextvars import ContextVar, Token
from functools import partial
from typing import Any, cast
from weakref import WeakSet

import aiohttp
import attrs

from horay_async._protocol.wire.request import Request
from horay_async._transport import aiohttp_internals
from horay_async._transport.aiohttp_internals import awaits_head, has_unrequested_bytes
from horay_async._transport.deadline_timer import DeadlineTimer
from horay_async._transport.failures import NoResponse
from horay_async._transport.loops import registry_of
from horay_async._transport.tcp_keepalive import make_socket
from horay_async.errors import Clock

if sys.platform != "win32":
    import fcntl
    import termios


class Reader:
    """Who reads the response on a connection. This one has read it: it takes the place of another on an idle connection, which is
    to keep no response alive.
    """

    def is_whole(self) -> bool:
        """Whether the last byte of the body has come."""
        return True

    def before_loss(self) -> None:
        """The connection is lost; what aiohttp has received can still be read."""

    def after_loss(self, error: BaseException | None) -> None:
        """aiohttp knows of the loss; `error` is what it may say of the reason."""


FINISHED = Reader()

CLOSED_HERE = "the connection was closed on this side"

CONNECTOR_CLOSED = "Connector is closed"


def abort(transport: asyncio.BaseTransport) -> None:
    """Closes a connection at once: a graceful closing would wait, with TLS for close_notify, for which the loop may not run long
    enough, and with a request that the server doesn't read, for ever.
    """
    # asyncio's of TLS raises where it was closed, and is closed a second time: a lost one as well.
    with contextlib.suppress(AttributeError):
        cast("asyncio.WriteTransport", transport).abort()


class ConnectionProtocol(asyncio.Protocol):
    """Passes on to aiohttp's protocol what happens on a connection, and takes note of it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        # Asked now: of a connection with TLS that was lost, asyncio doesn't tell.
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._is_tls = transport.get_extra_info("sslcontext") is not None
        self.received: int = 0
        """Bytes that have come."""
        self.requests: int = 1
        """How many requests the connection was used for."""
        self.reader: Reader | None = None
        """Who reads the response: from its head on, until the connection is used for the next request. None while a
        response is waited for, whose first bytes may come at any time.
        """
        self.broken_by: Exception | None = None
        """What the connection was lost by, where that wasn't the server's closing it: a reset, or a closing on this side."""
        self.ended: bool = False
        """Whether the server has said that it sends no more. With TLS many servers don't."""
        self.unparsed: bytearray | None = None
        """What has come for the request that waits while aiohttp has made no response of it: a part of a head, or bytes of
        which some are no HTTP. None where it has, or where it isn't told.
        """
        self.refused: bytes = b""
        """What came last of a body where aiohttp's parser refused it, and closed the connection."""
        self._unrequested = False  # once something has come that no request asked for
        self.lost: bool = False
        """Whether the connection has ended: its socket is being closed."""
        self._poll: select.poll | None = None  # for this connection, made when it is first needed
        self.inner: asyncio.Protocol = cast("asyncio.Protocol", transport.get_protocol())
        """aiohttp's."""
        transport.set_protocol(self)

    @classmethod
    def of(cls, transport: asyncio.Transport) -> ConnectionProtocol:
        """The one that stands behind `transport`; put there where there is none yet."""
        protocol = transport.get_protocol()
        return protocol if isinstance(protocol, cls) else cls(transport)

    @property
    def has_unsent(self) -> bool:
        """Whether something isn't sent yet, for which a graceful closing waits; False with TLS, where aiohttp has none."""
        return not self.lost and not self._is_tls and self.transport.get_write_buffer_size() > 0

    def begin_request(self) -> None:
        """The connection is used for a request from now on."""
        self.requests += 1
        self.reader = self.unparsed = None

    def is_stale(self) -> bool:
        """Whether a connection that was used before can't be used again: the server has left, or has sent what
        nobody asked for, which would be taken for the response to the next request.

        The event loop may not have been told yet, since it was busy: so the operating system is asked.
        """
        return (
            self._unrequested
            or self.transport.is_closing()
            or has_unrequested_bytes(self.inner)
            or self.is_readable()
        )

    def is_readable(self) -> bool:
        """Whether the operating system has data, or the connection's end, that the loop hasn't read yet."""
        if self.lost:  # its handle may be another connection's by now
            return False
        if self._poll is None:
            if self._socket is None or (handle := self._socket.fileno()) < 0:
                return False
            if not hasattr(select, "poll"):  # on Windows; `select` takes any handle there
                return bool(select.select([handle], [], [], 0)[0])
            self._poll = select.poll()
            self._poll.register(handle, select.POLLIN)  # errors and hang-ups are told of unasked
        return bool(self._poll.poll(0))

    def unread_bytes(self) -> int:
        """How many bytes the operating system has that the loop hasn't read yet; those of TLS are a few more than they are worth.
        `UnreadData.MAX_BYTES` where the system doesn't tell.
        """
        if sys.platform != "win32" and self._socket is not None and not self.lost:
            with contextlib.suppress(OSError, ValueError):  # it was closed
                told = fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4))
                return int.from_bytes(told, sys.byteorder)
        return UnreadData.MAX_BYTES

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        reader = self.reader
        if reader is not None:
            rest = data
            # Where `has_unrequested_bytes` can't look: whether the response is whole before the last byte can be seen.
            if not aiohttp_internals.ENABLED and len(data) > 1:
                self.inner.data_received(data[:-1])
                rest = data[-1:]
            if reader.is_whole():
                self._unrequested = True
            self.inner.data_received(rest)
            if self.transport.is_closing():
                self.refused = data
            return
        self.inner.data_received(data)
        if awaits_head(self.inner):
            if self.unparsed is None:
                self.unparsed = bytearray()
            # aiohttp's parser skips empty lines before a head, however many come.
            self.unparsed += data if self.unparsed else data.lstrip(b"\r\n")
        elif self.unparsed is not None:
            self.unparsed = None

    def eof_received(self) -> bool | None:
        self.ended = True
        return self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if exc is not None:
            self.broken_by = exc
        elif not self.ended and not self._is_tls:
            self.broken_by = ConnectionAbortedError(CLOSED_HERE)
        reader = self.reader
        if reader is not None:
            reader.before_loss()
        self.inner.connection_lost(exc)
        if reader is not None:
            reader.after_loss(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class BufferedConnectionProtocol(ConnectionProtocol, asyncio.BufferedProtocol):
    """The same, on a transport that reads into `buffer`, which all connections of an event loop share: asyncio otherwise
    asks for 256 KiB of fresh memory at each read, which for a chunk of 300 bytes takes the system longer than the read.
    """

    def __init__(self, transport: asyncio.Transport, buffer: memoryview) -> None:
        self._buffer = buffer
        super().__init__(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._buffer[:nbytes].tobytes())


READ_BYTES = 2**16
"""Bytes that are read from a socket at a time, at most: more hardly come at once, and fewer fit into a processor's cache."""


def shared_buffer(loop: asyncio.AbstractEventLoop) -> memoryview | None:
    """What the connections of a loop may share; None where a loop isn't known to fill it and to tell of that in one go,
    with no other connection's reading in between.
    """
    if isinstance(loop, asyncio.SelectorEventLoop):
        return memoryview(bytearray(READ_BYTES))
    return None


class UnreadData:
    """When a timeout has passed: waits until the data that had come by then is read, before the timeout is raised.

    Where a process was stopped, or its loop was busy, the timeout has passed while the response lies in the socket, unread.
    So the wait goes on while each turn of the loop brings data, and ends once a few turns have brought none: by then,
    whoever waits has seen all that had come. Data that came later doesn't count: on a busy loop, each of whose turns takes long, a server
    can send something in each.
    """

    __slots__ = ("_all_read", "_connection", "_last", "_quiet", "_received", "_turns")

    QUIET_TURNS = 3
    """Turns of the loop from the reading of a socket to the waking of who waits for what was in it."""
    MAX_TURNS = 1000
    """Turns in all, so that a server which sends without end what is no content can't hold the timeout up."""
    MAX_BYTES = 2**20
    """Bytes in all where the system doesn't say how many there are: more than it commonly holds of one connection."""

    def __init__(self, connection: ConnectionProtocol | None) -> None:
        self._connection = connection
        self._received: int = -1  # how many bytes had come by the turn before
        # How many will have come with the last one that counts.
        self._last = 0 if connection is None else connection.received + connection.unread_bytes()
        self._all_read = False  # whether all that counts was read, and maybe more
        self._quiet = self._turns = 0

    def may_count(self) -> bool:
        """Whether some of what was read just now may have come in time; to be asked at each reading."""
        may_count = not self._all_read
        self._all_read = self._connection is None or self._connection.received > self._last
        return may_count

    def remains(self) -> bool:
        """Whether to wait for one more turn of the loop; to be asked once a turn."""
        self._turns += 1
        self._quiet += 1
        connection = self._connection
        if connection is not None:
            received, before = connection.received, self._received
            self._received = received
            if before < self._last and (received != before or connection.is_readable()):
                self._quiet = 0
        return self._quiet < self.QUIET_TURNS and self._turns < self.MAX_TURNS


@attrs.define(eq=False)
class PendingRequest:
    """One request, from the search for a connection to its response's head."""

    request: Request
    _timer: DeadlineTimer
    interrupt: asyncio.Timeout | None
    """What the deadline of the call ends the wait by until the request is dispatched; and both timeouts end it by after that, where no
    connection is known that could be broken off: in a caller's own session."""
    connection: ConnectionProtocol | None = None
    """Where the request is being written, from its dispatch on; None in a caller's own session."""
    dispatched_at: float | None = None
    """When that began, on the loop's clock."""
    sent: bool = False
    """Whether it was dispatched, or one that a redirect led from."""
    number: int = 0
    """Which of the connection's requests it is."""
    deadline: float | None = None
    """The call's, where `interrupt` doesn't look after it: on the loop's clock."""
    expired: Clock | None = None
    """The timeout that has passed."""
    late: bool = False
    """Whether the deadline passed before the head was seen: what had come by then is read all the same."""
    _unread: UnreadData | None = None
    """Set when a timeout has passed."""

    def before_connecting(self) -> None:
        """Raises where the request was sent before: aiohttp sends a GET once more by itself where its connection brought
        no response, on nobody's record.
        """
        if self.dispatched_at is not None:
            raise NoResponse("the server closed the connection without a response")

    def dispatched(self, connection: ConnectionProtocol | None) -> None:
        """The request is being written: the wait for the first byte begins."""
        self.connection = connection
        self.number = 0 if connection is None else connection.requests
        self.sent = True
        self.dispatched_at = now = self._timer.loop.time()
        if self.interrupt is not None:
            # A response that has come by the deadline is to be read, which an interrupted task can't.
            self.deadline = self.interrupt.when()
            self._interrupt_at(None)
        due = self._due()
        if due < math.inf:
            self._timer.add(self, now=now, due=due)

    def _due(self) -> float:
        """When the first of the timeouts passes."""
        first_byte = self.request.timeouts.first_byte or math.inf
        deadline = math.inf if self.deadline is None else self.deadline
        return min(deadline, (self.dispatched_at or 0.0) + first_byte)

    def redirected(self) -> None:
        """The response's head has come, and points elsewhere: the request is sent there."""
        self.end()
        if self.deadline is not None:
            self._interrupt_at(self.deadline)
        self.connection = self.dispatched_at = self.deadline = None

    def check_deadline(self, now: float) -> None:
        """A timeout has passed: unless the response is there already, the wait ends."""
        self._unread = UnreadData(self.connection)
        self.late = self._due() == self.deadline
        self._timer.loop.call_soon(self._check_again)

    def _check_again(self) -> None:
        if self._unread is None:  # the head has come meanwhile
            return
        if self._unread.remains():
            self._timer.loop.call_soon(self._check_again)
            return
        self.expired = "total" if self.late else "first_byte"
        if self.connection is not None:
            self.abort()  # wakes who waits for the head
        else:
            self._interrupt_at(self._timer.loop.time())

    def _interrupt_at(self, when: float | None) -> None:
        """Has the task interrupted then, or not at all, unless it is being interrupted in this very moment."""
        if self.interrupt is not None:
            with contextlib.suppress(RuntimeError):
                self.interrupt.reschedule(when)

    def end(self) -> None:
        """The response's head has come, or none will."""
        self._unread = None
        self._timer.discard(self)

    def abort(self) -> None:
        """Gives the request up, what isn't written yet included: closing would wait for that."""
        if self.connection is not None:
            abort(self.connection.transport)


class Sending:
    """Within it, the connector finds the request that the running task sends through a session, which can't be given it along.

    A task's context is copied by what it starts, and asyncio keeps the copy for as long as a connection lives that was made
    meanwhile. So the context has an object that is emptied at the end: the request, and the stream or the response that its
    task returns, would be kept as long.
    """

    __slots__ = ("_token", "request")

    def __init__(self, request: PendingRequest) -> None:
        self.request: PendingRequest | None = request

    def __enter__(self) -> None:
        self._token: Token[Sending | None] = _sending.set(self)

    def __exit__(self, *_: object) -> None:
        _sending.reset(self._token)
        self.request = None


_sending: ContextVar[Sending | None] = ContextVar("sending", default=None)
"""None where the task sends past the session, and tells the request itself that it is dispatched."""


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, which looks at an idle connection before it hands it out, notices dead ones, and tells
    the request that waits when its connection is there.

    `tcp_keepalive` is that option of the client, in seconds.
    """

    def __init__(self, *, tcp_keepalive: float | None, **options: Any) -> None:
        self._connections: WeakSet[ConnectionProtocol] = WeakSet()
        self._registry = registry_of(asyncio.get_running_loop())
        self._connecting: set[asyncio.Task[Any]] = set()
        super().__init__(socket_factory=partial(make_socket, tcp_keepalive), **options)  # pyright: ignore[reportUnknownMemberType] - aiohttp types an address as a bare tuple
        self._buffer = shared_buffer(asyncio.get_running_loop())

    async def connect(self, *args: Any, **options: Any) -> Any:
        sending = _sending.get()
        request = None if sending is None else sending.request
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
            else:  # new: TLS may have sent session tickets
                if self._buffer is None:
                    known = ConnectionProtocol(transport)
                else:
                    known = BufferedConnectionProtocol(transport, self._buffer)
                self._connections.add(known)
            if request is not None:
                request.dispatched(known)
            return connection

    async def _create_connection(self, *args: Any, **options: Any) -> Any:
        """Where `connect` finds no idle connection; documented as what derived classes override."""
        if super().closed:  # aiohttp would connect before it looks
            raise aiohttp.ClientConnectionError(CONNECTOR_CLOSED)
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()  # a task that goes on in spite of that keeps it
        self._connecting.add(task)
        try:
            return await super()._create_connection(*args, **options)
        except asyncio.CancelledError:
            if task in self._connecting or task.uncancel() > before:
                raise
            raise aiohttp.ClientConnectionError(CONNECTOR_CLOSED) from None  # by `close`
        finally:
            self._connecting.discard(task)

    def close(self, **options: Any) -> Any:
        """Ends what connects, too: aiohttp leaves that to its own timeout."""
        while self._connecting:
            self._connecting.pop().cancel()
        return super().close(**options)

    @property
    def closed(self) -> bool:
        """Whether it is closed; also once its loop is collected, of which asyncio tells, so that the session doesn't."""
        return super().closed or self._registry.loop_collected

    def __del__(self, *args: Any) -> None:
        if not self._registry.loop_collected:
            super().__del__(*args)

    def abort_unsent(self) -> None:
        """Closes the connections at once on which something isn't sent yet: a server that reads nothing would hold their closing up."""
        for each in self._connections:
            if each.has_unsent:
                abort(each.transport)

    def abort_all(self) -> bool:
        """Closes all connections at once; whether any hasn't been told yet that it is."""
        connections = [each for each in self._connections if not each.lost]
        for each in connections:
            abort(each.transport)
        return bool(connections)
