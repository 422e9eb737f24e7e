"""What the frameworks' tests share: a server that plays a model, and clients of openai's classes on this client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from horay_async import AsyncHoray, Horay, RetryPolicy
from horay_async.integrations.openai import AsyncOpenAI, OpenAI
from horay_async.testing import FaultServer
from tests.integrations.scripted_model import scripted_model

QUICK = RetryPolicy(max_retries=2, initial_backoff=0.001, max_backoff=0.002)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A scripted model."""
    with FaultServer() as server:
        server.always(scripted_model, path="/chat/completions")
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[AsyncOpenAI]:
    """A client for what awaits."""
    async with AsyncHoray(server.api_key, base_url=server.base_url, retry=QUICK) as horay:
        yield AsyncOpenAI(horay=horay)


@pytest.fixture
def blocking_client(server: FaultServer) -> Iterator[OpenAI]:
    """A client for what blocks."""
    with Horay(server.api_key, base_url=server.base_url, retry=QUICK) as horay:
        yield OpenAI(horay=horay)
