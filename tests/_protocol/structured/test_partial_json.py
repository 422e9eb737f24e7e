"""JSON that is still being written: what can be seen of it, and what looking costs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.structured import partial_json
from horay_async._protocol.structured.find_json import json_in
from horay_async._protocol.structured.partial_json import PartialJSON

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
CONTAINERS = st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


def steps(text: str) -> list[Any]:
    """What is seen after each character that shows something new, copied."""
    seen: list[Any] = []
    reading = PartialJSON()
    for character in text:
        grown = reading.feed(character)
        value = json.loads(json.dumps(reading.value))
        assert grown or value == (seen or [None])[-1]
        if grown and value not in seen[-1:]:  # half an escape shows nothing yet
            seen.append(value)
    return seen


PARTS = ["a", r"\ud83d", r"\ude00", r"\n", r"\\", r"\u0041", "ud83d"]


@given(st.lists(st.sampled_from(PARTS), max_size=6), st.integers(1, 9))
def test_halves_of_characters(parts: list[str], size: int) -> None:
    """They become U+FFFD, as where the whole text is read; what was seen before goes on."""
    inside = "".join(parts)
    text = f'{{"x": "{inside}", "y": {{"{inside}": 1}}}}'
    reading, seen = PartialJSON(), ""
    for at in range(0, len(text), size):
        reading.feed(text[at : at + size])
        value: dict[str, Any] = reading.value or {}
        grown: str = value.get("x", "")
        assert grown.startswith(seen)
        seen = grown
    assert reading.value == json_in(text)


def test_fills() -> None:
    """Strings grow from their first character; the rest appears once it is whole."""
    assert steps('{"a": "xy", "n": 12, "l": [true, {"b": null}], "e": {}}') == [
        {},
        {"a": ""},
        {"a": "x"},
        {"a": "xy"},
        {"a": "xy", "n": 12},
        {"a": "xy", "n": 12, "l": []},
        {"a": "xy", "n": 12, "l": [True]},
        {"a": "xy", "n": 12, "l": [True, {}]},
        {"a": "xy", "n": 12, "l": [True, {"b": None}]},
        {"a": "xy", "n": 12, "l": [True, {"b": None}], "e": {}},
    ]


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (r"a\"b", ["", "a", 'a"', 'a"b']),
        (r"\\n", ["", "\\", "\\n"]),
        (r"\u00e9x", ["", "é", "éx"]),
        (r"\ud83d\ude00!", ["", "😀", "😀!"]),
        (r"x\\ud83d", ["", "x", "x\\", "x\\u", "x\\ud", "x\\ud8", "x\\ud83", "x\\ud83d"]),
    ],
)
def test_escapes(raw: str, texts: list[str]) -> None:
    """An escape shows when it is whole, a surrogate pair when both halves are there."""
    assert steps(f'["{raw}') == [[], *([text] for text in texts)]


def test_around_the_json() -> None:
    """Where the text begins as no JSON, that of its first code block counts, and nothing behind it."""
    assert steps('Sure: ```json\n{"a": 1}\n``` {"b": 2}') == [{}, {"a": 1}]
    for before in ("Here is the [JSON]:\n", "Sure {name}!\n", 'Draft: {"a": 2}. Final:\n', "\n"):
        assert steps(before + '```json\n\n{"a": 1}\n```') == [{}, {"a": 1}]
    beside = steps('```json {"a":\n {"b": 1},\n "c": 2}\n```')
    assert (beside[-1], all("b" not in value for value in beside)) == (
        {"a": {"b": 1}, "c": 2},
        True,
    )
    assert steps("~~~ [\n1]\n~~~")[-1] == [1]
    for title in ("{.line}", "{1,3}", "[title]", '{"b": 2}', "[1]"):
        assert steps(f'```json {title}\n{{"a": 1}}\n```') == [{}, {"a": 1}]
    assert steps(' \n{"a": 1}') == [{}, {"a": 1}]
    assert steps('Sure: {"a": 1}') == steps('``` \nno {"a": 1}') == steps("```json\n3\n```") == []
    reading = PartialJSON()
    assert not reading.feed("Sure, ")
    assert reading.value is None


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('<think>\n```json\n{"a": 1}\n```\nNo.</think>\n{"a": 2}', [{}, {"a": 2}]),
        ('<think>No.</think>{"a": 2}', [{}, {"a": 2}]),
        ('<Think>\nNo.\n</Think>```json\n{"a": 2}\n```', [{}, {"a": 2}]),
        ('```json\n{"a": 1}\n```\nNo.</thinking>\n{"a": 2}', [{}, {"a": 1}, {}, {"a": 2}]),
        ("[1] No.</reasoning>[2]</reasoning>[3]", [[], [1], [], [2], [], [3]]),
        ('["</think>"]', [[], *(["</think>"[:n]] for n in range(9))]),
        ('\ufeff{"a": 1}', [{}, {"a": 1}]),
        ('~~~ json title\r\n{"a": 1}\r\n~~~', [{}, {"a": 1}]),
    ],
)
def test_drafts(text: str, seen: list[object]) -> None:
    """What is before a tag that ends a draft is given up, once that tag is there."""
    assert steps(text) == seen


def test_draft_that_is_given_up() -> None:
    """There is nothing more to see until the answer begins, which is another object."""
    reading = PartialJSON()
    assert reading.feed('```\n{"a": 1}\n```\n')
    assert not reading.feed("</think>\n")
    draft = reading.value
    assert reading.feed('{"a": 2}')
    assert (draft, reading.value) == ({"a": 1}, {"a": 2})


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ('{"a": 1,, "b": 2}', {"a": 1}),
        ('{"a": 1] "b": 2}', {"a": 1}),
        ('{"a" 1, "b": 2}', {}),
        ('{"a": tru, "b": 2}', {}),
        ("[1, ]", [1]),
        ("[1 2]", [1]),
        ("{3: 4}", {}),
        ('{"a\nb": 4}', {}),
        ('["a\nb", 4]', [""]),
        ("[nan, 1]", []),
    ],
)
def test_broken(text: str, last: object) -> None:
    """What isn't JSON ends the reading: what came before it stays."""
    assert (steps(text) or [None])[-1] == last


