"""What the adversary does with a client: each operation checks that what it got is its own request's.

They are written once, for both clients: `done`, `each` and `Block` take what either gives, and `driven` runs one
on a blocking client, where nothing is really awaited.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from horay_async import (
    AsyncHoray,
    BatchRequest,
    Horay,
    HorayError,
    RetryPolicy,
    Timeouts,
    ToolMessage,
    tool,
)
from horay_async.options import ClientParams
from horay_async.testing import FaultServer
from tests.adversary.echo import Echo, text_for
from tests.adversary.watchdog import watched

R = TypeVar("R")

Client = Any
"""An `AsyncHoray` or a `Horay`: no type checker follows an operation over both."""

Operation = Callable[[Client, str, Echo], Coroutine[Any, Any, None]]

OPTIONS: ClientParams = {
    "timeout": Timeouts(queue=10.0, connect=10.0, first_byte=0.25, idle=0.25),
    "retry": RetryPolicy(max_retries=2, initial_backoff=0.001, max_backoff=0.004),
    "max_connections": 3,
}
"""Few connections, so that calls wait for them; short timeouts, so that servers that hang don't hold a test up."""


def options_for(server: FaultServer) -> ClientParams:
    """The options of a client of this server."""
    return {**OPTIONS, "base_url": server.base_url}


def patient_options(server: FaultServer) -> ClientParams:
    """Those of a client that doesn't try again, and whose timeouts no busy machine reaches: each response is its only one."""
    return {"base_url": server.base_url, "max_retries": 0}


def with_clients(
    check: Callable[[FaultServer, AsyncHoray, Horay], Coroutine[Any, Any, None]],
) -> None:
    """Runs a check with a server and a patient client of each kind."""

    async def main() -> None:
        with FaultServer() as server:
            options = patient_options(server)
            with Horay(server.api_key, **options) as blocking:
                async with AsyncHoray(server.api_key, **options) as client:
                    await check(server, client, blocking)

    with watched():
        asyncio.run(main())


async def done(value: Any) -> Any:
    """The value, awaited where it has to be."""
    return await value if inspect.isawaitable(value) else value


