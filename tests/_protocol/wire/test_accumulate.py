"""Chunks merged into the whole response, and the events that they mean."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.accumulate import (
    ChatAccumulator,
    CompletionAccumulator,
)
from horay_async._protocol.wire.size_limits import MAX_OBJECTS
from horay_async._protocol.wire.tool_calls import are_same_json
from horay_async.models._converter import structure_leniently
from horay_async.models.chat import ChatCompletion, FunctionCall, ToolCall
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from horay_async.models.events import (
    ChatEvent,
    ChoiceFinished,
    CompletionEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    UsageReported,
)
from tests.readers import reader_of

JSON = dict[str, Any]


def chat(expected: int, *chunks: JSON) -> ChatAccumulator:
    """Chat chunks, merged."""
    merged = ChatAccumulator(expected)
    for chunk in chunks:
        merged.add(structure_leniently(chunk, ChatCompletionChunk))
    return merged


def text(expected: int, *chunks: JSON) -> CompletionAccumulator:
    """Completion chunks, merged."""
    merged = CompletionAccumulator(expected)
    for chunk in chunks:
        merged.add(structure_leniently(chunk, CompletionChunk))
    return merged


def delta(index: int | None = 0, finish: str | None = None, **fields: Any) -> JSON:
    """One choice of a chat chunk."""
    place = {} if index is None else {"index": index}
    return {**place, "delta": fields, "finish_reason": finish}


def piece(index: int | None = 0, text: str = "", **fields: Any) -> JSON:
    """One choice of a completion chunk."""
    return {**({} if index is None else {"index": index}), "text": text, **fields}


# Random responses, split at random: what is merged must be the whole again.

WORDS = st.text(st.sampled_from('ab ß語🌍\n"'), max_size=6)
PIECES = st.lists(WORDS, max_size=4)
NUMBERS = st.floats(-9, 0)


@st.composite
def completions(draw: st.DrawFn) -> tuple[JSON, list[JSON]]:
    """A completion as the server would send it whole, and as chunks."""
    count = draw(st.integers(1, 3))
    with_logprobs, with_top = draw(st.booleans()), draw(st.booleans())
    chat_shaped = draw(st.booleans())
    choices: list[JSON] = []
    deltas: list[JSON] = []
    for index in range(count):
        pieces = draw(PIECES)
        whole: JSON = {"index": index, "text": "".join(pieces), "finish_reason": "stop"}
        own: list[JSON] = [
            {"index": index, "delta": {"content": one}} if chat_shaped else piece(index, one)
            for one in pieces
        ]
        if with_logprobs and pieces:
            whole["logprobs"] = {"tokens": [], "token_logprobs": [], "text_offset": []}
            if with_top:
                whole["logprobs"]["top_logprobs"] = []
            for at, part in enumerate(own):
                log: JSON = {
                    "tokens": [pieces[at]],
                    "token_logprobs": [draw(st.none() | NUMBERS)],
                    "text_offset": [at],
                }
                if with_top:
                    log["top_logprobs"] = [
                        draw(st.none() | st.dictionaries(WORDS, NUMBERS, max_size=2))
                    ]
                part["logprobs"] = log
                for name, values in log.items():
                    whole["logprobs"][name] += values
        own.append(piece(index, finish_reason="stop"))
        choices.append(whole)
        deltas = draw(interleaved(deltas, own))
    base: JSON = {"id": "c", "object": "text_completion", "created": 7, "model": "m"}
    chunks: list[JSON] = [{**base, "choices": group} for group in draw(grouped(deltas))]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    chunks.append({**base, "choices": [], "usage": usage, "system_fingerprint": "f"})
    prompt = [{"text": "The"}]
    chunks[0]["prompt"] = prompt
    whole = {
        **base,
        "choices": choices,
        "usage": usage,
        "system_fingerprint": "f",
        "prompt": prompt,
    }
    return whole, chunks


@st.composite
def conversations(draw: st.DrawFn) -> tuple[JSON, list[JSON]]:
    """A chat completion as the server would send it whole, and as chunks."""
    choices: list[JSON] = []
    deltas: list[JSON] = []
    for index in range(draw(st.integers(1, 3))):
        message: JSON = {"role": "assistant", "content": None}
        own = [delta(index, role="assistant", content="")]
        for name in draw(st.permutations(["reasoning_content", "refusal", "content"])):
            pieces = draw(PIECES)
            message[name] = "".join(pieces) or None
            own += [delta(index, **{name: one}) for one in pieces]
        calls: list[JSON] = []
        for number in range(draw(st.integers(0, 2))):
            parts, identity = draw(PIECES), f"call-{index}-{number}"
            function = {"name": f"tool{number}", "arguments": "".join(parts)}
            calls.append({"id": identity, "type": "function", "function": function})
            first = {"index": number, "id": identity, "type": "function",
                     "function": {"name": f"tool{number}", "arguments": ""}}  # fmt: skip
            own.append(delta(index, tool_calls=[first]))
            own += [
                delta(index, tool_calls=[{"index": number, "function": {"arguments": part}}])
                for part in parts
            ]
        if calls:
            message["tool_calls"] = calls
        if not (calls or message["refusal"]):
            message["content"] = message["content"] or ""
        whole: JSON = {"index": index, "message": message, "finish_reason": "stop"}
        if draw(st.booleans()):
            whole["logprobs"] = {"content": []}
            for part in own:
                tokens = draw(
                    st.lists(
                        st.fixed_dictionaries({"token": WORDS, "logprob": NUMBERS}), max_size=2
                    )
                )
                part["logprobs"] = {"content": tokens}
                whole["logprobs"]["content"] += tokens
        own.append(delta(index, finish="stop"))
        choices.append(whole)
        deltas = draw(interleaved(deltas, own))
    base: JSON = {"id": "c", "object": "chat.completion", "created": 7, "model": "m"}
    extra: JSON = {"usage": {"total_tokens": 3}, "system_fingerprint": "f", "service_tier": "t"}
    chunks: list[JSON] = [{**base, "choices": group} for group in draw(grouped(deltas))]
    chunks.append({**base, "choices": [], **extra})
    return {**base, "choices": choices, **extra}, chunks


@st.composite
def interleaved(draw: st.DrawFn, one: list[JSON], other: list[JSON]) -> list[JSON]:
    """Two lists as one, each in its own order."""
    one, other = one[:], other[:]
    merged: list[JSON] = []
    while one and other:
        merged.append((one if draw(st.booleans()) else other).pop(0))
    return merged + one + other


@st.composite
def grouped(draw: st.DrawFn, deltas: list[JSON]) -> list[list[JSON]]:
    """Neighbours put into one chunk at times, as far as they are of different choices."""
    groups: list[list[JSON]] = []
    for one in deltas:
        indexes = {choice["index"] for choice in groups[-1]} if groups else {one["index"]}
        # Two choices of index 0 would say that the server numbers none.
        if one["index"] in indexes or draw(st.booleans()):
            groups.append([one])
        else:
            groups[-1].append(one)
    return groups


@given(completions())
def test_completion_is_whole_again(made: tuple[JSON, list[JSON]]) -> None:
    """Whatever the split, the merged completion is the one that would have come whole."""
    whole, chunks = made
    merged = text(len(whole["choices"]), *chunks)
    assert merged.result() == structure_leniently(whole, Completion)
    assert merged.complete


@given(conversations())
def test_chat_is_whole_again(made: tuple[JSON, list[JSON]]) -> None:
    """Whatever the split, the merged chat completion is the one that would have come whole."""
    whole, chunks = made
    merged = chat(len(whole["choices"]), *chunks)
    assert merged.result() == structure_leniently(whole, ChatCompletion)
    assert merged.complete


@given(conversations(), st.data())
def test_chat_is_incomplete_until_the_end(
    made: tuple[JSON, list[JSON]], data: st.DataObject
) -> None:
    """As long as any choice lacks its finish reason, the response isn't complete."""
    whole, chunks = made
    count = data.draw(st.integers(0, len(chunks) - 1))
    finished = {
        choice["index"]
        for chunk in chunks[:count]
        for choice in chunk["choices"]
        if choice["finish_reason"]
    }
    merged = chat(len(whole["choices"]), *chunks[:count])
    assert merged.complete == (len(finished) == len(whole["choices"]))
    assert merged.empty == (count == 0)


