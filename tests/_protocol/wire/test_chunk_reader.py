"""The bytes of a stream, its chunks, and the verdict on how it ended."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from horay_async import errors
from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async.errors import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    StreamError,
    StreamTruncatedError,
)
from horay_async.models._dump import dump
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from tests.readers import KEY, OTHER_APIS, made_meta, reader_of

CUT = "the response ended without its last event"

Reader = ChunkReader[CompletionChunk, Completion]


def text_reader(choices: int = 1, limit: int = 10_000) -> Reader:
    """A reader of a completion's stream."""
    return reader_of(CompletionChunk, choices, label="POST /completions", max_event_bytes=limit)


def event(value: Any, name: str = "") -> bytes:
    """`value` as an event."""
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {data}\n\n".encode()


def piece(text: str = "", finish: str | None = None, index: int = 0, **fields: Any) -> bytes:
    """A chunk of one choice."""
    choice = {"index": index, "text": text, "finish_reason": finish}
    return event({"id": "c", "choices": [choice], **fields})


DONE = event("[DONE]")


def texts(chunks: list[CompletionChunk]) -> str:
    """The chunks' text."""
    return "".join(chunk.text for chunk in chunks)


def merged(reader: Reader) -> str:
    """The merged response's text."""
    return "".join(choice.text for choice in reader.merged.result().choices)


def is_done(reader: Reader) -> bool:
    """Whether the reader has seen the end; a function, since type checkers take an attribute for a fact."""
    return reader.done


def ended(
    reader: Reader, *, keep: bool = False, cause: errors.APIError | None = None
) -> list[CompletionChunk]:
    """The chunks that a stream's end gives."""
    return reader.end(CUT, keep_truncated=keep, cause=cause)


def test_a_stream() -> None:
    """Chunks come as they complete, share the response's meta, and the end is told."""
    reader = text_reader()
    first = reader.feed(piece("Ber") + piece("lin")[:20])
    assert texts(first) == "Ber"
    assert not is_done(reader)
    rest = reader.feed(piece("lin")[20:] + piece(finish="stop") + DONE)
    assert texts(rest) == "lin"
    assert is_done(reader)
    assert reader.take_failure() is None
    assert first[0].meta is rest[0].meta
    assert rest[0].to_dict()["choices"][0]["text"] == "lin"
    assert ended(reader) == []
    assert merged(reader) == "Berlin"


def test_content_is_told() -> None:
    """After each feed it is known whether anything generated was in it."""
    reader = text_reader()
    told: list[bool] = [reader.has_content]
    for wire in (piece("a"), piece("", finish="stop"), piece("b") + piece("")):
        reader.feed(wire)
        told.append(reader.has_content)
    assert told == [False, True, False, True]


def test_partial_on_the_way() -> None:
    """What has come can be had at any time, with how it came about; nothing is None."""
    assert text_reader().partial() is None
    reader = text_reader()
    reader.feed(piece("Ber"))
    partial = reader.partial()
    assert partial is not None
    assert partial.choices[0].text == "Ber"
    assert partial.meta.request_id == "req-1"


def test_nothing_after_done_counts() -> None:
    """What comes behind `[DONE]` is passed over."""
    reader = text_reader()
    assert texts(reader.feed(piece("a") + DONE + piece("b") + event({"error": "No."}))) == "a"
    assert reader.take_failure() is None


@pytest.mark.parametrize(
    "done",
    [
        "data: [DONE] ",
        'data: "[DONE]"',
        "data:[DONE]",
        "data:  [DONE]\t",
        "event: done\ndata: [DONE]",
    ],
)
def test_done_with_spaces(done: str) -> None:
    """`[DONE]` is known with spaces around it, and by whatever name."""
    for before in (piece("a"), piece("a") + piece("b")):
        reader = text_reader()
        reader.feed(before + f"{done}\n\n".encode() + piece("c"))
        assert is_done(reader)
        assert reader.take_failure() is None
        assert "c" not in merged(reader)


@pytest.mark.parametrize(
    "empty",
    [b"data:\n\n", b"data: \n\n", b"data:   \n\n", b": ping\n\n", b"\n\n", b"data\ndata\n\n"],
)
def test_empty_events_are_passed_over(empty: bytes) -> None:
    """Events without data keep the connection alive, and are neither chunks nor progress."""
    reader = text_reader()
    assert reader.feed(empty) == []
    assert texts(reader.feed(empty + piece("a") + empty + piece("b") + empty)) == "ab"
    reader.has_content = False
    assert reader.feed(empty + empty) == []
    assert not reader.has_content
    assert not is_done(reader)


@pytest.mark.parametrize("before", [b"", event({}), event({"response": ""})])
def test_text_in_place_of_choices(before: bytes) -> None:
    """A stream that is finished and has but texts of unknown fields raises: it isn't an empty response."""
    reader = text_reader()
    reader.feed(before + event({"response": "Hello"}) + DONE)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "nothing that is known, but 'response'" in str(failure)
    reader = text_reader()
    reader.feed(before + event({"x_state": "queued"}) + piece(finish="stop") + DONE)
    assert reader.take_failure() is None
    reader = text_reader()
    reader.feed(event({"id": "c", "x": 1, "usage": {"total_tokens": 1}}) + DONE)
    assert reader.take_failure() is None


@pytest.mark.parametrize(("sent", "names"), OTHER_APIS.values(), ids=list(OTHER_APIS))
def test_response_of_another_api(sent: dict[str, Any], names: str) -> None:
    """One that a gateway hands through as the only event is told by what it holds, and is in the error."""
    reader = text_reader()
    reader.feed(event(sent) + DONE)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert failure.message.endswith(f"holds nothing that is known, but {names}")
    assert failure.execution == "executed"
    assert "Hello" in str(failure.partial.to_dict())


@pytest.mark.parametrize(
    "only",
    [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"choices": [], "usage": {"total_tokens": 1}},
        {"id": "c", "usage": {"total_tokens": 1}},
    ],
)
def test_chunks_without_choices(only: dict[str, Any]) -> None:
    """An empty list of choices is no other API's, whatever stands beside it; nor are tokens alone."""
    reader = text_reader()
    reader.feed(event(only) + DONE)
    assert reader.take_failure() is None


def test_bare_objects_pass() -> None:
    """An object that says nothing is handed on: what it holds can be known to the caller."""
    reader = text_reader()
    chunks = reader.feed(event({"x_state": "queued"}))
    assert chunks[0].to_dict() == {"x_state": "queued"}
    assert not reader.has_content


@pytest.mark.parametrize("name", ["ping", "status", "größe"])
@pytest.mark.parametrize("data", ["hello", "{}", '{"type": "ping"}', "[1]", "12"])
def test_events_of_other_kinds(name: str, data: str) -> None:
    """A named event that is no chunk is of some other kind, and passed over."""
    reader = text_reader()
    assert texts(reader.feed(piece("a") + event(data, name) + piece("b"))) == "ab"
    assert len(reader.feed(event(data, name))) == 0
    assert reader.take_failure() is None


def test_chunks_under_a_name() -> None:
    """A named event that holds a chunk is one."""
    reader = text_reader()
    named = b"event: completion\n" + piece("a")
    assert texts(reader.feed(named + named)) == "aa"
    usage = event({"choices": [], "usage": {"total_tokens": 1}}, "usage")
    assert reader.feed(usage)[0].usage is not None


BROKEN = [
    piece("NOT ")[6:-6],
    piece("NOT ")[6:-2] + b"}",
    piece("N\xd6T", seen=float("nan"))[6:-2].replace(b"NaN", b"nan"),
    b'{"choices": [' + b"[" * 5_000,
    b'{"choices": [' + b"{}," * 30_000 + b"{}]}",
]
"""Data of chunks that aren't JSON, or are too much of it."""


@pytest.mark.parametrize("first", [b"", piece("Do ")], ids=["first", "behind one"])
@pytest.mark.parametrize("broken", BROKEN, ids=lambda data: data[:40])
def test_broken_chunks_under_a_name(broken: bytes, first: bytes) -> None:
    """They fail the stream, as those without a name do: passed over, they would leave a hole in the text."""
    ways: list[str | None] = []
    for name in (b"", b"event: chunk\n", b"event: completion\n"):
        reader = reader_of(CompletionChunk, 1, max_event_bytes=100_000, max_objects=10_000)
        before = texts(reader.feed(name + first)) if first else ""
        assert reader.feed(name + b"data: " + broken + b"\n\n" + name + piece("press.")) == []
        failure = reader.take_failure()
        assert isinstance(failure, APIResponseError)
        assert failure.partial is None if not first else failure.partial.choices[0].text == "Do "
        ways.append(before + str(failure))
    assert len(set(ways)) == 1