class each:  # noqa: N801 - used like a function
    """The items of an iterable of either kind."""

    def __init__(self, items: Any) -> None:
        self._is_async = hasattr(items, "__aiter__")
        self._items: Any = aiter(items) if self._is_async else iter(items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._is_async:
            return await self._items.__anext__()
        for item in self._items:
            return item
        raise StopAsyncIteration


class Block:
    """A `with` block of either kind."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def __aenter__(self) -> Any:
        manager = self._manager
        return await manager.__aenter__() if hasattr(manager, "__aenter__") else manager.__enter__()

    async def __aexit__(self, *error: object) -> None:
        manager = self._manager
        if hasattr(manager, "__aexit__"):
            await manager.__aexit__(*error)
        else:
            manager.__exit__(*error)


def driven(work: Coroutine[Any, Any, R]) -> R:
    """Runs an operation on a blocking client."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    work.close()
    raise AssertionError("something was awaited on a blocking client")


def messages(token: str) -> Any:
    """A conversation that carries the token."""
    return [{"role": "user", "content": token}]


def expect(got: object, token: str) -> None:
    """Fails where it isn't the token's response."""
    assert got == text_for(token), f"{token} was answered {got!r}"


async def chat(client: Client, token: str, _: Echo) -> None:
    response = await done(client.chat.completions.create(model="m", messages=messages(token)))
    expect(response.choices[0].message.content, token)


async def completion(client: Client, token: str, _: Echo) -> None:
    response = await done(client.completions.create(model="m", prompt=token))
    expect(response.choices[0].text, token)


async def image(client: Client, token: str, _: Echo) -> None:
    response = await done(client.images.generate(model="m", prompt=token, image_size="768x512"))
    assert response.images[0].url == f"https://images.example/{token}.png"


async def listed(client: Client, token: str, _: Echo) -> None:
    response = await done(client.models.list(extra_query={"token": token}))
    expect(response.data[0].id, token)


async def other_path(client: Client, token: str, _: Echo) -> None:
    response = await done(client.request("POST", "/echo", body={"token": token}))
    expect(response.to_dict()["text"], token)


async def read_whole(client: Client, token: str, _: Echo) -> None:
    chunks = await done(client.completions.create(model="m", prompt=token, stream=True))
    expect("".join([text async for text in each(chunks.text())]), token)


async def left_early(client: Client, token: str, _: Echo) -> None:
    chunks = await done(
        client.chat.completions.create(model="m", messages=messages(token), stream=True)
    )
    async for text in each(chunks.text()):
        assert text
        assert text_for(token).startswith(text)
        break


async def closed_early(client: Client, token: str, _: Echo) -> None:
    async with Block(
        await done(client.chat.completions.create(model="m", messages=messages(token), stream=True))
    ) as chunks:
        async for text in each(chunks.text()):
            assert text
            assert text_for(token).startswith(text)
            await done(chunks.close())
            break
        await done(chunks.close())


async def dropped(client: Client, token: str, _: Echo) -> None:
    await done(client.completions.create(model="m", prompt=token, stream=True))


async def events(client: Client, token: str, _: Echo) -> None:
    async with Block(client.chat.completions.stream(model="m", messages=messages(token))) as run:
        response = await done(run.final())
    expect(response.choices[0].message.content, token)


async def events_left(client: Client, token: str, _: Echo) -> None:
    async with Block(client.completions.stream(model="m", prompt=token)) as run:
        async for _event in each(run):
            break


async def other_events(client: Client, token: str, _: Echo) -> None:
    chunks = await done(
        client.request("POST", "/responses", body={"input": token}, stream=True, ends_with="end")
    )
    data = [event.json() async for event in each(chunks)]
    assert data.pop() == {"type": "end"}
    expect(" ".join(each["delta"] for each in data), token)


@tool
def in_thread(word: str) -> str:
    """Repeats a word, in a thread."""
    return text_for(word)


@tool
async def on_loop(word: str) -> str:
    """Repeats a word, on the loop."""
    return text_for(word)


async def tools(client: Client, token: str, _: Echo) -> None:
    run = client.chat.completions.run_tools(
        model="m", messages=messages(token), tools=[in_thread, on_loop]
    )
    async with Block(run):
        response = await done(run.final())
    expect(response.choices[0].message.content, token)
    told = [each.content for each in run.messages if isinstance(each, ToolMessage)]
    assert told == [text_for(token)] * 2, run.messages


async def tools_left(client: Client, token: str, _: Echo) -> None:
    run = client.chat.completions.run_tools(
        model="m", messages=messages(token), tools=[in_thread, on_loop]
    )
    async for event in each(run):
        if type(event).__name__ == "RoundFinished":
            break  # the tools are at work


def batch_of(token: str, echo: Echo) -> list[Any]:
    """Requests with tokens of their own; the first meets the faults of `token`."""
    tokens = [token, *(echo.new_token([]) for _ in range(4))]
    return [
        BatchRequest.chat(model="m", messages=messages(each), custom_id=each) for each in tokens
    ]


async def batch(client: Client, token: str, echo: Echo) -> None:
    requests = batch_of(token, echo)
    seen: set[str] = set()
    async for result in each(client.batch.run(requests, concurrency=3, give_up_after=0.2)):
        assert result.custom_id not in seen
        seen.add(result.custom_id)
        if result.error is None:
            expect(result.response.choices[0].message.content, result.custom_id)
        else:
            assert isinstance(result.error, HorayError)
    assert seen == {request.custom_id for request in requests}


async def batch_left(client: Client, token: str, echo: Echo) -> None:
    async for result in each(
        client.batch.run(batch_of(token, echo), concurrency=3, give_up_after=0.2)
    ):
        assert result.error is not None or result.response.choices[0].message.content == text_for(
            result.custom_id
        )
        break


async def with_options(client: Client, token: str, echo: Echo) -> None:
    await chat(client.with_options(max_connections=2, max_retries=1), token, echo)


OPERATIONS: list[Operation] = [
    chat,
    completion,
    image,
    listed,
    other_path,
    read_whole,
    left_early,
    closed_early,
    dropped,
    events,
    events_left,
    other_events,
    tools,
    tools_left,
    batch,
    batch_left,
    with_options,
]


async def checked(operation: Operation, client: Client, token: str, echo: Echo) -> str:
    """The outcome: `"right"`, or the name of the error of this client's. All else is raised."""
    try:
        await operation(client, token, echo)
    except HorayError as error:
        return type(error).__name__
    return "right"


def slots_in_use(client: AsyncHoray) -> int:
    """How many connection slots a client holds."""
    pools = client._transport.pools.live_pools()
    return sum(slots.in_use for pool in pools for slots in pool.slots.values())
