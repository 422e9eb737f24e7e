"""Copies of a client with pools of their own: how long these are kept, and what they share."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from typing import TYPE_CHECKING

import attrs
import pytest

from horay_async import APITimeoutError, AsyncHoray, ConfigurationError, RetryPolicy, Timeouts
from horay_async._transport.connection_pool import KEEPALIVE_SECONDS, MAX_UNUSED, ConnectionPool
from horay_async.testing import FaultServer, Gate, Stall, error, raw, stream
from tests.adversary.watchdog import descriptors

if TYPE_CHECKING:
    from tests.conftest import Connect
    from tests.transport.conftest import Jump

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

QUICK = RetryPolicy(max_retries=1, initial_backoff=0.001)

MOST_POOLS = 2 * (MAX_UNUSED + 2)
"""Twice those that a look at them leaves: the unused ones that are kept, and two that are used."""


async def complete(client: AsyncHoray) -> str:
    """The text of one completion."""
    return (await client.completions.create(model="m", prompt="p")).choices[0].text


def own_context(client: AsyncHoray) -> AsyncHoray:
    """A copy that connects by a context of its own."""
    return client.with_options(ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def pools_of(client: AsyncHoray) -> int:
    """How many pools the client and its copies have."""
    return len(client._transport.pools.live_pools())


async def test_what_many_copies_leave(fault_server: FaultServer, connect: Connect) -> None:
    """A thousand copies with a context each, one call each: few pools, connections, descriptors and contexts are left."""
    async with connect() as client:
        await complete(client)
        before = descriptors()
        contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        for _ in range(1000):
            copy = own_context(client)
            assert copy.options.ssl_context is not None
            contexts.add(copy.options.ssl_context)
            assert await complete(copy)
            del copy
            assert pools_of(client) <= MOST_POOLS
        await fault_server.until_closed(1000 - MOST_POOLS)
        gc.collect()
        assert len(contexts) <= MOST_POOLS
        # The server's ends are this process's as well.
        assert descriptors() <= before + 2 * MOST_POOLS


async def test_pool_of_a_copy_that_lives(fault_server: FaultServer, connect: Connect) -> None:
    """A copy that is kept keeps its connections, however many others come and go."""
    async with connect() as client:
        kept = own_context(client)
        await complete(kept)
        for _ in range(4 * MAX_UNUSED):
            await complete(own_context(client))
        opened = len(fault_server.connections)
        await complete(kept)
        assert len(fault_server.connections) == opened


async def test_copies_one_after_another(fault_server: FaultServer, connect: Connect) -> None:
    """Copies that are made anew for each call, with one of two contexts, use the connections of those before."""
    first, second = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    async with connect() as client:
        for _ in range(5):
            await complete(client.with_options(ssl_context=first))
            await complete(client.with_options(ssl_context=second))
        assert len(fault_server.connections) == 2


async def test_stream_of_a_dropped_copy(fault_server: FaultServer, connect: Connect) -> None:
    """A stream whose copy was dropped is read to its end; after that, its pool goes like others."""
    gate = Gate()
    fault_server.add(stream(["a", gate, "b"]))
    async with connect() as client:
        chunks = await own_context(client).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        for _ in range(4 * MAX_UNUSED):
            await complete(own_context(client))
        gc.collect()
        assert pools_of(client) <= MOST_POOLS
        gate.open()
        assert "".join([text async for text in chunks.text()]) == "ab"


async def test_call_of_a_dropped_copy(fault_server: FaultServer, connect: Connect) -> None:
    """So is a whole response, tried twice."""
    gate = Gate()
    refusal = error(503)
    fault_server.add(attrs.evolve(refusal, steps=(gate, *refusal.steps)))
    async with connect() as client:
        copy = own_context(client).with_options(retry=QUICK)
        call = asyncio.ensure_future(complete(copy))
        del copy
        await fault_server.until_requests(1)
        for _ in range(4 * MAX_UNUSED):
            await complete(own_context(client))
        gate.open()
        assert await call


async def test_unused_pools_end_in_time(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """What nobody uses any more is closed though no other pool is made; what is used isn't."""
    fault_server.add(stream(["a", Stall()]))
    async with connect() as client:
        await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        kept = own_context(client)
        await complete(kept)
        for _ in range(3):
            await complete(own_context(client))
        await complete(client)
        for left in (5, 2):  # the first look is too early for what came after the second pool
            assert pools_of(client) == left
            jump(KEEPALIVE_SECONDS + 1)
            for _ in range(5):
                await asyncio.sleep(0)
        assert pools_of(client) == 2
        del kept
        jump(KEEPALIVE_SECONDS + 1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert pools_of(client) == 1


async def test_copies_dropped_in_another_thread(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Copies that are collected on another thread leave no pool either."""
    async with connect() as client:
        for _ in range(4 * MAX_UNUSED):
            held = [own_context(client)]
            await complete(held[0])
            await asyncio.to_thread(held.clear)
            assert pools_of(client) <= MOST_POOLS
        await fault_server.until_closed(4 * MAX_UNUSED - MOST_POOLS)


async def test_copies_share_the_limit(fault_server: FaultServer, connect: Connect) -> None:
    """`max_connections` counts the requests of all copies on a loop, whatever they connect by."""
    fault_server.add(raw(Stall()))
    async with connect(max_connections=1, timeout=Timeouts(queue=0.01)) as client:
        call = asyncio.ensure_future(complete(client))
        await fault_server.until_requests(1)
        for copy in (own_context(client), client.with_options(tcp_keepalive=None)):
            with pytest.raises(APITimeoutError) as raised:
                await complete(copy)
            assert raised.value.clock == "queue"
        call.cancel()


async def test_closing_while_a_pool_is_made(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that another thread closes while a call makes its pool keeps none."""
    client = connect()
    start = ConnectionPool.start
    made: list[ConnectionPool] = []

    async def start_late(self: ConnectionPool) -> None:
        made.append(self)
        await asyncio.to_thread(lambda: asyncio.run(client.close()))  # which can't see this one yet
        await start(self)

    monkeypatch.setattr(ConnectionPool, "start", start_late)
    with pytest.raises(ConfigurationError, match="closed"):
        await complete(client)
    assert not made[0].open
