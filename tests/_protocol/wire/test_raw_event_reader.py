"""Events of streams that nothing describes: names, ids, ends, errors and cuts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    InternalServerError,
    StreamError,
    StreamTruncatedError,
)
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.errors import ErrorContext
from horay_async._protocol.wire.raw_event_reader import RawEventReader
from horay_async.models.raw import ServerSentEvent
from tests.readers import made_meta

TEXT = (
    b'event: response.created\nid: 1\ndata: {"type":"response.created"}\n\n'
    b": ping\n\n"
    b'event: response.output_text.delta\ndata: {"delta":"Ber"}\n\n'
    b'id: 3\ndata: {"type":"response.completed"}\n\n'
)


def reader(*ends_with: str, max_event_bytes: int = 1000) -> RawEventReader:
    context = ErrorContext(
        label="POST /responses", clean=Cleaner("a-key"), status=200, request_id="r"
    )
    return RawEventReader(
        ends_with=ends_with, meta=made_meta(), context=context, max_event_bytes=max_event_bytes
    )


def told(events: list[ServerSentEvent]) -> list[tuple[str, str, str]]:
    return [(event.event, event.data, event.id) for event in events]


def test_events() -> None:
    """Name, data and the last id of each event; comments are none."""
    assert told(reader().feed(TEXT)) == [
        ("response.created", '{"type":"response.created"}', "1"),
        ("response.output_text.delta", '{"delta":"Ber"}', "1"),
        ("", '{"type":"response.completed"}', "3"),
    ]


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_pieces_make_no_difference(one: int, other: int) -> None:
    """However the bytes come, the events are the same."""
    first, second = sorted((one, other))
    pieces = reader()
    events = [
        event
        for piece in (TEXT[:first], TEXT[first:second], TEXT[second:])
        for event in pieces.feed(piece)
    ]
    assert told(events) == told(reader().feed(TEXT))


@pytest.mark.parametrize(
    "last",
    [
        b"event: message_stop\ndata: {}\n\n",
        b'data: {"type":"message_stop"}\n\n',
        b'data:  \t{"type":"message_stop"}\n\n',
        b'data:\ndata: {"type":\ndata: "message_stop"}\n\n',
        b"data: message_stop\n\n",
    ],
)
def test_ends_with(last: bytes) -> None:
    """The last event is known by its name, by its type or by its data; nothing after it counts."""
    stream = reader("message_stop", "message_failed")
    assert (
        len(stream.feed(b'data: {"type":"x"}\n\ndata: {oops\n\n' + last + b"data: more\n\n")) == 3
    )
    assert stream.done
    assert stream.take_failure() is None
    assert stream.feed(b"data: more\n\n") == []
    assert stream.end("closed", keep_truncated=False) == []


def test_done_ends() -> None:
    """`[DONE]` ends a stream whose last event isn't named, and is no event, unless it is that name."""
    stream = reader()
    assert told(stream.feed(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n")) == [("", "1", "")]
    assert stream.done
    assert told(reader("[DONE]").feed(b"data: [DONE]\n\n")) == [("", "[DONE]", "")]


@pytest.mark.parametrize("rest", [b"", b"data: 2\n\n", b"data: [DONE]"])
def test_done_before_the_last_event(rest: bytes) -> None:
    """It doesn't stand for the last event: a gateway may have written it behind a response that was cut."""
    stream = reader("last")
    stream.feed(b"data: 1\n\ndata: [DONE]\n\n" + rest)
    assert not stream.done
    stream.end("closed", keep_truncated=False)
    assert isinstance(stream.take_failure(), StreamTruncatedError)
    whole = reader("last")
    whole.feed(b"data: [DONE]\n\n" + b"data: last\n\n")
    assert whole.done
    assert whole.take_failure() is None


@pytest.mark.parametrize("ends_with", [(), ("x",)])
def test_closed(ends_with: tuple[str, ...]) -> None:
    """Without a last event's name, a stream is complete where its bytes end between two events."""
    stream = reader(*ends_with)
    stream.feed(b"data: 1\n\n")
    assert stream.end("closed", keep_truncated=False) == []
    assert stream.done
    assert isinstance(stream.take_failure(), StreamTruncatedError) is bool(ends_with)
    tolerant = reader(*ends_with)
    assert tolerant.end("closed", keep_truncated=True) == []
    assert tolerant.take_failure() is None


def test_broken_connection() -> None:
    """A connection that broke is never an end."""
    stream = reader()
    stream.feed(b"data: 1\n\n")
    cause = APIConnectionError("reset")
    stream.end("reset", keep_truncated=True, cause=cause)
    assert isinstance(failure := stream.take_failure(), StreamTruncatedError)
    assert failure.__cause__ is cause


@pytest.mark.parametrize(
    ("rest", "events", "cut"),
    [
        (b'data: {"a": 1}', 1, False),
        (b"data: [DONE]", 0, False),
        (b"data: 12\n", 1, False),
        (b": ping", 0, False),
        (b"\n", 0, False),
        (b'data: {"a": ', 0, True),
        (b"data: 12", 0, True),
        (b"data: text", 0, True),
        (b"data: text\n", 0, True),
        (b'data: {"a": 1\n', 0, True),
        (b'data: {\ndata: "a": 1,\n', 0, True),
        (b'data: {\ndata: "a": 1}\n', 1, False),
        (b"event: y\nd", 0, True),
        (b"id: 7\n", 0, True),
    ],
)
def test_last_event_without_its_blank_line(rest: bytes, events: int, cut: bool) -> None:
    """It counts where it is whole."""
    stream = reader()
    stream.feed(rest)
    assert len(stream.end("closed", keep_truncated=False)) == events
    failure = stream.take_failure()
    assert (failure is not None) is cut
    if failure is not None:
        assert "in the middle of an event" in str(failure)


@pytest.mark.parametrize(
    ("rest", "cut"),
    [
        (b"event: x\ndata:", True),
        (b"event: x\ndata: y", True),
        (b"event: x\ndata: y\n", True),
        (b'event: x\ndata: {"a": ', True),
        (b'event: x\ndata: {"a": 1}', False),
        (b"event: x\ndata: 12", True),
        (b"event: x\ndata: 12\n", False),
        (b"event: y\ndata: x", False),
    ],
)
def test_name_of_a_cut_event(rest: bytes, cut: bool) -> None:
    """Whether the last event is whole is told by its data, and not by its name, which stands before them."""
    stream = reader("x")
    stream.feed(rest)
    assert len(stream.end("closed", keep_truncated=True)) == (not cut)
    assert isinstance(stream.take_failure(), StreamTruncatedError) is cut


NAMES = ("response.completed", "x")
LAST = (
    b'event: response.completed\ndata: {"type": "x", "text": "one\\ntwo {}"}\n\n',
    b'event: response.completed\nid: 4\ndata: {"text":\ndata: "one"}\n\n',
    b'id: 4\ndata: {"type": "response.completed", "text": "one"}\n\n',
    b'event: other\ndata: {"type": "x", "text": "one"}\r\n\r\n',
    b'data: ["one", 2]\nevent: x\n\n',
    b"event: x\ndata: 2.5e3\n\n",
    b"event: x\ndata: one\ndata: two\n\n",
    b"event: x\ndata\n\n",
    b"data: x\n\n",
)


CUTS = [(last, at) for last in LAST for at in range(len(last))]


@pytest.mark.parametrize(("last", "cut"), CUTS)
def test_cut_anywhere_in_the_last_event(last: bytes, cut: int) -> None:
    """However the bytes end, the last event has come as it was sent, or the stream has failed."""
    begun = b'event: delta\ndata: {"type": "delta"}\n\n'
    whole = reader(*NAMES)
    sent = told(whole.feed(begun + last))
    assert whole.done
    broken, late = APIConnectionError("reset"), APITimeoutError("silence", clock="idle")
    ends: list[Callable[[RawEventReader], list[ServerSentEvent]]] = [
        lambda stream: stream.end("closed", keep_truncated=False),
        lambda stream: stream.end("reset", keep_truncated=False, cause=broken),
        lambda stream: stream.stop(late),
    ]
    verdicts: set[bool] = set()
    for end in ends:
        stream = reader(*NAMES)
        came = told(stream.feed(begun + last[:cut])) + told(end(stream))
        failure = stream.take_failure()
        assert failure is None or failure is late or isinstance(failure, StreamTruncatedError)
        if failure is None:
            assert came == sent
        verdicts.add(failure is None)
    assert len(verdicts) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (b'event: error\ndata: {"type":"error","error":{"message":"full"}}\n\n', StreamError),
        (b'data: {"x_groq":{"error":{"message":"full"}}}\n\n', StreamError),
        (b'data: {"error":{"message":"full"}}\n\n', StreamError),
    ],
)
def test_errors(error: bytes, kind: type[APIError]) -> None:
    """An error event is raised after the events before it."""
    stream = reader()
    assert len(stream.feed(b"data: 1\n\n" + error)) == 1
    failure = stream.take_failure()
    assert isinstance(failure, kind)
    assert "full" in str(failure)


