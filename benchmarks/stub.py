"""The server that every client is measured against: prebuilt bytes, straight to the socket.

    python -m benchmarks.stub [CORE]

prints its port and serves until its standard input is closed. It stands for a server that is never the
bottleneck: a request is looked up by its body, and the response's bytes are made once.

A stream is sent as servers of this family send it, each event a piece of its own in HTTP's chunked
encoding. `burst` events go out in one write, and between two writes every other connection has its turn,
so that many streams at once arrive interleaved. With a burst of 1, each write is one event, as an idle
server sends; a few at a time is what a busy server, or a proxy before it, passes on. A paced stream is written
so many times a second, as a model generates: each chunk comes in a segment of its own. A held stream stops after its
first events, for as long as the client waits.

On a core of its own it never sleeps. To wake a sleeping server takes the kernel some microseconds, which it
charges to the client on the same machine, and more of them the longer the client lets it sleep.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Final

from benchmarks import canned
from benchmarks.measure import allow_many_files, pin

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

BACKLOG: Final = 4096
"""Connections waiting to be accepted: thousands of clients connect in the same moment."""

GOLDEN: Final = 0.618034
"""Its multiples spread evenly over an interval, however many there are."""

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: stub\r\n"
    b"x-request-id: req-0123456789abcdef\r\nx-ratelimit-remaining-requests: 4999\r\n"
    b"Cache-Control: no-cache\r\n"
)


@cache
def writes(model: str) -> tuple[bytes, ...]:
    """The response that `model` asks for, write by write."""
    if model.startswith("held-"):
        sent = int(model.split("-")[1])
        return writes(canned.stream(sent + 2, 1))[:sent]
    if not model.startswith("stream-"):
        body = canned.large_body() if model == canned.LARGE else canned.response_body()
        head = b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (HEAD, len(body))
        return (head + body,)
    chunks, burst = map(int, model.split("-")[1:3])
    pieces = [b"%x\r\n%b\r\n" % (len(event), event) for event in canned.events(chunks)]
    pieces[0] = b"%bContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (
        HEAD,
        pieces[0],
    )
    bursts = [b"".join(pieces[at : at + burst]) for at in range(0, len(pieces), burst)]
    bursts[-1] += b"0\r\n\r\n"
    return tuple(bursts)


@cache
def asked(body: bytes) -> str:
    """The model that a request's body names; a client sends the same body again and again."""
    return str(json.loads(body)["model"])


class Connection(asyncio.Protocol):
    """One client's connection, kept alive for any number of requests, one after another."""

    _paced = 0  # streams so far

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._left: Iterator[bytes] = iter(())
        self._paused = False
        self._interval = 0.0  # seconds from one write to the next, where a stream is paced
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        end = data.find(b"\r\n\r\n") + 4
        length = LENGTH.search(data, 0, end)
        size = end + int(length[1]) if length else end
        if end < 4 or len(data) < size:
            self._held = data
            return
        self._held = b""
        model = asked(data[end:size])
        self._left = iter(writes(model))
        if pace := canned.pace_of(model):
            # Streams that begin at once would be written at once: each gets a place of its own in the interval.
            self._interval = 1 / pace
            Connection._paced += 1
            self._due = self._loop.time() + self._interval * (Connection._paced * GOLDEN % 1)
            self._loop.call_at(self._due, self._write)
            return
        self._interval = 0.0
        self._write()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if not self._interval:
            self._write()

    def _write(self) -> None:
        if self._transport is None or self._paused:
            return
        for piece in self._left:
            self._transport.write(piece)
            if self._interval:
                self._due += self._interval
                self._loop.call_at(self._due, self._write)
            elif not self._paused:
                self._loop.call_soon(self._write)
            return


async def serve(*, awake: bool) -> None:
    """Serves until standard input is closed, as it is when the process that started this one ends.

    `awake` keeps the loop from ever waiting.
    """
    loop = asyncio.get_running_loop()

    def again() -> None:
        loop.call_soon(again)

    if awake:
        again()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    closed = asyncio.Event()
    loop.add_reader(sys.stdin, closed.set)
    await closed.wait()
    loop.remove_reader(sys.stdin)


if __name__ == "__main__":
    allow_many_files()
    own_core = len(sys.argv) > 1
    if own_core:
        pin(int(sys.argv[1]))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(awake=own_core))
