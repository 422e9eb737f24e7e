"""Chunks that differ in their text alone are merged by it: what comes of a stream is the same as chunk by chunk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from horay_async._protocol.wire.accumulate import (
    ChatAccumulator,
    ChoiceAccumulator,
    CompletionAccumulator,
)
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.size_limits import MAX_EVENT_BYTES
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import CompletionChunk
from tests.readers import made_meta, reader_of

META = made_meta()
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(delta: dict[str, Any], index: int = 0, fingerprint: str = "fp", **more: Any) -> bytes:
    """An event with one choice."""
    finish: str | None = more.pop("finish_reason", None)
    piece = {
        "index": index,
        "delta": delta,
        "finish_reason": finish,
        "logprobs": more.pop("logprobs", None),
    }
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [piece],
        "system_fingerprint": fingerprint,
        **more,
    }
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def text(piece: str, **more: Any) -> bytes:
    """An event of a text completion."""
    chunk: dict[str, Any] = {
        "id": "1",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "text": piece, "finish_reason": None, "logprobs": None}],
        **more,
    }
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def said(*words: str, **more: Any) -> list[bytes]:
    """Events with these words."""
    return [chat({"content": word}, **more) for word in words]


LOGPROBS: dict[str, Any] = {
    "content": [{"token": "x", "logprob": -1.0, "bytes": None, "top_logprobs": []}]
}
END = chat({}, finish_reason="stop")
STREAMS = {
    "words": [*said("a", "b", "c", "d", "", "é", '"', "\n", "e", "f", "g"), END],
    "reasoning": [
        *(chat({"reasoning_content": word}) for word in "abcdef"),
        *said("a", "b", "c", "d"),
        END,
    ],
    "both": [*(chat({"content": word, "reasoning_content": "r"}) for word in "abcd"), END],
    "refusal": [*(chat({"content": word, "refusal": "no"}) for word in "abcd"), END],
    "tool call": [*(chat({"content": word, "tool_calls": [CALL]}) for word in "abcd"), END],
    "log probabilities": [*said("x", "x", "x", "x", logprobs=LOGPROBS), END],
    "usage": [*said("x", "y", "z", "x", usage=USAGE), END],
    "finished thrice": said("x", "y", "z", "u", finish_reason="stop"),
    "another fingerprint between": [
        *said("a", "b", "c"),
        chat({"content": ""}, fingerprint="b"),
        *said("d"),
        chat({"role": "tool"}, fingerprint="b"),
        *said("e", "f"),
        END,
    ],
    "two choices": [
        *said("a", "b", "c"),
        *said("A", "B", "C", index=1),
        *said("d"),
        *said("D", index=1),
        END,
        chat({}, index=1, finish_reason="stop"),
    ],
    "only a usage between": [
        *said("a", "b"),
        b'data: {"id": "1", "choices": [], "usage": %b}\n\n' % json.dumps(USAGE).encode(),
        *said("c", "d"),
        END,
    ],
}
TEXTS = {
    "words": [text(word) for word in ("a", "b", "", "c", "d")],
    "prompt": [text(word, prompt=[1]) for word in "abcd"],
}


def merged_in(
    events: list[bytes], at_once: int, into: Any, merge: type[ChoiceAccumulator[Any, Any]]
) -> Any:
    """What comes of `events`, fed `at_once` at a time, and how many objects that is counted as."""
    reader = reader_of(into, max_event_bytes=MAX_EVENT_BYTES, meta=META)
    content: list[bool] = []
    for at in range(0, len(events), at_once):
        for chunk in reader.feed(b"".join(events[at : at + at_once])):
            assert chunk.meta is META
        content.append(reader.has_content)
    assert reader.take_failure() is None
    return reader.merged.result().model_dump(), content, reader.merged.object_count


def expected(
    events: list[bytes], at_once: int, into: Any, merge: type[ChoiceAccumulator[Any, Any]]
) -> Any:
    """The same by adding each chunk by itself."""
    merged = merge()
    content: list[bool] = []
    for at in range(0, len(events), at_once):
        chunks = [decoder(into).decode(event[6:-2]) for event in events[at : at + at_once]]
        added = [merged.add(chunk) for chunk in chunks]
        content.append(any(added))
        merged.object_count += len(chunks)
    return merged.result().model_dump(), content, merged.object_count


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
@pytest.mark.parametrize("name", STREAMS)
def test_chat(name: str, at_once: int) -> None:
    """Chat chunks, fed one by one or several at a time."""
    case = (STREAMS[name], at_once, ChatCompletionChunk, ChatAccumulator)
    assert merged_in(*case) == expected(*case)


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, at_once: int) -> None:
    """Chunks of text completions, too."""
    case = (TEXTS[name], at_once, CompletionChunk, CompletionAccumulator)
    assert merged_in(*case) == expected(*case)


def test_kind_without_text() -> None:
    """A template is no text for chunks whose pieces come as deltas on the text path."""
    merged = CompletionAccumulator()
    chunk = decoder(CompletionChunk).decode(
        b'{"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}}]}'
    )
    merged.add(chunk)
    assert merged.only_text_of(chunk) is None


WORDS = st.sampled_from(["", "x", "y", " ", "stop", "m", "fp", "content", "é", '"', "\n", "\\"])
"""Few, and some that are in chunks anyway, so that the same string is in two places."""

DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": WORDS | st.none(),
        "reasoning_content": WORDS,
        "role": st.just("assistant"),
        "refusal": WORDS,
    },
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Chat chunks, most of which are the one before with another text."""
    delta: dict[str, Any] = draw(DELTAS)
    fields: dict[str, Any] = {}
    events: list[bytes] = []
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.integers(0, 3)) == 0:
            delta = draw(DELTAS)
            fields = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "fingerprint": WORDS,
                        "finish_reason": st.sampled_from(["", "stop", "x"]),
                        "usage": st.just(USAGE),
                        "index": st.integers(0, 1),
                        "logprobs": st.just(LOGPROBS),
                    },
                )
            )
        elif changed := [name for name in ("content", "reasoning_content") if name in delta]:
            delta = {**delta, draw(st.sampled_from(changed)): draw(WORDS)}
        events.append(chat(delta, **fields))
    return events


@given(streams(), st.integers(1, 4))
@example(said("x", "", "y", "z"), 1).via("the empty piece says nothing of where the next ones go")
@example([chat({"content": word, "reasoning_content": "y"}) for word in ("x", "", "", "z")], 1).via(
    "two texts, of which one is empty at times"
)
@example([chat({"content": "x", "reasoning_content": word}) for word in "xyzx"], 1).via(
    "the same string in two fields"
)
@example([chat({"content": word}, finish_reason="stop") for word in ("stop", "y", "z")], 1).via(
    "and in one that isn't a text"
)
def test_any_stream(events: list[bytes], at_once: int) -> None:
    """Whatever chunks follow one another, and in whatever pieces they come."""
    case = (events, at_once, ChatCompletionChunk, ChatAccumulator)
    assert merged_in(*case) == expected(*case)


def test_text_that_another_field_spells() -> None:
    """A piece with an escape isn't where its string stands without one."""
    spelled = [
        chat({"content": "a"}, fingerprint=fingerprint).replace(
            b'"content": "a"', b'"content": "\\u0061"'
        )
        for fingerprint in ("a", "b", "c")
    ]
    case = (spelled, 1, ChatCompletionChunk, ChatAccumulator)
    assert merged_in(*case) == expected(*case)