def test_error_without_data() -> None:
    """The name alone tells of a failure."""
    stream = reader()
    assert len(stream.feed(b"data: 1\n\nevent: error\n\ndata: 2\n\n")) == 1
    assert isinstance(stream.take_failure(), StreamError)


@pytest.mark.parametrize(
    "data",
    [
        b'event: tool_result\ndata: {"name": "f", "error": "file not found"}\n\n',
        b'event: metrics\ndata: {"loss": 1, "error": 0.25}\n\n',
        b'data: {"error": {"code": null, "message": ""}}\n\n',
    ],
)
def test_error_that_is_data(data: bytes) -> None:
    """A text or a number in an event with a name of its own, or an error that says nothing."""
    made = reader()
    assert len(made.feed(data)) == 1
    assert made.take_failure() is None


def test_signs_of_life() -> None:
    """Pings are handed out, and are no progress."""
    stream = reader()
    assert len(stream.feed(b'event: ping\ndata: {"type": "ping"}\n\n')) == 1
    seen = [stream.has_content]
    for event in (b"data: 1\n\n", b"data:\n\n"):
        stream.feed(event)
        seen.append(stream.has_content)
    assert seen == [False, True, False]


def test_too_large() -> None:
    """An event over the limit is an error; those before it are delivered."""
    stream = reader(max_event_bytes=50)
    assert len(stream.feed(b"data: 1\n\ndata: " + b"x" * 90 + b"\n\n")) == 1
    assert isinstance(stream.take_failure(), APIResponseError)
    ended = reader("1", max_event_bytes=50)
    ended.feed(b"data: 1\n\ndata: " + b"x" * 90 + b"\n\n")
    assert ended.take_failure() is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "full"}', "full"),
        (b"<html>", "isn't an event stream"),
        (b'{"a": 1}', "isn't an event stream"),
    ],
)
def test_other_bodies(body: bytes, words: str) -> None:
    """JSON or a page in the place of a stream is told as what it is."""
    stream = reader()
    stream.feed(body)
    stream.end("closed", keep_truncated=False)
    assert words in str(stream.take_failure())


