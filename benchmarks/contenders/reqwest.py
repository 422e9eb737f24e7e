"""The same as by hand with aiohttp, on the fastest HTTP client for Python: pyreqwest, which is written in Rust."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from importlib import import_module
from typing import Any

import orjson

from benchmarks.canned import API_KEY

__all__ = ["Reqwest"]

MESSAGES = [{"role": "user", "content": "What is the capital of Germany?"}]


class Reqwest:
    """A client and two functions."""

    def __init__(self, base_url: str, connections: int) -> None:
        self._url = f"{base_url}/chat/completions"
        self._client: Any = (
            import_module("pyreqwest.client")
            .ClientBuilder()
            .default_headers(
                {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
            )
            .connect_timeout(timedelta(seconds=15))
            .read_timeout(timedelta(seconds=120))
            .max_connections(connections)
            .error_for_status(True)
            .build()
        )

    async def call(self, model: str) -> str:
        body = orjson.dumps({"model": model, "messages": MESSAGES, "max_tokens": 64})
        response = await self._client.post(self._url).body_bytes(body).build().send()
        completion = orjson.loads(memoryview(await response.bytes()))
        content: str = completion["choices"][0]["message"]["content"]
        return content

    async def stream(self, model: str) -> tuple[int, str]:
        chunks = 0
        texts: list[str] = []
        async with self._streamed(model) as response:
            held = b""
            while (data := await response.body_reader.read_chunk()) is not None:
                *lines, held = (held + bytes(data)).split(b"\n")
                for line in lines:
                    if not line.startswith(b"data: ") or line == b"data: [DONE]":
                        continue
                    chunk: dict[str, Any] = orjson.loads(line[6:])
                    chunks += 1
                    if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                        texts.append(text)
        return chunks, "".join(texts)

    async def texts(self, model: str) -> AsyncGenerator[str]:
        async with self._streamed(model) as response:
            held = b""
            while (data := await response.body_reader.read_chunk()) is not None:
                *lines, held = (held + bytes(data)).split(b"\n")
                for line in lines:
                    if not line.startswith(b"data: ") or line == b"data: [DONE]":
                        continue
                    chunk: dict[str, Any] = orjson.loads(line[6:])
                    if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                        yield text

    async def close(self) -> None:
        await self._client.close()

    def _streamed(self, model: str) -> Any:
        body = orjson.dumps({"model": model, "messages": MESSAGES, "stream": True})
        request = self._client.post(self._url).body_bytes(body)
        # It would wait for 64 kB otherwise, or for the end: 200 chunks at once aren't a stream.
        return request.streamed_read_buffer_limit(0).build_streamed()
