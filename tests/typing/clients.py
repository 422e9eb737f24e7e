"""What type checkers are to see of both clients. Checked by mypy and pyright, never run.

Both are told to complain of an ignore that isn't needed, so an expected error is one that must be there.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import assert_type

from horay_async import (
    AsyncEventStream,
    AsyncHoray,
    AsyncStream,
    ChatCompletion,
    ChatCompletionChunk,
    ChatEvent,
    Completion,
    CompletionChunk,
    CompletionEvent,
    EmbeddingResponse,
    EventStream,
    Horay,
    ImageResponse,
    JSONResponse,
    MessageDict,
    ModelInfo,
    ModelList,
    ResponseMeta,
    Stream,
    UserInfo,
)

MESSAGES: list[MessageDict] = [{"role": "user", "content": "Hello"}]


async def awaited(client: AsyncHoray, either: bool) -> None:
    """The asynchronous client."""
    assert_type(await client.user.info(), UserInfo)
    assert_type((await client.user.info()).balance, Decimal | None)
    assert_type(await client.models.list(type="text", sub_type="chat"), ModelList)
    assert_type(await client.request("POST", "/path", body={}), JSONResponse)
    assert_type(
        await client.images.generate(model="m", prompt="p", image_size="768x512"), ImageResponse
    )
    vectors = await client.embeddings.create(model="m", input=["a"], encoding_format="float")
    assert_type(vectors, EmbeddingResponse)
    assert_type(vectors.data[0].embedding, list[float])
    assert_type(vectors.data[0].array, array[float])
    assert_type(await client.models.retrieve("m"), ModelInfo)
    completions = client.completions
    assert_type(await completions.create(model="m", prompt="p"), Completion)
    chunks = await completions.create(model="m", prompt="p", stream=True)
    assert_type(chunks, AsyncStream[CompletionChunk])
    assert_type(chunks.meta, ResponseMeta)
    assert_type(chunks.text(), AsyncIterator[str])
    assert_type(
        await completions.create(model="m", prompt="p", stream=either),
        Completion | AsyncStream[CompletionChunk],
    )
    chat = client.chat.completions
    assert_type(await chat.create(model="m", messages=MESSAGES), ChatCompletion)
    async with await chat.create(model="m", messages=MESSAGES, stream=True) as chat_chunks:
        async for chunk in chat_chunks:
            assert_type(chunk, ChatCompletionChunk)
    async with chat.stream(model="m", messages=MESSAGES) as events:
        assert_type(events, AsyncEventStream[ChatEvent, ChatCompletion])
        assert_type(await events.final(), ChatCompletion)
    async with client as entered:
        assert_type(entered.with_options(max_retries=0), AsyncHoray)


def blocking(client: Horay, either: bool) -> None:
    """The blocking client: the same, without waiting."""
    assert_type(client.user.info(), UserInfo)
    assert_type(client.models.list(type="text", sub_type="chat"), ModelList)
    assert_type(client.request("POST", "/path", body={}), JSONResponse)
    assert_type(client.images.generate(model="m", prompt="p", image_size="768x512"), ImageResponse)
    assert_type(client.embeddings.create(model="m", input=[[1, 2], [3]]), EmbeddingResponse)
    assert_type(client.models.retrieve("m"), ModelInfo)
    completions = client.completions
    assert_type(completions.create(model="m", prompt="p"), Completion)
    chunks = completions.create(model="m", prompt="p", stream=True)
    assert_type(chunks, Stream[CompletionChunk])
    assert_type(chunks.meta, ResponseMeta)
    assert_type(chunks.text(), Iterator[str])
    assert_type(
        completions.create(model="m", prompt="p", stream=either),
        Completion | Stream[CompletionChunk],
    )
    with completions.stream(model="m", prompt="p") as completion_events:
        assert_type(completion_events, EventStream[CompletionEvent, Completion])
    chat = client.chat.completions
    assert_type(chat.create(model="m", messages=MESSAGES), ChatCompletion)
    with chat.create(model="m", messages=MESSAGES, stream=True) as chat_chunks:
        for chunk in chat_chunks:
            assert_type(chunk, ChatCompletionChunk)
    with chat.stream(model="m", messages=MESSAGES) as events:
        for event in events:
            assert_type(event, ChatEvent)
        assert_type(events.final(), ChatCompletion)
    with client as entered:
        assert_type(entered.with_options(max_retries=0), Horay)


async def mistakes(client: AsyncHoray, sync: Horay) -> None:
    """What is to be an error on either client."""
    await client.completions.create(model="m")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue] # no prompt
    sync.completions.create(model="m")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue] # no prompt
    await client.models.list(type="sound")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # no such type
    sync.models.list(type="sound")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # no such type
    Horay(retries=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # it is max_retries
    print(client.beta)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] # nothing is in beta here
    with sync.chat.completions.stream(model="m", messages=MESSAGES) as events:
        for event in events:
            print(event.type == "content.delta")  # type: ignore[comparison-overlap] # pyright: ignore[reportUnnecessaryComparison] # openai's word for "text"
