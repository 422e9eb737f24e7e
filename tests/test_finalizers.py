"""What the garbage collector closes waits for the loop's next turn: it can come amid anything that runs there."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from horay_async import (
    AsyncHoray,
    BatchRequest,
    Horay,
    MessageDict,
    RequestEvent,
    ResponseEvent,
    tool,
)
from horay_async._transport.request_limiter import RequestLimiter
from horay_async.options import Limits
from horay_async.testing import FaultServer, Gate, Stall, chat, raw

pytestmark = pytest.mark.anyio

MESSAGES: list[MessageDict] = [{"role": "user", "content": "Hi"}]


class Cycle:
    """Something that only the garbage collector finds."""

    def __init__(self, *held: object) -> None:
        self.held = held
        self.itself = self


@attrs.define
class Told:
    """What a client's hook was told."""

    ended: list[ResponseEvent] = attrs.field(factory=list[ResponseEvent])


async def of_stream(client: AsyncHoray) -> list[object]:
    """A stream that was begun."""
    stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    await anext(stream)
    return [stream]


async def of_loop(client: AsyncHoray) -> list[object]:
    """A loop over the text of one."""
    stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    texts = stream.text()
    await anext(texts)
    return [texts]


async def of_events(client: AsyncHoray) -> list[object]:
    """A loop over events, whose block goes on."""
    events = await client.chat.completions.stream(model="m", messages=MESSAGES).__aenter__()
    loop = aiter(events)
    await anext(loop)
    return [events, loop]


async def of_tools(client: AsyncHoray) -> list[object]:
    """A loop over a run with tools."""

    @tool
    def clock() -> str:
        """The time."""
        return "noon"

    loop = aiter(client.chat.completions.run_tools(model="m", messages=MESSAGES, tools=[clock]))
    while (await anext(loop)).type != "text":
        pass
    return [loop]


@pytest.mark.parametrize("begin", [of_stream, of_loop, of_events, of_tools])
async def test_what_is_collected_ends_on_the_next_turn(
    fault_server: FaultServer, begin: Callable[[AsyncHoray], Any]
) -> None:
    """A collection tells no hook and gives no permit back amid what runs on the loop; the next turn does."""
    told = Told()
    gate = Gate()
    fault_server.stream(["a", gate, "b"])
    async with AsyncHoray(
        fault_server.api_key,
        base_url=fault_server.base_url,
        limits=Limits(concurrency=1),
        on_response=told.ended.append,
    ) as client:
        Cycle(*await begin(client))
        gc.collect()
        assert told.ended == []
        waiting = asyncio.create_task(client.chat.completions.create(model="m", messages=MESSAGES))
        assert (await waiting).choices[0].message.content
        assert len(told.ended) == 2
    gate.open()


async def test_collection_amid_the_limiter(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is collected while the limiter looks who is next gives its permit back once, and to one that waits."""
    gate = Gate()
    fault_server.stream(["a", gate, "b"])
    async with AsyncHoray(
        fault_server.api_key, base_url=fault_server.base_url, limits=Limits(concurrency=1)
    ) as client:
        left = [Cycle(*await of_stream(client))]
        head = RequestLimiter._head

        def collecting(limiter: RequestLimiter, key: tuple[object, ...]) -> Any:
            found = head(limiter, key)
            left.clear()
            gc.collect()
            return found

        monkeypatch.setattr(RequestLimiter, "_head", collecting)
        calls = [
            client.chat.completions.create(model="m", messages=MESSAGES, bulk=each % 2 > 0)
            for each in range(4)
        ]
        responses = await asyncio.gather(*calls)
        assert all(each.choices[0].message.content for each in responses)
    gate.open()


async def test_batch_that_is_collected(fault_server: FaultServer) -> None:
    """The loop over a batch is collected: what is under way is cancelled on the next turn."""
    told = Told()
    fault_server.add(chat("one"), raw(Stall()))
    requests = [BatchRequest.chat(model="m", messages=MESSAGES) for _ in range(2)]
    async with AsyncHoray(
        fault_server.api_key, base_url=fault_server.base_url, on_response=told.ended.append
    ) as client:
        loop = aiter(client.batch.run(requests))
        assert (await anext(loop)).response is not None
        await fault_server.until_requests(2)
        Cycle(loop)
        del loop
        gc.collect()
        assert len(told.ended) == 1
        await fault_server.until(lambda: len(told.ended) == 2)


def test_blocking_stream_collected_on_the_thread_of_the_loop(fault_server: FaultServer) -> None:
    """A blocking stream is collected within a hook, which runs on the loop: it ends behind that hook."""
    gate = Gate()
    fault_server.stream(["a", gate, "b"])
    left: list[Cycle] = []
    ended: list[ResponseEvent] = []
    within: list[int] = []

    def on_request(event: RequestEvent) -> None:
        if left:
            left.clear()
            gc.collect()
            within.append(len(ended))

    with Horay(
        fault_server.api_key,
        base_url=fault_server.base_url,
        on_request=on_request,
        on_response=ended.append,
    ) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        texts = stream.text()
        next(texts)
        left.append(Cycle(stream, texts))
        del stream, texts
        assert (
            client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content
        )
        assert within == [0]
        assert len(ended) == 2
    gate.open()
