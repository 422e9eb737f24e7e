"""Pools: one a loop, closed with it; and sessions that belong to the caller."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import select
import threading
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from horay_async import (
    APIConnectionError,
    APIResponseError,
    AsyncHoray,
    ConfigurationError,
    NotFoundError,
    StreamTruncatedError,
)
from horay_async.testing import (
    Cut,
    FaultServer,
    Gate,
    Stall,
    completion,
    error,
    models,
    raw,
    respond,
    stream,
)

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]


async def complete(client: AsyncHoray) -> str:
    """The text of one completion."""
    return (await client.completions.create(model="m", prompt="p")).choices[0].text


@pytest.mark.parametrize("missing", ["", "POLLRDHUP", "poll"])
async def test_connections_are_kept(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Calls one after another use one connection; at once, one each; and then those again."""
    monkeypatch.delattr(select, missing, raising=False)
    async with connect() as client:
        for _ in range(5):
            await complete(client)
        assert len(fault_server.connections) == 1
        gate = Gate()
        fault_server.add(*[stream(["x", gate])] * 3)
        chunks = [
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
            for _ in range(3)
        ]
        gate.open()
        for one in chunks:
            assert [chunk async for chunk in one]
        await asyncio.gather(*(complete(client) for _ in range(3)))
        assert len(fault_server.connections) == 3


@pytest.mark.parametrize("missing", ["", "POLLRDHUP", "poll"])
@pytest.mark.parametrize("looking", [True, False])
async def test_connection_that_the_server_closed(
    fault_server: FaultServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    looking: bool,
    missing: str,
) -> None:
    """A connection that the server closed isn't used again, even if the event loop was too busy to hear of
    it: the next call, be it for a picture, costs no attempt. macOS has no POLLRDHUP, Windows no poll.
    """
    monkeypatch.delattr(select, missing, raising=False)
    fault_server.add(models(then="close"))
    async with connect() as client:
        await client.models.list()
        fault_server.wait_for_close(1)
        time.sleep(0.04)  # the FIN is on its way, and nobody looks
        if looking:
            await asyncio.sleep(0)
        response = await client.images.generate(model="m", prompt="p", image_size="1024x1024")
    assert len(response.meta.attempts) == 1
    assert len(fault_server.connections) == 2


async def test_copies_share_the_pool(fault_server: FaultServer, connect: Connect) -> None:
    """Copies with other options use the same connections, and closing one closes all."""
    client = connect()
    copy = client.with_options(timeout=5, default_headers={"X": "1"})
    await complete(client)
    await complete(copy)
    assert len(fault_server.connections) == 1
    await copy.close()
    assert client.closed
    await fault_server.until_closed(1)
    with pytest.raises(ConfigurationError, match="closed"):
        await complete(client)


async def test_closing_twice_is_fine(fault_server: FaultServer, connect: Connect) -> None:
    """A closed client can be closed again; used again, it says so."""
    async with connect() as client:
        await complete(client)
        await client.close()
    await client.close()
    assert client.closed
    assert repr(client).endswith(", closed)")
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await client.models.list()
    assert len(fault_server.requests) == 1


async def test_closing_under_a_call(fault_server: FaultServer, connect: Connect) -> None:
    """A call that is under way when the client is closed says so; nothing is tried again."""
    fault_server.add(raw(Stall()))
    client = connect(retries=3)
    call = asyncio.ensure_future(complete(client))
    await fault_server.until_requests(1)
    await client.close()
    with pytest.raises(APIConnectionError, match="the client was closed") as caught:
        await call
    assert caught.value.execution == "unknown"
    assert len(caught.value.attempts) == 1
    await fault_server.until_closed(1)
    assert len(fault_server.requests) == 1


async def test_closing_under_a_waiter(fault_server: FaultServer, connect: Connect) -> None:
    """So does one that was waiting in line, and one that was waiting to try again."""
    fault_server.add(raw(Stall()), error(429, retry_after=30))
    client = connect(max_connections=1)
    first = asyncio.ensure_future(complete(client))
    await fault_server.until_requests(1)
    second = asyncio.ensure_future(complete(client))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(APIConnectionError, match="the client was closed"):
        await first
    with pytest.raises(ConfigurationError, match="closed"):
        await second


