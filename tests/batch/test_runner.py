"""Sending a batch: what becomes of requests, and how many go at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import re
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal, cast
from weakref import WeakSet, ref

import attrs
import pytest
from aiohttp import web

from horay_async import (
    AnswerError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncHoray,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DriftError,
    DriftWarning,
    HorayError,
    InsufficientBalanceError,
    InternalServerError,
    MessageDict,
    PermissionDeniedError,
    RateLimitError,
    RetryPolicy,
    Timeouts,
)
from horay_async._protocol.limits.shared_pause import SharedPause
from horay_async._transport.shared_limiters import MAX_UNUSED
from horay_async.batch import (
    AsyncBatch,
    BatchRequest,
    BatchResult,
    InvalidRequestError,
    balance_search,
    runner,
    sender,
)
from horay_async.batch import results as results_module
from horay_async.batch.batch_limiter import BatchLimiter, batch_limiter_of
from horay_async.batch.options import Settings
from horay_async.batch.runner import BatchRunner
from horay_async.models.chat import ChatCompletion
from horay_async.models.completions import Completion
from horay_async.models.images import ImageResponse
from horay_async.models.raw import JSONResponse
from horay_async.resources._base import fetch as fetch_

from .conftest import USAGE, Json, Stub, client_of, completion, line, lines, refusal, until

pytestmark = pytest.mark.anyio


async def results_of(run: Any) -> list[BatchResult[Any]]:
    """All results, in the order of the requests."""
    return sorted([result async for result in run], key=lambda result: result.index)


async def results_until_failure(run: Any) -> tuple[list[int], Exception]:
    """The indexes of the results, and what ended them."""
    seen: list[int] = []
    try:
        while True:
            seen.append((await anext(run)).index)
    except Exception as error:  # noqa: BLE001 - for the test to look at
        return seen, error


async def test_results(stub: Stub, batch: AsyncBatch) -> None:
    """One for each request, which tells what came of it."""
    run = batch.run(lines(20))
    results = await results_of(run)
    assert [result.index for result in results] == list(range(20))
    assert [result.custom_id for result in results] == [f"id-{number}" for number in range(20)]
    assert [result.request for result in results] == list(lines(20))
    for number, result in enumerate(results):
        assert result.error is None
        response = result.unwrap()
        assert isinstance(response, Completion)
        assert response.choices[0].text == f"prompt {number}"
        assert [attempt.status for attempt in result.attempts] == [200]
        assert response.meta.attempts == result.attempts
        assert result.seconds >= 0
    progress = run.progress
    assert (progress.done, progress.failed, progress.in_flight) == (20, 0, 0)
    assert (progress.prompt_tokens, progress.completion_tokens) == (60, 40)
    assert len(stub.requests) == 20


async def test_nothing_to_do(batch: AsyncBatch) -> None:
    """No requests, no results."""
    assert await results_of(batch.run([])) == []


async def test_operations_can_be_mixed(stub: Stub, batch: AsyncBatch) -> None:
    """Each is answered in its own class; what has none, as it is."""

    def reply(body: Json) -> web.Response:
        if "messages" in body:
            return web.json_response({"id": "c", "choices": [{"message": {"content": "hi"}}]})
        if "image_size" in body:
            return web.json_response({"images": [{"url": "https://x/y.png"}]})
        if "input" in body:
            return web.json_response({"data": [1.5]})
        return completion(body)

    stub.reply = reply
    message: MessageDict = {"role": "user", "content": "hi"}
    results = await results_of(
        batch.run(
            [
                BatchRequest.chat(model="m", messages=[message]),
                BatchRequest.completion(model="m", prompt="x"),
                BatchRequest.image(model="m", prompt="x", image_size="768x512"),
                line("a"),
                line("b", url="/v1/rerank", body={"input": "x"}),
            ]
        )
    )
    kinds: list[type] = [result.response.__class__ for result in results]
    assert kinds == [ChatCompletion, Completion, ImageResponse, Completion, JSONResponse]
    paths = sorted(request["path"] for request in stub.requests)
    assert paths == [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/completions",
        "/v1/image/generations",
        "/v1/rerank",
    ]


@attrs.define
class Label:
    """What a text is."""

    label: Literal["praise", "complaint"]


async def test_class_to_parse_into(stub: Stub, batch: AsyncBatch) -> None:
    """Its schema is sent, the response holds an instance, and what doesn't fit is the error of its result."""
    texts = iter(['{"label": "praise"}', '{"label": "so so"}'])

    def reply(body: Json) -> web.Response:
        message = {"role": "assistant", "content": next(texts)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"id": "c", "choices": [choice], "usage": USAGE})

    stub.reply = reply
    messages: list[MessageDict] = [{"role": "user", "content": "?"}]
    requests = [
        BatchRequest.chat(model="m", messages=messages, response_format=Label) for _ in range(2)
    ]
    run = batch.run(requests, concurrency=1)
    fitting, other = await results_of(run)
    assert stub.requests[0]["response_format"] == requests[0].params["response_format"]
    assert requests[0].params["response_format"]["json_schema"]["name"] == "Label"
    assert fitting.unwrap().choices[0].message.parsed == Label("praise")
    assert isinstance(other.error, AnswerError)
    assert other.error.path == "$.label"
    assert other.error.attempts == other.attempts
    assert other.error.completion.choices[0].message.content == '{"label": "so so"}'
    assert (run.progress.done, run.progress.failed) == (1, 1)
    assert run.progress.total_tokens == 10


def test_class_that_no_schema_describes() -> None:
    """It is refused where the request is made."""
    with pytest.raises(TypeError, match="is needed; got <class 'int'>"):
        BatchRequest.chat(
            model="m", messages=[{"role": "user", "content": "?"}], response_format=int
        )


async def test_bad_items_dont_stop_the_rest(stub: Stub, batch: AsyncBatch) -> None:
    """They are results that name what is wrong, and are never sent."""
    items: list[Any] = [line("a"), {"custom_id": "b"}, 17, line("c")]
    run = batch.run(items)
    results = await results_of(run)
    assert [result.custom_id for result in results] == ["a", "b", "request-2", "c"]
    assert [type(result.error) for result in results] == [
        type(None),
        InvalidRequestError,
        InvalidRequestError,
        type(None),
    ]
    assert results[1].attempts == ()
    assert (run.progress.done, run.progress.failed, len(stub.requests)) == (2, 2, 2)