@pytest.mark.parametrize("data", ["hello", "[1]", "12", '"Once"', "\\", '"choices": []}'])
def test_what_is_no_object_under_a_name_of_chunks(data: str) -> None:
    """Fails the stream from the first chunk of that name on, as without a name; a name of its own is passed over."""
    reader = text_reader()
    assert texts(reader.feed(event(data, "chunk") + b"event: chunk\n" + piece("a"))) == "a"
    assert reader.feed(event(data, "status")) == []
    assert reader.take_failure() is None
    assert reader.feed(event(data, "chunk")) == []
    assert isinstance(reader.take_failure(), APIResponseError)


@pytest.mark.parametrize("name", ["ping", "keep-alive", "heartbeat", "keepalive"])
@pytest.mark.parametrize("data", ["ok", "{", '{"time": 12:30}', '{"id": "p", "created": 1}'])
def test_signs_of_life_may_hold_anything(name: str, data: str) -> None:
    """Names of which every client knows that they are no chunks."""
    reader = text_reader()
    for _ in range(2):
        reader.feed(event(data, name) + b"event: chunk\n" + piece("a"))
    assert reader.take_failure() is None
    assert merged(reader) == "aa"


def test_bare_objects_under_a_name_of_chunks() -> None:
    """Are handed on as those without a name are; under a name of their own they are of another kind."""
    reader = text_reader()
    state = {"x_state": "queued"}
    assert reader.feed(event(state, "chunk")) == []
    reader.feed(b"event: chunk\n" + piece("a"))
    assert reader.feed(event(state, "chunk"))[0].to_dict() == state
    assert reader.feed(event(state, "status")) == []
    assert reader.feed(event({"code": 20000, "data": 5}, "status")) == []
    assert reader.take_failure() is None


# Errors in the stream.

ERRORS = [
    (event({"error": {"message": "No.", "type": "odd"}}), StreamError),
    (event({"error": "No."}), StreamError),
    (event({"error": {"message": "No."}, "choices": []}), StreamError),
    (event({"error": {"message": "No."}, "choices": [{"text": ""}]}), StreamError),
    (event({"error": {"message": "No.", "code": 429}}), errors.RateLimitError),
    (event({"error": {"message": "No.", "type": "overloaded_error"}}), errors.ServiceOverloadedError),
    (event({"message": "No."}, "error"), StreamError),
    (event("No.", "error"), StreamError),
    (event({"error": {"message": "No."}}, "error"), StreamError),
    (event({"error": {"message": "No.", "code": "rate_limit_exceeded"}}, "error"), errors.RateLimitError),
    (event({"code": 50505, "message": "No.", "data": None}), errors.ServiceOverloadedError),
    (event({"code": 20012, "message": "No."}), errors.BadRequestError),
    (event({"status": False, "message": "No."}), StreamError),
    (event({"message": "No."}), StreamError),
    (event({"detail": "No."}), StreamError),
    (event({"success": False, "errors": [{"message": "No.", "code": 5}], "result": None}), StreamError),
    (event({"success": False, "errors": "No."}), StreamError),
    (event({"errors": ["No."]}), StreamError),
    (event({"id": "c", "choices": [], "x_groq": {"id": "r", "error": "No."}}), StreamError),
    (event({"choices": [{"text": ""}], "x_groq": {"error": {"message": "No."}}}), StreamError),
    (event({"choices": [{"text": "", "finish_reason": "error", "error": {"code": 502, "message": "No."}}]}), errors.InternalServerError),
    (event({"choices": [{"text": "", "finish_reason": "error"}]}), StreamError),
    (event([{"error": {"code": 503, "message": "No.", "status": "UNAVAILABLE"}}]), errors.ServiceOverloadedError),
    (event({"id": "c", "choices": None, "base_resp": {"status_code": 1008, "status_msg": "No."}}), StreamError),
    (event({"object": "error", "message": "No.", "type": "InternalServerError", "code": None}), errors.InternalServerError),
]  # fmt: skip


@pytest.mark.parametrize(("data", "cls"), ERRORS, ids=str)
def test_errors_first(data: bytes, cls: type[APIStatusError | StreamError]) -> None:
    """An error event before any chunk says nothing of the execution, so that it can be tried again."""
    reader = text_reader()
    assert reader.feed(data + piece("late")) == []
    assert is_done(reader)
    failure = reader.take_failure()
    assert isinstance(failure, cls)
    assert type(failure) is cls
    said = (
        "a choice ended with finish_reason 'error'"
        if b'"finish_reason": "error"}' in data
        else "No."
    )
    assert failure.message.endswith(f"in the stream of POST /completions: {said}")
    assert failure.execution == "unknown"
    assert failure.request_id == "req-1"
    if isinstance(failure, StreamError):
        assert failure.partial is None


@pytest.mark.parametrize("form", ["object", "data", "envelope", "list", "named error"])
def test_error_beside_a_text(form: str) -> None:
    """The text is delivered first, and paid."""
    chunk = {"choices": [{"text": "x"}]}
    error = {"message": "No."}
    sent = {
        "object": {"error": error, **chunk},
        "data": {"error": error, "data": chunk},
        "envelope": {"code": 503, **error, "data": chunk},
        "list": [{"error": error, **chunk}],
        "named error": {"object": "error", **error, **chunk},
    }[form]
    reader = text_reader()
    data = event(sent)
    assert texts(reader.feed(data + piece("late"))) == "x"
    failure = reader.take_failure()
    assert isinstance(failure, StreamError | APIStatusError)
    assert failure.execution == "executed"
    assert failure.partial.choices[0].text == "x"


@pytest.mark.parametrize(("data", "cls"), ERRORS, ids=str)
@pytest.mark.parametrize("together", [True, False])
def test_errors_in_the_middle(
    data: bytes, cls: type[APIStatusError | StreamError], together: bool
) -> None:
    """An error event behind chunks leaves these to be delivered first, and is `executed`."""
    reader = text_reader()
    wire = [piece("a"), piece("b"), data, piece("late")]
    if together:
        wire = [b"".join(wire)]
    chunks = [chunk for one in wire for chunk in reader.feed(one)]
    assert texts(chunks) == "ab"
    failure = reader.take_failure()
    assert isinstance(failure, cls)
    assert type(failure) is cls
    assert failure.execution == "executed"
    if isinstance(failure, StreamError):
        assert isinstance(failure.partial, Completion)
        assert failure.partial.choices[0].text == "ab"
        assert failure.partial.meta.request_id == "req-1"


@pytest.mark.parametrize(
    "data",
    [
        "event: error\ndata:\n\n",
        "event: error\ndata: \t\n\n",
        "event: error\ndata: null\n\n",
        "event: error\n\n",
        "id: 1\r\nevent:error\r\n\r\n",
    ],
)
def test_errors_without_words(data: str) -> None:
    """An error event that says nothing is one all the same."""
    reader = text_reader()
    assert texts(reader.feed(piece("a") + data.encode() + piece("late"))) == "a"
    assert isinstance(failure := reader.take_failure(), StreamError)
    assert "no explanation was sent" in failure.message


@pytest.mark.parametrize(
    "harmless",
    [
        {"error": None},
        {"error": {}},
        {"error": ""},
        {"code": 0},
        {"code": None, "message": None},
        {"x": {"error": "inner"}},
        {"error_code": "none"},
        {"x_groq": {"error": None}},
        {"x_groq": ["error"]},
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"base_resp": "error"},
    ],
    ids=str,
)
def test_no_errors(harmless: dict[str, Any]) -> None:
    """A chunk that has an empty error, a code or the word in it isn't a failure."""
    reader = text_reader()
    assert texts(reader.feed(piece("a", **harmless) + piece("b", **harmless))) == "ab"
    assert texts(reader.feed(piece('"error" {"error": "code"}'))) == '"error" {"error": "code"}'
    assert reader.take_failure() is None


def test_chunk_in_an_envelope() -> None:
    """An envelope that reports success is taken off a chunk."""
    reader = text_reader()
    wrapped = event({"code": 20000, "message": "OK", "data": {"choices": [{"text": "a"}]}})
    assert texts(reader.feed(wrapped + wrapped)) == "aa"


