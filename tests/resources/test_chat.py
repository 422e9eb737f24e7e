"""Typed answers and messages over the wire: what is sent, what comes back, what is wrong where it doesn't."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from horay_async import (
    AsyncEventStream,
    AsyncHoray,
    AsyncStream,
    BatchRequest,
    MessageDict,
    ParsedCompletion,
    TypedChatEvent,
)
from horay_async._protocol.structured.schema import response_format
from horay_async.errors import (
    AnswerError,
    APIResponseError,
    ServiceOverloadedError,
    StreamTruncatedError,
)
from horay_async.models.chat import FunctionCall, ToolCall
from horay_async.models.events import AnswerParsed, ChoiceFinished, PartialObject, TextDelta
from horay_async.models.messages import (
    AssistantMessage,
    ImagePart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from horay_async.parsing import messages_to_dicts, parse_text
from horay_async.testing import FaultServer, chat, json_response, respond, sse, stream
from horay_async.tools.define import tool
from tests.readers import OTHER_APIS

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio

QUESTION: list[MessageDict] = [{"role": "user", "content": "Where?"}]


@attrs.define
class Point:
    """A place in the plane."""

    x: int
    y: float


@dataclasses.dataclass
class Route:
    """A way through the plane."""

    points: list[Point]


@tool
def move(to: Point) -> None:
    """Moves."""


async def test_parse(fault_server: FaultServer, connect: Connect) -> None:
    """The schema goes out, the instance comes back; all else is as in any response."""
    fault_server.add(chat('{"points": [{"x": 1, "y": 2.5}]}'))
    async with connect() as client:
        response = await client.chat.completions.parse(
            model="m", messages=QUESTION, response_format=Route, max_tokens=50
        )
    sent = fault_server.requests[0].json()
    assert sent["response_format"] == response_format(Route)
    assert sent["max_tokens"] == 50
    message = response.choices[0].message
    assert message.parsed == Route([Point(1, 2.5)])
    assert message.content == '{"points": [{"x": 1, "y": 2.5}]}'
    assert response.meta.status == 200
    assert response.to_dict()["object"] == "chat.completion"


async def test_parse_several_choices(fault_server: FaultServer, connect: Connect) -> None:
    """Each choice is parsed."""
    fault_server.add(chat('{"x": 1, "y": 0}', '{"x": 2, "y": 0}'))
    async with connect() as client:
        response = await client.chat.completions.parse(
            model="m", messages=QUESTION, response_format=Point, n=2
        )
    assert [choice.message.parsed for choice in response.choices] == [Point(1, 0), Point(2, 0)]


async def test_parse_mismatch(fault_server: FaultServer, connect: Connect) -> None:
    """The error has the path, the raw text, the response and what is known of the call."""
    text = '{"points": [{"x": 1, "y": 2.5}, {"x": 1, "y": "far"}]}'
    fault_server.add(chat(text, headers={"x-request-id": "r7"}))
    async with connect() as client:
        with pytest.raises(AnswerError) as caught:
            await client.chat.completions.parse(model="m", messages=QUESTION, response_format=Route)
    error = caught.value
    assert error.path == "$.points[1].y"
    assert str(error) == (
        "the response doesn't fit Route: $.points[1].y: expected a number, got 'far' (request id r7)"
    )
    assert error.text == text
    assert error.completion.choices[0].message.content == text
    assert len(error.attempts) == 1
    assert len(fault_server.requests) == 1  # it was paid for: asking again is the caller's choice


async def test_parse_tools(fault_server: FaultServer, connect: Connect) -> None:
    """The arguments of a tool of ours are parsed; no class is needed for the text."""
    calls = [{"id": "c", "function": {"name": "move", "arguments": '{"to": {"x": 1, "y": 2}}'}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    fault_server.add(json_response(body))
    async with connect() as client:
        response = await client.chat.completions.parse(model="m", messages=QUESTION, tools=[move])
        [call] = response.choices[0].message.tool_calls or []
        assert call.function.parsed_arguments.to == Point(1, 2)
        fault_server.add(chat("Well."))
        # The message goes into the next request as it is, without what was made of it here.
        await client.chat.completions.create(
            model="m", messages=[*QUESTION, response.choices[0].message]
        )
    assert fault_server.requests[1].json()["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{**calls[0], "type": "function"}],
    }
    assert "response_format" not in fault_server.requests[0].json()


@pytest.mark.parametrize("into", [int, {"type": "json_object"}, "Point"])
async def test_parse_misuse(connect: Connect, into: Any) -> None:
    """What has no fields can't be asked for."""
    async with connect() as client:
        with pytest.raises(TypeError, match="an attrs class, a dataclass or a pydantic model"):
            await client.chat.completions.parse(model="m", messages=QUESTION, response_format=into)


