"""What a skilled user would write without any client package: aiohttp, a loop over lines, orjson.

It has the timeouts that nobody should go without, for connecting and for a server that falls silent, and no
total timeout, since a generation can take longer than aiohttp's five minutes. It has no retries, types,
limits, error classes or check for truncation.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import orjson

from benchmarks.canned import API_KEY

__all__ = ["HandWritten"]

MESSAGES = [{"role": "user", "content": "What is the capital of Germany?"}]


class HandWritten:
    """A session and two functions."""

    def __init__(self, base_url: str, connections: int) -> None:
        self._url = f"{base_url}/chat/completions"
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=120),
            connector=aiohttp.TCPConnector(limit=connections),
        )

    async def call(self, model: str) -> str:
        body = orjson.dumps({"model": model, "messages": MESSAGES, "max_tokens": 64})
        async with self._session.post(self._url, data=body) as response:
            response.raise_for_status()
            completion = orjson.loads(await response.read())
        content: str = completion["choices"][0]["message"]["content"]
        return content

    async def stream(self, model: str) -> tuple[int, str]:
        body = orjson.dumps({"model": model, "messages": MESSAGES, "stream": True})
        chunks = 0
        texts: list[str] = []
        async with self._session.post(self._url, data=body) as response:
            response.raise_for_status()
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                data = line[6:].strip()
                # Reading on after [DONE], to the end, is what gives the connection back to the pool.
                if data == b"[DONE]":
                    continue
                chunk: dict[str, Any] = orjson.loads(data)
                chunks += 1
                if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                    texts.append(text)
        return chunks, "".join(texts)

    async def texts(self, model: str) -> AsyncGenerator[str]:
        body = orjson.dumps({"model": model, "messages": MESSAGES, "stream": True})
        async with self._session.post(self._url, data=body) as response:
            response.raise_for_status()
            async for line in response.content:
                if not line.startswith(b"data: ") or (data := line[6:].strip()) == b"[DONE]":
                    continue
                chunk: dict[str, Any] = orjson.loads(data)
                if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                    yield text

    async def close(self) -> None:
        await self._session.close()

    @staticmethod
    def decode(body: bytes) -> Any:
        """A body as plain dicts and lists."""
        return orjson.loads(body)
