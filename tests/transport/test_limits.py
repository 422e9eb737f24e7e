"""The limits of a client, over real connections."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any, Literal, Unpack, cast

import pytest
from aiohttp import web

from horay_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncHoray,
    BadRequestError,
    BatchRequest,
    CallOptions,
    Completion,
    ConfigurationError,
    Limits,
    RateLimitError,
    RetryPolicy,
    Timeouts,
)
from horay_async._protocol.wire.request import download
from horay_async._transport.connection_pool import MAX_LIMITS
from horay_async._transport.request_limiter import START, RequestLimiter
from horay_async._transport.shared_limiters import MAX_UNUSED
from horay_async.batch.batch_limiter import BatchLimiter

pytestmark = pytest.mark.anyio


class Counting:
    """A server that counts by the minute, requests and tokens, and refuses what is over. Its minute is `window` seconds."""

    def __init__(self) -> None:
        self.rpm = self.tpm = 10**9
        self.window = 60.0
        self.tokens = 20
        self.hold = asyncio.Event()
        self.hold.set()
        self.closing = asyncio.Event()
        self.fail_first = 0
        self.hold_refusals: asyncio.Event | None = None
        self.fail_headers: dict[str, str] = {}
        self.headers = False
        self.prompts: list[str] = []
        self.at: list[float] = []
        self.used: list[tuple[float, int]] = []
        self.refused = self.under_way = self.most = 0
        self.base_url = ""
        self.changed = asyncio.Event()

    async def reached(self, count: int) -> None:
        """Waits until so many requests came."""
        while len(self.prompts) < count:
            self.changed.clear()
            await self.changed.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body: dict[str, Any] = json.loads(await request.read() or b"{}")
        now = time.monotonic()
        self.prompts.append(body.get("prompt", ""))
        self.at.append(now)
        self.changed.set()
        recent = [each for each in self.used if each[0] > now - self.window]
        headers: dict[str, str] = {}
        left = self.rpm - len(recent) - 1
        if self.headers:
            oldest = recent[0][0] if recent else now
            headers = {
                "x-ratelimit-limit-requests": str(self.rpm),
                "x-ratelimit-remaining-requests": str(max(0, left)),
                "x-ratelimit-reset-requests": f"{math.ceil((oldest + self.window - now) * 1000)}ms",
            }
        if left < 0 or sum(tokens for _, tokens in recent) + self.tokens > self.tpm:
            self.refused += 1
            if self.hold_refusals is not None:
                await self.hold_refusals.wait()
                headers = {"Retry-After": "100"}
            return web.json_response(
                {"error": {"message": "too much"}}, status=429, headers=headers
            )
        if self.prompts[-1] == "bad":
            return web.json_response({"error": {"message": "max_tokens is too large"}}, status=400)
        self.used.append((now, self.tokens))
        if self.fail_first:
            self.fail_first -= 1
            asked = self.fail_headers
            return web.json_response({"error": {"message": "oh"}}, status=500, headers=asked)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.hold.wait()
        finally:
            self.under_way -= 1
        usage = {
            "prompt_tokens": 5,
            "completion_tokens": self.tokens - 5,
            "total_tokens": self.tokens,
        }
        choice = {"index": 0, "text": "x", "finish_reason": "stop"}
        body_sent = {"id": "a", "object": "text_completion", "choices": [choice], "usage": usage}
        if not body.get("stream"):
            return web.json_response(body_sent, headers=headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await response.prepare(request)
        if self.prompts[-1] == "open":
            await response.write(b'data: {"choices": [{"text": "x"}]}\n\n')
            await self.closing.wait()
        await response.write(b"data: " + json.dumps(body_sent).encode() + b"\n\ndata: [DONE]\n\n")
        return response


@pytest.fixture
async def counting(anyio_backend: str) -> AsyncIterator[Counting]:
    """A server of this test's own."""
    server = Counting()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    host, port = runner.addresses[0]
    server.base_url = f"http://{host}:{port}/v1"
    yield server
    server.hold.set()
    server.closing.set()
    await runner.cleanup()


def client_of(server: Counting, limits: Limits | None, **options: Any) -> AsyncHoray:
    """A client with limits that doesn't try again unless told to."""
    retry = options.pop("retry", RetryPolicy(max_retries=0))
    return AsyncHoray(
        "a-key-for-nothing", base_url=server.base_url, retry=retry, limits=limits, **options
    )


