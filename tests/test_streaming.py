"""Streams over real connections: whole, cut, failing, left early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import CodeType
from typing import Any, Literal

import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AsyncBatchRun,
    AsyncHoray,
    AsyncStream,
    BatchRequest,
    HorayError,
    InternalServerError,
    RateLimitError,
    RetryPolicy,
    StreamError,
    StreamTruncatedError,
    Timeouts,
    streaming,
    tool,
)
from horay_async._protocol.wire.size_limits import LARGE_BODY, MAX_BLOCK_BYTES
from horay_async.streaming import STREAM_LEFT
from horay_async.testing import (
    Cut,
    Ending,
    FaultServer,
    Fin,
    Gate,
    Repeat,
    Request,
    Reset,
    ScriptedResponse,
    Stall,
    Step,
    error_event,
    json_response,
    raw,
    respond,
    sse,
    stream,
)
from horay_async.testing import chat as whole_chat
from horay_async.tools import run

from .conftest import Connect
from .recorded import CHAT, TEXT, Told, playing, told
from .tripping import Tripped, tripping

pytestmark = pytest.mark.anyio

AT_ONCE = 32


def chat(client: Any, name: str = "m") -> Any:
    """Asks for a streamed chat response, on either client; `name` goes to the server."""
    return client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "?"}], stream=True
    )


def whole(client: Any) -> Any:
    """Asks for a whole one."""
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])


async def all_chunks(client: AsyncHoray) -> list[Any]:
    """All chunks of one."""
    return [chunk async for chunk in await chat(client)]


async def first_chunk(client: AsyncHoray) -> Any:
    """The first chunk of a streamed one."""
    return await anext(aiter(await chat(client)))


def text(client: Any, name: str = "m") -> Any:
    """Asks for a streamed completion of two choices."""
    return client.completions.create(model=name, prompt="p", n=2, stream=True)


def sse_response(*pieces: bytes | Step) -> ScriptedResponse:
    """An event stream of exactly these pieces, with other steps between them."""
    return respond(list(pieces), content_type="text/event-stream", framing="chunked")


def cut_as_asked(response: ScriptedResponse, by: Ending) -> Callable[[Request], ScriptedResponse]:
    """A handler that cuts `response` after as many bytes as the request's model says."""
    return lambda request: response.with_faults(Cut(int(request.json()["model"]), by=by))


def contents(response: Any) -> dict[int, tuple[str, str | None]] | None:
    """The choices of a merged response, in the form of `Told`."""
    if response is None:
        return None
    return {
        choice.index: (
            choice.text if hasattr(choice, "text") else choice.message.content,
            choice.finish_reason,
        )
        for choice in response.choices
    }


async def take(pieces: AsyncIterator[str], into: list[str]) -> None:
    """Puts what comes into a list, which outlives an error."""
    async for piece in pieces:
        into.append(piece)  # noqa: PERF401 - a comprehension would lose them with the error


def check(outcome: object, expected: Told | None, at: int) -> None:
    """Holds what a call came to (its merged response, or its error) against what the bytes told."""
    if expected is None:
        assert type(outcome) is APIConnectionError, at
    elif expected.whole:
        assert contents(outcome) == expected.choices, at
    else:
        assert isinstance(outcome, StreamTruncatedError), (at, outcome)
        assert contents(outcome.partial) == expected.choices, at


async def read(client: AsyncHoray, ask: Callable[[Any, str], Any], at: int) -> object:
    """Reads a stream that is cut after `at` bytes: the merged response, or the error."""
    try:
        chunks: AsyncStream[Any] = await ask(client, str(at))
        async for _ in chunks:
            pass
    except APIError as error:
        return error
    return chunks._merged()


@pytest.mark.parametrize("by", ["fin", "rst"])
@pytest.mark.parametrize(("ask", "events", "choices"), [(chat, CHAT, 1), (text, TEXT, 2)])
async def test_cut_after_every_byte(
    fault_server: FaultServer,
    connect: Connect,
    ask: Callable[[Any, str], Any],
    events: list[bytes],
    choices: int,
    by: Ending,
) -> None:
    """However much has come, the call gives the whole response or raises with exactly that much."""
    response = playing(events)
    fault_server.always(cut_as_asked(response, by))
    async with connect() as client:
        for start in range(0, len(response.data), AT_ONCE):
            places = range(start, min(start + AT_ONCE, len(response.data)))
            outcomes = await asyncio.gather(*(read(client, ask, at) for at in places))
            for at, outcome in zip(places, outcomes, strict=True):
                check(outcome, told(response.data[:at], choices=choices), at)


@pytest.mark.parametrize(
    "response",
    [
        playing(CHAT, framing="length"),
        playing(CHAT, coding="gzip"),
        playing(CHAT, coding="gzip", framing="length"),
    ],
    ids=["length", "gzip in chunks", "gzip in one length"],
)
async def test_cut_in_every_framing(
    fault_server: FaultServer, connect: Connect, response: ScriptedResponse
) -> None:
    """Short of its Content-Length, or within compressed data, a stream is as incomplete as elsewhere."""
    fault_server.always(cut_as_asked(response, "fin"))
    async with connect() as client:
        places = range(response.head_size, len(response.data), 7)
        outcomes = await asyncio.gather(*(read(client, chat, at) for at in places))
        for at, outcome in zip(places, outcomes, strict=True):
            check(outcome, told(response.data[:at], choices=1), at)


async def test_compressed_data_that_ends_early(fault_server: FaultServer, connect: Connect) -> None:
    """A gzip body that is short by itself, in a framing that is whole, is seen to be incomplete."""
    body = playing(CHAT, coding="gzip").data
    assert b"gzip" in body
    fault_server.add(respond(CHAT, content_type="text/event-stream", coding="gzip", coding_cut=130))
    async with connect() as client:
        outcome = await read(client, chat, 0)
    assert isinstance(outcome, StreamTruncatedError)
    assert contents(outcome.partial) == {0: ("Grüße", None)}


async def test_what_came_before_the_cut_counts(fault_server: FaultServer, connect: Connect) -> None:
    """A caller who begins to read after the connection broke still gets what had come until then."""
    fault_server.add(sse_response(*CHAT[:4], Reset()))
    async with connect() as client:
        chunks = await chat(client)
        content = chunks._response._raw.content
        while content.exception() is None:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(0)
        texts: list[str] = []
        with pytest.raises(StreamTruncatedError) as raised:
            await take(chunks.text(), texts)
    assert "".join(texts) == "Grüße 🌍"
    assert contents(raised.value.partial) == {0: ("Grüße 🌍", None)}


async def test_truncation_names_its_reason(fault_server: FaultServer, connect: Connect) -> None:
    """The error says how the stream ended, and which response it was."""
    fault_server.add(
        respond(
            [*CHAT[:2], b'data: {"id'],
            content_type="text/event-stream",
            headers={"x-request-id": "r-9"},
        )
    )
    async with connect() as client:
        with pytest.raises(StreamTruncatedError) as raised:
            [chunk async for chunk in await chat(client)]
    assert (
        raised.value.reason
        == "the response ended without its last event, in the middle of an event"
    )
    assert raised.value.execution == "executed"
    assert raised.value.request_id == "r-9"
    assert [attempt.error for attempt in raised.value.attempts] == ["StreamTruncatedError"]


