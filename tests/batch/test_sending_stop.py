"""A run that is told to send no more: what is under way is finished, and the next run sends the rest."""

from __future__ import annotations

import asyncio
import copy
import itertools
import pickle
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from horay_async import (
    AsyncHoray,
    InsufficientBalanceError,
    RateLimitError,
    RetryPolicy,
)
from horay_async._protocol.limits.retry_after_scope import RetryAfterScope
from horay_async.batch import AsyncBatch, BatchProgress

from .conftest import Json, Stub, client_of, completion, line, lines, refusal, until
from .test_run_file import ALL, Files

pytestmark = pytest.mark.anyio


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """With the requests of `lines(20)`."""
    made = Files(tmp_path)
    made.ask(*lines(20))
    return made


def waits_for_admission(client: AsyncHoray) -> bool:
    """Whether a request waits for the limits."""
    return bool(client._transport.limiter()._queues)


async def finish(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """The next run sends what has no line, and all has been sent once then."""
    before = len(files.outcomes)
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped, progress.done) == (before, 20 - before)
    assert files.texts == ALL
    assert set(Counter(body["prompt"] for body in stub.requests).values()) == {1}


@pytest.mark.parametrize("times", [1, 2])
async def test_under_way_is_finished(
    stub: Stub, batch: AsyncBatch, files: Files, times: int
) -> None:
    """What is under way is written, nothing else is sent, and the next run sends the rest: nothing is sent twice."""
    stub.open.clear()
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, concurrency=3, progress=progress)
    )
    await stub.reached(lambda: stub.under_way == 3)
    assert all(progress.stop_sending() for _ in range(times))
    assert progress.in_flight == 3
    stub.open.set()
    assert await run is progress
    assert (progress.done, progress.failed, progress.in_flight) == (3, 0, 0)
    assert str(progress) == "3 of 20 finished, 0 failed"
    assert (len(stub.requests), len(files.texts)) == (3, 3)
    assert not progress.stop_sending()
    await finish(stub, batch, files)


async def test_from_another_thread(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """It may be called there."""
    stub.open.clear()
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, concurrency=2, progress=progress)
    )
    await stub.reached(lambda: stub.under_way == 2)
    assert await asyncio.to_thread(progress.stop_sending)
    stub.open.set()
    await run
    assert len(files.texts) == 2
    await finish(stub, batch, files)


async def test_cancelled_while_it_waits(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """Who doesn't want to wait cancels it as ever: what has come is written."""
    hold = stub.hold_first()
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, concurrency=2, progress=progress)
    )
    await until(lambda: progress.done == 19)
    progress.stop_sending()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    hold.set()
    assert len(files.texts) == 19


async def test_without_a_run(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """Before and after a run there is nothing to stop, and the next run isn't stopped."""
    progress = BatchProgress()
    assert not progress.stop_sending()
    for _ in range(2):
        await batch.run_file(files.requests, files.results, progress=progress)
        assert not progress.stop_sending()
    assert files.texts == ALL
    run = batch.run(lines(3))
    assert not run.progress.stop_sending()
    assert len([result async for result in run]) == 3
    assert not run.progress.stop_sending()


def test_closed_loop() -> None:
    """A run whose loop was closed isn't going on."""

    async def begin() -> BatchProgress:
        client = AsyncHoray("a-key-of-nobody", base_url="http://127.0.0.1:9/v1")
        run = client.batch.run(endless(asyncio.Event()))
        asyncio.ensure_future(anext(run))  # noqa: RUF006 - cancelled with the loop
        await asyncio.sleep(0)
        return run.progress

    loop = asyncio.new_event_loop()
    progress = loop.run_until_complete(begin())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert not progress.stop_sending()


async def endless(asked: asyncio.Event) -> AsyncIterator[Json]:
    """One request, and a second one that never comes; the event is set once it is asked for, and set back at the end."""
    yield line("a")
    asked.set()
    try:
        await asyncio.Event().wait()
    finally:
        asked.clear()


async def test_rate_is_waited_for(
    stub: Stub, client: AsyncHoray, batch: AsyncBatch, files: Files
) -> None:
    """A request that waits for the limits ends that wait, and isn't sent."""
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, rpm=0.001, progress=progress)
    )
    await until(lambda: progress.done == 1 and waits_for_admission(client))
    progress.stop_sending()
    await run
    assert not waits_for_admission(client)
    assert len(files.texts) == 1
    await finish(stub, batch, files)


