"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.pages import PAGES, write
from benchmarks.plot import plot
from benchmarks.profiling import profile_row
from benchmarks.report import markdown, to_json
from benchmarks.results import GROSS, Result, results_of
from benchmarks.rows import ROWS, Row
from benchmarks.running import run_rows

__all__ = ["main"]

ROUNDS, PEER_ROUNDS = 9, 3
QUICK_ROUNDS, QUICK_SHARE = 3, 0.25
"""What `--quick` makes of it: the part of the work that still takes a tenth of a second a reading."""


def _parser() -> argparse.ArgumentParser:
    keys = [row.key for row in ROWS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures what this client costs, against a loop written by hand and other clients.",
        epilog=f"Rows: {', '.join(keys)}.",
    )
    parser.add_argument("--rows", nargs="+", choices=keys, default=keys, metavar="ROW")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS} unless given")
    parser.add_argument(
        "--peer-rounds", type=int, help=f"rounds that other clients take part in; {PEER_ROUNDS}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, less work, no other clients; for CI"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"exit with status 1 where a ratio is over {GROSS} times its target, twice",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the table (matplotlib)")
    parser.add_argument(
        "--pages", action="store_true", help=f"write the tables into {' and '.join(PAGES)}"
    )
    parser.add_argument(
        "--profile", choices=keys, metavar="ROW", help="show where the time of one row goes instead"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.pages and len(given.rows) < len(ROWS):
        parser.error("--pages writes whole tables: leave out --rows")
    if given.profile:
        return profile_row(next(row for row in ROWS if row.key == given.profile))
    rounds: int = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    peer_rounds: int = PEER_ROUNDS if given.peer_rounds is None else given.peer_rounds
    # What needs something that isn't installed here can't be measured.
    rows = [row for row in ROWS if row.key in given.rows and row.subject.possible]

    def measured(some: Sequence[Row]) -> list[Result]:
        readings = run_rows(
            some,
            rounds=rounds,
            peer_rounds=0 if given.quick else peer_rounds,
            share=QUICK_SHARE if given.quick else 1.0,
            told=lambda text: print(text, file=sys.stderr),
        )
        return results_of(some, readings)

    results, machine = measured(rows), describe()
    print(markdown(results, machine))
    figures = to_json(results, machine)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    if given.plot:
        plot(figures, given.plot)
    if given.pages:
        write(figures)
    if not given.check:
        return 0
    lost = [result for result in results if result.gross_loss]
    if lost:  # what else the machine had to do is over by now, what the client does isn't
        lost = [result for result in measured([each.row for each in lost]) if result.gross_loss]
    for result in lost:
        print(f"gross loss, twice: {result.row.title}: {result.reached}", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