@given(CONTAINERS, st.data())
def test_pieces_make_no_difference(value: Any, data: st.DataObject) -> None:
    """However a text is cut into pieces, at its end the value is there."""
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    reading = PartialJSON()
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        reading.feed(text[start:end])
        _ = reading.value  # looking changes nothing
    assert reading.value == value


def test_one_object_all_along() -> None:
    """The value is one object that goes on filling, so that nothing is copied."""
    reading = PartialJSON()
    reading.feed('{"l": [1')
    first = reading.value
    reading.feed(', 2], "s": "x')
    assert reading.value is first
    assert first == {"l": [1, 2], "s": "x"}


def test_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every character is decoded at most once, however many pieces there are."""
    decoded = 0

    def counting(raw: str) -> Any:
        nonlocal decoded
        decoded += len(raw)
        return json.loads(raw)

    monkeypatch.setattr(partial_json, "DECODE", counting)
    text = json.dumps(
        {f"key{n}": ["some text", n, None] for n in range(400)} | {"long": "x" * 9_000}
    )
    reading = PartialJSON()
    for character in text:
        reading.feed(character)
    assert reading.value["long"] == "x" * 9_000
    assert decoded <= len(text)


def test_looking_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A string is decoded once, though it is looked at after each of its pieces."""
    decoded, decode = 0, partial_json.DECODE

    def counting(raw: str) -> Any:
        nonlocal decoded
        decoded += len(raw) - 2
        return decode(raw)

    monkeypatch.setattr(partial_json, "DECODE", counting)
    reading, seen = PartialJSON(), ""
    reading.feed('{"long": "')
    for piece in ["some ", "text\\", "n", "\\ud83d", "\\ude00"] * 2_000:
        reading.feed(piece)
        seen = reading.value["long"]
    assert seen == "some text\n😀" * 2_000
    assert decoded <= 2 * len("some text\\n\\ud83d\\ude00") * 2_000
