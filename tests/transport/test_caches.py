"""What a client keeps to save time: no more of it after many calls that differ, and it goes on to save time."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from horay_async import Timeouts
from horay_async._transport import aiohttp_internals
from horay_async._transport.eviction import MAX_KEPT
from horay_async.testing import FaultServer, json_response
from tests.growth import assert_linear

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = pytest.mark.anyio

COPIES = """
import asyncio, gc
from horay_async import AsyncHoray, Limits
from horay_async.testing import FaultServer, json_response

server = FaultServer().__enter__()
server.always(json_response({}))

def prepare(n):
    return n

def work(n):
    async def calls():
        async with AsyncHoray("test-key", base_url=server.base_url) as client:
            for i in range(n):
                copy = client.with_options(
                    timeout=30 + i,
                    max_retries=i % 5,
                    max_connections=5 + i,
                    default_headers={"X-Number": str(i)},
                    default_query={"number": i},
                    limits=Limits(rpm=1_000_000, concurrency=5 + i),
                    on_response=lambda event: None,
                )
                await copy.request("POST", "/echo", body={})
    asyncio.run(calls())
"""


def test_copies_cost_the_same() -> None:
    """A call on a copy of its own, with every kind of option, takes no longer after many of them."""
    assert_linear(COPIES, 16)


LIMITS = """
import asyncio
from horay_async import AsyncHoray, Limits

def prepare(n):
    return [Limits(rpm=1, concurrency=1 + i) for i in range(n)]

def work(given):
    async def calls():
        async with AsyncHoray("test-key", base_url="http://127.0.0.1:9") as client:
            for limits in given:
                limiter = client.with_options(limits=limits)._transport.limiter()
                place = await limiter.acquire(None, bulk=False)
                place.release(whole=False)
    asyncio.run(calls())
"""


def test_limits_that_are_used_up() -> None:
    """Copies with limits of their own cost the same, however many limits have to be remembered till they let go again."""
    assert_linear(LIMITS, 250)


async def test_urls_that_come_once(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They don't keep a path out that is called again and again, from then on."""
    made: list[URL] = []
    real = aiohttp_internals._Target

    class Target(real):  # type: ignore[misc, valid-type] # a class in a variable
        def __init__(self, url: URL, *args: Any) -> None:
            made.append(url)
            super().__init__(url, *args)

    monkeypatch.setattr(aiohttp_internals, "_Target", Target)
    fault_server.always(json_response({}))
    async with connect() as client:
        for number in range(2 * MAX_KEPT):
            await client.request("POST", f"/once/{number}", body={})
        made.clear()
        for _ in range(5):
            await client.request("POST", "/again", body={})
        assert len(made) == 1
        sender = client._transport._sender
        assert sender.url("/again") is sender.url("/again")
        assert len(sender._urls) <= MAX_KEPT


async def test_timeouts_that_come_once(fault_server: FaultServer, connect: Connect) -> None:
    """A timeout of its own for each call leaves nothing behind."""
    fault_server.always(json_response({}))
    async with connect() as client:
        for number in range(3 * MAX_KEPT):
            await client.request("POST", "/echo", body={}, timeout=Timeouts(connect=9 + number / 7))
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each) is aiohttp.ClientTimeout]
    assert len(kept) <= MAX_KEPT + 10  # aiohttp's own


def test_hosts_that_come_once(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that fetches from many hosts remembers the proxies of the latest ones."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    sender = connect(trust_env=True)._transport._sender
    for number in range(3 * MAX_KEPT):
        url = URL(f"https://host-{number}.test/picture")
        assert sender.proxy(url) == sender.proxy(url) == URL("http://proxy.test:3128")
    assert len(sender._proxies) <= MAX_KEPT