@pytest.mark.parametrize(
    ("status", "kind", "attempts"), [(400, BadRequestError, 1), (500, InternalServerError, 3)]
)
async def test_failures_are_results(
    stub: Stub, batch: AsyncBatch, status: int, kind: type[Exception], attempts: int
) -> None:
    """After as many attempts as the client's policy makes."""

    def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 1":
            return web.json_response({"message": "no"}, status=status)
        return completion(body)

    stub.reply = reply
    results = await results_of(batch.run(lines(3)))
    assert [result.error is None for result in results] == [True, False, True]
    assert isinstance(results[1].error, kind)
    assert len(results[1].attempts) == attempts


async def test_retries_wait_as_first_attempts_do(stub: Stub) -> None:
    """The timeout `queue` isn't for the requests of a batch."""
    failed = set[str]()

    def reply(body: Json) -> web.Response:
        if body["prompt"] in failed:
            return completion(body)
        failed.add(body["prompt"])
        return web.json_response({"message": "no"}, status=500)

    stub.reply = reply
    async with client_of(stub, timeout=Timeouts(queue=1e-6)) as client:
        results = await results_of(client.batch.run(lines(3), rpm=1200))
    assert [(result.error, len(result.attempts)) for result in results] == [(None, 2)] * 3


async def test_unreachable_server(stub: Stub) -> None:
    """So are failures without a response."""
    async with client_of(stub, base_url="http://127.0.0.1:9/v1") as client:
        (result,) = await results_of(AsyncBatch(client._transport).run([line("a")]))
    assert isinstance(result.error, APIConnectionError)
    assert len(result.attempts) == 3


