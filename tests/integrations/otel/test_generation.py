"""Spans and metrics of generations, compared with the conventions."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.export import Histogram
from opentelemetry.trace import SpanKind, StatusCode

from horay_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncHoray,
    BadRequestError,
    RateLimitError,
    StreamTruncatedError,
    Timeouts,
)
from horay_async.testing import FaultServer, Reset, Stall, Step, error, raw, respond, sse

from .conventions import AT_CREATION, INFERENCE, METRICS, OF_METRICS, OPT_IN, check

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 34,
    "total_tokens": 46,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 7},
}

EVERYTHING: dict[str, Any] = {
    "model": "a-model",
    "max_tokens": 100,
    "stop": ("END", "STOP"),
    "temperature": 0,
    "top_p": 1,
    "top_k": 40,
    "presence_penalty": 1,
    "frequency_penalty": 0.5,
    "n": 2,
    "seed": 7,
}
"""Parameters that have an attribute."""


def chunk(*texts: str, finish: str | None = None, **more: Any) -> bytes:
    """A chunk of a chat answer, with a choice for each text."""
    choices = [
        {"index": index, "delta": {"content": text}, "finish_reason": finish}
        for index, text in enumerate(texts)
    ]
    return sse({"id": "chatcmpl-1", "model": "answering", "choices": choices, **more})


def streamed(*pieces: bytes | Step) -> Any:
    """A stream of these pieces."""
    return respond(list(pieces), content_type="text/event-stream", framing="chunked")


ENDLESS = streamed(chunk("a"), Stall())
"""A stream of which one chunk comes."""


async def read(client: AsyncHoray, **params: Any) -> None:
    """One streamed chat answer, read to its end."""
    sent: dict[str, Any] = {"model": "m", "messages": [], **params}
    stream = await client.chat.completions.create(stream=True, **sent)
    async for _ in stream:
        pass


async def test_span_has_all_attributes(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """A stream asked for with all parameters has each attribute that isn't for errors, of its type."""
    fault_server.add(
        streamed(
            chunk("Ber", "Lon"),
            chunk("lin", "don", finish="stop"),
            chunk(usage=USAGE),
            sse("[DONE]"),
        )
    )
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        await read(
            client,
            **EVERYTHING,
            messages=[{"role": "user", "content": "hi"}],
            tools=[{"type": "function", "function": {"name": "weather"}}],
            response_format={"type": "json_object"},
            stream_options={"include_usage": True},
        )
    span, attributes = recorded.span, recorded.attributes
    assert (span.name, span.kind) == ("chat a-model", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert check(attributes, INFERENCE) == INFERENCE.keys() - {"error.type"}
    for name, value in EVERYTHING.items():
        attribute = {"n": "choice.count", "stop": "stop_sequences"}.get(name, name)
        assert attributes[f"gen_ai.request.{attribute}"] == value
    port = int(fault_server.origin.rpartition(":")[2])
    assert (
        attributes.items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "horay",
            "gen_ai.output.type": "json",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "answering",
            "gen_ai.response.finish_reasons": ("stop", "stop"),
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 34,
            "gen_ai.usage.cache_read.input_tokens": 5,
            "gen_ai.usage.reasoning.output_tokens": 7,
            "server.address": "127.0.0.1",
            "server.port": port,
        }.items()
    )


@pytest.mark.parametrize(
    ("operation", "output"),
    [("chat", None), ("text_completion", None), ("generate_content", "image")],
)
async def test_operations(
    connect: Connect, recorded: Recorded, operation: str, output: str | None
) -> None:
    """Each operation has its span, named for it and for the model, without anything that wasn't sent."""
    async with connect(telemetry=recorded.telemetry()) as client:
        if operation == "chat":
            await client.chat.completions.create(model="org/m", messages=[], n=1)
        elif operation == "text_completion":
            await client.completions.create(model="org/m", prompt="p", n=1)
        else:
            await client.images.generate(model="org/m", prompt="p", image_size="1024x1024")
    assert recorded.span.name == f"{operation} org/m"
    attributes = recorded.attributes
    known = check(attributes, INFERENCE)
    assert known >= AT_CREATION
    asked = {name for name in known if name.startswith("gen_ai.request.")}
    assert asked == {"gen_ai.request.model"}
    assert attributes.get("gen_ai.output.type") == output


