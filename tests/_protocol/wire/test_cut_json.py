"""JSON that was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._json import is_array, is_object
from horay_async._protocol.wire.contents import contents_of
from horay_async._protocol.wire.cut_json import closed
from horay_async._protocol.wire.decode import decoder
from horay_async.models.chat import ChatCompletion

TEXT = 'a "b" \\ \\" \u00e9 \U0001f600 \n{[}], :'

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\{}[]:,é\n'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\\\"", max_size=2), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


def is_beginning(part: Any, whole: Any) -> bool:
    """Whether one value can be what has come of the other."""
    if isinstance(whole, str):
        return isinstance(part, str) and whole.startswith(part)
    if is_array(whole) and is_array(part):
        return len(part) <= len(whole) and all(map(is_beginning, part, whole))
    if is_object(whole) and is_object(part):
        return all(name in whole and is_beginning(part[name], whole[name]) for name in part)
    return bool(part == whole)


@given(
    whole=st.lists(JSON) | st.dictionaries(st.text("ab", max_size=2), JSON),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_cut_anywhere(whole: Any, indent: int | None, escaped: bool) -> None:
    """It is JSON again, the beginning of what was cut, and all of it at its end."""
    text = json.dumps(whole, indent=indent, ensure_ascii=escaped)
    for at in range(1, len(text)):
        assert is_beginning(json.loads(closed(text[:at]).text), whole), text[:at]
    assert json.loads(closed(text).text) == whole


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("  ", ""),
        ("page", ""),
        ('{"a": 1, "b"', '{"a": 1}'),
        ('{"a": 1, "b": 12', '{"a": 1}'),
        ('{"a": 1]', '{"a": 1}'),
        ('{"a": [1, 2, <br>', '{"a": [1, 2]}'),
        ('{"a": "x"} more', '{"a": "x"}'),
        ("]", ""),
    ],
)
def test_what_is_left(text: str, found: str) -> None:
    """Nothing is made up, and nothing is read behind what is no JSON."""
    assert closed(text).text == found


@pytest.mark.parametrize("escaped", [True, False])
def test_response_cut_anywhere(escaped: bool) -> None:
    """Its text is there as far as it has come; counts and labels are there when they are whole."""
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "length"}
    counts = {"prompt_tokens": 12, "completion_tokens": 345, "total_tokens": 357}
    details = {"completion_tokens_details": {"reasoning_tokens": 45}}
    sent = {"id": "c", "choices": [choice], "usage": counts | details, "model": "a/b"}
    whole: Any = contents_of(decoder(ChatCompletion), json.dumps(sent).encode()).response
    body = json.dumps(sent, ensure_ascii=escaped).encode()
    texts: list[str] = []
    for at in range(len(body)):
        found: Any = contents_of(decoder(ChatCompletion), body[:at]).response
        texts.append("" if found is None else found.choices[0].message.content)
        if found is not None:
            assert found.usage in (None, whole.usage)
            assert found.choices[0].finish_reason in (None, "length")
            assert found.model in ("", "a/b")
            assert (found.usage is None) == (at < body.index(b', "model"'))
    assert all(TEXT.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert texts[0] == ""
    assert texts[-1] == TEXT
