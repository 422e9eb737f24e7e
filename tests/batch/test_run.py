"""Iterating over a batch, and leaving it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from horay_async import HorayError
from horay_async.batch import AsyncBatch, BatchRequest, BatchResult
from horay_async.batch.batch_limiter import batch_limiter_of
from horay_async.batch.runner import BatchRunner
from horay_async.models.dicts import MessageDict

from .conftest import Json, Stub, client_of, completion, line, lines, until

pytestmark = pytest.mark.anyio


def engine_tasks() -> int:
    """Tasks of batches that are still there."""
    return sum("BatchRunner" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def gone(stub: Stub, batch: AsyncBatch) -> None:
    """Waits until nothing of a batch is left, on either side."""
    await stub.reached(lambda: stub.under_way == 0)
    await until(lambda: not engine_tasks())
    assert batch_limiter_of(batch._transport).overload.in_flight == 0


async def test_nothing_happens_before_iteration(stub: Stub, batch: AsyncBatch) -> None:
    """Making a batch sends nothing, and dropping it leaves nothing, with a warning unless it was closed."""
    run = batch.run(lines(3))
    assert run.progress.seconds == 0
    with pytest.warns(RuntimeWarning, match=r"batch.run\(...\) was never read"):
        del run
    closed = batch.run(lines(3))
    await closed.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del closed
    assert engine_tasks() == 0
    assert stub.requests == []


async def test_leaving_the_loop_cancels_what_is_under_way(stub: Stub, batch: AsyncBatch) -> None:
    """At once, though the batch itself is still held."""
    run = batch.run((line("a") for _ in itertools.count()), concurrency=5)
    async for _ in run:
        stub.open.clear()
        await stub.reached(lambda: stub.under_way == 5)
        break
    await gone(stub, batch)
    assert run.progress.done >= 1


async def test_exception_in_the_loop_cancels_what_is_under_way(
    stub: Stub, batch: AsyncBatch
) -> None:
    """As soon as it has left the frame."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - it is the loop that is left
        async for _ in batch.run((line("a") for _ in itertools.count()), concurrency=5):
            raise ZeroDivisionError
    gc.collect()
    await gone(stub, batch)


async def test_block_cancels_what_is_under_way(stub: Stub, batch: AsyncBatch) -> None:
    """And waits until it is gone."""
    stub.open.clear()
    async with batch.run(lines(9), concurrency=5) as run:
        first = asyncio.ensure_future(anext(run))
        await stub.reached(lambda: stub.under_way == 5)
    assert engine_tasks() == 0
    assert batch_limiter_of(batch._transport).overload.in_flight == 0
    assert run.progress.in_flight == 0
    with pytest.raises(HorayError, match="was left"):
        await first
    await run.close()


async def test_closing_before_the_start(batch: AsyncBatch) -> None:
    """Is fine, and keeps it from starting."""
    run = batch.run(lines(3))
    await run.close()
    with pytest.raises(HorayError, match="was left"):
        await anext(run)


async def test_dropped_batch_is_cancelled(stub: Stub, batch: AsyncBatch) -> None:
    """Without a loop as well."""
    run = batch.run(lines(100), concurrency=5)
    await anext(run)
    del run
    gc.collect()
    await gone(stub, batch)


async def test_second_loop_after_the_end_is_refused(batch: AsyncBatch) -> None:
    """There is nothing left for it, which would look like an empty batch."""
    run = batch.run(lines(3))
    assert len([result async for result in aiter(aiter(run))]) == 3
    with pytest.raises(HorayError, match="read to their end"):
        aiter(run)
    assert await anext(run, None) is None


async def test_left_batch_cant_be_gone_on_with(batch: AsyncBatch) -> None:
    """That would miss results."""
    run = batch.run(lines(30), concurrency=2)
    async for _ in run:
        break
    with pytest.raises(HorayError, match="was left"):
        await anext(run)


async def test_waiting_can_be_given_up(stub: Stub, batch: AsyncBatch) -> None:
    """A deadline around one result doesn't end the batch."""
    stub.open.clear()
    run = batch.run(lines(3))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(run)
    stub.open.set()
    assert len([result async for result in run]) == 3


