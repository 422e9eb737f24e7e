"""The server with a limit that `auto` is measured against."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.adaptive import Limited
from horay_async import AsyncHoray, RateLimitError

pytestmark = pytest.mark.anyio


async def ask(server: Limited, requests: int) -> list[Any]:
    async with (
        server.running() as base_url,
        AsyncHoray("key-for-the-test", base_url=base_url) as client,
    ):
        return await asyncio.gather(
            *(
                client.completions.create(model="m", prompt="p", max_retries=0)
                for _ in range(requests)
            ),
            return_exceptions=True,
        )


async def test_so_many_at_once() -> None:
    """Of five requests at once a limit of two lets two through."""
    server = Limited(at_once=2)
    responses = await ask(server, 5)
    assert sum(isinstance(response, RateLimitError) for response in responses) == 3
    assert (server.answered, server.refused) == (2, 3)


async def test_so_many_a_minute() -> None:
    """What a minute has no room for is told to come back in the next one."""
    server = Limited(a_minute=2)
    # Six requests may fall into two minutes, of which each takes two.
    responses = await ask(server, 6)
    refused = [response for response in responses if isinstance(response, RateLimitError)]
    assert len(refused) >= 2
    assert all(0 < (error.retry_after or 0.0) <= 61 for error in refused)


async def test_without_a_limit() -> None:
    """No limit refuses nothing."""
    server = Limited()
    assert not [response for response in await ask(server, 5) if isinstance(response, Exception)]
    assert (server.answered, server.refused) == (5, 0)