@pytest.mark.parametrize("waits", [True, False])
async def test_client_closed_in_the_middle(
    fault_server: FaultServer, connect: Connect, waits: bool
) -> None:
    """The error says that the client was closed, and has what had come."""
    fault_server.add(sse_response(*CHAT[:4], Stall()))
    async with connect() as client:
        chunks = await chat(client)
        texts = [(await anext(chunks)).text]
        rest = asyncio.create_task(take(chunks.text(), texts)) if waits else None
        while waits and not chunks._reading:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0)
        await client.close()
        with pytest.raises(StreamTruncatedError, match="the client was closed") as raised:
            await (rest or take(chunks.text(), texts))
    assert raised.value.execution == "executed"
    assert contents(raised.value.partial) == {0: ("".join(texts), None)}


async def test_client_closed_in_the_middle_of_a_body(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The same where the response is one body, which isn't asked for again."""
    fault_server.add(respond([b'{"object": "list", "data": [', Stall()], framing="chunked"))
    async with connect(retries=2) as client:
        call = asyncio.create_task(client.models.list())
        await fault_server.until_requests(1)
        await client.close()
        with pytest.raises(HorayError, match="the client was closed"):
            await call


@pytest.mark.parametrize("of_the_call", [True, False])
async def test_unmarked_end_can_be_accepted(
    fault_server: FaultServer, connect: Connect, of_the_call: bool
) -> None:
    """`on_truncation="return"` takes an orderly end for complete, but not a connection that was cut."""
    unmarked = stream(["Ber", "lin"], finish_reason=None, done=False)
    fault_server.add(unmarked, unmarked.with_faults(Cut(-1)))
    async with connect(on_truncation="raise" if of_the_call else "return") as client:
        options: Any = {"on_truncation": "return"} if of_the_call else {}

        async def collected() -> str:
            chunks = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True, **options
            )
            return "".join([piece async for piece in chunks.text()])

        assert await collected() == "Berlin"
        with pytest.raises(StreamTruncatedError):
            await collected()


@pytest.mark.parametrize("how", ["end", "reset", "closed client"])
async def test_end_of_the_connection_may_be_no_end(
    fault_server: FaultServer, connect: Connect, how: str
) -> None:
    """Where the connection's end is the body's, it has to be the server that ended it, and in order."""
    gate = Gate()
    last: dict[str, Step] = {"end": Fin(), "reset": Reset(), "closed client": Stall()}
    response = respond(
        [CHAT[0], CHAT[1], gate, last[how]], content_type="text/event-stream", framing="close"
    )
    fault_server.add(response)
    async with connect(on_truncation="return") as client:
        chunks: AsyncStream[Any] = await chat(client)
        pieces = chunks.text()
        texts = [await anext(pieces)]
        gate.open()
        reading = asyncio.create_task(take(pieces, texts))
        if how == "end":
            await reading
            return
        if how == "closed client":
            while not chunks._reading:  # noqa: ASYNC110 - nothing else says that it waits
                await asyncio.sleep(0)
            await client.close()
        with pytest.raises(StreamTruncatedError) as caught:
            await reading
        assert caught.value.partial is not None


async def test_snapshot_of_a_final_that_was_cancelled(
    fault_server: FaultServer, connect: Connect
) -> None:
    """It has what had come, as after a loop."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        reading = asyncio.create_task(events.final())
        chunks: AsyncStream[Any] = events.chunks
        while not (chunks._handed_out and chunks._merged().choices[0].message.content):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        told = events.snapshot.choices[0].message.content
        assert told
        assert told == events.chunks._merged().choices[0].message.content


async def test_response_that_is_not_streamed(fault_server: FaultServer, connect: Connect) -> None:
    """What a server sends that doesn't stream is in the error."""
    fault_server.add(whole_chat("Paid for."))
    async with connect() as client:
        with pytest.raises(
            APIResponseError, match="isn't an event stream, but application/json"
        ) as caught:
            await chat(client)
    whole = caught.value.partial
    assert whole.choices[0].message.content == "Paid for."
    assert whole.meta.status == 200


@pytest.mark.parametrize("media", ["application/json", "text/html", "text/event-stream"])
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_response_whose_end_is_missing(
    fault_server: FaultServer,
    connect: Connect,
    media: str,
    streamed: bool,
    framing: Literal["chunked", "length"],
) -> None:
    """Where the JSON is whole, the error has what it says, and it isn't asked for again: it is paid."""
    message = {"role": "assistant", "content": "Paid for."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "choices": [choice]}) + "\n\n"
    cut = respond(body, content_type=media, framing=framing).with_faults(
        Cut(-5 if framing == "chunked" else -1)
    )
    fault_server.always(cut)
    async with connect(retries=2) as client:
        with pytest.raises(APIError) as caught:
            await (first_chunk if streamed else whole)(client)
    assert caught.value.execution == "executed"
    assert caught.value.partial.choices[0].message.content == "Paid for."
    assert caught.value.partial.meta.status == 200
    assert len(fault_server.requests) == 1


ANSWERED = {
    "id": "1",
    "choices": [{"index": 0, "message": {"content": "Paid for."}, "finish_reason": "stop"}],
}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("before", ["", ": hi\n", ": hi\r\n\r\n", "\ufeff"])
@pytest.mark.parametrize("behind", ["", "\n\n", "\n\ndata: [DONE]\n\n"])
@pytest.mark.parametrize(
    "body",
    [
        {"code": 503, "message": "busy", "data": ANSWERED},
        [{"code": 503, "message": "busy", "data": ANSWERED}],
        {**ANSWERED, "object": "error", "message": "busy", "code": 503},
    ],
)
async def test_failure_among_what_belongs_to_a_stream(
    fault_server: FaultServer,
    connect: Connect,
    body: object,
    before: str,
    behind: str,
    streamed: bool,
) -> None:
    """What was generated beside it is in the error, and isn't asked for again."""
    sent = f"{before}{json.dumps(body)}{behind}".encode()
    fault_server.always(respond([sent], content_type="text/event-stream"))
    async with connect(retries=2) as client:
        with pytest.raises(APIError) as caught:
            await (first_chunk if streamed else whole)(client)
    assert caught.value.partial.choices[0].message.content == "Paid for."
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("before", ["", ": hi\n\n"])
@pytest.mark.parametrize(
    "body", ['{"detail": "busy"}', '["busy"]', json.dumps([ANSWERED, ANSWERED]), "busy", "<p>busy"]
)
async def test_no_event_but_the_last(
    fault_server: FaultServer, connect: Connect, before: str, body: str
) -> None:
    """A stream of which nothing but the end is an event isn't an empty response."""
    sent = f"{before}{body}\n\ndata: [DONE]\n\n".encode()
    fault_server.always(respond([sent], content_type="text/event-stream"))
    async with connect() as client:
        with pytest.raises(APIError):
            await first_chunk(client)


@pytest.mark.parametrize("size", [1, 7000, 20_000])
async def test_response_by_the_name_of_a_stream(
    fault_server: FaultServer, connect: Connect, size: int
) -> None:
    """It is in the error whole, however long it is and whatever empty lines are in it."""
    message = {"role": "assistant", "content": "Grüße " * 5_000}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "choices": [choice]}, indent=1).replace("\n", "\n\n").encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)] if size > 1 else [body]
    fault_server.add(respond(pieces, content_type="text/event-stream", framing="chunked"))
    async with connect() as client:
        with pytest.raises(APIResponseError, match="isn't an event stream") as caught:
            await first_chunk(client)
    assert caught.value.partial.choices[0].message.content == message["content"]
    assert json.loads(caught.value.body) == json.loads(body)


