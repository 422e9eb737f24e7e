"""What other servers of the family send: the right text and the right calls, or an error."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async._protocol.wire.decode import InvalidBody, decoder, drift_of
from horay_async._protocol.wire.dialects import normalize
from horay_async._protocol.wire.request import to_jsonable
from horay_async.errors import APIResponseError
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from horay_async.models.embeddings import EmbeddingResponse
from tests.readers import reader_of

from .test_decode import many

Vector = dict[str, Any]

PATH = Path(__file__).parents[2] / "vectors" / "dialects.toml"
VECTORS: list[Vector] = tomllib.loads(PATH.read_text(encoding="utf-8"))["vector"]
STREAMED = [vector for vector in VECTORS if "events" in vector]
WHOLE = [vector for vector in VECTORS if "body" in vector]


def named(vector: Vector) -> str:
    """A vector's name among the tests."""
    return str(vector["name"])


def reader(vector: Vector) -> ChunkReader[Any, Any]:
    """A reader of a vector's stream."""
    into = CompletionChunk if vector.get("path") == "completions" else ChatCompletionChunk
    return reader_of(into, max_event_bytes=100_000)


def check(vector: Vector, response: Any) -> None:
    """Holds a response against what a vector wants."""
    choices: list[Any] = response.choices
    (choice,) = choices
    if vector.get("path") == "completions":
        assert choice.text == vector.get("text", "")
    else:
        message = choice.message
        made: list[Any] = message.tool_calls or []
        calls = [[call.id, call.function.name, call.function.arguments] for call in made]
        assert (message.content or "") == vector.get("text", "")
        assert (message.reasoning_content or "") == vector.get("reasoning", "")
        assert (message.refusal or "") == vector.get("refusal", "")
        assert calls == vector.get("calls", [])
    if "finish" in vector:
        assert choice.finish_reason == vector["finish"]
    if "tokens" in vector:
        assert response.usage.total_tokens == int(vector["tokens"])


