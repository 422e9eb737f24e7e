"""What a batch does while its server refuses or fails: without a server, in a time that skips all waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from horay_async import (
    AsyncHoray,
    BatchRequest,
    ConfigurationError,
    InsufficientBalanceError,
    Limits,
    RateLimitError,
)
from horay_async._protocol.limits.server_window import MAX_HOLD
from horay_async._protocol.limits.shared_pause import SharedPause
from horay_async.batch import sender
from horay_async.batch.batch_limiter import batch_limiter_of
from horay_async.models.completions import Completion
from horay_async.models.meta import Attempt
from tests.readers import made_meta
from tests.skipping import skipping_time

from .conftest import lines


@pytest.fixture(autouse=True)
def real_pauses(short_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take no time here."""
    monkeypatch.setattr(SharedPause, "FIRST", 0.5)
    monkeypatch.setattr(SharedPause, "MAX", 16.0)
    monkeypatch.setattr(SharedPause, "MIN_SPREAD", 0.25)


@attrs.define
class Refusing:
    """Refuses every request, a hundredth of a second after it was sent."""

    retry_after: float | None
    sent: list[float] = attrs.field(factory=list[float])
    """When."""

    async def fetch(self, *_: Any, **__: Any) -> Any:
        """Stands for `fetch`."""
        self.sent.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        raise RateLimitError(
            "too much",
            status_code=429,
            retry_after=self.retry_after,
            attempts=(Attempt(started=0.0, status=429),),
        )