@pytest.mark.parametrize("sent", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_not(sent: str) -> None:
    """They are null: the text beside them, and what comes behind them, isn't lost."""
    reader = text_reader()
    chunks = [
        f'data: {{"choices": [{{"text": "{text}", "logprobs": {{"token_logprobs": [{number}]}}}}]}}\n\n'
        for text, number in [("a NaN ", "-0.5"), ("b -Infinity ", sent), ("c", "-1")]
    ]
    assert texts(reader.feed("".join(chunks).encode())) == "a NaN b -Infinity c"
    assert reader.take_failure() is None
    result = reader.partial()
    assert result is not None
    logprobs = result.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.token_logprobs == [-0.5, None, -1.0]


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"\xff", "\ufffd"), (b"\xe2\x82", "\ufffd"), (b"\x01", "\x01"), (b"\t", "\t")],
)
def test_characters_that_json_has_not(sent: bytes, read: str) -> None:
    """They are replaced or taken: the text beside them, and what comes behind them, isn't lost."""
    reader = text_reader()
    chunk = b'data: {"x": "?", "choices": [{"text": "a?b"}]}\n\n'
    assert texts(reader.feed(piece("1") + chunk.replace(b"?", sent) + piece("2"))) == f"1a{read}b2"
    assert texts(reader.feed(chunk.replace(b"?", sent))) == f"a{read}b"
    assert reader.take_failure() is None


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"data: hello\n\n", "isn't valid JSON"),
        (b'data: {"choices": [{"text": nan}]}\n\n', "isn't valid JSON"),
        (b'data: {"choices": [{"text": "a"}]\n\n', "isn't valid JSON"),
        (b'data: {"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n", "nested too deep"),
        (b"data: [1]\n\n", "expected a JSON object"),
        (b"data: null\n\n", "expected a JSON object"),
        (b"data: 7\n\n", "expected a JSON object"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_garbage(data: bytes, problem: str, before: int) -> None:
    """An event that is no chunk ends the stream with what was wrong; chunks before it are delivered."""
    reader = text_reader(limit=2**20)  # CPython 3.13 takes some thousand levels
    assert texts(reader.feed(piece("a") * before + data + piece("late"))) == "a" * before
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    with pytest.raises(APIResponseError, match=problem):
        raise failure
    assert failure.execution == "executed"
    assert failure.status_code == 200
    assert failure.body.startswith(data[6:40].decode("utf-8", "replace")[:20].strip())


def test_the_key_is_in_no_failure() -> None:
    """A key that the server echoes is masked."""
    for data in (event({"error": KEY}), event(KEY), event({"message": KEY}, "error")):
        reader = text_reader()
        reader.feed(data)
        failure = reader.take_failure()
        assert failure is not None
        assert KEY not in f"{failure!r} {vars(failure)}"


def test_event_over_the_limit() -> None:
    """An event over the limit is refused, and the chunks before it are delivered."""
    reader = text_reader(limit=200)
    assert texts(reader.feed(piece("a") + piece("b") + piece("x" * 200) + piece("c"))) == "ab"
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "an event of more than 200 bytes" in failure.message
    assert failure.execution == "executed"
    reader = text_reader(limit=200)
    assert reader.feed(b"data: " + b"x" * 250) == []
    assert isinstance(reader.take_failure(), APIResponseError)


def test_what_comes_before_the_limit_decides() -> None:
    """A stream that is done, or has failed, isn't over the limit afterwards."""
    reader = text_reader(limit=200)
    reader.feed(piece("a") + DONE + piece("x" * 200))
    assert reader.take_failure() is None
    reader = text_reader(limit=200)
    reader.feed(event({"error": "No."}) + piece("x" * 200))
    assert isinstance(reader.take_failure(), StreamError)


# Bodies that are no streams, whatever they were called.

MISNAMED: list[tuple[bytes, type[errors.APIError], str]] = [
    (b'{"error": {"message": "No.", "code": 429}}', errors.RateLimitError, "No."),
    (b' \n{"code": 50505, "message": "Busy"}\n', errors.ServiceOverloadedError, "Busy"),
    (b'{"error": "No."}', StreamError, "No."),
    (b'{"error":\n\n"No."}', StreamError, "No."),
    (b'{"choices": [{"text": "a"}]}', APIResponseError, "isn't an event stream"),
    (b'\xef\xbb\xbf{"choices": [{"text": "a"}]}', APIResponseError, "isn't an event stream"),
    (b'\xef\xbb\xbf{"error": {"message": "No.", "code": 429}}', errors.RateLimitError, "No."),
    (b'{"error": {"mess', APIResponseError, "isn't an event stream"),
    (b"<html><title>Oops</title></html>\n", APIResponseError, "isn't an event stream"),
    (b'"No."', APIResponseError, "isn't an event stream"),
    (b"[]", APIResponseError, "isn't an event stream"),
    (b"", StreamTruncatedError, "incomplete"),
    (b"hello", StreamTruncatedError, "incomplete"),
    (b": ping\n", StreamTruncatedError, "incomplete"),
]


@pytest.mark.parametrize(("wire", "cls", "words"), MISNAMED, ids=str)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_bodies_that_are_no_streams(
    wire: bytes, cls: type[errors.APIError], words: str, size: int
) -> None:
    """A body in JSON or HTML that was sent as a stream is told for what it is, in any pieces."""
    reader = text_reader()
    for at in range(0, len(wire), size):
        assert reader.feed(wire[at : at + size]) == []
    assert ended(reader) == []
    failure = reader.take_failure()
    assert type(failure) is cls
    assert words in str(failure)


def test_a_piece_that_begins_like_json() -> None:
    """Behind an event, what looks like JSON is the rest of another one, even if nothing came of both."""
    reader = text_reader()
    reader.feed(event({}, "ping") + b"data: ")
    reader.feed(b'{"choices": ')
    ended(reader)
    assert isinstance(failure := reader.take_failure(), StreamTruncatedError)
    assert failure.partial is None


def test_a_long_body_without_an_event() -> None:
    """Only the beginning of such a body is kept."""
    reader = text_reader(limit=100_000)
    for _ in range(50):
        reader.feed(b'{"x": "' + b"y" * 1000)
    ended(reader)
    assert isinstance(failure := reader.take_failure(), APIResponseError)
    assert failure.body.startswith('{"x": "yyy')


# Ends.


def test_end_without_done() -> None:
    """Without `[DONE]`, a finish reason for every choice makes a stream complete."""
    reader = text_reader(2)
    reader.feed(piece("a", "stop"))
    reader.feed(piece("b", "length", index=1))
    assert ended(reader) == []
    assert is_done(reader)
    assert reader.take_failure() is None


def test_done_without_finish_reason() -> None:
    """`[DONE]` alone does, too."""
    reader = text_reader()
    reader.feed(piece("a") + DONE)
    ended(reader)
    assert reader.take_failure() is None


@pytest.mark.parametrize(
    "last", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE] \r", b"event: end\ndata: [DONE]"]
)
def test_done_without_its_blank_line(last: bytes) -> None:
    """A last event that lacks its blank line counts."""
    reader = text_reader()
    reader.feed(piece("a") + last)
    assert not is_done(reader)
    assert ended(reader) == []
    assert is_done(reader)
    assert reader.take_failure() is None


def test_chunk_without_its_blank_line() -> None:
    """So does a last chunk, and its finish reason with it."""
    reader = text_reader()
    assert reader.feed(piece("a", "stop").rstrip()) == []
    assert texts(ended(reader)) == "a"
    assert reader.has_content
    assert reader.take_failure() is None


def test_error_without_its_blank_line() -> None:
    """And a last error, whether it is JSON or not."""
    for data in (event({"error": "No."}), event("No.", "error")):
        reader = text_reader()
        reader.feed(piece("a") + data.rstrip())
        assert ended(reader) == []
        assert isinstance(failure := reader.take_failure(), StreamError)
        assert failure.partial.choices[0].text == "a"


def test_cut() -> None:
    """A stream that ends with neither was cut: what had come is there, merged."""
    reader = text_reader()
    reader.feed(piece("Ber") + piece("lin"))
    assert ended(reader) == []
    failure = reader.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    assert failure.message == f"the stream of POST /completions is incomplete: {CUT}"
    assert failure.reason == CUT
    assert failure.partial.choices[0].text == "Berlin"
    assert failure.partial.choices[0].finish_reason is None
    assert failure.partial.meta.request_id == "req-1"
    assert failure.execution == "executed"
    assert failure.request_id == "req-1"
    assert failure.__cause__ is None


def test_cut_before_anything_came() -> None:
    """Nothing had come, so nobody knows what was run."""
    reader = text_reader()
    reader.feed(b": ping\n\n")
    ended(reader)
    failure = reader.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    assert failure.partial is None
    assert failure.execution == "unknown"


@pytest.mark.parametrize("pieces", [2, 5])
@pytest.mark.parametrize("how", ["done", "end", "reset", "torn"])
def test_finish_reason_with_each_chunk(how: str, pieces: int) -> None:
    """As gateways to Gemini send it: then it says nothing of the end, and a connection that breaks has cut the stream."""
    reader = text_reader()
    for at in range(pieces):
        reader.feed(piece(str(at), "stop"))
    assert not reader.complete
    reader.feed({"done": DONE, "torn": b"data: {"}.get(how, b""))
    reader.end(CUT, keep_truncated=False, cause=APIConnectionError("x") if how == "reset" else None)
    failure = reader.take_failure()
    if how in ("done", "end"):
        assert failure is None
    else:
        assert isinstance(failure, StreamTruncatedError)
        assert failure.partial.choices[0].text == "01234"[:pieces]


def test_usage_behind_the_finish_reason() -> None:
    """It is nothing generated: the stream is complete."""
    reader = text_reader()
    reader.feed(piece("a") + piece("", "stop") + event({"choices": [], "usage": {}}))
    reader.end(CUT, keep_truncated=False, cause=APIConnectionError("x"))
    assert reader.take_failure() is None


def test_cut_with_a_cause() -> None:
    """The error that ended the stream is the cause."""
    reader = text_reader()
    reader.feed(piece("a"))
    cause = APIConnectionError("reset by peer")
    ended(reader, cause=cause)
    assert (failure := reader.take_failure()) is not None
    assert failure.__cause__ is cause


def test_reset_after_the_finish() -> None:
    """A connection that breaks when everything has come takes nothing away."""
    reader = text_reader()
    reader.feed(piece("a", "stop"))
    ended(reader, cause=APIConnectionError("reset by peer"))
    assert is_done(reader)
    assert reader.take_failure() is None


def test_truncation_can_be_taken_as_the_end() -> None:
    """For servers that never mark the end, a clean one counts; a torn or broken one never does."""
    reader = text_reader()
    reader.feed(piece("a"))
    assert ended(reader, keep=True) == []
    assert is_done(reader)
    assert reader.take_failure() is None
    reader = text_reader()
    reader.feed(piece("a"))
    ended(reader, keep=True, cause=APIConnectionError("reset by peer"))
    assert isinstance(reader.take_failure(), StreamTruncatedError)
    reader = text_reader()
    reader.feed(piece("a") + piece("b")[:-10])
    ended(reader, keep=True)
    assert isinstance(failure := reader.take_failure(), StreamTruncatedError)
    assert failure.reason == f"{CUT}, in the middle of an event"


@pytest.mark.parametrize("cause", [None, APIConnectionError("reset by peer")])
def test_cut_in_a_text_behind_the_finish_reason(cause: APIConnectionError | None) -> None:
    """Some servers send a finish reason with each chunk: where a text has begun, more was to come."""
    reader = text_reader()
    reader.feed(piece("a", "stop") + piece("and more", "stop")[:-36])
    assert not reader.complete
    ended(reader, cause=cause)
    assert isinstance(failure := reader.take_failure(), StreamTruncatedError)
    assert failure.partial.choices[0].text == "aand"
    reader = text_reader()
    reader.feed(piece("a", "stop") + event({"id": "c", "choices": [], "usage": {"x": 1}})[:-9])
    assert reader.complete
    ended(reader, cause=cause)
    assert reader.take_failure() is None


CUT_FIELDS = [
    b"d",
    b"data",
    b"data:",
    b"id: 4",
    b"event: error",
    b"event: error\ndata",
    b'event: delta\ndata: {"id": "x"',
]


@pytest.mark.parametrize("rest", CUT_FIELDS)
def test_cut_anywhere_in_an_event_is_never_the_end(rest: bytes) -> None:
    """Before its data, and in the data of one with a name, too."""
    reader = text_reader()
    reader.feed(piece("a") + rest)
    ended(reader, keep=True)
    assert isinstance(failure := reader.take_failure(), StreamTruncatedError | StreamError)
    assert failure.partial.choices[0].text == "a"


@pytest.mark.parametrize("rest", [b"\n", b": pi", b": ping\n", b"\r\n\r\n"])
def test_cut_between_events_can_be_the_end(rest: bytes) -> None:
    """Comments and blank lines are nothing of an event."""
    reader = text_reader()
    reader.feed(piece("a") + rest)
    assert ended(reader, keep=True) == []
    assert reader.take_failure() is None


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("finish", [None, "stop"])
@pytest.mark.parametrize(
    "end", [b"", b"\n", b"\n\n", b"\r\n\r\n", b"\n\n: bye\n\n", b"\n\n" + DONE]
)
@pytest.mark.parametrize(
    "error",
    [
        b'{"error": {"message": "out of memory"}}',
        b'{\n  "error": {\n    "message": "out of memory"\n  }\n}',
        b'error: {"message": "out of memory"}',
    ],
)
def test_error_behind_events_that_is_no_event(
    error: bytes, end: bytes, finish: str | None, keep: bool
) -> None:
    """Its words are the failure, as those of an event are."""
    reader = text_reader()
    reader.feed(piece("a", finish) + error + end)
    ended(reader, keep=keep)
    failure = reader.take_failure()
    assert isinstance(failure, StreamError)
    assert "out of memory" in failure.message
    assert failure.partial.choices[0].text == "a"


@pytest.mark.parametrize("before", [b"", piece("a")])
def test_error_in_a_field_of_its_own(before: bytes) -> None:
    """As llama.cpp's server sends it, with the end of a stream behind it."""
    reader = text_reader()
    error = b'error: {"code": 500, "message": "out of memory", "type": "server_error"}\n\n'
    reader.feed(before + error + DONE)
    ended(reader)
    failure = reader.take_failure()
    assert isinstance(failure, errors.InternalServerError)
    assert "out of memory" in str(failure)


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 600),
    st.integers(0, 200),
)
def test_event_that_is_cut(deltas: list[str], in_ascii: bool, cut: int, more: int) -> None:
    """What had come of it is in the error, and no more than that; its end and its counts may be cut themselves."""
    usage = {"prompt_tokens": 12, "completion_tokens": 345}
    events: list[bytes] = []
    for at, text in enumerate(deltas):
        is_last = at == len(deltas) - 1
        choice = {"index": 0, "text": text, "finish_reason": "length" if is_last else None}
        chunk = {"id": "c", "choices": [choice], **({"usage": usage} if is_last else {})}
        events.append(b"data: %b\n\n" % json.dumps(chunk, ensure_ascii=in_ascii).encode())
    body = b"".join(events)[:cut]
    came = len(body.split(b"\n\n")) - 1
    reader = text_reader()
    made = reader.feed(body) + ended(reader)
    failure = reader.take_failure()
    if failure is None:  # all has come but line ends
        assert texts(made) == "".join(deltas)
        return
    assert isinstance(failure, StreamTruncatedError)
    if failure.partial is None:
        assert not came
        return
    (choice_,) = failure.partial.choices
    assert failure.execution == "executed"
    assert "".join(deltas).startswith(choice_.text)
    assert choice_.text.startswith("".join(deltas[:came]))
    if came < len(deltas):
        assert (choice_.finish_reason, failure.partial.usage) == (None, None)
        sent = b"".join(events)[: cut + more]
        longer = text_reader()
        longer.feed(sent)
        ended(longer)
        then: Any = longer.take_failure()
        assert then is None or then.partial.choices[0].text.startswith(choice_.text)