async def complete(
    client: AsyncHoray, prompt: str = "call", **options: Unpack[CallOptions]
) -> Completion:
    """One call."""
    return await client.completions.create(model="m", prompt=prompt, max_tokens=15, **options)


async def stream(client: AsyncHoray, prompt: str = "stream") -> None:
    """One stream, read to its end."""
    async for _ in await client.completions.create(model="m", prompt=prompt, stream=True):
        pass


def requests(count: int) -> list[BatchRequest[Any]]:
    """Requests of a batch."""
    return [BatchRequest.completion(model="m", prompt="batch") for _ in range(count)]


async def test_two_hundred_tasks_are_never_refused(counting: Counting) -> None:
    """By a server that counts requests in a time: calls, streams, copies and a batch share the rate. Its time is a second
    instead of a minute, and the rate some way below, since both a burst and late timers count for more in a second.
    """
    counting.rpm, counting.window = 120, 1.0
    async with client_of(counting, Limits(rpm=7200 * 0.6, concurrency=32)) as client:
        copy = client.with_options(max_retries=1)
        batch = asyncio.ensure_future(collect(client, 50))
        await asyncio.gather(
            *(complete(each) for each in [client, copy] * 50), *(stream(client) for _ in range(50))
        )
        assert [result.error for result in await batch] == [None] * 50
    assert counting.refused == 0
    assert len(counting.prompts) == 200
    assert counting.most <= 32


async def collect(client: AsyncHoray, count: int, **options: Any) -> list[Any]:
    """The results of a batch."""
    return [result async for result in client.batch.run(requests(count), **options)]


async def test_tokens_are_kept_to(counting: Counting) -> None:
    """After the first responses, whose usage corrects the estimates; streams that report it too."""
    counting.tpm, counting.window = 4000, 1.0  # 200 responses a second
    async with client_of(counting, Limits(tpm=4000 * 60 * 0.6)) as client:
        await asyncio.gather(
            *(complete(client) for _ in range(150)), *(stream(client) for _ in range(50))
        )
    assert counting.refused == 0


async def test_what_is_refused_as_wrong_takes_no_tokens(counting: Counting) -> None:
    """What was estimated for it is given back, of calls and of batches: else a mistyped limit stops a client for an hour."""
    large: dict[str, Any] = {"model": "m", "prompt": "bad", "max_tokens": 1_000_000}
    async with client_of(counting, Limits(tpm=6000), timeout=Timeouts(queue=20)) as client:
        with pytest.raises(BadRequestError):
            await client.completions.create(**large)
        await complete(client)
    async with client_of(counting, None) as client, asyncio.timeout(20):
        batch = [BatchRequest.completion(**large), *requests(5)]
        results = [result async for result in client.batch.run(batch, tpm=6000, concurrency=1)]
        assert [result.error is None for result in results] == [False, *[True] * 5]


async def test_a_batch_gives_up_beside_an_open_stream(counting: Counting) -> None:
    """The server has responded to that, and can't accept it any more."""
    async with client_of(counting, Limits()) as client, asyncio.timeout(30):
        opened = await client.completions.create(model="m", prompt="open", stream=True)
        counting.rpm = 0
        results = await collect(client, 200, give_up_after=0.5)
        assert all(isinstance(result.error, RateLimitError) for result in results)
        assert len(results) == 200
        await opened.close()


async def test_a_batch_that_waits_hears_of_a_calls_refusal(counting: Counting) -> None:
    """It gives up in time, however long the pause is that the server asks the call for."""
    counting.rpm, counting.hold_refusals = 0, asyncio.Event()
    async with client_of(counting, Limits(concurrency=1)) as client, asyncio.timeout(30):
        call = asyncio.ensure_future(complete(client))
        await counting.reached(1)
        batch = asyncio.ensure_future(collect(client, 5, give_up_after=0.2))
        while not client._transport.limiter()._queues:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        counting.hold_refusals.set()
        with pytest.raises(RateLimitError):
            await call
        assert all(isinstance(result.error, RateLimitError) for result in await batch)