def test_enough() -> None:
    """There are as many shapes as were ever collected, each with its source."""
    assert len(STREAMED) >= 46
    assert all(vector["source"].startswith("https://") for vector in VECTORS)
    names = [(vector["name"], "body" in vector) for vector in VECTORS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("in_one", [False, True], ids=["piecewise", "in one"])
@pytest.mark.parametrize("vector", STREAMED, ids=named)
def test_streamed(vector: Vector, in_one: bool) -> None:
    """A stream gives the right text and the right calls, or an error."""
    sent = [f"data: {event}\n\n".encode() for event in vector["events"].split("\n") if event]
    source = reader(vector)
    for piece in [b"".join(sent)] if in_one else sent:
        source.feed(piece)
    source.end("the response ended without its last event", keep_truncated=False)
    if "error" in vector:
        failure = source.take_failure()
        assert isinstance(failure, APIResponseError)
        assert vector["error"] in str(failure)
        return
    assert source.take_failure() is None
    check(vector, source.merged.result())


@pytest.mark.parametrize("vector", [v for v in STREAMED if "error" not in v], ids=named)
def test_streamed_as_events(vector: Vector) -> None:
    """The chunks that are handed out mean the same when they are merged anew, and their events add up."""
    sent = [f"data: {event}\n\n".encode() for event in vector["events"].split("\n") if event]
    source = reader(vector)
    again: Any = type(source.merged)(1)
    events: list[Any] = []
    for piece in sent:
        for chunk in source.feed(piece):
            again.add(chunk, events)
    check(vector, again.result())
    told: dict[str, list[Any]] = {}
    for event in events:
        told.setdefault(event.type, []).append(event)
    assert "".join(e.text for e in told.get("text", [])) == vector.get("text", "")
    assert "".join(e.text for e in told.get("reasoning", [])) == vector.get("reasoning", "")
    calls = vector.get("calls", [])
    done = [e.tool_call for e in told.get("tool_call_done", [])]
    assert [[c.id, c.function.name, c.function.arguments] for c in done] == calls
    arguments: dict[int, str] = {e.tool_index: "" for e in told.get("tool_call_started", [])}
    for event in told.get("tool_call_arguments", []):
        arguments[event.tool_index] += event.arguments
    assert [arguments[number] for number in sorted(arguments)] == [call[2] for call in calls]


@pytest.mark.parametrize("vector", WHOLE, ids=named)
def test_whole(vector: Vector) -> None:
    """A response that isn't streamed gives the same."""
    text = vector.get("path") == "completions"
    made: Any = decoder(Completion) if text else decoder(ChatCompletion)
    body = vector["body"].strip().encode()
    if "error" in vector:
        with pytest.raises(InvalidBody) as caught:
            made.decode(body)
        assert vector["error"] in str(caught.value)
        return
    response = made.decode(body)
    check(vector, response)
    assert response.to_dict() == json.loads(body)


def test_parts_of_unknown_types() -> None:
    """They belong where their text says: a refusal isn't content, whatever its part is called."""
    parts = [
        {"thinking": "Hm."},
        {"type": "refused", "refusal": "No."},
        {"type": "output_text", "text": "But"},
        {"type": "x"},
        ".",
    ]
    test_whole(
        {
            "body": json.dumps({"choices": [{"index": 0, "message": {"content": parts}}]}),
            "text": "But.",
            "reasoning": "Hm.",
            "refusal": "No.",
        }
    )


def test_parts_beside_the_reasoning() -> None:
    """What a server says twice is taken once."""
    parts = [{"type": "thinking", "thinking": "Hm, hm."}, {"type": "text", "text": "Rome"}]
    message = {"content": parts, "reasoning_content": "Hm."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    made = whole.choices[0].message
    assert (made.content, made.reasoning_content) == ("Rome", "Hm.")


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
# As Mistral sends it: https://github.com/vercel/ai/pull/4747
REFERENCE = {"type": "reference", "reference_ids": [7]}


@pytest.mark.parametrize(
    ("parts", "text", "others"),
    [
        ([PICTURE], None, [PICTURE]),
        ([{"type": "text", "text": "Rome"}, REFERENCE], "Rome", [REFERENCE]),
        (REFERENCE, None, [REFERENCE]),
        ([{"type": "text", "text": {"value": "Rome"}}, {"type": "text", "text": ""}], "Rome", []),
        ([{"type": "text"}, 7, None], None, []),
    ],
)
def test_parts_without_a_text(parts: Any, text: str | None, others: list[Any]) -> None:
    """Pictures and references are kept, merged from chunks, and sent back where they were."""
    choice = {"index": 0, "message": {"content": parts}, "finish_reason": "stop"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    source = reader_of()
    for delta in ({"content": parts}, {"content": parts}, {}):
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    assert source.take_failure() is None
    for made, times in ((whole, 1), (source.merged.result(), 2)):
        message = made.choices[0].message
        assert (message.content or None) == (text and text * times)
        sent = to_jsonable(message)
        if others:
            start = [{"type": "text", "text": message.content}] if text else []
            assert sent["content"] == [*start, *others * times]
            assert "content_parts" not in sent
        else:
            assert sent["content"] == message.content


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


@pytest.mark.parametrize(
    "calls",
    [
        {"0": CALL, "1": {**CALL, "id": "b"}},
        [[CALL, {**CALL, "id": "b"}]],
        json.dumps([CALL, {**CALL, "id": "b"}]),
        [CALL, {"id": "b", "name": "f", "parameters": {"x": 1}}],
        [CALL, {"id": "b", "type": "function", "function": {"name": "f", "args": {"x": 1}}}],
    ],
)
def test_calls_in_other_forms(calls: Any) -> None:
    """By their numbers, in a list of their own, as text, with their arguments under another name."""
    message = {"content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    source = reader_of()
    choice = {"index": 0, "delta": message, "finish_reason": "tool_calls"}
    source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    for made in (whole, source.merged.result()):
        found = made.choices[0].message.tool_calls or []
        arguments = [(call.id, call.function.arguments) for call in found]
        assert arguments == [("a", '{"x":1}'), ("b", '{"x":1}')]


@pytest.mark.parametrize("first", [{}, None, ""])
def test_empty_arguments_of_a_first_piece(first: Any) -> None:
    """As of a bridge from Anthropic's API: more is to come."""
    source = reader_of()
    for arguments in (first, '{"x"', ":1}"):
        function = {"name": "f" if arguments is first else None, "arguments": arguments}
        call = {"index": 0, "id": "a", "function": function}
        choice = {"index": 0, "delta": {"tool_calls": [call]}}
        source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    calls: list[Any] = source.merged.result().choices[0].message.tool_calls or []
    assert [made.function.arguments for made in calls] == ['{"x":1}']


@pytest.mark.parametrize("empty", [{}, {"name": None, "arguments": ""}])
def test_function_call_of_nothing(empty: Any) -> None:
    """It is no call."""
    message = {"content": "Hi", "function_call": empty}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    assert whole.choices[0].message.tool_calls is None


@pytest.mark.parametrize("calls", ["call f", {"a": 1}, {"f": []}])
def test_calls_that_cannot_be_read(calls: Any) -> None:
    """A response that holds nothing else is refused, and says why."""
    choice = {"index": 0, "message": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    with pytest.raises(InvalidBody, match="holds nothing that is known, but 'tool_calls'"):
        decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())


@pytest.mark.parametrize("content", [{"city": "Rome"}, [{"city": "Rome"}]])
def test_streamed_content_that_is_data(content: Any) -> None:
    """It may be any part of what a gateway has parsed: a stream that holds nothing else is refused, and not an empty text."""
    source = reader_of(ChatCompletionChunk)
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}}
    source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    end: Any = {"index": 0, "delta": {}, "finish_reason": "stop"}
    source.feed(f"data: {json.dumps({'choices': [end]})}\n\ndata: [DONE]\n\n".encode())
    failure = source.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "holds nothing that is known, but 'content'" in failure.message


def test_text_completion_that_ends_with_a_whole_message() -> None:
    """It is told from one more piece by beginning with all of them."""
    source = reader_of(CompletionChunk)
    for text in ("a", "b"):
        source.feed(f"data: {json.dumps({'choices': [{'index': 0, 'text': text}]})}\n\n".encode())
    choice = {"index": 0, "message": {"content": "abc"}, "finish_reason": "stop"}
    source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    assert source.merged.result().choices[0].text == "abc"


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"text": "x", "finish_reason": "null"}, None),
        ({"text": "x", "finish_reason": "null", "finishReason": "stop"}, "stop"),
    ],
    ids=["nowhere else", "elsewhere"],
)
def test_finish_reason_null_where_the_text_is_elsewhere(
    choice: dict[str, Any], reason: str | None
) -> None:
    """The word "null" is no finish reason, whatever else the choice must be normalized for."""
    sent = {"id": "c", "created": 1, "model": "m", "choices": [{"index": 0, **choice}]}
    response = decoder(ChatCompletionChunk).decode(json.dumps(sent).encode())
    assert (response.choices[0].delta.content, response.choices[0].finish_reason) == ("x", reason)