@pytest.mark.parametrize("media", ["application/json", "text/html", "text/event-stream"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_response_that_never_ends(
    fault_server: FaultServer, connect: Connect, media: str, streamed: bool
) -> None:
    """Where the JSON is whole, the timeout's error has what it says, and it isn't asked for again."""
    message = {"role": "assistant", "content": "Paid for."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "choices": [choice]}).encode()
    fault_server.always(respond([body, Stall()], content_type=media, framing="chunked"))
    async with connect(retries=2, timeout=Timeouts(idle=0.2)) as client:
        with pytest.raises(APIError) as caught:
            await (first_chunk if streamed else whole)(client)
    assert caught.value.execution == "executed"
    assert caught.value.partial.choices[0].message.content == "Paid for."
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "overloaded", "code": 503}},
        {"choices": [{"error": {"message": "overloaded", "code": 503}}]},
        {"choices": [{"finish_reason": "error"}]},
    ],
)
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("more", ["1", r'"\ud83d"', "1e400", r'[1e400, "\ud83d"]'])
async def test_text_in_the_chunk_of_an_error(
    fault_server: FaultServer, connect: Connect, error: dict[str, Any], more: str, before: int
) -> None:
    """It is handed out, and paid: the request isn't sent again."""
    choice = {"index": 0, "delta": {"content": "Paid for."}, "finish_reason": None}
    fields = {"id": "1", **error, "choices": [{**choice, **error.get("choices", [{}])[0]}]}
    chunks = [sse({"id": "1", "choices": [choice]})] * before
    failed = sse(f'{json.dumps(fields)[:-1]}, "more": {more}}}')
    fault_server.always(respond([*chunks, failed, sse("[DONE]")], content_type="text/event-stream"))
    texts: list[str] = []

    async def read_texts(client: AsyncHoray) -> None:
        async for text in (await chat(client)).text():
            texts.append(text)  # noqa: PERF401 - what came before the error counts

    async with connect(retries=2) as client:
        with pytest.raises(APIError, match=r"reported an error in the stream") as caught:
            await read_texts(client)
    assert texts == ["Paid for."] * (before + 1)
    assert caught.value.partial.choices[0].message.content == "".join(texts)
    assert len(fault_server.requests) == 1