@given(conversations(), st.data())
def test_results_on_the_way(made: tuple[JSON, list[JSON]], data: st.DataObject) -> None:
    """A result taken on the way doesn't change with what comes later, and doesn't change that."""
    whole, chunks = made
    at = data.draw(st.integers(0, len(chunks)))
    merged = chat(1, *chunks[:at])
    early = merged.result()
    before = copy.deepcopy(early)
    for chunk in chunks[at:]:
        merged.add(structure_leniently(chunk, ChatCompletionChunk))
    assert early == before
    assert merged.result() == structure_leniently(whole, ChatCompletion)


@given(completions())
def test_completion_results_on_the_way(made: tuple[JSON, list[JSON]]) -> None:
    """The same for completions, at every chunk."""
    whole, chunks = made
    merged = CompletionAccumulator()
    early: list[tuple[Completion, Completion]] = []
    for chunk in chunks:
        merged.add(structure_leniently(chunk, CompletionChunk))
        early.append((merged.result(), copy.deepcopy(merged.result())))
    assert all(taken == before for taken, before in early)
    assert merged.result() == structure_leniently(whole, Completion)


@given(conversations())
def test_events_tell_the_same(made: tuple[JSON, list[JSON]]) -> None:
    """The events of a stream add up to its response."""
    whole, chunks = made
    merged = ChatAccumulator(1)
    events: list[ChatEvent] = []
    for chunk in chunks:
        merged.add(structure_leniently(chunk, ChatCompletionChunk), events)
    kinds: dict[str, type[TextDelta | ReasoningDelta | RefusalDelta]] = {
        "content": TextDelta,
        "reasoning_content": ReasoningDelta,
        "refusal": RefusalDelta,
    }
    for choice in whole["choices"]:
        own = [e for e in events if not isinstance(e, UsageReported) and e.index == choice["index"]]
        for name, kind in kinds.items():
            told = "".join(event.text for event in own if isinstance(event, kind))
            assert told == (choice["message"].get(name) or "")
        calls: list[JSON] = choice["message"].get("tool_calls") or []
        assert [(e.id, e.name) for e in own if isinstance(e, ToolCallStarted)] == [
            (call["id"], call["function"]["name"]) for call in calls
        ]
        assert [e.tool_call for e in own if isinstance(e, ToolCallDone)] == [
            structure_leniently(call, ToolCall) for call in calls
        ]
        for number, call in enumerate(calls):
            told = "".join(
                e.arguments
                for e in own
                if isinstance(e, ToolCallArgumentsDelta) and e.tool_index == number
            )
            assert told == call["function"]["arguments"]
        assert own[-1] == ChoiceFinished(choice["index"], "stop")
    assert isinstance(events[-1], UsageReported)


def test_end_of_a_stream_ends_its_choices() -> None:
    """What no finish reason has ended ends with the stream, once; what one has ended isn't told again."""
    merged = ChatAccumulator()
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    for choices in (
        [delta(0, tool_calls=[call]), delta(1, "stop", content="x")],
        [delta(2, content="y")],
    ):
        merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), [])
    events: list[ChatEvent] = []
    merged.end(events)
    done = ToolCallDone(0, 0, ToolCall(id="a", function=FunctionCall(name="f", arguments="{}")))
    told = ToolCallArgumentsDelta(0, 0, "{}")
    assert events == [told, done, ChoiceFinished(0, None), ChoiceFinished(2, None)]
    merged.end(events)
    assert len(events) == 4