@pytest.mark.parametrize(
    ("into", "choice"),
    [
        (Completion, {"text": "x"}),
        (CompletionChunk, {"text": "x"}),
        (ChatCompletion, {"message": {"role": "assistant", "content": "x"}}),
        (ChatCompletionChunk, {"delta": {"content": "x"}}),
    ],
)
def test_finish_reason_null_in_what_is_as_described(
    into: type[Response], choice: dict[str, Any]
) -> None:
    """The word "null" is no finish reason in a response, nor in a chunk; `to_dict` has it as it was sent."""
    choices = [{"index": 0, "finish_reason": "null", **choice}]
    sent = {"id": "c", "object": "o", "created": 1, "model": "m", "choices": choices}
    data = json.dumps(sent).encode()
    made: Any = decoder(into)
    for response in (made.decode(data), *many(made, [data, data])):
        assert response.choices[0].finish_reason is None
        assert response.to_dict() == sent
        assert not drift_of(response)


NUMBERS = '{"amount":1.10,"exact":0.1234567890123456789012345,"huge":1e400,"long":12345678901234567890123,"few":3}'


FORMS = ["call", "list", "envelope", "legacy", "parameters", "beside others"]


@pytest.mark.parametrize(
    ("place", "form"),
    [("message", "bare"), *((place, form) for place in ("message", "delta") for form in FORMS)],
)
def test_digits_of_arguments_that_are_no_text(place: str, form: str) -> None:
    """They are as they were sent, whatever a float holds of them."""
    name = "parameters" if form == "parameters" else "arguments"
    function = f'{{"name": "f", "{name}": {NUMBERS}}}'
    calls = f'"tool_calls": [{{"id": "a", "type": "function", "function": {function}}}]'
    if form == "call":
        calls = f'"tool_calls": {{"id": "a", "type": "function", "function": {function}}}'
    if form == "legacy":
        calls = f'"function_call": {function}'
    if form == "beside others":
        others = '{"id": "z", "function": {"name": "g"}}, {"id": "y", "function": {"name": "h", "arguments": "{\\"x\\": 1.10}"}}'
        calls = calls[:-1] + f", {others}]"
    choices = f'[{{"index": 0, "{place}": {{"role": "assistant", {calls}}}, "finish_reason": null, "score": 0.5}}]'
    body = f'{{"id": "c", "choices": {choices}}}'
    if form == "envelope":
        body = f'{{"code": 20000, "status": true, "data": {body}}}'
    if form == "bare":
        body = choices
    into: Any = ChatCompletion if place == "message" else ChatCompletionChunk
    made: Any = decoder(into).decode(body.encode())
    found = getattr(made.choices[0], place).tool_calls
    assert found[0].function.arguments == NUMBERS
    assert all(call.function.arguments != NUMBERS for call in found[1:])


def test_digits_of_content_that_is_no_text() -> None:
    """As of arguments: a gateway has parsed JSON mode's text. A text beside it stays as it is."""
    messages = f'{{"content": {NUMBERS}}}', '{"content": "1.10 {}"}'
    choices = ", ".join(f'{{"message": {message}}}' for message in messages)
    made = decoder(ChatCompletion).decode(f'{{"choices": [{choices}]}}'.encode())
    assert [choice.message.content for choice in made.choices] == [NUMBERS, "1.10 {}"]