@pytest.mark.parametrize("read", [0, 1])
async def test_closing_under_a_stream_and_a_waiter(
    fault_server: FaultServer, connect: Connect, read: int
) -> None:
    """What waits for a connection ends, though nobody reads or closes the stream that has it."""
    fault_server.add(stream(["a", Stall()]))
    client = connect(max_connections=1)
    chunks = await client.completions.create(model="m", prompt="p", stream=True)
    for _ in range(read):
        await anext(chunks)
    calls = [asyncio.ensure_future(complete(client)) for _ in range(3)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await client.close()
    for call in calls[1:]:
        with pytest.raises(ConfigurationError, match="closed"):
            await call
    assert len(fault_server.requests) == 1
    await chunks.close()


async def test_closing_under_a_stream(fault_server: FaultServer, connect: Connect) -> None:
    """A stream that is under way then was cut, and says so with what had come."""
    fault_server.add(stream(["a", Stall()]))
    client = connect(retries=3)
    chunks = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=True
    )
    await anext(chunks)
    await client.close()
    with pytest.raises(StreamTruncatedError) as raised:
        await anext(chunks)
    assert raised.value.partial.choices[0].message.content == "a"


def test_forgetting_to_close_warns_once(fault_server: FaultServer, connect: Connect) -> None:
    """A client dropped with open connections warns, naming where it was made, and closes them."""

    async def forget() -> None:
        client = connect()
        await complete(client)
        held = [client]
        del client
        with pytest.warns(ResourceWarning, match=r"conftest\.py:\d+ was not closed") as warned:
            held.clear()
        assert len(warned) == 1
        await fault_server.until_closed(1)

    asyncio.run(forget())


def test_loops_one_after_another(fault_server: FaultServer, connect: Connect) -> None:
    """A client works in one `asyncio.run` after another; each takes its connections with it."""
    client = connect()
    for number in range(1, 4):
        assert asyncio.run(complete(client))
        fault_server.wait_for_close(number)
    assert len(fault_server.connections) == 3
    assert not [pool for pool in client._transport.pools.live_pools() if pool.open]


def test_loops_in_threads(fault_server: FaultServer, connect: Connect) -> None:
    """And on the loops of several threads at once."""
    client = connect()
    together = threading.Barrier(4)
    texts: list[str] = []

    async def several() -> None:
        await asyncio.to_thread(together.wait)
        texts.extend(await asyncio.gather(*(complete(client) for _ in range(5))))

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 20
    assert fault_server.wait(lambda: fault_server.open_connections == 0)


def test_closing_from_another_loop(fault_server: FaultServer, connect: Connect) -> None:
    """Closing reaches the pools of other loops, whether they run or have ended."""
    client = connect()
    asyncio.run(complete(client))
    ready, go_on = threading.Event(), threading.Event()

    async def stay() -> None:
        await complete(client)
        ready.set()
        await asyncio.to_thread(go_on.wait)

    thread = threading.Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    assert ready.wait(5)
    asyncio.run(client.close())
    fault_server.wait_for_close(2)
    go_on.set()
    thread.join()