@pytest.mark.parametrize(
    ("choices", "cut", "expected"),
    [
        (1, b'{"choices": [{"text": "B', "AB"),
        (2, b'{"choices": [{"text": "B', "A"),  # of which one isn't told yet
        (2, b'{"choices": [{"index": 0, "text": "B', "AB"),
        (1, b'{"choices": [], "usage": {"completion_tokens": 5', "A"),
        (1, b'{"choices": [{"message": {"content": "AB', "A"),  # which may be the whole once more
        (1, b'{"choices": [{"text": "B", "finish_reason": "sto', "AB"),
        (1, b'{"choices": [{"text": "\\ud83d', "A"),
        (1, b"{{", "A"),
    ],
)
def test_what_an_event_that_is_cut_adds(choices: int, cut: bytes, expected: str) -> None:
    """Nothing where it isn't sure what it belongs to."""
    reader = text_reader(choices)
    reader.feed(piece("A") + b"data: " + cut)
    reader.stop(errors.APITimeoutError("late", clock="total"))
    failure = reader.take_failure()
    assert isinstance(failure, errors.APITimeoutError)
    assert [choice.text for choice in failure.partial.choices] == [expected]


@pytest.mark.parametrize(
    ("calls", "arguments"),
    [
        ('{"index": 0, "function": {"arguments": "1', ['{"x":1']),
        ('{"index": 0, "id": "b", "function": {"name": "g", "arguments": "1', ['{"x":']),
        ('{"index": 1, "id": "b", "function": {"name": "g", "arguments": "1', ['{"x":', "1"]),
    ],
)
def test_call_that_is_cut(calls: str, arguments: list[str]) -> None:
    """It goes on with one that has come, or is a new one, where that is sure; the voice beside it is kept."""
    reader = reader_of(label="POST /chat/completions")
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":'}}
    reader.feed(event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}))
    audio = '"audio": {"id": "v", "transcript": "Hi"}'
    reader.feed(
        f'data: {{"choices": [{{"index": 0, "delta": {{{audio}, "tool_calls": [{calls}'.encode()
    )
    reader.end(CUT, keep_truncated=False)
    failure = reader.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    message = failure.partial.choices[0].message
    assert [call.function.arguments for call in message.tool_calls] == arguments
    assert failure.partial.to_dict()["choices"][0]["message"]["audio"]["transcript"] == "Hi"


