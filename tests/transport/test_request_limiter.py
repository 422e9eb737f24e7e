"""The order and the number in which requests go: the limiter alone, in a time that skips all waiting."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horay_async import ConfigurationError, Limits
from horay_async._protocol.limits.attempt_limiter import AttemptLimiter, AttemptPermit
from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Wait
from horay_async._protocol.limits.rate_limiter import RateLimiter
from horay_async._transport.request_limiter import CallAttemptPermit, LimitedRequest, RequestLimiter
from horay_async.batch.batch_limiter import RequestPermit
from horay_async.options import ClientOptions
from tests.skipping import skipping_time


def limiter_of(limits: Limits) -> RequestLimiter:
    """The limiter of a client with `limits`."""
    return RequestLimiter(ClientOptions.of("a-key-for-nothing", limits=limits))


class Crowd:
    """Calls that ask, hold, and leave."""

    def __init__(self, limiter: RequestLimiter) -> None:
        self.limiter = limiter
        self.arrived: list[tuple[int, bool]] = []
        self.waiting: set[int] = set()
        self.went: list[float] = []
        self.under_way = self.most = 0

    async def call(self, number: int, *, bulk: bool, seconds: float) -> None:
        """One call."""
        loop = asyncio.get_running_loop()
        self.waiting.add(number)
        self.arrived.append((number, bulk))
        try:
            place = self.limiter.acquire_nowait(b"{}", bulk=bulk)
            if place is None:
                place = await self.limiter.acquire(b"{}", bulk=bulk)
        finally:
            self.waiting.discard(number)
        before = {n for n, _ in self.arrived[: self.arrived.index((number, bulk))]}
        calls = {n for n, b in self.arrived if not b}
        if not bulk:
            assert not self.waiting & before & calls, "a call went before one that came earlier"
        self.went.append(loop.time())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(seconds)
            place.received(200, {})
        finally:
            self.under_way -= 1
            place.release(whole=True)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 2),  # seconds after the one before
            st.booleans(),  # bulk
            st.floats(0.001, 5),  # how long it takes
            st.one_of(st.none(), st.floats(0, 5)),  # when it is cancelled
        ),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([None, 30.0, 600.0]),
    st.sampled_from([None, 1, 3]),
)
@skipping_time
async def test_never_more_in_order_and_all_come_through(
    calls: list[tuple[float, bool, float, float | None]], rpm: float | None, most: int | None
) -> None:
    """Whoever is cancelled, and whenever: no rate is exceeded, no wake-up is lost, nothing is left over."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(rpm=rpm, concurrency=most))
    crowd = Crowd(limiter)
    tasks: list[asyncio.Task[None]] = []
    for number, (gap, bulk, seconds, cancelled) in enumerate(calls):
        await asyncio.sleep(gap)
        task = asyncio.ensure_future(crowd.call(number, bulk=bulk, seconds=seconds))
        tasks.append(task)
        if cancelled is not None:
            loop.call_later(cancelled, task.cancel)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        assert end is None or isinstance(end, asyncio.CancelledError), repr(end)
    for end, (_, _, _, cancelled) in zip(ends, calls, strict=True):
        assert end is None or cancelled is not None
    assert limiter.overload.in_flight == 0
    assert not limiter._queues
    assert most is None or crowd.most <= most
    if rpm is not None:
        for start in crowd.went:
            assert sum(start <= went < start + 60 for went in crowd.went) <= rpm


@skipping_time
async def test_bulk_gives_way() -> None:
    """A call that comes last goes next, however many others wait."""
    limiter = limiter_of(Limits(concurrency=1))
    first = await limiter.acquire(None, bulk=True)
    order: list[str] = []

    async def one(name: str, *, bulk: bool) -> None:
        place = await limiter.acquire(None, bulk=bulk)
        order.append(name)
        place.release(whole=True)

    tasks = [asyncio.ensure_future(one(f"bulk {i}", bulk=True)) for i in range(3)]
    await asyncio.sleep(0)
    tasks += [asyncio.ensure_future(one(f"call {i}", bulk=False)) for i in range(2)]
    await asyncio.sleep(0)
    first.release(whole=True)
    await asyncio.gather(*tasks)
    assert order == ["call 0", "call 1", "bulk 0", "bulk 1", "bulk 2"]


