"""Characters whose two halves come in two chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._json import whole_characters
from horay_async._protocol.wire.characters import SplitCharacters
from tests.readers import reader_of

from .test_chunk_reader import DONE, merged, text_reader, texts

HIGH, LOW = "\ud83d", "\ude00"


def event(text: str, index: int = 0, **fields: Any) -> bytes:
    """A chunk with escapes, as a server that splits characters sends it."""
    choice = {"index": index, "text": text, "finish_reason": None, **fields}
    return f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n".encode()


END = event("", finish_reason="stop") + DONE

SPLIT = {
    "joined": (["hi ", f"hi {HIGH}", f"{LOW} there", " you"], "hi hi \U0001f600 there you"),
    "alone": ([HIGH, LOW], "\U0001f600"),
    "three times": ([HIGH, LOW + HIGH, LOW + HIGH, LOW], "\U0001f600" * 3),
    "an empty one between": ([f"a{HIGH}", "", f"{LOW}b"], "a\U0001f600b"),
    "no second half": ([f"a{HIGH}", "b", "c"], "a\ufffdbc"),
    "no first half": (["a", f"{LOW}b"], "a\ufffdb"),
    "two first halves": ([f"a{HIGH}", f"{HIGH}", f"{LOW}b"], "a\ufffd\U0001f600b"),
    "cut at the end": (["a", f"b{HIGH}"], "ab"),
    "within": (["a", f"{HIGH}b{LOW}\n"], "a\ufffdb\ufffd\n"),
}


@pytest.mark.parametrize("at_once", [False, True], ids=["apart", "at once"])
@pytest.mark.parametrize(("pieces", "whole"), SPLIT.values(), ids=SPLIT)
def test_halves_are_joined(pieces: list[str], whole: str, at_once: bool) -> None:
    """The texts of the chunks, joined, and the merged response are whole and can be encoded."""
    events = [*map(event, pieces), END]
    reader = text_reader()
    chunks = [
        chunk for e in ([b"".join(events)] if at_once else events) for chunk in reader.feed(e)
    ]
    assert texts(chunks) == merged(reader) == whole
    assert whole.encode()
    assert all(json.dumps(chunk.to_dict(), ensure_ascii=False).encode() for chunk in chunks)
    assert not reader.take_failure()


@given(st.text(alphabet=["a", '"', "\\", "\n", "é", "\U0001f600", "\U0010ffff"]), st.data())
def test_any_cut_gives_the_text(text: str, data: st.DataObject) -> None:
    """However a text is cut between its UTF-16 units, it comes out as it was."""
    units = text.encode("utf-16-le")
    units_of = [
        units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2)
    ]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(units_of)), max_size=6)))
    pieces = [
        "".join(units_of[a:b]) for a, b in zip([0, *cuts], [*cuts, len(units_of)], strict=True)
    ]
    reader = text_reader()
    chunks = [chunk for piece in pieces for chunk in reader.feed(event(piece))]
    chunks += reader.feed(END)
    assert texts(chunks) == merged(reader) == text


@pytest.mark.parametrize("at_once", [False, True], ids=["apart", "at once"])
@pytest.mark.parametrize(("pieces", "whole"), [([HIGH, LOW], "\U0001f600"), (["a", HIGH], "a")])
def test_halves_before_what_is_no_chunk(pieces: list[str], whole: str, at_once: bool) -> None:
    """They are joined as if a failure didn't come with them."""
    events = [*map(event, pieces), b"data: {\n\n"]
    for first in (0, 1):
        reader = text_reader()
        ends = [*events[:first], b"".join(events[first:])] if at_once else events
        chunks = [chunk for each in ends for chunk in reader.feed(each)]
        assert texts(chunks) == merged(reader) == whole
        assert "isn't valid JSON" in str(reader.take_failure())


def test_each_choice_has_its_own_halves() -> None:
    """Two choices by turns."""
    reader = text_reader(2)
    for chunk in (event(f"a{HIGH}", 0), event(f"b{HIGH}", 1), event(f"{LOW}a", 0), event("b", 1)):
        reader.feed(chunk)
    result = reader.merged.result()
    assert [choice.text for choice in result.choices] == ["a\U0001f600a", "b\ufffdb"]


def test_tool_calls_and_reasoning() -> None:
    """Every streamed text: the arguments of each call, too."""
    reader = reader_of()

    def feed(**delta: Any) -> None:
        choices = [{"index": 0, "delta": delta}]
        reader.feed(f"data: {json.dumps({'id': 'c', 'choices': choices})}\n\n".encode())

    def call(index: int, arguments: str) -> dict[str, Any]:
        return {
            "index": index,
            "id": f"i{index}",
            "function": {"name": "f", "arguments": arguments},
        }

    feed(reasoning_content=f"r{HIGH}")
    feed(content=f"c{HIGH}", reasoning_content=LOW)
    feed(content=LOW, tool_calls=[call(0, f'"{HIGH}'), call(1, f'"{HIGH}')])
    feed(tool_calls=[call(1, f'{LOW}"')])
    feed(tool_calls=[call(0, 'x"')])
    message = reader.merged.result().choices[0].message
    assert message.content == "c\U0001f600"
    assert message.reasoning_content == "r\U0001f600"
    calls = [made.function.arguments for made in message.tool_calls or ()]
    assert calls == ['"\ufffdx"', '"\U0001f600"']


def test_log_probabilities() -> None:
    """Tokens are pieces of one text, in one chunk as in several; alternatives are of none."""
    reader = reader_of()

    def feed(*tokens: str) -> None:
        alternatives = [{"token": HIGH, "logprob": -1.0}, {"token": "b", "logprob": -2.0}]
        content = [
            {"token": token, "logprob": -0.1, "top_logprobs": alternatives} for token in tokens
        ]
        delta = {"content": "".join(tokens)}
        choices = [{"index": 0, "delta": delta, "logprobs": {"content": content}}]
        reader.feed(f"data: {json.dumps({'id': 'c', 'choices': choices})}\n\n".encode())

    feed(HIGH, LOW)
    feed("Hi", HIGH)
    feed(LOW)
    choice = reader.merged.result().choices[0]
    assert choice.message.content == "\U0001f600Hi\U0001f600"
    assert [token.token for token in choice.logprobs.content] == [
        "",
        "\U0001f600",
        "Hi",
        "",
        "\U0001f600",
    ]
    for token in choice.logprobs.content:
        assert [other.token for other in token.top_logprobs] == ["\ufffd", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"choices": [1, "\\ud83d"',
        b'{"id": "\\ud83d"}',
        b'{"choices": ["\\ude00"], "n": 1.50}',
    ],
)
def test_what_has_no_first_half_stays_as_it_was_sent(data: bytes) -> None:
    """Beside the escapes that can't be read."""
    split = SplitCharacters()
    assert split.join(data) == whole_characters(data)
    assert not split.halves
