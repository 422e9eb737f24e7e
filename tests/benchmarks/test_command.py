"""The command as a whole, on rows that are done in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results, rows
from benchmarks.__main__ import main
from benchmarks.machine import describe

ROWS = ["--rows", "make", "large", "--quick", "--rounds", "1"]


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table goes to standard output, progress beside it, and all figures into the file."""
    assert main([*ROWS, "--json", str(tmp_path / "out.json")]) == 0
    printed = capsys.readouterr()
    assert "making a client after the first" in printed.out
    assert "round 1 of 1" in printed.err
    found = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["key"] for row in found] == ["make", "large"]
    assert all(row["reached"] > 0 for row in found)


def test_check_fails_on_a_gross_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--check`, a ratio far over its target is exit status 1, and is named."""
    monkeypatch.setattr(results, "GROSS", 0.0)
    assert main([*ROWS, "--check"]) == 1
    printed = capsys.readouterr()
    assert "gross loss, twice: decoding a 1 MB completion" in printed.err
    assert printed.err.count("round 1 of 1") == 2
    assert "gross loss, twice: making a client" not in printed.err  # its target is no ratio
    assert main(ROWS) == 0


def test_what_is_over_the_second_time_is_no_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is far over its target just once was held up by something else."""
    limits = iter([0.0, 1000.0])
    real = results.results_of

    def measured(*given: Any) -> list[results.Result]:
        monkeypatch.setattr(results, "GROSS", next(limits))  # for what asks of this measurement
        return real(*given)

    monkeypatch.setattr("benchmarks.__main__.results_of", measured)
    assert main(["--rows", "large", "--quick", "--rounds", "1", "--check"]) == 0
    assert capsys.readouterr().err.count("round 1 of 1") == 2


def test_rows_that_can_t_be_measured_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row whose client isn't installed isn't in the table, and fails no check."""
    monkeypatch.setattr(rows, "installed", lambda contender: "Ray" not in contender)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert main(["--rows", "dataset", "make", "--quick", "--rounds", "1", "--check"]) == 0
    assert "on Ray" not in capsys.readouterr().out


def test_profile(capfd: pytest.CaptureFixture[str]) -> None:
    """The profile of a row names this package's functions."""
    assert main(["--profile", "make"]) == 0
    assert "horay" in capfd.readouterr().out


def test_unknown_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that isn't there is refused, with the names of those that are."""
    with pytest.raises(SystemExit):
        main(["--rows", "everything"])
    assert "blocking-call" in capsys.readouterr().err


def test_machine() -> None:
    """What it ran on is part of the result."""
    found = describe()
    assert {"CPU", "cores", "system", "Python", "horay-async", "aiohttp"} <= found.keys()
    assert all(found.values())
