"""`request(..., stream=True)`: streams of what has no method yet, on both clients."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from horay_async import (
    APITimeoutError,
    AsyncStream,
    ServerSentEvent,
    StreamError,
    StreamTruncatedError,
    Timeouts,
)
from horay_async.testing import (
    Cut,
    FaultServer,
    Gate,
    Hang,
    Request,
    error,
    models,
    respond,
    sse,
)
from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio


def events(*datas: Any, **options: Any) -> Any:
    pieces = [piece if isinstance(piece, Gate) else sse(*piece) for piece in datas]
    return respond(pieces, content_type="text/event-stream", framing="chunked", **options)


CREATED = ({"type": "response.created"}, "response.created")
DELTA = ({"type": "response.output_text.delta", "delta": "Ber"}, "response.output_text.delta")
COMPLETED = ({"type": "response.completed"}, "response.completed")


async def test_events(fault_server: FaultServer, connect: Connect) -> None:
    """The events come as they are sent, after a retry; the body asks for a stream."""
    fault_server.add(error(503, "busy"), events(CREATED, DELTA, COMPLETED))
    async with connect(retries=1) as client:
        stream = await client.request(
            "POST", "/responses", body={"input": "hi"}, stream=True, ends_with="response.completed"
        )
        got = [event async for event in stream]
    assert [event.event for event in got] == [CREATED[1], DELTA[1], COMPLETED[1]]
    assert got[1].json()["delta"] == "Ber"
    assert len(stream.meta.attempts) == 2
    assert fault_server.requests[-1].json() == {"input": "hi", "stream": True}
    assert fault_server.requests[-1].headers["Accept"] == "text/event-stream"


async def test_streams_are_asked_for_without_compression(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Whether compressed data was cut isn't told of each coding, and a proxy that compresses holds events back."""

    def as_asked(request: Request) -> Any:
        options = {"coding": "gzip"} if "gzip" in request.headers["Accept-Encoding"] else {}
        return events(CREATED, DELTA, **options, **({"coding_cut": 60} if options else {}))

    fault_server.always(as_asked)
    async with connect() as client:
        got = [event async for event in await client.request("POST", "/x", body={}, stream=True)]
        assert [event.event for event in got] == [CREATED[1], DELTA[1]]
        fault_server.add(models())
        await client.models.list()
    assert "gzip" in fault_server.requests[-1].headers["Accept-Encoding"]


def test_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The same on the blocking client."""
    fault_server.add(events(CREATED, COMPLETED))
    with connect_blocking() as client:
        stream = client.request(
            "POST", "/responses", body={}, stream=True, ends_with=("response.completed",)
        )
        assert [event.event for event in stream] == [CREATED[1], COMPLETED[1]]


@pytest.mark.parametrize("ends_with", ["response.completed", ()])
async def test_cut(fault_server: FaultServer, connect: Connect, ends_with: Any) -> None:
    """A stream that breaks off is an error; where the last event is named, one that just ends is, too."""
    fault_server.add(events(CREATED, DELTA).with_faults(Cut(-10, by="rst")))
    fault_server.add(events(CREATED, DELTA))
    async with connect() as client:
        for broken in (True, False):
            stream = await client.request(
                "POST", "/responses", body={}, stream=True, ends_with=ends_with
            )
            if broken or ends_with:
                with pytest.raises(StreamTruncatedError):
                    _ = [event async for event in stream]
            else:
                assert len([event async for event in stream]) == 2


async def read(stream: AsyncStream[ServerSentEvent], into: list[ServerSentEvent]) -> None:
    """Reads a stream to its end; `into` has what came before an error."""
    async for event in stream:
        into.append(event)  # noqa: PERF401 - those before an error count


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("end", [Cut, Hang])
async def test_cut_within_the_last_event(
    fault_server: FaultServer, connect: Connect, framing: Any, end: Any
) -> None:
    """It isn't the end, though its name has come, unless its data are whole."""
    data: Any = {"type": "response.completed", "response": {"text": "Berlin"}}
    last, tail = sse(data, COMPLETED[1]), len(b"\r\n0\r\n\r\n") if framing == "chunked" else 0
    body = [sse(*CREATED), sse(*DELTA), last]
    response = respond(body, content_type="text/event-stream", framing=framing)
    kind = APITimeoutError if end is Hang else StreamTruncatedError
    async with connect(timeout=Timeouts(idle=0.2)) as client:
        for missing in (1, 2, 3, 30, len(last) - 27, len(last) - 34):
            fault_server.add(response.with_faults(end(-missing - tail)))
            got: list[ServerSentEvent] = []
            stream = await client.request(
                "POST", "/responses", body={}, stream=True, ends_with="response.completed"
            )
            if missing <= 2:  # nothing of the data
                await read(stream, got)
                assert got[-1].json() == data
                continue
            with pytest.raises(kind) as caught:
                await read(stream, got)
            assert [event.event for event in got] == [CREATED[1], DELTA[1]]
            assert caught.value.execution == "executed"