def points(client: AsyncHoray) -> AsyncEventStream[TypedChatEvent[Point], ParsedCompletion[Point]]:
    """A stream of a response that becomes a point."""
    return client.chat.completions.stream(model="m", messages=QUESTION, response_format=Point)


async def test_stream_of_a_good_and_a_bad_choice(
    fault_server: FaultServer, connect: Connect
) -> None:
    """All events of the good one are handed out before the error of the other one."""
    pieces = [(0, '{"x": ', "stop"), (0, '1, "y": 2}', None), (1, "no", "stop")]
    chunks = [
        {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]}
        for index, text, reason in pieces
    ]
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    fault_server.add(respond(text, content_type="text/event-stream"))
    got: list[Any] = []

    async def read(events: AsyncEventStream[Any, Any]) -> None:
        async for event in events:
            got.append(event)  # noqa: PERF401 - until the error

    async with connect() as client, points(client) as events:
        with pytest.raises(AnswerError, match="is no JSON"):
            await read(events)
    assert got[-1] == AnswerParsed(0, Point(1, 2))


async def test_stream(fault_server: FaultServer, connect: Connect) -> None:
    """The object is seen as it fills, then as an instance; `final` has it in the whole response."""
    fault_server.add(stream(['{"x"', ": 1,", ' "y": 2', "}"]))
    async with connect() as client, points(client) as events:
        seen: list[Any] = []
        async for event in events:
            if isinstance(event, PartialObject):
                seen.append(dict(event.value))
            elif not isinstance(event, TextDelta):
                seen.append(event)
        assert seen == [
            {},
            {"x": 1},
            {"x": 1, "y": 2},
            AnswerParsed(0, Point(1, 2)),
            ChoiceFinished(0, "stop"),
        ]
        assert events.snapshot.choices[0].message.parsed == Point(1, 2)
        final = await events.final()
    assert final.choices[0].message.parsed == Point(1, 2)
    assert fault_server.requests[0].json()["response_format"] == response_format(Point)


@pytest.mark.parametrize("iterate", [True, False])
async def test_stream_mismatch(fault_server: FaultServer, connect: Connect, iterate: bool) -> None:
    """Iterating and `final` both raise where the response doesn't fit."""
    fault_server.add(stream(['{"x": 1}']))
    async with connect() as client, points(client) as events:
        with pytest.raises(AnswerError, match=r"\$\.y: is missing"):
            _ = [event async for event in events] if iterate else await events.final()


async def test_stream_cut(fault_server: FaultServer, connect: Connect) -> None:
    """A stream that was cut is told as such, not as a mismatch."""
    fault_server.add(stream(['{"x": 1'], finish_reason=None, done=False))
    async with connect() as client, points(client) as events:
        with pytest.raises(StreamTruncatedError) as caught:
            await events.final()
    assert caught.value.partial.choices[0].message.content == '{"x": 1'


async def test_stream_with_a_plain_format(fault_server: FaultServer, connect: Connect) -> None:
    """A format in the API's form is sent as it is, and nothing is parsed."""
    fault_server.add(stream(["{}"]))
    async with (
        connect() as client,
        client.chat.completions.stream(
            model="m", messages=QUESTION, response_format={"type": "json_object"}
        ) as events,
    ):
        assert [type(event) async for event in events] == [TextDelta, ChoiceFinished]
    assert fault_server.requests[0].json()["response_format"] == {"type": "json_object"}


