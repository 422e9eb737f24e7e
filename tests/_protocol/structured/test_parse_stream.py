"""Chunks of a response that is to become an instance: its events, and what is wrong where it doesn't."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import pytest

from horay_async._protocol.structured.parse_stream import TypedAccumulator
from horay_async._protocol.wire.accumulate import Accumulator, ChatAccumulator
from horay_async._protocol.wire.finish_reasons import CUT_REASONS
from horay_async.errors import AnswerError
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import (
    ChatChunkChoice,
    ChatCompletionChunk,
    ChatDelta,
    FunctionCallDelta,
    ToolCallDelta,
)
from horay_async.models.events import (
    AnswerParsed,
    ChoiceFinished,
    PartialObject,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
)
from horay_async.models.parsed import ParsedToolCall
from horay_async.models.usage import Usage
from tests.readers import made_meta


@attrs.define
class Point:
    """What the text is to become."""

    x: int
    y: int = 0


def chunk(index: int = 0, finish_reason: str | None = None, **delta: Any) -> ChatCompletionChunk:
    """A chunk of one choice."""
    choice = ChatChunkChoice(index=index, delta=ChatDelta(**delta), finish_reason=finish_reason)
    return ChatCompletionChunk(id="c1", choices=[choice])


def call(arguments: str, name: str | None = None) -> ChatCompletionChunk:
    """A chunk of a tool call."""
    function = FunctionCallDelta(name=name, arguments=arguments)
    return chunk(tool_calls=[ToolCallDelta(index=0, id=name, function=function)])


def told(merging: TypedAccumulator[Any], *chunks: ChatCompletionChunk) -> list[Any]:
    """The events of chunks."""
    events: list[Any] = []
    for each in chunks:
        merging.add(each, events)
    return events


def test_object() -> None:
    """The object grows with the text, and is an instance once its choice is finished."""
    merging = TypedAccumulator(Point, {})
    values: list[Any] = []
    for event in told(merging, chunk(content='{"x"'), chunk(content=': 1, "y": 2')):
        if isinstance(event, PartialObject):
            values.append(event.value)
        else:
            assert isinstance(event, TextDelta)
    assert values == [{"x": 1}] * 2  # one object that goes on growing
    assert values[0] is values[1]
    assert merging.result().choices[0].message.parsed is None
    last = told(merging, chunk(content="}"), chunk(finish_reason="stop"))
    assert last[-2:] == [AnswerParsed(0, Point(1, 2)), ChoiceFinished(0, "stop")]
    whole = merging.result()
    assert whole.choices[0].message.parsed == Point(1, 2)
    assert whole.choices[0].message.content == '{"x": 1, "y": 2}'


def test_choices_in_any_order() -> None:
    """Each choice is parsed when it is finished, whatever the others do."""
    merging = TypedAccumulator(Point, {})
    events = told(
        merging,
        chunk(2, content='{"x": 2}'),
        chunk(0, content='{"x": '),
        chunk(2, finish_reason="stop"),
        chunk(0, reasoning_content="Hm."),
        chunk(0, content="0}", finish_reason="stop"),
    )
    assert [e for e in events if isinstance(e, AnswerParsed | ReasoningDelta)] == [
        AnswerParsed(2, Point(2)),
        ReasoningDelta(0, "Hm."),
        AnswerParsed(0, Point(0)),
    ]
    assert [c.message.parsed for c in merging.result().choices] == [Point(0), Point(2)]
    assert merging.result().choices[0].message.reasoning_content == "Hm."


def test_tools() -> None:
    """A call is told as done when its choice is, with its arguments parsed; no text is needed then."""
    merging = TypedAccumulator(Point, {"move": Point})
    events = told(merging, call('{"x"', "move"), call(": 3}"), chunk(finish_reason="tool_calls"))
    assert events[:3] == [
        ToolCallStarted(0, 0, "move", "move"),
        ToolCallArgumentsDelta(0, 0, '{"x"'),
        ToolCallArgumentsDelta(0, 0, ": 3}"),
    ]
    done, end = events[3:]
    assert isinstance(done, ToolCallDone)
    assert isinstance(done.tool_call, ParsedToolCall)
    assert done.tool_call.function.parsed_arguments == Point(3)
    assert isinstance(end, ChoiceFinished)
    [snapshot] = merging.result().choices[0].message.tool_calls or []
    assert snapshot.function.parsed_arguments == Point(3)


def test_tool_without_arguments() -> None:
    """A model that sends nothing for a tool without parameters has called it all the same."""

    @attrs.frozen
    class Now:
        pass

    merging = TypedAccumulator(Point, {"now": Now})
    events = told(merging, call("", "now"), chunk(finish_reason="tool_calls"))
    [done] = [event.tool_call for event in events if isinstance(event, ToolCallDone)]
    assert isinstance(done, ParsedToolCall)
    assert done.function.parsed_arguments == Now()


@pytest.mark.parametrize("late", ["length", "content_filter"])
def test_cut_behind_another_finish_reason(late: str) -> None:
    """A reason by which the text isn't whole counts whatever came before: iteration raises what final() does."""
    merging = TypedAccumulator(Point, {})
    events = told(merging, chunk(content='{"x": 1}', finish_reason="stop"))
    events += told(merging, chunk(finish_reason=late))
    with pytest.raises(AnswerError) as caught:
        merging.end(events)
    assert caught.value.reason == CUT_REASONS[late][0]


