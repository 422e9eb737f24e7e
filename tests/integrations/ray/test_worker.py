"""A worker without Ray around it: what its batches share, and what it asks of the allotment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")

from horay_async.batch.options import Settings
from horay_async.integrations.ray.options import SealedOptions
from horay_async.integrations.ray.rows import Rows
from horay_async.integrations.ray.slices import Allotment
from horay_async.integrations.ray.worker import Worker
from horay_async.testing import FaultServer, Gate, completion, error, raw

from .local_actor import LocalActor

pa: Any = import_module("pyarrow")

pytestmark = pytest.mark.anyio

ROWS = Rows(column="prompt", chat=False, params={"model": "m"})


@asynccontextmanager
async def working(
    server: FaultServer, settings: Settings, allotment: object = None
) -> AsyncGenerator[Worker]:
    """A worker, which Ray would end together with its process."""
    options = SealedOptions(server.api_key, base_url=server.base_url)
    worker = Worker(options, ROWS, settings, allotment or LocalActor())
    yield worker
    await worker._transport.close()


def actor_of(take: Callable[[float], float]) -> SimpleNamespace:
    """An actor that is a function of this process, called as an actor is."""

    async def remote(seconds: float) -> float:
        return take(seconds)

    async def pause(seconds: float) -> None:
        raise AssertionError("nothing is refused here")

    async def next_pause(known: int) -> tuple[int, float]:
        await asyncio.Event().wait()
        return 0, 0.0

    return SimpleNamespace(
        take=SimpleNamespace(remote=remote),
        pause=SimpleNamespace(remote=pause),
        next_pause=SimpleNamespace(remote=next_pause),
    )


def table(*prompts: str) -> Any:
    return pa.table({"prompt": prompts})


async def test_tables_share_the_concurrency(fault_server: FaultServer) -> None:
    """What is set is for the worker as a whole, however many batches it has under way."""
    async with working(fault_server, Settings(concurrency=2)) as worker:
        first, second = await asyncio.gather(worker(table("a", "b", "c")), worker(table(*"defg")))
    assert first.column("prompt").to_pylist() == ["a", "b", "c"]
    assert [*first.column("error").to_pylist(), *second.column("error").to_pylist()] == [None] * 7
    assert len(fault_server.requests) == 7
    assert len(fault_server.connections) <= 2


async def test_allotment_is_asked_for_what_is_to_be_sent(fault_server: FaultServer) -> None:
    """Not for each request, and for no more than there are rows."""
    allotment, asked = Allotment(), list[float]()

    def take(seconds: float) -> float:
        asked.append(seconds)
        return allotment.take(seconds, asyncio.get_running_loop().time())

    rpm = 60_000
    async with working(fault_server, Settings(rpm=rpm), actor_of(take)) as worker:
        answered = await worker(table(*map(str, range(100))))
    assert answered.column("error").to_pylist() == [None] * 100
    assert sum(asked) == pytest.approx(100 * 60 / rpm, rel=0.1)
    assert len(asked) < 20


async def test_lost_allotment_ends_the_batch(fault_server: FaultServer) -> None:
    """Without it nobody knows what may be sent: the failure is the job's."""

    def take(seconds: float) -> float:
        raise ConnectionError("the allotment has gone")

    async with working(fault_server, Settings(rpm=60), actor_of(take)) as worker:
        with pytest.raises(ConnectionError, match="the allotment has gone"):
            await worker(table("a"))
    assert not fault_server.requests


@pytest.mark.parametrize("rpm", [None, 60_000.0])
async def test_retry_after_pauses_the_cluster(fault_server: FaultServer, rpm: float | None) -> None:
    """Not one node: what a worker was told, the others keep to."""
    gate = Gate()
    fault_server.add(error(429, retry_after=1))
    allotment = LocalActor()
    settings = Settings(rpm=rpm, concurrency=1)
    with FaultServer(api_key=fault_server.api_key) as elsewhere:  # as the other node reaches it
        elsewhere.add(raw(gate, *completion("x").steps))
        async with (
            working(fault_server, settings, allotment) as first,
            working(elsewhere, settings, allotment) as second,
        ):
            others = asyncio.ensure_future(second(table("b", "c")))
            while not elsewhere.requests:  # noqa: ASYNC110 - the server is in another thread
                await asyncio.sleep(0.001)
            refused = asyncio.ensure_future(first(table("a")))
            while not second._pauses:  # noqa: ASYNC110 - the pause is on its way
                await asyncio.sleep(0.001)
            gate.open()
            done = await asyncio.gather(refused, others)
        assert [len(each.column("error").to_pylist()) for each in done] == [1, 2]
        pause = elsewhere.requests[-1].at - fault_server.requests[0].at
    assert pause >= 0.99