async def test_stream_dropped_in_another_thread(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A stream that dies in another thread, as under the garbage collector, closes on its own loop."""
    fault_server.add(stream(["a", Stall()]))
    async with connect(max_connections=1) as client:
        held = [
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
        ]
        await asyncio.to_thread(held.clear)
        await fault_server.until_closed(1)
        await complete(client)


# Sessions that belong to the caller.


async def test_own_session_is_used_and_never_closed(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Calls go by a session that was passed in, with its headers; closing the client leaves it open."""
    async with aiohttp.ClientSession(headers={"X-Own": "1"}) as session:
        async with connect(session=session) as client:
            await complete(client)
            chunks = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
            assert [chunk async for chunk in chunks]
        assert not session.closed
        async with session.get(fault_server.origin):
            pass
    assert len(fault_server.connections) == 1
    assert [request.headers.get("X-Own") for request in fault_server.requests] == ["1"] * 3


@pytest.mark.internals(True)
async def test_own_session_on_another_loop(fault_server: FaultServer, connect: Connect) -> None:
    """It can't be used there, and nothing is sent: the response couldn't be received."""

    def elsewhere(client: AsyncHoray) -> None:
        with pytest.raises(ConfigurationError, match="the session belongs to another event loop"):
            asyncio.run(complete(client))

    async with aiohttp.ClientSession() as session, connect(session=session) as client:
        await complete(client)
        await asyncio.to_thread(elsewhere, client)
        await complete(client)
    assert len(fault_server.requests) == 2


async def test_forgotten_client_of_an_own_session(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A client that owns no connections needs no closing."""
    async with aiohttp.ClientSession() as session:
        client = connect(session=session)
        await complete(client)
        del client
        gc.collect()
        assert not session.closed


async def test_settings_of_an_own_session_do_not_get_in_the_way(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Whatever a session does by itself, errors are ours and responses are unpacked."""
    fault_server.add(error(404, "nothing"), models(coding="gzip"))
    async with aiohttp.ClientSession(raise_for_status=True, auto_decompress=False) as session:
        client = connect(session=session)
        with pytest.raises(NotFoundError, match="nothing"):
            await client.models.list()
        assert len(await client.models.list())


async def test_connector_of_an_own_session_decides(connect: Connect) -> None:
    """Its connector's trust counts where no context is passed in."""
    with FaultServer(tls="good") as server:
        assert server.ssl_context is not None
        connector = aiohttp.TCPConnector(ssl=server.ssl_context, limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            client = connect(session=session, base_url=server.base_url)
            await asyncio.gather(*(client.models.list() for _ in range(3)))
        assert len(server.connections) == 1


async def reading(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """A middleware that reads bodies, as loggers and recorders do."""
    response = await handler(request)
    await response.read()
    return response


async def test_own_session_that_reads_bodies(fault_server: FaultServer, connect: Connect) -> None:
    """What its middleware has read is there all the same: responses, streams, errors and empty bodies."""
    fault_server.add(
        completion("Paid for."), stream(["a", "b"]), error(404, "nothing"), respond(b"")
    )
    async with aiohttp.ClientSession(middlewares=[reading]) as session:
        client = connect(session=session)
        assert await complete(client) == "Paid for."
        chunks = await client.completions.create(model="m", prompt="p", stream=True)
        assert [text async for text in chunks.text()] == ["a", "b"]
        with pytest.raises(NotFoundError, match="nothing"):
            await client.models.list()
        with pytest.raises(APIResponseError, match="it is empty"):
            await client.models.list()
    assert len(fault_server.requests) == 4


async def test_own_session_gets_bodies_as_they_were_sent(
    fault_server: FaultServer, connect: Connect
) -> None:
    """What reads them there isn't to find them packed, so they are asked for as they are; one that is packed all the same is read."""
    fault_server.add(completion("Paid for.", coding="gzip"))
    async with aiohttp.ClientSession(middlewares=[reading]) as session:
        assert await complete(connect(session=session)) == "Paid for."
    assert fault_server.requests[0].headers["Accept-Encoding"] == "identity"


async def test_response_that_breaks_off_in_an_own_session(
    fault_server: FaultServer, connect: Connect
) -> None:
    """It was run, and isn't sent again, though the session hands on nothing of it."""
    fault_server.add(completion("Paid for.").with_faults(Cut(-5)))
    async with aiohttp.ClientSession(middlewares=[reading]) as session:
        client = connect(session=session, retries=2)
        with pytest.raises(APIConnectionError, match="is incomplete") as caught:
            await complete(client)
    assert (caught.value.execution, len(fault_server.requests)) == ("executed", 1)


async def test_own_session_does_not_go_elsewhere(
    fault_server: FaultServer, connect: Connect, tmp_path: Any
) -> None:
    """Pictures are fetched without it: its headers are no business of other hosts."""
    async with aiohttp.ClientSession(headers={"X-Own": "secret"}) as session:
        async with connect(session=session) as client:
            await client.images.save(fault_server.picture_url, tmp_path / "x.png")
        assert not session.closed
    assert "X-Own" not in fault_server.requests[0].headers


async def test_own_session_that_cannot_be_used(fault_server: FaultServer, connect: Connect) -> None:
    """One that is closed, or whose loop is gone, is a clear error, and nothing is tried again."""
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(ConfigurationError, match="Session is closed"):
        await complete(connect(session=session, retries=3))
    assert not fault_server.requests


async def test_closing_ends_what_connects(fault_server: FaultServer, connect: Connect) -> None:
    """A call in a TLS handshake with a server that is silent is told at once, also in a task that has gone on in spite of a cancellation.
    A task that is cancelled in it stays so.
    """
    fault_server.on_connect("stall", times=3)
    async with connect(base_url=fault_server.base_url.replace("http:", "https:")) as client:

        async def last_call() -> str:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            return await complete(client)

        calls = [asyncio.ensure_future(complete(client)) for _ in range(2)]
        calls.append(asyncio.ensure_future(last_call()))
        await fault_server.until(lambda: fault_server.open_connections == 3)
        calls[1].cancel()
        await client.close()
        for call in (calls[0], calls[2]):
            with pytest.raises(ConfigurationError, match="closed"):
                await asyncio.wait_for(call, 10)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(calls[1], 10)