async def test_server_asks_to_wait(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """So do those that were refused, and those behind them."""
    stub.reply = lambda _: refusal(headers={"Retry-After": "40"})
    progress = BatchProgress()
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results, progress=progress))
    await until(lambda: progress.refused and not progress.in_flight)
    progress.stop_sending()
    await run
    assert (progress.failed, files.outcomes) == (0, {})


class AlwaysTrue:
    """An attribute that can be set, and stays true."""

    def __get__(self, instance: object, owner: type) -> bool:
        return True

    def __set__(self, instance: object, value: bool) -> None:
        pass


async def test_server_asks_one_to_wait(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does one that was asked to wait alone, while others are sent."""
    always = AlwaysTrue()
    monkeypatch.setattr(RetryAfterScope, "refused_alone", always, raising=False)
    stub.reply = lambda body: (
        refusal(headers={"Retry-After": "40"}) if body["prompt"] == "prompt 0" else completion(body)
    )
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, concurrency=1, progress=progress)
    )
    async with asyncio.timeout(20):
        await until(lambda: progress.done == 19)
    progress.stop_sending()
    await run
    assert "id-0" not in files.texts
    assert (len(files.texts), progress.failed, progress.in_flight) == (19, 0, 0)


def failure(_: Json) -> web.Response:
    """What the policy has sent again."""
    return web.json_response({"message": "no"}, status=500)


def busy(_: Json) -> web.Response:
    """What the batch has sent again."""
    return refusal()


@pytest.mark.parametrize("waits_for", ["back-off", "rate"])
async def test_retry_waits(stub: Stub, files: Files, waits_for: str) -> None:
    """So does one that waits to be tried again."""
    stub.reply = failure
    tried = asyncio.Event()
    seconds = 60 if waits_for == "back-off" else 0.001
    retry = RetryPolicy(max_retries=2, initial_backoff=seconds, max_backoff=seconds)
    files.ask(line("a"))
    progress = BatchProgress()

    def note(_: object) -> None:
        tried.set()

    async with client_of(stub, retry=retry, on_retry=note) as client:
        run = asyncio.ensure_future(
            client.batch.run_file(files.requests, files.results, rpm=0.001, progress=progress)
        )
        await tried.wait()
        if waits_for == "rate":
            await until(lambda: waits_for_admission(client))
        progress.stop_sending()
        await run
        assert (files.outcomes, progress.failed, progress.in_flight) == ({}, 0, 0)
        stub.reply = completion
        await client.batch.run_file(files.requests, files.results)
    assert (list(files.texts), len(stub.requests)) == (["a"], 2)


@pytest.mark.parametrize("reply", [failure, busy])
async def test_fails_afterwards(
    stub: Stub, batch: AsyncBatch, files: Files, reply: Callable[[Json], web.Response]
) -> None:
    """One that fails after that and would be sent again isn't: the next run sends it. A final failure is its result."""
    stub.open.clear()
    stub.reply = lambda body: (
        web.json_response({"message": "no"}, status=400)
        if body["prompt"] == "prompt 1"
        else reply(body)
    )
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, concurrency=2, progress=progress)
    )
    await stub.reached(lambda: stub.under_way == 2)
    progress.stop_sending()
    stub.open.set()
    await run
    assert (list(files.outcomes), progress.failed, len(stub.requests)) == (["id-1"], 1, 2)