async def test_samplers_see_what_they_decide_by(connect: Connect, recorded: Recorded) -> None:
    """The attributes that samplers go by are there when the span is made."""
    seen: list[set[str]] = []

    class Look:
        """A span processor."""

        def on_start(self, span: Span, parent_context: object = None) -> None:
            seen.append(set(span.attributes or ()))

        def on_end(self, span: object) -> None: ...

        def shutdown(self) -> None: ...

        def _on_ending(self, span: object) -> None: ...

    recorded.tracer_provider.add_span_processor(Look())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - all that is called of one
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.completions.create(model="m", prompt="p")
    assert seen[0] >= AT_CREATION


async def test_nothing_of_content_unless_asked(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Neither prompts nor answers are recorded, nor what the server says of an error, which may repeat them."""
    fault_server.add(error(400, "your prompt s3cret is bad"))
    fault_server.reply("s3cret")
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(BadRequestError):
            await read(client, messages=[{"role": "s3cret"}])
        await read(client, messages=[{"role": "s3cret"}])
    for span in recorded.spans:
        assert "s3cret" not in span.to_json()
        assert not {name for name, (level, _) in INFERENCE.items() if level == OPT_IN} & set(
            span.attributes or ()
        )
    assert recorded.spans[0].status.description == "status 400"


@pytest.mark.parametrize(
    ("answer", "raises"),
    [
        (error(429), RateLimitError),
        (raw(Reset()), APIConnectionError),
        (raw(Stall()), APITimeoutError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_failures(
    fault_server: FaultServer,
    connect: Connect,
    recorded: Recorded,
    answer: Any,
    raises: type[Exception],
    stream: bool,
) -> None:
    """A call that failed has an error status and the class of its error, as has its duration."""
    fault_server.always(answer)
    timeout = Timeouts(first_byte=0.05)
    async with connect(telemetry=recorded.telemetry(), timeout=timeout) as client:
        with pytest.raises(raises):
            await client.chat.completions.create(model="m", messages=[], stream=stream)
    assert recorded.span.status.status_code is StatusCode.ERROR
    check(recorded.attributes, INFERENCE)
    assert recorded.attributes["error.type"] == raises.__name__
    assert "horay.cancelled" not in recorded.attributes
    (point,) = recorded.points("gen_ai.client.operation.duration")
    assert dict(point.attributes or {})["error.type"] == raises.__name__
    assert not recorded.points("gen_ai.client.token.usage")


async def test_truncated_stream(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The span of a stream that breaks off ends with that error, and has what had come."""
    fault_server.add(streamed(chunk("Ber")))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(StreamTruncatedError):
            await read(client)
    attributes = recorded.attributes
    assert attributes["error.type"] == "StreamTruncatedError"
    assert attributes["gen_ai.response.model"] == "answering"
    assert "gen_ai.response.finish_reasons" not in attributes


@pytest.mark.parametrize("way", ["break", "drop", "cancel"])
async def test_stream_that_is_left(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, way: str
) -> None:
    """The span of a stream that is left, dropped or cancelled ends there: not failed, but marked."""
    fault_server.always(ENDLESS)
    reading = asyncio.Event()

    async def go_on() -> None:
        async for _ in await client.chat.completions.create(model="m", messages=[], stream=True):
            reading.set()
            if way == "break":
                break

    async with connect(telemetry=recorded.telemetry()) as client:
        if way == "drop":
            await client.chat.completions.create(model="m", messages=[], stream=True)
        else:
            task = asyncio.create_task(go_on())
            await reading.wait()
            if way == "cancel":
                task.cancel()
            await asyncio.wait([task])
        assert recorded.span.status.status_code is StatusCode.UNSET
    assert recorded.attributes["horay.cancelled"] is True
    assert "error.type" not in recorded.attributes
    (point,) = recorded.points("gen_ai.client.operation.duration")
    assert dict(point.attributes or {})["horay.cancelled"] is True


async def test_retries_are_events(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """All attempts have one span; those that failed on the way are events on it."""
    fault_server.add(error(503), raw(Reset()))
    async with connect(retries=2, telemetry=recorded.telemetry()) as client:
        answer = await client.completions.create(model="m", prompt="p")
    refused, lost = recorded.span.events
    assert refused.name == lost.name == "horay.retry"
    assert dict(refused.attributes or {}) == {
        "error.type": "ServiceOverloadedError",
        "http.response.status_code": 503,
        "horay.retry.attempt": 1,
        "horay.retry.delay": answer.meta.attempts[0].backoff,
    }
    assert dict(lost.attributes or {}) == {
        "error.type": "APIConnectionError",
        "horay.retry.attempt": 2,
        "horay.retry.delay": answer.meta.attempts[1].backoff,
    }
    assert recorded.attributes["http.request.resend_count"] == 2
    assert recorded.attributes["horay.request_id"] == answer.meta.request_id
    assert recorded.span.status.status_code is StatusCode.UNSET


async def test_metrics(fault_server: FaultServer, connect: Connect, recorded: Recorded) -> None:
    """Units, buckets and attributes of the histograms are the conventions'; the counts are right."""
    fault_server.add(
        streamed(
            chunk("a"), chunk("b"), chunk("c", finish="stop"), chunk(usage=USAGE), sse("[DONE]")
        )
    )
    async with connect(telemetry=recorded.telemetry()) as client:
        await read(client)
    metrics = recorded.metrics()
    assert metrics.keys() == METRICS.keys()
    for name, (unit, bounds) in METRICS.items():
        metric = metrics[name]
        assert metric.unit == unit
        assert isinstance(metric.data, Histogram)
        for point in metric.data.data_points:
            assert list(point.explicit_bounds) == pytest.approx(bounds)
            attributes = dict(point.attributes or {})
            assert attributes.keys() - {"gen_ai.token.type"} == OF_METRICS
            assert attributes["gen_ai.response.model"] == "answering"
    counts = {name: recorded.points(name)[0].count for name in METRICS}
    assert counts == {
        "gen_ai.client.operation.duration": 1,
        "gen_ai.client.operation.time_to_first_chunk": 1,
        "gen_ai.client.operation.time_per_output_chunk": 3,
        "gen_ai.client.token.usage": 1,
    }
    tokens = {
        dict(point.attributes or {})["gen_ai.token.type"]: point.sum
        for point in recorded.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": 12, "output": 34}
    (first,) = recorded.points("gen_ai.client.operation.time_to_first_chunk")
    (between,) = recorded.points("gen_ai.client.operation.time_per_output_chunk")
    (whole,) = recorded.points("gen_ai.client.operation.duration")
    assert first.sum == recorded.attributes["gen_ai.response.time_to_first_chunk"]
    assert 0 < first.sum <= first.sum + between.sum <= whole.sum


async def test_no_metrics_of_streams_for_whole_answers(
    connect: Connect, recorded: Recorded
) -> None:
    """Times of chunks aren't measured where there are none; tokens are where the server reports them."""
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.completions.create(model="m", prompt="p")
        await client.images.generate(model="m", prompt="p", image_size="1024x1024")
    assert recorded.metrics().keys() == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
    }
    assert len(recorded.points("gen_ai.client.operation.duration")) == 2
    assert (
        len(recorded.points("gen_ai.client.token.usage")) == 2
    )  # input and output of the completion


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/chat/completions",
            {"model": 5, "n": "two", "stop": {}, "temperature": "hot", "tools": 1},
        ),
        (
            "/chat/completions",
            {"messages": [1, {"content": [2, {"image_url": 3}], "tool_calls": 4}]},
        ),
        ("/chat/completions", {"messages": "hi", "response_format": "json"}),
        ("/completions", {"prompt": {"a": 1}, "tools": [1, {"function": 2}]}),
    ],
)
async def test_odd_requests_have_spans(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, path: str, body: object
) -> None:
    """What is wrong with a request is the server's to say: its span has what can be read."""
    fault_server.always(error(400))
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        with pytest.raises(BadRequestError):
            await client.request("POST", path, body=body)
    check(recorded.attributes, INFERENCE)
    for name in ("gen_ai.input.messages", "gen_ai.tool.definitions"):
        assert isinstance(json.loads(recorded.attributes.get(name, "[]")), list)