@pytest.mark.parametrize(
    "pieces",
    [
        ["{}", '{"a":1}'],
        ["{", "}", '{"a"', ":1}"],
        [" { ", "} ", "", '{"a":1}'],
        ["{", '"a":1}'],
        ['{"a"', ":1}"],
        ["{}"],
        [" {", " }"],
        ["null"],
        ["{", "["],
        [""],
    ],
)
def test_deltas_are_the_arguments(pieces: list[str]) -> None:
    """What events tell of them, joined: without the `{}` with which some servers begin."""
    merged, events = ChatAccumulator(), list[ChatEvent]()
    for at, piece in enumerate(pieces):
        call = {"index": 0, "function": {"arguments": piece}}
        if not at:
            call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": piece}}
        choices = [delta(0, tool_calls=[call])]
        merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), events)
    merged.end(events)
    told = [event.arguments for event in events if isinstance(event, ToolCallArgumentsDelta)]
    done = [event.tool_call for event in events if isinstance(event, ToolCallDone)]
    calls = merged.result().choices[0].message.tool_calls
    assert calls is not None
    assert "".join(told) == calls[0].function.arguments
    assert [call.function.arguments for call in done] == ["".join(told)]


def test_call_in_the_chunk_that_finishes_it() -> None:
    """As servers send it that make a stream of a whole response: it is told before that, also without arguments."""
    merged, events = ChatAccumulator(), list[ChatEvent]()
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    choices = [delta(0, "tool_calls", tool_calls=[call])]
    merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), events)
    kinds = [ToolCallStarted, ToolCallArgumentsDelta, ToolCallDone, ChoiceFinished]
    assert [type(event) for event in events] == kinds
    merged.end(events)
    assert len(events) == 4


def test_call_behind_the_finish_reason_is_told_at_the_end() -> None:
    """Some servers give each chunk of calls a finish reason; each call is told once."""
    merged = ChatAccumulator()
    events: list[ChatEvent] = []
    for number in (0, 1):
        call = {"index": number, "id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}
        choices = [delta(0, "tool_calls", tool_calls=[call])]
        merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), events)
    for _ in range(2):
        merged.end(events)
    done = [event.tool_call.id for event in events if isinstance(event, ToolCallDone)]
    assert done == ["c0", "c1"]
    assert [event for event in events if isinstance(event, ChoiceFinished)] == [
        ChoiceFinished(0, "tool_calls")
    ]


@pytest.mark.parametrize("empty", [True, False])
def test_call_that_is_whole_is_told_once_it_is(empty: bool) -> None:
    """Some servers send a finish reason with each chunk: the arguments that had come by the first one aren't all."""
    merged = ChatAccumulator()
    events: list[ChatEvent] = []
    pieces = ["" if empty else '{"city":', '"Rome",', '"days":3}']
    if empty:
        pieces[1] = '{"city":"Rome",'
    for at, arguments in enumerate(pieces):
        call: JSON = {"index": 0, "function": {"arguments": arguments}}
        if not at:
            call["id"], call["function"]["name"] = "a", "f"
        choices = [delta(0, "tool_calls", tool_calls=[call])]
        merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), events)
    merged.end(events)
    [done] = [event.tool_call for event in events if isinstance(event, ToolCallDone)]
    assert done.function.arguments == '{"city":"Rome","days":3}'


def test_calls_are_told_in_their_order() -> None:
    """One that is whole waits for one before it whose arguments may go on; those that never become whole are told at the end."""
    merged = ChatAccumulator()
    events: list[ChatEvent] = []
    calls = [
        {"index": at, "id": str(at), "function": {"name": "f", "arguments": arguments}}
        for at, arguments in enumerate(["", "{}", '{"cut'])
    ]
    choices = [delta(0, "tool_calls", tool_calls=calls)]
    merged.add(structure_leniently({"choices": choices}, ChatCompletionChunk), events)
    assert not [event for event in events if isinstance(event, ToolCallDone)]
    merged.end(events)
    done = [event.tool_call for event in events if isinstance(event, ToolCallDone)]
    assert [call.function.arguments for call in done] == ["", "{}", '{"cut']


# What servers do.


def test_nothing_came() -> None:
    """Without a chunk there is an empty response, and it isn't complete."""
    for merged in (ChatAccumulator(), CompletionAccumulator()):
        assert merged.empty
        assert not merged.complete
        assert merged.result().choices == []


def test_choices_without_index_in_one_chunk() -> None:
    """Choices that come together without an index are told apart by their position."""
    chunks: list[JSON] = [
        {"choices": [piece(None, "a"), piece(None, "x")]},
        {"choices": [piece(None, "b"), piece(None, "y", finish_reason="length")]},
    ]
    response = text(2, *chunks).result()
    assert [(c.index, c.text, c.finish_reason) for c in response.choices] == [
        (0, "ab", None),
        (1, "xy", "length"),
    ]
    chatty = chat(2, {"choices": [delta(None, content="a"), delta(None, content="x")]}).result()
    assert [(c.index, c.message.content) for c in chatty.choices] == [(0, "a"), (1, "x")]


def test_choices_in_any_order() -> None:
    """The merged choices stand in their order, whatever order they came in."""
    merged = chat(
        3,
        {"choices": [delta(2, content="c", finish="stop")]},
        {"choices": [delta(0, content="a", finish="stop")]},
        {"choices": [delta(1, content="b")]},
    )
    assert [choice.message.content for choice in merged.result().choices] == ["a", "b", "c"]
    assert not merged.complete
    merged.add(structure_leniently({"choices": [delta(1, finish="length")]}, ChatCompletionChunk))
    assert merged.complete