async def test_messages(fault_server: FaultServer, connect: Connect) -> None:
    """Classes and dicts go together, and are sent in the API's form, without what isn't set."""
    call = ToolCall(id="c1", function=FunctionCall(name="look", arguments="{}"))
    async with connect() as client:
        await client.chat.completions.create(
            model="m",
            messages=(
                SystemMessage("Be brief."),
                UserMessage([TextPart("What is this?"), ImagePart.of("https://x.example/a.png")]),
                {"role": "user", "content": [TextPart("And this?")]},
                AssistantMessage(tool_calls=[call]),
                ToolMessage("a cat", tool_call_id="c1"),
                {"role": "assistant", "tool_calls": [call]},
                UserMessage("Thanks.", name="Ada"),
            ),
        )
    wire_call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert fault_server.requests[0].json()["messages"] == [
        {"content": "Be brief.", "role": "system"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
            ],
        },
        {"role": "user", "content": [{"type": "text", "text": "And this?"}]},
        {"role": "assistant", "content": None, "tool_calls": [wire_call]},
        {"role": "tool", "content": "a cat", "tool_call_id": "c1"},
        {"role": "assistant", "tool_calls": [wire_call]},
        {"role": "user", "content": "Thanks.", "name": "Ada"},
    ]


@pytest.mark.usefixtures("no_collection")
async def test_messages_nested_too_deep(connect: Connect) -> None:
    """A message that holds itself is told as what it is."""
    message: Any = {"role": "user"}
    message["content"] = [message]
    async with connect() as client:
        with pytest.raises(
            TypeError, match="messages can't be sent as JSON: it is nested too deep"
        ):
            await client.chat.completions.create(model="m", messages=[message])


async def test_parse_text() -> None:
    """Text at hand is parsed by the same rules."""
    assert parse_text(Point, '```json\n{"x": 1, "y": 2}\n```') == Point(1, 2)
    with pytest.raises(AnswerError, match=r"doesn't fit Point: \$\.z: Point has no such field"):
        parse_text(Point, '{"x": 1, "y": 2, "z": 3}')
    swapped: Any = ("{}", Point)
    with pytest.raises(
        TypeError, match=r"text must be a string, not type: parse_text\(into, text\)"
    ):
        parse_text(*swapped)


@attrs.define
class Leaving:
    """Looks as if its task were cancelled."""

    def __attrs_post_init__(self) -> None:
        raise asyncio.CancelledError


async def test_classes_that_would_end_more_than_themselves(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The response doesn't fit, and all else goes on."""
    fault_server.always(chat("{}"))
    asked: dict[str, Any] = {"model": "m", "messages": QUESTION}
    async with connect() as client:
        completions = cast("Any", client).chat.completions
        with pytest.raises(AnswerError, match="it raised CancelledError") as caught:
            await completions.parse(**asked, response_format=Leaving)
        assert caught.value.completion.choices[0].message.content == "{}"
        requests: list[BatchRequest[Any]] = [
            BatchRequest.chat(**asked, response_format=Leaving) for _ in range(3)
        ]
        requests.append(BatchRequest.chat(**asked))
        results = [result async for result in client.batch.run(requests)]
    kinds = [type(result.error) for result in sorted(results, key=lambda each: each.index)]
    assert kinds == [AnswerError, AnswerError, AnswerError, type(None)]


@pytest.mark.parametrize("client_kind", ["async", "blocking"])
async def test_end_without_a_finish_reason(
    fault_server: FaultServer,
    connect: Connect,
    connect_blocking: ConnectBlocking,
    client_kind: str,
) -> None:
    """A stream that just ends with `[DONE]` ends its choices: who acts on events is told what is whole."""
    fault_server.add(stream(['{"x": 1, ', '"y": 2}'], finish_reason=None))
    asked: dict[str, Any] = {"model": "m", "messages": QUESTION, "response_format": Point}
    got: list[Any]
    final: Any
    if client_kind == "async":
        async with connect() as client:
            begun = cast("Any", client).chat.completions.stream(**asked)
            async with begun as events:
                got = [event async for event in events]
                final = await events.final()
    else:

        def read() -> tuple[list[Any], Any]:
            with connect_blocking() as client:
                begun = cast("Any", client).chat.completions.stream(**asked)
                with begun as events:
                    return list(events), events.final()

        got, final = await asyncio.to_thread(read)
    assert got[-2:] == [AnswerParsed(0, Point(1, 2.0)), ChoiceFinished(0, None)]
    assert final.choices[0].message.parsed == Point(1, 2.0)


async def test_messages_that_are_stored(fault_server: FaultServer, connect: Connect) -> None:
    """They are what the next request sends, JSON alone, with what has no name here; and can be sent again."""
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"signature": "S"},
    }
    message = {"role": "assistant", "content": None, "signature": "T", "tool_calls": [call]}
    fault_server.add(json_response({"choices": [{"index": 0, "message": message}]}))
    async with connect() as client:
        asked = UserMessage("?")
        response = await client.chat.completions.create(model="m", messages=[asked])
        told: list[Any] = [asked, response.choices[0].message, {"role": "user", "content": "!"}]
        stored = messages_to_dicts(told)
        assert json.loads(json.dumps(stored)) == stored
        send: Any = client.chat.completions.create
        for messages in (told, stored):
            await send(model="m", messages=messages)
    one, other = (request.json() for request in fault_server.requests[1:])
    assert one["messages"] == other["messages"] == stored
    assert stored[1] == message
    assert messages_to_dicts([]) == []
    dated: Any = {"role": "user", "content": "a", "at": date(2026, 1, 2)}
    assert messages_to_dicts([dated])[0]["at"] == "2026-01-02"
    cases: list[tuple[Any, str]] = [
        ("ab", r"messages\[0\] must be a message"),
        ([{"role": b""}], "holds bytes"),
    ]
    for wrong, told_of in cases:
        with pytest.raises(TypeError, match=told_of):
            messages_to_dicts(wrong)