IN_ONE = '"choices": [{"index": 0, "delta": {"tool_calls": [{"function": {"arguments": "{\\"city\\": \\"Bonn'
LEGACY = '"choices": [{"index": 0, "delta": {"function_call": {"name": "f", "arguments": "Bonn'
IN_OBJECT = (
    '"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": {"city": "Bonn'
)
UNKNOWN = '"choices": [{"delta": {"thought": "Bonn'
ENVELOPE = '"code": 0, "data": {"choices": [{"index": 0, "delta": {"content": "Bonn'


@pytest.mark.parametrize(
    "before", [b"", event({"choices": [{"index": 0, "delta": {"content": "A"}}]})]
)
@pytest.mark.parametrize("cut", [IN_ONE, LEGACY, ENVELOPE, IN_OBJECT, UNKNOWN])
def test_event_that_is_cut_is_in_the_body(before: bytes, cut: str) -> None:
    """Whether it is known where it belongs or not: its text is there, and was generated, so that the request isn't sent again."""
    reader = reader_of(label="POST /chat/completions")
    reader.feed(before + b"data: {" + cut.encode())
    reader.end(CUT, keep_truncated=False)
    failure = reader.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    assert failure.body == "{" + cut
    assert failure.execution == "executed"


def test_cut_in_an_envelope() -> None:
    """It is opened as that of a whole chunk is."""
    reader = reader_of(label="POST /chat/completions")
    reader.feed(b"data: {" + ENVELOPE.encode())
    reader.stop(errors.APITimeoutError("late", clock="total"))
    failure = reader.take_failure()
    assert isinstance(failure, errors.APITimeoutError)
    assert failure.partial.choices[0].message.content == "Bonn"


@pytest.mark.parametrize(
    "cut",
    [
        '"id": "c", "object": "chat',
        '"choices": [{"delta": {"role": "assis',
        '"choices": [{"delta": {"content": "", "tool_calls": [{"id": "a", "function": {"name": "f',
    ],
)
def test_cut_before_anything_was_generated(cut: str) -> None:
    """Nothing is lost, and the request may be sent again."""
    reader = reader_of(label="POST /chat/completions")
    reader.feed(b"data: {" + cut.encode())
    reader.end(CUT, keep_truncated=False)
    failure = reader.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    assert (failure.execution, failure.partial) == ("unknown", None)


@pytest.mark.parametrize("line_end", ["\n", "\n\n"])
@pytest.mark.parametrize(
    "cut", ["", "da", "data", "data: ", "data: [", "data: [DON", "data: [DONE]"]
)
def test_cut_in_the_end(line_end: str, cut: str) -> None:
    """All had come, however many line ends the server puts behind an event."""
    reader = text_reader()
    whole = [piece("a").decode().strip(), piece("b", "stop").decode().strip()]
    reader.feed((line_end.join(whole) + line_end + cut).encode())
    ended(reader)
    assert reader.take_failure() is None
    assert (merged(reader), reader.merged.result().choices[0].finish_reason) == ("ab", "stop")


def test_chunk_before_the_first_event() -> None:
    """Then it is no event stream, whatever follows."""
    reader = text_reader()
    reader.feed(piece("a")[6:])
    reader.feed(piece("b"))
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "isn't an event stream" in failure.message
    assert b'"a"' in reader.body


@pytest.mark.parametrize("line", ['{"error": {"message": "too mu', '{"choices": [{"text": "b'])
def test_line_of_no_event_that_is_cut(line: str) -> None:
    """What it says is in the body."""
    reader = text_reader()
    reader.feed(piece("a") + line.encode())
    ended(reader)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "has a line that is no event's, and no JSON" in failure.message
    assert line in failure.body


def test_timeout_behind_the_last_event() -> None:
    """All had come: some servers don't say so."""
    reader = text_reader()
    reader.feed(piece("a", "stop"))
    reader.stop(errors.APITimeoutError("late", clock="idle"))
    assert is_done(reader)
    assert reader.take_failure() is None


def test_error_that_is_cut() -> None:
    """What had come of it says more than that the stream was cut, or that time was up."""
    for error in (None, errors.APITimeoutError("late", clock="total")):
        reader = text_reader()
        reader.feed(piece("A") + b'data: {"error": {"code": 429, "message": "too mu')
        if error is None:
            ended(reader)
        else:
            reader.stop(error)
        failure = reader.take_failure()
        assert isinstance(failure, errors.RateLimitError)
        assert failure.message.endswith("too mu")
        assert failure.partial.choices[0].text == "A"


@pytest.mark.parametrize("end", [b"", DONE.replace(b"data", b"Data")])
@pytest.mark.parametrize("field", [b"Data: ", b"data : ", b"DATA:"])
def test_stream_of_lines_that_are_none_of_data(field: bytes, end: bytes) -> None:
    """It isn't asked for again as one that was cut: it was sent, and is paid for."""
    reader = text_reader()
    reader.feed(piece("a").replace(b"data: ", field) + piece("b").replace(b"data: ", field) + end)
    ended(reader)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "isn't an event stream" in failure.message
    assert failure.execution == "executed"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "isn't an event stream"),
        ({"Content-Encoding": "own"}, "isn't decoded here, 'own'"),
    ],
)
def test_stream_that_is_no_text(headers: dict[str, str], told: str) -> None:
    """Nor is one that is compressed in a way that isn't known."""
    reader = reader_of(CompletionChunk, meta=made_meta(headers=headers))
    packed = gzip.compress(piece("a") + DONE)
    for start in range(0, len(packed), 7):
        reader.feed(packed[start : start + 7])
    reader.end(CUT, keep_truncated=False)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert told in failure.message


A_LINE = st.one_of(
    st.integers(0, 9).map(lambda number: piece(f"<{number}>").strip()),
    st.sampled_from(
        [
            piece("<a>", "stop").strip(),
            piece("<b>").replace(b"{", b"{\ndata: ", 1).strip(),
            piece("<c>")[6:].strip(),
            b'error: {"code": 500, "message": "out of memory"}',
            b'{"error": {"message": "out of memory"}}',
            b'data: {"error": {"message": "out of memory"}}',
            b"event: error",
            b"event: message",
            b": ping",
            b"id: 7",
            b"  ",
        ]
    ),
)


@given(
    st.lists(st.tuples(A_LINE, st.sampled_from([b"\n", b"\n\n"])), min_size=1, max_size=6),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([b"", b"data: [DONE]", b"data: [DONE]\n\n"]),
    st.lists(st.integers(0, 600), max_size=4),
)
@example([(piece("<0>").strip(), b"\n"), (b'error: {"code": 500}', b"\n")], b"\n", b"", [])
@example([(piece("<0>")[6:].strip(), b"\n\n"), (b'{"error": {}}', b"\n")], b"\n", b"", [])
def test_any_cuts(
    lines: list[tuple[bytes, bytes]], line_end: bytes, end: bytes, cuts: list[int]
) -> None:
    """However the bytes are cut, what comes of them is the same, and each chunk before a failure counts."""
    body = b"".join(line + gap for line, gap in [*lines, (end, b"")]).replace(b"\n", line_end)
    at = [0, *sorted(cuts), len(body)]
    outcomes: list[tuple[Any, ...]] = []
    for pieces in (
        [body],
        [body[start:stop] for start, stop in itertools.pairwise(at)],
        [body[start : start + 1] for start in range(len(body))],
    ):
        reader = text_reader()
        made = [chunk for each in pieces for chunk in reader.feed(each)]
        made += ended(reader)
        failure = reader.take_failure()
        told: Any = None
        if isinstance(failure, errors.APIError):
            told = failure.execution, failure.partial and failure.partial.choices[0].text
        outcomes.append((texts(made), told))
    first, *others = outcomes
    assert others == [first, first]
    if first[0]:
        assert first[1] in (None, ("executed", first[0]))


@pytest.mark.parametrize(
    "lines",
    [
        piece("not ")[6:],
        b"\xef\xbb\xbf" + piece("not "),
        b" " + piece("not "),
        b" " + piece("not ")[:-1] + b"\t" + piece("at all "),
        b"note: one\n" + piece("not ")[6:],
        b'{\n  "choices": [\n    {"text": "not "}\n  ]\n}\n\n',
        b"\0" + piece("not "),
        b": ping" + piece("not "),
        b"Data : " + piece("not ")[6:],
    ],
    ids=[
        "bare",
        "BOM",
        "blank",
        "two",
        "behind another",
        "over lines",
        "NUL",
        "comment",
        "capital",
    ],
)
@pytest.mark.parametrize("end", [b"", DONE])
@pytest.mark.parametrize("before", [piece("Do "), b": waiting\n\n"])
def test_chunk_that_is_no_event(lines: bytes, before: bytes, end: bytes) -> None:
    """The standard says to ignore such lines; then the stream would go on behind a gap, and look complete."""
    reader = text_reader()
    reader.feed(before)
    reader.feed(lines)
    reader.feed(piece("press.", "stop") + end)
    ended(reader)
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "has a chunk on a line that is no event's" in str(failure)
    assert (failure.partial and failure.partial.choices[0].text) == (
        "Do " if b"Do" in before else None
    )


