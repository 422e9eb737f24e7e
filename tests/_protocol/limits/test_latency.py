"""Comparing latencies."""

from __future__ import annotations

import math
import statistics

import pytest

from horay_async._protocol.limits.latency import Sample, gain


def sample(*latencies: float) -> Sample:
    taken = Sample()
    for latency in latencies:
        taken.add(latency)
    return taken


def test_mean_and_variance_are_those_of_the_logarithms() -> None:
    """The same numbers come out as by the book."""
    latencies = [0.3, 1.2, 0.7, 5.0]
    logarithms = [math.log(latency) for latency in latencies]
    taken = sample(*latencies)
    assert taken.count == 4
    assert taken.mean == pytest.approx(statistics.mean(logarithms))
    assert taken.variance == pytest.approx(statistics.variance(logarithms) / 4)


def test_one_latency_has_no_variance() -> None:
    """A single one is taken as exact, and none takes no time at all."""
    assert sample(0.0).variance == 0.0
    assert math.isfinite(sample(0.0).mean)


def test_gain_is_one_where_the_latency_stays() -> None:
    """Twice as many under way at the same latency are twice the throughput."""
    assert gain(sample(1.0), sample(1.0), math.log(2)) == (1.0, 0.0)


def test_gain_is_none_where_the_latency_grows_along() -> None:
    """Twice as many under way at twice the latency are the same throughput; so downward."""
    assert gain(sample(1.0), sample(2.0), math.log(2))[0] == pytest.approx(0.0)
    assert gain(sample(2.0), sample(1.0), -math.log(2))[0] == pytest.approx(0.0)


def test_noise_weighs_more_in_a_small_step() -> None:
    """The standard error of the gain is that of the means over the size of the step."""
    before, after = sample(0.5, 2.0), sample(0.5, 2.0)
    small, large = gain(before, after, 0.1)[1], gain(before, after, -1.0)[1]
    assert large == pytest.approx(math.sqrt(2 * before.variance))
    assert small == pytest.approx(10 * large)
