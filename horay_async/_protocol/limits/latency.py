"""Comparing latencies: whether more succeeds in the same time, or the responses only get slower."""

from __future__ import annotations

import math

MIN_LATENCY = 1e-6
"""Seconds: what a clock without the resolution to see a latency is taken to have seen."""


class Sample:
    """Mean and spread of the logarithms of latencies: a few long responses don't outweigh the rest."""

    __slots__ = ("_squares", "count", "mean")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def add(self, latency: float) -> None:
        """Takes in a latency, in seconds (Welford's method)."""
        value = math.log(max(latency, MIN_LATENCY))
        self.count += 1
        off = value - self.mean
        self.mean += off / self.count
        self._squares += off * (value - self.mean)

    @property
    def variance(self) -> float:
        """The variance of the mean; 0 while there is just one latency."""
        return self._squares / (self.count * max(1, self.count - 1))


def gain(before: Sample, after: Sample, step: float) -> tuple[float, float]:
    """By what part of a step of the number under way the throughput followed, and the standard error.

    `step` is the natural logarithm of the ratio of the two numbers, negative for a step down. By Little's
    law throughput is the number under way over the latency: where the latency stays as it is, the gain is
    1; where it grows in proportion, 0.
    """
    noise = math.sqrt(before.variance + after.variance)
    return 1 - (after.mean - before.mean) / step, noise / abs(step)