async def test_long_stream_that_was_not_asked_for(
    fault_server: FaultServer, connect: Connect
) -> None:
    """It is merged beside the loop."""
    text = "Paid for. " * 20_000
    pieces = [text] * (LARGE_BODY // len(text) + 1)
    fault_server.add(stream(pieces, content_type="application/json"))
    async with connect() as client:
        with pytest.raises(APIResponseError) as caught:
            await whole(client)
    assert caught.value.partial.choices[0].message.content == "".join(pieces)


async def test_text_of_a_completion_in_the_chunk_of_an_error(
    fault_server: FaultServer, connect: Connect
) -> None:
    """So it is with completions."""
    choice = {"index": 0, "text": "Paid for.", "finish_reason": None}
    fields = {"id": "1", "choices": [choice], "error": {"message": "overloaded", "code": 503}}
    fault_server.always(respond([sse(fields)], content_type="text/event-stream"))
    async with connect(retries=2) as client:
        chunks = await client.completions.create(model="m", prompt="p", stream=True)
        assert (await anext(chunks)).text == "Paid for."
        with pytest.raises(APIError) as caught:
            await anext(chunks)
    assert caught.value.partial.choices[0].text == "Paid for."
    assert len(fault_server.requests) == 1


async def test_error_without_a_text(fault_server: FaultServer, connect: Connect) -> None:
    """Where nothing was generated beside it, an error at the beginning is tried again."""
    failed = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    broken = {"choices": "none", "error": {"message": "overloaded", "code": 503}}
    for fields in ({"choices": [failed]}, broken):
        fault_server.add(respond([sse(fields)], content_type="text/event-stream"))
    fault_server.add(stream("Well."))
    async with connect(retries=2) as client:
        assert [text async for text in (await chat(client)).text()] == ["Well."]


@pytest.mark.parametrize("kept", [{"audio": {"id": "1"}}, {"images": ["AAAA"]}])
async def test_sound_beside_an_error(
    fault_server: FaultServer, connect: Connect, kept: dict[str, Any]
) -> None:
    """What has no name here is paid, too."""
    message = {"role": "assistant", "content": None, **kept}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": None}]}
    fault_server.always(json_response({**body, "error": {"message": "overloaded", "code": 503}}))
    async with connect(retries=2) as client:
        with pytest.raises(APIStatusError) as caught:
            await whole(client)
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


async def test_response_cut_in_the_middle(fault_server: FaultServer, connect: Connect) -> None:
    """What has come of it is in the error, which says that it is paid for."""
    fault_server.always(whole_chat("Paid for.").with_faults(Cut(-5)))
    async with connect(retries=2) as client:
        for send in (chat, whole):
            with pytest.raises(APIConnectionError) as caught:
                await send(client)
            assert caught.value.partial.choices[0].message.content == "Paid for."
            assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 2


async def test_error_whose_end_is_missing(fault_server: FaultServer, connect: Connect) -> None:
    """An error that came whole is raised, for it says more than that the connection broke."""
    body = json.dumps({"error": {"message": "The prompt is too long."}}) + "\n\n"
    fault_server.always(respond(body).with_faults(Cut(-1)))
    async with connect() as client:
        for send in (chat, whole):
            with pytest.raises(APIStatusError, match=r"The prompt is too long\."):
                await send(client)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("media", ["text/event-stream", "application/json"])
async def test_stream_that_was_not_asked_for(
    fault_server: FaultServer, connect: Connect, media: str, done: bool
) -> None:
    """What came of it is in the error, and it isn't asked for again: it is paid."""
    fault_server.add(stream(["Paid ", "for."], done=done, usage=True, content_type=media))
    async with connect(retries=2) as client:
        with pytest.raises(APIResponseError, match="the response to POST /chat") as caught:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
    assert caught.value.partial.choices[0].message.content == "Paid for."
    assert caught.value.partial.usage.total_tokens
    assert caught.value.partial.meta.status == 200
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


async def test_stream_that_was_not_asked_for_and_fails(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The error that it reports is raised, with what came before."""
    events = sse({"choices": [{"text": "Paid"}]}) + sse({"error": {"message": "No.", "code": 500}})
    fault_server.add(respond(events, content_type="text/event-stream"))
    async with connect() as client:
        with pytest.raises(InternalServerError, match=r"No\.") as caught:
            await client.completions.create(model="m", prompt="p")
    assert caught.value.partial.choices[0].text == "Paid"


async def test_events_of_another_operation(fault_server: FaultServer, connect: Connect) -> None:
    """Their text is in the error where no class describes them."""
    fault_server.add(respond(sse("Paid for."), content_type="text/event-stream"))
    async with connect() as client:
        with pytest.raises(APIResponseError, match="isn't JSON, but text/event-stream") as caught:
            await client.request("POST", "/responses", body={})
    assert caught.value.partial == "data: Paid for.\n\n"


@pytest.mark.parametrize("streamed", [False, True])
async def test_error_of_a_choice(
    fault_server: FaultServer, connect: Connect, streamed: bool
) -> None:
    """A whole response whose choice has an error is a failure, as OpenRouter sends it when a provider breaks off."""
    choice = {"message": {"content": "Pa"}, "error": {"code": 502, "message": "Broke off."}}
    fault_server.add(json_response({"choices": [{**choice, "finish_reason": "error"}]}))
    async with connect(retries=2) as client:
        with pytest.raises(InternalServerError, match="Broke") as caught:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=streamed
            )
    assert caught.value.partial.choices[0].message.content == "Pa"
    assert caught.value.partial.meta.status == 200
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("chatting", [True, False])
async def test_error_of_a_choice_without_content(
    fault_server: FaultServer, connect: Connect, chatting: bool
) -> None:
    """Nothing was generated, so the request is sent again as for any such error."""
    choice: dict[str, Any] = {"message": {"content": ""}} if chatting else {"text": ""}
    failed = {**choice, "error": {"code": 502, "message": "Down."}, "finish_reason": "error"}
    done = {**choice, "finish_reason": "stop"}
    fault_server.add(json_response({"choices": [failed]}), json_response({"choices": [done]}))
    async with connect(retries=1) as client:
        if chatting:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
        else:
            await client.completions.create(model="m", prompt="?")
    assert len(fault_server.requests) == 2


async def test_finish_reason_error(fault_server: FaultServer, connect: Connect) -> None:
    """It is a failure by itself, in a response that is otherwise as described."""
    fault_server.add(whole_chat("Pa", finish_reason="error"))
    async with connect() as client:
        with pytest.raises(APIError, match="a choice ended with finish_reason 'error'") as caught:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
    assert caught.value.partial.choices[0].message.content == "Pa"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n "])
async def test_whole_response_called_a_stream(
    fault_server: FaultServer, connect: Connect, before: bytes
) -> None:
    """So it is where the label says that it is a stream, and its length makes no difference: it isn't asked for again."""
    text = "Paid for." * 3000
    body = before + json.dumps({"choices": [{"message": {"content": text}}]}).encode()
    fault_server.add(respond(body, content_type="text/event-stream"))
    async with connect(retries=2) as client:
        chunks = await chat(client)
        with pytest.raises(APIResponseError, match="isn't an event stream") as caught:
            await anext(aiter(chunks))
    assert caught.value.partial.choices[0].message.content == text
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("behind", [b"\0", b'{"choices": []}', b" and more"])
async def test_whole_response_with_more_behind(
    fault_server: FaultServer, connect: Connect, behind: bytes
) -> None:
    """It is in the error, and isn't asked for again."""
    body = json.dumps({"choices": [{"message": {"content": "Paid for."}}]}).encode() + behind
    fault_server.add(respond(body, content_type="application/json"))
    async with connect(retries=2) as client:
        with pytest.raises(APIResponseError, match="isn't an event stream") as caught:
            await chat(client)
    assert caught.value.partial.choices[0].message.content == "Paid for."
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize(
    "media", ["text/plain; charset=utf-8", "text/html", "application/octet-stream", "*/*"]
)
@pytest.mark.parametrize("size", [3, 10_000])
async def test_stream_with_another_name(
    fault_server: FaultServer, connect: Connect, media: str, size: int
) -> None:
    """A stream is told by how it begins, where a gateway calls it something else."""
    body = b"\n" + b"".join(CHAT)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    fault_server.add(respond(pieces, content_type=media, framing="chunked"))
    async with connect() as client:
        chunks = await chat(client)
        assert "".join([piece async for piece in chunks.text()]) == "Grüße 🌍"


async def test_why_a_stream_has_ended(fault_server: FaultServer, connect: Connect) -> None:
    """It is known once the stream has ended, and of events that nothing describes it isn't."""
    fault_server.add(stream(["a", "b"], finish_reason="length"))
    fault_server.add(stream(["a"]))
    async with connect() as client:
        chunks: AsyncStream[Any] = await chat(client)
        reasons = [chunks.finish_reason]
        assert [piece async for piece in chunks.text()] == ["a", "b"]
        assert [*reasons, chunks.finish_reason] == [None, "length"]
        events = await client.request("POST", "/other", body={}, stream=True)
        assert [event.data async for event in events]
        assert events.finish_reason is None


@pytest.mark.parametrize("media", ["text/plain", "application/octet-stream"])
async def test_text_that_is_no_stream(
    fault_server: FaultServer, connect: Connect, media: str
) -> None:
    """Is raised with all of it, which may have been paid for."""
    text = "data isn't here\n" * 100
    fault_server.add(respond(text, content_type=media))
    async with connect() as client:
        with pytest.raises(APIResponseError, match=f"isn't an event stream, but {media}") as caught:
            await chat(client)
    assert caught.value.body == text


async def test_error_before_the_first_chunk_is_retried(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A failure that is reported before anything else came is met by another attempt."""
    fault_server.add(sse_response(b": ping\n\n", error_event("no room", code="overloaded_error")))
    fault_server.stream(["Ber", "lin"])
    async with connect(retries=2) as client:
        chunks = await chat(client)
        assert "".join([piece async for piece in chunks.text()]) == "Berlin"
    first, second = chunks.meta.attempts
    assert (first.error, second.error) == ("ServiceOverloadedError", None)
    assert first.backoff is not None
    assert len(fault_server.requests) == 2


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("code", "raises"), [("rate_limit_exceeded", RateLimitError), (None, StreamError)]
)
async def test_error_after_the_first_chunk_is_raised(
    fault_server: FaultServer,
    connect: Connect,
    code: str | None,
    raises: type[APIError],
    named: bool,
) -> None:
    """Once a chunk was handed out, a failure is the caller's, in the class that its code stands for."""
    event = error_event("out of tokens", type=None, code=code, named=named)
    fault_server.add(sse_response(*CHAT[:2], event))
    async with connect(retries=2) as client:
        chunks = await chat(client)
        received: list[str] = []
        with pytest.raises(raises, match="out of tokens") as raised:
            await take(chunks.text(), received)
        with pytest.raises(raises):  # and so it is for all who ask again
            await anext(chunks)
    assert received == ["Grü"]
    assert raised.value.execution == "executed"
    if isinstance(raised.value, StreamError):
        assert contents(raised.value.partial) == {0: ("Grü", None)}
    assert len(fault_server.requests) == 1


async def test_cut_before_the_first_chunk_is_retried(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A stream that broke before anything came is opened again; after that, never."""
    fault_server.add(
        sse_response(Reset()), sse_response(b": ping\n\n", Fin()), sse_response(CHAT[0], Fin())
    )
    async with connect(retries=5) as client:
        with pytest.raises(StreamTruncatedError) as raised:
            [chunk async for chunk in await chat(client)]
    assert len(raised.value.attempts) == len(fault_server.requests) == 3


async def test_ten_streams_use_one_connection(fault_server: FaultServer, connect: Connect) -> None:
    """Read to their ends, streams hand their connection on, whatever way they are read."""
    async with connect() as client:
        for number in range(10):
            chunks = await chat(client)
            if number % 2:
                assert "".join([piece async for piece in chunks.text()])
            else:
                assert [chunk async for chunk in chunks]
            assert chunks.meta.total is not None
            assert chunks.meta.first_token is not None
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            await events.final()
        await client.models.list()
    assert len(fault_server.connections) == 1
    assert len(fault_server.requests) == 12


async def leave_by_break(chunks: AsyncStream[Any]) -> None:
    async for _ in chunks:
        break


async def leave_by_text(chunks: AsyncStream[Any]) -> None:
    async for _ in chunks.text():
        break


async def leave_by_error(chunks: AsyncStream[Any]) -> None:
    async def fail() -> None:
        async for _ in chunks:
            raise LookupError

    with pytest.raises(LookupError):
        await fail()


async def leave_by_block(chunks: AsyncStream[Any]) -> None:
    async with chunks:
        await anext(chunks)


async def leave_by_close(chunks: AsyncStream[Any]) -> None:
    await anext(chunks)
    await chunks.close()
    await chunks.close()


async def leave_unread(chunks: AsyncStream[Any]) -> None:
    await chunks.close()


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_text, leave_by_error, leave_by_block, leave_by_close, leave_unread],
)
async def test_leaving_early_closes_at_once(
    fault_server: FaultServer,
    connect: Connect,
    leave: Callable[[AsyncStream[Any]], Any],
) -> None:
    """However a stream is left, the server sees it, the slot is free, and reading on is an error."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    async with connect(max_connections=1) as client:
        chunks = await chat(client)
        await leave(chunks)
        await fault_server.until_closed(1)
        assert fault_server.connections[0].closed_by == "client"
        with pytest.raises(HorayError, match="closed"):
            await anext(chunks)
        assert await client.models.list()


@pytest.mark.parametrize("handed_out", [True, False])
async def test_closed_while_another_task_reads(
    fault_server: FaultServer, connect: Connect, handed_out: bool
) -> None:
    """That task is told so: nothing broke off. No other attempt is made."""
    fault_server.always(sse_response(*(CHAT[:2] if handed_out else [b": ping\n\n"]), Stall()))
    async with connect(retries=2) as client:
        chunks = await chat(client)
        reading = asyncio.ensure_future(chunks._next_items())
        if handed_out:
            await reading
            reading = asyncio.ensure_future(chunks._next_items())
        await asyncio.sleep(0)  # it begins
        await chunks.close()
        with pytest.raises(HorayError, match="the stream is closed: its loop was left early, or"):
            await asyncio.gather(reading, take(chunks.text(), []))
        await fault_server.until_closed(1)
    assert len(fault_server.requests) == 1


async def test_cancelled_read_says_so_later(fault_server: FaultServer, connect: Connect) -> None:
    """Reading on after a read that was cancelled says that it was, in a loop and for the chunks merged."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        assert [await anext(events.chunks), await anext(events.chunks)]
        reading = asyncio.ensure_future(anext(events.chunks))
        await asyncio.sleep(0)  # it begins
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await fault_server.until_closed(1)
        with pytest.raises(HorayError, match="closed: CancelledError ended a reading"):
            await anext(events.chunks)
        with pytest.raises(HorayError, match="closed: CancelledError ended a reading"):
            await events.final()


async def test_forgotten_stream_is_closed(fault_server: FaultServer, connect: Connect) -> None:
    """A stream that nobody holds any more ends its connection without a warning."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    async with connect(max_connections=1) as client:
        await chat(client)
        await fault_server.until_closed(1)
        assert await client.models.list()


async def test_connections_are_waited_for(fault_server: FaultServer, connect: Connect) -> None:
    """With all connections in use, further calls wait for their turn instead of failing."""
    gate = Gate()
    fault_server.always(sse_response(*CHAT[:2], gate, *CHAT[2:]))
    async with connect(max_connections=2) as client:
        calls = [asyncio.ensure_future(read(client, chat, 0)) for _ in range(6)]
        await fault_server.until_requests(2)
        assert len(fault_server.requests) == 2
        gate.open()
        outcomes = await asyncio.gather(*calls)
    assert all(contents(outcome) == {0: ("Grüße 🌍", "stop")} for outcome in outcomes)
    assert len(fault_server.connections) == 2
    assert len(fault_server.requests) == 6


async def test_events_of_a_cut_stream(fault_server: FaultServer, connect: Connect) -> None:
    """`final()` raises as iteration does, and what had come stands in the snapshot and the error."""
    fault_server.always(sse_response(*CHAT[:2], Fin()))
    async with connect() as client:
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            with pytest.raises(StreamTruncatedError):
                [event async for event in events]
            assert events.snapshot.choices[0].message.content == "Grü"
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            with pytest.raises(StreamTruncatedError) as raised:
                await events.final()
        assert contents(raised.value.partial) == {0: ("Grü", None)}


async def test_cancelled_stream_says_so(fault_server: FaultServer, connect: Connect) -> None:
    """What it shows of itself is what ended it, from outside."""
    gate = Gate()
    fault_server.stream(["One", gate, " two"])
    read = asyncio.Event()
    async with connect() as client:
        chunks = await chat(client)

        async def read_on() -> None:
            async for chunk in chunks:
                if chunk.choices[0].delta.content:
                    read.set()

        task = asyncio.create_task(read_on())
        await read.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert repr(chunks) == "<AsyncStream of POST /chat/completions: cancelled>"
        gate.open()


async def test_read_stream_is_over(fault_server: FaultServer, connect: Connect) -> None:
    """After its end a stream gives nothing more: loops from before end, new ones raise. Closing it keeps the connection."""
    async with connect() as client:
        chunks = await chat(client)
        assert repr(chunks) == "<AsyncStream of POST /chat/completions: open: loop over it>"
        first, before = aiter(chunks), chunks.text()
        assert [chunk async for chunk in first]
        for ended in (first, before, chunks):
            assert await anext(ended, None) is None
        assert repr(chunks) == "<AsyncStream of POST /chat/completions: read to its end>"
        begin: list[Callable[[Any], Any]] = [aiter, lambda stream: stream.text()]
        for loop in begin:
            with pytest.raises(HorayError, match=r"read to its end: keep its items in a list"):
                loop(chunks)
        await chunks.close()
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            assert await events.final()
            begin.append(lambda stream: aiter(stream.chunks))
            for loop in begin:
                with pytest.raises(HorayError, match=r"read to its end: .* final\(\) and snapshot"):
                    loop(events)
            assert await events.final()
        run: AsyncBatchRun[Any] = client.batch.run([])
        assert [result async for result in run] == []
        with pytest.raises(HorayError, match="results of the batch were read to their end"):
            aiter(run)
        tools = client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[]
        )
        assert await tools.final()
        with pytest.raises(HorayError, match="the run is over"):
            aiter(tools)
        await client.models.list()
    assert len(fault_server.connections) == 1


async def test_events_are_used_in_a_with_block(fault_server: FaultServer, connect: Connect) -> None:
    """A stream of events sends its request on entry, once; before that there is nothing to read."""
    async with connect() as client:
        events = client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        )
        with pytest.raises(HorayError, match="with block"):
            await events.final()
        await events.close()
        assert not fault_server.requests
        async with events:
            assert (
                "".join([piece async for piece in events.text()]) == "Hello from the test server."
            )
            assert events.meta.status == 200
            assert events.snapshot.choices[0].message.content == "Hello from the test server."
            assert (await events.final()).choices[0].finish_reason == "stop"
        with pytest.raises(HorayError, match="used already"):
            async with events:
                pass
    assert len(fault_server.requests) == 1


async def test_events_left_early(fault_server: FaultServer, connect: Connect) -> None:
    """Leaving the block closes the connection at once, however much was read."""
    fault_server.always(sse_response(*CHAT[:2], Stall()), path="/chat/completions")
    async with connect(max_connections=1) as client:
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ):
            pass
        await fault_server.until_closed(1)
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            async for event in events:
                if event.type == "text":
                    break
            assert events.snapshot.choices[0].message.content == "Grü"
        await fault_server.until_closed(2)
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            assert await anext(aiter(events.text())) == "Grü"
            assert events.snapshot.choices[0].message.content == "Grü"
        await fault_server.until_closed(3)
        assert await client.models.list()


async def test_finished_stream_whose_end_is_not_said(
    fault_server: FaultServer, connect: Connect
) -> None:
    """With every choice finished, a connection that just stays open is waited for no longer than `idle`."""
    fault_server.add(sse_response(*CHAT[:5], Stall()))
    async with connect(timeout=Timeouts(idle=0.05)) as client:
        chunks = await chat(client)
        assert "".join([piece async for piece in chunks.text()]) == "Grüße 🌍"
        await fault_server.until_closed(1)


class Exhausted(RetryPolicy):
    """Raises what would end a loop."""

    def delay(self, error: APIError, *, retries: int = 0, **_: Any) -> float | None:
        raise StopAsyncIteration


async def test_user_code_cannot_end_a_loop(fault_server: FaultServer, connect: Connect) -> None:
    """`StopAsyncIteration` of a policy, of `approve` or of the iterable of a batch is an error: nothing looks complete."""

    @tool
    def look() -> str:
        """Looks."""
        return "x"

    async def approve(_: Any) -> None:
        raise StopAsyncIteration

    def requests() -> Iterator[BatchRequest[Any]]:
        yield BatchRequest.completion(model="m", prompt="p")
        raise StopAsyncIteration

    function = {"name": "look", "arguments": "{}"}
    call = {"index": 0, "id": "1", "type": "function", "function": function}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    fault_server.add(sse_response(Fin()), path="/completions")
    fault_server.add(sse_response(sse({"id": "1", "choices": [choice]}), sse("[DONE]")))
    async with connect() as client:
        policied = client.with_options(retry=Exhausted())
        stream = await policied.completions.create(model="m", prompt="p", stream=True)
        run = client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[look], approve=approve
        )
        for loop in (stream, run, client.batch.run(requests())):
            with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
                async for _ in loop:
                    pass