async def test_several_tasks_can_share_a_batch(stub: Stub, batch: AsyncBatch) -> None:
    """Each result goes to one of them."""
    stub.open.clear()
    run = batch.run(lines(50))

    async def worker() -> list[int]:
        taken: list[int] = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                taken.append((await anext(run)).index)
        return taken

    workers = [asyncio.ensure_future(worker()) for _ in range(3)]
    await stub.reached(lambda: stub.under_way > 0)
    stub.open.set()
    taken = itertools.chain.from_iterable(await asyncio.gather(*workers))
    assert sorted(taken) == list(range(50))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_workers_that_work_on_each_result_lose_none(
    batch: AsyncBatch, workers: int, ordered: bool
) -> None:
    """Loops in several tasks hand out each result once, in the order that was asked for."""
    run = batch.run(lines(200), concurrency=20, ordered=ordered)
    taken: list[int] = []

    async def work() -> None:
        async for result in run:
            taken.append(result.index)
            await asyncio.sleep(0)  # others take meanwhile

    await asyncio.gather(*(work() for _ in range(workers)))
    assert sorted(taken) == list(range(200))
    assert not ordered or taken == sorted(taken)


async def test_results_dont_wait_for_the_worker_that_is_busy(stub: Stub, batch: AsyncBatch) -> None:
    """Two that are there at the same time go to the two tasks that wait, before anything more comes."""
    stub.open.clear()
    run = batch.run([{}, {}, line("held up")])
    first, second = await asyncio.wait_for(asyncio.gather(anext(run), anext(run)), 20)
    assert (first.index, second.index) == (0, 1)
    stub.open.set()
    assert (await anext(run)).index == 2


async def test_every_worker_hears_of_the_failure(batch: AsyncBatch) -> None:
    """What ends a run early is raised in each task that takes from it, once all results were handed out."""

    def failing() -> Iterator[Json]:
        yield from lines(30)
        raise KeyError("theirs")

    run = batch.run(failing(), concurrency=5)
    taken: list[int] = []

    async def work() -> None:
        async for result in run:
            taken.append(result.index)
            await asyncio.sleep(0)

    ends = await asyncio.gather(*(work() for _ in range(3)), return_exceptions=True)
    assert [str(end) for end in ends] == ["'theirs'"] * 3
    assert sorted(taken) == list(range(30))


async def test_worker_that_comes_too_late_finds_nothing(batch: AsyncBatch) -> None:
    """A loop that begins in a task of its own after the last result ends at once; one more in the same task is refused."""
    run = batch.run(lines(3))
    come = asyncio.Event()

    async def late() -> int:
        await come.wait()
        return len([result async for result in run])

    worker = asyncio.create_task(late())
    assert len([result async for result in run]) == 3
    come.set()
    assert await worker == 0
    with pytest.raises(HorayError, match="read to their end"):
        aiter(run)


@pytest.mark.parametrize("workers", [1, 3])
async def test_loop_that_is_cancelled_ends_the_batch(
    stub: Stub, batch: AsyncBatch, workers: int
) -> None:
    """Also while the error is kept, which keeps the loop; beside it the others hear of it."""
    stub.open.clear()
    run = batch.run((line("a") for _ in itertools.count()), concurrency=5)

    async def work() -> None:
        async for _ in run:
            raise AssertionError

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await stub.reached(lambda: stub.under_way == 5)
    tasks[0].cancel()
    kept, *others = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    await asyncio.wait_for(gone(stub, batch), 20)
    assert isinstance(kept, asyncio.CancelledError)
    assert all("was left" in str(error) for error in others)
    assert len(stub.requests) == 5


async def test_deadline_around_a_loop_ends_the_batch(stub: Stub, batch: AsyncBatch) -> None:
    """While its error is handled, as where what has come is saved."""
    stub.open.clear()
    run = batch.run((line("a") for _ in itertools.count()), concurrency=5)
    try:
        async with asyncio.timeout(None) as deadline:
            read = asyncio.ensure_future(stub.reached(lambda: stub.under_way == 5))
            read.add_done_callback(lambda _: deadline.reschedule(0))
            async for _ in run:
                raise AssertionError
    except TimeoutError:
        await asyncio.wait_for(gone(stub, batch), 20)
    assert len(stub.requests) == 5


CHANGED = 200
"""Requests that one generator makes of one list: more than are ever read ahead."""


def reused() -> Iterator[BatchRequest[Any]]:
    """Requests whose messages are one list, which the generator changes when it is asked for the next."""
    messages: list[MessageDict] = [{"role": "user", "content": ""}]
    for number in range(CHANGED):
        messages[0]["content"] = f"text {number}"
        yield BatchRequest.chat(model="m", messages=messages, custom_id=f"text {number}")
    messages.clear()


def reused_line() -> Iterator[Json]:
    """The same as mappings: one, whose body and id change."""
    item = line("")
    for number in range(CHANGED):
        item["custom_id"] = item["body"]["prompt"] = f"text {number}"
        yield item


