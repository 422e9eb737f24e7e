"""When more may be tried after refusals."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.cooldown import Cooldown


def test_over_from_the_start() -> None:
    """Nothing was refused yet."""
    assert Cooldown().is_over(0.0)


@pytest.mark.parametrize(
    ("responses", "now", "over"),
    [(0, 9.0, False), (0, 10.0, True), (1, 10.0, False), (1, 29.0, False), (1, 30.0, True)],
)
def test_responses_and_time(responses: int, now: float, over: bool) -> None:
    """Both have to pass; where few responses come, at last the time alone."""
    assert Cooldown(responses, until=10.0, at_most_until=30.0).is_over(now) is over
