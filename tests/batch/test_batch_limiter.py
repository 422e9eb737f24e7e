"""The batch limiter of a client's batches."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import weakref

import aiohttp
import pytest

from horay_async import AsyncHoray, ConfigurationError, RateLimitError
from horay_async._protocol.limits.overload_control import Admission, Wait
from horay_async._protocol.limits.rate_limiter import RateLimiter
from horay_async._transport import open_files as module
from horay_async._transport import request_limiter
from horay_async._transport.open_files import MAX_CONNECTIONS
from horay_async._transport.request_limiter import LimitedRequest
from horay_async.batch.batch_limiter import BatchLimiter, WaitLimit, batch_limiter_of, unbound
from horay_async.batch.options import Settings
from horay_async.batch.refused_models import RefusedModel, RefusedModels
from horay_async.options import ClientOptions

WAIT_LIMIT = WaitLimit(model=b"", began=0, since=math.inf, seconds=600)

pytestmark = pytest.mark.anyio

OPTIONS = ClientOptions.of("a-key-for-nothing")


def admission_of(request: LimitedRequest) -> Admission:
    """The admission of a request that has gone."""
    assert request.admission is not None
    return request.admission


async def test_gate_is_shared_by_copies_of_a_client() -> None:
    """But not with another client, server or key."""
    async with AsyncHoray("a-key-for-nothing") as client, AsyncHoray("another-key") as other:
        batch_limiter = batch_limiter_of(client._transport)
        assert batch_limiter_of(client.with_options(max_retries=0)._transport) is batch_limiter
        assert (
            batch_limiter_of(client.with_options(base_url="http://[::1]/v1")._transport)
            is not batch_limiter
        )
        assert batch_limiter_of(other._transport) is not batch_limiter


def test_gates_belong_to_their_loop() -> None:
    """A client that is used on several has one on each, which goes with it."""
    client = AsyncHoray("a-key-for-nothing")

    async def batch_limiter() -> BatchLimiter:
        return batch_limiter_of(client._transport)

    first, second = asyncio.run(batch_limiter()), asyncio.run(batch_limiter())
    assert first is not second
    asyncio.run(client.close())


def test_levels() -> None:
    """The found limit is shared, a given one is the batch's own."""
    batch_limiter = BatchLimiter(OPTIONS)
    auto = batch_limiter.concurrency(Settings.of())
    assert batch_limiter.concurrency(Settings.of()) is auto
    fixed = batch_limiter.concurrency(Settings.of(concurrency=3))
    assert fixed.limit == 3
    assert batch_limiter.concurrency(Settings.of(concurrency=3)) is not fixed


def test_unused_rate_limiters_are_evicted() -> None:
    """One stays as long as a batch holds it, or what it has let go counts; afterwards nothing is left of it."""
    batch_limiter = BatchLimiter(OPTIONS)
    held, used = (
        batch_limiter.rate_limiter(Settings.of(rpm=1)),
        batch_limiter.rate_limiter(Settings.of(rpm=60)),
    )
    used.take(0, 10.0)
    refs = [weakref.ref(held), weakref.ref(used)]
    refs += [weakref.ref(batch_limiter.rate_limiter(Settings.of(rpm=rpm))) for rpm in range(2, 50)]
    del used
    batch_limiter.evict_unused(10.5)
    assert [ref() is not None for ref in refs] == [True, True] + [False] * 48
    assert batch_limiter.rate_limiter(Settings.of(rpm=1)) is held
    assert batch_limiter.rate_limiter(Settings.of(rpm=60)) is refs[1]()
    held.take(0, 12.0)
    del held
    batch_limiter.evict_unused(12.0)
    assert [ref() is not None for ref in refs[:2]] == [True, False]
    batch_limiter.evict_unused(100.0)
    assert refs[0]() is None


def test_rate_limiters() -> None:
    """Batches that ask for the same rate share it."""
    batch_limiter = BatchLimiter(OPTIONS)
    rate_limiter = batch_limiter.rate_limiter(Settings.of(rpm=60))
    assert batch_limiter.rate_limiter(Settings.of(rpm=60)) is rate_limiter
    assert batch_limiter.rate_limiter(Settings.of(rpm=60, tpm=1000)) is not rate_limiter
    assert batch_limiter.rate_limiter(Settings.of()) is not rate_limiter


async def test_number_of_connections_is_left_to_the_limiter() -> None:
    """The client's own limit doesn't silently cap a batch."""
    async with AsyncHoray("a-key-for-nothing", max_connections=2) as client:
        transport = unbound(client._transport)
        assert transport.options.max_connections > MAX_CONNECTIONS
        assert transport.pools is client._transport.pools
        assert client.options.max_connections == 2