def test_json_between_events_that_is_no_error() -> None:
    """Isn't any part of the response, nor are two errors more than the first."""
    reader = text_reader()
    reader.feed(piece("a") + b'{"note": "busy"}\n\n')
    assert texts(reader.feed(piece("b", "stop"))) == "b"
    assert reader.take_failure() is None
    reader.feed(event({"error": {"message": "first"}}) + b'{"error": {"message": "second"}}\n\n')
    assert "first" in str(reader.take_failure())


WIRE: list[bytes] = [
    piece("Gr"),
    b": ping\n\n",
    piece("üße 🌍 "),
    b"event: ping\ndata: {}\n\n",
    piece("x\n\ndata: [DONE]", index=1),
    piece("", "length", index=1),
    piece("!", logprobs=None),
    piece("", "stop"),
    event({"choices": [], "usage": {"total_tokens": 3}}),
    DONE,
]


def outcome(pieces: list[bytes]) -> tuple[str, str | None, Completion]:
    """What a stream of two choices amounts to: the texts delivered, the failure, the merged response."""
    reader = text_reader(2)
    chunks: list[CompletionChunk] = []
    for one in pieces:
        chunks += reader.feed(one)
    chunks += ended(reader)
    failure = reader.take_failure()
    if isinstance(failure, StreamTruncatedError) and not reader.merged.empty:
        assert failure.partial == reader.merged.result()
    delivered = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    return delivered, None if failure is None else type(failure).__name__, reader.merged.result()


def test_cut_after_every_byte() -> None:
    """Cut anywhere, a stream is complete or it raises, and `partial` is what had come."""
    wire = b"".join(WIRE)
    starts = [len(b"".join(WIRE[: at + 1])) for at in range(len(WIRE))]
    complete_at = starts[7] - 2  # both choices are finished: the blank line may be missing
    whole = outcome([wire])
    assert whole[1] is None
    for at in range(len(wire)):
        delivered, failure, merged_so_far = outcome([wire[:at]])
        assert (failure is None) == (at >= complete_at), at
        assert failure in (None, "StreamTruncatedError")
        assert whole[0].startswith(delivered)
        came = [one for one, end in zip(WIRE, starts, strict=True) if end - 2 <= at]
        expected = outcome([b"".join(came)])
        assert delivered == expected[0]
        if failure is None:
            assert merged_so_far == expected[2]
        else:  # what had come of an event in which it was cut is in it, too
            said, least, most = (
                {choice.index: choice.text for choice in each.choices}
                for each in (merged_so_far, expected[2], whole[2])
            )
            assert said.keys() >= least.keys()
            assert all(text.startswith(least.get(index, "")) for index, text in said.items())
            assert all(most[index].startswith(text) for index, text in said.items())


@given(st.data())
def test_any_split_gives_the_same(data: st.DataObject) -> None:
    """In whatever pieces a stream comes, cut or whole, it amounts to the same."""
    wire = b"".join(WIRE)[: data.draw(st.integers(0, len(b"".join(WIRE))))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=20)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert outcome(pieces) == outcome([wire])


def test_a_chat_stream() -> None:
    """Chat streams are read in the same way."""
    reader = reader_of()
    chunks = reader.feed(
        event({"choices": [{"delta": {"role": "assistant"}}]})
        + event({"choices": [{"delta": {"content": "Hi"}}]})
        + event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        + DONE
    )
    assert [chunk.text for chunk in chunks] == ["", "Hi", ""]
    assert reader.merged.result().choices[0].message.content == "Hi"
    assert reader.take_failure() is None


def test_retyped_chunks() -> None:
    """A retyped field in one chunk of many costs nothing but itself."""
    reader = text_reader()
    odd = event(
        {
            "id": 7,
            "created": "123",
            "usage": "none",
            "choices": [{"index": "0", "text": ["x"], "finish_reason": None}],
        }
    )
    parts = event({"choices": [{"index": "0", "text": [{"type": "text", "text": "c"}]}]})
    chunks = reader.feed(piece("a") + odd + piece("b") + parts)
    assert texts(chunks) == "abc"
    assert (chunks[1].id, chunks[1].created, chunks[1].usage) == ("7", 123, None)
    assert chunks[1].to_dict()["choices"][0]["text"] == ["x"]
    assert reader.take_failure() is None


@pytest.mark.parametrize("bad", [b"\xff\\x", b"\x01\\x", b"\\x"])
def test_garbage_where_a_text_was_due(bad: bytes) -> None:
    """A chunk like the one before, whose text is no JSON string, is an error like any other."""
    reader = text_reader()
    good = piece("abc")
    assert texts(reader.feed(good)) == "abc"
    assert reader.feed(good.replace(b"abc", bad)) == []
    assert isinstance(reader.take_failure(), APIResponseError)


def test_too_much_of_a_stream() -> None:
    """A stream of more pieces than are taken in fails, and has what came before."""
    reader = text_reader()
    reader._max_objects = 5
    for _ in range(5):
        reader.feed(piece("a"))
    assert isinstance(failure := reader.take_failure(), APIResponseError)
    assert "max_response_objects" in str(failure)
    assert failure.partial is not None


@pytest.mark.parametrize("marked", [False, True])
def test_some_choices_are_finished(marked: bool) -> None:
    """`[DONE]` behind them is a contradiction; an end without it is one that may be accepted."""
    reader = text_reader(choices=2)
    reader.feed(piece("a", "stop") + piece("b", index=1) + (DONE if marked else b""))
    ended(reader, keep=True)
    failure = reader.take_failure()
    assert ("not all of its choices are finished" in str(failure)) == marked
    assert (failure is None) == (not marked)
    assert merged(reader) == "ab"


