"""What is left of streams that failed, and of typed responses: nothing, once they and their errors are dropped, also where no garbage
collector runs.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from horay_async import AnswerError, HorayError
from horay_async.testing import FaultServer, chat, respond, stream

from .conftest import Connect, ConnectBlocking

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_collection")]

CHUNK = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}\n\n'
)
ENDINGS = {
    "cut": CHUNK,
    "reported": CHUNK + b'data: {"error":{"message":"full"}}\n\n',
    "no stream": b'{"id": "1"}',
    "strange": CHUNK + b"data: {]\n\n",
}
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
KINDS: dict[str, Callable[[Any], Any]] = {
    "chunks": lambda client: client.chat.completions.create(**ASK, stream=True),
    "events": lambda client: client.chat.completions.stream(**ASK),
    "tools": lambda client: client.chat.completions.run_tools(**ASK, tools=[]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ENDINGS)
async def test_asynchronous(
    fault_server: FaultServer, connect: Connect, kind: str, ending: str
) -> None:
    """The task that reads is over before the client is closed."""
    fault_server.always(respond([ENDINGS[ending]], content_type="text/event-stream"))

    dropped = asyncio.Event()

    async def fail(client: Any) -> None:
        made = KINDS[kind](client)
        async with await made if kind == "chunks" else made as stream:
            for _ in range(2):  # the second loop raises the same again
                with pytest.raises(HorayError):
                    async for _ in stream:
                        pass
            weakref.finalize(stream, dropped.set)

    async with connect() as client:
        await fail(client)
        await asyncio.wait_for(dropped.wait(), 10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_blocking(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, kind: str, ending: str
) -> None:
    """The thread behind the client lets go of it as well."""
    fault_server.always(respond([ENDINGS[ending]], content_type="text/event-stream"))
    dropped = threading.Event()

    def fail(client: Any) -> None:
        with KINDS[kind](client) as stream:
            for _ in range(2):
                with pytest.raises(HorayError):
                    for _ in stream:
                        pass
            weakref.finalize(stream, dropped.set)

    with connect_blocking() as client:
        fail(client)
        assert dropped.wait(10)


@attrs.define
class Point:
    """What a text is to become."""

    x: int


async def parsed(client: Any) -> Any:
    """By one call."""
    return await client.chat.completions.parse(**ASK, response_format=Point)


async def finished(client: Any) -> Any:
    """By a stream that is read without events."""
    async with client.chat.completions.stream(**ASK, response_format=Point) as events:
        return await events.final()


async def told(client: Any) -> Any:
    """By a stream's events."""
    async with client.chat.completions.stream(**ASK, response_format=Point) as events:
        async for _ in events:
            pass
        return await events.final()


@pytest.mark.parametrize("text", ['{"x": 1}', '{"x": "a"}', "no JSON", '```\n{"x": 1'])
@pytest.mark.parametrize("get", [parsed, finished, told])
async def test_typed_responses(
    fault_server: FaultServer, connect: Connect, get: Callable[[Any], Any], text: str
) -> None:
    """Whether or not the text fits."""
    fault_server.always(
        lambda request: stream([text]) if request.json().get("stream") else chat(text)
    )
    dropped = asyncio.Event()

    async def ask(client: Any) -> None:
        completion: Any
        try:
            completion = await get(client)
        except AnswerError as error:
            completion = error.completion
        weakref.finalize(completion, dropped.set)

    async with connect() as client:
        await ask(client)
        await asyncio.wait_for(dropped.wait(), 10)
