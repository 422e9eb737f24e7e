"""Keys that a function provides."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from horay_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncHoray,
    AuthenticationError,
    BadRequestError,
    BatchRequest,
    ConfigurationError,
    Horay,
    RetryPolicy,
)
from horay_async._keys import MAX_SEEN, ProvidedKeys
from horay_async._transport import key_source as module
from horay_async.testing import FaultServer, Gate, Request, Reset, ScriptedResponse, raw, respond

pytestmark = pytest.mark.anyio


class Rotating:
    """A server that takes one key at a time, and a function that provides it."""

    def __init__(self) -> None:
        self.valid = "first-key-0123456789"
        self.asked = 0
        self.refused = 0
        self.served = 0
        self.base_url = ""
        self.threads: set[str] = set()

    def provide(self) -> str:
        """A plain function."""
        self.asked += 1
        self.threads.add(threading.current_thread().name)
        return self.valid

    async def provide_soon(self) -> tuple[str, float]:
        """A coroutine function; its keys are good for an hour."""
        self.asked += 1
        await asyncio.sleep(0.01)
        return self.valid, 3600.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Echoes what it refuses, as some servers do."""
        given = request.headers.get("Authorization", "")
        body = json.loads(await request.read() or b"{}")
        if given != f"Bearer {self.valid}":
            self.refused += 1
            return web.json_response({"error": {"message": f"bad {given}"}}, status=401)
        self.served += 1
        if body.get("stream"):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            chunk = {"id": "a", "choices": [{"index": 0, "text": "x", "finish_reason": "stop"}]}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
            return response
        choice = {"index": 0, "text": "x", "finish_reason": "stop"}
        return web.json_response({"id": "a", "object": "text_completion", "choices": [choice]})


@pytest.fixture
async def rotating(anyio_backend: str) -> AsyncIterator[Rotating]:
    """A server of this test's own."""
    server = Rotating()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    server.base_url = f"http://{host}:{port}/v1"
    yield server
    await runner.cleanup()


def client_of(server: Rotating, function: Any, **options: Any) -> AsyncHoray:
    """A client whose keys come from `function`."""
    return AsyncHoray(
        function, base_url=server.base_url, retry=RetryPolicy(max_retries=0), **options
    )


async def complete(client: AsyncHoray) -> Any:
    """One call."""
    return await client.completions.create(model="m", prompt="p")


@pytest.mark.parametrize("name", ["provide", "provide_soon"])
async def test_asked_once_for_concurrent_calls(rotating: Rotating, name: str) -> None:
    """And by copies no more than by the client."""
    async with client_of(rotating, getattr(rotating, name)) as client:
        copy = client.with_options(max_retries=1)
        await asyncio.gather(*(complete(each) for each in [client, copy] * 50))
        assert (rotating.asked, rotating.refused) == (1, 0)
        assert all(thread == "horay-api-key" for thread in rotating.threads)