@skipping_time
async def test_nobody_overtakes_without_waiting() -> None:
    """Going at once is for when nobody waits, and everything lets a request go."""
    limiter = limiter_of(Limits(concurrency=2, rpm=60))
    rate_limiter = RateLimiter(rpm=1)
    unlimited = ConcurrencyLimit(start=9, floor=9, ceiling=9)
    first = LimitedRequest(1.0, Wait(unlimited), rate_limiter, bulk=True)
    assert limiter.admit_nowait(first)
    assert first.admission is not None
    limiter.overload.release(first.admission)
    assert limiter.acquire_nowait(None, bulk=False) is None  # for the client's rate
    await asyncio.sleep(2)
    own = LimitedRequest(1.0, Wait(unlimited), rate_limiter, bulk=True)
    assert not limiter.admit_nowait(own)  # for its own
    waiting = asyncio.ensure_future(limiter.admit(own))
    await asyncio.sleep(0)
    assert limiter.acquire_nowait(None, bulk=False) is None  # since somebody waits
    place = await limiter.acquire(None, bulk=False)
    place.release(whole=True)
    await waiting
    assert own.admission is not None
    limiter.overload.release(own.admission)
    await asyncio.sleep(2)
    places = [limiter.acquire_nowait(None, bulk=False)]
    await asyncio.sleep(2)
    places.append(limiter.acquire_nowait(None, bulk=True))
    await asyncio.sleep(2)
    assert all(places)
    assert limiter.acquire_nowait(None, bulk=False) is None  # two are under way
    limiter.close()
    with pytest.raises(ConfigurationError):
        limiter.acquire_nowait(None, bulk=False)


@pytest.mark.parametrize("limits", [Limits(rpm=6000, tpm=6_000_000, concurrency=4), None])
@skipping_time
async def test_going_at_once_makes_no_future(limits: Limits | None) -> None:
    """Nor a timer: a batch asks for each of its requests."""
    loop = asyncio.get_running_loop()
    limiter = RequestLimiter(ClientOptions.of("a-key-for-nothing", limits=limits))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "create_future", None)
        patch.setattr(loop, "call_at", None)
        patch.setattr(loop, "call_later", None)
        place = limiter.acquire_nowait(b"{}", bulk=True)
        assert place is not None
        place.received(200, {})
        place.release(whole=True)


@skipping_time
async def test_tokens_are_corrected() -> None:
    """What a response took counts, not what it was estimated to take."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(tpm=60_000))  # a thousand a second
    place = await limiter.acquire(b'{"max_tokens": 10000}', bulk=False)
    place.received(200, {})
    place.release(whole=True)
    began = loop.time()
    place.complete(type("R", (), {"usage": {"prompt_tokens": 1, "completion_tokens": 999}})())
    await limiter.acquire(b"", bulk=False)
    assert 0.5 < loop.time() - began < 1.5
    began = loop.time()
    place = await limiter.acquire(b'{"max_tokens": 1}', bulk=False)
    place.complete(type("R", (), {"usage": {"total_tokens": "many", "prompt_tokens": -5}})())


@skipping_time
async def test_place_that_was_not_used_goes_back() -> None:
    """Also to the rate: the request wasn't sent."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(rpm=1, tpm=1000, concurrency=1))
    began = loop.time()
    for _ in range(5):
        place = await limiter.acquire(b"", bulk=False)
        place.unsent()
    assert loop.time() == began


@skipping_time
async def test_refusal_pauses_everybody() -> None:
    """For as long as the server asks."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=4))
    told: list[float] = []
    limiter.on_pause = told.append
    place = await limiter.acquire(b"", bulk=False)
    began = loop.time()
    place.received(429, {"Retry-After": "7"})
    place.release(whole=True)
    await limiter.acquire(b"", bulk=False)
    assert 7.0 <= loop.time() - began < 9
    assert told == [7.0]


@pytest.mark.parametrize("concurrency", [20, "auto"])
@pytest.mark.parametrize("quiet", [0, 1, 30])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}, {"Retry-After": "5"}])
@skipping_time
async def test_lone_refusal_slows_nothing_down(
    concurrency: Any, quiet: int, headers: dict[str, str]
) -> None:
    """What little a quiet client sent before a refusal says nothing of the rate that the server allows."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=concurrency))

    async def one(status: int = 200) -> None:
        place = await limiter.acquire(b"{}", bulk=False)
        await asyncio.sleep(0.01)
        place.received(status, headers if status == 503 else {})
        place.release(whole=True)

    for _ in range(quiet):
        await one()
        await asyncio.sleep(0.3)
    await one(503)
    await one()
    began = loop.time()
    await asyncio.gather(*(one() for _ in range(200)))
    assert loop.time() - began < 1.0