async def test_session_of_the_callers_is_the_limit() -> None:
    """What its connector doesn't allow can't be reached, which is said at once."""
    connector = aiohttp.TCPConnector(limit=5)
    async with aiohttp.ClientSession(connector=connector) as session:
        batch_limiter = BatchLimiter(OPTIONS.changed(session=session))
        with pytest.raises(ConfigurationError, match=r"concurrency=6 .* allows 5 connections"):
            batch_limiter.concurrency(Settings.of(concurrency=6))
        assert batch_limiter.concurrency(Settings.of(concurrency=5)).limit == 5
        assert batch_limiter.concurrency(Settings.of()).limit == 5
    unlimited = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=unlimited) as session:
        batch_limiter = BatchLimiter(OPTIONS.changed(session=session))
        assert batch_limiter.concurrency(Settings.of(concurrency=6)).limit == 6


@pytest.mark.skipif(sys.platform == "win32", reason="open files aren't counted there")
@pytest.mark.parametrize(
    ("soft", "most"),
    [
        (1000, 750),
        (-1, MAX_CONNECTIONS),
        (2**64 - 1, MAX_CONNECTIONS),
        (1, 1),
        (10**6, MAX_CONNECTIONS),
    ],
)
def test_connections_leave_room_for_other_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, most: int
) -> None:
    """What is found never uses up the files that the process may open."""

    def limits(_: int) -> tuple[int, int]:
        return soft, soft

    monkeypatch.setattr("resource.getrlimit", limits)
    assert module.most_connections(OPTIONS) == most


@pytest.mark.skipif(sys.platform == "win32", reason="open files aren't counted there")
@pytest.mark.parametrize("opened", [None, 100])
def test_fixed_number_has_to_fit_the_open_files(
    monkeypatch: pytest.MonkeyPatch, opened: int | None
) -> None:
    """Otherwise requests would fail one after the other for want of a connection."""

    def limits(_: int) -> tuple[int, int]:
        return 1000, 1000

    def names(_: object) -> list[str]:
        if opened is None:
            raise FileNotFoundError
        return ["x"] * opened

    monkeypatch.setattr("resource.getrlimit", limits)
    monkeypatch.setattr(os, "listdir", names)
    free = 1000 - module.SPARE_FILES - (module.SPARE_FILES if opened is None else opened)
    batch_limiter = BatchLimiter(OPTIONS)
    assert batch_limiter.concurrency(Settings.of(concurrency=free)).limit == free
    with pytest.raises(ConfigurationError, match=rf"may open {free} more .*ulimit -n"):
        batch_limiter.concurrency(Settings.of(concurrency=free + 1))


@pytest.mark.parametrize("unlimited", [-1, 2**64 - 1])
def test_fixed_number_without_a_limit(monkeypatch: pytest.MonkeyPatch, unlimited: int) -> None:
    """No limit is told in two ways."""

    def limits(_: int) -> tuple[int, int]:
        return unlimited, unlimited

    monkeypatch.setattr("resource.getrlimit", limits)
    assert BatchLimiter(OPTIONS).concurrency(Settings.of(concurrency=5000)).limit == 5000


def test_open_files_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none that could be asked for."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert module.most_connections(OPTIONS) == MAX_CONNECTIONS


async def test_entering_waits_for_a_permit_to_come_back() -> None:
    """Until then nothing is taken from the rate either."""
    batch_limiter = BatchLimiter(OPTIONS)
    concurrency, rate_limiter = batch_limiter.concurrency(Settings.of(concurrency=1)), RateLimiter()
    first, second = (
        LimitedRequest(0, Wait(concurrency), rate_limiter, bulk=True) for _ in range(2)
    )
    assert await batch_limiter.acquire(first, WAIT_LIMIT)
    waiting = asyncio.create_task(batch_limiter.acquire(second, WAIT_LIMIT))
    await asyncio.sleep(0)
    batch_limiter.limiter.wake()
    await asyncio.sleep(0)
    assert not waiting.done()
    batch_limiter.overload.release(admission_of(first))
    batch_limiter.limiter.wake()
    assert await waiting
    batch_limiter.overload.release(admission_of(second))
    assert batch_limiter.overload.in_flight == concurrency.in_flight == 0


