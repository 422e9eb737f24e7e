"""What is nearly JSON where JSON is meant."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from horay_async._protocol.wire.repairs import repaired

TEXTS = st.text(max_size=9) | st.sampled_from(["NaN", "-Infinity", '"NaN"', '\\"NaN', "\\\\", "\\"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(-9, 9) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=9,
)


@given(VALUES)
@example({"NaN": [float("nan"), "-Infinity", float("-inf"), '\\"', float("inf")]})
def test_all_else_stays(value: Any) -> None:
    """What is null instead is no JSON; texts with the same letters are."""
    sent = json.dumps(value)
    cleaned = repaired(sent.encode())
    assert json.loads(cleaned) == json.loads(sent, parse_constant=lambda _: None)
    assert repaired(cleaned) == cleaned


@given(VALUES, st.sampled_from("\x00\t\x1f\n"), st.binary(min_size=1, max_size=3))
def test_strings(value: Any, control: str, other: bytes) -> None:
    """A control character in a string stays that; bytes that aren't UTF-8 are U+FFFD. Between values they are left as they are."""
    sent = json.dumps({"value": value, "text": "a?b"}).replace(" ", "\t")
    text = control + other.decode("utf-8", "replace").replace('"', "").replace("\\", "")
    held = sent.encode().replace(
        b"?", control.encode() + other.replace(b'"', b"").replace(b"\\", b"")
    )
    decoded = json.loads(repaired(held))
    assert decoded["text"] == f"a{text}b"
    assert decoded["value"] == json.loads(sent, parse_constant=lambda _: None)["value"]


def test_what_is_no_json_stays_so() -> None:
    """Nothing else is made good."""
    for sent in (b"nan", b'{"a": "b}', b"\x00", b"[1,]", b"'a'"):
        assert repaired(sent) == sent
