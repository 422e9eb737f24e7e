"""Requests that go straight over a connection, and those that take the session's way."""

from __future__ import annotations

import asyncio
import copy
import functools
import pickle
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from horay_async import AsyncHoray, RetryPolicy, Timeouts
from horay_async._protocol.wire.request import Request
from horay_async._transport import aiohttp_internals
from horay_async._transport.aiohttp_internals import MAX_DIRECT_BYTES, DirectSender
from horay_async.testing import FaultServer

pytestmark = pytest.mark.anyio

RESPONSE = b'{"id": "1", "choices": [{"index": 0, "text": "Berlin", "finish_reason": "stop"}]}'


@asynccontextmanager
async def recorder() -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """A server that keeps each request as it came, and responds to all alike; with its URL."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(RESPONSE), RESPONSE))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", requests


def session_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has the methods and URLs of what goes through sessions from now on put into a list."""
    seen: list[str] = []
    real: Any = aiohttp.ClientSession._request

    async def look_on(self: Any, method: str, url: Any, **options: Any) -> Any:
        seen.append(method)
        return await real(self, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", look_on)
    return seen


@pytest.mark.parametrize("key", ["key-for-the-test", lambda: "key-for-the-test"])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"X-Own": "1", "traceparent": "2"},
        {"x-default": "2"},
        {"accept": "text/plain", "User-Agent": "me"},
        {"Authorization": "Basic Og=="},
    ],
)
async def test_same_headers_either_way(
    monkeypatch: pytest.MonkeyPatch, own: dict[str, str], key: Any
) -> None:
    """A call's own headers are sent in the place of the client's and beside them, in each of several calls."""
    async with recorder() as (url, requests):
        for enabled in (True, False):
            monkeypatch.setattr(aiohttp_internals, "ENABLED", enabled)
            async with AsyncHoray(key, base_url=url, default_headers={"X-Default": "1"}) as client:
                for _ in range(2):
                    await client.completions.create(
                        model="m", prompt="p", idempotency_key="once", extra_headers=own
                    )
    sent = [sorted(request.lower().split(b"\r\n")) for request in requests]
    assert len(sent) == 4
    assert sent.count(sent[0]) == 4
    for name, value in own.items():
        assert sent[0].count(f"{name}: {value}".lower().encode()) == 1


async def test_same_request_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes over the wire is the same, line by line."""
    async with recorder() as (url, requests):
        for enabled in (True, False):
            monkeypatch.setattr(aiohttp_internals, "ENABLED", enabled)
            async with AsyncHoray(
                "key-for-the-test", base_url=url, default_headers={"X-Default": "1"}
            ) as client:
                await client.completions.create(
                    model="m",
                    prompt="p",
                    idempotency_key="once",
                    extra_headers={"accept-encoding": "identity"},
                    extra_query={"q": "1 2"},
                )
    first, second = requests
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/completions?q=1+2 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Default: 1" in head
    other, _, same = second.partition(b"\r\n\r\n")
    lines, others = (sorted(part.lower().split(b"\r\n")) for part in (head, other))
    assert lines == others
    assert body == same


async def test_small_posts_go_straight(
    horay_server: FaultServer, horay_client: AsyncHoray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A completion doesn't pass through the session; a body that is large does, and so does a GET."""
    seen = session_ways(monkeypatch)
    monkeypatch.setattr(aiohttp_internals, "_is_own", bool)
    await horay_client.completions.create(model="m", prompt="p")
    assert not seen
    await horay_client.completions.create(model="m", prompt="p" * MAX_DIRECT_BYTES)
    await horay_client.models.list()
    assert seen == ["POST", "GET"]
    assert len({request.connection for request in horay_server.requests}) == 1


async def test_no_task_at_all(horay_server: FaultServer, horay_client: AsyncHoray) -> None:
    """Neither a call nor a stream makes a task, not even aiohttp's one for writing the body."""
    made: list[Any] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop)

    await horay_client.completions.create(model="m", prompt="p")  # connecting takes tasks
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        await horay_client.completions.create(model="m", prompt="p")
        horay_server.stream(["Ber", "lin"])
        async for _ in await horay_client.completions.create(model="m", prompt="p", stream=True):
            pass
    finally:
        loop.set_task_factory(None)
    assert not made


async def test_mocked_session_is_used(
    horay_client: AsyncHoray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries that replace the session's method, to record or to play, get to see everything."""
    seen = session_ways(monkeypatch)
    await horay_client.completions.create(model="m", prompt="p")
    assert seen == ["POST"]


async def test_traced_session_is_used() -> None:
    """A session that somebody traces is traced: telemetry hooks itself into all that are made."""
    async with aiohttp.ClientSession(trace_configs=[aiohttp.TraceConfig()]) as session:
        assert not DirectSender(session).can_send("POST", b"{}")


@pytest.mark.parametrize(
    ("method", "size", "taken"),
    [
        ("POST", MAX_DIRECT_BYTES, True),
        ("POST", MAX_DIRECT_BYTES + 1, False),
        ("PUT", 2, False),
    ],
)
async def test_what_is_taken(method: str, size: int, taken: bool) -> None:
    """Only small POSTs."""
    async with aiohttp.ClientSession() as session:
        assert DirectSender(session).can_send(method, b"x" * size) is taken


async def test_recorders_get_no_key() -> None:
    """A recorder copies a request's headers: the copy is masked, as plain text, and the key can be sent all the same."""
    client = AsyncHoray("key-for-the-test", base_url="http://127.0.0.1:1/v1")
    request = Request(
        method="GET",
        path="/models",
        headers={},
        body=None,
        timeouts=Timeouts(),
        retry=RetryPolicy(),
        billed_per_run=False,
    )
    value = client._transport._sender.headers(request, "application/json").merged()["Authorization"]
    assert value == "Bearer key-for-the-test"
    for copied in (copy.copy(value), copy.deepcopy([value])[0]):
        assert (copied, type(copied)) == ("Bearer [API key]", str)
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        pickle.dumps(value)


async def test_another_s_method_is_told_from_aiohttp_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it claims to be, and whenever it was put there."""
    own: Any = aiohttp.ClientSession._request

    @functools.wraps(own)
    async def recording(*arguments: Any, **options: Any) -> Any:
        return await own(*arguments, **options)

    assert aiohttp_internals._is_own(own)
    assert not aiohttp_internals._is_own(recording)
    assert not aiohttp_internals._is_own(None)