@pytest.mark.parametrize("form", ["envelope", "beside", "list", "named error", "within", "around"])
@pytest.mark.parametrize("media", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_response_in_an_error(
    form: str, media: str, streamed: bool, fault_server: FaultServer, connect: Connect
) -> None:
    """It is paid: the error has it, and it isn't asked for again, though a stream was asked for."""
    whole = json.loads(chat("paid").data.partition(b"\r\n\r\n")[2])
    error = {"code": 503, "message": "busy"}
    sent: Any = {
        "envelope": {**error, "data": whole},
        "beside": {"error": error, "data": whole},
        "list": [{**whole, "error": error}],
        "named error": {**whole, **error, "object": "error"},
        "within": {"code": 20000, "message": "Ok", "data": {**error, "data": whole}},
        "around": [{**error, "data": [{"code": 0, "data": whole}]}],
    }[form]
    fault_server.add(respond(json.dumps(sent), content_type=media))
    async with connect(retries=2) as client:

        async def ask() -> None:
            asked: Any = client.chat.completions.create(
                model="m", messages=QUESTION, stream=streamed
            )
            if isinstance(found := await asked, AsyncStream):
                await anext(cast("AsyncStream[Any]", found))

        with pytest.raises(ServiceOverloadedError, match="busy") as caught:
            await ask()
    assert caught.value.execution == "executed"
    assert caught.value.partial.choices[0].message.content == "paid"
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize(("sent", "names"), OTHER_APIS.values(), ids=list(OTHER_APIS))
async def test_response_of_another_api(
    fault_server: FaultServer, connect: Connect, sent: dict[str, Any], names: str
) -> None:
    """Whatever asked for it, one that a gateway hands through is an error that tells what it holds, and has it."""

    async def read(asked: Any) -> None:
        async for _ in await asked:
            pass

    failures: list[APIResponseError] = []
    async with connect(retries=1) as client:
        completions = client.chat.completions
        asked: Any = {"model": "m", "messages": QUESTION}
        fault_server.add(*[json_response(sent)] * 3)
        calls: list[Any] = [
            completions.create(**asked),
            completions.parse(**asked, response_format=Point),
            read(completions.create(**asked, stream=True)),
        ]
        for call in calls:
            with pytest.raises(APIResponseError) as caught:
                await call
            failures.append(caught.value)
        body = [sse(sent), sse("[DONE]")]
        fault_server.add(respond(body, content_type="text/event-stream"))
        with pytest.raises(APIResponseError, match=names) as caught:
            await read(completions.create(**asked, stream=True))
        failures.append(caught.value)
        fault_server.add(json_response(sent))
        results = [result async for result in client.batch.run([BatchRequest.chat(**asked)])]
        error = results[0].error
        assert isinstance(error, APIResponseError)
        failures.append(error)
    assert len(fault_server.requests) == len(failures)
    for failure in failures:
        assert failure.execution == "executed"
        assert "Hello" in str(failure.partial.to_dict())
        if "isn't an event stream" not in failure.message:
            assert failure.message.endswith(f", but {names}")
