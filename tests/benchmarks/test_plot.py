"""The picture of the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import plot as drawing
from benchmarks.plot import plot


def cell(contender: str, ratio: float | None) -> dict[str, Any]:
    return {"contender": contender, "ratio": None if ratio is None else {"median": ratio}}


def row(reference: str | None, *others: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": "call",
        "title": "one `response`",
        "reference": reference and cell(reference, None),
        "horay": cell("horay", 0.9),
        "others": [*others],
    }


def test_what_is_drawn() -> None:
    """The client and those that others use, where the loop written by hand is what they are held against."""
    drawn = drawing._ratios(
        row(
            "hand-written", cell("openai", 13.8), cell("horay, uvloop", 0.7), cell("together", None)
        )
    )
    assert drawn == {"horay": 0.9, "openai": 13.8}
    assert drawing._ratios(row("openai", cell("together", 2.0))) == {}
    assert drawing._ratios(row(None)) == {}


def test_picture(tmp_path: Path) -> None:
    """A PNG comes of it."""
    pytest.importorskip("matplotlib", reason="plots need the extra `bench`")
    plot({"rows": [row("hand-written", cell("openai", 13.8)), row(None)]}, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