async def test_outage_is_waited_for(
    stub: Stub,
    batch: AsyncBatch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that has answered and can't be reached any more will come back; the log says so."""
    monkeypatch.setattr(results_module, "TOLD_AFTER", 0.0)
    calls = itertools.count()

    async def fetch(transport: Any, request: Any, into: Any, **options: Any) -> Any:
        if 5 <= next(calls) < 25:
            away = client.with_options(base_url="http://127.0.0.1:9/v1", max_retries=0)
            return await fetch_(away._transport, request, into, **options)
        return await fetch_(transport, request, into, **options)

    monkeypatch.setattr(sender, "fetch", fetch)
    client = client_of(stub)
    run = batch.run(lines(20), concurrency=4)
    results = await results_of(run)
    await client.close()
    assert all(result.error is None for result in results)
    assert run.progress.refused == 20
    assert run.progress.seconds_unreached == 0
    assert "can't be reached for 0 s: POST /completions: can't connect to 127.0.0.1" in caplog.text
    # Once, and again after each response between: to 3 that were under way at its beginning, and to 3 at its end.
    assert len(caplog.messages) <= 7
    assert max(len(result.attempts) for result in results) > 1


async def test_asked_wait_is_told(
    stub: Stub,
    batch: AsyncBatch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Until when and why, once in the log, and by the progress of another batch that waits too."""
    monkeypatch.setattr(sender, "TOLD_AFTER", 1.0)  # refusals in less than that count as one wait
    refusals = (refusal(429, {"Retry-After": "2"}) for _ in range(4))
    stub.reply = lambda body: next(refusals, None) or completion(body)
    run, other = batch.run(lines(8), concurrency=4), batch.run(lines(1))
    first = asyncio.create_task(results_of(run))
    await until(lambda: run.progress.refused == 4)
    second = asyncio.create_task(results_of(other))
    await until(lambda: other.progress.pause)
    seen = [run.progress.pause, other.progress.pause]
    await asyncio.gather(first, second)
    told = r"the server asks to wait until \d\d:\d\d:\d\d \(429 from POST /completions: too much\)"
    assert all(re.fullmatch(told, str(each)) for each in seen)
    assert [re.fullmatch(told, each) is not None for each in caplog.messages] == [True, True]
    assert run.progress.pause is None


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_wait_for_a_reset_is_told(
    stub: Stub,
    batch: AsyncBatch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    concurrency: int,
) -> None:
    """So is one that the headers of a success ask for."""
    monkeypatch.setattr(sender, "TOLD_AFTER", 0.5)
    left = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}

    def reply(body: Json) -> web.Response:
        response = completion(body)
        if len(stub.requests) == 1:
            response.headers.update(left)
        return response

    stub.reply = reply
    run = batch.run(lines(8), concurrency=concurrency)
    running = asyncio.create_task(results_of(run))
    await until(lambda: run.progress.pause)
    seen = run.progress.pause
    assert all(result.error is None for result in await running)
    told = r"the server asks to wait until \d\d:\d\d:\d\d \(its headers say that what is left .*\)"
    assert re.fullmatch(told, str(seen))
    assert [re.fullmatch(told, each) is not None for each in caplog.messages] == [True]
    assert run.progress.pause is None


@pytest.mark.parametrize("status", [429, 503])
async def test_refused_requests_are_sent_again(stub: Stub, batch: AsyncBatch, status: int) -> None:
    """However often, with the same key, and no retries of the policy used up."""
    left = dict.fromkeys((f"prompt {number}" for number in range(3)), 5)

    def reply(body: Json) -> web.Response:
        left[body["prompt"]] -= 1
        return completion(body) if left[body["prompt"]] < 0 else refusal(status)

    stub.reply = reply
    run = batch.run(lines(3))
    results = await results_of(run)
    for result in results:
        response = result.unwrap()
        assert [attempt.status for attempt in result.attempts] == [status] * 5 + [200]
        starts = [attempt.started for attempt in result.attempts]
        assert starts == sorted(starts)
        assert all(attempt.backoff is not None for attempt in result.attempts[:-1])
        assert response.meta.attempts == result.attempts
    assert run.progress.refused == 15
    for prompt in left:
        keys = {request["key"] for request in stub.requests if request["prompt"] == prompt}
        assert len(keys) == 1


async def test_refusal_is_the_result_when_patience_is_over(stub: Stub, batch: AsyncBatch) -> None:
    """Measured from the first refusal without a response since."""
    stub.reply = lambda body: refusal()
    run = batch.run(lines(4), give_up_after=1)
    for result in await results_of(run):
        assert isinstance(result.error, RateLimitError)
        assert result.attempts == result.error.attempts
    assert run.progress.failed == 4
    assert run.progress.refused >= 5


@pytest.mark.parametrize("status", [429, 503])
async def test_all_requests_give_up_together(
    stub: Stub, batch: AsyncBatch, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Of a server that refuses everything, none waits for its turn to be refused; those that never went say so."""
    monkeypatch.setattr(SharedPause, "FIRST", 3600.0)
    monkeypatch.setattr(SharedPause, "MAX", 3600.0)
    stub.reply = lambda body: refusal(status)
    run = batch.run(lines(100), concurrency=4, give_up_after=0.05)
    results = await results_of(run)
    assert len(results) == 100
    for result in results:
        assert isinstance(result.error, APIStatusError)
        assert result.error.status_code == status
        assert (result.error.execution == "not_sent") == (not result.attempts)
    assert sum(len(result.attempts) for result in results) == len(stub.requests) < 10


async def test_server_that_is_back_is_asked_before_all_give_up(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the pause still is: what refused before may respond by now, and then all go on."""
    monkeypatch.setattr(SharedPause, "FIRST", 3600.0)
    monkeypatch.setattr(SharedPause, "MAX", 3600.0)
    stub.reply = lambda body: refusal() if len(stub.requests) == 1 else completion(body)
    async with client_of(stub) as client:
        results = await results_of(client.batch.run(lines(9), concurrency=1, give_up_after=0.05))
    assert all(result.response is not None for result in results)
    assert len(stub.requests) == 10


async def test_policy_without_retries_takes_the_refusal(stub: Stub) -> None:
    """Who wants none gets none."""
    stub.reply = lambda body: refusal()
    async with client_of(stub) as client:
        patient = AsyncBatch(client.with_options(max_retries=0)._transport)
        (result,) = await results_of(patient.run([line("a")]))
    assert isinstance(result.error, RateLimitError)
    assert len(stub.requests) == 1


async def test_deadline_of_a_request_ends_its_refusals(stub: Stub, batch: AsyncBatch) -> None:
    """Its total time counts from when it was first sent."""
    stub.reply = lambda body: refusal()
    request = BatchRequest.completion(model="m", prompt="", timeout=0.02)
    (result,) = await results_of(batch.run([request]))
    assert isinstance(result.error, RateLimitError | APITimeoutError)
    assert result.seconds >= 0.02


async def test_requested_wait_holds_for_all(stub: Stub, batch: AsyncBatch) -> None:
    """After a refusal that says when to come back nothing is sent before that."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def reply(body: Json) -> web.Response:
        times.append(loop.time())
        return refusal(headers={"retry-after-ms": "30"}) if len(times) == 1 else completion(body)

    stub.reply = reply
    first = batch.run(lines(1))
    second = batch.run(lines(2))
    await asyncio.gather(anext(first), anext(second))
    await first.close()
    await second.close()
    assert all(at - times[0] >= 0.03 for at in times[3:])


async def test_wait_that_is_asked_for_is_bounded(stub: Stub) -> None:
    """By the policy's `max_retry_after`: an hour isn't waited for, and isn't cut short either."""
    stub.reply = lambda body: refusal(headers={"Retry-After": "3600"})
    async with client_of(stub) as client:
        options = client.options.retry
        quick = client.with_options(retry=type(options)(max_retry_after=0.01))
        (result,) = await results_of(AsyncBatch(quick._transport).run([line("a")]))
    assert isinstance(result.error, RateLimitError)
    assert len(result.attempts) == 1


async def test_nothing_goes_before_the_servers_time(stub: Stub) -> None:
    """A `Retry-After` above the policy's `max_retry_after` fails its request; the others still wait for it."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def reply(body: Json) -> web.Response:
        times.append(loop.time())
        return refusal(headers={"retry-after-ms": "80"}) if len(times) == 1 else completion(body)

    stub.reply = reply
    async with client_of(stub, retry=RetryPolicy(max_retry_after=0.001)) as client:
        results = await results_of(client.batch.run(lines(3), concurrency=1))
    assert [type(result.error) for result in results] == [RateLimitError, type(None), type(None)]
    assert all(at - times[0] >= 0.08 for at in times[1:])


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_server_that_asks_for_longer_than_the_batch_has(stub: Stub, concurrency: int) -> None:
    """What can't be sent within `give_up_after` fails with the server's error, unsent, and so does what waits."""
    stub.reply = lambda body: refusal(headers={"Retry-After": "3600"})
    async with client_of(stub) as client:
        run = client.batch.run(lines(9), concurrency=concurrency, give_up_after=60)
        results = await results_of(run)
        others = await results_of(client.batch.run(lines(2)))
    assert len(results) == 9
    for result in (*results, *others):
        assert isinstance(result.error, RateLimitError)
        assert result.error.retry_after == 3600
        assert result.error.attempts == result.attempts
    sent = [result for result in results if result.attempts]
    assert 1 <= len(sent) <= concurrency
    for result in (*results[concurrency:], *others):
        assert not result.attempts
        assert isinstance(result.error, RateLimitError)
        assert result.error.execution == "not_sent"
        assert "wasn't sent" in "".join(result.error.__notes__)


async def test_retry_that_cant_be_sent_within_the_time(stub: Stub) -> None:
    """It fails with the server's refusal as soon as that is known, and says that it wasn't sent again."""
    async with client_of(stub) as client:
        batch_limiter = batch_limiter_of(client._transport)

        async def reply(body: Json) -> web.Response:
            if body["prompt"] == "prompt 1":
                return refusal(headers={"Retry-After": "3600"})
            await until(lambda: batch_limiter.last_error)
            return web.json_response({"message": "oh"}, status=500)

        stub.reply = reply
        results = await results_of(client.batch.run(lines(2), concurrency=2, give_up_after=60))
        assert batch_limiter.overload.in_flight == 0
    assert [[attempt.status for attempt in result.attempts] for result in results] == [
        [500, None],
        [429],
    ]
    error = results[0].error
    assert isinstance(error, RateLimitError)
    assert error.execution == "unknown"  # what became of the first attempt
    assert error.attempts == results[0].attempts
    assert "wasn't sent again" in "".join(error.__notes__)


async def test_waiting_request_hears_of_a_long_wait(stub: Stub) -> None:
    """A request that already waits for its turn gives up as soon as the server asks for longer than it has."""
    stub.open.clear()
    stub.reply = lambda body: refusal(headers={"Retry-After": "3600"})
    async with client_of(stub) as client:
        first = asyncio.create_task(results_of(client.batch.run(lines(1), concurrency=1)))
        await stub.reached(lambda: stub.under_way == 1)
        second = asyncio.create_task(results_of(client.batch.run(lines(2), rpm=0.01)))
        await stub.reached(lambda: stub.under_way == 2)
        stub.open.set()
        results = [*await first, *await second]
    assert [type(result.error) for result in results] == [RateLimitError] * 3
    assert [len(result.attempts) for result in results] == [1, 1, 0]


@pytest.mark.parametrize("concurrency", [1, 3, 20])
async def test_given_concurrency_is_used_and_kept(
    stub: Stub, batch: AsyncBatch, concurrency: int
) -> None:
    """So many go at once, no more and no fewer."""
    stub.open.clear()
    run = batch.run(lines(60), concurrency=concurrency)
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: stub.under_way == concurrency)
    assert run.progress.in_flight == concurrency
    stub.open.set()
    await first
    await results_of(run)
    assert stub.most == concurrency


async def test_connections_of_the_client_are_no_limit(stub: Stub) -> None:
    """A batch isn't silently capped by `max_connections`."""
    stub.open.clear()
    async with client_of(stub, max_connections=2) as client:
        run = AsyncBatch(client._transport).run(lines(30), concurrency=12)
        first = asyncio.ensure_future(anext(run))
        await stub.reached(lambda: stub.under_way == 12)
        stub.open.set()
        await first
        await run.close()


async def test_hidden_limit_is_respected(stub: Stub, batch: AsyncBatch) -> None:
    """A server that takes five at once is asked for hardly more, and all is answered."""

    async def reply(body: Json) -> web.Response:
        if stub.under_way > 5:
            return refusal()
        await asyncio.sleep(0.002)
        return completion(body)

    stub.reply = reply
    run = batch.run(lines(400))
    assert all(result.error is None for result in await results_of(run))
    assert run.progress.refused < 60
    assert batch_limiter_of(batch._transport).concurrency(Settings.of()).limit <= 8


async def test_requests_are_read_as_they_are_needed(stub: Stub, batch: AsyncBatch) -> None:
    """An endless generator is no more than one read ahead of what is sent."""
    stub.open.clear()
    taken = itertools.count()

    def endless() -> Any:
        while True:
            yield line(f"id-{next(taken)}")

    run = batch.run(endless(), concurrency=4)
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: stub.under_way == 4)
    assert next(taken) == 5
    stub.open.set()
    await first
    await run.close()


async def test_results_that_nobody_takes_hold_up_the_sending(stub: Stub, batch: AsyncBatch) -> None:
    """A slow caller isn't buried in results."""
    run = batch.run(lines(500), concurrency=4)
    seen = 0
    while seen < 30:
        await anext(run)
        seen += 1
        for _ in range(200):  # as much time as anything could need
            await asyncio.sleep(0)
        assert len(stub.requests) - seen <= 2 * (16 + 4)
    await run.close()


async def test_order_is_kept_on_demand(stub: Stub, batch: AsyncBatch) -> None:
    """Results wait for older ones; others are sent meanwhile, up to a bound."""
    hold = stub.hold_first()
    run = batch.run(lines(100), ordered=True, concurrency=3)
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: len(stub.requests) == 3 * 8 + 1)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(stub.requests) == 3 * 8 + 1
    assert not first.done()
    hold.set()
    rest = [(await first).index] + [result.index async for result in run]
    assert rest == list(range(100))


async def test_bad_items_keep_their_place(batch: AsyncBatch) -> None:
    """With order, as any other result."""
    run = batch.run([line("a"), {}, line("c")], ordered=True)
    assert [result.index async for result in run] == [0, 1, 2]


async def test_first_failure_ends_the_batch_on_demand(stub: Stub, batch: AsyncBatch) -> None:
    """What was there before it comes first; then its error, which says whose it is."""
    run = batch.run([line("a"), line("b"), {"custom_id": "c"}, line("d")], fail_fast=True)
    seen, error = await results_until_failure(run)
    assert isinstance(error, InvalidRequestError)
    assert error.__notes__ == ["request 2, custom_id 'c'"]
    assert 3 not in seen
    assert run.progress.failed == 1


async def test_only_the_first_failure_counts(batch: AsyncBatch) -> None:
    """What was read ahead is no longer looked at."""
    run = batch.run([{} for _ in range(9)], fail_fast=True)
    with pytest.raises(InvalidRequestError):
        await run._next_items()
    await run.close()
    assert run.progress.failed == 1


async def test_first_failure_cancels_what_is_under_way(stub: Stub, batch: AsyncBatch) -> None:
    """Nothing more is waited for."""
    never = asyncio.Event()

    async def reply(body: Json) -> web.Response:
        if body["prompt"] != "prompt 1":
            await never.wait()
        return web.json_response({}, status=400)

    stub.reply = reply
    with pytest.raises(BadRequestError):
        await results_of(batch.run(lines(10), fail_fast=True))
    await stub.reached(lambda: stub.under_way == 0)


async def test_what_the_iterable_raises_comes_after_its_responses(
    stub: Stub, batch: AsyncBatch
) -> None:
    """The requests that were read are answered before."""

    def failing() -> Any:
        yield from lines(5)
        raise KeyError("theirs")

    seen, error = await results_until_failure(batch.run(failing()))
    assert isinstance(error, KeyError)
    assert sorted(seen) == list(range(5))


class Stop(BaseException):
    """What a program ends by in a way of its own."""


@pytest.mark.parametrize("kind", ["inline", "threaded", "asynchronous"])
@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), KeyError("theirs"), Stop()])
async def test_exits_of_the_iterable_lose_nothing(
    stub: Stub, batch: AsyncBatch, kind: str, error: BaseException
) -> None:
    """Its `sys.exit` comes after the responses to what was read before, as its other errors do."""
    stub.open.clear()

    def plain() -> Iterator[Json]:
        yield from lines(5)
        raise error

    async def asynchronous() -> AsyncIterator[Json]:
        for item in lines(5):
            yield item
        raise error

    run = batch.run(asynchronous() if kind == "asynchronous" else plain())
    seen: list[int] = []

    async def read() -> BaseException:
        try:
            while True:
                results = await run._take(BatchRunner.get, threaded=kind == "threaded")
                seen.extend(result.index for result in results)
        except (
            SystemExit,
            GeneratorExit,
            KeyError,
            Stop,
        ) as raised:  # not raised in the test's task
            return raised

    reading = asyncio.create_task(read())
    await stub.reached(lambda: stub.under_way == 5)
    stub.open.set()
    assert await reading is error
    assert sorted(seen) == list(range(5))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