async def test_the_servers_headers_are_kept_to(counting: Counting) -> None:
    """Before it refuses: once it says that nothing is left, nothing is sent until the reset."""
    counting.rpm, counting.window, counting.headers = 10, 0.5, True
    async with client_of(counting, Limits(concurrency=1)) as client:
        responses = [await complete(client) for _ in range(25)]
    assert counting.refused == 0
    for response in responses:
        told = response.meta.headers["x-ratelimit-remaining-requests"]
        assert response.meta.rate_limits.requests.limit == 10
        assert response.meta.rate_limits.requests.remaining == int(told)
    counting.window = 60.0
    async with client_of(counting, None) as client:  # without limits, nobody waits
        with pytest.raises(RateLimitError):
            await asyncio.gather(*(complete(client) for _ in range(25)))


async def test_the_servers_headers_are_kept_to_by_batches(counting: Counting) -> None:
    """By those of a client without limits, too."""
    counting.rpm, counting.window, counting.headers = 10, 0.5, True
    async with client_of(counting, None) as client:
        results = [result async for result in client.batch.run(requests(25), concurrency=1)]
        assert all(result.error is None for result in results)
        assert (len(results), counting.refused) == (25, 0)


async def test_single_calls_are_sent_next(counting: Counting) -> None:
    """Whatever a batch has waiting on the same client, and others with `bulk`."""
    counting.hold.clear()
    async with client_of(counting, Limits(concurrency=4)) as client:
        batch = asyncio.ensure_future(collect(client, 50))
        bulk = [asyncio.ensure_future(complete(client, "bulk", bulk=True)) for _ in range(20)]
        await counting.reached(4)
        calls = [asyncio.ensure_future(complete(client, f"call {n}")) for n in range(3)]
        while len(client._transport.limiter()._queues) < 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        counting.hold.set()
        await asyncio.gather(*calls, *bulk)
        await batch
    assert [prompt for prompt in counting.prompts[4:8] if prompt.startswith("call")] == [
        "call 0",
        "call 1",
        "call 2",
    ]
    assert counting.most == 4


async def test_retries_count(counting: Counting) -> None:
    """Of calls and of batches, against the client's rate and the batch's own."""
    retry = RetryPolicy(max_retries=10, initial_backoff=0.0001, max_backoff=0.0001)
    for limits, rpm in ((Limits(rpm=1200), None), (None, 1200)):
        counting.prompts.clear()
        counting.at.clear()
        counting.fail_first = 10
        async with client_of(counting, limits, retry=retry) as client:
            if limits is not None:
                await asyncio.gather(*(complete(client) for _ in range(5)))
            results = await collect(client, 10, rpm=rpm)
            assert all(result.error is None for result in results)
        spread = counting.at[-1] - counting.at[0]
        assert spread >= (len(counting.at) - 4) / 20, "faster than 20 a second"


@pytest.mark.parametrize("concurrency", [1, 4, "auto"])
async def test_all_that_is_under_way_is_retried(
    counting: Counting, concurrency: int | Literal["auto"]
) -> None:
    """After a short outage no request of a batch waits for the permit that it holds, nor behind a call that waits for it."""
    retry = RetryPolicy(initial_backoff=0.0001, max_backoff=0.0001)
    counting.fail_first = START if concurrency == "auto" else concurrency
    counting.hold.clear()
    async with client_of(counting, Limits(concurrency=concurrency), retry=retry) as client:
        batch = asyncio.ensure_future(collect(client, 30))
        await counting.reached(counting.fail_first)
        call = asyncio.ensure_future(complete(client))
        while not client._transport.limiter()._queues:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        counting.hold.set()
        async with asyncio.timeout(20):
            await call
            results = await batch
        assert all(result.error is None for result in results)
        assert client._transport.limiter().overload.in_flight == 0


