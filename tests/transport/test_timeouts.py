"""The five timeouts: each stops what it is for, by its name, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from horay_async import (
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AsyncHoray,
    AsyncStream,
    ChatCompletionChunk,
    Clock,
    InternalServerError,
    RateLimitError,
    Timeouts,
)
from horay_async._protocol.wire.size_limits import MAX_BLOCK_BYTES
from horay_async._protocol.wire.sse import LARGE
from horay_async._transport import timed_reader
from horay_async._transport.connection import UnreadData
from horay_async.testing import (
    Delay,
    FaultServer,
    Gate,
    Pause,
    Repeat,
    Stall,
    error,
    raw,
    respond,
    sse,
    stream,
)

from .scripted import STREAM, ScriptedServer, chunk, scripted, whole

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

    from .conftest import Jump

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

SOON = 0.1
"""Seconds: what a timeout that is to pass is set to."""

EMPTY = sse({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
PIECE = sse({"choices": [{"index": 0, "delta": {"content": "x"}}]})


def events(*pieces: Any) -> Any:
    """An event stream that begins with a piece of content."""
    return respond([PIECE, *pieces], content_type="text/event-stream", framing="chunked")


async def open_stream(client: AsyncHoray) -> AsyncStream[ChatCompletionChunk]:
    """Asks for a streamed chat response."""
    return await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=True
    )


async def read(chunks: AsyncStream[Any]) -> None:
    """Reads a stream to its end."""
    async for _ in chunks:
        pass


async def trips(call: Any) -> tuple[Clock, APITimeoutError]:
    """The timeout that ends `call`, and its error."""
    with pytest.raises(APITimeoutError) as raised:
        await call
    assert repr(raised.value.clock) in str(raised.value)
    return raised.value.clock, raised.value


async def test_queue(fault_server: FaultServer, connect: Connect) -> None:
    """A full pool trips `queue`: nothing was sent, and trying again is left to the caller."""
    fault_server.always(raw(Stall()))
    async with connect(retries=3, max_connections=1) as client:
        first = asyncio.ensure_future(client.models.list())
        await fault_server.until_requests(1)
        clock, failure = await trips(client.models.list(timeout=Timeouts(queue=SOON)))
        assert (clock, failure.execution, len(failure.attempts)) == ("queue", "not_sent", 1)
        assert "no connection slot became free" in failure.message
        first.cancel()
        await asyncio.wait([first])
    assert len(fault_server.requests) == 1


async def test_total_while_waiting_in_line(fault_server: FaultServer, connect: Connect) -> None:
    """A deadline counts in the queue as well."""
    fault_server.always(raw(Stall()))
    async with connect(retries=3, max_connections=1) as client:
        first = asyncio.ensure_future(client.models.list())
        await fault_server.until_requests(1)
        clock, failure = await trips(client.models.list(timeout=SOON))
        assert (clock, failure.execution) == ("total", "not_sent")
        first.cancel()
        await asyncio.wait([first])


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """The URL of a server that never accepts, and for which the kernel accepts no more either."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers: list[socket.socket] = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        for filler in fillers:
            filler.close()


async def test_connect_of_tcp(full_backlog: str, connect: Connect) -> None:
    """A server that can't be reached trips `connect`, at each attempt."""
    async with connect(base_url=full_backlog, retries=1, timeout=Timeouts(connect=SOON)) as client:
        clock, failure = await trips(client.models.list())
    assert (clock, failure.execution, len(failure.attempts)) == ("connect", "not_sent", 2)


async def test_connect_of_tls(connect: Connect) -> None:
    """So does one that accepts and doesn't shake hands."""
    with FaultServer(tls="good") as server:
        server.on_connect("stall", times=2)
        async with connect(
            base_url=server.base_url,
            ssl_context=server.ssl_context,
            retries=1,
            timeout=Timeouts(connect=SOON),
        ) as client:
            clock, failure = await trips(client.models.list())
    assert (clock, failure.execution, len(failure.attempts)) == ("connect", "not_sent", 2)


