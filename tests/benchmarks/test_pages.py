"""The figures in the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.pages import BLOCK, PAGES, write
from benchmarks.report import to_json
from benchmarks.results import results_of
from benchmarks.rows import ROWS
from benchmarks.running import ROOT, Readings


def figures() -> dict[str, object]:
    """What a run gives in which everything took as long, but this client half of it."""
    readings = Readings()
    for row in ROWS:
        for cell in row.cells:
            half = 0.5 if cell.contender == "horay" else 1.0
            readings.add(cell, 0, dict.fromkeys(("unit", "worst", "peak", "process"), half))
    rows = [row for row in ROWS if not any(cell.code for cell in row.cells)]
    return to_json(results_of(rows, readings), {"CPU": "a fast one"})


def test_tables_are_written(tmp_path: Path) -> None:
    """Each table stands between its comments, what is around them stays, and a second time changes nothing."""
    for name in PAGES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    write(figures(), tmp_path)
    readme = (tmp_path / PAGES[0]).read_text(encoding="utf-8")
    first = next(line for line in readme.splitlines() if line.startswith("| a chunk as it comes"))
    assert "| **0.50** |" in first
    costs = (tmp_path / PAGES[1]).read_text(encoding="utf-8")
    assert "| making a client after the first | 500000 µs |  | 100 | **500000 µs** |" in costs
    assert "1 rounds of `python -m benchmarks`, other clients 1. CPU a fast one." in costs
    write(figures(), tmp_path)
    assert (tmp_path / PAGES[0]).read_text(encoding="utf-8") == readme
    around = [
        BLOCK.sub("", (root / PAGES[0]).read_text(encoding="utf-8")) for root in (ROOT, tmp_path)
    ]
    assert around[0] == around[1]


@pytest.mark.parametrize(("page", "names"), [(0, {"short"}), (1, {"all", "others", "machine"})])
def test_pages_have_their_tables(page: int, names: set[str]) -> None:
    """The comments are there, so that no table stays behind unnoticed."""
    text = (ROOT / PAGES[page]).read_text(encoding="utf-8")
    assert {match["name"] for match in BLOCK.finditer(text)} == names


def test_rows_of_the_readme_exist() -> None:
    """The README asks for rows that are measured, of clients that take part."""
    assert set(pages.README_ROWS) <= {row.key for row in ROWS}
    assert set(pages.IN_README) <= {
        cell.contender for row in ROWS for cell in (row.subject, *row.others)
    }