@pytest.mark.parametrize(
    ("pieces", "last"),
    [
        (["\n\nHel", "lo"], "Hello"),
        (["Hel", "lo\n"], "Hello"),
        (["<think>Hm</think>", "Hello"], "Hello"),
    ],
)
def test_whole_message_that_was_tidied_up(pieces: list[str], last: str) -> None:
    """Some servers end with the whole message, without the blanks around it or the reasoning: nothing new."""
    reader = reader_of(ChatCompletionChunk)
    for text in pieces:
        reader.feed(event({"choices": [{"index": 0, "delta": {"content": text}}]}))
    message = {"role": "assistant", "content": last}
    reader.feed(event({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    reader.feed(DONE)
    assert reader.take_failure() is None
    assert reader.result().choices[0].message.content == "".join(pieces)


def _delta(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "delta": fields}


def _call(index: int, arguments: str, name: str = "f") -> dict[str, Any]:
    return {
        "index": index,
        "id": f"c{index}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _tokens(*texts: str) -> dict[str, Any]:
    return {"content": [{"token": text, "logprob": -1.0, "top_logprobs": []} for text in texts]}


def _custom(text: str) -> dict[str, Any]:
    return {"index": 0, "id": "k", "type": "custom", "custom": {"name": "code", "input": text}}


WHOLE_AT_THE_END: dict[str, tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = {
    "calls": (
        [_delta(tool_calls=[_call(0, '{"a": 1}')])],
        {"tool_calls": [_call(0, '{"a":1}')]},
        {"tool_calls": [_call(0, '{"a": 1}')]},
    ),
    "one more call": (
        [_delta(content="Hm."), _delta(tool_calls=[_call(0, "{}")])],
        {"content": "Hm.", "tool_calls": [_call(0, "{}"), _call(1, '{"b": 2}')]},
        {"content": "Hm.", "tool_calls": [_call(0, "{}"), _call(1, '{"b": 2}')]},
    ),
    "a cut call": (
        [_delta(tool_calls=[_call(0, '{"a":', "ge")])],
        {"tool_calls": [_call(0, '{"a":1}', "get")]},
        {"tool_calls": [_call(0, '{"a":1}', "get")]},
    ),
    "a call without its arguments": (
        [_delta(tool_calls=[_call(0, '{"a":1}')])],
        {"tool_calls": [{"id": "c0", "function": {"name": "f"}}]},
        {"tool_calls": [_call(0, '{"a":1}')]},
    ),
    "a custom call": (
        [
            _delta(tool_calls=[_custom("x = ")]),
            _delta(tool_calls=[{"index": 0, "custom": {"input": "1"}}]),
        ],
        {"tool_calls": [_custom("x = 12")]},
        {"tool_calls": [_custom("x = 12")]},
    ),
    "a refusal": (
        [_delta(refusal="I "), _delta(refusal="can't")],
        {"refusal": "I can't."},
        {"refusal": "I can't."},
    ),
    "audio": (
        [_delta(audio={"id": "z", "data": "AAAA", "transcript": "a "})],
        {"audio": {"id": "z", "data": "AAAA", "transcript": "a b"}, "annotations": [1]},
        {"audio": {"id": "z", "data": "AAAA", "transcript": "a b"}, "annotations": [1]},
    ),
    "annotations": (
        [_delta(content="a", annotations=[1, 2]), _delta(annotations=[3], mark="x", more={"n": 1})],
        {"content": "a", "annotations": [1, 2, 3], "mark": "y", "more": {"n": 1}},
        {"content": "a", "annotations": [1, 2, 3], "mark": "y", "more": {"n": 1}},
    ),
}
"""Deltas, the message that ends the stream, and what of the merged one is looked at."""


@pytest.mark.parametrize(
    ("deltas", "last", "whole"), WHOLE_AT_THE_END.values(), ids=WHOLE_AT_THE_END
)
def test_whole_message_at_the_end(
    deltas: list[dict[str, Any]], last: dict[str, Any], whole: dict[str, Any]
) -> None:
    """What it repeats is nothing new, whatever it is; what it has beyond the pieces counts."""
    reader = reader_of(ChatCompletionChunk)
    for delta in deltas:
        reader.feed(event({"choices": [delta]}))
    message = {"role": "assistant", "content": None, **last}
    reader.feed(event({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    reader.feed(DONE)
    assert reader.take_failure() is None
    dumped: Any = dump(reader.result().choices[0].message, unknown=True)
    made: list[dict[str, Any]] = dumped["tool_calls"] or []
    for call in made:
        if call["type"] == "custom":
            del call["function"]
    wanted: dict[str, Any] = copy.deepcopy(whole)
    calls: list[dict[str, Any]] = wanted.get("tool_calls", [])
    for call in calls:
        del call["index"]
    assert {name: dumped[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "last",
    [
        {"tool_calls": [_call(0, '{"a":2}')]},
        {"tool_calls": [_call(0, '{"a":1}', "g")]},
        {"refusal": "No."},
        {"reasoning_content": "Hm?"},
        {"content": "<think>Hm.</think>text"},
    ],
)
def test_whole_message_that_differs_beside_the_text(last: dict[str, Any]) -> None:
    """The pieces are the response."""
    reader = reader_of(ChatCompletionChunk)
    delta = _delta(content="text", refusal="I", tool_calls=[_call(0, '{"a":1}')])
    reader.feed(event({"choices": [_delta(reasoning_content="Hm.")]}))
    reader.feed(event({"choices": [delta]}))
    message = {"role": "assistant", "content": "text", **last}
    reader.feed(event({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    reader.feed(DONE)
    assert reader.take_failure() is None
    made = reader.result().choices[0].message
    assert (made.content, made.refusal, made.reasoning_content) == ("text", "I", "Hm.")
    assert [call.function.arguments for call in made.tool_calls or ()] == ['{"a":1}']


def test_whole_message_that_differs() -> None:
    """One whose text contradicts the pieces fails the stream."""
    reader = reader_of(ChatCompletionChunk)
    reader.feed(event({"choices": [_delta(content="text")]}))
    message = {"role": "assistant", "content": "other"}
    reader.feed(event({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    failure = reader.take_failure()
    assert isinstance(failure, APIResponseError)
    assert "a whole message at its end that isn't its pieces" in str(failure)
    assert failure.partial.choices[0].message.content == "text"


def _so_far(piece: str, text: str, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields}
    return {"index": 0, "delta": {"content": piece}, "message": message, "finish_reason": finish}


MIXED: dict[str, tuple[list[dict[str, Any]], str, str | None]] = {
    "annotations before the text": (
        [_so_far("", "", annotations=[1]), _so_far("Hi", "Hi"), _so_far("", "Hi", "stop")],
        "Hi",
        None,
    ),
    "an empty delta first": ([_so_far("", "Hi"), _so_far("", "Hi", "stop")], "Hi", None),
    "stripped, and more": ([_delta(content=" He"), _so_far("", "Hello", "stop")], " Hello", None),
    "reasoning so far": (
        [
            _delta(reasoning_content="th"),
            _delta(reasoning_content="ink"),
            _so_far("", "", reasoning_content="think"),
            _delta(content="Hi"),
        ],
        "Hi",
        "think",
    ),
}


@pytest.mark.parametrize(("choices", "text", "reasoning"), MIXED.values(), ids=MIXED)
def test_messages_beside_deltas(
    choices: list[dict[str, Any]], text: str, reasoning: str | None
) -> None:
    """They are what has come so far, and no pieces."""
    reader = reader_of(ChatCompletionChunk)
    for choice in choices:
        reader.feed(event({"choices": [choice]}))
    reader.feed(DONE)
    made = reader.result().choices[0].message
    assert (made.content, made.reasoning_content) == (text, reasoning)


def test_choices_end_with_their_messages() -> None:
    """Each is held against its own pieces, by its place where it has no index; a whole one says nothing of the others."""
    for named in (True, False):
        reader = reader_of(ChatCompletionChunk, choices=2)
        pieces: list[dict[str, Any]] = [{"delta": {"content": text}} for text in "ab"]
        ends: list[dict[str, Any]] = [
            {"message": {"content": text}, "finish_reason": "stop"} for text in ("ac", "bd")
        ]
        for choices in (pieces, ends):
            numbered = [
                {**choice, **({"index": at} if named else {})} for at, choice in enumerate(choices)
            ]
            reader.feed(event({"choices": numbered}))
        assert [choice.message.content for choice in reader.result().choices] == ["ac", "bd"]
    reader = reader_of(ChatCompletionChunk, choices=2)
    reader.feed(event({"choices": [_delta(content="a")]}))
    for index, text in ((1, "b"), (0, "a")):
        end = {"index": index, "message": {"content": text}, "finish_reason": "stop"}
        reader.feed(event({"choices": [end]}))
    assert [choice.message.content for choice in reader.result().choices] == ["a", "b"]


def test_log_probabilities_of_a_whole_message() -> None:
    """They are repeated with it."""
    reader = reader_of(ChatCompletionChunk)
    for text in "AB":
        reader.feed(event({"choices": [{**_delta(content=text), "logprobs": _tokens(text)}]}))
    last = {"index": 0, "message": {"content": "ABC"}, "logprobs": _tokens("A", "B", "C")}
    reader.feed(event({"choices": [{**last, "finish_reason": "stop"}]}) + DONE)
    choice = reader.result().choices[0]
    assert choice.message.content == "ABC"
    assert [token.token for token in choice.logprobs.content] == ["A", "B", "C"]


# As Perplexity sends it: the piece, and the text so far.
SO_FAR = [
    ("Take 1 ", "Take 1 "),
    ("Take 1 tablet", "tablet"),
    ("Take 1 tablet", ""),
    ("Take 1 tablet.", "."),
]
NULL_FINISH: list[dict[str, Any]] = [
    {"delta": {"content": "a"}},
    {"delta": {"content": "b"}},
    {"message": {"content": "ab"}},
    {"delta": {}, "finish_reason": "stop"},
]
BEHIND_THE_FINISH: list[dict[str, Any]] = [
    {"delta": {"content": "a"}},
    {"delta": {"content": "b"}, "finish_reason": "stop"},
    {"message": {"content": "ab"}},
]


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        (
            [
                {"message": {"content": whole}, "delta": {"content": piece}}
                for whole, piece in SO_FAR
            ],
            "Take 1 tablet.",
        ),
        (NULL_FINISH, "ab"),
        (BEHIND_THE_FINISH, "ab"),
        (
            [
                {"delta": {"content": "a"}},
                {"message": {"content": "b"}},
                {"message": {"content": "abc"}},
            ],
            "ababc",
        ),
    ],
    ids=["so far", "without a finish reason", "behind it", "pieces"],
)
@pytest.mark.parametrize("path", ["chat", "text"])
def test_message_that_is_the_text_so_far(
    choices: list[dict[str, Any]], text: str, path: str
) -> None:
    """It is nothing new where it begins with all that came as deltas, whether it has a finish reason or not."""
    reader = reader_of(ChatCompletionChunk if path == "chat" else CompletionChunk)
    for choice in choices:
        reader.feed(event({"choices": [{"index": 0, "finish_reason": None, **choice}]}))
    reader.feed(DONE)
    made = reader.result().choices[0]
    assert (made.message.content if path == "chat" else made.text) == text


@pytest.mark.parametrize(
    "choice", [{"delta": {"content": "a", "mood": "x"}}, {"message": {"content": "a"}}]
)
def test_chunks_in_lists_of_one(choice: dict[str, Any]) -> None:
    """Gateways of Gemini's form send them so."""
    reader = reader_of(ChatCompletionChunk)
    for finish in (None, "stop"):
        reader.feed(event([{"choices": [{"index": 0, "finish_reason": finish, **choice}]}]))
    reader.feed(event([]))
    reader.feed(DONE)
    assert reader.result().choices[0].message.content == "aa"


def test_pieces_in_messages_that_all_have_a_finish_reason() -> None:
    """A first message that has one isn't the whole of anything: nothing came before it."""
    reader = reader_of(ChatCompletionChunk)
    for text in ("that ", "th", "at"):
        message = {"role": "assistant", "content": text}
        reader.feed(event({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    reader.feed(DONE)
    assert reader.take_failure() is None
    assert reader.result().choices[0].message.content == "that that"


def test_chunk_that_says_it_failed() -> None:
    """Without a finish reason it isn't the end: what has come is in the error, and nothing behind it counts."""
    reader = text_reader()
    failed = piece("b", code=500, message="over")
    assert texts(reader.feed(piece("a") + failed + piece("c", "stop") + DONE)) == "ab"
    failure = reader.take_failure()
    assert isinstance(failure, errors.InternalServerError)
    assert "over" in str(failure)
    assert merged(reader) == "ab"


def test_chunk_that_is_finished_and_says_it_failed() -> None:
    """It is whole, whatever stands beside it."""
    reader = text_reader()
    assert texts(reader.feed(piece("a", "stop", code=500, message="over") + DONE)) == "a"
    assert reader.take_failure() is None


@pytest.mark.parametrize("behind", ["", "\n", "\n\n"])
def test_json_behind_the_end(behind: str) -> None:
    """A stream of nothing else isn't an empty response."""
    body = json.dumps({"choices": [{"text": "a", "index": 0, "finish_reason": "stop"}]})
    reader = text_reader()
    assert reader.feed(DONE + f"{body}{behind}".encode()) == []
    assert isinstance(reader.take_failure(), APIResponseError)
    assert json.loads(reader.body) == json.loads(body)


def test_chunks_behind_an_end() -> None:
    """It ends nothing where nothing has come, and more comes with it."""
    reader = text_reader()
    assert texts(reader.feed(DONE + piece("a", "stop") + DONE + piece("b"))) == "a"
    assert reader.done
    assert reader.take_failure() is None


def test_ends_alone() -> None:
    """They are a response without choices, as some servers have it."""
    reader = text_reader()
    assert reader.feed(DONE + DONE) == []
    assert reader.done
    assert reader.take_failure() is None


def chat_chunk(text: Any = "", finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk of a chat's first choice; `fields` stand in its delta."""
    choice = {"index": 0, "delta": {"content": text, **fields}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


FORMS: dict[str, Callable[[str, str | None], Any]] = {
    "as described": chat_chunk,
    "unknown field": lambda text, finish: {**chat_chunk(text, finish), "provider": "x"},
    "unknown field of the delta": lambda text, finish: chat_chunk(text, finish, mood="x"),
    "empty fields": lambda text, finish: chat_chunk(text, finish, tool_calls=[], refusal=None),
    "parts": lambda text, finish: chat_chunk([{"type": "text", "text": text}], finish),
    "text": lambda text, finish: {"choices": [{"index": 0, "text": text, "finish_reason": finish}]},
    "no index": lambda text, finish: {
        "choices": [{"delta": {"content": text}, "finish_reason": finish}]
    },
    "error of null": lambda text, finish: {**chat_chunk(text, finish), "error": None},
    "code beside it": lambda text, finish: {"code": 0, "message": "", **chat_chunk(text, finish)},
    "usage": lambda text, finish: {
        **chat_chunk(text, finish),
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    },
    "list": lambda text, finish: [chat_chunk(text, finish)],
    "envelope": lambda text, finish: {"code": 0, "data": chat_chunk(text, finish)},
    "envelope behind": lambda text, finish: {
        "data": chat_chunk(text, finish),
        "message": "ok",
        "code": 20000,
    },
    "envelope of a list": lambda text, finish: {"code": 0, "data": [chat_chunk(text, finish)]},
    "envelope in a list": lambda text, finish: [{"code": 0, "data": chat_chunk(text, finish)}],
    "envelope by its status": lambda text, finish: {
        "status": True,
        "data": chat_chunk(text, finish),
    },
    "envelope without a code": lambda text, finish: {"result": chat_chunk(text, finish)},
    "envelope of Cloudflare": lambda text, finish: {
        "result": chat_chunk(text, finish),
        "success": True,
        "errors": [],
        "messages": [],
    },
}


@pytest.mark.parametrize("form", FORMS)
@given(
    said=st.lists(st.sampled_from(["a", "b", " c", "é", '"', "\\", "<0>"]), min_size=2, max_size=8),
    odd=st.none() | st.integers(0, 7),
    cuts=st.lists(st.integers(1, 2000)),
)
def test_how_a_stream_is_cut_makes_no_difference(
    form: str, said: list[str], odd: int | None, cuts: list[int]
) -> None:
    """All at once, event by event, or cut anywhere: the same text comes, whatever form of chunk it is, with one as described among
    them or not.
    """
    finishes = [*[None] * (len(said) - 1), "stop"]
    events = [
        event((chat_chunk if at == odd else FORMS[form])(text, finish))
        for at, (text, finish) in enumerate(zip(said, finishes, strict=True))
    ]
    events.append(DONE)
    body = b"".join(events)
    places = sorted({0, *(place for place in cuts if place < len(body)), len(body)})
    for pieces in ([body], events, [body[a:b] for a, b in itertools.pairwise(places)]):
        reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
        chunks = [chunk for each in pieces for chunk in reader.feed(each)]
        assert reader.take_failure() is None
        assert "".join(chunk.text for chunk in chunks) == "".join(said)
        choice = reader.result().choices[0]
        assert (choice.message.content, choice.finish_reason) == ("".join(said), "stop")


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form not in {"list", "envelope in a list"}]
)
@given(
    said=st.lists(st.sampled_from(["a", "}", "}\ndata: {", "é", '"', "[DONE]"]), min_size=2),
    line_ends=st.lists(st.sampled_from(["\n", "\r\n", "\n\n", "\r"]), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 2000)),
)
def test_events_with_one_line_end(
    form: str, said: list[str], line_ends: list[str], cuts: list[int]
) -> None:
    """They are as many, in the place of one that would be no JSON, however they are cut."""
    finishes = [*[None] * (len(said) - 1), "stop"]
    datas = [
        json.dumps(FORMS[form](text, finish)) for text, finish in zip(said, finishes, strict=True)
    ]
    lines = zip([*datas, "[DONE]"], itertools.cycle(line_ends), strict=False)
    events = [f"data: {data}{line_end}".encode() for data, line_end in lines]
    body = b"".join(events)
    places = sorted({0, *(place for place in cuts if place < len(body)), len(body)})
    for pieces in ([body], events, [body[a:b] for a, b in itertools.pairwise(places)]):
        reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
        chunks = [chunk for each in pieces for chunk in reader.feed(each)]
        chunks += reader.end("it ended", keep_truncated=False)
        assert reader.take_failure() is None
        assert "".join(chunk.text for chunk in chunks) == "".join(said)


@pytest.mark.parametrize("between", ["", "id: 7\n", "event: chunk\n", ": ping\n"])
@given(cut=st.integers(0, 2000), size=st.integers(1, 300))
def test_events_with_one_line_end_that_are_cut(between: str, cut: int, size: int) -> None:
    """Those that are whole are told, as they come: each with the beginning of the next one."""
    lines = [f"{between}data: {json.dumps(chat_chunk(f'<{at}>'))}\n".encode() for at in range(8)]
    body = b"".join(lines)[:cut]
    reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
    came = ""
    for at in range(0, len(body), size):
        came += "".join(chunk.text for chunk in reader.feed(body[at : at + size]))
        begun = len(body[: at + size].rpartition(b"data: {")[0].split(b"data: {")) - 1
        assert came == "".join(f"<{at}>" for at in range(begun))
    came += "".join(chunk.text for chunk in reader.end("it was cut", keep_truncated=False))
    whole = sum(len(b"".join(lines[: at + 1])) - 1 <= cut for at in range(8))
    assert came == "".join(f"<{at}>" for at in range(whole))
    assert isinstance(reader.take_failure(), StreamTruncatedError)


def test_error_among_events_with_one_line_end() -> None:
    """A name is of the event behind it."""
    reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
    chunk = json.dumps(chat_chunk("a"))
    body = f'data: {chunk}\nevent: error\ndata: {{"message": "over"}}\n\n'
    assert [one.text for one in reader.feed(body.encode())] == ["a"]
    assert "over" in str(reader.take_failure())


def test_lines_of_one_event_that_come_one_by_one() -> None:
    """They aren't taken apart where they are JSON together."""
    reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
    text = json.dumps(chat_chunk("a"), indent=0)
    pieces = [*(f"data: {line}\n".encode() for line in text.splitlines()), b"\n"]
    assert [one.text for piece in pieces for one in reader.feed(piece)] == ["a"]


def test_event_with_one_line_end_is_seen_with_the_next() -> None:
    """It isn't held up until the end of the stream."""
    reader: ChunkReader[ChatCompletionChunk, ChatCompletion] = reader_of(ChatCompletionChunk, 1)
    first, second = (f"data: {json.dumps(chat_chunk(text))}\n".encode() for text in "ab")
    assert reader.feed(first) == []
    assert [chunk.text for chunk in reader.feed(second)] == ["a"]