def test_fewer_choices_than_asked_for() -> None:
    """A choice that never came is missing."""
    assert not text(2, {"choices": [piece(0, "a", finish_reason="stop")]}).complete
    assert text(1, {"choices": [piece(0, "a", finish_reason="stop")]}).complete


@pytest.mark.parametrize("reason", ["", None])
def test_an_empty_finish_reason_is_none(reason: str | None) -> None:
    """Some servers send an empty finish reason with each chunk: that is no end."""
    plain = text(1, {"choices": [piece(0, "a", finish_reason=reason)]})
    assert not plain.complete
    assert plain.result().choices[0].finish_reason is None
    assert not chat(1, {"choices": [delta(content="a", finish=reason)]}).complete


@pytest.mark.parametrize(
    ("reasons", "counts"),
    [
        (["tool_calls", "stop"], "tool_calls"),
        (["stop", "tool_calls"], "stop"),
        (["length", "stop"], "length"),
        (["stop", "length"], "length"),
        (["tool_calls", "content_filter"], "content_filter"),
        (["length", "content_filter"], "length"),
        (["content_filter", "length", "stop"], "content_filter"),
    ],
)
def test_finish_reasons_that_contradict(reasons: list[str], counts: str) -> None:
    """The first one counts, or else the first by which the text isn't whole."""
    pieces = [piece(finish_reason=reason) for reason in reasons]
    plain = text(1, *({"choices": [each]} for each in pieces))
    assert plain.result().choices[0].finish_reason == counts
    chatty = chat(1, *({"choices": [delta(finish=reason)]} for reason in reasons))
    assert chatty.result().choices[0].finish_reason == counts


def test_a_finish_reason_that_comes_twice() -> None:
    """The choice finishes once."""
    events: list[CompletionEvent] = []
    merged = CompletionAccumulator()
    for reason in ("stop", "length"):
        merged.add(
            structure_leniently({"choices": [piece(finish_reason=reason)]}, CompletionChunk), events
        )
    assert events == [ChoiceFinished(0, "stop")]
    assert merged.result().choices[0].finish_reason == "length"
    assert merged.complete
    chat_events: list[ChatEvent] = []
    chatty = ChatAccumulator()
    for reason in ("stop", "length"):
        chatty.add(
            structure_leniently({"choices": [delta(finish=reason)]}, ChatCompletionChunk),
            chat_events,
        )
    assert chat_events == [ChoiceFinished(0, "stop")]
    assert chatty.complete


def test_text_as_a_chat_delta() -> None:
    """Text that comes as `delta.content` on the path of completions is the chunk's text too."""
    chunk = structure_leniently({"choices": [{"delta": {"content": "Hi"}}]}, CompletionChunk)
    merged = CompletionAccumulator()
    events: list[CompletionEvent] = []
    assert merged.add(chunk, events)
    assert chunk.text == "Hi"
    assert chunk.choices[0].text == "Hi"
    assert events == [TextDelta(0, "Hi")]
    odd: list[Any] = [None, 7, [], {}]
    for content in odd:
        sent: JSON = {"choices": [{"delta": {"content": content}}]}
        assert not merged.add(structure_leniently(sent, CompletionChunk))
    assert merged.result().choices[0].text == "Hi"


def test_adding_a_chunk_again_elsewhere() -> None:
    """A chunk can be merged in two places: the first leaves it fit for the second."""
    sent: JSON = {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}
    chunk = structure_leniently(sent, CompletionChunk)
    results: list[Completion] = []
    for _ in range(2):
        merged = CompletionAccumulator(2)
        merged.add(chunk)
        results.append(merged.result())
    assert results[0] == results[1]
    assert [choice.text for choice in results[1].choices] == ["a", "b"]


def test_what_is_content() -> None:
    """Text, reasoning, refusals and tool calls are progress; roles, ends and usage aren't."""
    merged = ChatAccumulator()

    def add(**fields: Any) -> bool:
        return merged.add(structure_leniently({"choices": [delta(**fields)]}, ChatCompletionChunk))

    assert add(content="a")
    assert add(reasoning_content="a")
    assert add(refusal="a")
    assert add(tool_calls=[{"index": 0, "function": {"arguments": "{"}}])
    assert not add(role="assistant")
    assert not add(content="")
    assert not add(refusal="", reasoning_content="", tool_calls=[])
    assert not add(finish="stop")
    assert not merged.add(structure_leniently({"choices": [], "usage": {}}, ChatCompletionChunk))
    assert not merged.add(structure_leniently({}, ChatCompletionChunk))
    plain = CompletionAccumulator()
    assert plain.add(structure_leniently({"choices": [piece(text="a")]}, CompletionChunk))
    assert not plain.add(
        structure_leniently({"choices": [piece(finish_reason="stop")]}, CompletionChunk)
    )


def test_the_head_comes_late() -> None:
    """Id, model and time are those of the first chunk that has an id."""
    response = chat(
        1, {"choices": []}, {"id": "c", "model": "m", "created": 7}, {"id": "d"}
    ).result()
    assert (response.id, response.model, response.created) == ("c", "m", 7)
    plain = text(1, {"model": "m"}, {"model": "n"}).result()
    assert (plain.id, plain.model) == ("", "m")
    assert text(1, {"model": "m"}, {"id": "d", "model": "n"}).result().id == "d"


def test_usage_of_each_chunk() -> None:
    """Where usage comes with each chunk, the last one counts; null changes nothing."""
    usages = [{"total_tokens": 1}, {"total_tokens": 2}, None]
    chunks: list[JSON] = [{"choices": [], "usage": usage} for usage in usages]
    for merged in (chat(1, *chunks), text(1, *chunks)):
        usage = merged.result().usage
        assert usage is not None
        assert usage.total_tokens == 2


