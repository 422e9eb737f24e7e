"""What has to stay as it is for the client to be fast, counted instead of timed."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

import attrs
import pytest

from horay_async import AsyncHoray
from horay_async.models._base import Model
from horay_async.testing import FaultServer

for part in ("catalogue", "chat", "completions", "images", "usage", "user"):
    import_module(f"horay_async.models.{part}")


def below(cls: type[Model]) -> Iterator[type[Model]]:
    """The model classes derived from `cls`."""
    for derived in cls.__subclasses__():
        yield derived
        yield from below(derived)


PREFILLED = [cls for cls in below(Model) if hasattr(cls, "__attrs_pre_init__")]


@pytest.mark.parametrize("cls", PREFILLED)
def test_prefilled_fields_have_their_defaults(cls: type[Model]) -> None:
    """What a class fills in before it is decoded is what its fields declare, and nothing more."""
    blank = cls.__new__(cls)
    cast(Any, blank).__attrs_pre_init__()
    filled = {
        field.name: getattr(blank, field.name)
        for field in attrs.fields(cast(Any, cls))
        if hasattr(blank, field.name)
    }
    declared = {field.name: field.default for field in attrs.fields(cast(Any, cls))}
    assert filled
    assert filled == {name: declared[name] for name in filled}


@pytest.mark.parametrize(
    "name", ["ChatDelta", "ChatCompletionChunk", "CompletionChunk", "CompletionChunkChoice"]
)
def test_what_chunks_leave_out_is_prefilled(name: str) -> None:
    """The optional fields of the classes that come by the thousand are all filled in: to look into an
    empty slot costs more than to decode a field.
    """
    (cls,) = [cls for cls in PREFILLED if cls.__name__ == name]
    blank = cls.__new__(cls)
    cast(Any, blank).__attrs_pre_init__()
    optional = [field.name for field in attrs.fields(cast(Any, cls)) if field.default is None]
    assert optional
    assert all(hasattr(blank, field) for field in optional)


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
async def test_clients_share_a_tls_context(horay_server: FaultServer) -> None:
    """Twenty clients that all have sent something have made no TLS context after the first one's."""

    async def use() -> AsyncHoray:
        client = AsyncHoray(horay_server.api_key, base_url=horay_server.base_url)
        await client.completions.create(model="m", prompt="p")
        return client

    clients = [await use()]
    try:
        before = contexts()
        clients += [await use() for _ in range(19)]
        assert contexts() == before
    finally:
        for client in clients:
            await client.close()


def contexts() -> int:
    """The TLS contexts that there are."""
    return sum(isinstance(thing, ssl.SSLContext) for thing in gc.get_objects())
