"""Cancelling at any moment leaves nothing behind: no slot, no socket, no task, no descriptor."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from horay_async import AsyncHoray
from horay_async.testing import Delay, FaultServer, Gate, Reply, Split, error, models, stream

if TYPE_CHECKING:
    from horay_async.testing import Request, ScriptedResponse
    from tests.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

SLOTS = 4
LONGEST = 0.012
"""Seconds: about twice what a call takes here, so that each of its moments is met and some calls end."""

HELD = "held"
"""The model whose responses are held up."""

Operation = Callable[[AsyncHoray], Coroutine[Any, Any, object]]


async def complete(client: AsyncHoray) -> object:
    """A whole response."""
    return await client.completions.create(model="m", prompt="p")


async def read(client: AsyncHoray, model: str = "m") -> object:
    """A stream, read to its end."""
    chunks = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "?"}], stream=True
    )
    return [chunk async for chunk in chunks]


async def final(client: AsyncHoray) -> object:
    """A stream of events, merged."""
    async with client.completions.stream(model="m", prompt="p") as events:
        return await events.final()


OPERATIONS: list[Operation] = [complete, read, final]


async def by_task(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Cancels the task."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def by_timeout(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Lets `asyncio.timeout` run out."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await call


async def by_wait_for(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Lets `asyncio.wait_for` run out."""
    with suppress(TimeoutError):
        await asyncio.wait_for(call, seconds)


async def by_scope(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Lets an anyio scope run out, which cancels at each `await` again."""
    with anyio.move_on_after(seconds):
        await call


async def by_group(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Cancels a task group of anyio."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: call)
        await anyio.sleep(seconds)
        group.cancel_scope.cancel()


WAYS = [by_task, by_timeout, by_wait_for, by_scope, by_group]


class Slow:
    """Responds well, but in pieces and with pauses: there is time to cancel at every stage."""

    def __init__(self) -> None:
        self._draw = random.Random(1)
        self.gate = Gate()
        """Holds up the responses to those who ask for `HELD`."""

    def __call__(self, request: Request) -> ScriptedResponse:
        if request.method == "GET":
            return models()
        if request.json()["model"] == HELD:
            return stream(["x", self.gate])
        pieces = Split(seed=self._draw.randrange(2**20), pieces=5, gap=0.001)
        return Reply("a few words to be read")(request).with_faults(pieces, Delay(0.001))


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir(Path("/dev/fd")))


class Baseline:
    """How many tasks and descriptors there were before."""

    def __init__(self) -> None:
        self._tasks = len(asyncio.all_tasks())
        self._descriptors = descriptors()

    @classmethod
    async def after_a_call(cls, server: FaultServer, client: AsyncHoray) -> Baseline:
        """What there is when everything has been used once, the server's own loop included."""
        async with client:
            await client.models.list()
        await server.until(lambda: server.open_connections == 0)
        await asyncio.sleep(0.02)  # the server's thread forgets its side of the connection
        return cls()

    async def restored(self, server: FaultServer) -> None:
        """Waits until there are no more than that."""
        await server.until(lambda: server.open_connections == 0)
        async with asyncio.timeout(5):
            while not self._is_restored():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)

    def _is_restored(self) -> bool:
        return descriptors() <= self._descriptors and len(asyncio.all_tasks()) <= self._tasks


async def full_size(server: FaultServer, slow: Slow, client: AsyncHoray) -> None:
    """Makes sure that as many calls as ever can run at once, and no more."""

    def held() -> int:
        return sum(f'"{HELD}"' in request.text for request in server.requests)

    before = held()
    slow.gate = Gate()
    calls = [asyncio.ensure_future(read(client, HELD)) for _ in range(SLOTS + 1)]
    await server.until(lambda: held() >= before + SLOTS)
    await asyncio.sleep(0.01)
    assert held() == before + SLOTS
    slow.gate.open()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("way", WAYS)
async def test_cancelled_at_random(
    fault_server: FaultServer, connect: Connect, way: Callable[..., Awaitable[None]]
) -> None:
    """Whichever way calls are cancelled, the pool keeps its size and everything else goes."""
    slow = Slow()
    fault_server.always(slow)
    draw = random.Random(way.__name__)
    baseline = await Baseline.after_a_call(fault_server, connect())
    async with connect(max_connections=SLOTS) as client:
        for _ in range(10):
            await asyncio.gather(
                *(
                    way(draw.choice(OPERATIONS)(client), draw.uniform(0, LONGEST))
                    for _ in range(2 * SLOTS)
                )
            )
        await full_size(fault_server, slow, client)
    await baseline.restored(fault_server)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_after_each_turn_of_the_loop(
    fault_server: FaultServer, connect: Connect, operation: Operation
) -> None:
    """Cancelled after one turn of the event loop, after two, and so on until the call is over by then."""
    baseline = await Baseline.after_a_call(fault_server, connect())
    async with connect(max_connections=1) as client:
        for turns in range(60):
            task = asyncio.ensure_future(operation(client))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None
        assert await complete(client)
    await baseline.restored(fault_server)


async def test_cancelled_during_the_handshake(connect: Connect) -> None:
    """The same while TLS is being spoken."""
    with FaultServer(tls="good") as server:
        slow, draw = Slow(), random.Random(2)
        server.always(slow)

        def client_of_it() -> AsyncHoray:
            return connect(
                base_url=server.base_url, ssl_context=server.ssl_context, max_connections=SLOTS
            )

        baseline = await Baseline.after_a_call(server, client_of_it())
        for _ in range(10):  # each on connections of its own
            async with client_of_it() as client:
                await asyncio.gather(
                    *(by_task(complete(client), draw.uniform(0, 0.008)) for _ in range(2 * SLOTS))
                )
                await full_size(server, slow, client)
        await baseline.restored(server)


async def test_cancelled_between_attempts(fault_server: FaultServer, connect: Connect) -> None:
    """A call that waits to try again ends at once, and there is no further attempt."""
    fault_server.always(error(429, retry_after=30), method="POST")
    baseline = await Baseline.after_a_call(fault_server, connect())
    async with connect(retries=3) as client:
        task = asyncio.ensure_future(complete(client))
        await fault_server.until_requests(2)
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    await baseline.restored(fault_server)
    assert len(fault_server.requests) == 2


async def test_cancelling_is_not_swallowed(fault_server: FaultServer, connect: Connect) -> None:
    """A cancelled call raises `CancelledError` itself, never an error of ours."""
    fault_server.always(stream(["x", Gate()]))
    async with connect(retries=3) as client:
        for operation in OPERATIONS:
            task = asyncio.ensure_future(operation(client))
            await fault_server.until_requests(OPERATIONS.index(operation) + 1)
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