@pytest.mark.parametrize("retry_after", [None, 1.0, 2.0])
@pytest.mark.parametrize("concurrency", [1, 2, "auto"])
@skipping_time
async def test_short_waits_that_are_asked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch, retry_after: float | None, concurrency: Any
) -> None:
    """Nothing got through for `give_up_after`: all requests give up then, not one after each wait."""
    loop, server = asyncio.get_running_loop(), Refusing(retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    async with AsyncHoray("a-key-for-nothing") as client:
        began = loop.time()
        run = client.batch.run(lines(300), concurrency=concurrency, give_up_after=5)
        results = [result async for result in run]
        assert len(results) == 300
        assert all(isinstance(result.error, RateLimitError) for result in results)
        # What is refused first begins the time, and one more is sent at its end.
        assert 5 <= loop.time() - began < 5 + 3 * (retry_after or 1.0)
        assert loop.time() - server.sent[-1] < 0.1
        note = "" if retry_after is None else f", with a wait of {retry_after:g} s at last"
        assert results[-1].error is not None
        told = "give_up_after is 5 s, and the server has refused everything for that long"
        assert results[-1].error.__notes__ == [f"the request wasn't sent: {told}{note}"]


@skipping_time
async def test_many_models_that_are_all_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all was refused for `give_up_after` each model is asked once more, and none waits for what another one's refusal asks."""
    loop, server = asyncio.get_running_loop(), Refusing(1.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    async with AsyncHoray("a-key-for-nothing") as client:
        began = loop.time()
        asked = [BatchRequest.completion(model=f"m{at}", prompt="Hi") for at in range(60)]
        results = [result async for result in client.batch.run(asked, give_up_after=3)]
        assert all(isinstance(result.error, RateLimitError) for result in results)
        assert loop.time() - began < 3 + 3


@skipping_time
async def test_wait_of_a_day_that_a_batch_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the batch, or is kept to where that has so much time; the client's calls ask anew after two minutes."""
    loop, server = asyncio.get_running_loop(), Refusing(86_400.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    async with AsyncHoray("a-key-for-nothing", limits=Limits(concurrency=5)) as client:
        results = [result async for result in client.batch.run(lines(1))]
        assert isinstance(results[0].error, RateLimitError)
        began = loop.time()
        permit = await client._transport.limiter().acquire(b"{}", bulk=False)
        assert loop.time() - began <= 1.1 * MAX_HOLD
        permit.unsent()
        run = client.batch.run(lines(1), give_up_after=100_000)
        results = [result async for result in run]
        assert isinstance(results[0].error, RateLimitError)
        first, second = server.sent
        assert second - first >= 86_400


@attrs.define
class Limited:
    """Lets through what `allows` says by the model, a hundredth of a second after it was sent; refuses the rest."""

    allows: Callable[[str], bool]
    retry_after: float | None = None
    sent: list[str] = attrs.field(factory=list[str])
    """The prompts."""

    async def fetch(self, _: Any, request: Any, *__: Any, **___: Any) -> Any:
        """Stands for `fetch`."""
        asked = json.loads(request.body)
        self.sent.append(asked["prompt"])
        allowed = self.allows(asked["model"])
        await asyncio.sleep(0.01)
        if allowed:
            response: Any = Completion()
            response.meta = made_meta()
            return response
        attempts = (Attempt(started=0.0, status=429),)
        raise RateLimitError(
            "too much", status_code=429, retry_after=self.retry_after, attempts=attempts
        )


@pytest.mark.parametrize("count", [60, 900])
@pytest.mark.parametrize("concurrency", [4, "auto"])
@skipping_time
async def test_requests_that_are_sorted_by_model(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any, count: int
) -> None:
    """While the first model is refused, the source is read on, to find one that the server takes."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model == "b")
    monkeypatch.setattr(sender, "fetch", server.fetch)
    models = ["a"] * count + ["b"] * 50
    asked = [
        BatchRequest.completion(model=each, prompt=f"{each}{at}") for at, each in enumerate(models)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        began, came = loop.time(), dict[int, float]()
        async for result in client.batch.run(asked, concurrency=concurrency, give_up_after=100):
            assert (result.error is None) == (models[result.index] == "b")
            came[result.index] = loop.time() - began
    assert max(came[at] for at in range(count, count + 50)) < 10
    assert min(came[at] for at in range(count)) >= 90
    sent_for_a = [prompt for prompt in server.sent if prompt.startswith("a")]
    assert sent_for_a[1:].index("a0") < 20, "who was refused goes before those that were only read"


@skipping_time
async def test_refused_models_of_which_one_asks_for_a_long_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its requests fail at once. The other model is asked less and less often, and given up in its time."""
    loop, server = asyncio.get_running_loop(), Refusing(None)

    async def fetch(transport: Any, request: Any, *others: Any, **known: Any) -> Any:
        model = json.loads(request.body)["model"]
        if model == "a":
            raise RateLimitError("too much", status_code=429, retry_after=5000.0)
        await server.fetch(transport, request, *others, **known)

    monkeypatch.setattr(sender, "fetch", fetch)
    asked = [BatchRequest.completion(model="ab"[at % 2], prompt=str(at)) for at in range(400)]
    async with AsyncHoray("a-key-for-nothing") as client:
        began = loop.time()
        results = [result async for result in client.batch.run(asked, give_up_after=60)]
        assert all(isinstance(result.error, RateLimitError) for result in results)
        assert 60 <= loop.time() - began < 60 + 2 * SharedPause.MAX
    assert len(server.sent) < 40


@pytest.mark.parametrize("concurrency", [1, 2, "auto"])
@skipping_time
async def test_model_that_alone_is_refused(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any
) -> None:
    """Its requests give up. Those of another one are let through: they are asked meanwhile, so that the server doesn't seem to
    refuse everything.
    """
    server = Limited(lambda model: model == "b")
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [
        BatchRequest.completion(model="a" if at % 10 == 0 else "b", prompt=str(at))
        for at in range(200)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=concurrency, give_up_after=60)
        results = [result async for result in run]
    refused = {result.index for result in results if result.error is not None}
    assert refused == set(range(0, 200, 10))


@pytest.mark.parametrize("retry_after", [None, 1.0])
@skipping_time
async def test_who_was_refused_goes_before_a_new_one(
    monkeypatch: pytest.MonkeyPatch, retry_after: float | None
) -> None:
    """Also before one that waited already to be admitted: else new ones would take what the server allows, again and again."""
    answers = iter([False, True, False])
    server = Limited(lambda model: next(answers, bool(model)), retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="m", prompt=str(at)) for at in range(4)]
    async with AsyncHoray("a-key-for-nothing") as client:
        results = [result async for result in client.batch.run(asked, concurrency=1)]
    assert [result for result in results if result.error is not None] == []
    assert server.sent == [*"001123"]


@skipping_time
async def test_only_the_refused_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server asks to wait at random, that is the refused request's matter alone."""
    loop = asyncio.get_running_loop()
    answers = iter([True] * 5 + [False])
    server = Limited(lambda model: next(answers, bool(model)), retry_after=10.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="m", prompt=str(at)) for at in range(100)]
    async with AsyncHoray("a-key-for-nothing") as client:
        batch_limiter_of(client._transport).overload._scope.found_random()
        began, came = loop.time(), dict[int, float]()
        async for result in client.batch.run(asked, concurrency=2):
            assert result.error is None
            came[result.index] = loop.time() - began
    assert came.pop(5) >= 10
    assert max(came.values()) < 5
    assert server.sent.count("5") == 2


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [16, "auto"])
@pytest.mark.parametrize("retry_after", [None, 1.0])
@skipping_time
async def test_model_that_alone_is_refused_for_long(
    monkeypatch: pytest.MonkeyPatch, ordered: bool, concurrency: Any, retry_after: float | None
) -> None:
    """Many of its requests wait, and then give up together: what the server does take isn't given up with them."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model != "0", retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model=str(at % 3), prompt=str(at)) for at in range(900)]
    async with AsyncHoray("a-key-for-nothing") as client:
        began, came = loop.time(), dict[int, float]()
        refused = set[int]()
        run = client.batch.run(asked, concurrency=concurrency, ordered=ordered, give_up_after=600)
        async for result in run:
            came[result.index] = loop.time() - began
            refused |= set() if result.error is None else {result.index}
    assert refused == set(range(0, 900, 3))
    assert 600 <= max(came.values()) < 900
    if not ordered:
        assert max(at for index, at in came.items() if index not in refused) < 60


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("concurrency", [20, "auto"])
@skipping_time
async def test_model_that_alone_is_asked_to_wait(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any, learnt: bool
) -> None:
    """Whether all wait for it, or its requests wait for themselves: those of another model are done in a few of these waits."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model == "b", 60.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="ab"[at % 2], prompt=str(at)) for at in range(600)]
    async with AsyncHoray("a-key-for-nothing") as client:
        if learnt:
            batch_limiter_of(client._transport).overload._scope.found_random()
        began, came, refused = loop.time(), dict[int, float](), set[int]()
        run = client.batch.run(asked, concurrency=concurrency)
        async for result in run:
            came[result.index] = loop.time() - began
            refused |= set() if result.error is None else {result.index}
            assert run.progress.in_flight <= 20 or concurrency == "auto"
    assert refused == set(range(0, 600, 2))
    last = max(at for index, at in came.items() if index not in refused)
    assert last < (30 if learnt else 600)


