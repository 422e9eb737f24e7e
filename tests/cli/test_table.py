"""The table of models."""

from __future__ import annotations

import pytest

from horay_async import ModelInfo
from horay_async.cli.table import show


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which everything fits."""
    monkeypatch.setenv("COLUMNS", "60")


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are shown as they are, without what a terminal would obey."""
    show(
        [
            ModelInfo(id="a[b]/c", owned_by="Ada\x1b[2J", created=1_735_689_600),
            ModelInfo(id="d", created=10**18),
        ]
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["model", "owner", "since"], ["a[b]/c", "Ada[2J", "2025-01-01"], ["d"]]


def test_what_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns with nothing in them are left out."""
    show([ModelInfo(id="a"), ModelInfo(id="b")])
    assert capsys.readouterr().out.split() == ["model", "a", "b"]


def test_no_models(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is no failure."""
    show([])
    assert capsys.readouterr().out.strip() == ""


def test_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is little room a name stays whole, and what else there is wraps."""
    name = "meta-llama/Meta-Llama-3.1-8B-Instruct"
    show([ModelInfo(id=name, owned_by="somebody with a rather long name", created=1)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == name
    assert len(lines) > 2
    assert max(map(len, lines)) <= 60
