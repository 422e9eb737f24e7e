"""What responses say of their tokens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from horay_async import Usage
from horay_async._protocol.limits.tokens_used import tokens_used


@pytest.mark.parametrize(
    ("response", "counts"),
    [
        (
            SimpleNamespace(usage=Usage(prompt_tokens=1, completion_tokens=2, total_tokens=4)),
            (1, 2, 4),
        ),
        (SimpleNamespace(usage={"prompt_tokens": 1, "completion_tokens": 2}), (1, 2, 3)),
        (SimpleNamespace(json={"usage": {"input_tokens": 3, "output_tokens": 4}}), (3, 4, 7)),
        (SimpleNamespace(json={"usage": None}), (0, 0, 0)),
        (SimpleNamespace(json=[1]), (0, 0, 0)),
        (SimpleNamespace(json={"usage": "much"}), (0, 0, 0)),
        (SimpleNamespace(usage=None), (0, 0, 0)),
        (SimpleNamespace(usage={"prompt_tokens": "1"}), ("1", 0, 0)),
    ],
)
def test_counts(response: Any, counts: tuple[Any, Any, Any]) -> None:
    """Of each form; what isn't said is 0."""
    assert tokens_used(response) == counts
