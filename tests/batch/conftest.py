"""A stub server on the test's own loop, which a test can hold up and open at will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from aiohttp import web

from horay_async import AsyncHoray, RetryPolicy
from horay_async._protocol.limits.shared_pause import SharedPause
from horay_async.batch import AsyncBatch
from horay_async.options import ClientParams

Json = dict[str, Any]
Reply = Callable[[Json], Awaitable[web.Response] | web.Response]

KEY = "a-key-for-the-stub"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def completion(body: Json) -> web.Response:
    """The prompt as its own continuation."""
    choice = {"index": 0, "text": body.get("prompt"), "finish_reason": "stop"}
    response = {"id": "cmpl-1", "object": "text_completion", "choices": [choice], "usage": USAGE}
    return web.json_response(response, headers={"x-request-id": f"for {body.get('prompt')}"})


def refusal(status: int = 429, headers: dict[str, str] | None = None) -> web.Response:
    """A refusal for the load."""
    return web.json_response({"message": "too much"}, status=status, headers=headers)


class Stub:
    """Responds to every path by `reply`, once `open` is set."""

    def __init__(self) -> None:
        self.reply: Reply = completion
        self.open = asyncio.Event()
        self.open.set()
        self.under_way = 0
        self.most = 0
        self.requests: list[Json] = []
        """The bodies that came, with path, key and idempotency key under names of their own."""
        self.base_url = ""
        self._changed = asyncio.Event()

    async def reached(self, condition: Callable[[], bool]) -> None:
        """Waits for something that changes with what comes and goes here."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def hold_first(self) -> asyncio.Event:
        """Keeps the response to the first prompt back until the event is set; the others aren't."""
        hold = asyncio.Event()

        async def reply(body: Json) -> web.Response:
            if body["prompt"] == "prompt 0":
                await hold.wait()
            return completion(body)

        self.reply = reply
        return hold

    async def start(self) -> web.AppRunner:
        """Listens on a free port."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Cancelling handlers frees what a client that has gone had held up.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        host, port = runner.addresses[0]
        self.base_url = f"http://{host}:{port}/v1"
        return runner

    async def _handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body: Json = json.loads(raw)
        told = {"path": request.path, "key": request.headers["Idempotency-Key"], "raw": raw}
        self.requests.append({**body, **told})
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self._changed.set()
        try:
            await self.open.wait()
            reply = self.reply(body)
            return reply if isinstance(reply, web.Response) else await reply
        finally:
            self.under_way -= 1
            self._changed.set()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that the server doesn't ask for take no time to speak of."""
    monkeypatch.setattr(SharedPause, "FIRST", 0.001)
    monkeypatch.setattr(SharedPause, "MAX", 0.002)
    monkeypatch.setattr(SharedPause, "MIN_SPREAD", 0.001)


@pytest.fixture
async def stub(anyio_backend: str) -> AsyncIterator[Stub]:
    """A server of this test's own."""
    server = Stub()
    runner = await server.start()
    yield server
    server.open.set()
    await runner.cleanup()


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[AsyncHoray]:
    """A client of it that tries twice again, with next to no wait."""
    async with client_of(stub) as made:
        yield made


@pytest.fixture
def batch(client: AsyncHoray) -> AsyncBatch:
    """Its batches."""
    return AsyncBatch(client._transport)


def client_of(stub: Stub, **options: Any) -> AsyncHoray:
    """A client of `stub`."""
    quick = RetryPolicy(max_retries=2, initial_backoff=0.001, max_backoff=0.002)
    settled = {"base_url": stub.base_url, "retry": quick, **options}
    return AsyncHoray(KEY, **cast("ClientParams", settled))


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that takes some turns of the loop and tells nobody."""
    while not condition():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0)


def lines(count: int) -> Iterator[Json]:
    """So many lines, with ids and prompts of their own."""
    for number in range(count):
        yield line(f"id-{number}", f"prompt {number}")


def line(name: str, prompt: str = "Once", **fields: object) -> Json:
    """A mapping in the form of a line of a batch file."""
    body = {"model": "m", "prompt": prompt}
    return {
        "custom_id": name,
        "method": "POST",
        "url": "/v1/completions",
        "body": body,
        **fields,
    }
