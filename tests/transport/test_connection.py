"""Connections: what the system is told of them, where they go after a failure, and how little they hold."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from horay_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncHoray,
    ClientParams,
    ConfigurationError,
    Timeouts,
)
from horay_async._transport.connection import ConnectionProtocol
from horay_async._transport.response import RawResponse
from horay_async.testing import FaultServer, respond, stream
from horay_async.testing.steps import Stall
from tests.growth import assert_linear, peak_memory

from .scripted import STREAM, ScriptedServer, chunk, scripted

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = pytest.mark.anyio


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The sockets of the connections that are made."""
    made: list[socket.socket] = []
    real = ConnectionProtocol.__init__

    def note(self: ConnectionProtocol, transport: asyncio.Transport) -> None:
        real(self, transport)
        made.append(transport.get_extra_info("socket"))

    monkeypatch.setattr(ConnectionProtocol, "__init__", note)
    return made


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
@pytest.mark.parametrize(
    ("seconds", "idle", "interval"), [(60, 30, 10), (1.0, 1, 1), (32767, 16384, 5461)]
)
async def test_dead_connections_are_noticed(
    connect: Connect, sockets: list[socket.socket], seconds: float, idle: int, interval: int
) -> None:
    """The system probes a silent connection, and gives it up after as long as the option says."""
    async with connect(tcp_keepalive=seconds) as client:
        await client.models.list()
        (made,) = sockets
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        options = [
            socket.TCP_KEEPIDLE,
            socket.TCP_KEEPINTVL,
            socket.TCP_KEEPCNT,
            socket.TCP_USER_TIMEOUT,
        ]
        found = [made.getsockopt(socket.IPPROTO_TCP, option) for option in options]
        assert found == [idle, interval, 3, seconds * 1000]


async def test_left_to_the_system(connect: Connect, sockets: list[socket.socket]) -> None:
    """None leaves it to the system; a copy with another setting has connections of its own."""
    async with connect(tcp_keepalive=None) as client:
        await client.models.list()
        await client.with_options(timeout=5).models.list()
        assert len(sockets) == 1
        assert not sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await client.with_options(tcp_keepalive=60).models.list()
        assert len(sockets) == 2


@pytest.mark.parametrize("value", [0, 0.9, -1, 32768, float("inf"), float("nan"), True, "60"])
def test_keepalive_is_checked(value: Any) -> None:
    """What no system takes is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="tcp_keepalive"):
        AsyncHoray("a-key-for-nothing", tcp_keepalive=value)


async def test_server_that_moved(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed connect drops the addresses that are known, all of them: the retry asks again, and finds the server."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []
    port = int(fault_server.base_url.rpartition(":")[2].partition("/")[0])
    real = loop.getaddrinfo

    async def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if host != "moved.test":
            return await real(host, *args, **options)
        asked.append(host)
        address = "127.0.0.2" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", __import__("aiohttp").ThreadedResolver)
    url = f"http://moved.test:{port}/v1"
    async with connect(base_url=url, allow_insecure_http=True, retries=1) as client:
        response = await client.models.list()
        assert len(response.meta.attempts) == 2
        assert response.meta.attempts[0].error == APIConnectionError.__name__
        await client.models.list()
    assert len(asked) == 2


@pytest.mark.usefixtures("internals")
async def test_slow_reader_holds_little() -> None:
    """However much is streamed to a reader that is slower than the server, little of it is held."""
    piece = b'data: {"id": "1", "choices": [{"index": 0, "text": "%b"}]}\n\n'
    padding = b": " + b"x" * 4000 + b"\n\n"
    rounds, per_round = 400, 10

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(STREAM)
        part = chunk(piece % b"a") + chunk(padding) * per_round
        for _ in range(rounds):
            wire.sendall(part)
        wire.sendall(chunk(b"data: [DONE]\n\n") + chunk(b""))

    with scripted(script) as server:
        async with AsyncHoray("a-key-for-the-test", base_url=server.base_url) as client:
            tracemalloc.start()
            try:
                count = 0
                async for _ in await client.completions.create(model="m", prompt="p", stream=True):
                    count += 1
                    for _ in range(5):
                        await asyncio.sleep(0)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert count == rounds
    assert rounds * per_round * len(padding) > 15 * 2**20
    assert peak < 4 * 2**20


SLOW_READER = """
import asyncio, sys
sys.path.insert(0, {root!r})
from horay_async import AsyncHoray
from horay_async._transport import aiohttp_internals
from tests.transport.scripted import STREAM, chunk, scripted

