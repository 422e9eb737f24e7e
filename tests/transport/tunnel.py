"""A proxy that tunnels: the CONNECT method, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import attrs


@attrs.define
class Tunnel:
    """A running proxy, and the requests that it got."""

    url: str = ""
    """Where it is."""
    heads: list[str] = attrs.field(factory=list[str])
    """The requests, as they came."""
    refusal: bytes = b""
    """What it responds with instead of tunnelling, where it does."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        host, _, port = head.split(" ")[1].rpartition(":")
        with contextlib.closing(writer):
            if self.refusal:
                writer.write(self.refusal)
                await writer.drain()
                return
            there, back = await asyncio.open_connection(host, int(port))
            with contextlib.closing(back):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(pass_on(reader, back), pass_on(there, writer))


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copies until either side is gone, and then closes."""
    with contextlib.closing(sink), contextlib.suppress(ConnectionError):
        while data := await source.read(2**16):
            sink.write(data)
            await sink.drain()


@contextlib.asynccontextmanager
async def tunnel() -> AsyncGenerator[Tunnel]:
    """A tunnelling proxy on the running loop."""
    running = Tunnel()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        running.url = f"http://{host}:{port}"
        yield running