async def test_error_event(fault_server: FaultServer, connect: Connect) -> None:
    """An error event is raised after the events before it."""
    fault_server.add(events(CREATED, ({"message": "it broke"}, "error")))
    async with connect() as client:
        stream = await client.request("POST", "/responses", body={}, stream=True)
        assert (await anext(stream)).event == CREATED[1]
        with pytest.raises(StreamError, match="it broke") as raised:
            await anext(stream)
    assert raised.value.execution == "executed"


async def test_error_event_alone(fault_server: FaultServer, connect: Connect) -> None:
    """Whether a request was run whose stream begins with an error isn't known."""
    fault_server.add(events(({"message": "it broke"}, "error")))
    async with connect() as client:
        stream = await client.request("POST", "/responses", body={}, stream=True)
        with pytest.raises(StreamError, match="it broke") as raised:
            await anext(stream)
    assert raised.value.execution == "unknown"


async def test_pings_are_no_progress(fault_server: FaultServer, connect: Connect) -> None:
    """Named pings are handed out, and don't keep the idle timeout from running out."""
    pings: list[Any] = [({"type": "ping"}, "ping")] * 3
    fault_server.add(events(CREATED, *pings, Gate()))
    async with connect(timeout=Timeouts(idle=0.3)) as client:
        stream = await client.request("POST", "/messages", body={}, stream=True)
        got = [(await anext(stream)).event for _ in range(4)]
        with pytest.raises(APITimeoutError) as caught:
            await anext(stream)
    assert caught.value.clock == "idle"
    assert got == [CREATED[1], "ping", "ping", "ping"]


async def test_leaving_closes(fault_server: FaultServer, connect: Connect) -> None:
    """Leaving the block closes the connection."""
    fault_server.add(events(CREATED, Gate(), COMPLETED))
    async with connect() as client:
        async with await client.request("POST", "/responses", body={}, stream=True) as stream:
            await anext(stream)
        await fault_server.until_closed(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ends_with": "x"}, "ends_with goes with stream=True"),
        ({"stream": True, "body": {"stream": False}}, "stream is False in the body"),
        ({"stream": True, "strem": 1}, "strem"),
    ],
)
async def test_bad_input(connect: Connect, options: dict[str, Any], words: str) -> None:
    """What can't be meant is refused by its name."""
    async with connect() as client:
        request = cast("Any", client.request)
        with pytest.raises(TypeError, match=words):
            await request("POST", "/responses", **options)


async def test_cancelled(fault_server: FaultServer, connect: Connect) -> None:
    """A cancelled wait leaves no connection open."""
    fault_server.add(events(CREATED, Gate()))
    async with connect() as client:
        stream = await client.request("POST", "/responses", body={}, stream=True)
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await fault_server.until_closed(1)


async def test_what_is_no_utf8(fault_server: FaultServer, connect: Connect) -> None:
    """Bytes that aren't UTF-8 are replaced, and what is behind them isn't lost."""
    body = [sse(*DELTA), b"data: Gr\xfc\xdfe\n\n"]
    fault_server.add(respond(body, content_type="text/event-stream", framing="chunked"))
    async with connect() as client:
        stream = await client.request("POST", "/responses", body={}, stream=True)
        assert (await anext(stream)).json()["delta"] == "Ber"
        assert [event.data async for event in stream] == ["Gr\ufffd\ufffde"]