def echo_chat(body: Json) -> web.Response:
    """The text that came, as the response of either operation."""
    if "prompt" in body:
        return completion(body)
    message = {"role": "assistant", "content": body["messages"][0]["content"]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return web.json_response({"object": "chat.completion", "choices": [choice]})


def text_of(result: BatchResult[Any]) -> Any:
    """The text of a response of either operation."""
    choice = result.unwrap().choices[0]
    return choice.text if hasattr(choice, "text") else choice.message.content


@pytest.mark.parametrize("source", [reused, reused_line])
@pytest.mark.parametrize("kind", ["inline", "threaded", "asynchronous"])
async def test_requests_are_sent_as_they_were_when_they_were_read(
    stub: Stub, batch: AsyncBatch, kind: str, source: Callable[[], Iterator[Any]]
) -> None:
    """Whatever the source changes in them once it is asked for the next, and however it is read."""
    stub.reply = echo_chat

    async def asynchronous() -> AsyncIterator[Any]:
        for item in source():
            yield item

    run = batch.run(asynchronous() if kind == "asynchronous" else source(), concurrency=3)
    results: list[BatchResult[Any]] = []
    while found := await run._take(BatchRunner.get, threaded=kind == "threaded"):
        results += found
    assert sorted(result.index for result in results) == list(range(CHANGED))
    assert [text_of(result) for result in results] == [result.custom_id for result in results]
    assert all(result.custom_id == f"text {result.index}" for result in results)


async def test_requests_cancelled_before_they_began(stub: Stub, batch: AsyncBatch) -> None:
    """Give back their permits all the same."""
    run = batch.run(lines(50), concurrency=7)
    first = asyncio.ensure_future(anext(run))
    overload = batch_limiter_of(batch._transport).overload
    await until(lambda: overload.in_flight == 7)
    await run.close()
    assert overload.in_flight == 0
    first.cancel()
    await asyncio.wait([first])


async def test_abandoning_from_another_thread(stub: Stub, batch: AsyncBatch) -> None:
    """As the blocking client does."""
    stub.open.clear()
    run = batch.run(lines(9), concurrency=5)
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: stub.under_way == 5)
    thread = threading.Thread(target=run._close_nowait)
    thread.start()
    thread.join()
    await gone(stub, batch)
    with pytest.raises(HorayError, match="was left"):
        await first


def test_batch_that_is_left_with_its_loop() -> None:
    """A batch that outlives its loop gives no trouble when it is dropped."""

    async def begin() -> Any:
        stub = Stub()
        runner = await stub.start()
        async with client_of(stub) as client:
            run = AsyncBatch(client._transport).run(lines(3))
            await anext(run)
            await run.close()
        await runner.cleanup()
        return run

    run = asyncio.run(begin())
    run._close_nowait()
    del run
    gc.collect()


async def test_bursts_hold_all_that_is_there(stub: Stub, batch: AsyncBatch) -> None:
    """For the blocking client: in few hops, and an empty one at the end."""
    run = batch.run(lines(30))
    indexes: list[int] = []
    while burst := await run._next_items():
        indexes += [result.index for result in burst]
    assert sorted(indexes) == list(range(30))
    assert await run._next_items() == []


async def test_bursts_read_requests_in_a_thread(stub: Stub, batch: AsyncBatch) -> None:
    """So that a generator can wait for the loop that the batch runs on, as a blocking client does."""
    loop = asyncio.get_running_loop()

    async def prompt(number: int) -> str:
        await asyncio.sleep(0)
        return f"prompt {number}"

    def requests() -> Any:
        # Just one: a thread that waits for another when the test ends leaves a coroutine that nobody awaits.
        text = asyncio.run_coroutine_threadsafe(prompt(0), loop).result(20)
        yield BatchRequest.completion(model="m", prompt=text)

    run = batch.run(requests())
    burst = await asyncio.wait_for(run._next_items(), 20)
    assert burst[0].unwrap().choices[0].text == "prompt 0"
    await run.close()


async def test_asynchronous_requests(stub: Stub, batch: AsyncBatch) -> None:
    """Requests can come from what has to be awaited; refused ones don't wait for the next of them."""

    async def requests() -> AsyncIterator[Json]:
        for item in lines(40):
            await asyncio.sleep(0)
            yield item

    assert len([result async for result in batch.run(requests(), concurrency=3)]) == 40


@pytest.mark.parametrize("wrong", [None, 3, line("a"), "requests.jsonl"])
async def test_what_isnt_many_requests_is_refused(batch: AsyncBatch, wrong: Any) -> None:
    """At once, not as a batch of failures."""
    with pytest.raises(TypeError, match="must be an iterable"):
        batch.run(wrong)