aiohttp_internals.ENABLED = {enabled}
PIECE = b'data: {{"id": "1", "choices": [{{"index": 0, "text": "a"}}]}}\\n\\n'
PART = chunk(PIECE) + chunk(b": " + b"x" * 4000 + b"\\n\\n") * 10

def prepare(n):
    return n

async def read(n):
    def script(server, wire):
        server.read_request(wire)
        wire.sendall(STREAM)
        for _ in range(n):
            wire.sendall(PART)
        wire.sendall(chunk(b"data: [DONE]\\n\\n") + chunk(b""))

    with scripted(script) as server:
        async with AsyncHoray("a-key-for-the-test", base_url=server.base_url) as client:
            count = 0
            async for _ in await client.completions.create(model="m", prompt="p", stream=True):
                count += 1
                for _ in range(5):
                    await asyncio.sleep(0)
            assert count == n

def work(n):
    asyncio.run(read(n))
"""
"""Streams 40 kB for each of `n`, to a reader that is slower than the server."""

ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize("enabled", [True, False], ids=["internals", "public"])
def test_slow_reader_takes_linear_time(enabled: bool) -> None:
    """Of 5 MB and of 80 MB, a byte costs the same."""
    assert_linear(SLOW_READER.format(root=ROOT, enabled=enabled), 125)


@pytest.mark.posix
@pytest.mark.parametrize("enabled", [True, False], ids=["internals", "public"])
def test_slow_reader_of_much_holds_little(enabled: bool) -> None:
    """Of 80 MB, a few at a time; what is loaded with the first request counts too."""
    assert peak_memory(SLOW_READER.format(root=ROOT, enabled=enabled), 2000) < 30


async def test_idle_connections_keep_no_response(
    connect: Connect, fault_server: FaultServer
) -> None:
    """A connection in the pool holds nothing of the response that came over it."""
    async with connect() as client:
        response = await client.completions.create(model="m", prompt="p")
        meta = weakref.ref(response.meta)
        del response
        gc.collect()
        assert meta() is None
        assert len(fault_server.connections) == 1


@pytest.mark.parametrize("way", ["direct", "large", "proxy", "session"])
async def test_streams_dropped_unread_are_closed(
    connect: Connect, fault_server: FaultServer, way: str
) -> None:
    """Also one that a task returned which nobody asks for it any more, whichever way the request went."""
    fault_server.always(stream(["a", Stall()]))
    options: ClientParams = {"timeout": 60}
    async with aiohttp.ClientSession() as session:
        if way == "proxy":
            options["proxy"] = fault_server.origin
        if way == "session":
            options["session"] = session
        async with connect(**options) as client:
            asked = client.completions.create(
                model="m", prompt="p" * (2**16 if way == "large" else 1), stream=True
            )
            left = await asyncio.create_task(asked)
            dropped = weakref.ref(left)
            del left
            await asyncio.sleep(0)  # the loop still holds the task
            gc.collect()
            await fault_server.until_closed()
            assert dropped() is None


async def test_responses_that_were_closed_are_not_kept(
    connect: Connect, fault_server: FaultServer
) -> None:
    """What wakes the reader of a response that is closed isn't one exception for all, whose traceback would grow."""
    fault_server.always(respond([b'{"object"', Stall()], framing="chunked"))
    async with connect(timeout=Timeouts(idle=0.01), retries=0) as client:
        for _ in range(3):
            with pytest.raises(APITimeoutError):
                await client.models.list()
        gc.collect()
        # The loop may still hold the last one.
        assert sum(type(each) is RawResponse for each in gc.get_objects()) <= 1