@pytest.mark.parametrize(
    "names", [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")]
)
def test_usage_in_two_parts(names: tuple[str, str]) -> None:
    """Some servers tell the prompt's tokens first and the others at the end; zeros say nothing."""
    prompt, completion = names
    usages: list[JSON] = [
        {prompt: 30, completion: 0},
        {completion: 10, "prompt_tokens_details": {"cached_tokens": 4}},
        {prompt: 0, completion: 0, "completion_tokens_details": {"reasoning_tokens": 1}},
    ]
    reader = reader_of()
    for told in usages:
        data = json.dumps({"choices": [], "usage": told})
        reader.feed(f"data: {data}\n\n".encode())
    usage = reader.result().usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (30, 10, 40)
    assert usage.prompt_tokens_details.cached_tokens == 4
    assert usage.completion_tokens_details.reasoning_tokens == 1


@pytest.mark.parametrize("again", [{}, {"prompt_tokens": 100, "total_tokens": 105}])
def test_what_the_last_usage_leaves_out(again: JSON) -> None:
    """Tokens read from a cache and what a server adds stay as they came, also where both counts are in the last one."""
    cached = {"prompt_tokens_details": {"cached_tokens": 90}, "cost": 0.5, "hits": 1}
    first = {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100, **cached}
    reader = reader_of()
    for usage in (first, {"completion_tokens": 5, "hits": 2, **again}):
        reader.feed(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
    usage = reader.result().usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 5, 105)
    assert usage.prompt_tokens_details.cached_tokens == 90
    told = reader.result().to_dict()["usage"]
    assert (told["cost"], told["hits"]) == (0.5, 2)


def test_usage_event_of_a_completion() -> None:
    """Usage is told by an event."""
    events: list[CompletionEvent] = []
    chunk = structure_leniently({"choices": [], "usage": {"total_tokens": 2}}, CompletionChunk)
    CompletionAccumulator().add(chunk, events)
    assert isinstance(events[0], UsageReported)
    assert events[0].usage.total_tokens == 2


def test_roles() -> None:
    """The role is kept, and an empty one changes nothing."""
    response = chat(1, {"choices": [delta(role="tool")]}, {"choices": [delta(role="")]}).result()
    assert response.choices[0].message.role == "tool"


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({}, ""),
        ({"content": "a", "refusal": "b"}, "a"),
        ({"refusal": "b"}, None),
        ({"tool_calls": [{"index": 0}]}, None),
        ({"reasoning_content": "b"}, ""),
    ],
    ids=str,
)
def test_content_is_null_where_something_else_came(fields: JSON, content: str | None) -> None:
    """A message without text has null content if it has a refusal or tool calls instead."""
    response = chat(1, {"choices": [delta(**fields)]}).result()
    assert response.choices[0].message.content == content


def test_logprobs_of_some_chunks() -> None:
    """Alternatives stay aligned with the tokens where only some chunks have them."""

    def log(token: str, **more: Any) -> JSON:
        return {"choices": [piece(logprobs={"tokens": [token], "token_logprobs": [-1.0], **more})]}

    response = text(
        1, log("a"), log("b", top_logprobs=[{"b": -1.0}]), log("c"), log("d", top_logprobs=None)
    ).result()
    have = response.choices[0].logprobs
    assert have is not None
    assert have.tokens == ["a", "b", "c", "d"]
    assert have.top_logprobs == [None, {"b": -1.0}, None, None]
    assert have.text_offset is None
    both = text(
        1, log("a", top_logprobs=[{"a": -1.0}]), log("b", top_logprobs=[{"b": -1.0}])
    ).result()
    assert both.choices[0].logprobs is not None
    assert both.choices[0].logprobs.top_logprobs == [{"a": -1.0}, {"b": -1.0}]
    none = text(1, log("a"), log("b")).result()
    assert none.choices[0].logprobs is not None
    assert none.choices[0].logprobs.top_logprobs is None
    empty = text(1, log("a", top_logprobs=[]), log("b", top_logprobs=[])).result()
    assert empty.choices[0].logprobs is not None
    assert empty.choices[0].logprobs.top_logprobs == []


@pytest.mark.parametrize("lacking", [{"token_logprobs": None}, {}, {"token_logprobs": []}])
@pytest.mark.parametrize("behind", [False, True])
def test_logprobs_stay_beside_their_tokens(lacking: dict[str, Any], *, behind: bool) -> None:
    """A chunk that has tokens, and no probabilities of them, moves no others to them; nor do probabilities alone."""
    without = {"tokens": ["A"], **lacking}
    with_all: JSON = {"tokens": ["B"], "token_logprobs": [-0.2], "text_offset": [1]}
    order = [with_all, without] if behind else [without, with_all]
    log = text(1, *({"choices": [piece(logprobs=one)]} for one in order)).result()
    have = log.choices[0].logprobs
    assert have is not None
    assert dict(zip(have.tokens, have.token_logprobs, strict=True)) == {"A": None, "B": -0.2}
    assert have.text_offset is None
    without = {"tokens": list[str]()}
    ended = text(1, *({"choices": [piece(logprobs=one)]} for one in (with_all, without)))
    assert (whole := ended.result().choices[0].logprobs) is not None
    assert whole.text_offset == [1]
    bare = text(
        1,
        {"choices": [piece(logprobs={"tokens": [], "token_logprobs": [-0.1]})]},
        {"choices": [piece(logprobs=with_all)]},
    ).result()
    assert bare.choices[0].logprobs is not None
    assert bare.choices[0].logprobs.tokens == ["", "B"]
    assert bare.choices[0].logprobs.token_logprobs == [-0.1, -0.2]


