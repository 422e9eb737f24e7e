"""What is odd on the wire reaches no exporter as it is: one that can't encode a value loses its whole batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from horay_async import BadRequestError, Horay, tool
from horay_async.testing import FaultServer, raw, respond, sse
from tests.tools.responses import saying

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio


def assert_sendable(value: Any) -> None:
    """Holds what OpenTelemetry's protocol can: UTF-8 and int64."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            assert_sendable(item)
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63


def assert_all_sendable(spans: list[ReadableSpan]) -> None:
    """Each span can be sent."""
    for span in spans:
        assert_sendable(span.name)
        assert_sendable(span.status.description)
        for attributes in (span.attributes, *(event.attributes for event in span.events)):
            for value in (attributes or {}).values():
                assert_sendable(value)


BODY = b'{"error": {"message": "bad \\ud800 \xff", "code": "\\udfff"}}'
ODD = (
    b"HTTP/1.1 400 Bad\xffRequest\r\nx-request-id: a\xff\xfe\r\nX-Api-Request-Id: \x80\r\n"
    b"Content-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)


@pytest.mark.parametrize("capture", [False, True])
async def test_odd_bytes(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, capture: bool
) -> None:
    """Bytes that are no UTF-8 in headers and bodies come as text that can be sent."""
    fault_server.always(raw(ODD))
    async with connect(telemetry=recorded.telemetry(capture_content=capture)) as client:
        with pytest.raises(BadRequestError):
            await client.completions.create(model="m", prompt="p")
        with pytest.raises(BadRequestError):
            await client.models.list()
    assert len(recorded.spans) == 2
    assert_all_sendable(recorded.spans)
    for event in recorded.events:
        for value in event.attributes.values():
            assert_sendable(value)


async def test_odd_numbers_and_content(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Numbers and nesting that JSON can hold and an attribute can't leave the rest of the span as it is."""
    deep = "[" * 600 + "]" * 600
    usage = {"prompt_tokens": 2**70, "completion_tokens": -1, "total_tokens": 1}
    arguments = '{"big": ' + "9" * 40 + ', "deep": ' + deep + "}"
    call = {"id": "1", "type": "function", "function": {"name": "t", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    fault_server.always(
        respond(json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode())
    )
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        await client.request(
            "POST",
            "/chat/completions",
            body={"model": "m", "messages": [message], "seed": 2**63, "max_tokens": 2**64 - 1},
        )
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    assert len(recorded.spans) == 2
    assert_all_sendable(recorded.spans)
    assert "gen_ai.request.seed" not in (recorded.spans[0].attributes or {})
    assert (recorded.spans[1].attributes or {})["gen_ai.response.finish_reasons"] == ("tool_calls",)


@pytest.mark.parametrize("count", [10**300, 10**15, -1])
@pytest.mark.parametrize("version", ["latest", "1.41.1"])
async def test_token_counts_that_cant_be_true(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, count: int, version: str
) -> None:
    """Are in the response as they were sent, and in no span, counter or histogram."""
    details = {"cached_tokens": count, "cache_write_tokens": count}
    usage = {
        "prompt_tokens": count,
        "completion_tokens": 7,
        "total_tokens": count,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": count},
    }
    choice = {"index": 0, "text": "x", "finish_reason": "stop"}
    fault_server.add(
        respond(json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode()),
        respond(
            json.dumps(
                {"data": [{"index": 0, "embedding": [0.1]}], "usage": {"prompt_tokens": count}}
            ).encode()
        ),
    )
    telemetry = recorded.telemetry(conventions=version)
    async with connect(telemetry=telemetry) as client:
        response = await client.completions.create(model="m", prompt="p")
        await client.embeddings.create(model="m", input="x")
    assert response.usage is not None
    assert response.usage.prompt_tokens == count
    told = [
        (name, value)
        for span in recorded.spans
        for name, value in (span.attributes or {}).items()
        if name.startswith("gen_ai.usage.")
    ]
    assert told == [("gen_ai.usage.output_tokens", 7)]
    counted = [
        getattr(point, "sum", getattr(point, "value", None))
        for name, metric in recorded.metrics().items()
        if "token" in name
        for point in metric.data.data_points
    ]
    assert counted
    assert set(counted) == {7}


async def test_names_that_a_model_makes_up(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Names, ids and arguments of calls are the model's, and can be sent as well."""

    @tool
    def known() -> str:
        """Known."""
        return "\ud800"

    odd = (
        rb'data: {"choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {"tool_calls": ['
        rb'{"index": 0, "id": "\ud800", "function": {"name": "\udfff", "arguments": "\ud800"}},'
        rb'{"index": 1, "id": "1", "function": {"name": "known", "arguments": "{}"}}]}}]}' + b"\n\n"
    )
    fault_server.add(
        respond([odd, sse("[DONE]")], content_type="text/event-stream", framing="chunked"),
        saying("?"),
    )
    async with connect(telemetry=recorded.telemetry(capture_content=True)) as client:
        await client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[known]
        ).final()
    assert len(recorded.spans) == 5
    assert_all_sendable(recorded.spans)


def test_secrets(fault_server: FaultServer, recorded: Recorded) -> None:
    """Neither the key nor a proxy's password is in a span or an event, whatever fails."""
    with Horay(
        "k3y-s3cret",
        base_url=fault_server.base_url,
        proxy="http://me:pr0xy-s3cret@127.0.0.1:9",
        max_retries=1,
        default_headers={"X-Extra": "h3ader-s3cret"},
        telemetry=recorded.telemetry(capture_content=True),
    ) as client:
        for _ in range(2):
            with pytest.raises(Exception, match="127"):
                client.completions.create(model="m", prompt="p")
        with pytest.raises(Exception, match="127"):
            client.models.list()
    assert len(recorded.spans) == 3
    told = "".join(span.to_json() for span in recorded.spans)
    told += "".join(str(event.attributes) for event in recorded.events)
    for secret in ("k3y-s3cret", "pr0xy-s3cret", "h3ader-s3cret"):
        assert secret not in told