@pytest.mark.parametrize("refused", ["all", "others"])
async def test_probe_is_sent_when_nothing_is_under_way_any_more(refused: str) -> None:
    """At once, whatever pause there still is."""
    batch_limiter = BatchLimiter(OPTIONS)
    concurrency, rate_limiter = batch_limiter.concurrency(Settings.of()), RateLimiter()
    first, second = (
        LimitedRequest(0, Wait(concurrency), rate_limiter, bulk=True) for _ in range(2)
    )
    assert await batch_limiter.acquire(first, WAIT_LIMIT)
    now = asyncio.get_running_loop().time()
    batch_limiter.overload.pause(60, concurrency, now)
    if refused == "all":
        batch_limiter.overload.refusing_since = now - 20
    else:
        batch_limiter.not_before = now + 60
    wait_limit = WaitLimit(model=b"m", began=now - 20, since=now - 20, seconds=10)
    waiting = asyncio.create_task(batch_limiter.acquire(second, wait_limit))
    await asyncio.sleep(0)
    assert not waiting.done()
    batch_limiter.overload.release(admission_of(first))
    batch_limiter.on_release(now)
    async with asyncio.timeout(10):
        assert await waiting
    assert second.wait.probe


async def test_entering_waits_for_the_rate() -> None:
    """Ahead of time: a request that the server would refuse isn't sent."""
    batch_limiter = BatchLimiter(OPTIONS)
    concurrency, rate_limiter = batch_limiter.concurrency(Settings.of()), RateLimiter(rpm=6000)
    loop = asyncio.get_running_loop()
    start = loop.time()
    for _ in range(14):
        request = LimitedRequest(0, Wait(concurrency), rate_limiter, bulk=True)
        assert await batch_limiter.acquire(request, WAIT_LIMIT)
    assert loop.time() - start >= 2 / 100  # eleven at once, the rest a hundredth of a second apart


async def test_entering_goes_early_rather_than_wait_for_no_time() -> None:
    """Waits that are shorter than timers can tell are none; the rate makes up for them."""
    batch_limiter = BatchLimiter(OPTIONS)
    asked: list[float] = []

    class Finer(RateLimiter):
        """Has requests wait for half of the least time that a timer takes."""

        def wait(self, now: float) -> float:
            asked.append(now)
            return request_limiter.TICK / 2

    request = LimitedRequest(0, Wait(batch_limiter.concurrency(Settings.of())), Finer(), bulk=True)
    assert await batch_limiter.acquire(request, WAIT_LIMIT)
    assert len(asked) == 1


NO = RateLimitError("no", status_code=429)


@pytest.mark.parametrize(
    ("refused", "not_before", "refusing_since", "verdict", "undecided"),
    [
        # 1. It asked for too long a wait, for the model.
        (RefusedModel(19, NO, 19, not_before=30), -math.inf, None, (False, "give_up", 20), None),
        # 2. It asked for too long a wait, for others.
        (None, 30, 0, (False, "probe", 20), (False, "wait", None)),
        # 3. It responds, or it isn't late yet.
        (None, -math.inf, None, (True, "wait", None), None),
        (RefusedModel(15, NO, 15), 5, 15, (True, "wait", 25), None),
        # 4. It refuses the model alone, and has done so when it was late.
        (RefusedModel(0, NO, 15, alone=True), -math.inf, None, (False, "give_up", 20), None),
        # 5. It refuses everything, and has refused the model when it was late.
        (RefusedModel(0, NO, 15), 10, 0, (True, "give_up", 20), (True, "wait", None)),
        # 6. It refuses everything.
        (RefusedModel(0, NO, 5), 10, 0, (True, "probe", 20), (True, "wait", None)),
    ],
)
def test_verdict(
    refused: RefusedModel | None,
    not_before: float,
    refusing_since: float | None,
    verdict: tuple[bool, str, float | None],
    undecided: tuple[bool, str, float | None] | None,
) -> None:
    """On a request that has waited for 20 seconds of 10; also where something is under way, if that makes a difference."""
    batch_limiter = BatchLimiter(OPTIONS)
    batch_limiter.not_before, batch_limiter.overload.refusing_since = not_before, refusing_since
    if refused is not None:
        batch_limiter.refused_models._models[b"m"] = refused
    wait_limit = WaitLimit(model=b"m", began=0, since=0, seconds=10)
    assert batch_limiter._verdict(wait_limit, 20) == verdict
    batch_limiter.overload.undecided = 1
    assert batch_limiter._verdict(wait_limit, 20) == (undecided or verdict)


def test_let_through_that_was_sent_before_the_refusal() -> None:
    """It doesn't say that the model is taken again, only that it wasn't refused everything: others needn't wait all the same."""
    models = RefusedModels()
    for second in range(1, 6):
        models.let_through(b"b", second, sent=second)
        models.refused(b"a", NO, second + 0.1, asked=3, sent=second)
        models.let_through(b"a", second + 0.2, sent=second)
    found = models.get(b"a")
    assert found is not None
    assert (found.alone, found.since, found.latest) == (True, 5.2, 5.1)
    models.let_through(b"a", 9, sent=8.9)
    assert models.get(b"a") is None
