"""What a request takes, guessed and reported."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.request_size import RequestSize
from horay_async._protocol.limits.token_estimate import (
    MAX_COMPLETION_TOKENS,
    MAX_LINKED_TOKENS,
    MAX_TOKENS,
    TokenEstimate,
    are_believable,
)


def test_estimate_to_begin_with() -> None:
    """Four bytes a token, and as many as asked for in the response."""
    estimate = TokenEstimate()
    assert estimate.of(RequestSize(400, 50, 2)) == 200
    assert estimate.of(RequestSize(400, None, 1)) == 100 + TokenEstimate.COMPLETION_TOKENS


def test_estimate_learns() -> None:
    """After some responses it knows the language and the length of responses."""
    estimate = TokenEstimate()
    for _ in range(200):
        estimate.learn(RequestSize(100, None, 2), prompt=50, completion=40)
    assert estimate.of(RequestSize(100, None, 1)) == pytest.approx(70, rel=0.01)


def test_estimate_takes_empty_requests() -> None:
    """A body or a response without a size divides nothing by 0."""
    estimate = TokenEstimate()
    estimate.learn(RequestSize(0, None, 0), prompt=1, completion=1)
    assert estimate.of(RequestSize(0, 0, 1)) == 0


@pytest.mark.parametrize("count", [10**12, -(10**9), 10**400, -1, None, 1.5, "3"])
def test_counts_that_cant_be_true(count: object) -> None:
    """Nothing is steered by them."""
    assert not are_believable(3, count)
    assert are_believable(3, 0, MAX_TOKENS)


def test_most_tokens_that_are_believed() -> None:
    """Those of the request's bytes, of what it names by URL, and of its responses."""
    most = TokenEstimate.most
    assert most(RequestSize(1000, 16, 1)) == 1000 + MAX_LINKED_TOKENS + MAX_COMPLETION_TOKENS
    assert most(RequestSize(1000, None, 2)) == 1000 + MAX_LINKED_TOKENS + 2 * MAX_COMPLETION_TOKENS
    assert most(RequestSize(0, 500_000, 1)) == MAX_LINKED_TOKENS + 500_000
    assert most(RequestSize(0, 10**400, 10**400)) == MAX_TOKENS


def test_estimate_of_what_cant_be_asked_for() -> None:
    """Is a number that can be reckoned with; to refuse the request is the server's business."""
    assert TokenEstimate().of(RequestSize(0, 10**400, 1)) == MAX_COMPLETION_TOKENS
    assert TokenEstimate().of(RequestSize(0, 10, 10**400)) == 1280
    assert TokenEstimate().of(RequestSize(10**9, None, 1)) == MAX_TOKENS