async def test_asked_once_more_after_a_refusal(rotating: Rotating) -> None:
    """For calls, streams and batches, a crowd of them too, whatever the policy says of retries."""
    async with client_of(rotating, rotating.provide_soon) as client:
        await complete(client)
        rotating.valid = "second-key-0123456789"
        responses = await asyncio.gather(*(complete(client) for _ in range(50)))
        assert rotating.asked == 2
        assert all(len(response.meta.attempts) <= 2 for response in responses)
        rotating.valid = "third-key-0123456789"
        stream = await client.completions.create(model="m", prompt="p", stream=True)
        assert [piece async for piece in stream.text()] == ["x"]
        assert rotating.asked == 3
        rotating.valid = "fourth-key-0123456789"
        requests = [BatchRequest.completion(model="m", prompt="p") for _ in range(20)]
        results = [result async for result in client.batch.run(requests)]
        assert [result.error for result in results] == [None] * 20
        assert rotating.asked == 4


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
async def test_first_key_that_is_refused(rotating: Rotating, plain: bool, fresh: bool) -> None:
    """A key that was asked for by the very calls that it is refused to is asked for once more, once for all of them."""

    def provide() -> str:
        rotating.asked += 1
        return rotating.valid if fresh and rotating.asked > 1 else "a-stale-key-0123456789"

    async def provide_at_once() -> str:
        return provide()

    async with client_of(rotating, provide if plain else provide_at_once) as client:
        calls = [complete(client) for _ in range(20)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [each for each in results if isinstance(each, AuthenticationError)]
        assert len(refused) == (0 if fresh else 20)
        assert rotating.asked == 2
        assert rotating.served == (20 if fresh else 0)


async def test_function_that_calls_by_the_client(rotating: Rotating) -> None:
    """By a copy with a header of its own; else it would wait for itself, and is told so, whatever is between."""
    clients: list[AsyncHoray] = []

    async def provide() -> str:
        await clients[0].completions.create(model="m", prompt="p")
        return rotating.valid

    async def provide_too() -> str:
        await clients[1].completions.create(model="m", prompt="p")
        return rotating.valid

    async with (
        AsyncHoray(provide, base_url=rotating.base_url) as client,
        AsyncHoray(provide_too, base_url=rotating.base_url) as other,
    ):
        own = {"authorization": f"Bearer {rotating.valid}"}
        for first in (client, other):
            clients[:] = [first, client]
            with pytest.raises(ConfigurationError) as raised:
                await client.completions.create(model="m", prompt="p")
            cause: BaseException | None = raised.value
            while cause is not None and "wait for itself" not in str(cause):
                cause = cause.__cause__
            assert cause is not None
        clients[:] = [client.with_options(default_headers=own)]
        assert await client.completions.create(model="m", prompt="p")


async def test_same_key_again_is_the_end(rotating: Rotating) -> None:
    """The server's refusal is raised, with no key in it."""
    async with client_of(rotating, lambda: "a-wrong-key-0123456789") as client:
        with pytest.raises(AuthenticationError) as caught:
            await complete(client)
        assert rotating.refused == 1
        assert "0123456789" not in "".join(traceback.format_exception(caught.value))
        assert len(caught.value.attempts) == 1


async def test_all_keys_seen_are_masked(rotating: Rotating) -> None:
    """The older ones too, as far as they may still come back."""
    keys = [f"key-number-{number}-secret" for number in range(MAX_SEEN)]
    left = list(keys)
    async with client_of(rotating, lambda: (left.pop(0), 0.0)) as client:
        for key in keys:
            rotating.valid = key
            await complete(client)
        clean = client._transport.clean
        assert not any(key in clean(f"see {key}") for key in keys)
        assert client._transport.masked(keys[0].encode()) == b"[API key]"
        left += ["key-number-last-secret"] * 2
        with pytest.raises(AuthenticationError) as caught:
            await complete(client)
        assert "secret" not in str(caught.value)
        assert "secret" not in repr(client) + repr(client.options)
        assert "provided by a function" in repr(client)


async def test_key_of_a_request_is_masked_in_its_error() -> None:
    """However many others came while it was under way, or were provided more often before."""
    keys = [f"key-number-{number}-secret" for number in range(2 * MAX_SEEN)]
    left = list(keys)
    gate = Gate()

    def echoing(request: Request) -> ScriptedResponse:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        body = json.dumps({"error": {"message": f"bad key {key}"}}).encode()
        return respond([gate, body], status=400, framing="chunked")

    with FaultServer(check_key=False) as server:
        server.always(echoing)
        async with AsyncHoray(
            lambda: (left.pop(0), 0.0), base_url=server.base_url, max_retries=0
        ) as client:
            calls: list[asyncio.Task[Any]] = [asyncio.create_task(complete(client)) for _ in keys]
            await server.until_requests(len(keys))
            gate.open()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, BadRequestError)
        assert "bad key [API key]" in str(outcome)
        assert "secret" not in "".join(traceback.format_exception(outcome)) + repr(outcome.body)


async def test_key_that_is_provided_again_is_the_newest() -> None:
    """It is masked for as long as others that were provided when it was."""
    provided = ProvidedKeys(lambda: "")
    keys = [f"key-number-{number}-secret" for number in range(MAX_SEEN + 1)]
    for key in (*keys[:MAX_SEEN], keys[0], keys[-1]):
        provided.accept(key)
    assert provided.seen == (*keys[2:MAX_SEEN], keys[0], keys[-1])


async def test_expired_key_is_asked_for_again(
    rotating: Rotating, jump: Callable[[float], None]
) -> None:
    """A little before its time is over."""
    async with client_of(rotating, rotating.provide_soon) as client:
        await complete(client)
        jump(3600.0 - module.MARGIN - 5)
        await complete(client)
        assert rotating.asked == 1
        jump(10.0)
        await complete(client)
        assert rotating.asked == 2


class VaultError(Exception):
    """What a caller's function may raise."""


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (VaultError("no token for the-first-key-0123456789"), "raised VaultError"),
        (asyncio.CancelledError(), "raised CancelledError"),
        (KeyboardInterrupt(), "raised KeyboardInterrupt"),
        (GeneratorExit(), "raised GeneratorExit"),
        (SystemExit(3), "raised SystemExit"),
        (None, "must return a string"),
        (b"bytes-0123456789", "must return a string"),
        (("key-0123456789", "10"), "must return a string"),
        (("key-0123456789", -1), "must return a string"),
        (("key-0123456789", float("nan")), "must return a string"),
        (("key-0123456789", True), "must return a string"),
        (("key-0123456789",), "it returned a value of type tuple"),
        (("key-0123456789", -5.0), "0 or more; it returned -5.0 seconds"),
        (("key-0123456789", math.nan), "it returned nan seconds"),
        ("", "empty"),
        ("key-0123456789\n", "can't stand in a header"),
    ],
    ids=str,
)
@pytest.mark.parametrize("coroutine", [False, True])
async def test_function_that_fails(
    rotating: Rotating, returned: Any, message: str, coroutine: bool
) -> None:
    """Each call raises an error of its own, without a secret; a later one asks again."""
    fails = True
    if coroutine and isinstance(returned, KeyboardInterrupt):
        return  # which is the loop's end, not a failure

    def plain() -> Any:
        if not fails:
            return rotating.valid
        if isinstance(returned, BaseException):
            raise returned
        return returned

    async def later() -> Any:
        return plain()

    async with client_of(rotating, later if coroutine else plain) as client:
        errors = await asyncio.gather(*(complete(client) for _ in range(3)), return_exceptions=True)
        for error in errors:
            assert isinstance(error, ConfigurationError)
            assert message in str(error)
            shown = str(error) + str(error.__cause__ if message == "empty" else "")
            assert "0123456789" not in shown
        assert len({id(error) for error in errors}) == 3
        fails = False
        await complete(client)