def test_logprobs_of_a_refusal() -> None:
    """Log probabilities of a refusal are joined like those of the text."""
    chunks: list[JSON] = [
        {"choices": [{"delta": {}, "logprobs": {"refusal": [{"token": token}]}}]} for token in "ab"
    ]
    have = chat(1, *chunks).result().choices[0].logprobs
    assert have is not None
    assert have.content is None
    assert have.refusal is not None
    assert [entry.token for entry in have.refusal] == ["a", "b"]


def tool(**fields: Any) -> JSON:
    """A chunk with one tool call's delta."""
    return {"choices": [delta(tool_calls=[fields])]}


def calls_of(*chunks: JSON) -> list[tuple[str, str, str]]:
    """The merged tool calls: id, name and arguments."""
    calls = chat(1, *chunks).result().choices[0].message.tool_calls or []
    return [(call.id, call.function.name, call.function.arguments) for call in calls]


def test_tool_calls_without_index() -> None:
    """Without an index, a new id begins a new call, and anything else goes on with the newest."""
    assert calls_of(
        tool(id="a", function={"name": "f", "arguments": "{"}),
        tool(function={"arguments": "}"}),
        tool(id="b", function={"name": "g", "arguments": "[]"}),
        tool(id="b", function={"arguments": " "}),
    ) == [("a", "f", "{}"), ("b", "g", "[] ")]
    assert calls_of(tool(function={"name": "f"}), tool(id="a", function={"arguments": "1"})) == [
        ("a", "f", "1")
    ]


@pytest.mark.parametrize("first", [{}, {"index": None}], ids=["none", "null"])
def test_index_that_comes_later(first: JSON) -> None:
    """A piece with nothing else that tells which call it is of goes on with the one that has no index, unless that is whole."""
    begun = tool(**first, id="a", function={"name": "f", "arguments": ""})
    rest = [tool(index=1, function={"arguments": part}) for part in ('{"x": ', "1}")]
    assert calls_of(begun, *rest) == [("a", "f", '{"x": 1}')]
    assert calls_of(begun, *rest, tool(index=2, function={"arguments": "2"})) == [
        ("a", "f", '{"x": 1}'),
        ("", "", "2"),
    ]
    named = tool(index=1, function={"name": "f", "arguments": "1"})
    assert calls_of(tool(**first, id="a"), named) == [("a", "f", "1")]
    again = [tool(index=1, id="a", function={"arguments": part}) for part in ('{"x": ', "1}")]
    assert calls_of(begun, *again) == [("a", "f", '{"x": 1}')]
    other = tool(**first, id="b", function={"name": "g", "arguments": "{}"})
    assert calls_of(begun, other, *again) == [("a", "f", '{"x": 1}'), ("b", "g", "{}")]
    assert calls_of(begun, tool(index=1, id="b", function={"name": "f"})) == [
        ("a", "f", ""),
        ("b", "f", ""),
    ]
    whole = tool(**first, id="a", function={"name": "f", "arguments": "{}"})
    assert calls_of(whole, *rest) == [("a", "f", "{}"), ("", "", '{"x": 1}')]


@pytest.mark.parametrize("parts", [["null"], ["nu", "ll"], ["nu", "l", "l"], [" ", "nul", "l "]])
def test_null_for_arguments(parts: list[str]) -> None:
    """It is whole: what follows is another call, or the same once more."""
    first = [tool(id="a", function={"name": "now"})]
    first += [tool(function={"arguments": part}) for part in parts]
    other = [tool(id="b", function={"name": "now"}), tool(function={"arguments": "{}"})]
    text = "".join(parts)
    assert calls_of(*first, *other) == [("a", "now", text), ("b", "now", "{}")]
    again = tool(id="a", function={"name": "now", "arguments": "null"})
    assert calls_of(*first, again) == [("a", "now", text)]


def test_tool_calls_without_index_are_numbered() -> None:
    """The events number such calls as they come."""
    merged, events = ChatAccumulator(), list[ChatEvent]()
    for chunk in (tool(id="a"), tool(id="b"), tool(id="c")):
        merged.add(structure_leniently(chunk, ChatCompletionChunk), events)
    assert [e.tool_index for e in events if isinstance(e, ToolCallStarted)] == [0, 1, 2]


def test_tool_call_in_pieces() -> None:
    """Name and arguments are joined, the type is kept, calls stand in their order."""
    assert calls_of(
        tool(index=1, id="b", type="custom", function={"name": "g"}),
        tool(index=0, id="a", function={"name": "get_"}),
        tool(index=0, function={"name": "time"}),
        tool(index=1, function=None),
    ) == [("a", "get_time", ""), ("b", "g", "")]


WHOLE: JSON = {
    "index": 0,
    "id": "a",
    "type": "function",
    "function": {"name": "pay", "arguments": '{"n": 5}'},
}


@pytest.mark.parametrize(
    "first",
    [
        [WHOLE],
        [{"index": 0, "id": "a", "function": {"name": "pay", "arguments": ""}}]
        + [{"index": 0, "function": {"arguments": part}} for part in ('{"n"', ": 5}")],
    ],
    ids=["whole", "in pieces"],
)
@pytest.mark.parametrize("written", ['{"n": 5}', '{"n":5}', '{\n  "n": 5\n}'])
@pytest.mark.parametrize("without", ["", "index", "name", "id", "id and index"])
def test_a_call_that_is_repeated_is_one_call(first: list[JSON], without: str, written: str) -> None:
    """Its id or name and all of its arguments once more are nothing new, as some servers end with the whole message, and some
    have a call as `function_call` as well.
    """
    function = {"name": "pay", "arguments": written}
    function = {k: v for k, v in function.items() if k not in without.split()}
    again = {k: v for k, v in {**WHOLE, "function": function}.items() if k not in without.split()}
    other = {"index": 1, "id": "b", "function": {"name": "pay", "arguments": '{"n": 5}'}}
    calls = [("a", "pay", '{"n": 5}'), ("b", "pay", '{"n": 5}')]
    chunks = [*(tool(**one) for one in first), tool(**again)]
    assert calls_of(*chunks) == calls[:1]
    if "index" not in without:
        whole = {"choices": [delta(tool_calls=[again, other], finish="tool_calls")]}
        assert calls_of(*chunks[:-1], tool(**other), whole) == calls
    merged, events = ChatAccumulator(), list[ChatEvent]()
    told = [merged.add(structure_leniently(chunk, ChatCompletionChunk), events) for chunk in chunks]
    assert told == [*[True] * len(first), False]
    assert len([e for e in events if isinstance(e, ToolCallStarted)]) == 1