def test_long_opening() -> None:
    """Only the beginning of what is no event is kept."""
    stream = reader(max_event_bytes=10**6)
    for _ in range(3):
        stream.feed(b" " * 2**14)
    stream.end("closed", keep_truncated=False)
    assert stream.done
    assert stream.take_failure() is None


def test_json() -> None:
    """The data as JSON, or an error that says it isn't."""
    assert ServerSentEvent(data='{"a": 1}').json() == {"a": 1}
    assert ServerSentEvent(data='["Hi \\ud83d"]').json() == ["Hi \ufffd"]
    assert ServerSentEvent(data="x").text == "x"
    with pytest.raises(APIResponseError, match="isn't JSON"):
        ServerSentEvent(event="e", data="{").json()


def test_nothing_is_merged() -> None:
    """No whole response is made of events that nothing describes."""
    assert reader().result() is None
    assert reader().partial() is None
    assert not reader().complete


def test_error_on_a_line_among_events() -> None:
    """It ends the stream as one in an event does."""
    stream = reader()
    assert told(stream.feed(b'data: a\n\n{"error": {"message": "busy"}}\n\ndata: b\n\n')) == [
        ("", "a", "")
    ]
    assert stream.done
    assert "busy" in str(stream.take_failure())


@pytest.mark.parametrize(
    ("cut", "executed"),
    [
        (b'data: {"type": "message", "text": "Ber', True),
        (b'event: message\ndata: {"content": [{"text": "Ber', True),
        (b"data: Ber", True),
        (b"data: {oops", False),
        (b'data: {"type": "message_start", "message": {"id": "1", "usa', False),
        (b'event: ping\ndata: {"text": "Ber', False),
        (b"data: [DO", False),
        (b"data: {", False),
        (b"data: ", False),
        (b"event: mess", False),
        (b": ping", False),
    ],
)
def test_first_event_that_is_cut(cut: bytes, *, executed: bool) -> None:
    """Something generated in it has been executed; its data are in the error."""
    events = reader("last")
    assert events.feed(cut) == []
    assert events.end("the connection broke", keep_truncated=False) == []
    failure = events.take_failure()
    assert isinstance(failure, StreamTruncatedError)
    assert failure.execution == ("executed" if executed else "unknown")
    assert ("Ber" in failure.body) == (b"Ber" in cut)


def test_error_that_is_cut() -> None:
    """It is told."""
    events = reader("last")
    events.feed(b'data: {"error": {"code": 529, "message": "over')
    events.end("the connection broke", keep_truncated=False)
    failure = events.take_failure()
    assert isinstance(failure, InternalServerError)
    assert failure.message.endswith(": over")


def test_bytes_that_are_no_text() -> None:
    """Are replaced, as the standard of event streams has it."""
    assert told(reader().feed(b"data: a\xffb\n\ndata: c\n\n")) == [
        ("", "a\ufffdb", ""),
        ("", "c", ""),
    ]
