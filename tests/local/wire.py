"""A client that knows the protocol's outline and nothing of `horay_async`."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from horay_async.local import LocalServer

Json = dict[str, Any]


class Wire:
    """A session with the right key, and the responses decoded."""

    def __init__(self, session: aiohttp.ClientSession, server: LocalServer) -> None:
        self.session = session
        self.url = server.base_url

    async def get(self, path: str, status: int = 200) -> Json:
        """The JSON response to a GET."""
        async with self.session.get(self.url + path) as response:
            return await self._decoded(response, status)

    async def post(self, path: str, status: int = 200, **body: object) -> Json:
        """The JSON response to a POST of `body`."""
        async with self.session.post(self.url + path, json={"model": "any", **body}) as response:
            return await self._decoded(response, status)

    async def stream(self, path: str, **body: object) -> list[Json]:
        """All events of a stream, which must end with `[DONE]`."""
        full = {"model": "any", "stream": True, **body}
        async with self.session.post(self.url + path, json=full) as response:
            text = await response.text()
            assert response.status == 200, text
            assert response.content_type == "text/event-stream"
        assert text.endswith("\n\n")
        events = [event.removeprefix("data: ") for event in text[:-2].split("\n\n")]
        assert events.pop() == "[DONE]"
        return [json.loads(event) for event in events]

    @staticmethod
    async def _decoded(response: aiohttp.ClientResponse, status: int) -> Json:
        decoded: Json = await response.json()
        assert response.status == status, decoded
        return decoded