@pytest.mark.parametrize("text", ["\u4e2d\u6587" * 40, "\U0001f600" * 40])
def test_a_call_that_is_repeated_in_another_spelling(text: str) -> None:
    """ASCII spells one character as up to twelve; it is the same call, which runs once."""
    escaped, plain = json.dumps({"q": text}), json.dumps({"q": text}, ensure_ascii=False)
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": escaped}}
    again = {"index": 0, "id": "a", "function": {"name": "f", "arguments": plain}}
    assert calls_of(tool(**first), tool(**again)) == [("a", "f", escaped)]


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        ([], "{}"),
        (['{"zone":', '"Asia/Tokyo"}'], '{"zone":"Asia/Tokyo"}'),
        ([" ", '{"zone":1}'], '{"zone":1}'),
        (["\n", "", " "], "{}\n "),
    ],
)
def test_placeholder_before_the_arguments(pieces: list[str], arguments: str) -> None:
    """Some servers begin a call with an empty object, in whose place its arguments come; blanks are none."""
    first = {"index": 0, "id": "a", "function": {"name": "now", "arguments": "{}"}}
    rest: list[JSON] = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    whole = ("a", "now", arguments)
    assert calls_of(tool(**first), *(tool(**each) for each in rest)) == [whole]
    again: list[JSON] = [
        {**first, "function": {"name": "now", **each["function"]}} for each in rest
    ]
    assert calls_of(tool(**first), *(tool(**each) for each in again)) == [whole]


@pytest.mark.parametrize(
    "without", ["", "id", "name", "id and name", "index", "id and index", "id and name and index"]
)
@pytest.mark.parametrize("arguments", ["", '{"n": 5}'])
@pytest.mark.parametrize("together", [True, False])
def test_placeholder_goes_on(without: str, arguments: str, together: bool) -> None:
    """It is one call, in one chunk too, whatever of its names comes again."""
    first = {"index": 0, "id": "a", "function": {"name": "pay", "arguments": "{}"}}
    left = without.split()
    function = {"arguments": arguments} | ({} if "name" in left else {"name": "pay"})
    again: JSON = {"index": 0, "function": function} | ({} if "id" in left else {"id": "a"})
    if "index" in left:
        del first["index"], again["index"]
    whole = [("a", "pay", arguments or "{}")]
    if together and left == ["id", "and", "index"]:  # nothing tells them from two calls
        whole = [("a", "pay", "{}"), ("", "pay", arguments)]
    if together:
        assert calls_of({"choices": [delta(tool_calls=[first, again])]}) == whole
    else:
        assert calls_of(tool(**first), tool(**again)) == whole


def test_calls_without_arguments_of_one_index() -> None:
    """A blank behind the first one's makes it no other: the second is one, too."""
    named = {"name": "now", "arguments": "{}"}
    first, second = ({"index": 0, "id": id_, "function": named} for id_ in "ab")
    blank = {"index": 0, "id": "a", "function": {"name": "now", "arguments": " "}}
    calls = calls_of(tool(**first), tool(**blank), tool(**second))
    assert calls == [("a", "now", "{} "), ("b", "now", "{}")]


def test_calls_alike_without_arguments() -> None:
    """In one chunk, with the same id, they are two."""
    calls = [{"index": 0, "id": "null", "function": {"name": "now", "arguments": "{}"}}] * 2
    assert calls_of({"choices": [delta(tool_calls=calls)]}) == [("null", "now", "{}")] * 2


def test_calls_in_one_chunk_are_no_repetition() -> None:
    """Though they are alike, and a server gives all the same id."""
    calls = [{"id": "null", "function": {"name": "pay", "arguments": '{"n": 5}'}}] * 2
    chunk = {"choices": [delta(tool_calls=calls)]}
    assert calls_of(chunk) == [("null", "pay", '{"n": 5}')] * 2


@pytest.mark.parametrize(
    "again",
    [
        {"index": 0, "function": {"name": "pay", "arguments": '{"n": 5}'}},
        {"function": {"name": "pay", "arguments": '{"n": 5}'}},
    ],
    ids=str,
)
def test_calls_without_ids_are_no_repetition(again: JSON) -> None:
    """A server that sends no ids may mean another call that is alike."""
    assert calls_of(tool(**again), tool(**again)) == [("", "pay", '{"n": 5}')] * 2


@pytest.mark.parametrize(
    ("arguments", "name"), [('{"n": 5', "pay"), ('{"n": 5}}', "pay"), ('{"n": 5}', "repay")]
)
def test_what_is_no_repetition_is_kept(arguments: str, name: str) -> None:
    """Arguments that aren't whole, and those of another function."""
    other = {"index": 0, "id": "a", "function": {"name": name, "arguments": arguments}}
    assert calls_of(tool(**WHOLE), tool(**other))[1:] == [("a", name, arguments)]


def test_calls_of_one_id_that_differ_are_kept() -> None:
    """Where a server gives different calls the same id, none is lost."""
    other = {**WHOLE, "function": {"name": "pay", "arguments": '{"n": 6}'}}
    assert calls_of(tool(**WHOLE), tool(**other)) == [
        ("a", "pay", '{"n": 5}'),
        ("a", "pay", '{"n": 6}'),
    ]