@skipping_time
async def test_fixed_concurrency_stays_fixed() -> None:
    """A refusal without `Retry-After` is the business of its call: the others are sent as before."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=20))
    count = 0

    async def one() -> None:
        nonlocal count
        place = await limiter.acquire(b"{}", bulk=False)
        count += 1
        status = 200 if count > 100 else 429
        await asyncio.sleep(0.01)
        place.received(status, {})
        place.release(whole=True)

    began = loop.time()
    await asyncio.gather(*(one() for _ in range(200)))
    assert loop.time() - began == pytest.approx(0.1)


@skipping_time
async def test_waits_for_the_servers_window() -> None:
    """Before it refuses."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=4))
    place = await limiter.acquire(b"", bulk=False)
    began = loop.time()
    place.received(
        200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
    )
    place.release(whole=True)
    await limiter.acquire(b"", bulk=False)
    assert 19.9 <= loop.time() - began <= 20.1


@skipping_time
async def test_limit_of_nothing_is_none() -> None:
    """As servers say that don't limit requests or tokens."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=4))
    place = await limiter.acquire(b"", bulk=False)
    began = loop.time()
    parts = {"limit": "0", "remaining": "0", "reset": "60s"}
    place.received(200, {f"x-ratelimit-{name}-tokens": text for name, text in parts.items()})
    await limiter.acquire(b"", bulk=False)
    assert loop.time() == began


@skipping_time
async def test_long_stream_holds_nobody_up() -> None:
    """It was let through: after a refusal without a time, others don't wait for its end."""
    loop = asyncio.get_running_loop()
    limiter = limiter_of(Limits(concurrency=4))
    stream = await limiter.acquire(b"", bulk=False)
    stream.received(200, {})
    refused = await limiter.acquire(b"", bulk=False)
    refused.received(503, {})
    refused.release(whole=True)
    began = loop.time()
    await limiter.acquire(b"", bulk=False)
    assert loop.time() - began < 2
    stream.release(whole=True)
    assert limiter.overload.in_flight == 1


@skipping_time
async def test_closing_ends_all_waits() -> None:
    """With the error that a closed client raises; so does asking later."""
    limiter = limiter_of(Limits(concurrency=1, rpm=1))
    await limiter.acquire(None, bulk=False)
    waiting = asyncio.ensure_future(limiter.acquire(None, bulk=False))
    await asyncio.sleep(0)
    limiter.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await waiting
    with pytest.raises(ConfigurationError, match="closed"):
        await limiter.acquire(None, bulk=False)


@skipping_time
async def test_auto_learns() -> None:
    """Of a server that takes 64 at once and queues the rest, a crowd of calls finds about so many."""
    limiter = limiter_of(Limits(concurrency="auto"))
    slots = asyncio.Semaphore(64)
    rng = random.Random(7)
    under_way: list[int] = []

    async def one() -> None:
        place = await limiter.acquire(b"{}", bulk=False)
        under_way.append(limiter.overload.in_flight)
        async with slots:
            await asyncio.sleep(0.3 * rng.uniform(0.9, 1.1))
        place.received(200, {})
        place.release(whole=True)

    async def worker() -> None:
        for _ in range(20):
            await one()

    await asyncio.gather(*(worker() for _ in range(200)))
    assert 40 < max(under_way[-500:]) < 130


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (AttemptLimiter, RequestLimiter),
        (AttemptLimiter, RequestPermit),
        (AttemptPermit, CallAttemptPermit),
        (AttemptPermit, RequestPermit),
    ],
)
def test_what_attempts_ask_for(asked: type[Any], kind: type[Any]) -> None:
    """Each of the kinds of limiters has it."""
    names = {name for name in vars(asked) if not name.startswith("_")}
    assert names
    assert names <= set(dir(kind))
