"""The least that Python can do: no HTTP library, an `asyncio.BufferedProtocol` with httptools and msgspec structs.

It speaks to one server over plain TCP and keeps its connections. It has no timeouts, TLS, compression, proxies, retries or
error classes: it is here as a lower bound, not as a client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import msgspec

from benchmarks.canned import API_KEY

__all__ = ["Floor"]

httptools: Any = import_module("httptools")  # an optional package

MESSAGES = [{"role": "user", "content": "What is the capital of Germany?"}]


class Message(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    message: Message
    finish_reason: str | None = None


class Response(msgspec.Struct):
    choices: list[Choice]


class ChunkChoice(msgspec.Struct):
    delta: Message
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    choices: list[ChunkChoice]


decode_response = msgspec.json.Decoder(Response).decode
decode_chunk = msgspec.json.Decoder(Chunk).decode


class Connection(asyncio.BufferedProtocol):
    """One connection: a request at a time, its body in pieces. It reads into `buffer`, which all of them share."""

    def __init__(self, buffer: memoryview) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = buffer
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes) -> None:
        assert self.transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self.pieces: list[bytes] = []
        self.complete = False
        self.transport.write(request)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._parser.feed_data(self._buffer[:nbytes])
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError())

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    async def more(self) -> bytes:
        """What has come of the body, waiting for some."""
        while not self.pieces and not self.complete:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


class Floor:
    """A stack of idle connections and two functions."""

    def __init__(self, base_url: str, connections: int) -> None:
        where = urlsplit(base_url)
        self._host, self._port = str(where.hostname), where.port or 80
        self._head = (
            f"POST {where.path}/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {API_KEY}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._idle: deque[Connection] = deque()
        self._buffer = memoryview(bytearray(2**16))
        self._free = asyncio.Semaphore(connections)

    async def call(self, model: str) -> str:
        async with self._free:
            connection = await self._sent({"model": model, "messages": MESSAGES, "max_tokens": 64})
            body = b""
            while not connection.complete or connection.pieces:
                body += await connection.more()
            self._idle.append(connection)
        content = decode_response(body).choices[0].message.content
        assert content is not None
        return content

    async def stream(self, model: str) -> tuple[int, str]:
        chunks = 0
        texts: list[str] = []
        async with self._free:
            connection = await self._sent({"model": model, "messages": MESSAGES, "stream": True})
            held = b""
            while not connection.complete or connection.pieces:
                *events, held = (held + await connection.more()).split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = decode_chunk(event[6:])
                    chunks += 1
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        texts.append(text)
            self._idle.append(connection)
        return chunks, "".join(texts)

    async def texts(self, model: str) -> AsyncGenerator[str]:
        async with self._free:
            connection = await self._sent({"model": model, "messages": MESSAGES, "stream": True})
            held = b""
            while not connection.complete or connection.pieces:
                *events, held = (held + await connection.more()).split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = decode_chunk(event[6:])
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        yield text
            self._idle.append(connection)

    async def close(self) -> None:
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()

    async def _sent(self, body: dict[str, Any]) -> Connection:
        data = msgspec.json.encode(body)
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(
                lambda: Connection(self._buffer), self._host, self._port
            )
        connection.send(b"%b%d\r\n\r\n%b" % (self._head, len(data), data))
        return connection