@pytest.mark.parametrize("index", [{}, {"index": 0}], ids=["no index", "index 0"])
@pytest.mark.parametrize("rest", ["", "}"])
@pytest.mark.parametrize(
    "broken", ['{"n": 5', '{"n": "5', '{"n": "\\"', "{", '{"n": "\\', '{"n": 5 ']
)
def test_a_call_behind_one_that_is_broken(index: JSON, rest: str, broken: str) -> None:
    """It keeps its id and its arguments, though the call before it, of the same function, isn't whole, or comes in turn."""
    chunks = [
        tool(**index, id="a", type="function", function={"name": "pay", "arguments": broken}),
        tool(**index, id="b", function={"name": "pay", "arguments": '{"n": 6}'}),
        tool(**index, id="a", function={"arguments": rest}),
    ]
    assert calls_of(*chunks) == [("a", "pay", broken + rest), ("b", "pay", '{"n": 6}')]


@pytest.mark.parametrize(
    "parts",
    [
        ('{"a": ', '{"b": 1}', "}"),
        ('{"a": [', ' {"b": 1}', ", ", '{"b": 2}', "]}"),
        ('{"a": ', " ", "{}", "}"),
        ('{"a": "x = ', "{", '}"}'),
        ('{"a": "x = ', '{\\"b\\": 1}"', "}"),
        ('{"a": "x = ', '{y}" , "b": 1}'),
        ('{"a": "\\', '\\{y}"}'),
        ('{"', '{x}": 1}'),
    ],
    ids=str,
)
@pytest.mark.parametrize("index", [{}, {"index": 0}], ids=["no index", "index 0"])
def test_pieces_with_an_id_of_their_own(index: JSON, parts: tuple[str, ...]) -> None:
    """They are of one call as long as their arguments can go on with those so far."""
    chunks = [
        tool(**index, id=str(at), function={"name": "f", "arguments": part})
        for at, part in enumerate(parts)
    ]
    assert calls_of(*chunks) == [("0", "f", "".join(parts))]


@pytest.mark.parametrize(
    ("index", "calls"),
    [({}, [("a", "f", ""), ("b", "f", "{}")]), ({"index": 0}, [("a", "f", "{}")])],
    ids=["no index", "index 0"],
)
def test_a_new_id_before_any_arguments(index: JSON, calls: list[tuple[str, str, str]]) -> None:
    """It begins a call where no index says that it goes on with one: nothing else tells a call from an id for each piece."""
    chunks = [
        tool(**index, id="a", function={"name": "f", "arguments": ""}),
        tool(**index, id="b", function={"name": "f", "arguments": "{}"}),
    ]
    assert calls_of(*chunks) == calls


@pytest.mark.parametrize(
    "again",
    [
        {"index": 0},
        {"index": 0, "function": {}},
        {"index": 0, "function": {"arguments": ""}},
        {"index": 0, "function": {"name": "", "arguments": ""}},
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"id": "a"},
        {"function": {"name": "f"}},
    ],
    ids=str,
)
def test_pieces_of_calls_that_hold_nothing_new_are_no_content(again: JSON) -> None:
    """However often they come; the first piece of a call, its name and its id are."""
    merged = ChatAccumulator()

    def add(fields: JSON) -> bool:
        return merged.add(structure_leniently(tool(**fields), ChatCompletionChunk))

    assert add({"index": 0})
    assert add({"index": 0, "id": "a"})
    assert add({"index": 0, "function": {"name": "f"}})
    assert not any(add(again) for _ in range(3))
    assert add({"index": 0, "function": {"arguments": "{"}})
    assert not any(add(again) for _ in range(3))


def test_the_longest_stream_with_logprobs_fits() -> None:
    """131,072 tokens with 20 alternatives each stay below the bound on what is kept of a stream."""
    entry = {"token": "x", "logprob": -1.0, "bytes": [120]}
    logprobs = {"content": [{**entry, "top_logprobs": [entry] * 20}]}
    one = {"choices": [{**delta(content="x"), "logprobs": logprobs}]}
    before, after = chat(1, one).object_count, chat(1, one, one).object_count
    assert after - before > 1
    assert (after - before + 1) * 131_072 < MAX_OBJECTS


def test_logprobs_of_no_token_are_left_out() -> None:
    """More alternatives or values than tokens in a chunk don't shift those behind it."""
    first = {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"a": -1.0}, {"z": -9.0}]}
    second = {"tokens": ["b"], "token_logprobs": [-2.0], "top_logprobs": [{"b": -2.0}]}
    have = text(1, *({"choices": [piece(logprobs=one)]} for one in (first, second)))
    logprobs = have.result().choices[0].logprobs
    assert logprobs is not None
    assert (logprobs.tokens, logprobs.token_logprobs) == (["a", "b"], [-1.0, -2.0])
    assert logprobs.top_logprobs == [{"a": -1.0}, {"b": -2.0}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1}', '{"a":1}', True),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', True),
        ('{"a":1}', '{"a":2}', False),
        ("{", "[", False),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":[0,false]}', '{"a":[0,0]}', False),
        ('{"a":[1]}', '{"a":[1,1]}', False),
        ('{"a":1.0}', '{"a":1}', True),
        ('{"a":0.10}', '{"a":1e-1}', True),
        ('{"a":0.10000000000000000555}', '{"a":0.1}', False),
        ("[" * 500 + "]" * 500, "[" * 500 + " " + "]" * 500, True),
        ('{"a":1}', f'{{"a":{" " * 200}1}}', False),  # much longer: not looked into
    ],
)
def test_same_json(one: str, other: str, same: bool) -> None:
    """Arguments are the same however they are written."""
    assert are_same_json(one, other) == are_same_json(other, one) == same