@pytest.mark.parametrize("retry_after", [None, 1.0, 10.0])
@pytest.mark.parametrize("models", ["ab", "aba", "bcaa"])
@pytest.mark.parametrize("concurrency", [20, "auto"])
@skipping_time
async def test_models_refused_alone_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any, models: str, retry_after: float | None
) -> None:
    """Nothing is learnt from them: others are sent as fast as the server takes them, and what is refused is tried seldom."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model == "a", retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [
        BatchRequest.completion(model=models[at % len(models)], prompt=str(at))
        for at in range(20_000)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        began, came = loop.time(), dict[int, float]()
        async for result in client.batch.run(asked, concurrency=concurrency):
            if result.error is None:
                came[result.index] = loop.time() - began
    assert len(came) == sum(each.params["model"] == "a" for each in asked)
    assert max(came.values()) < 100
    assert len(server.sent) < len(came) + 300


@pytest.mark.parametrize("concurrency", [1, 20, "auto"])
@skipping_time
async def test_long_wait_of_one_model(monkeypatch: pytest.MonkeyPatch, concurrency: Any) -> None:
    """Where the server asks for longer than the batch waits, another model's request is sent, to find out whether that is for all."""
    server = Limited(lambda model: model == "a", 3600.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [
        BatchRequest.completion(model="b" if at % 100 == 50 else "a", prompt=str(at))
        for at in range(1000)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=concurrency)
        refused = {result.index: result.error async for result in run if result.error is not None}
    assert sorted(refused) == list(range(50, 1000, 100))
    executions = [
        error.execution for error in refused.values() if isinstance(error, RateLimitError)
    ]
    assert executions.count("not_sent") == 9
    assert len(server.sent) == 991


@pytest.mark.parametrize("concurrency", [1, "auto"])
@skipping_time
async def test_long_wait_of_all_models(monkeypatch: pytest.MonkeyPatch, concurrency: Any) -> None:
    """It is: one request of each model is sent, and all others fail at once."""
    loop, server = asyncio.get_running_loop(), Limited(lambda _: False, 3600.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="abc"[at % 3], prompt=str(at)) for at in range(300)]
    began = loop.time()
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=concurrency)
        errors = [result.error async for result in run]
    assert all(isinstance(error, RateLimitError) for error in errors)
    assert loop.time() - began < 1
    assert len(server.sent) == 3 if concurrency == 1 else len(server.sent) <= 16