@pytest.mark.parametrize("concurrency", [1, "auto"])
async def test_retry_that_waits_holds_nobody_up(
    counting: Counting, concurrency: int | Literal["auto"]
) -> None:
    """During a back-off of a batch's requests a call is sent in their place, and as many others of the batch as may be
    under way, but no more.
    """
    counting.fail_headers = {"Retry-After": "100"}
    limit = START if concurrency == "auto" else concurrency
    counting.fail_first = 1000
    async with client_of(counting, Limits(concurrency=concurrency), retry=RetryPolicy()) as client:
        batch = asyncio.ensure_future(collect(client, 100, concurrency=concurrency))
        overload = client._transport.limiter().overload
        async with asyncio.timeout(20):
            await counting.reached(2 * limit)
            while overload.in_flight:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            counting.fail_first = 0
            await complete(client)
        assert (len(counting.prompts), overload.in_flight) == (2 * limit + 1, 0)
        batch.cancel()
        await asyncio.wait([batch])
        assert overload.in_flight == 0


async def test_waiting_is_under_the_clocks(counting: Counting) -> None:
    """Queue and deadline; each says that nothing was sent."""
    counting.hold.clear()
    async with client_of(counting, Limits(concurrency=1)) as client:
        first = asyncio.ensure_future(complete(client))
        await counting.reached(1)
        for timeout, clock in ((Timeouts(queue=0.02), "queue"), (0.02, "total")):
            with pytest.raises(APITimeoutError) as caught:
                await complete(client, timeout=timeout)
            assert (caught.value.clock, caught.value.execution) == (clock, "not_sent")
            assert "slot" not in caught.value.message
            assert clock != "queue" or "the limits" in caught.value.message
        counting.hold.set()
        await first
        await complete(client)
        assert len(counting.prompts) == 2
        assert client._transport.limiter().overload.in_flight == 0


async def test_cancellation_passes_the_place_on(counting: Counting) -> None:
    """Of one that waits, one that is sent, one that reads a stream, and one that is left."""
    counting.hold.clear()
    async with client_of(counting, Limits(concurrency=1), max_connections=1) as client:
        tasks = [asyncio.ensure_future(complete(client, f"{n}")) for n in range(4)]
        await counting.reached(1)
        tasks[1].cancel()
        tasks[0].cancel()
        await counting.reached(2)
        tasks[2].cancel()
        await counting.reached(3)
        counting.hold.set()
        await tasks[3]
        assert counting.prompts == ["0", "2", "3"]
        async with await client.completions.create(model="m", prompt="p", stream=True) as left:
            await anext(aiter(left))
        await complete(client)
        assert client._transport.limiter().overload.in_flight == 0


async def test_max_connections_while_limits_are_waited_for(counting: Counting) -> None:
    """Copies with other `max_connections` that come and go meanwhile don't let two calls have the one connection."""
    counting.hold.clear()
    async with client_of(counting, Limits(concurrency=1)) as client:
        first = asyncio.ensure_future(complete(client, "first"))
        await counting.reached(1)
        narrow = client.with_options(max_connections=1)
        waits = asyncio.ensure_future(complete(narrow, "waits for the limits"))
        await asyncio.sleep(0)
        (pool,) = client._transport.pools.live_pools()
        for limit in range(1000, 1000 + 2 * MAX_LIMITS):
            assert pool.slots[limit].limit == limit
        unlimited = asyncio.ensure_future(complete(narrow.with_options(limits=None), "unlimited"))
        await counting.reached(2)
        first.cancel()
        while len(counting.prompts) == 2 and not pool.slots[1]._waiters:  # noqa: ASYNC110 - one of two things that set no event
            await asyncio.sleep(0)
        assert counting.prompts == ["first", "unlimited"]
        counting.hold.set()
        await asyncio.gather(waits, unlimited)


async def test_what_was_not_sent_costs_nothing(counting: Counting) -> None:
    """A server that can't be reached, and a key that can't be had, use nothing of the rate."""

    def failing() -> str:
        raise OSError("no vault")

    limits = Limits(rpm=1, tpm=1)
    for key, url in (("a-key", "http://127.0.0.1:1/v1"), (failing, counting.base_url)):
        async with AsyncHoray(key, base_url=url, limits=limits, max_retries=0) as client:
            for _ in range(3):  # a minute each, were they counted
                with pytest.raises((APIConnectionError, ConfigurationError)) as caught:
                    await complete(client, timeout=Timeouts(queue=5.0))
                assert not isinstance(caught.value, APITimeoutError)
            assert client._transport.limiter().overload.in_flight == 0


