"""The table of what garbage collection costs."""

from __future__ import annotations

from benchmarks.gc import Measured, table


def test_multiples_of_the_default() -> None:
    """Each cell is a multiple of its contender's call with 64 in flight; what couldn't be measured is left empty."""
    found = [
        Measured("horay", "default", 64, 100.0),
        Measured("horay", "disabled", 4000, 150.0),
        Measured("hand-written", "default", 64, 80.0),
        Measured("hand-written", "default", 2000, 160.0),
    ]
    lines = table(found).splitlines()
    assert "| default | 1.00 |  |  | 1.00 | 2.00 |  |" in lines
    assert "| disabled |  |  | 1.50 |  |  |  |" in lines
    assert lines[-1] == "CPU time of a call; 1 is this client 100 µs, by hand 80 µs."