@pytest.mark.parametrize("waits", ["for its turn", "for the response"])
@pytest.mark.parametrize("closed", ["stream", "client"])
async def test_closing_ends_a_retry(
    fault_server: FaultServer, connect: Connect, waits: str, closed: str
) -> None:
    """A stream that nobody wants any more isn't asked for again, and who reads it isn't kept waiting. Closing the client tells what
    became of the attempt that was sent.
    """
    backs_off = waits == "for its turn"
    refused = respond(
        [sse({"error": {"message": "slow down", "code": 429}})],
        content_type="text/event-stream",
        headers={"retry-after": "30" if backs_off else "0"},
    )
    fault_server.add(refused, raw(Stall()))
    retried = asyncio.Event()
    async with connect(retries=1, on_retry=lambda _: retried.set()) as client:
        chunks = await chat(client)
        reading = asyncio.ensure_future(anext(chunks))
        await (retried.wait() if backs_off else fault_server.until_requests(2))
        await (client if closed == "client" else chunks).close()
        with pytest.raises(HorayError) as caught:
            await asyncio.wait_for(reading, 20)
    if closed == "stream":
        assert str(caught.value) == STREAM_LEFT
    else:
        assert isinstance(caught.value, APIError)
        assert caught.value.execution == "unknown"
    assert len(fault_server.requests) == (1 if backs_off else 2)


