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

from .conventions import (
    AT_CREATION,
    COUNTERS,
    EXCEPTION_EVENT,
    INFERENCE,
    INFERENCE_1_41_1,
    METRICS,
    METRICS_1_41_1,
    OF_METRICS,
    OPT_IN,
    WARN,
    check,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 34,
    "total_tokens": 46,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
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
    """A chunk of a chat response, with a choice for each text."""
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
    """One streamed chat response, read to its end."""
    sent: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}], **params}
    stream = await client.chat.completions.create(stream=True, **sent)
    async for _ in stream:
        pass


@pytest.mark.parametrize(
    ("version", "table"), [("latest", INFERENCE), ("1.41.1", INFERENCE_1_41_1)]
)
async def test_span_has_all_attributes(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, version: str, table: Any
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
    telemetry = recorded.telemetry(capture_content=True, conventions=version)
    async with connect(telemetry=telemetry) as client:
        await read(
            client,
            **EVERYTHING,
            reasoning_effort="high",
            messages=[{"role": "user", "content": "hi"}],
            tools=[{"type": "function", "function": {"name": "weather"}}],
            response_format={"type": "json_object"},
            stream_options={"include_usage": True},
        )
    span, attributes = recorded.span, recorded.attributes
    assert (span.name, span.kind) == ("chat a-model", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert check(attributes, table) == table.keys() - {"error.type"}
    write = "cache_write" if version == "latest" else "cache_creation"
    assert attributes[f"gen_ai.usage.{write}.input_tokens"] == 3
    assert attributes.get("gen_ai.request.reasoning.level", "high") == "high"
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
            await client.chat.completions.create(
                model="org/m", messages=[{"role": "user", "content": "?"}], n=1
            )
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
    """Neither prompts nor responses are recorded, nor what the server says of an error, which may repeat them."""
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
    ("response", "raises"),
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
    response: Any,
    raises: type[Exception],
    stream: bool,
) -> None:
    """A call that failed has an error status and the class of its error, as has its duration."""
    fault_server.always(response)
    timeout = Timeouts(first_byte=0.05)
    async with connect(telemetry=recorded.telemetry(), timeout=timeout) as client:
        with pytest.raises(raises):
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=stream
            )
    assert recorded.span.status.status_code is StatusCode.ERROR
    check(recorded.attributes, INFERENCE)
    assert recorded.attributes["error.type"] == raises.__name__
    assert "horay.cancelled" not in recorded.attributes
    (point,) = recorded.points("gen_ai.client.inference.duration")
    assert dict(point.attributes or {})["error.type"] == raises.__name__
    assert recorded.metrics().keys() == {"gen_ai.client.inference.duration"}


@pytest.mark.parametrize("capture", [False, True])
async def test_exception_event(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, capture: bool
) -> None:
    """A call that failed is an event in the context of its span; the server's words are content."""
    fault_server.add(error(400, "your prompt s3cret is bad"))
    async with connect(telemetry=recorded.telemetry(capture_content=capture)) as client:
        with pytest.raises(BadRequestError):
            await read(client)
        await read(client)
    (event,) = recorded.events
    found = recorded.spans[0].get_span_context()
    assert found is not None
    assert (event.event_name, event.severity_number.value) == (EXCEPTION_EVENT, WARN)
    assert (event.trace_id, event.span_id) == (found.trace_id, found.span_id)
    assert event.attributes["exception.type"] == "horay_async.errors.BadRequestError"
    assert "call.py" in event.attributes["exception.stacktrace"]
    assert ("s3cret" in str(event.attributes)) is capture
    assert ("s3cret" in event.attributes["exception.message"]) is capture


