"""Running the rows: a stub server beside, a fresh process for each reading, contenders in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import on_uvloop
from benchmarks.measure import cores, cpu_seconds
from benchmarks.rows import Cell, Row
from benchmarks.workloads import Reading

__all__ = ["Failed", "Readings", "job_of", "run_rows", "stub_server"]

ROOT: Final = Path(__file__).parent.parent

UNITS: Final = {"calls": 4, "streams": 1, "times": 0}
"""The arguments of workloads that say how much is done, and how much of it there must be for each that runs at once:
less would measure little but their start."""

SLOW: Final = 0.25
"""What part of the work peers get: they take many times as long a unit, so less is as exact."""

BARE: Final = Cell("a bare interpreter", "process", code="pass")
"""What is taken off the cost of importing something."""


class Failed(Exception):
    """A process didn't do its job; the text is the end of what it complained of."""


@contextmanager
def stub_server() -> Generator[str]:
    """The stub server in a process of its own, on the last core; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.stub"]
    if len(cores()) > 1:
        command.append(str(cores()[-1]))
    server = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        port = server.stdout.readline().strip()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stdin.close()  # tells it to end


def job_of(cell: Cell, base_url: str, share: float) -> dict[str, Any]:
    """What a worker has to do for a cell; `share` says what part of the work."""
    arguments = dict(cell.arguments)
    if not cell.contender.startswith(("horay", "hand-written", "floor", "pyreqwest")):
        share *= SLOW
    for unit, each in UNITS.items():
        if unit in arguments:
            least = max(1, arguments.get("at_once", 1) * each)
            arguments[unit] = max(least, int(arguments[unit] * share))
    return {
        **arguments,
        "contender": cell.contender,
        "workload": cell.workload,
        "uvloop": on_uvloop(cell.contender),
        "base_url": base_url,
        # One core for the client and another one for the server, where there are two.
        "core": cores()[0] if len(cores()) > 1 else None,
    }


def read(cell: Cell, base_url: str, share: float) -> Reading:
    """Measures a cell in a fresh process. Raises `Failed`."""
    if cell.code:
        command = [sys.executable, "-c", cell.code]
    else:
        job = job_of(cell, base_url, share)
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    # The same order of hashes for all; and compiled modules are kept, as they are where they're installed.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as out, process.stderr as complaints:
        printed, complaint = out.read(), complaints.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = complaint.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        raise Failed(last[0])
    reading: Reading = json.loads(printed) if printed else {}
    return {**reading, "process": cpu_seconds(usage)}


class Readings:
    """All readings, by cell and round; what failed is kept with its reason."""

    def __init__(self) -> None:
        self._values: dict[str, dict[int, Reading]] = {}
        self.failures: dict[str, str] = {}

    def have(self, cell: Cell, turn: int) -> bool:
        """Whether the cell, or one that differs in what counts alone, was read in this round."""
        return turn in self._values.get(_key(cell), {}) or _key(cell) in self.failures

    def add(self, cell: Cell, turn: int, reading: Reading) -> None:
        """Keeps a reading."""
        self._values.setdefault(_key(cell), {})[turn] = reading

    def fail(self, cell: Cell, reason: str) -> None:
        """Notes that a cell can't be read; it isn't tried again."""
        self.failures[_key(cell)] = reason

    def failure(self, cell: Cell) -> str | None:
        """Why a cell couldn't be read."""
        return self.failures.get(_key(cell))

    def of(self, cell: Cell) -> dict[int, float]:
        """A cell's figures by round."""
        figures = {
            turn: reading[cell.metric] for turn, reading in self._values.get(_key(cell), {}).items()
        }
        if cell.code and cell is not BARE:
            bare = self.of(BARE)
            figures = {turn: figure - bare[turn] for turn, figure in figures.items()}
        return figures


def _key(cell: Cell) -> str:
    """Cells that read different figures of the same work share a process."""
    work = [cell.contender, cell.workload, sorted(cell.arguments.items()), cell.code]
    return json.dumps(work)


def run_rows(
    rows: Sequence[Row],
    *,
    rounds: int,
    peer_rounds: int,
    share: float,
    told: Callable[[str], None],
) -> Readings:
    """Measures `rows` in `rounds`; what only stands for comparison takes part in the first `peer_rounds`.

    `share` is the part of the work done; `told` hears of progress.
    """
    readings = Readings()
    with stub_server() as base_url:
        for cell in {cell for row in rows for cell in row.cells if cell.metric == "process"}:
            with suppress(Failed):  # it will fail again where it counts
                read(cell, base_url, share)  # compiles modules that never were
        for turn in range(rounds):
            told(f"round {turn + 1} of {rounds}")
            for row in rows:
                cells = [cell for cell in row.cells if cell not in row.others]
                if turn < peer_rounds:
                    cells += [cell for cell in row.cells if cell in row.others]
                if any(cell.code for cell in cells):
                    cells.insert(0, BARE)
                # Whoever comes first finds other caches and clocks than whoever comes last.
                start = turn % len(cells)
                told(f"  {row.key}")
                for cell in cells[start:] + cells[:start]:
                    if readings.have(cell, turn):
                        continue
                    try:
                        readings.add(cell, turn, read(cell, base_url, share))
                    except Failed as problem:
                        readings.fail(cell, str(problem))
    return readings
