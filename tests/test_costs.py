"""What a call costs, where it can be counted: modules, tasks, timers, connections, TLS contexts and hops between
threads.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import pytest

from horay_async import AsyncHoray, Horay
from horay_async._bridge.thread import BlockingCall, LoopThread
from horay_async.testing import FaultServer
from tests.processes import printed_by

HEAVY = {"aiohttp", "anyio", "asyncio", "attrs", "cattrs", "msgspec", "rich", "typer", "xllamacpp"}


def modules_of(code: str) -> set[str]:
    """The modules that are loaded after `code` ran in a fresh interpreter."""
    return set(printed_by("-c", f"{code}; import sys; print(*sys.modules)").split())


def loaded_by(code: str) -> set[str]:
    """Those of them that are at the top level."""
    return {name.partition(".")[0] for name in modules_of(code)}


def test_import_loads_nothing_heavy() -> None:
    """Importing the package loads none of the libraries that it stands on."""
    assert not loaded_by("import horay_async") & HEAVY


@pytest.mark.parametrize("name", ["AsyncHoray", "Horay"])
def test_naming_a_client_loads_no_transport(name: str) -> None:
    """Naming a client loads neither aiohttp nor anyio, nor cattrs; making one does."""
    assert not loaded_by(f"from horay_async import {name}") & {"aiohttp", "anyio", "cattrs"}


SELDOM = {
    "secrets",
    "horay_async._files",
    "horay_async.models._rate_headers",
    "horay_async.models.events",
    "horay_async.models.messages",
    "horay_async._protocol.limits.overload_control",
    "horay_async._protocol.limits.attempt_limiter",
    "horay_async._protocol.wire.accumulate",
    "horay_async._protocol.wire.raw_event_reader",
    "horay_async._protocol.wire.chunk_reader",
    "horay_async._protocol.wire.json_decoder",
    "horay_async._transport.key_source",
    "horay_async._transport.request_limiter",
    "horay_async._observers",
    "horay_async.models.embeddings",
    "horay_async.models.images",
    "horay_async.models.models",
    "horay_async.models.chat_chunks",
    "horay_async.models.rate_limits",
    "horay_async.models.raw",
    "horay_async.models.user",
    "horay_async.resources._streams",
    "horay_async.streaming",
}
"""What a client without limits, hooks and telemetry needs for nothing but streams, batches, files, and operations other than
the one that is called."""


@pytest.mark.parametrize(
    ("call", "others"),
    [
        (
            "completions.create(model='m', prompt='p')",
            {"horay_async.models.chat", "horay_async.resources.chat"},
        ),
        (
            "chat.completions.create(model='m', messages=[{'role': 'user', 'content': 'p'}])",
            {"horay_async.models.completions", "horay_async.resources.completions"},
        ),
    ],
)
def test_first_call_loads_no_streams_limits_and_files(
    horay_server: FaultServer, call: str, others: set[str]
) -> None:
    """What is for streams, batches, files and other operations alone is loaded when it is used."""
    key, url = horay_server.api_key, horay_server.base_url
    code = (
        "from horay_async import AsyncHoray; import asyncio; "
        f"client = AsyncHoray({key!r}, base_url={url!r}); asyncio.run(client.{call})"
    )
    modules = modules_of(code)
    assert "horay_async._transport.call" in modules
    assert not modules & (SELDOM | others)


@pytest.mark.anyio
async def test_no_task_of_our_own(horay_server: FaultServer, horay_client: AsyncHoray) -> None:
    """Neither a call nor a stream makes a task: what runs is the caller's task, and aiohttp's writer."""
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
        made.append(coroutine.cr_code.co_filename)
        return asyncio.Task(coroutine, loop=loop)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        horay_server.stream(["Ber", "lin"])
        async for _ in await horay_client.completions.create(model="m", prompt="p", stream=True):
            pass
        await horay_client.completions.create(model="m", prompt="p")
    finally:
        loop.set_task_factory(None)
    assert not [name for name in made if "horay_async" in name]


@pytest.mark.parametrize("chunks", [10, 2000])
def test_hops_do_not_grow_with_chunks(
    horay_server: FaultServer,
    blocking_horay_client: Horay,
    monkeypatch: pytest.MonkeyPatch,
    chunks: int,
) -> None:
    """A blocking stream enters the other thread twice, to open it and to start reading, however long."""
    entered: list[Any] = []
    real = LoopThread.submit

    def counted(self: LoopThread, call: BlockingCall[Any]) -> None:
        entered.append(call)
        real(self, call)

    monkeypatch.setattr(LoopThread, "submit", counted)
    horay_server.stream(["x"] * chunks)
    stream = blocking_horay_client.completions.create(model="m", prompt="p", stream=True)
    assert "".join(stream.text()) == "x" * chunks
    assert len(entered) == 2


@pytest.mark.anyio
async def test_one_connection_for_one_after_another(
    horay_server: FaultServer, horay_client: AsyncHoray
) -> None:
    """Twenty calls and streams in a row use one connection."""
    for turn in range(20):
        if turn % 2:
            horay_server.stream(["Ber", "lin"])
            stream = await horay_client.completions.create(model="m", prompt="p", stream=True)
            assert len([chunk async for chunk in stream]) >= 2
        else:
            await horay_client.completions.create(model="m", prompt="p")
    assert len({request.connection for request in horay_server.requests}) == 1


@pytest.mark.anyio
async def test_no_more_connections_than_calls_at_once(
    horay_server: FaultServer, horay_client: AsyncHoray
) -> None:
    """Five at a time use five connections at most, however many calls there are."""

    async def work() -> None:
        for _ in range(5):
            await horay_client.completions.create(model="m", prompt="p")

    await asyncio.gather(*[work() for _ in range(5)])
    assert len(horay_server.requests) == 25
    assert len({request.connection for request in horay_server.requests}) <= 5


@pytest.mark.anyio
async def test_timers_do_not_grow_with_calls(
    horay_client: AsyncHoray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooled call sets no timer of its own: the one that the pool has looks after them all."""
    await horay_client.completions.create(model="m", prompt="p")
    loop = asyncio.get_running_loop()
    real = loop.call_at
    made: list[float] = []

    def counted(when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        made.append(when)
        return real(when, *args, **options)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(20):
        await horay_client.completions.create(model="m", prompt="p")
    assert len(made) <= 1


@pytest.mark.anyio
async def test_clients_share_a_tls_context(
    horay_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty clients that all have sent something have made no TLS context after the first one's."""

    async def use() -> AsyncHoray:
        client = AsyncHoray(horay_server.api_key, base_url=horay_server.base_url)
        await client.completions.create(model="m", prompt="p")
        return client

    clients = [await use()]
    here = threading.get_ident()
    real = ssl.SSLContext.__new__
    made: list[ssl.SSLContext] = []

    def counted(cls: type[ssl.SSLContext], *args: Any, **options: Any) -> ssl.SSLContext:
        context = real(cls, *args, **options)
        if (
            threading.get_ident() == here
        ):  # what an earlier test left may live in a thread of its own
            made.append(context)
        return context

    monkeypatch.setattr(ssl.SSLContext, "__new__", counted)
    try:
        ssl.create_default_context()
        assert len(made) == 1  # it does count
        clients += [await use() for _ in range(19)]
        assert len(made) == 1
    finally:
        for client in clients:
            await client.close()