@pytest.mark.parametrize("stream", [False, True])
async def test_function_that_fails_before_another_attempt(
    fault_server: FaultServer, stream: bool
) -> None:
    """The call is told what became of the attempt that was sent, which may have been executed."""
    keys = iter([(fault_server.api_key, 0.0)])

    async def key() -> tuple[str, float]:
        if (known := next(keys, None)) is None:
            raise OSError
        return known

    fault_server.add(raw(Reset()))
    async with AsyncHoray(key, base_url=fault_server.base_url) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.completions.create(model="m", prompt="p", stream=stream)
    error = caught.value
    assert error.__notes__ == [
        "the request wasn't sent again: the function for the API key raised OSError"
    ]
    assert (error.execution, len(error.attempts)) == ("unknown", 1)
    assert len(fault_server.requests) == 1


async def test_function_that_takes_its_time(rotating: Rotating) -> None:
    """A deadline and a cancellation end the wait; the others go on to wait, and a thread isn't started anew."""
    go, calls = threading.Event(), 0

    def slow() -> str:
        nonlocal calls
        calls += 1
        assert go.wait(30)
        return rotating.valid

    async with client_of(rotating, slow) as client:
        with pytest.raises(APITimeoutError) as caught:
            await client.completions.create(model="m", prompt="p", timeout=0.05)
        assert (caught.value.clock, caught.value.execution) == ("total", "not_sent")
        waiting = [asyncio.ensure_future(complete(client)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait([waiting[0]])
        assert waiting[0].cancelled()
        go.set()
        await asyncio.gather(*waiting[1:])
        assert calls == 1


async def test_function_that_hangs(rotating: Rotating, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called once more after a while: what it waited for may be lost, and its thread can't be ended."""
    monkeypatch.setattr("horay_async._transport.key_source.PATIENCE", 0.05)
    over, calls = threading.Event(), 0

    def lost() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            assert over.wait(30)
            return "a-key-that-is-old"
        return rotating.valid

    async with client_of(rotating, lost) as client:
        await complete(client)
        over.set()
        await complete(client)
    assert calls == 2


@pytest.mark.parametrize("fails", [True, False])
async def test_function_that_ends_when_nobody_waits(rotating: Rotating, fails: bool) -> None:
    """Its key is used; that it failed then says nothing of now."""
    go, calls = threading.Event(), 0

    def late() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            assert go.wait(30)
            if fails:
                raise OSError("the vault is away")
        return rotating.valid

    async with client_of(rotating, late) as client:
        with pytest.raises(APITimeoutError):
            await client.completions.create(model="m", prompt="p", timeout=0.05)
        go.set()
        [thread] = [each for each in threading.enumerate() if each.name == "horay-api-key"]
        await asyncio.to_thread(thread.join)
        await complete(client)
    assert calls == (2 if fails else 1)


async def test_nobody_waits_for_a_coroutine_function(rotating: Rotating) -> None:
    """Then it is cancelled too: nothing is left over."""
    ended = asyncio.Event()

    async def stuck() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async with client_of(rotating, stuck) as client:
        call = asyncio.ensure_future(complete(client))
        await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait_for(ended.wait(), 10)


def test_blocking_client(anyio_backend: str) -> None:
    """Asks in a thread, so that the function may use the blocking client itself."""

    async def serve(ready: threading.Event, done: asyncio.Event, server: Rotating) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        server.base_url = f"http://{host}:{port}/v1"
        ready.set()
        await done.wait()
        await runner.cleanup()

    server, ready, done = Rotating(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(ready, done, server),))
    thread.start()
    assert ready.wait(30)
    try:
        with Horay(server.valid, base_url=server.base_url) as inner:

            def function() -> str:
                inner.completions.create(model="m", prompt="p")
                return server.valid

            with Horay(function, base_url=server.base_url) as client:
                client.completions.create(model="m", prompt="p")
        assert server.served == 2
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def test_options_with_a_function_are_not_pickled() -> None:
    """As those with a key aren't."""
    client = AsyncHoray(lambda: "a-key")
    with pytest.raises(TypeError, match="isn't pickled"):
        pickle.dumps(client.options.api_key)