async def test_connect_through_a_proxy(fault_server: FaultServer, connect: Connect) -> None:
    """And a proxy that accepts and never tunnels."""
    fault_server.on_connect("stall")
    async with connect(
        base_url="https://api.example/v1",
        proxy=fault_server.origin,
        timeout=Timeouts(connect=SOON),
    ) as client:
        clock, failure = await trips(client.models.list())
    assert (clock, failure.execution) == ("connect", "not_sent")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Ty"])
async def test_first_byte(fault_server: FaultServer, connect: Connect, sent: bytes) -> None:
    """A server that takes the request and gives no whole head trips `first_byte`."""
    fault_server.always(raw(sent, Stall()))
    async with connect(timeout=Timeouts(first_byte=SOON)) as client:
        clock, failure = await trips(client.completions.create(model="m", prompt="p"))
    assert (clock, failure.execution) == ("first_byte", "unknown")


async def test_first_byte_counts_for_each_attempt(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """An attempt that got no response in time is followed by another with its full time."""
    fault_server.add(raw(Stall()))
    async with connect(retries=1, timeout=Timeouts(first_byte=5)) as client:
        call = asyncio.ensure_future(client.completions.create(model="m", prompt="p"))
        await fault_server.until_requests(1)
        jump(10)
        response = await call
    assert [attempt.error for attempt in response.meta.attempts] == ["APITimeoutError", None]


async def more_bytes(chunks: Any) -> None:
    """Waits until something more of a stream has come and was looked at."""
    content = chunks._response._raw.content
    seen = content.total_bytes
    while content.total_bytes == seen:  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)  # the reader was woken, and is next


@pytest.mark.parametrize(
    "keepalive", [b": ping\n\n", b"data:\n\n", b"event: ping\ndata: {}\n\n", EMPTY]
)
async def test_idle_in_a_stream(
    fault_server: FaultServer, connect: Connect, jump: Jump, keepalive: bytes
) -> None:
    """What merely keeps a connection alive is no progress: `idle` runs on."""
    fault_server.add(events(Repeat(keepalive, gap=0.001)))
    jump(0)  # the stream keeps hold of the timeout that it finds
    async with connect(retries=2, timeout=Timeouts(idle=5)) as client:
        chunks = await open_stream(client)
        assert (await anext(chunks)).text == "x"
        rest = asyncio.ensure_future(read(chunks))
        for _ in range(2):
            await more_bytes(chunks)
            jump(3)
        clock, failure = await trips(rest)
    assert (clock, failure.execution, len(failure.attempts)) == ("idle", "executed", 1)


@pytest.mark.parametrize("timeouts", [Timeouts(idle=30), Timeouts(total=30)])
async def test_timeout_of_a_finished_stream(
    fault_server: FaultServer, connect: Connect, jump: Jump, timeouts: Timeouts
) -> None:
    """A stream whose choices are all finished is complete, though the server keeps the connection open: whichever
    timeout passes then ends it without an error.
    """
    finish = sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    fault_server.add(events(finish, Stall()))
    jump(0)  # the stream keeps hold of the timeout that it finds
    async with connect(timeout=timeouts) as client:
        chunks = await open_stream(client)
        assert [(await anext(chunks)).text, (await anext(chunks)).text] == ["x", ""]
        rest = asyncio.ensure_future(read(chunks))
        await asyncio.sleep(0)
        jump(60)
        await rest
        assert chunks._merged().choices[0].message.content == "x"


@pytest.mark.parametrize("rest", [Stall(), Repeat(b" ", gap=0.01)])
async def test_idle_in_a_body(fault_server: FaultServer, connect: Connect, rest: Any) -> None:
    """The same for a response that stops, or goes on in nothing but blanks."""
    fault_server.add(respond([b'{"object"', rest], framing="chunked"))
    async with connect(timeout=Timeouts(idle=SOON)) as client:
        clock, failure = await trips(client.completions.create(model="m", prompt="p"))
    assert (clock, failure.execution) == ("idle", "executed")