def test_tools_behind_the_finish_reason() -> None:
    """They are parsed at the end of the stream, and each is told once; so is the object."""
    merging = TypedAccumulator(Point, {"move": Point})
    events = told(merging, chunk(content='{"x": 1}'), call('{"x": 3}', "move"))
    events += told(merging, chunk(finish_reason="tool_calls"))
    function = FunctionCallDelta(name="move", arguments='{"x": 4}')
    late = ToolCallDelta(index=1, id="late", function=function)
    events += told(merging, chunk(tool_calls=[late], finish_reason="tool_calls"))
    for _ in range(2):
        merging.end(events)
    done = [event.tool_call for event in events if isinstance(event, ToolCallDone)]
    assert [each.id for each in done] == ["move", "late"]
    parsed: Any = [each.function for each in done]
    assert [each.parsed_arguments for each in parsed] == [Point(3), Point(4)]
    assert [event for event in events if isinstance(event, AnswerParsed)] == [
        AnswerParsed(0, Point(1))
    ]
    calls = merging.result().choices[0].message.tool_calls or []
    assert [each.function.parsed_arguments for each in calls] == [Point(3), Point(4)]


def test_without_a_class() -> None:
    """Text alone has no objects; snapshots before the end show unparsed calls."""
    merging: TypedAccumulator[None] = TypedAccumulator(None, {})
    events = told(merging, chunk(content="Let me see."), call("{}", "move"))
    assert not any(isinstance(event, PartialObject) for event in events)
    [snapshot] = merging.result().choices[0].message.tool_calls or []
    assert snapshot.function.parsed_arguments is None


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([chunk(content='{"x'), chunk(finish_reason="length")], "cut at the token limit"),
        ([chunk(refusal="I "), chunk(refusal="won't", finish_reason="stop")], "declined: I won't"),
        ([call('{"x', "move"), chunk(finish_reason="length")], "cut at the token limit"),
    ],
)
def test_failures(chunks: list[ChatCompletionChunk], said: str) -> None:
    """The end raises what is wrong with a choice; what came was told, the other choices and the usage behind it, too."""
    merging = TypedAccumulator(Point, {"move": Point})
    events = told(merging, *chunks)
    assert isinstance(events[-1], ChoiceFinished)
    if chunks[0].choices[0].delta.refusal:
        assert events[:-1] == [RefusalDelta(0, "I "), RefusalDelta(0, "won't")]
    other = told(merging, chunk(1, content='{"x": 1}', finish_reason="stop"))
    assert other[-2:] == [AnswerParsed(1, Point(1)), ChoiceFinished(1, "stop")]
    merging.add(ChatCompletionChunk(id="c1", usage=Usage(total_tokens=7)), events)
    for _ in range(2):
        with pytest.raises(AnswerError, match=said) as caught:
            merging.end(events)
        completion = caught.value.completion
        assert completion.usage == Usage(total_tokens=7)
        assert completion.choices[1].message.content == '{"x": 1}'


@pytest.mark.parametrize("late", ["", " ", "}"])
def test_what_does_not_fit(late: str) -> None:
    """The end of the stream raises it, however often it is asked for: more may come behind the finish reason."""
    merging = TypedAccumulator(Point, {})
    events = told(merging, chunk(content='{"x": "a"}'), chunk(finish_reason="stop"))
    events += told(merging, chunk(content=late))
    assert ChoiceFinished(0, "stop") in events
    for _ in range(2):
        with pytest.raises(AnswerError, match=r"\$\.x: expected|is no JSON") as caught:
            merging.end(events)
        assert caught.value.text == '{"x": "a"}' + late
        assert caught.value.completion.choices[0].message.content == '{"x": "a"}' + late


