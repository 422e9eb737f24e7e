"""`NaN` and `Infinity` where JSON is meant."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from horay_async._protocol.wire.constants import without_constants

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
    cleaned = without_constants(sent.encode())
    assert json.loads(cleaned) == json.loads(sent, parse_constant=lambda _: None)
    assert without_constants(cleaned) == cleaned
