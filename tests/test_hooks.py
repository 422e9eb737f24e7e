"""The hooks: when each is called and with what, and that none can break a call."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from horay_async import (
    APIConnectionError,
    AsyncHoray,
    AuthenticationError,
    BatchRequest,
    ChatCompletion,
    ConfigurationError,
    RequestEvent,
    ResponseEvent,
    RetryEvent,
    ServiceOverloadedError,
    StreamTruncatedError,
)
from horay_async._protocol.wire.accumulate import ChatAccumulator
from horay_async.testing import FaultServer, Reset, Stall, error, raw, respond

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio


class Told:
    """Keeps what the hooks are told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @property
    def options(self) -> dict[str, Any]:
        """The hooks, as a client's options."""
        note = self.events.append
        return {"on_request": note, "on_retry": note, "on_response": note}

    @property
    def kinds(self) -> list[str]:
        """What was told of, in order."""
        return [type(event).__name__.removesuffix("Event") for event in self.events]


@pytest.fixture
def told() -> Told:
    """What the hooks of this test are told."""
    return Told()


async def ask(client: AsyncHoray, *, stream: bool = False) -> Any:
    """One chat response, whole or streamed."""
    return await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=stream
    )


ENDLESS = respond(
    [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', Stall()],
    content_type="text/event-stream",
    framing="chunked",
)
"""A stream of which one chunk comes."""


async def test_a_call_is_told_twice(
    fault_server: FaultServer, connect: Connect, told: Told
) -> None:
    """Before it is sent, and when its response is whole."""
    async with connect(**told.options) as client:
        response = await ask(client)
    sent, done = told.events
    assert isinstance(sent, RequestEvent)
    assert (sent.label, sent.method) == ("POST /chat/completions", "POST")
    assert sent.url == f"{fault_server.base_url}/chat/completions"
    assert (sent.attempt, sent.stream) == (1, False)
    assert isinstance(done, ResponseEvent)
    assert done.call == sent.call
    assert done.complete
    assert done.error is None
    assert (done.status, done.attempt) == (200, 1)
    assert done.meta is response.meta
    assert done.meta is not None
    assert done.seconds == done.meta.total
    assert done.response is response
    assert repr(done).endswith(", response=<ChatCompletion>)")  # not what the model wrote


async def test_calls_are_told_apart(connect: Connect, told: Told) -> None:
    """Each call has a number of its own, under which all is told of it."""
    async with connect(**told.options) as client:
        await asyncio.gather(*[client.models.list() for _ in range(5)])
    numbers = [event.call for event in told.events]
    assert len(set(numbers)) == 5
    assert all(numbers.count(number) == 2 for number in numbers)


async def test_attempts_are_told(fault_server: FaultServer, connect: Connect, told: Told) -> None:
    """Each attempt is told before it is sent, each failure that is followed by another with the wait."""
    fault_server.add(error(503), raw(Reset()))
    async with connect(retries=2, **told.options) as client:
        await ask(client)
    assert told.kinds == ["Request", "Retry", "Request", "Retry", "Request", "Response"]
    assert [event.attempt for event in told.events] == [1, 1, 2, 2, 3, 3]
    refused, lost = (event for event in told.events if isinstance(event, RetryEvent))
    assert isinstance(refused.error, ServiceOverloadedError)
    assert refused.status == 503
    assert isinstance(lost.error, APIConnectionError)
    assert lost.status is None
    first = told.events[-1].meta.attempts[0]
    assert (refused.seconds, refused.delay) == (first.seconds, first.backoff)


@pytest.mark.parametrize("stream", [False, True])
async def test_final_failure_is_a_response(
    fault_server: FaultServer, connect: Connect, told: Told, stream: bool
) -> None:
    """A call that fails for good is over: `on_response` has its error, no `on_retry` is called."""
    fault_server.always(error(401))
    async with connect(retries=2, **told.options) as client:
        with pytest.raises(AuthenticationError) as caught:
            await ask(client, stream=stream)
    assert told.kinds == ["Request", "Response"]
    over = told.events[-1]
    assert over.error is caught.value
    assert not over.complete
    assert (over.status, over.response) == (401, None)
    assert over.meta.status == 401


async def test_no_response_no_meta(fault_server: FaultServer, connect: Connect, told: Told) -> None:
    """Where no response came, there is neither a status nor anything to tell of its arrival."""
    fault_server.always(raw(Reset()))
    async with connect(**told.options) as client:
        with pytest.raises(APIConnectionError):
            await ask(client)
    assert (told.events[-1].status, told.events[-1].meta) == (None, None)
    assert repr(told.events[-1]).endswith(", response=None)")


async def test_stream_is_over_at_its_end(
    fault_server: FaultServer, connect: Connect, told: Told
) -> None:
    """`on_response` is called when a stream was read to its end, with the response merged from it."""
    fault_server.stream(["Ber", "lin"])
    async with connect(**told.options) as client:
        stream = await ask(client, stream=True)
        assert told.kinds == ["Request"]
        async for _ in stream:
            pass
    over = told.events[-1]
    assert over.stream
    assert over.complete
    assert over.response.choices[0].message.content == "Berlin"
    assert over.response.meta is over.meta is stream.meta
    assert 0 < over.meta.first_token <= over.seconds == over.meta.total


async def test_stream_that_is_left_is_over(
    fault_server: FaultServer, connect: Connect, told: Told
) -> None:
    """Leaving a stream ends its call: without an error, but not complete."""
    fault_server.add(ENDLESS)
    fault_server.stream(["a", "b"])
    fault_server.stream(["a", "b"])
    async with connect(**told.options) as client:
        async for _ in await ask(client, stream=True):
            break
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            pass
        await events.close()
        await ask(client, stream=True)  # dropped unread
    ends = [event for event in told.events if isinstance(event, ResponseEvent)]
    assert [(event.error, event.complete) for event in ends] == [(None, False)] * 3
    assert isinstance(ends[0].response, ChatCompletion)
    assert ends[0].response.choices[0].message.content == "a"
    assert ends[2].response is None


async def test_stream_that_breaks_off(
    fault_server: FaultServer, connect: Connect, told: Told
) -> None:
    """A stream that fails after its beginning is over with that error, and what had come of it."""
    fault_server.stream(["Ber"], done=False, finish_reason=None)
    async with connect(retries=2, **told.options) as client:
        with pytest.raises(StreamTruncatedError) as caught:
            async for _ in await ask(client, stream=True):
                pass
    assert told.kinds == ["Request", "Response"]
    assert told.events[-1].error is caught.value
    assert told.events[-1].response.choices[0].message.content == "Ber"


async def test_stream_that_begins_anew_is_one_call(
    fault_server: FaultServer, connect: Connect, told: Told
) -> None:
    """A stream that fails before its first chunk is tried again: the same call."""
    fault_server.add(respond([Reset()], content_type="text/event-stream", framing="chunked"))
    async with connect(retries=1, **told.options) as client:
        async for _ in await ask(client, stream=True):
            pass
    assert told.kinds == ["Request", "Retry", "Request", "Response"]
    assert len({event.call for event in told.events}) == 1
    assert told.events[-1].complete


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelled_call_is_over(
    fault_server: FaultServer, connect: Connect, told: Told, stream: bool
) -> None:
    """A call that is cancelled is over with what cancelled it."""
    fault_server.always(ENDLESS)

    async def run() -> None:
        response = await ask(client, stream=stream)
        async for _ in response:
            reading.set()

    async with connect(**told.options) as client:
        reading = asyncio.Event()
        task = asyncio.create_task(run())
        await (reading.wait() if stream else fault_server.until_requests(1))
        task.cancel()
        await asyncio.wait([task])
    assert told.kinds == ["Request", "Response"]
    assert isinstance(told.events[-1].error, asyncio.CancelledError)


def test_blocking_client(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, told: Told
) -> None:
    """The hooks of a blocking client see the variables of the calling thread, also when a stream is left."""
    user: ContextVar[str] = ContextVar("user", default="nobody")
    seen: list[tuple[str, int]] = []
    token = user.set("me")

    def note(event: object) -> None:
        seen.append((user.get(), threading.get_ident()))
        told.events.append(event)

    fault_server.add(ENDLESS, method="POST")
    with connect_blocking(on_request=note, on_response=note) as client:
        client.models.list()
        for _ in client.completions.create(model="m", prompt="p", stream=True):
            break
    user.reset(token)
    assert told.kinds == ["Request", "Response"] * 2
    assert not told.events[-1].complete
    assert {who for who, _ in seen} == {"me"}
    assert len({thread for _, thread in seen} | {threading.get_ident()}) == 2


async def test_failing_hooks_break_nothing(
    fault_server: FaultServer,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever a hook raises, the call goes on; the log has it once for each hook, with its traceback."""

    def fail(event: object) -> None:
        raise ValueError(f"no {type(event).__name__}")

    async with connect(retries=1, on_request=fail, on_retry=fail, on_response=fail) as client:
        for _ in range(3):
            fault_server.add(error(503))
            fault_server.stream(["Ber", "lin"])
            stream = await ask(client.with_options(max_connections=8), stream=True)
            assert "".join([text async for text in stream.text()]) == "Berlin"
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
    for record, name in zip(caplog.records, ("on_request", "on_retry", "on_response"), strict=True):
        assert record.getMessage().startswith(f"{name} hook")
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ValueError)


async def test_failing_hooks_of_copies(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that is made for each copy, and has no name, is logged once all the same."""

    def fail(which: int, event: object) -> None:
        raise ValueError(which)

    async with connect() as client:
        made = [functools.partial(fail, which) for which in range(5)]
        for hook in made:
            await ask(client.with_options(on_response=hook))
    assert len(caplog.records) == 1


async def test_merging_that_fails_breaks_nothing(
    fault_server: FaultServer,
    connect: Connect,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Chunks that can't be merged for the hook leave it without a response, and the caller with its chunks."""

    def fail(self: ChatAccumulator) -> ChatCompletion:
        raise RecursionError

    monkeypatch.setattr(ChatAccumulator, "result", fail)
    fault_server.stream(["Ber", "lin"])
    async with connect(**told.options) as client:
        assert [text async for text in (await ask(client, stream=True)).text()] == ["Ber", "lin"]
    assert told.events[-1].response is None
    assert told.events[-1].complete
    assert len(caplog.records) == 1


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", ["on_request", "on_response"])
async def test_end_of_the_program_passes(
    connect: Connect, name: Any, raised: type[BaseException]
) -> None:
    """A Ctrl-C or an exit in a hook is one of the call; the client goes on working."""
    pending: list[BaseException] = [raised()]

    def hook(event: object) -> None:
        if pending:
            raise pending.pop()

    options: dict[str, Any] = {name: hook}
    async with connect(max_connections=1, **options) as client:
        with pytest.raises(raised):
            await ask(client)
        assert (await ask(client)).choices


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("raised", [asyncio.CancelledError, GeneratorExit])
async def test_hooks_end_no_call(
    fault_server: FaultServer,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    raised: type[BaseException],
    stream: bool,
) -> None:
    """What a hook raises by itself ends no call, such as the `result()` of a future that was cancelled."""

    def fail(event: object) -> None:
        raise raised

    fault_server.add(error(503))
    if stream:
        fault_server.stream(["Ber", "lin"])
    async with connect(retries=1, on_request=fail, on_retry=fail, on_response=fail) as client:
        response = await ask(client, stream=stream)
        if stream:
            assert "".join([text async for text in response.text()]) == "Berlin"
        else:
            assert response.choices
    assert [type(record.exc_info and record.exc_info[1]) for record in caplog.records] == [
        raised
    ] * 3


async def test_hook_that_cancels_its_task(connect: Connect) -> None:
    """A task that a hook cancels is cancelled."""

    def cancel(event: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async with connect(on_request=cancel) as client:
        task = asyncio.create_task(ask(client))
        await asyncio.wait([task])
    assert task.cancelled()


async def test_secrets_are_masked(fault_server: FaultServer, connect: Connect, told: Told) -> None:
    """Headers that hold keys, tokens or cookies are named without their values, and no query is told."""
    secret = {
        "X-Session-Token": "s3cret",
        "Cookie": "s3cret",
        "X-Api-Key": "s3cret",
        "X-Amz-Signature": "s3cret",
        "Proxy-Authorization": "s3cret",
    }
    async with connect(
        default_headers=secret, default_query={"sig": "s3cret"}, **told.options
    ) as client:
        await client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "?"}],
            extra_headers={"X-Trace": "42"},
            idempotency_key="again",
        )
    sent = told.events[0]
    assert {sent.headers[name] for name in secret} == {"…"}
    assert (sent.headers["X-Trace"], sent.headers["Idempotency-Key"]) == ("42", "again")
    assert "s3cret" not in repr(told.events)
    assert fault_server.api_key not in repr(told.events)


async def test_download(
    fault_server: FaultServer, connect: Connect, told: Told, tmp_path: Path
) -> None:
    """Fetching a picture is a call too; neither a password nor a query of its address is told."""
    url = fault_server.picture_url.replace("://", "://me:pass@") + "?sig=1#here"
    async with connect(**told.options) as client:
        await client.images.save(url, tmp_path / "x.png")
    assert [event.url for event in told.events] == [fault_server.picture_url] * 2
    assert "pass" not in told.events[0].label
    assert told.events[-1].complete
    assert told.events[-1].response is None


async def test_with_options(connect: Connect, told: Told) -> None:
    """Hooks are set, changed and taken away for a copy of the client."""
    async with connect() as client:
        await client.with_options(on_request=told.events.append).models.list()
        await client.models.list()
        await client.with_options(**told.options).with_options(on_request=None).models.list()
    assert told.kinds == ["Request", "Response"]


async def test_batch_tells_of_its_calls(connect: Connect, told: Told) -> None:
    """A batch's requests are calls like any other."""
    requests = [BatchRequest.completion(model="m", prompt=str(number)) for number in range(4)]
    async with connect(**told.options) as client:
        async for result in client.batch.run(requests):
            assert result.error is None
    assert sorted(told.kinds) == ["Request"] * 4 + ["Response"] * 4


async def waits(event: object) -> None:
    """A hook that nothing would wait for."""


class Waits:
    """The same as an object."""

    async def __call__(self, event: object) -> None:
        pass


@pytest.mark.parametrize("name", ["on_request", "on_retry", "on_response"])
@pytest.mark.parametrize(
    ("hook", "complaint"),
    [
        (waits, "plain function"),
        (Waits(), "plain function"),
        (functools.partial(waits), "plain function"),
        ("print", "function"),
    ],
)
def test_hooks_are_plain_functions(name: str, hook: object, complaint: str) -> None:
    """What can't be called, and coroutine functions, are refused by name."""
    options: dict[str, Any] = {name: hook}
    with pytest.raises(ConfigurationError, match=f"{name} must be a .*{complaint}"):
        AsyncHoray("a-key-for-nothing", **options)
