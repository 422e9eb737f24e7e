"""The server's life, its counts, and its waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
import warnings

import aiohttp
import pytest

from horay_async import Horay, NotFoundError
from horay_async.testing import ConnectFault, Cut, FaultServer, Request, Stall, raw, respond
from horay_async.testing._connection import RequestHandler

from .conftest import Connect
from .rawclient import RawClient


def test_where_it_is(server: FaultServer) -> None:
    """The base URL is that of the API; the picture is on another host."""
    assert server.base_url == f"{server.origin}/v1"
    assert server.origin.startswith("http://127.0.0.1:")
    assert server.picture_url.startswith("http://localhost:")
    assert server.ssl_context is None


def test_before_and_after() -> None:
    """Before the start there is no URL; afterwards there is one that refuses connections."""
    server = FaultServer()
    with pytest.raises(RuntimeError, match="with block"):
        _ = server.base_url
    with server:
        pass
    with pytest.raises(ConnectionRefusedError):
        RawClient(server)
    with pytest.raises(RuntimeError, match="used once"):
        server.__enter__()
    server.__exit__(None, None, None)  # ending it twice is fine


def test_on_a_port_of_choice() -> None:
    """Host and port can be chosen, and are free again at once."""
    with FaultServer() as first:
        port = int(first.origin.rpartition(":")[2])
        RawClient(first).socket.close()
    with FaultServer(port=port) as second:
        assert second.origin == first.origin


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine speaks no IPv6")
def test_ipv6() -> None:
    """A URL with a numeric IPv6 host has brackets."""
    with FaultServer(host="::1") as server, RawClient(server) as client:
        client.request()
        assert client.response()[0] == 200
        assert server.base_url.startswith("http://[::1]:")


@pytest.mark.anyio
async def test_an_aiohttp_client_is_served() -> None:
    """It also serves callers of the loop that started it, under another client than the package's own."""
    async with FaultServer() as server:
        server.reply("Berlin")
        headers = {"Authorization": f"Bearer {server.api_key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            url = f"{server.base_url}/completions"
            async with session.post(url, json={"prompt": "?"}) as response:
                body = await response.json()
            assert body["choices"][0]["text"] == "Berlin"
            [request] = await server.until_requests(1)
            assert request.json() == {"prompt": "?"}
        assert await server.until_closed(1) >= request.at


def test_the_key_is_checked(server: FaultServer, raw_client: RawClient) -> None:
    """A missing or wrong key is answered 401 and uses no response up; elsewhere none is needed."""
    server.reply("Berlin")
    raw_client.send(
        b"GET /v1/models HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\nAuthorization: x\r\n\r\n"
    )
    assert [raw_client.response()[0] for _ in range(2)] == [401, 401]
    raw_client.send(b"GET /files/picture.png HTTP/1.1\r\n\r\n")
    assert raw_client.response()[2].startswith(b"\x89PNG")
    assert server.waiting == 1


@pytest.mark.parametrize("check_key", [True, False])
def test_a_base_url_without_v1(check_key: bool) -> None:
    """The operations aren't there, as on the API: the error says what is missing, and nothing in line is used up."""
    with FaultServer(check_key=check_key) as server:
        server.reply("Berlin")
        with Horay(server.api_key, base_url=server.origin) as client:
            told = r"there is no /models here; is /v1 missing at the end of base_url"
            with pytest.raises(NotFoundError, match=told):
                client.models.list()
            with pytest.raises(NotFoundError, match="is /v1 missing"):
                client.completions.create(model="m", prompt="?")
        assert server.waiting == 1
        with Horay(server.api_key, base_url=server.base_url) as client:
            assert client.completions.create(model="m", prompt="?").choices[0].text == "Berlin"
            server.add(respond("{}"), path="/rerank")
            assert client.request("POST", "/rerank").json == {}


def test_the_key_need_not_be_checked() -> None:
    """Where the key is nobody's business, any will do."""
    with FaultServer(check_key=False) as server, RawClient(server) as client:
        client.send(b"GET /v1/models HTTP/1.1\r\n\r\n")
        assert client.response()[0] == 200


def test_counts(server: FaultServer, connect: Connect) -> None:
    """Connections, open ones, requests and executions are counted."""
    server.add(respond("run"), respond(status=429), respond("run", executed=False))
    first, second = connect(), connect()
    for client in (first, second, first):
        client.request()
        client.response()
    assert len(server.connections) == 2
    assert server.open_connections == 2
    assert len(server.requests) == 3
    assert server.executions == 1
    first.socket.close()
    left_at = server.wait_for_close(1)
    assert server.open_connections == 1
    assert server.connections[0].opened_at < left_at <= time.monotonic()
    assert server.connections[1].closed_by is None


def test_waiting(server: FaultServer, connect: Connect) -> None:
    """Waiting ends with the event, and fails where it doesn't come."""
    client = connect()
    waiting = threading.Timer(0.005, client.request)
    waiting.start()
    [request] = server.wait_for_requests(1)
    assert request.method == "POST"
    waiting.join()
    with pytest.raises(TimeoutError, match=r"request no\. 2"):
        server.wait_for_requests(2, timeout=0.01)
    with pytest.raises(TimeoutError, match=r"the end of connection no\. 9"):
        server.wait_for_close(9, timeout=0.01)
    with pytest.raises(ValueError, match="one request"):
        server.wait_for_requests(0)
    assert server.wait(lambda: server.open_connections == 1)


@pytest.mark.anyio
async def test_waiting_awaited(server: FaultServer) -> None:
    """The same for a caller on an event loop."""
    with pytest.raises(TimeoutError, match=r"request no\. 1"):
        await server.until_requests(timeout=0.01)
    with pytest.raises(TimeoutError, match="a miracle"):
        await server.until(lambda: False, timeout=0.01, what="a miracle")


@pytest.mark.parametrize("fault", ["reset", "fin"])
def test_turned_away(server: FaultServer, connect: Connect, fault: ConnectFault) -> None:
    """A connection can be ended before anything is read of it; the next one is served."""
    server.on_connect(fault)
    ending = "rst"
    with contextlib.suppress(ConnectionResetError):  # it can come before connecting has ended
        first = connect()
        data, ending = first.to_the_end()
        assert data == b""
        first.socket.close()
    assert ending == ("rst" if fault == "reset" else "fin")
    server.wait_for_close()
    second = connect()
    second.request()
    assert second.response()[0] == 200
    assert len(server.requests) == 1


def test_met_by_silence(server: FaultServer, connect: Connect) -> None:
    """A connection can be accepted and then ignored, as many as wanted, until the client leaves."""
    server.on_connect("stall", times=2)
    for _ in range(2):
        client = connect()
        client.request()
        client.socket.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.some()
        client.socket.close()
    server.wait(lambda: len(server.connections) == 2 and not server.open_connections)
    assert server.requests == ()


def test_open_connections_are_cut_at_the_end() -> None:
    """Leaving the block doesn't wait for clients, idle or under way."""
    with FaultServer() as server:
        server.add(raw(Stall()))
        idle, busy = RawClient(server), RawClient(server)
        busy.request()
        server.wait_for_requests()
    assert idle.to_the_end()[0] == busy.to_the_end()[0] == b""
    assert [connection.closed_by for connection in server.connections] == ["server", "server"]
    idle.socket.close()
    busy.socket.close()


def fail(request: Request) -> str:
    """A handler with a mistake in it."""
    raise KeyError(request.method)


@pytest.mark.anyio
async def test_a_connection_that_comes_as_the_server_ends() -> None:
    """Its socket is closed, though its task is cancelled before the first step."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.ensure_future(FaultServer()._accept(listener))
        with socket.create_connection(listener.getsockname(), timeout=10) as client:
            before = asyncio.all_tasks()
            while not (new := asyncio.all_tasks() - before):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0)
            for task in (accepting, *new):
                task.cancel()
            await asyncio.wait((accepting, *new))
            assert client.recv(1) == b""


def test_a_handler_that_raises() -> None:
    """The client is answered 500, and the test fails where the block ends."""
    server = FaultServer().__enter__()
    server.always(fail)
    with RawClient(server) as client:
        client.request()
        status, _, body = client.response()
    assert status == 500
    assert b"KeyError" in body
    with pytest.raises(KeyError, match="POST"):
        server.__exit__(None, None, None)


def test_a_handler_that_raises_hides_nothing() -> None:
    """An exception that ends the block comes first."""
    server = FaultServer().__enter__()
    server.always(fail)
    with RawClient(server) as client:
        client.request()
        client.response()
    server.__exit__(AssertionError, AssertionError("the test's own"), None)


def test_a_failure_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the server itself fail, the test fails with it."""

    def fail_to_note(*_: object) -> Request:
        raise MemoryError("no room for records")

    monkeypatch.setattr(RequestHandler, "request", fail_to_note)
    server = FaultServer().__enter__()
    with RawClient(server) as client:
        client.request()
        assert client.to_the_end() == (b"", "fin")
    with pytest.raises(MemoryError, match="no room"):
        server.__exit__(None, None, None)


def test_many_at_once(server: FaultServer) -> None:
    """A thousand connections that come together are all served."""

    async def one(gate: asyncio.Event) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.origin.rpartition(":")[2]
        )
        await gate.wait()
        writer.write(b"GET /files/picture.png HTTP/1.1\r\nConnection: close\r\n\r\n")
        data = await reader.read()
        writer.close()
        await writer.wait_closed()
        return data[:15]

    async def all_() -> set[bytes]:
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(one(gate)) for _ in range(300)]
        await server.until(lambda: len(server.connections) == 300)
        gate.set()
        return set(await asyncio.gather(*tasks))

    assert asyncio.run(all_()) == {b"HTTP/1.1 200 OK"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child(server: FaultServer, raw_client: RawClient) -> None:
    """A child is served like any client, and holds no connection of the server's open."""
    server.add(respond("Bonn").with_faults(Cut(-1, by="rst")), path="/chat/completions")
    raw_client.send(b"POST /v1/chat")
    server.wait(lambda: server.open_connections)
    wait, go_on = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads; this child touches none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(in_child(server, wait, go_on))
    server.wait_for_requests()
    raw_client.send(b"/completions HTTP/1.1\r\nAuthorization: Bearer test-key\r\n\r\n")
    # The child is alive, and a reset is only sent by the last to close a socket.
    assert raw_client.to_the_end() == (respond("Bonn").data[:-1], "rst")
    os.close(wait)
    os.close(go_on)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def in_child(server: FaultServer, wait: int, go_on: int) -> int:
    """Makes a request and waits for the parent; gives the exit status."""
    try:
        os.close(go_on)
        server.__exit__(None, None, None)  # ends nothing here
        with RawClient(server) as client:
            client.request("/v1/models", method="GET")
            status = client.response()[0]
        os.read(wait, 1)
    except BaseException:  # noqa: BLE001 - the status is all that the parent gets to know
        return 2
    return status != 200
