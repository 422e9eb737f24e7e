"""What a body says of its tokens."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.request_size import RequestSize, size_of


@pytest.mark.parametrize(
    ("body", "most", "choices"),
    [
        (b'{"max_tokens": 5, "n": 3}', 5, 3),
        (b'{"max_tokens": 5, "max_completion_tokens": 7}', 7, 1),
        (b'{"max_output_tokens": 9}', 9, 1),
        (b'{"max_tokens": "5", "n": -1}', None, 1),
        (b'{"max_tokens": 99999999999}', None, 1),
        (b"[1]", None, 1),
        (b"no JSON", None, 1),
        (b"[" * 5000, None, 1),
    ],
)
def test_sizes(body: bytes, most: int | None, choices: int) -> None:
    """Whatever it may be."""
    assert size_of(body) == RequestSize(len(body), most, choices)


def test_no_body() -> None:
    """A GET takes none."""
    assert size_of(None) == RequestSize(0, None, 1)
