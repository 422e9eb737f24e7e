"""What garbage collection costs with many calls in flight, and what `gc.freeze()` and higher thresholds save.

    python -m benchmarks.gc

CPU time of a call, of this client and of the hand-written loop, with the collector as Python sets it up and in other
ways, all of them in turn. The least of some rounds counts: what else the machine does only adds to it. Interrupted, it
prints what it has.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from math import nan
from pathlib import Path

import attrs

from benchmarks.machine import describe
from benchmarks.rows import Cell
from benchmarks.running import Failed, read, stub_server

__all__ = ["main"]

IN_FLIGHT = (64, 2000, 4000)
WAYS = {
    "default": {},
    "`gc.freeze()`": {"freeze": True},
    "threshold of 50,000": {"threshold": 50_000},
    "that and `gc.freeze()`": {"freeze": True, "threshold": 50_000},
    "disabled": {"threshold": 0},
}
"""What is done before the first call, by the name that the table shows: a job's `collector`."""
CONTENDERS = {"horay": "this client", "hand-written": "by hand"}
CALLS = 16_000


@attrs.frozen
class Measured:
    """What was measured of one way."""

    contender: str
    way: str
    in_flight: int
    us: float
    """CPU time of a call, in microseconds; the least of the rounds."""


def measure(rounds: int) -> list[Measured]:
    """All ways of all contenders, in turn."""
    least: dict[tuple[str, str, int], float] = {}
    with stub_server() as base_url, suppress(KeyboardInterrupt):
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for at_once in IN_FLIGHT:
                for contender in CONTENDERS:
                    for way, collector in WAYS.items():
                        arguments = {"calls": CALLS, "at_once": at_once, "collector": collector}
                        key = contender, way, at_once
                        try:
                            took = read(
                                Cell(contender, "unit", "responses", arguments), base_url, 1.0
                            )
                        except Failed as problem:  # the other rounds still count
                            print(f"{', '.join(map(str, key))}: {problem}", file=sys.stderr)
                            continue
                        least[key] = min(took["unit"], least.get(key, took["unit"]))
    return [Measured(*key, seconds * 1e6) for key, seconds in least.items()]


def table(found: list[Measured]) -> str:
    """A row for each way: multiples of a call with 64 in flight and the default collector, of each contender."""
    us = {(each.contender, each.way, each.in_flight): each.us for each in found}
    ones = {
        contender: us.get((contender, "default", IN_FLIGHT[0]), nan) for contender in CONTENDERS
    }
    heads = [f"{name}, {n:,}" for name in CONTENDERS.values() for n in IN_FLIGHT]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for way in WAYS:
        cells = [
            f"{us[contender, way, n] / ones[contender]:.2f}" if (contender, way, n) in us else ""
            for contender in CONTENDERS
            for n in IN_FLIGHT
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    told = ", ".join(f"{name} {ones[contender]:.0f} µs" for contender, name in CONTENDERS.items())
    return "\n".join([*lines, "", f"CPU time of a call; 1 is {told}."])


def main() -> int:
    """Runs the comparison and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    options = parser.parse_args()
    found = measure(options.rounds)
    print(table(found))
    print(f"\n{', '.join(f'{name} {what}' for name, what in describe().items())}")
    if options.json is not None:
        figures = {"machine": describe(), "measured": [attrs.asdict(each) for each in found]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