@pytest.mark.parametrize("retry_after", [9.0, 10.0, 10.1, 12.0])
@pytest.mark.parametrize("concurrency", [8, "auto"])
@skipping_time
async def test_wait_of_one_model_about_as_long_as_the_batch_waits(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any, retry_after: float
) -> None:
    """Hardly any is sent for it before that is over, whichever of the two is longer."""
    server = Limited(lambda model: model == "a", retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="ab"[at % 2], prompt=str(at)) for at in range(2000)]
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=concurrency, give_up_after=10)
        refused = {result.index async for result in run if result.error is not None}
    assert refused == set(range(1, 2000, 2))
    assert len(server.sent) < 1000 + 40


@skipping_time
async def test_balance_beside_a_model_that_is_refused_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That one isn't tried over and over once the balance is exhausted."""
    server = Limited(lambda model: model == "a", 1.0)

    async def fetch(transport: Any, request: Any, *more: Any, **options: Any) -> Any:
        """After a while, nothing is paid for."""
        if b'"a"' in request.body and len(server.sent) > 1500:
            attempts = (Attempt(started=0.0, status=402),)
            raise InsufficientBalanceError("too little", status_code=402, attempts=attempts)
        return await server.fetch(transport, request, *more, **options)

    monkeypatch.setattr(sender, "fetch", fetch)
    asked = [
        BatchRequest.completion(model="b" if at % 20 == 0 else "a", prompt=str(at))
        for at in range(4000)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=8)
        with pytest.raises(InsufficientBalanceError):
            [result async for result in run]
    assert len(server.sent) < 1600


@skipping_time
async def test_model_that_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was refused alone is asked for now and then, and sent like others once it is let through; by a later batch, too."""
    loop = asyncio.get_running_loop()
    back_at = loop.time() + 100
    server = Limited(lambda model: model == "a" or loop.time() >= back_at, 1.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [BatchRequest.completion(model="ab"[at % 2], prompt=str(at)) for at in range(2000)]
    async with AsyncHoray("a-key-for-nothing") as client:
        results = [result async for result in client.batch.run(asked[:1000])]
        assert [result for result in results if result.error is not None] == []
        assert 100 <= loop.time() - back_at + 100 < 150
        back_at = loop.time() + 50
        run = client.batch.run(asked[1000:], give_up_after=5)
        results = [result async for result in run]
        assert {result.request.params["model"] for result in results if result.error} == {"b"}
        sent = len(server.sent)
        run = client.batch.run([each for each in asked[:200] if each.params["model"] == "b"])
        results = [result async for result in run]
        assert [result for result in results if result.error is not None] == []
        assert len(server.sent) < sent + 130


@skipping_time
async def test_client_closed_while_requests_wait_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That ends the batch at once."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model == "b", 60.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    client = AsyncHoray("a-key-for-nothing")
    batch_limiter_of(client._transport).overload._scope.found_random()
    began = loop.time()
    run = client.batch.run([BatchRequest.completion(model="a", prompt="?")])
    loop.call_later(10, lambda: asyncio.ensure_future(client.close()))
    with pytest.raises(ConfigurationError):
        await anext(run)
    assert 10 <= loop.time() - began < 11


@skipping_time
async def test_request_that_would_wait_for_itself_past_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fails at once."""
    loop, server = asyncio.get_running_loop(), Limited(lambda model: model == "b", 60.0)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    async with AsyncHoray("a-key-for-nothing", timeout=10) as client:
        batch_limiter_of(client._transport).overload._scope.found_random()
        began = loop.time()
        run = client.batch.run([BatchRequest.completion(model="a", prompt="?")])
        results = [result async for result in run]
    assert isinstance(results[0].error, RateLimitError)
    assert loop.time() - began < 1


