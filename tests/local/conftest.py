"""One real server for all tests of this folder, and a plain client session for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from horay_async.local import LocalServer

from .wire import Wire


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """A running server on the default weights."""
    with LocalServer(threads=1) as running:
        yield running


@pytest.fixture
async def wire(server: LocalServer) -> AsyncIterator[Wire]:
    """A client with the right key."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Wire(session, server)