async def test_read_after_its_client_was_closed(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The stream says where it was to be read: a new client, as for a call, is no way out. Its request was sent, and may be paid for."""
    fault_server.add(sse_response(Stall()))
    async with connect(retries=1) as client:
        chunks = await chat(client)
    for _ in range(2):
        with pytest.raises(
            StreamTruncatedError, match="read it within the client's with block"
        ) as caught:
            await anext(aiter(chunks))
        assert (caught.value.execution, len(caught.value.attempts)) == ("unknown", 1)


async def test_bytes_after_the_end(fault_server: FaultServer, connect: Connect) -> None:
    """What follows `[DONE]` is read away if it is little, and left with its connection if it is not."""
    done = b"data: [DONE]\n\n"
    fault_server.add(
        sse_response(*CHAT[:5], done + CHAT[1], b": bye\n\n"),
        sse_response(*CHAT[:5], done, Repeat(b": bye\n\n" * 1000)),
        sse_response(*CHAT[:5], done, Stall()),
    )
    async with connect() as client:
        for _ in range(3):
            chunks = await chat(client)
            assert "".join([piece async for piece in chunks.text()]) == "Grüße 🌍"
            assert len(chunks.meta.attempts) == 1
        await client.models.list()
    assert [request.connection for request in fault_server.requests] == [1, 1, 2, 3]


@pytest.mark.parametrize("handed_out", [False, True])
async def test_second_task_that_reads_is_refused(
    fault_server: FaultServer, connect: Connect, *, handed_out: bool
) -> None:
    """A task that reads while another one waits is told so at once; the first one reads on to the end."""
    gate = Gate()
    fault_server.add(
        sse_response(*CHAT[:2], gate, *CHAT[2:]) if handed_out else sse_response(gate, *CHAT)
    )
    async with connect() as client:
        chunks: AsyncStream[Any] = await chat(client)
        pieces = chunks.text()
        texts = [await anext(pieces)] if handed_out else []
        reading = asyncio.create_task(take(pieces, texts))
        while not chunks._reading:  # noqa: ASYNC110 - nothing else says that it waits
            await asyncio.sleep(0)
        for other in (chunks, chunks.text()):
            with pytest.raises(HorayError, match="read by another task") as refused:
                await take(other, [])
            assert type(refused.value) is HorayError
        with pytest.raises(HorayError, match="read by another task"):
            await anext(chunks)
        del other, refused
        gate.open()
        await reading
    assert "".join(texts) == chunks._merged().choices[0].message.content == "Grüße 🌍"


async def test_second_task_asks_for_the_final_response(
    fault_server: FaultServer, connect: Connect
) -> None:
    """`final` while another task loops over the events is refused too, and leaves the loop alone."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT[:2], gate, *CHAT[2:]))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        texts: list[str] = []
        reading = asyncio.create_task(take(events.text(), texts))
        while not (texts and events.chunks._reading):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        with pytest.raises(HorayError, match="read by another task"):
            await events.final()
        gate.open()
        await reading
        assert "".join(texts) == (await events.final()).choices[0].message.content


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("here", [False, True])
async def test_final_leaves_a_loop_what_it_reads(
    fault_server: FaultServer, connect: Connect, *, here: bool, at_once: bool
) -> None:
    """A loop that is busy with a chunk meanwhile, in whichever task, neither goes on behind a gap nor looks complete."""
    gate = Gate()
    fault_server.add(
        sse_response(b"".join(CHAT)) if at_once else sse_response(*CHAT[:2], gate, *CHAT[2:])
    )
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        pieces = events.text()
        texts = [await anext(pieces)]
        gate.open()
        for _ in range(2):
            final = await (events.final() if here else asyncio.create_task(events.final()))
            assert final.choices[0].message.content == "Grüße 🌍"
        await take(pieces, texts)
        assert "".join(texts) == "Grüße 🌍"
        with pytest.raises(HorayError, match="read to its end"):
            events.text()


async def test_final_that_fails_leaves_a_loop_what_it_reads(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The loop goes on to where the stream broke off, and raises there."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT[:2], gate, *CHAT[2:4]))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        pieces = events.text()
        texts = [await anext(pieces)]
        gate.open()
        with pytest.raises(StreamTruncatedError) as raised:
            await asyncio.create_task(events.final())
        with pytest.raises(StreamTruncatedError):
            await asyncio.create_task(events.final())
        with pytest.raises(StreamTruncatedError):
            await take(pieces, texts)
        assert "".join(texts) == raised.value.partial.choices[0].message.content


async def test_final_leaves_the_order_to_several_loops(
    fault_server: FaultServer, connect: Connect
) -> None:
    """What it reads is behind what a loop has begun to hand out, for other loops as well."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT), sse_response(b"".join(CHAT[:3]), gate, *CHAT[3:]))
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    async with connect() as client:
        completions: Any = client.chat.completions
        expected = [chunk async for chunk in await completions.create(**asked, stream=True)]
        async with completions.stream(**asked) as events:
            begun: Any = aiter(events.chunks)
            other: Any = aiter(events.chunks)
            chunks: list[Any] = [await anext(begun)]
            final = asyncio.create_task(events.final())
            await asyncio.sleep(0)  # it waits for more
            chunks += [await anext(other)]
            gate.open()
            await final
            chunks += [await anext(other), await anext(begun), await anext(other)]
            await take(begun, chunks)
    assert chunks == expected


async def test_final_keeps_nothing_for_nobody(fault_server: FaultServer, connect: Connect) -> None:
    """Without a loop there is nothing to hand out behind it."""
    fault_server.add(sse_response(*CHAT))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        await events.final()
        assert [chunk async for chunk in Ended(events.chunks)] == []


class Ended:
    """Reads a stream by `anext` alone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._stream)


@pytest.mark.parametrize("what", ["chunks", "text"])
async def test_reading_on_another_loop_is_refused(
    fault_server: FaultServer, connect: Connect, what: str
) -> None:
    """It says so, and the stream goes on where it belongs."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT[:2], gate, *CHAT[2:]))
    async with connect() as client:
        chunks: AsyncStream[Any] = await chat(client)
        pieces = chunks.text()
        texts = [await anext(pieces)]

        async def read_here() -> None:
            await take(chunks if what == "chunks" else chunks.text(), [])

        with pytest.raises(HorayError, match="belongs to another event loop") as refused:
            await asyncio.to_thread(asyncio.run, read_here())
        assert type(refused.value) is HorayError
        gate.open()
        await take(pieces, texts)
    assert "".join(texts) == chunks._merged().choices[0].message.content == "Grüße 🌍"


async def test_flood_lets_others_have_their_turn(
    fault_server: FaultServer, connect: Connect
) -> None:
    """However many events come at once, the loop turns after two pieces of them that are decoded at most."""
    event = b'data: {"choices":[]}\n\n'
    fault_server.add(sse_response(*CHAT[:1], event * 20_000, *CHAT[1:]))
    loop = asyncio.get_running_loop()
    turns = 0
    over = False

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not over:
            loop.call_soon(turn)

    turn()
    async with connect() as client:
        chunks: AsyncStream[Any] = await chat(client)
        body: Any = chunks._response.content
        while body._size < 3 * MAX_BLOCK_BYTES:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        counts: dict[int, int] = {}
        async for _ in chunks:
            counts[turns] = counts.get(turns, 0) + 1
    over = True
    assert sum(counts.values()) > 20_000
    assert max(counts.values()) <= 2 * MAX_BLOCK_BYTES / len(event) + 2


def reads(code: CodeType) -> bool:
    """Whether code is a step of reading a stream or a run of tools."""
    return code.co_filename in (streaming.__file__, run.__file__)


def chunks_of(client: AsyncHoray) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
    """A loop over chunks."""
    return looping(chat(client), lambda chunks: chunks.__aiter__())


def next_of(client: AsyncHoray) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
    """The chunks one by one, without a loop."""
    return looping(chat(client), lambda chunks: chunks)


def texts_of(client: AsyncHoray) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
    """A loop over texts."""
    return looping(chat(client), lambda chunks: chunks.text())


@asynccontextmanager
async def looping(
    call: Any, items: Callable[[Any], AsyncIterator[Any]]
) -> AsyncGenerator[AsyncIterator[Any]]:
    """What a stream is read by."""
    chunks = await call
    async with chunks:
        yield items(chunks)


@asynccontextmanager
async def events_of(client: AsyncHoray) -> AsyncGenerator[AsyncIterator[Any]]:
    """A loop over events."""
    async with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "?"}]
    ) as events:
        yield aiter(events)


@asynccontextmanager
async def steps_of(client: AsyncHoray) -> AsyncGenerator[AsyncIterator[Any]]:
    """A loop over a run of tools."""
    async with client.chat.completions.run_tools(
        model="m", messages=[{"role": "user", "content": "?"}], tools=[]
    ) as steps:
        yield aiter(steps)


# What was called and not awaited yet when the exception came.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("way", [chunks_of, next_of, texts_of, events_of, steps_of])
async def test_interruption_at_any_step_never_looks_complete(
    fault_server: FaultServer,
    connect: Connect,
    way: Callable[[AsyncHoray], AbstractAsyncContextManager[AsyncIterator[Any]]],
) -> None:
    """Reading on after an exception of a signal handler raises, or goes on where nothing was lost."""
    fault_server.always(stream(["a", "b", "c"]))
    whole: list[str] | None = None
    tripped, refused = 0, 0
    async with connect() as client:
        while True:
            read: list[str] = []
            async with way(client) as items:
                try:
                    with tripping(-1 if whole is None else tripped, reads):
                        await read_on(items, read)
                except Tripped:
                    tripped += 1
                else:
                    if whole is not None:
                        break
                    whole = read
                    continue
                try:
                    await read_on(items, read)
                except HorayError as error:
                    refused += "Tripped" in str(error)
                    assert read == (whole or [])[: len(read)]
                else:
                    assert read == whole
    assert tripped > 15
    assert refused > 5


async def read_on(items: AsyncIterator[Any], read: list[str]) -> None:
    """Reads to the end."""
    while (item := await anext(items, None)) is not None:
        read.append(shown(item))


def shown(item: Any) -> str:
    """An item without what differs from response to response."""
    return item if isinstance(item, str) else type(item).__name__ + str(getattr(item, "text", ""))


@pytest.mark.parametrize("how", ["text", "loop"])
async def test_loop_made_before_another_read(
    how: str, fault_server: FaultServer, connect: Connect
) -> None:
    """It goes on with what came in the same read and wasn't handed out, which it once skipped without a word."""
    gate = Gate()
    first = b"".join(sse(content(text)) for text in "abc")
    fault_server.add(stream([first, gate, "d"], framing="chunked"))
    async with connect() as client:
        chunks = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        texts = chunks.text() if how == "text" else (chunk.text async for chunk in aiter(chunks))
        other = aiter(chunks)
        assert (await anext(other)).text == "a"
        gate.open()
        assert "".join([text or "" async for text in texts]) == "bcd"


def content(text: str) -> dict[str, Any]:
    """A chunk of text."""
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}


