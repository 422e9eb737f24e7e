"""Whose child a span is, what is its child, and the trace context in the headers."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace

from horay_async import AsyncHoray, BatchRequest, Horay, RequestEvent
from horay_async._transport.log import LOG
from horay_async._transport.response import RawResponse
from horay_async.integrations.otel import Telemetry
from horay_async.testing import FaultServer, Stall, error, respond, sse

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.conftest import Connect, ConnectBlocking

    from .conftest import Recorded

pytestmark = pytest.mark.anyio


def traceparent(span: ReadableSpan) -> str:
    """The header that names a span as the parent (W3C Trace Context, section 3.2)."""
    found = span.get_span_context()
    assert found is not None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def parent_of(span: ReadableSpan) -> int:
    """The id of the parent."""
    assert span.parent is not None
    return span.parent.span_id


async def test_every_attempt_carries_the_context(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """`traceparent` names the call's span, in each attempt, and what hooks are told has it too."""
    told: list[RequestEvent] = []
    fault_server.add(error(503))
    async with connect(retries=1, telemetry=recorded.telemetry(), on_request=told.append) as client:
        await client.completions.create(model="m", prompt="p")
    assert [request.headers["traceparent"] for request in fault_server.requests] == [
        traceparent(recorded.span)
    ] * 2
    assert [event.headers["traceparent"] for event in told] == [traceparent(recorded.span)] * 2


async def test_context_is_kept_back(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """`propagate=False` leaves the headers alone."""
    async with connect(telemetry=recorded.telemetry(propagate=False)) as client:
        await client.models.list()
        await client.completions.create(model="m", prompt="p")
    assert len(recorded.spans) == 2
    assert not any("traceparent" in request.headers for request in fault_server.requests)


async def test_parent_is_the_current_span(connect: Connect, recorded: Recorded) -> None:
    """A call's span is a child of the one in whose block the call is made; so are a batch's and a stream's."""
    tracer = recorded.tracer_provider.get_tracer("test")
    async with connect(telemetry=recorded.telemetry()) as client:
        with tracer.start_as_current_span("caller") as caller:
            await client.completions.create(model="m", prompt="p")
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            requests = [BatchRequest.completion(model="m", prompt="p") for _ in range(3)]
            async for _ in client.batch.run(requests):
                pass
        async for _ in stream:  # read outside, which changes nothing
            pass
    spans = [span for span in recorded.spans if span.name == "text_completion m"]
    assert len(spans) == 5
    assert {parent_of(span) for span in spans} == {caller.get_span_context().span_id}


async def test_concurrent_calls_have_their_own_parents(
    connect: Connect, recorded: Recorded
) -> None:
    """Calls of tasks that run at once don't mix up their spans."""
    tracer = recorded.tracer_provider.get_tracer("test")

    async def work(name: str) -> tuple[str, int]:
        with tracer.start_as_current_span(name) as span:
            await client.completions.create(model=name, prompt="p")
            return f"text_completion {name}", span.get_span_context().span_id

    async with connect(telemetry=recorded.telemetry()) as client:
        expected = dict(await asyncio.gather(*[work(f"m{number}") for number in range(8)]))
    found = {span.name: span for span in recorded.spans}
    assert {name: parent_of(found[name]) for name in expected} == expected


async def test_span_is_current_while_sending(
    connect: Connect, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens while a call is sent belongs to its span: log records, spans of HTTP instrumentations."""
    seen: list[int] = []

    class Look(logging.Handler):
        """Notes the current span."""

        def emit(self, record: logging.LogRecord) -> None:
            seen.append(trace.get_current_span().get_span_context().span_id)

    handler = Look()
    LOG.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "horay_async"):
            async with connect(telemetry=recorded.telemetry()) as client:
                await client.completions.create(model="m", prompt="p")
    finally:
        LOG.removeHandler(handler)
    span = recorded.span.get_span_context()
    assert span is not None
    assert seen == [span.span_id]
    assert not trace.get_current_span().get_span_context().is_valid


def test_blocking_callers(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, recorded: Recorded
) -> None:
    """The parent is the current span of the calling thread; a stream that is left ends its span."""
    tracer = recorded.tracer_provider.get_tracer("test")
    head = sse({"choices": [{"delta": {"content": "a"}}]})
    fault_server.add(
        respond([head, Stall()], content_type="text/event-stream", framing="chunked"),
        path="/chat/completions",
    )
    with (
        connect_blocking(telemetry=recorded.telemetry()) as client,
        tracer.start_as_current_span("caller") as caller,
    ):
        client.completions.create(model="m", prompt="p")
        for _ in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        ):
            break
    spans = {span.name: span for span in recorded.spans}
    for name in ("text_completion m", "chat m"):
        assert parent_of(spans[name]) == caller.get_span_context().span_id
    assert dict(spans["chat m"].attributes or {})["horay.cancelled"] is True


def test_stream_left_by_a_slow_caller(
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was left, and didn't fail, also where its loop sees the closing before the caller goes on."""
    head = sse({"choices": [{"delta": {"content": "a"}}]})
    fault_server.add(respond([head, Stall()], content_type="text/event-stream", framing="chunked"))
    close_soon = RawResponse.close_soon

    def slow(response: RawResponse) -> None:
        close_soon(response)
        if threading.current_thread() is threading.main_thread() and response.loop.is_running():
            asyncio.run_coroutine_threadsafe(turns(), response.loop).result(10)

    async def turns() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    monkeypatch.setattr(RawResponse, "close_soon", slow)
    with connect_blocking(telemetry=recorded.telemetry()) as client:
        for _ in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        ):
            break
    assert dict(recorded.span.attributes or {})["horay.cancelled"] is True


def test_stream_dropped_after_its_loop(fault_server: FaultServer, recorded: Recorded) -> None:
    """A stream that outlives its event loop still ends its span."""

    async def open_stream() -> Any:
        client = AsyncHoray(
            fault_server.api_key, base_url=fault_server.base_url, telemetry=recorded.telemetry()
        )
        stream = await client.completions.create(model="m", prompt="p", stream=True)
        await client.close()
        return stream

    stream = asyncio.run(open_stream())
    assert not recorded.spans
    del stream
    assert recorded.attributes["horay.cancelled"] is True


async def test_left_out_by_the_sampler(
    fault_server: FaultServer, connect: Connect, left_out: Recorded
) -> None:
    """A trace that isn't sampled has no spans, and says so to the server; its calls are measured all the same."""
    async with connect(telemetry=left_out.telemetry(capture_content=True)) as client:
        await client.completions.create(model="m", prompt="p")
    assert not left_out.spans
    assert len(left_out.points("gen_ai.client.inference.duration")) == 1
    (request,) = fault_server.requests
    assert request.headers["traceparent"][-2:] in (
        "00",
        "02",
    )  # not sampled; the trace id may be random


async def test_suppressed(connect: Connect, recorded: Recorded) -> None:
    """Where the context suppresses instrumentation, there is no span and no header."""
    async with connect(telemetry=recorded.telemetry()) as client:
        token = context.attach(context.set_value("suppress_instrumentation", True))
        try:
            await client.completions.create(model="m", prompt="p")
        finally:
            context.detach(token)
    assert not recorded.spans
    assert not recorded.metrics()


def test_without_an_sdk(fault_server: FaultServer) -> None:
    """Where the program has set up no SDK, telemetry does nothing, and sends nothing."""
    with Horay(
        fault_server.api_key, base_url=fault_server.base_url, telemetry=Telemetry()
    ) as client:
        assert client.completions.create(model="m", prompt="p").choices
    (request,) = fault_server.requests
    assert "traceparent" not in request.headers
