"""How finish reasons tell that a response isn't whole."""

from __future__ import annotations

import pytest

from horay_async._protocol.wire.finish_reasons import cut_of


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [
        (None, None),
        ("stop", None),
        ("tool_calls: done", None),
        ("MAX_TOKENS", "length"),
        ("content_filter: RECITATION", "content_filter"),
        ("content_filter: SOMETHING_NEW", "content_filter"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "failed"),
        ("function_call_filter: SOMETHING_NEW", "failed"),
    ],
)
def test_how_a_response_was_cut(finish_reason: str | None, reason: str | None) -> None:
    """Of two names in one the second counts, or the first where that isn't known."""
    cut = cut_of(finish_reason)
    assert (cut and cut.reason) == reason
