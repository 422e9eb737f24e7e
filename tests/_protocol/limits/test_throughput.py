"""What a server has let through."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.throughput import Throughput


def let_through(throughput: Throughput, *times: float) -> None:
    for now in times:
        throughput.sent(now)
        throughput.succeeded(now)


def test_rate_in_the_window() -> None:
    """Since sending began, for a second at least; of more than a minute only the last one counts."""
    throughput = Throughput()
    assert throughput.per_second(0.0) == 0.0
    let_through(throughput, 0.0, 0.1)
    assert throughput.per_second(0.1) == 2.0
    assert throughput.per_second(10.0) == pytest.approx(0.2)
    let_through(throughput, *range(2, 200))
    assert throughput.per_second(199.0) == pytest.approx(61 / 60)


def test_count_in_the_window() -> None:
    """None is left where the last response was long ago."""
    throughput = Throughput()
    assert throughput.in_window(0.0) == 0
    let_through(throughput, 0.0, 1.5, 3.0)
    assert throughput.in_window(3.0) == 3
    assert throughput.in_window(63.0) == 3
    assert throughput.in_window(63.1) == 0


def test_since_sending_was_resumed() -> None:
    """The responses and the time since then, at most a minute, without the pause at the end."""
    throughput = Throughput()
    let_through(throughput, 10.0, 11.0)
    assert (throughput.since_resumed, throughput.active(2.0, 17.0)) == (2, 5.0)
    throughput.resume(17.0)
    assert (throughput.since_resumed, throughput.active(0.0, 18.0)) == (0, 1.0)
    assert throughput.active(0.0, 500.0) == 60.0
    assert (
        0 < throughput.active(5.0, 18.0) < 0.1
    )  # it never was resumed before the pause: no time, but not 0