PAID = '{"choices": [{"message": {"content": "Paid."}}]}'


@pytest.mark.parametrize(
    "sent",
    [
        '[{"error": {"message": "busy", "code": 400}}]',
        '{"detail": "busy"}',
        "<html>busy</html>",
        f"[{PAID}]",
        f'{{"code": 0, "message": "Ok", "data": {PAID}}}',
        f'{{"code": 503, "message": "busy", "data": {PAID}}}',
    ],
)
@pytest.mark.parametrize(
    "behind",
    [
        "\n\n",
        "\ndata: [DONE]",
        "\ndata: [DONE]\n",
        "\ndata: [DONE]\n\n",
        "\n\ndata: [DONE]\n\n",
        "\n\ndata: [DONE]",
        '\n\ndata: {"error": {"message": "no", "code": 400}}\n\n',
    ],
)
async def test_what_is_no_event_before_the_last_one(
    fault_server: FaultServer, connect: Connect, sent: str, behind: str
) -> None:
    """It is no empty stream, whatever a gateway puts behind it; and what was generated isn't asked for again."""
    fault_server.add(respond(sent + behind, content_type="text/event-stream"))
    async with connect(retries=1) as client:
        chunks = await chat(client)
        with pytest.raises(APIError) as caught:
            await anext(aiter(chunks))
    if PAID in sent:
        assert caught.value.partial.choices[0].message.content == "Paid."
        assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("beginning", ["", ": ping\n\n"])