async def test_iterable_that_is_cancelled_isnt_at_its_end(
    stub: Stub, batch: AsyncBatch, kind: str, ordered: bool
) -> None:
    """What it awaits was cancelled, for example: an error, not a batch that looks complete; and no cancellation either."""

    async def cancelled() -> AsyncIterator[Json]:
        for item in lines(5):
            yield item
        rows = asyncio.get_running_loop().create_future()
        rows.cancel()
        await rows

    def plain() -> Iterator[Json]:
        yield from lines(5)
        raise asyncio.CancelledError

    source = plain() if kind == "plain" else cancelled()
    seen, error = await results_until_failure(batch.run(source, ordered=ordered))
    assert type(error) is HorayError
    assert isinstance(error.__cause__, asyncio.CancelledError)
    assert "the iterable of requests raised CancelledError" in str(error)
    assert sorted(seen) == list(range(5))


async def test_consumer_that_is_cancelled_is_cancelled(stub: Stub, batch: AsyncBatch) -> None:
    """And the asynchronous iterable is ended with it."""
    ended = asyncio.Event()

    async def waiting() -> AsyncIterator[Json]:
        try:
            yield line("a")
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def consume() -> None:
        async for result in batch.run(waiting()):
            assert result.error is None
            seen.set()

    seen = asyncio.Event()
    task = asyncio.create_task(consume())
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended.wait()