@pytest.mark.parametrize("retry_after", [None, 30.0])
@pytest.mark.parametrize("count", [1, 5])
@skipping_time
async def test_deadline_of_a_request_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, count: int, retry_after: float | None
) -> None:
    """It fails with its last error when `total` has passed since it was first sent, whatever it waits for."""
    server = Refusing(retry_after)
    monkeypatch.setattr(sender, "fetch", server.fetch)
    async with AsyncHoray("a-key-for-nothing", timeout=20) as client:
        results = [result async for result in client.batch.run(lines(count))]
    assert len(results) == count
    for result in results:
        assert isinstance(result.error, RateLimitError)
        assert result.seconds <= 20.02
        assert result.error.__notes__ == [
            "the request wasn't sent again: its timeout total is 20 s"
        ]


@skipping_time
async def test_deadline_of_a_request_whose_model_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While others go on it isn't kept beyond its time."""
    server = Limited(lambda model: model == "b")
    monkeypatch.setattr(sender, "fetch", server.fetch)
    asked = [
        BatchRequest.completion(model="b" if at else "a", prompt=str(at), timeout=5 if at else 2.5)
        for at in range(2000)
    ]
    async with AsyncHoray("a-key-for-nothing") as client:
        results = [result async for result in client.batch.run(asked, concurrency=2)]
    (refused,) = [result for result in results if result.error is not None]
    assert refused.index == 0
    assert refused.seconds <= 2.52


@skipping_time
async def test_deadline_counts_from_the_first_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also once the request is sent again later."""
    loop, server, given = asyncio.get_running_loop(), Refusing(1.0), list[float]()

    async def fetch(*_: Any, started: float) -> Any:
        given.append(started)
        return await server.fetch()

    monkeypatch.setattr(sender, "fetch", fetch)
    async with AsyncHoray("a-key-for-nothing", timeout=20) as client:
        began = loop.time()
        assert len([result async for result in client.batch.run(lines(1))]) == 1
    assert len(given) > 2
    assert set(given) == {began}


@pytest.mark.parametrize("concurrency", [2, "auto"])
@skipping_time
async def test_balance_is_searched_beside_a_model_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, concurrency: Any
) -> None:
    """What a limit refuses isn't tried over and over while others may be paid for."""
    server = Limited(lambda model: model == "c")

    async def fetch(transport: Any, request: Any, *more: Any, **options: Any) -> Any:
        """One model is refused for the balance."""
        if b'"b"' in request.body:
            attempts = (Attempt(started=0.0, status=402),)
            raise InsufficientBalanceError("too little", status_code=402, attempts=attempts)
        return await server.fetch(transport, request, *more, **options)

    monkeypatch.setattr(sender, "fetch", fetch)
    asked = [BatchRequest.completion(model="abc"[at % 3], prompt=str(at)) for at in range(300)]
    async with AsyncHoray("a-key-for-nothing") as client:
        run = client.batch.run(asked, concurrency=concurrency)
        failed = {result.index async for result in run if result.error is not None}
    assert failed == {index for index in range(300) if index % 3 < 2}