@pytest.mark.parametrize("in_file", [False, True])
async def test_balance_is_searched_for(
    stub: Stub, batch: AsyncBatch, files: Files, in_file: bool
) -> None:
    """The search ends with the request that it has sent; it doesn't end the run by an error. Of a file, what was refused has no line."""
    hold = asyncio.Event()

    async def reply(body: Json) -> web.Response:
        if len(stub.requests) <= 3:
            return web.json_response({"message": "no"}, status=402)
        await hold.wait()
        return web.json_response({"message": "no"}, status=402)

    stub.reply = reply
    run = batch.run(lines(20), concurrency=1)
    progress = BatchProgress() if in_file else run.progress
    results: list[Any] = []

    async def read() -> None:
        results.extend([result async for result in run])

    whole: Awaitable[Any] = (
        batch.run_file(files.requests, files.results, concurrency=1, progress=progress)
        if in_file
        else read()
    )
    task = asyncio.ensure_future(whole)
    await stub.reached(lambda: len(stub.requests) == 4)
    progress.stop_sending()
    hold.set()
    await task
    await run.close()  # of a file, it wasn't read
    assert len(stub.requests) == 4
    if in_file:
        assert files.outcomes == {}
    else:
        assert [type(result.error) for result in results] == [InsufficientBalanceError] * 4


async def test_results_arent_taken(stub: Stub, batch: AsyncBatch) -> None:
    """A consumer who is slow gets what has come, and then the loop ends."""
    run = batch.run(lines(100), concurrency=1)
    taken = [await anext(run)]
    await until(lambda: run.progress.done == 17 and not run.progress.in_flight)
    assert run.progress.stop_sending()
    taken += [result async for result in run]
    assert [result.index for result in taken] == list(range(17))
    assert len(stub.requests) == 17


async def test_in_order(stub: Stub, batch: AsyncBatch) -> None:
    """In order, one that isn't sent again has an error in its place, where others behind it have a result."""
    stub.open.clear()
    refused = refusal(headers={"Retry-After": "40"})
    stub.reply = lambda body: refused if body["prompt"] == "prompt 0" else completion(body)
    run = batch.run(lines(20), concurrency=2, ordered=True)

    async def read() -> list[Any]:
        return [result async for result in run]

    reading = asyncio.ensure_future(read())
    await stub.reached(lambda: stub.under_way == 2)
    run.progress.stop_sending()
    stub.open.set()
    first, second = await reading
    assert (first.index, type(first.error)) == (0, RateLimitError)
    assert first.error.__notes__ == ["the batch ended before this request was finished"]
    assert [str(attempt.error) for attempt in first.error.attempts] == ["RateLimitError"]
    assert (second.index, second.error) == (1, None)


async def test_requests_are_waited_for(stub: Stub, batch: AsyncBatch) -> None:
    """An iterable that has nothing yet isn't waited for, and is closed."""
    asked = asyncio.Event()
    run = batch.run(endless(asked))
    assert (await anext(run)).error is None
    await asked.wait()
    run.progress.stop_sending()
    assert [result async for result in run] == []
    await until(lambda: not asked.is_set())


async def test_iterable_without_end(stub: Stub, batch: AsyncBatch) -> None:
    """Called in the loop over the results, it has nothing sent from that moment on."""
    requests = (line(f"{number}") for number in itertools.count())
    run = batch.run(requests, concurrency=4)
    await anext(run)
    run.progress.stop_sending()
    most = run.progress.done + run.progress.in_flight
    async for _ in run:
        pass
    assert run.progress.done <= most
    assert len(stub.requests) == run.progress.done


async def test_copies_of_the_progress(stub: Stub, batch: AsyncBatch) -> None:
    """It can be copied and pickled while a run goes on; such a copy stops nothing."""
    run = batch.run(lines(100), concurrency=1)
    await anext(run)
    for copied in (copy.deepcopy(run.progress), pickle.loads(pickle.dumps(run.progress))):
        assert copied.done >= 1
        assert not copied.stop_sending()
    assert len([result async for result in run]) == 99