async def test_closing_the_client_ends_the_batch(stub: Stub) -> None:
    """What was under way has its results first: it was sent, and may have been paid for."""
    stub.open.clear()
    client = client_of(stub)
    run = AsyncBatch(client._transport).run(lines(12), concurrency=10)
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: stub.under_way == 10)
    await client.close()
    results = [await first, *[await anext(run) for _ in range(9)]]
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await anext(run)
    assert sorted(result.index for result in results) == list(range(10))
    assert {getattr(result.error, "execution", "") for result in results} == {"unknown"}
    assert all(len(result.attempts) == 1 for result in results)


async def test_closing_the_client_under_a_source_that_waits(stub: Stub) -> None:
    """Nothing is under way, and the source has nothing for now, or for ever: the run ends all the same."""

    async def waiting() -> AsyncIterator[Json]:
        yield line("a")
        await asyncio.Event().wait()

    client = client_of(stub)
    run = AsyncBatch(client._transport).run(waiting())
    assert (await anext(run)).error is None
    later = asyncio.ensure_future(anext(run))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await asyncio.wait_for(later, 20)


async def test_bugs_arent_results(
    stub: Stub, batch: AsyncBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw ends the batch."""

    async def broken(*args: object, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sender, "fetch", broken)
    with pytest.raises(ZeroDivisionError):
        await results_of(batch.run(lines(3)))
    assert batch_limiter_of(batch._transport).overload.in_flight == 0


async def test_cancellation_from_outside_ends_the_batch(stub: Stub, batch: AsyncBatch) -> None:
    """As when somebody cancels all tasks of the loop but the one that waits."""
    stub.open.clear()
    before = asyncio.all_tasks()
    run = batch.run(lines(1))
    first = asyncio.ensure_future(anext(run))
    await stub.reached(lambda: stub.under_way == 1)
    for task in asyncio.all_tasks() - before - {first}:
        if "BatchRunner" in repr(task.get_coro()):
            task.cancel()
    with pytest.raises(ConfigurationError, match="cancelled from outside"):
        await first


class LazyRow(Mapping[str, Any]):
    """A row that is read when it is looked at: one of its fields can't be."""

    def __init__(self, unreadable: str, error: BaseException) -> None:
        self._fields = line("lazy")
        self._unreadable = unreadable
        self._error = error

    def __getitem__(self, name: str) -> Any:
        if name == self._unreadable:
            raise self._error
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@pytest.mark.parametrize(
    "error", [OSError("the disk is gone"), RuntimeError("no row"), asyncio.CancelledError()]
)
@pytest.mark.parametrize(("unreadable", "name"), [("body", "lazy"), ("custom_id", "request-4")])
async def test_item_that_cant_be_read_is_one_result(
    stub: Stub, batch: AsyncBatch, error: BaseException, unreadable: str, name: str
) -> None:
    """Whatever its own code raises; those under way, and those after it, are done."""
    stub.open.clear()
    row = LazyRow(unreadable, error)
    results = asyncio.ensure_future(results_of(batch.run([*lines(4), row, line("last")])))
    await stub.reached(lambda: stub.under_way == 5)
    stub.open.set()
    *before, lazy, last = await results
    assert all(result.response is not None for result in (*before, last))
    assert lazy.custom_id == name
    assert isinstance(lazy.error, InvalidRequestError)
    assert lazy.error.__cause__ is error
    assert type(error).__name__ in str(lazy.error)


@pytest.mark.parametrize("ordered", [False, True])
async def test_wrong_key_ends_the_run(batch: AsyncBatch, stub: Stub, ordered: bool) -> None:
    """Its iteration raises the server's error, and no more is sent than went at once."""
    stub.reply = lambda _: web.json_response({"message": "no"}, status=401)
    run = batch.run(lines(100), concurrency=4, ordered=ordered)
    seen, error = await results_until_failure(run)
    assert seen == []
    assert 3 <= len(stub.requests) <= 8  # none of them waited for the others
    assert isinstance(error, AuthenticationError)
    assert "refused the key" in error.__notes__[0]
    assert (run.progress.failed, run.progress.in_flight) == (0, 0)


@pytest.mark.parametrize("status", [500, None])
async def test_refused_key_of_the_first_in_order(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    """It is a result where all that waits behind it shows nothing of the key: another failure, or nothing that is sent."""
    monkeypatch.setattr(runner, "MAX_UNCONFIRMED_SECONDS", 0.01)

    def reply(body: Json) -> web.Response:
        first = body["prompt"] == "prompt 0"
        return web.json_response({"message": "no"}, status=401 if first else 500)

    stub.reply = reply
    items = list(lines(60))
    if status is None:
        items[1:] = [line(item["custom_id"], method="GET") for item in items[1:]]
    async with asyncio.timeout(20):
        results = await results_of(batch.run(items, concurrency=2, ordered=True))
    assert [result.index for result in results] == list(range(60))
    assert isinstance(results[0].error, AuthenticationError)
    assert len(results[0].error.attempts) == 1


async def test_refused_key_where_the_source_waits_for_the_result(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What yields a request only once the last one has its result gets that."""
    monkeypatch.setattr(runner, "MAX_UNCONFIRMED_SECONDS", 0.01)
    stub.reply = lambda _: web.json_response({"message": "no"}, status=401)
    had = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        for item in lines(3):
            yield item
            await had.wait()
            had.clear()

    results: list[BatchResult[Any]] = []
    async with asyncio.timeout(20):
        async for result in batch.run(source()):
            results.append(result)
            had.set()
    assert len(results) == 3
    assert all(isinstance(result.error, AuthenticationError) for result in results)


@pytest.mark.parametrize("ahead", [0, 5])
async def test_exhausted_balance_where_the_source_gives_no_more(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """Another model is looked for in what comes soon, and among no more than are read ahead; then the run ends."""
    monkeypatch.setattr(runner, "MAX_UNCONFIRMED_SECONDS", 0.01)
    monkeypatch.setattr(balance_search, "MAX_READ_AHEAD", ahead)
    monkeypatch.setattr(balance_search, "MAX_PROBES", 0)
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    given = itertools.count(1)

    async def source() -> AsyncIterator[Any]:
        for item in lines(3 + 2 * ahead):
            _ = next(given)
            yield item
        await asyncio.Event().wait()

    async with asyncio.timeout(20):
        seen, error = await results_until_failure(batch.run(source(), concurrency=1))
    assert seen == []
    assert isinstance(error, InsufficientBalanceError)
    assert 3 <= len(stub.requests) <= 4  # one may have waited for its turn
    assert next(given) >= 3 + ahead


@pytest.mark.parametrize("most", ["MAX_READ_AHEAD", "MAX_BYTES_AHEAD"])
async def test_search_for_another_model_has_an_end(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    """However many models there are, so much is read for it and no more, and refused."""
    size = len(json.dumps({"model": "m10", "prompt": "p"}, separators=(",", ":")))
    monkeypatch.setattr(balance_search, "MAX_PROBES", 0)
    monkeypatch.setattr(balance_search, most, 20 if most == "MAX_READ_AHEAD" else 23 * size)
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    items = [line(f"id-{n}", body={"model": f"m{n + 10}", "prompt": "p"}) for n in range(80)]
    _, error = await results_until_failure(batch.run(items, concurrency=1))
    assert isinstance(error, InsufficientBalanceError)
    assert 23 <= len(stub.requests) <= 25


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_other_model_far_behind_in_order(
    batch: AsyncBatch, stub: Stub, concurrency: int
) -> None:
    """It is found, however many results wait for the first one."""

    def reply(body: Json) -> web.Response:
        dear = body["model"] == "a"
        return web.json_response({"message": "no"}, status=402) if dear else completion(body)

    stub.reply = reply
    items = [
        line(f"id-{n}", body={"model": "a" if n < 300 else "b", "prompt": "p"}) for n in range(320)
    ]
    results = await results_of(batch.run(items, concurrency=concurrency, ordered=True))
    assert [result.index for result in results] == list(range(320))
    assert [result.error is None for result in results] == [n >= 300 for n in range(320)]


async def test_search_ends_after_a_while(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each request has to wait before it is refused, no more than one is sent for the search."""
    monkeypatch.setattr(balance_search, "MAX_SECONDS", 0.0)
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    _, error = await results_until_failure(batch.run(lines(100), concurrency=1))
    assert isinstance(error, InsufficientBalanceError)
    assert len(stub.requests) <= 5


async def test_ended_run_keeps_no_requests(batch: AsyncBatch, stub: Stub) -> None:
    """Not even where its error is kept, whose traceback knows the run."""
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    given = list[ref[BatchRequest[Any]]]()

    def source() -> Iterator[BatchRequest[Any]]:
        for number in range(40):
            request = BatchRequest.completion(model="m", prompt=str(number))
            given.append(ref(request))
            yield request

    _, error = await results_until_failure(batch.run(source(), concurrency=4))
    gc.collect()
    assert isinstance(error, InsufficientBalanceError)
    assert sum(each() is not None for each in given) <= 1  # the generator's own variable


async def test_refused_keys_among_the_refused(batch: AsyncBatch, stub: Stub) -> None:
    """The search goes on: with some servers a model has a key of its own."""
    statuses = {"a": 402, "z": 401}

    def reply(body: Json) -> web.Response:
        status = statuses.get(body["model"])
        return web.json_response({"message": "no"}, status=status) if status else completion(body)

    stub.reply = reply
    items = [
        line(f"id-{n}", body={"model": model, "prompt": "p"}) for n, model in enumerate("zaaazbb")
    ]
    results = await results_of(batch.run(items, concurrency=1))
    assert sorted(result.index for result in results if result.error is None) == [5, 6]


async def test_what_is_read_ahead_stays_bounded(
    batch: AsyncBatch, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often another model succeeds meanwhile; and those that were refused come first then."""
    monkeypatch.setattr(balance_search, "MAX_READ_AHEAD", 50)
    monkeypatch.setattr(balance_search, "MAX_PROBES", 2)
    asked = itertools.count()

    def reply(body: Json) -> web.Response:
        exhausted = body["model"] == "a" and next(asked) > 5
        return web.json_response({"message": "no"}, status=402) if exhausted else completion(body)

    stub.reply = reply
    given = itertools.count()

    def source() -> Iterator[Json]:
        for number in given:
            yield line(
                f"id-{number}", body={"model": "b" if number % 5 == 4 else "a", "prompt": "p"}
            )

    run = batch.run(source(), concurrency=1)
    seen = [(await anext(run)).index for _ in range(60)]
    assert next(given) - len(seen) < 100
    assert max(seen) < 100  # those that were refused come first once another has succeeded
    await run.close()


async def test_search_waits_for_who_takes_results(batch: AsyncBatch, stub: Stub) -> None:
    """What can't be sent counts as read, and isn't read further ahead of the consumer than ever."""
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    given = itertools.count()

    def source() -> Iterator[Json]:
        yield from lines(6)
        for number in given:
            yield line(f"bad-{number}", method="GET")

    run = batch.run(source(), concurrency=1)
    async with asyncio.timeout(20):
        await anext(run)
        assert next(given) < 200
        with pytest.raises(InsufficientBalanceError):
            await results_of(run)
    assert next(given) < 2 * balance_search.MAX_READ_AHEAD


@pytest.mark.parametrize("count", [2, 10])
async def test_iterable_that_raises_while_some_are_refused(
    batch: AsyncBatch, stub: Stub, count: int
) -> None:
    """Their refusal is their result."""
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)

    def source() -> Iterator[Json]:
        yield from lines(count)
        raise KeyError("gone")

    run, results = batch.run(source()), list[BatchResult[Any]]()
    with pytest.raises(KeyError):  # noqa: PT012 - what comes before the error counts
        async for result in run:
            results.append(result)
    assert [type(result.error) for result in results] == [InsufficientBalanceError] * count


async def test_misspelt_fields_of_mappings_are_logged(
    batch: AsyncBatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of the first few, each before it is sent."""
    body = {"model": "m", "prompt": "Once", "max_token": 3}
    results = await results_of(batch.run([line(f"id-{n}", body=body) for n in range(9)]))
    assert all(result.response is not None for result in results)
    assert caplog.messages == [
        f"request {n}, 'id-{n}': body.max_token: did you mean 'max_tokens'? (it is sent as it is)"
        for n in range(3)
    ]


async def test_forbidden_request_is_a_result(batch: AsyncBatch, stub: Stub) -> None:
    """A 403 may be of the model: the others go on."""
    stub.reply = lambda _: web.json_response({"message": "not this model"}, status=403)
    results = await results_of(batch.run(lines(9), concurrency=2))
    assert all(isinstance(result.error, PermissionDeniedError) for result in results)
    assert len(results) == 9


async def test_key_function_that_raises_once_fails_one_request(stub: Stub) -> None:
    """The others are done, those under way included, and those after it ask the function again."""
    asked = itertools.count()

    def key() -> str:
        number = next(asked)
        if number == 1:
            raise OSError("the vault is away")
        return f"the-key-number-{number}"

    def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 3" and len(stub.requests) == 4:
            return web.json_response({"message": "no"}, status=401)
        return completion(body)

    stub.reply = reply
    retry = RetryPolicy(max_retries=0)
    async with AsyncHoray(key, base_url=stub.base_url, retry=retry) as client:
        run = client.batch.run(lines(9), concurrency=1)
        results = await results_of(run)
    failed = [result for result in results if result.error is not None]
    assert [result.index for result in failed] == [3]
    error = failed[0].error
    assert isinstance(error, AuthenticationError)
    assert isinstance(error.__cause__, ConfigurationError)
    assert isinstance(error.__cause__.__cause__, OSError)
    assert (run.progress.done, run.progress.failed, run.progress.in_flight) == (8, 1, 0)


@pytest.mark.parametrize("ordered", [False, True])
async def test_policy_that_raises_ends_the_batch_after_what_is_under_way(
    stub: Stub, ordered: bool
) -> None:
    """What was sent is handed out, in order too; no more is sent."""
    held = asyncio.Event()

    class Policy(RetryPolicy):
        def delay(self, *args: Any, **known: Any) -> float | None:
            held.set()
            raise KeyError("theirs")

    async def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 2":
            await stub.reached(lambda: stub.under_way == 5)
            return web.json_response({"message": "no"}, status=500)
        await held.wait()
        return completion(body)

    stub.reply = reply
    async with client_of(stub, retry=Policy()) as client:
        run = client.batch.run(lines(200), ordered=ordered, concurrency=5)
        seen, error = await results_until_failure(run)
        assert batch_limiter_of(client._transport).overload.in_flight == 0
    assert isinstance(error, KeyError)
    assert {0, 1, 3, 4} <= set(seen)
    # In order, the one that the policy raised for has a place as well.
    assert len(seen) == len(stub.requests) - (not ordered)
    assert not ordered or seen == list(range(len(seen)))


async def test_results_in_order_stay_beside_their_requests(stub: Stub, batch: AsyncBatch) -> None:
    """Where the first failure ends the run: it is in its place, and so are those that were given up for it."""

    async def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 1":
            await asyncio.Event().wait()
        if body["prompt"] == "prompt 3":
            await until(lambda: run.progress.done == 4)
            return web.json_response({"message": "no"}, status=400)
        return completion(body)

    stub.reply = reply
    run = batch.run(lines(6), ordered=True, concurrency=6, fail_fast=True)
    results: list[Any] = []

    async def read() -> None:
        async for result in run:
            results.append(result)  # noqa: PERF401 - what came before it raises

    with pytest.raises(BadRequestError, match="no"):
        await read()
    assert [result.index for result in results] == list(range(6))
    errors = [result.error for result in results]
    kinds: list[Any] = [None, APIConnectionError, None, BadRequestError, None, None]
    assert [error and type(error) for error in errors] == kinds
    assert str(errors[1]) == "the batch ended before this request was finished"
    assert errors[1].execution == "unknown"  # it was under way
    assert (run.progress.done, run.progress.failed) == (4, 2)
    assert run.progress.main_error == errors[3].message


@pytest.mark.parametrize("ordered", [False, True])
async def test_run_that_is_left_counts_what_is_finished(
    stub: Stub, batch: AsyncBatch, ordered: bool
) -> None:
    """What was cut off has no result."""

    async def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 2":
            await asyncio.Event().wait()
        return completion(body)

    stub.reply = reply
    run = batch.run(lines(6), ordered=ordered, concurrency=6)
    assert (await anext(run)).error is None
    await until(lambda: run.progress.done == 5)
    await run.close()
    assert (run.progress.done, run.progress.failed) == (5, 0)


async def test_estimates_give_way_to_what_was_used(stub: Stub, batch: AsyncBatch) -> None:
    """A thousand tokens each would take ten seconds each; five don't."""
    requests = [BatchRequest.completion(model="m", prompt="x", max_tokens=1000) for _ in range(4)]
    run = batch.run(requests, tpm=6000)
    assert len(await asyncio.wait_for(results_of(run), 8)) == 4


async def test_refused_requests_take_no_tokens(stub: Stub, batch: AsyncBatch) -> None:
    """Nor do they hold up the next."""
    responses = iter([refusal(), refusal(), refusal()])
    stub.reply = lambda body: next(responses, None) or completion(body)
    request = BatchRequest.completion(model="m", prompt="x", max_tokens=1000)
    assert len(await asyncio.wait_for(results_of(batch.run([request], tpm=6000)), 8)) == 1


@pytest.mark.parametrize("tokens", ["1000000000000", "-1000000000", "1" * 400, "1e99", '"12"'])
@pytest.mark.parametrize("name", ["total_tokens", "prompt_tokens", "completion_tokens"])
async def test_usage_that_cant_be_true_steers_nothing(
    stub: Stub, batch: AsyncBatch, name: str, tokens: str
) -> None:
    """Neither a stall nor an end of the batch; nor is it counted."""

    def reply(body: Json) -> web.Response:
        text = json.dumps({"choices": [{"text": "x"}], "usage": {**USAGE, name: "HERE"}})
        return web.Response(text=text.replace('"HERE"', tokens), content_type="application/json")

    stub.reply = reply
    run = batch.run(lines(30), tpm=1_000_000)
    results = await asyncio.wait_for(results_of(run), 20)
    assert len(results) == 30
    assert all(result.error is None or "JSON" in str(result.error) for result in results)
    assert 0 <= run.progress.total_tokens <= 30 * 17


@pytest.mark.parametrize("field", ["max_tokens", "n"])
async def test_numbers_of_a_request_that_cant_be_true_steer_nothing(
    stub: Stub, batch: AsyncBatch, field: str
) -> None:
    """What they are refused for is the server's to say."""
    body = {"model": "m", "prompt": "x", field: 10**400}
    typed: Any = {"model": "m", "prompt": "x", field: 10**400}
    requests: list[Any] = [line("a", body=body), BatchRequest.completion(**typed)]
    results = await asyncio.wait_for(results_of(batch.run(requests, tpm=100_000_000)), 20)
    assert len(results) == 2


@pytest.mark.usefixtures("no_collection")
async def test_response_nested_to_the_edge_of_the_stack(
    stub: Stub, batch: AsyncBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is the failure of its request, wherever the stack gave out."""

    async def fetch(transport: Any, request: Any, into: Any, **options: Any) -> Any:
        if b"prompt 3" in request.body:
            raise RecursionError
        return await fetch_(transport, request, into, **options)

    monkeypatch.setattr(sender, "fetch", fetch)
    results = await results_of(batch.run(lines(20)))
    assert len(results) == 20
    failures = [result for result in results if result.error is not None]
    assert [str(failed.error) for failed in failures] == ["the response is nested too deep"]
    assert batch_limiter_of(batch._transport).overload.in_flight == 0


async def test_client_goes_on_during_a_batch(stub: Stub, client: AsyncHoray) -> None:
    """Single calls aren't held up by the batch limiter."""
    run = AsyncBatch(client._transport).run(lines(50), concurrency=2)
    results = asyncio.ensure_future(results_of(run))
    response = await client.completions.create(model="m", prompt="by the way")
    assert response.choices[0].text == "by the way"
    assert len(await results) == 50


async def test_drift_warning_that_is_raised_is_one_results(stub: Stub) -> None:
    """Where warnings are errors, `strict="warn"` is as `strict="raise"`: the response is kept, and the others are sent."""

    def reply(body: Json) -> web.Response:
        whole = json.loads(cast("bytes", completion(body).body))
        mood = {"mood": 1} if body["prompt"] == "prompt 0" else {}
        return web.json_response({**whole, "created": 1, "model": "m", **mood})

    stub.reply = reply
    with warnings.catch_warnings():
        warnings.simplefilter("error", DriftWarning)
        async with client_of(stub, strict="warn") as client:
            first, *others = await results_of(client.batch.run(lines(5), concurrency=1))
    assert isinstance(first.error, DriftError)
    assert first.error.path == "$.mood"
    assert isinstance(first.error.response, Completion)
    assert '"mood": 1' in first.error.body
    assert isinstance(first.error.__cause__, DriftWarning)
    assert first.error.attempts == first.attempts
    assert [attempt.status for attempt in first.attempts] == [200]
    assert all(result.response is not None for result in others)


async def test_refusals_keep_no_batch(stub: Stub, batch: AsyncBatch) -> None:
    """What a client knows of the latest refusal holds nothing of the batch that met it, once that is over."""

    class Item(dict[str, Any]):
        """Can be referred to weakly."""

    refusals = iter([refusal(), refusal(503)])
    stub.reply = lambda body: next(refusals, None) or completion(body)
    items = [Item(each) for each in lines(2)]
    kept = [ref(each) for each in items]
    assert all(result.error is None for result in await results_of(batch.run(items)))
    assert next(refusals, None) is None
    del items
    gc.collect()
    assert [each() for each in kept] == [None, None]


async def test_refusals_keep_no_copies(stub: Stub, client: AsyncHoray) -> None:
    """A copy of a client whose batch was refused leaves nothing for good, as one whose batch wasn't does."""
    batch_limiters: WeakSet[BatchLimiter] = WeakSet()
    refusals: list[web.Response] = []

    def reply(body: Json) -> web.Response:
        return refusals.pop() if refusals else completion(body)

    stub.reply = reply
    for number in range(4 * MAX_UNUSED):
        copy = client.with_options(base_url=f"{stub.base_url}/{number}")
        refusals.append(refusal())
        (result,) = await results_of(copy.batch.run(lines(1)))
        assert result.error is None
        batch_limiters.add(batch_limiter_of(copy._transport))
        del copy, result
    gc.collect()
    assert len(batch_limiters) <= 2 * MAX_UNUSED


@pytest.mark.parametrize("end", ["close", "stop", "own"])
async def test_end_of_the_source_is_waited_for(batch: AsyncBatch, end: str) -> None:
    """A cursor that it closes in a `finally` is closed by the time the run is; also where the source closes its run."""
    steps: list[str] = []

    async def source() -> AsyncIterator[Any]:
        try:
            for number in itertools.count():
                if end == "own" and number == 100:
                    await run.close()
                yield line(str(number))
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            steps.append("cursor closed")

    run = batch.run(source(), concurrency=2)
    async with asyncio.timeout(20):
        with contextlib.suppress(HorayError):
            async for _ in run:
                if end == "close":
                    break
                if end == "stop":
                    run.progress.stop_sending()
        await run.close()
    steps.append("run closed")
    assert steps == ["cursor closed", "run closed"]


async def test_policy_that_returns_no_delay(stub: Stub, client: AsyncHoray) -> None:
    """The error names the class that has to be mended."""

    class Backwards(RetryPolicy):
        def delay(self, *_: object, **__: object) -> float:
            return -1

    stub.reply = lambda _: refusal(500)
    (result,) = await results_of(client.with_options(retry=Backwards()).batch.run([line("a")]))
    with pytest.raises(
        ConfigurationError, match=r"^Backwards\.delay\(\) must return .* it returned -1$"
    ):
        result.unwrap()