async def test_causes_are_not_told(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The event has no words of the errors beneath, which other libraries wrote."""
    fault_server.always(raw(Reset()))
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        with pytest.raises(APIConnectionError) as caught:
            await read(client)
    assert caught.value.__cause__ is not None
    (event,) = recorded.events
    told = event.attributes["exception.stacktrace"]
    assert told.rstrip().endswith(f"APIConnectionError: {caught.value}")
    assert "direct cause" not in told


@pytest.mark.parametrize("broken", ["metrics", "logs"])
async def test_span_ends_whatever_fails(
    fault_server: FaultServer,
    connect: Connect,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    """Where measuring or the event fails, the span has what came of the call all the same."""

    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("no telemetry today")

    if broken == "metrics":
        monkeypatch.setattr("opentelemetry.sdk.metrics.Histogram.record", fail)
    else:
        monkeypatch.setattr("opentelemetry.sdk._logs.Logger.emit", fail)
    fault_server.add(error(400))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(BadRequestError):
            await read(client)
    assert "no telemetry today" in caplog.text
    assert recorded.attributes["error.type"] == "BadRequestError"


async def test_truncated_stream(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The span of a stream that breaks off ends with that error, and has what had come."""
    usage = {"prompt_tokens": 3, "completion_tokens": 0}
    fault_server.always(streamed(chunk("Ber", "Lon", usage=usage)))
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        with pytest.raises(StreamTruncatedError):
            await read(client)
    attributes = recorded.attributes
    assert attributes["error.type"] == "StreamTruncatedError"
    assert attributes["gen_ai.response.model"] == "answering"
    assert attributes["gen_ai.response.finish_reasons"] == ("error", "error")
    messages = json.loads(attributes["gen_ai.output.messages"])
    assert [message["finish_reason"] for message in messages] == [None, None]
    # What was spent counts; the distributions are of what succeeded.
    assert recorded.sums("gen_ai.client.inference.usage.input_tokens") == {"unknown": 3}
    assert not recorded.points("gen_ai.client.inference.operation.input_tokens")


async def test_truncated_stream_by_the_old_names(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Version 1.41.1 has no reason for what was cut, and no event."""
    fault_server.always(streamed(chunk("Ber")))
    telemetry = recorded.telemetry(capture_content=True, conventions="1.41.1")
    async with connect(telemetry=telemetry) as client:
        with pytest.raises(StreamTruncatedError):
            await read(client)
    assert "gen_ai.response.finish_reasons" not in recorded.attributes
    (message,) = json.loads(recorded.attributes["gen_ai.output.messages"])
    assert message["finish_reason"] == ""
    assert not recorded.events


async def test_zeros_are_told(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """A count of 0 that the server has told is told on."""
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    fault_server.add(streamed(chunk("a", finish="stop", usage=usage), sse("[DONE]")))
    async with connect(telemetry=recorded.telemetry()) as client:
        await read(client)
    for name in ("input_tokens", "output_tokens", "cache_read.input_tokens"):
        assert recorded.attributes[f"gen_ai.usage.{name}"] == 0
        assert recorded.sums(f"gen_ai.client.inference.usage.{name}") == {"unknown": 0}
    (point,) = recorded.points("gen_ai.client.inference.operation.input_tokens")
    assert (point.count, point.sum) == (1, 0)


@pytest.mark.parametrize("way", ["break", "drop", "cancel"])
async def test_stream_that_is_left(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, way: str
) -> None:
    """The span of a stream that is left, dropped or cancelled ends there: not failed, but marked."""
    fault_server.always(ENDLESS)
    reading = asyncio.Event()

    async def go_on() -> None:
        async for _ in await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        ):
            reading.set()
            if way == "break":
                break

    async with connect(telemetry=recorded.telemetry()) as client:
        if way == "drop":
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
            await asyncio.sleep(0)  # it is closed on the loop's next turn
        else:
            task = asyncio.create_task(go_on())
            await reading.wait()
            if way == "cancel":
                task.cancel()
            await asyncio.wait([task])
        assert recorded.span.status.status_code is StatusCode.UNSET
    assert recorded.attributes["horay.cancelled"] is True
    assert "error.type" not in recorded.attributes
    (point,) = recorded.points("gen_ai.client.inference.duration")
    assert dict(point.attributes or {})["horay.cancelled"] is True


async def test_retries_are_events(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """All attempts have one span; those that failed on the way are events on it."""
    fault_server.add(error(503), raw(Reset()))
    async with connect(retries=2, telemetry=recorded.telemetry()) as client:
        response = await client.completions.create(model="m", prompt="p")
    refused, lost = recorded.span.events
    assert refused.name == lost.name == "horay.retry"
    assert dict(refused.attributes or {}) == {
        "error.type": "ServiceOverloadedError",
        "http.response.status_code": 503,
        "horay.retry.attempt": 1,
        "horay.retry.delay": response.meta.attempts[0].backoff,
    }
    assert dict(lost.attributes or {}) == {
        "error.type": "APIConnectionError",
        "horay.retry.attempt": 2,
        "horay.retry.delay": response.meta.attempts[1].backoff,
    }
    assert recorded.attributes["http.request.resend_count"] == 2
    assert recorded.attributes["horay.request_id"] == response.meta.request_id
    assert recorded.span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("version", "table", "counters"),
    [("latest", METRICS, COUNTERS), ("1.41.1", METRICS_1_41_1, set[str]())],
)
async def test_metrics(
    fault_server: FaultServer,
    connect: Connect,
    recorded: Recorded,
    version: str,
    table: dict[str, tuple[str, list[float]]],
    counters: set[str],
) -> None:
    """Units, buckets and attributes of the histograms are the conventions'; the counts are right."""
    fault_server.add(
        streamed(
            chunk("a"), chunk("b"), chunk("c", finish="stop"), chunk(usage=USAGE), sse("[DONE]")
        )
    )
    async with connect(telemetry=recorded.telemetry(conventions=version)) as client:
        await read(client)
    metrics = recorded.metrics()
    assert metrics.keys() == table.keys() | counters
    for name, (unit, bounds) in table.items():
        metric = metrics[name]
        assert metric.unit == unit
        assert isinstance(metric.data, Histogram)
        for point in metric.data.data_points:
            assert list(point.explicit_bounds) == pytest.approx(bounds)
            attributes = dict(point.attributes or {})
            assert attributes.keys() - {"gen_ai.token.type"} == OF_METRICS
            assert attributes["gen_ai.response.model"] == "answering"
            assert point.count == (3 if name.endswith("per_output_chunk") else 1)
    prefix = "gen_ai.client." + ("inference" if version == "latest" else "operation")
    (first,) = recorded.points(f"{prefix}.time_to_first_chunk")
    (between,) = recorded.points(f"{prefix}.time_per_output_chunk")
    (whole,) = recorded.points(f"{prefix}.duration")
    assert first.sum == recorded.attributes["gen_ai.response.time_to_first_chunk"]
    assert 0 < first.sum <= first.sum + between.sum <= whole.sum


async def test_tokens(fault_server: FaultServer, connect: Connect, recorded: Recorded) -> None:
    """Counters have the tokens of all calls; only of a plain prompt is it known that all are of text."""
    fault_server.add(streamed(chunk("c", finish="stop", usage=USAGE), sse("[DONE]")))
    async with connect(telemetry=recorded.telemetry()) as client:
        await read(client)
        plain = await client.completions.create(model="m", prompt="p")
    assert plain.usage is not None
    prefix = "gen_ai.client.inference.usage"
    assert recorded.metrics()[f"{prefix}.input_tokens"].unit == "{token}"
    assert recorded.sums(f"{prefix}.input_tokens") == {
        "unknown": 12,
        "text": plain.usage.prompt_tokens,
    }
    assert recorded.sums(f"{prefix}.output_tokens")["unknown"] == 34
    assert recorded.sums(f"{prefix}.cache_read.input_tokens")["unknown"] == 5
    assert recorded.sums(f"{prefix}.cache_write.input_tokens")["unknown"] == 3
    assert recorded.sums(f"{prefix}.reasoning.output_tokens")["unknown"] == 7
    for name, sum_ in (("input", 12), ("output", 34)):
        points = recorded.points(f"gen_ai.client.inference.operation.{name}_tokens")
        assert sum_ in [point.sum for point in points]


async def test_tokens_by_the_old_names(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Version 1.41.1 has one histogram for both directions."""
    fault_server.add(streamed(chunk("c", finish="stop", usage=USAGE), sse("[DONE]")))
    async with connect(telemetry=recorded.telemetry(conventions="1.41.1")) as client:
        await read(client)
    tokens = {
        dict(point.attributes or {})["gen_ai.token.type"]: point.sum
        for point in recorded.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": 12, "output": 34}


async def test_no_metrics_of_streams_for_whole_responses(
    connect: Connect, recorded: Recorded
) -> None:
    """Times of chunks aren't measured where there are none; tokens are where the server reports them."""
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.completions.create(model="m", prompt="p")
        await client.images.generate(model="m", prompt="p", image_size="1024x1024")
    assert not {name for name in recorded.metrics() if "chunk" in name}
    assert len(recorded.points("gen_ai.client.inference.duration")) == 2
    assert len(recorded.points("gen_ai.client.inference.operation.input_tokens")) == 1


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
        (
            "/chat/completions",
            {"n": True, "seed": 2**63, "top_k": 2**64 - 1, "max_tokens": 1.5, "stop": [1]},
        ),
        ("/chat/completions", {"temperature": True, "reasoning_effort": 1}),
        ("/embeddings", {"input": 1, "dimensions": "x", "encoding_format": []}),
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
