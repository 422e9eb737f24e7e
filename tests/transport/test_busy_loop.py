"""What comes while the event loop is busy: nobody's response is nobody's, and timeouts look at the data first.

All of it holds on asyncio and uvloop, over TCP and TLS, and with aiohttp's undocumented parts switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import importlib.util
import socket
import ssl
import struct
import threading
import time
import types
from string import ascii_letters
from typing import Any, cast

import pytest

from horay_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncHoray,
    Timeouts,
)
from horay_async._transport import timed_reader
from horay_async._transport.connection import (
    READ_BYTES,
    BufferedConnectionProtocol,
    ConnectionProtocol,
    UnreadData,
)
from horay_async.testing.tls import Certificates, certificates

from .scripted import STREAM, ScriptedServer, chunk, scripted, whole

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None

SOON = 0.1
"""Seconds: what a timeout that is to pass is set to."""


@pytest.fixture(
    params=[
        False,
        pytest.param(True, marks=pytest.mark.skipif(not HAS_UVLOOP, reason="no uvloop")),
    ],
    ids=["asyncio", "uvloop"],
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority() -> Certificates:
    """Both sides of TLS."""
    return certificates("good")


@pytest.fixture(params=["tcp", "tls"])
def tls(request: pytest.FixtureRequest, authority: Certificates) -> Certificates | None:
    """Both kinds of connections."""
    return authority if request.param == "tls" else None


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[ConnectionProtocol]:
    """The connections that are made."""
    made: list[ConnectionProtocol] = []
    real = ConnectionProtocol.__init__

    def note(self: ConnectionProtocol, transport: asyncio.Transport) -> None:
        real(self, transport)
        made.append(self)

    monkeypatch.setattr(ConnectionProtocol, "__init__", note)
    return made


def client_of(server: ScriptedServer, tls: Certificates | None, **options: Any) -> AsyncHoray:
    """A client of `server`, which tries nothing again."""
    options = {"max_retries": 0, **options}
    return AsyncHoray(
        "a-key-for-the-test",
        base_url=server.base_url,
        ssl_context=tls.client if tls else None,
        **options,
    )


def models(name: bytes) -> bytes:
    """A list of one model."""
    return b'{"object": "list", "data": [{"id": "%b"}]}' % name


def completion(text: bytes) -> bytes:
    return b'{"id": "1", "choices": [{"index": 0, "text": "%b", "finish_reason": "stop"}]}' % text


def stray_script(server: ScriptedServer, wire: socket.socket) -> None:
    """Responses; and once, when the test says so, sends what nobody asked for."""
    while True:
        head = server.read_request(wire)
        wire.sendall(whole(completion(b"asked") if b"/completions" in head else models(b"asked")))
        if len(server.heads) == 1:
            server.wait()
            wire.sendall(whole(models(b"stray") if b"/models" in head else completion(b"stray")))
            server.done()


@pytest.mark.parametrize("told", [False, True])
async def test_bytes_that_nobody_asked_for(tls: Certificates | None, told: bool) -> None:
    """A connection on which something came unasked isn't used again, whether the loop was told of it or not."""
    with scripted(stray_script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client:
            for _ in range(2):
                response = await client.completions.create(model="m", prompt="p")
                assert response.choices[0].text == "asked"
                if len(server.heads) == 1:
                    server.do_now()
                    for _ in range(20 if told else 0):
                        await asyncio.sleep(0)
                        time.sleep(0.001)
            assert [model.id for model in await client.models.list()] == ["asked"]


def sized_script(server: ScriptedServer, wire: socket.socket) -> None:
    """Responds with as many letters as the request's header says, of the kind that it says."""
    while True:
        fields = dict(
            line.split(b": ") for line in server.read_request(wire).splitlines()[1:] if line
        )
        size = int(fields[b"X-Size"])
        wire.sendall(whole(completion(fields[b"X-Letter"] * size)))


async def test_bodies_side_by_side(tls: Certificates | None) -> None:
    """Connections that read into one buffer get their own bytes each, at any length of the body."""
    sizes = [1, 300, *(READ_BYTES + more for more in range(-200, 201, 50)), 2 * READ_BYTES, 2**20]

    async def ask(client: AsyncHoray, letter: str, size: int) -> None:
        fields = {"X-Letter": letter, "X-Size": str(size)}
        response = await client.completions.create(model="m", prompt="p", extra_headers=fields)
        assert response.choices[0].text == letter * size

    with scripted(sized_script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client, asyncio.TaskGroup() as group:
            for size, letter in zip(2 * sizes, ascii_letters, strict=False):
                group.create_task(ask(client, letter, size))


async def test_one_buffer(connections: list[ConnectionProtocol], tls: Certificates | None) -> None:
    """All connections of asyncio's own loop read into the same memory; those of other loops get theirs from the loop."""
    with scripted(sized_script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client, asyncio.TaskGroup() as group:
            for _ in range(3):
                fields = {"X-Letter": "a", "X-Size": "1"}
                group.create_task(
                    client.completions.create(model="m", prompt="p", extra_headers=fields)
                )
    assert len(connections) == 3
    if isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        read = cast("list[BufferedConnectionProtocol]", connections)
        assert len({id(connection.get_buffer(-1)) for connection in read}) == 1
    else:
        assert not any(isinstance(each, asyncio.BufferedProtocol) for each in connections)


CLOSING = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n"


def closing_script(server: ScriptedServer, wire: socket.socket) -> None:
    """Responds with a body whose end is that of the connection, and closes it in order, all at once."""
    streamed = b"text/event-stream" in server.read_request(wire)
    server.wait()
    if streamed:
        wire.sendall(CLOSING % b"text/event-stream" + b"data: %b\n\n" % completion(b"whole"))
    else:
        wire.sendall(CLOSING % b"application/json" + completion(b"whole"))
    if isinstance(wire, ssl.SSLSocket):
        wire.setblocking(False)  # the client's own close_notify isn't waited for
        with contextlib.suppress(ssl.SSLWantReadError):
            wire.unwrap()
    wire.shutdown(socket.SHUT_WR)
    server.done()
    server.hold()


@pytest.mark.parametrize("streamed", [False, True])
async def test_body_that_ends_with_its_connection(tls: Certificates | None, streamed: bool) -> None:
    """It is whole where the connection was closed in order, though all of that lies in the socket at once."""
    with scripted(closing_script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client:

            async def ask() -> str:
                if not streamed:
                    response = await client.completions.create(model="m", prompt="p")
                    return response.choices[0].text
                stream = await client.completions.create(model="m", prompt="p", stream=True)
                return "".join([piece async for piece in stream.text()])

            asked = asyncio.ensure_future(ask())
            await asyncio.to_thread(server.requested.wait, 20)
            server.do_now()
            assert await asked == "whole"


async def test_connections_are_still_used_again(tls: Certificates | None) -> None:
    """A connection on which nothing came is used for the next request, TLS's session tickets or not."""
    opened: list[socket.socket] = []

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        opened.append(wire)
        while True:
            server.read_request(wire)
            wire.sendall(whole(completion(b"asked")))

    with scripted(script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client:
            for _ in range(5):
                await client.completions.create(model="m", prompt="p")
                await asyncio.sleep(0)
    assert len(opened) == 1


def block(server: ScriptedServer, seconds: float) -> None:
    """Keeps the event loop busy: the server sends at once, and the timeouts pass before the loop goes on."""
    server.do_now()
    time.sleep(seconds)


async def test_first_byte_after_a_busy_loop(tls: Certificates | None) -> None:
    """A response that came in time isn't given up because the loop had no time to look at it."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        server.wait()
        wire.sendall(whole(completion(b"in time")))
        server.done()
        server.hold()

    with scripted(script, tls.server if tls else None) as server:
        async with client_of(server, tls, timeout=Timeouts(first_byte=SOON)) as client:
            call = asyncio.ensure_future(client.completions.create(model="m", prompt="p"))
            await asyncio.to_thread(server.requested.wait, 20)
            block(server, 3 * SOON)
            assert (await call).choices[0].text == "in time"


PIECE = b'data: {"id": "1", "choices": [{"index": 0, "text": "%b", "finish_reason": null}]}\n\n'


async def test_packed_body_after_a_busy_loop(
    tls: Certificates | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its time to be unpacked from when the loop goes on."""
    monkeypatch.setattr(timed_reader, "MAX_LATE", 4 * SOON)
    packed = gzip.compress(completion(b"x" * 1_000_000))
    response = whole(packed, b"Content-Encoding: gzip")

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        server.wait()
        wire.sendall(response)
        server.done()
        server.hold()

    with scripted(script, tls.server if tls else None) as server:
        async with client_of(server, tls, timeout=Timeouts(total=6 * SOON)) as client:
            asked = asyncio.ensure_future(client.completions.create(model="m", prompt="p"))
            await asyncio.to_thread(server.requested.wait, 20)
            block(server, 11 * SOON)
            assert len((await asked).choices[0].text) == 1_000_000


def stream_script(*sent: bytes) -> Any:
    """Streams a piece, then what is `sent` when the test says so."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(STREAM + chunk(PIECE % b"one"))
        server.wait()
        wire.sendall(b"".join(map(chunk, sent)))
        server.done()
        server.hold()

    return script


async def test_idle_after_a_busy_loop(tls: Certificates | None) -> None:
    """Nor is content that lies in the socket, even where much comes before it that is no content."""
    comments = [b": ping\n\n" * 1000] * 10
    done = PIECE.replace(b"null", b'"stop"') % b"two"
    with scripted(
        stream_script(*comments, done, b"data: [DONE]\n\n", b""), tls.server if tls else None
    ) as server:
        async with client_of(server, tls, timeout=Timeouts(idle=SOON)) as client:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            texts = [(await anext(stream)).text]
            rest = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            block(server, 3 * SOON)
            texts.append((await rest).text)
            assert texts == ["one", "two"]


async def test_what_is_no_content_runs_out_all_the_same(tls: Certificates | None) -> None:
    """Looking at the data first saves nobody who sends comments alone."""
    with scripted(stream_script(b": ping\n\n" * 1000), tls.server if tls else None) as server:
        async with client_of(server, tls, timeout=Timeouts(idle=SOON)) as client:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            await anext(stream)
            rest = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            block(server, 3 * SOON)
            with pytest.raises(APITimeoutError) as raised:
                await rest
            assert raised.value.clock == "idle"


@pytest.mark.parametrize(("each", "lies"), [(1, 0), (1, 50), (1, 10_000), (100_000, 2**20)])
def test_flood_holds_no_timeout_up(each: int, lies: int) -> None:
    """What was there when the timeout passed is looked at, but not all that comes after it."""
    connection = types.SimpleNamespace(
        received=10_000_000, is_readable=lambda: True, unread_bytes=lambda: lies
    )
    unread = UnreadData(cast("ConnectionProtocol", connection))
    turns = 0
    while unread.remains():
        connection.received += each
        turns += 1
    came = turns * each
    assert turns <= UnreadData.MAX_TURNS
    assert turns == UnreadData.MAX_TURNS - 1 or came >= lies
    assert came <= lies + (1 + UnreadData.QUIET_TURNS) * each


async def test_what_comes_after_a_timeout(tls: Certificates | None) -> None:
    """On a busy loop, a server that sends something in each turn doesn't hold a timeout up for as long as it goes on."""
    most, over = 100, threading.Event()

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(STREAM + chunk(PIECE % b"one"))
        while not over.is_set():
            server.wait()
            with contextlib.suppress(OSError):  # the client has left
                wire.sendall(chunk(b": ping\n\n"))
            server.done()

    with scripted(script, tls.server if tls else None) as server:
        async with client_of(server, tls, timeout=SOON) as client:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            await anext(stream)
            rest = asyncio.ensure_future(anext(stream))
            turns = 0
            while not rest.done() and turns < most:
                block(server, SOON / 20)
                turns += 1
                await asyncio.sleep(0)
            over.set()
            server.do_now()
            assert turns < most
            with pytest.raises(APITimeoutError):
                await rest


async def test_slow_caller_after_a_busy_loop(tls: Certificates | None) -> None:
    """Once the content is handed out, nobody waits for any: a caller who takes its time isn't cut off."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(STREAM + chunk(PIECE % b"one"))
        for text in (b"two", b"three"):
            server.wait()
            wire.sendall(chunk(PIECE % text))
            server.done()
        server.hold()

    with scripted(script, tls.server if tls else None) as server:
        async with client_of(server, tls, timeout=Timeouts(idle=SOON)) as client:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            await anext(stream)
            rest = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            block(server, 3 * SOON)
            assert (await rest).text == "two"
            for _ in range(20):
                await asyncio.sleep(0)
            server.do_now()
            assert (await anext(stream)).text == "three"
            await stream.close()


def leaving_script(server: ScriptedServer, wire: socket.socket) -> None:
    """Sends the first chunk of a stream; then resets the connection."""
    server.read_request(wire)
    wire.sendall(STREAM + chunk(b"data: %b\n\n" % completion(b"a").replace(b'"stop"', b"null")))
    server.wait()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Without a closing of TLS, which `close` of its socket wouldn't do either.
    socket.socket(fileno=wire.detach()).close()
    server.done()


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("left", ["stream", "client"])
async def test_leaving_a_connection_that_is_just_lost(
    tls: Certificates | None, left: str, turns: int
) -> None:
    """It ends without an error at whatever turn of the loop it comes: with TLS there is one at which asyncio's transport knows nothing."""
    with scripted(leaving_script, tls.server if tls else None) as server:
        async with client_of(server, tls) as client:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            assert (await anext(stream)).text == "a"
            server.do_now()
            for _ in range(turns):
                await asyncio.sleep(0)
            await (stream if left == "stream" else client).close()
            await stream.close()


async def test_closing_while_a_server_does_not_read(tls: Certificates | None) -> None:
    """The client doesn't wait until the request is sent, and the call is told."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        _ = wire.recv(100)
        server.requested.set()
        server.hold()

    with scripted(script, tls.server if tls else None) as server:
        async with asyncio.timeout(20):
            client = client_of(server, tls, timeout=Timeouts(total=600))
            asked = asyncio.ensure_future(
                client.completions.create(model="m", prompt="p" * 20_000_000)
            )
            await asyncio.to_thread(server.requested.wait, 20)
            await client.close()
            with pytest.raises(APIConnectionError, match="the client was closed"):
                await asked