SIGNS_OF_LIFE = {
    "comment": b": ping\n\n",
    "comment in pieces": b"ng\n\n: pi",
    "ping": b"event: ping\ndata: {}\n\n",
    "empty data": b"data:\n\n",
    "id": b"id: 5\n\n",
    "retry": b"retry: 1\n\n",
    "empty chunk": b'data: {"choices": []}\n\n',
}


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
async def test_idle_in_a_stream_that_nobody_asked_for(
    fault_server: FaultServer, connect: Connect, sign: str
) -> None:
    """Nothing that just keeps a connection alive is content, there as elsewhere."""
    steps: list[Any] = [b": hi\n\n", Repeat(SIGNS_OF_LIFE[sign], gap=0.01)]
    fault_server.add(respond(steps, content_type="text/event-stream", framing="chunked"))
    async with connect(retries=0, timeout=Timeouts(idle=SOON, first_byte=SOON)) as client:
        clock, failure = await trips(client.completions.create(model="m", prompt="p"))
    assert (clock, failure.execution) == ("idle", "executed")


@pytest.mark.parametrize("streamed", [True, False])
async def test_idle_in_a_large_event(
    fault_server: FaultServer, connect: Connect, streamed: bool
) -> None:
    """One that takes longer to come than `idle`, such as a picture's, comes steadily all the same."""
    begins = b'data: {"choices": [{"finish_reason": "stop", "text": "' + b"x" * LARGE
    steadily = [step for _ in range(40) for step in (b"x", Pause(0.05))]
    steps = [begins, *steadily, b'"}]}\n\ndata: [DONE]\n\n']
    fault_server.add(respond(steps, content_type="text/event-stream", framing="chunked"))
    async with connect(retries=0, timeout=Timeouts(idle=1)) as client:
        if streamed:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            text = "".join([piece async for piece in stream.text()])
        else:
            with pytest.raises(APIResponseError) as caught:
                await client.completions.create(model="m", prompt="p")
            text = caught.value.partial.choices[0].text
    assert text == "x" * (LARGE + 40)