@pytest.mark.parametrize("text", ["\ufdd0", "\\ufdd0", "\\uFDD0"])
def test_marks_in_texts(text: str) -> None:
    """A text with the mark of numbers keeps it."""
    call = f'{{"id": "a", "function": {{"name": "f", "arguments": {{"x": 1.10, "y": "{text}2"}}}}}}'
    body = f'{{"choices": [{{"message": {{"tool_calls": [{call}]}}}}]}}'
    made = decoder(ChatCompletion).decode(body.encode())
    (found,) = made.choices[0].message.tool_calls or []
    assert json.loads(found.function.arguments) == {"x": 1.1, "y": "\ufdd02"}


@pytest.mark.parametrize(
    ("message", "others"),
    [
        ('"function_call": {"arguments": 0.0}', None),
        ('"tool_calls": 0.0', None),
        ('"tool_calls": [{"function": {"name": "g", "arguments": 0.0}}]', "0.0"),
    ],
)
def test_numbers_in_the_place_of_calls(message: str, others: str | None) -> None:
    """A call of nothing but zeros is none, and takes no other choice's arguments; digits show no marks."""
    call = '{"id": "a", "function": {"name": "f", "arguments": {"x": 1.5}}}'
    choices = (
        f'[{{"message": {{"content": "a", {message}}}}}, {{"message": {{"tool_calls": [{call}]}}}}]'
    )
    made = decoder(ChatCompletion).decode(f'{{"choices": {choices}}}'.encode())
    first, second = (choice.message.tool_calls or [] for choice in made.choices)
    assert made.choices[0].message.content == "a"
    assert [call.function.arguments for call in first] == ([others] if others else [])
    assert [call.function.arguments for call in second] == ['{"x":1.5}']


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audio", {"id": "a1", "data": "AAA="}),
        ("context", {"citations": [{"content": "Rome is ...", "url": "a.txt"}]}),
        ("images", [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]),
    ],
)
def test_content_that_is_no_text(name: str, value: Any) -> None:
    """A message with sound or pictures in it is taken, whatever unknown fields are beside it, whole or in a stream."""
    message = {"role": "assistant", "content": None, name: value, "quality": "hi"}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    whole = decoder(ChatCompletion).decode(json.dumps(body).encode())
    assert whole.to_dict()["choices"][0]["message"][name] == value
    source = reader_of(ChatCompletionChunk, max_event_bytes=100_000)
    chunk = {"index": 0, "delta": message, "finish_reason": "stop"}
    source.feed(
        b"data: %b\n\ndata: [DONE]\n\n" % json.dumps({"id": "c", "choices": [chunk]}).encode()
    )
    source.end("the response ended without its last event", keep_truncated=False)
    assert source.take_failure() is None
    assert source.result().to_dict()["choices"][0]["message"][name] == value


@pytest.mark.parametrize("more", [{}, {"message": None}])
def test_choice_taken_back_by_a_filter(more: Any) -> None:
    """It may have no message; with any other end that is no response."""
    choice = {"index": 0, "finish_reason": "content_filter", **more}
    made = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    assert made.choices[0].finish_reason == "content_filter"
    choice["finish_reason"] = "stop"
    with pytest.raises(InvalidBody, match="but no message"):
        decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())


@pytest.mark.parametrize(
    ("counts", "tokens"),
    [
        ({"input_tokens": 5}, 5),
        ({"prompt_tokens": 5}, 5),
        ({"input_tokens": 5, "total_tokens": 6}, 6),
    ],
)
def test_usage_of_embeddings(counts: dict[str, int], tokens: int) -> None:
    """Nothing is generated, so the prompt's tokens are all there are where no total is told."""
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    body = json.dumps({"data": [vector], "model": "m", "usage": counts}).encode()
    usage = decoder(EmbeddingResponse).decode(body).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.total_tokens) == (5, tokens)


def test_details_of_usage_named_as_in_another_api() -> None:
    """They are put where the API describes them, and what stands there already stays."""
    counts = {"input_tokens": 1, "completion_tokens": 2, "output_tokens": 9}
    sent: dict[str, Any] = {
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {**counts, "output_tokens_details": {"reasoning_tokens": 1}},
    }
    assert normalize(sent, ChatCompletion)
    assert sent["usage"]["prompt_tokens"] == 1
    assert sent["usage"]["completion_tokens"] == 2
    assert sent["usage"]["total_tokens"] == 3
    assert sent["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}
    assert not normalize(sent, ChatCompletion)
    partial: dict[str, Any] = {"choices": sent["choices"], "usage": {"prompt_tokens": 1}}
    assert not normalize(partial, ChatCompletion)
