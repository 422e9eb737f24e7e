"""The log: one line for each call, however it ended, beside those of attempts that failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from horay_async import (
    AsyncHoray,
    AuthenticationError,
    ConfigurationError,
    RetryPolicy,
    StreamTruncatedError,
)
from horay_async.testing import FaultServer, Stall, error, respond

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio

ENDLESS = respond(
    [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', Stall()],
    content_type="text/event-stream",
    framing="chunked",
)
"""A stream of which one chunk comes."""


class Log:
    """What the log says of calls."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def outcomes(self) -> list[str]:
        """How calls and attempts have ended, with their status."""
        messages = [record.getMessage() for record in self._caplog.records]
        return [each.partition(": ")[2].rpartition(", attempt")[0] for each in messages]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """The log at the level at which each call is told."""
    caplog.set_level(logging.INFO, "horay_async")
    return Log(caplog)


async def ask(client: AsyncHoray, *, stream: bool = False) -> Any:
    """One chat response, whole or streamed."""
    return await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=stream
    )


async def end_early(reached: Callable[[], Awaitable[Any]], call: Callable[[], Any]) -> None:
    """Cancels `call` once `reached` returns."""
    task = asyncio.create_task(call())
    await reached()
    task.cancel()
    await asyncio.wait([task])


async def test_whole_calls(fault_server: FaultServer, connect: Connect, log: Log) -> None:
    """A call that is done, and one that fails."""
    async with connect() as client:
        await ask(client)
        fault_server.add(error(401))
        with pytest.raises(AuthenticationError):
            await ask(client)
        fault_server.add(error(401))
        with pytest.raises(AuthenticationError):
            await ask(client, stream=True)
    failed = "failed with AuthenticationError, status 401"
    assert log.outcomes == ["done, status 200", failed, failed]


@pytest.mark.parametrize("hooks", [{}, {"on_response": print}], ids=["alone", "beside a hook"])
async def test_cancelled_calls(
    fault_server: FaultServer, connect: Connect, log: Log, hooks: dict[str, Any]
) -> None:
    """Before the response, in the middle of a stream, by a time limit of the caller's, and between two attempts."""

    async def read() -> None:
        async for _ in await ask(client, stream=True):
            reading.set()

    def note(_: object) -> None:
        failed.set()

    retry = RetryPolicy(initial_backoff=60, max_backoff=60)
    async with connect(retry=retry, on_retry=note, **hooks) as client:
        fault_server.always(ENDLESS)
        await end_early(lambda: fault_server.until_requests(1), lambda: ask(client))
        reading = asyncio.Event()
        await end_early(reading.wait, read)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await read()
        assert log.outcomes[:2] == ["cancelled, status None", "cancelled, status 200"]
        assert log.outcomes[2].startswith("cancelled, ")
        failed = asyncio.Event()
        fault_server.add(error(503))
        await end_early(failed.wait, lambda: ask(client))
    assert log.outcomes[3:] == [
        "failed with ServiceOverloadedError, status 503",
        "cancelled, status 503",
    ]


async def test_left_streams(fault_server: FaultServer, connect: Connect, log: Log) -> None:
    """By a loop, by `close`, and by dropping one unread; a stream that was read or has failed isn't left."""
    async with connect() as client:
        fault_server.add(ENDLESS, ENDLESS, ENDLESS)
        async for _ in await ask(client, stream=True):
            break
        stream = await ask(client, stream=True)
        await stream.close()
        await stream.close()
        await ask(client, stream=True)
        async with await ask(client, stream=True) as stream:
            async for _ in stream:
                pass
        fault_server.stream(["a"], done=False, finish_reason=None)
        async with await ask(client, stream=True) as stream:
            with pytest.raises(StreamTruncatedError):
                async for _ in stream:
                    pass
    read = ["done, status 200", "failed with StreamTruncatedError, status 200"]
    assert log.outcomes == ["left early, status 200"] * 3 + read


async def test_what_sends_nothing(fault_server: FaultServer, log: Log) -> None:
    """A call whose key can't be had."""

    def no_key() -> str:
        raise LookupError("no key")

    async with AsyncHoray(no_key, base_url=fault_server.base_url) as client:
        with pytest.raises(ConfigurationError):
            await ask(client)
    assert log.outcomes == ["failed with ConfigurationError, status None"]
    assert not fault_server.requests


def test_blocking_stream_that_is_left(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, log: Log
) -> None:
    """It is closed by another thread than the one that reads it."""
    fault_server.add(ENDLESS)
    with connect_blocking() as client:
        for _ in client.completions.create(model="m", prompt="p", stream=True):
            break
    assert log.outcomes == ["left early, status 200"]