@pytest.mark.parametrize(
    ("before", "late", "values"),
    [
        ('{"x": ', "1}", [Point(1)]),
        ("", '{"x": 1}', [Point(1)]),
        ('{"x": 1}', "\n", [Point(1)]),
        ("1", "2", [1, 12]),
    ],
)
def test_text_behind_the_finish_reason(before: str, late: str, values: list[Any]) -> None:
    """It is a part of the text: the object is made of the whole."""
    merging: TypedAccumulator[Any] = TypedAccumulator(Point if before != "1" else int, {})
    events = told(merging, chunk(content=before, finish_reason="stop"), chunk(content=late))
    for _ in range(2):
        merging.end(events)
    parsed: list[Any] = [event for event in events if isinstance(event, AnswerParsed)]
    assert parsed == [AnswerParsed(0, value) for value in values]
    assert [event for event in events if isinstance(event, TextDelta)][-1] == TextDelta(0, late)
    message = merging.result().choices[0].message
    assert (message.content, message.parsed) == (before + late, values[-1])


def test_refusal_behind_the_finish_reason() -> None:
    """It counts, too."""
    merging = TypedAccumulator(Point, {})
    events = told(merging, chunk(content='{"x": 1}', finish_reason="stop"), chunk(refusal="No."))
    with pytest.raises(AnswerError, match=r"declined: No\."):
        merging.end(events)


@pytest.mark.parametrize("good", [0, 1])
def test_good_choice_beside_one_that_fails(good: int) -> None:
    """It is told of before the failure is raised, also where its text ends behind its finish reason."""
    merging = TypedAccumulator(Point, {})
    pieces = (
        chunk(good, content='{"x": ', finish_reason="stop"),
        chunk(good, content="1}"),
        chunk(1 - good, content="no", finish_reason="stop"),
    )
    events = told(merging, *pieces)
    with pytest.raises(AnswerError, match="is no JSON"):
        merging.end(events)
    assert AnswerParsed(good, Point(1)) in events
    assert merging.result().choices[good].message.parsed == Point(1)


def test_two_choices_that_fail() -> None:
    """The failure of the first choice is raised, in whichever order they came, as where they come whole."""
    merging = TypedAccumulator(Point, {})
    pieces = (
        chunk(1, content='{"x": 1', finish_reason="length"),
        chunk(0, refusal="No.", finish_reason="stop"),
    )
    events = told(merging, *pieces)
    with pytest.raises(AnswerError, match=r"declined: No\."):
        merging.end(events)


def test_failure_tells_how_the_response_came_about() -> None:
    """As that of a whole response does: by the id, the attempts, and the completion's `meta`."""
    merging = TypedAccumulator(Point, {})
    last: Any = chunk(content="no", finish_reason="stop")
    last.meta = made_meta(request_id="r-1")
    events = told(merging, last)
    with pytest.raises(AnswerError) as caught:
        merging.end(events)
    error = caught.value
    assert (error.request_id, error.attempts) == ("r-1", last.meta.attempts)
    assert error.completion.meta is last.meta


def test_merging_alone() -> None:
    """Nobody has to ask for events."""
    merging = TypedAccumulator(Point, {})
    assert not merging.result().choices
    assert merging.add(chunk(content='{"x": 1}'))
    assert merging.result().choices[0].message.parsed is None


class Piece(str):
    """A piece of text that is never to be copied into a longer one before the end."""

    __slots__ = ()

    def __add__(self, other: str) -> str:
        raise AssertionError("joined before the end")

    __radd__ = __add__


def operations(merging: Accumulator[ChatCompletionChunk, Any], count: int) -> int:
    """Calls of functions, Python's and C's, for a tool call of `count` chunks, its merging included."""
    pieces = ['{"x": 1, "y": ', *"1" * (count - 2), "}"]
    chunks = [call(Piece(piece)) for piece in pieces]
    calls = 0

    def counting(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    merging.add(call("", "move"))
    events: list[Any] = []
    sys.setprofile(counting)
    try:
        for each in chunks:
            merging.add(each, events)
        merging.add(chunk(finish_reason="tool_calls"), events)
        response: ChatCompletion = merging.result()
    finally:
        sys.setprofile(None)
    assert len(events) >= count
    assert len((response.choices[0].message.tool_calls or [])[0].function.arguments) > count
    return calls


@pytest.mark.parametrize("typed", [False, True])
def test_linear(typed: bool) -> None:
    """4,000 chunks of tool arguments take as many operations a chunk as 500, and nothing is joined twice."""

    def fresh() -> Accumulator[ChatCompletionChunk, Any]:
        return TypedAccumulator(Point, {}) if typed else ChatAccumulator()

    few, many = operations(fresh(), 500), operations(fresh(), 4_000)
    assert many / 4_000 <= few / 500
