"""One accepted connection, byte by byte, and the moment when the client leaves it."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast

__all__ = ["ConnectFault"]

ConnectFault = Literal["reset", "fin", "stall", "old_tls"]
"""What happens to a connection before HTTP is read or TLS begins: a reset, a FIN, silence; or TLS's alert that the
client's versions are too new, as an old server sends it."""

PROTOCOL_VERSION_ALERT = bytes.fromhex("15 03 01 00 02 02 46")
"""A TLS record that holds the fatal alert `protocol_version` (RFC 8446, section 6)."""

HIGH_WATER = 2**16
"""Bytes read ahead of the script; with that many waiting, the server leaves the rest in the kernel."""

LOOK_EVERY = 0.01
"""Seconds between two checks of a connection that isn't being read: the event loop doesn't report its end."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that makes closing a socket reset it."""


class ConnectionGone(Exception):
    """The connection ended: the client ended its side, or either side reset or closed it."""


class ServerConnection(asyncio.Protocol):
    """A connection as the script sees it. Everything that waits raises `ConnectionGone` once it is gone.

    `on_end` is called once, with who ended it. A client that ends its side alone has left, too.
    """

    def __init__(self, on_end: Callable[[Literal["client", "server"]], None]) -> None:
        self._on_end = on_end
        self._ended = False
        # Bytes arrived, reading was paused, or the connection ended.
        self._changed = asyncio.Event()
        self._buffer = bytearray()
        self._paused = False
        self._discarding = False
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.Transport | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # `send` waits until the kernel has it all. asyncio pauses TLS once as much as the limit is buffered, and plain TCP once
        # more is: with a limit of 0, TLS would never go on.
        secure = transport.get_extra_info("sslcontext") is not None
        self._transport.set_write_buffer_limits(high=1 if secure else 0, low=0)

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        self._buffer += data
        self._changed.set()
        if len(self._buffer) >= HIGH_WATER and not self._paused:
            self._paused = True
            self._opened.pause_reading()

    def eof_received(self) -> None:
        self._leave("client")

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave("client")

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # What the script calls.

    @property
    def connected(self) -> bool:
        """Whether the connection is still there."""
        return not self._ended

    async def read_until(self, mark: bytes) -> bytes:
        """The bytes up to `mark`, and `mark`."""
        while (place := self._buffer.find(mark)) < 0:
            await self._more()
        return self._take(place + len(mark))

    async def first_byte(self) -> int:
        """The next byte, which stays to be read."""
        if not self._buffer:
            await self._more()
        return self._buffer[0]

    async def read_some(self, most: int) -> bytes:
        """At least one byte, and `most` at most."""
        if not self._buffer:
            await self._more()
        return self._take(most)

    async def send(self, data: bytes) -> None:
        """Writes, and waits until the kernel has taken it."""
        # A transport that failed to write is closing before the loop calls `connection_lost`.
        if self._ended or self._opened.is_closing():
            raise ConnectionGone
        self._opened.write(data)
        await self._room.wait()
        if self._ended:
            raise ConnectionGone

    async def sleep(self, seconds: float) -> None:
        """Lets time pass. Raises `ConnectionGone` where the connection ends meanwhile."""
        await self.wait_for(asyncio.sleep(seconds))

    async def wait_for(self, waiting: Awaitable[None]) -> None:
        """Awaits something. Raises `ConnectionGone` where the connection has ended by then."""
        task = asyncio.ensure_future(waiting)
        leaving = asyncio.ensure_future(self.until_left())
        try:
            await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            leaving.cancel()
        if self._ended:
            raise ConnectionGone

    async def until_left(self) -> None:
        """Waits for the client to leave."""
        while not self._ended:
            # Where reading is paused the end may stand behind what isn't read; a reset shows all the same.
            if self._paused and self._is_gone():
                self._leave("client")
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY if self._paused else None):
                    await self._changed.wait()

    async def on_connect(self, fault: ConnectFault) -> None:
        """Refuses the client, without a response, or with TLS's alert. Raises `ConnectionGone` when it leaves before."""
        match fault:
            case "reset":
                self.reset()
            case "fin":
                await self.fin()
            case "stall":
                await self.until_left()
            case "old_tls":
                await self.read_some(1)  # the client speaks first
                await self.send(PROTOCOL_VERSION_ALERT)
                await self.fin()

    async def fin(self) -> None:
        """Ends this side and waits for the client to do the same."""
        self._discarding = True
        self._resume()
        socket_: Any = self._opened.get_extra_info("socket")
        try:
            socket_.shutdown(socket.SHUT_WR)
        except OSError:
            self._leave("client")  # gone already
        await self.until_left()
        self._opened.abort()

    def reset(self) -> None:
        """Resets the connection."""
        self._leave("server")
        if self._opened.is_closing():
            return
        socket_: Any = self._opened.get_extra_info("socket")
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._opened.abort()

    def close(self) -> None:
        """Closes the connection gracefully: what was sent arrives first, and TLS sends close_notify."""
        self._leave("server")
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes the connection at once."""
        self._leave("server")
        if self._transport is not None:
            self._transport.abort()

    @property
    def _opened(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    async def _more(self) -> None:
        """Waits for bytes to arrive."""
        have = len(self._buffer)
        self._resume()
        while len(self._buffer) == have:
            if self._ended:
                raise ConnectionGone
            self._changed.clear()
            await self._changed.wait()

    def _take(self, most: int) -> bytes:
        taken = bytes(self._buffer[:most])
        del self._buffer[:most]
        return taken

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._opened.resume_reading()

    def _is_gone(self) -> bool:
        if not hasattr(select, "poll"):
            return False
        poll = select.poll()
        # Errors are always reported; only Linux reports that the other side has ended its sending.
        asked = select.POLLHUP | getattr(select, "POLLRDHUP", 0)
        poll.register(self._opened.get_extra_info("socket").fileno(), asked)
        return bool(poll.poll(0))

    def _leave(self, who: Literal["client", "server"]) -> None:
        if not self._ended:
            self._ended = True
            self._on_end(who)
        self._changed.set()
        self._room.set()