async def test_closing_while_calls_wait(counting: Counting) -> None:
    """Ends them as a closed client ends calls."""
    counting.hold.clear()
    client = client_of(counting, Limits(concurrency=1))
    tasks = [asyncio.ensure_future(complete(client)) for _ in range(5)]
    await counting.reached(1)
    await client.close()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ends[0], APIConnectionError)  # it was under way
    assert all(isinstance(end, ConfigurationError) for end in ends[1:]), ends


async def test_auto(counting: Counting) -> None:
    """Single calls and batches find one limit together."""
    async with client_of(counting, Limits(concurrency="auto")) as client:
        await asyncio.gather(*(complete(client) for _ in range(100)), collect(client, 100))
        limiter = client._transport.limiter()
        assert limiter.auto.limit > 1
        assert limiter.overload.in_flight == limiter.auto.in_flight == 0


async def test_copies_with_other_limits(counting: Counting) -> None:
    """Have their own; without any, nobody is asked."""
    async with client_of(counting, Limits(concurrency=1)) as client:
        transport = client._transport
        assert client.with_options(max_retries=1)._transport.limiter() is transport.limiter()
        other = client.with_options(limits=Limits(concurrency=2))
        assert other._transport.limiter() is not transport.limiter()
        free = client.with_options(limits=None)
        response = await complete(free)
        assert response.meta.queue == 0.0
        assert free._transport.limiter().overload.in_flight == 0


def alive(*kinds: type) -> int:
    """Objects of these classes."""
    gc.collect()
    return sum(type(each) in kinds for each in gc.get_objects())


async def test_limits_of_dropped_copies_are_forgotten(counting: Counting) -> None:
    """Copies that are made for one request leave nothing for good; what a living client has learnt stays."""
    kept = Limits(concurrency="auto")
    async with client_of(counting, kept) as client:
        await collect(client, 2)
        first = client._transport.limiter()
        before = alive(RequestLimiter, BatchLimiter)
        for number in range(4 * MAX_UNUSED):
            copy = client.with_options(limits=Limits(rpm=10**7 + number))
            await complete(copy)
            await collect(copy, 2)
            del copy
        assert alive(RequestLimiter, BatchLimiter) - before <= 2 * MAX_UNUSED
        assert client._transport.limiter() is first
        assert client.with_options(timeout=5)._transport.limiter() is first


async def test_limits_of_a_call_outlive_its_client(counting: Counting) -> None:
    """Between two attempts nothing of a call is under way, and the copy of the client that made it may be gone."""
    mine = Limits(concurrency=1)
    async with client_of(counting, None) as client:
        copy = client.with_options(limits=mine)
        first = copy._transport.limiter()
        request = download("http://127.0.0.1:1/", copy._transport.options, {})
        call = copy._transport.call(request)
        del copy
        gc.collect()
        for number in range(2 * MAX_UNUSED):
            client.with_options(limits=Limits(rpm=10**7 + number))._transport.limiter()
        assert client.with_options(limits=mine)._transport.limiter() is first
        del call


async def test_limits_that_nobody_has_count_until_they_are_used_up(counting: Counting) -> None:
    """A copy for each request, with the same limits each time, keeps to them, however many others come between."""
    async with client_of(counting, Limits()) as client:
        options = [Limits(rpm=1 + number / 100) for number in range(2 * MAX_UNUSED)]
        for limits in options:
            await complete(client.with_options(limits=limits))
        gc.collect()
        for limits in options:
            rate_limiter = client.with_options(limits=limits)._transport.limiter()._rate_limiter
            assert rate_limiter is not None
            assert rate_limiter.wait(now()) > 1


def now() -> float:
    """By the loop's clock."""
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"rpm": 0}, "rpm must be a number above 0"),
        ({"tpm": "5"}, "tpm must be a number above 0"),
        ({"rpm": True}, "rpm must be"),
        ({"rpm": float("inf")}, "rpm must be"),
        ({"concurrency": 0}, "concurrency must be"),
        ({"concurrency": "many"}, "concurrency must be"),
    ],
)
def test_limits_that_cannot_work(limits: dict[str, Any], message: str) -> None:
    """Are refused at once."""
    with pytest.raises(ConfigurationError, match=message):
        Limits(**limits)
    with pytest.raises(ConfigurationError, match="limits must be a Limits"):
        AsyncHoray("key", limits=cast("Any", limits))