@pytest.mark.parametrize("media", ["text/event-stream", "application/json"])
async def test_response_before_an_error_event(
    fault_server: FaultServer, connect: Connect, media: str, beginning: str, streamed: bool
) -> None:
    """It is in the error, and not asked for again."""
    body = f'{beginning}{PAID}\n\ndata: {{"error": {{"message": "busy", "code": 503}}}}\n\n'
    fault_server.add(respond(body, content_type=media))
    async with connect(retries=1) as client:
        asked = all_chunks(client) if streamed else whole(client)
        with pytest.raises(APIError) as caught:
            await asked
    assert caught.value.partial.choices[0].message.content == "Paid."
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    "line",
    ['{"choices": [{"index": 0, "delta": {"content": "x"}}]}', '{"error": {"message": "x"}}'],
)
async def test_one_of_several_lines_that_are_no_events(
    fault_server: FaultServer, connect: Connect, line: str, at_once: bool
) -> None:
    """It is found among others, whether or not they came together."""
    others = b'{"choices": [], "usage": {"total_tokens": 1}}\n\n'
    pieces = [CHAT[0], line.encode() + b"\n\n", others, *CHAT[1:]]
    fault_server.add(sse_response(*([b"".join(pieces)] if at_once else pieces)))
    async with connect() as client:
        chunks = await chat(client)
        with pytest.raises(APIError, match=r"on a line that is no event's|reported an error"):
            _ = [chunk async for chunk in chunks]


@pytest.mark.parametrize("beginning", ["", "\ufeff", ": ping\n\n"])
@pytest.mark.parametrize(
    "line",
    [
        '{"choices": [{"index": 0, "delta": {"content": "Paid."}}]}',
        '[{"choices": [{"index": 0, "delta": {"content": "Paid."}}]}]',
        PAID,
        f'{{"data": {PAID}}}',
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_chunk_on_a_line_before_the_first_event(
    fault_server: FaultServer, connect: Connect, at_once: bool, line: str, beginning: str
) -> None:
    """It isn't left out of what looks complete, in however many pieces it comes."""
    pieces = [f"{beginning}{line}\n\n".encode(), *CHAT]
    fault_server.always(sse_response(*([b"".join(pieces)] if at_once else pieces)))
    async with connect(retries=1) as client:
        with pytest.raises(APIResponseError):
            await all_chunks(client)
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    "behind",
    [
        'data: {"error": {"message": "no", "code": 429}}\n\n',
        '{"error": {"message": "no", "code": 429}}\n\n',
    ],
)
@pytest.mark.parametrize("before", [f"{PAID}\n\n", f"  data: {PAID}\n\n", f": ping\n\n{PAID}\n\n"])
async def test_response_that_is_no_event_before_an_error(
    fault_server: FaultServer, connect: Connect, before: str, behind: str, at_once: bool
) -> None:
    """It is not asked for again, in however many pieces it comes."""
    pieces = [before.encode(), behind.encode()]
    fault_server.always(sse_response(*([b"".join(pieces)] if at_once else pieces)))
    async with connect(retries=1) as client:
        with pytest.raises(APIError) as caught:
            await all_chunks(client)
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{PAID}{PAID}",
        f"{PAID}data: [DONE]",
        PAID[:-9],
        '{"error": {"message": "no"}}data: [DONE]',
    ],
)
async def test_line_that_is_no_event_and_no_json(
    fault_server: FaultServer, connect: Connect, line: str
) -> None:
    """With a part of a response or an error in it, it isn't left out of what looks complete."""
    fault_server.add(sse_response(CHAT[0], f"{line}\n\n".encode(), *CHAT[1:]))
    async with connect() as client:
        with pytest.raises(APIError):
            await all_chunks(client)


FAILURES = [
    '{"error": {"message": "busy", "code": 400}}',
    '{"code": 400, "message": "busy"}',
    '{"success": false, "message": "busy"}',
    '{"status": "error", "message": "busy"}',
    '{"detail": "busy"}',
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("before", ["", " data: ", "\ufeffdata: ", "  "])
async def test_failure_on_a_line_that_is_no_event(
    fault_server: FaultServer, connect: Connect, before: str, failure: str
) -> None:
    """The stream isn't complete: each form counts as it does in an event."""
    line = f"{before}{failure}\n\n".encode()
    fault_server.add(sse_response(CHAT[0], line, *CHAT[1:]))
    async with connect() as client:
        chunks = await chat(client)
        with pytest.raises(APIError, match="busy"):
            _ = [chunk async for chunk in chunks]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("last", ["piece", "finish reason", "[DONE]"])
@pytest.mark.parametrize("before", [True, False])
async def test_timeout_before_the_blank_line_of_an_event(
    fault_server: FaultServer, connect: Connect, before: bool, last: str, end: str
) -> None:
    """The event has come: it is handed out, and counts as if the connection had been closed there."""
    choice: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    finished = {"choices": [choice]}
    events = {"piece": sse(content("b")), "finish reason": sse(finished), "[DONE]": CHAT[-1]}
    first = sse(content("a")) if before else b""
    sent = first + events[last].rstrip() + end.encode()
    fault_server.always(sse_response(sent, Stall()))
    texts: list[str] = []
    error: APITimeoutError | None = None
    async with connect(retries=1, timeout=Timeouts(idle=0.05)) as client:
        try:
            async for chunk in await chat(client):
                texts += filter(None, [chunk.text])
        except APITimeoutError as raised:
            error = raised
    assert texts == ["a"] * before + ["b"] * (last == "piece")
    # A lone [DONE] says nothing of a choice that isn't finished.
    assert (error is not None) == (last == "piece")
    if error is not None:
        assert error.partial.choices[0].message.content == "".join(texts)
        assert error.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("before", ["", ": ping\n", ": ping\n\n", "event: ping\ndata: {}\n\n"])
@pytest.mark.parametrize("behind", ["", "\n", "\n\n"])
async def test_response_that_is_no_stream_and_a_timeout(
    fault_server: FaultServer, connect: Connect, behind: str, before: str
) -> None:
    """It is in the error, and not asked for again."""
    fault_server.always(sse_response((before + PAID + behind).encode(), Stall()))
    async with connect(retries=1, timeout=Timeouts(idle=0.05)) as client:
        with pytest.raises(APIError) as caught:
            _ = [chunk async for chunk in await chat(client)]
    assert caught.value.partial.choices[0].message.content == "Paid."
    assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("name", ["data", "result", "response"])
async def test_chunks_in_an_envelope_without_a_code(
    fault_server: FaultServer, connect: Connect, name: str
) -> None:
    """They are told by the choices in them."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    fault_server.always(sse_response(sse({"success": True, name: chunk}), CHAT[-1]))
    async with connect() as client:
        chunks = [chunk async for chunk in await chat(client)]
        assert [(each.text, each.choices[0].finish_reason) for each in chunks] == [("Hi", "stop")]
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as stream:
            assert (await stream.final()).choices[0].message.content == "Hi"


@pytest.mark.parametrize("form", ["[{}]", '{{"code": 0, "data": {}}}'])
async def test_chunk_on_a_line_that_is_no_event_in_something(
    fault_server: FaultServer, connect: Connect, form: str
) -> None:
    """It is no gap that the stream goes on behind."""
    line = form.format('{"choices": [{"index": 0, "delta": {"content": "x"}}]}').encode()
    fault_server.add(sse_response(CHAT[0], line + b"\n\n", *CHAT[1:]))
    async with connect() as client:
        chunks = await chat(client)
        with pytest.raises(APIResponseError, match="on a line that is no event's"):
            _ = [chunk async for chunk in chunks]