async def test_total_in_a_packed_body(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had come may unpack to far more than can be read in time."""
    monkeypatch.setattr(timed_reader, "MAX_LATE", 0.1)
    packed = gzip.compress(b": ping\n\n" * 4_000_000)
    headers = {"Content-Encoding": "gzip"}
    fault_server.add(respond(packed, content_type="text/event-stream", headers=headers))
    async with connect(retries=0, timeout=Timeouts(total=0.5)) as client:
        stream = await client.completions.create(model="m", prompt="p", stream=True)
        clock, _ = await trips(anext(stream))
    assert clock == "total"


@pytest.mark.parametrize("first_byte", [60, None])
async def test_blanks_before_a_response(
    fault_server: FaultServer, connect: Connect, first_byte: float | None
) -> None:
    """A server that sends blank lines for as long as it works on a response has the time of `first_byte`."""
    blanks = [step for _ in range(100) for step in (b"\n", Pause(0.01))]
    fault_server.add(respond([*blanks, b'{"choices": [{"text": "paid"}]}'], framing="chunked"))
    async with connect(timeout=Timeouts(idle=0.5, first_byte=first_byte)) as client:
        response = await client.completions.create(model="m", prompt="p")
    assert response.choices[0].text == "paid"
    assert len(fault_server.requests) == 1


async def test_nothing_but_blanks(fault_server: FaultServer, connect: Connect) -> None:
    """After that they are no progress."""
    fault_server.add(respond([Repeat(b"\n", gap=0.01)], framing="chunked"))
    async with connect(retries=0, timeout=Timeouts(idle=SOON, first_byte=SOON)) as client:
        clock, failure = await trips(client.completions.create(model="m", prompt="p"))
    assert (clock, failure.execution) == ("idle", "executed")


@pytest.mark.parametrize(
    "done",
    [
        [b"data: [DONE]\n\n"],
        [b"data:[DONE]\n\n"],
        [b"data: [D", Pause(0.02), b"ONE]\n\n"],
        [b"\rdata: [DONE]\r\r"],
        [],
    ],
)
@pytest.mark.parametrize("media", ["text/event-stream", "application/json"])
async def test_comments_of_a_stream_that_nobody_asked_for(
    fault_server: FaultServer, connect: Connect, media: str, done: list[Any]
) -> None:
    """They are no progress; and behind `[DONE]` nothing is waited for."""
    pieces = [PIECE, *done] if done else []
    pings: list[Any] = [*pieces, Repeat(b": ping\n\n", gap=0.01)]
    fault_server.add(respond(pings, content_type=media, framing="chunked"))
    async with connect(timeout=Timeouts(idle=30 if done else SOON)) as client:
        with pytest.raises(APIResponseError if done else APITimeoutError) as raised:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
        if done:
            assert raised.value.partial.choices[0].message.content == "x"
        assert await client.models.list()


async def test_response_by_the_name_of_a_stream(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A whole response is read to its end, whatever its text says."""
    text = "A stream ends with\ndata: [DONE]\n"
    body = json.dumps({"choices": [{"index": 0, "text": text}]}).encode()
    at = body.index(b"data:") + 14
    pieces: list[Any] = [body[:at], Pause(0.02), body[at:]]
    fault_server.add(respond(pieces, content_type="text/event-stream"))
    async with connect() as client:
        response = await client.completions.create(model="m", prompt="p")
    assert response.choices[0].text == text


async def test_idle_before_the_first_chunk_is_retried(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """A stream that opens and brings nothing is tried again."""
    pings = [Repeat(b": ping\n\n", gap=0.001)]
    fault_server.add(respond(pings, content_type="text/event-stream", framing="chunked"))
    async with connect(retries=1, timeout=Timeouts(idle=5)) as client:
        chunks = await open_stream(client)
        reading = asyncio.ensure_future(read(chunks))
        await more_bytes(chunks)
        jump(6)
        await reading
    assert [attempt.error for attempt in chunks.meta.attempts] == ["APITimeoutError", None]


async def test_content_resets_idle(fault_server: FaultServer, connect: Connect, jump: Jump) -> None:
    """Content that keeps coming keeps a stream going for longer than the timeout."""
    gates = [Gate(), Gate(), Gate()]
    fault_server.add(stream(["a", *(step for gate in gates for step in (gate, "x"))]))
    async with connect(timeout=Timeouts(idle=5)) as client:
        chunks = await open_stream(client)
        await anext(chunks)
        for gate in gates:
            coming = asyncio.ensure_future(anext(chunks))
            await asyncio.sleep(0)
            jump(3)
            gate.open()
            assert (await coming).text == "x"
        await read(chunks)


async def test_slow_caller_is_not_idle(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """Time that passes in the caller's own code, while nothing is being waited for, doesn't count."""
    gate = Gate()
    fault_server.add(stream(["a", gate, "b"]))
    async with connect(timeout=Timeouts(idle=5)) as client:
        chunks = await open_stream(client)
        assert (await anext(chunks)).text == "a"
        jump(10)
        await asyncio.sleep(0)
        gate.open()
        assert [chunk.text async for chunk in chunks] == ["b", ""]


def test_slow_blocking_caller_is_not_idle(
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    jump: Jump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same where another thread reads ahead, once it is as far ahead as it goes."""
    ahead = 4
    monkeypatch.setattr("horay_async._bridge.blocking_iterator.MAX_PREFETCHED", ahead)
    gates = [Gate() for _ in range(ahead)]
    rest = Gate()
    steps = [step for gate in gates for step in (gate, "x")]
    fault_server.add(stream(["a", *steps, rest, "b"]))
    with connect_blocking(timeout=Timeouts(idle=5)) as client:
        chunks = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        assert next(chunks).text == "a"
        prefetcher = chunks._prefetcher
        for number, gate in enumerate(gates):
            gate.open()
            while prefetcher._lists.qsize() <= number:
                time.sleep(0.001)
        jump(10, chunks._wrapped._response.loop)
        chunks._handle.run(asyncio.sleep, 0)
        rest.open()
        assert "".join(chunk.text for chunk in chunks) == "x" * ahead + "b"


async def test_total_while_content_flows(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """A deadline ends even a stream that makes progress."""
    fault_server.add(events(Repeat(PIECE, gap=0.001)))
    async with connect(retries=2, timeout=5) as client:
        chunks = await open_stream(client)
        await anext(chunks)
        jump(6)
        clock, failure = await trips(read(chunks))
    assert (clock, failure.execution) == ("total", "executed")


@pytest.mark.internals(True)
@pytest.mark.parametrize("slow", ["caller", "loop"])
async def test_total_in_a_flood(
    fault_server: FaultServer, connect: Connect, jump: Jump, slow: str
) -> None:
    """Of small events that have all come, none is decoded any more once it has run out, be the loop told of it or not."""
    fault_server.add(events(PIECE * 20_000, b"data: [DONE]\n\n"))
    async with connect(timeout=60) as client:
        chunks = await open_stream(client)
        response = chunks._response
        body: Any = response.content
        while body._size < 3 * MAX_BLOCK_BYTES:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        await anext(chunks)
        assert response.buffered
        jump(61)
        if slow == "loop":
            while not response.finished:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
        late: list[ChatCompletionChunk] = []

        async def read_on() -> None:
            async for chunk in chunks:
                late.append(chunk)  # noqa: PERF401 - what came before the error is looked at

        clock, failure = await trips(read_on())
    assert clock == "total"
    assert failure.partial.choices[0].message.content == "x" * (len(late) + 1)
    assert len(late) <= MAX_BLOCK_BYTES / len(PIECE)


async def test_idle_in_a_flood(fault_server: FaultServer, connect: Connect, jump: Jump) -> None:
    """What has come is read all the same, however long ago the caller stopped reading."""
    fault_server.add(events(PIECE * 5_000, b"data: [DONE]\n\n"))
    async with connect(timeout=Timeouts(idle=1)) as client:
        chunks = await open_stream(client)
        count = 0
        async for _ in chunks:
            count += 1
            if chunks._response.buffered:
                jump(2)
    assert count == 5_001


async def test_total_frees_the_connection_of_a_slow_caller(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """At the deadline the connection goes, even if nobody is reading just then."""
    fault_server.add(events(Stall()))
    async with connect(max_connections=1) as client:
        chunks = await open_stream(client.with_options(timeout=5))
        await anext(chunks)
        jump(6)
        assert await client.models.list()
        await fault_server.until_closed(1)
        clock, _ = await trips(anext(chunks))
    assert clock == "total"


@pytest.mark.parametrize("size", [10, 3 * MAX_BLOCK_BYTES])
@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("own", [False, True])
async def test_total_after_a_busy_loop(jump: Jump, size: int, left: int, own: bool) -> None:
    """A response that lies in the socket by then is read, as it is with the other timeouts; one that isn't whole isn't waited for."""
    body = b'{"choices": [{"index": 0, "text": "%b"}]}' % (b"x" * size)
    sent = whole(body)

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        server.wait()
        wire.sendall(sent[: len(sent) - left])
        server.done()
        server.hold()

    async with contextlib.AsyncExitStack() as opened:
        server = opened.enter_context(scripted(script))
        session = await opened.enter_async_context(aiohttp.ClientSession()) if own else None
        options: Any = {"base_url": server.base_url, "session": session}
        async with AsyncHoray("key", max_retries=0, timeout=20, **options) as client:
            call = asyncio.ensure_future(client.completions.create(model="m", prompt="p"))
            await asyncio.to_thread(server.requested.wait, 20)
            server.do_now()
            jump(30)
            if left:
                clock, failure = await trips(call)
                assert (clock, failure.execution) == ("total", "executed")
            else:
                assert (await call).choices[0].text == "x" * size


async def test_caller_who_takes_long_after_a_busy_loop(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """What is there when the deadline passes is for a reader who goes on at once: the connection of another is closed."""
    fault_server.add(events(PIECE * 20_000, Stall()))
    async with connect(timeout=60) as client:
        chunks = await open_stream(client)
        reading = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        connection = chunks._response._connection
        assert connection is not None
        while not reading.done() and not connection.unread_bytes():
            time.sleep(0.001)  # the loop stands still
        jump(61)
        await reading
        turns = 0
        while not chunks._response.finished:
            await asyncio.sleep(0)
            turns += 1
        assert turns < 2 * UnreadData.MAX_TURNS
        clock, _ = await trips(read(chunks))
    assert clock == "total"


@pytest.mark.parametrize("whole_stream", [True, False])
async def test_total_of_a_stream_after_a_busy_loop(jump: Jump, whole_stream: bool) -> None:
    """So is what has come of a stream that somebody waits for."""
    rest = [PIECE] * 3000 + [b"data: [DONE]\n\n"] * whole_stream

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(STREAM + chunk(PIECE))
        server.wait()
        wire.sendall(chunk(b"".join(rest)) + chunk(b"") * whole_stream)
        server.done()
        server.hold()

    with scripted(script) as server:
        async with AsyncHoray("key", base_url=server.base_url, max_retries=0, timeout=20) as client:
            chunks = await open_stream(client)
            await anext(chunks)
            reading = asyncio.ensure_future(read(chunks))
            await asyncio.sleep(0)
            server.do_now()
            jump(30)
            if whole_stream:
                await reading
            else:
                clock, _ = await trips(reading)
                assert clock == "total"
            assert chunks._merged().choices[0].message.content == "x" * 3001


async def test_total_over_all_attempts(
    fault_server: FaultServer, connect: Connect, jump: Jump
) -> None:
    """Attempts and waits share one deadline: the attempt that it falls into is cut short."""
    fault_server.add(error(500), error(500), raw(Stall()))
    async with connect(retries=10, timeout=5) as client:
        call = asyncio.ensure_future(client.completions.create(model="m", prompt="p"))
        await fault_server.until_requests(3)
        jump(6)
        clock, failure = await trips(call)
    assert clock == "total"
    assert [attempt.status for attempt in failure.attempts] == [500, 500, None]


async def test_total_comes_before_a_longer_first_byte(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Of two timeouts that run at once, the one that ends first is named."""
    fault_server.always(raw(Stall()))
    async with connect(timeout=Timeouts(first_byte=5, total=SOON)) as client:
        assert (await trips(client.models.list()))[0] == "total"
    async with connect(timeout=Timeouts(first_byte=SOON, total=5)) as client:
        assert (await trips(client.models.list()))[0] == "first_byte"


@pytest.mark.parametrize("asked", [30, 3600], ids=["kept", "cut by the policy"])
@pytest.mark.parametrize(("status", "raises"), [(429, RateLimitError), (500, InternalServerError)])
async def test_wait_past_the_deadline_is_not_begun(
    fault_server: FaultServer,
    connect: Connect,
    status: int,
    raises: type[APIStatusError],
    asked: int,
) -> None:
    """A Retry-After that ends after the deadline raises the server's error, and at once."""
    fault_server.always(error(status, "come back", retry_after=asked))
    async with connect(retries=5, timeout=asked - 10 if asked == 30 else 100) as client:
        with pytest.raises(raises, match="come back") as raised:
            await client.models.list()
    assert raised.value.retry_after == asked
    assert [attempt.backoff for attempt in raised.value.attempts] == [None]
    assert len(fault_server.requests) == 1


async def test_number_is_the_deadline_of_a_call(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A number given to one call sets its deadline and leaves the client's other timeouts."""
    fault_server.always(raw(Stall()))
    async with connect(timeout=Timeouts(first_byte=5)) as client:
        assert (await trips(client.models.list(timeout=SOON)))[0] == "total"
        assert (await trips(client.with_options(timeout=SOON).models.list()))[0] == "total"


async def test_late_response_is_in_time(fault_server: FaultServer, connect: Connect) -> None:
    """A timeout that hasn't passed leaves no trace, and the timeline says where the time went."""
    fault_server.reply("Berlin", Delay(0.03))
    async with connect(
        timeout=Timeouts(queue=5, connect=5, first_byte=5, idle=5, total=5)
    ) as client:
        meta = (await client.completions.create(model="m", prompt="p")).meta
    assert meta.total is not None
    assert meta.total >= meta.first_byte >= 0.03
    assert meta.queue == 0
