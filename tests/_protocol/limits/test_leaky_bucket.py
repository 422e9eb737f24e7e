"""What is tolerated now and then."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.leaky_bucket import LeakyBucket


def test_one_in_a_lifetime_is_tolerated_for_ever() -> None:
    """It is forgotten by the time the next one comes."""
    bucket = LeakyBucket(most=1.5, lifetime=10)
    for _ in range(50):
        assert not bucket.add()
        for _ in range(12):
            bucket.leak()
    assert bucket.level == 0.0


@pytest.mark.parametrize(("responses", "too_many"), [(0, True), (4, True), (6, False)])
def test_two_within_half_a_lifetime_are_too_many(responses: int, too_many: bool) -> None:
    """Half of the first is still counted."""
    bucket = LeakyBucket(most=1.5, lifetime=10)
    bucket.add()
    for _ in range(responses):
        bucket.leak()
    assert bucket.add() is too_many


def test_counts_anew() -> None:
    """Once there were too many, or one was sure."""
    bucket = LeakyBucket(most=1.5, lifetime=10)
    assert [bucket.add() for _ in range(4)] == [False, True, False, True]
    assert bucket.add(counts_alone=True)
    assert not bucket.add()
