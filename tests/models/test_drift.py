"""The counts that a client hands out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from horay_async.models import drift
from horay_async.models.drift import Drift, DriftCounts


def filled() -> Drift:
    """Some counts."""
    counts = Drift()
    counts.add([("$.a", "unknown"), ("$.a", "unknown"), ("$.a", "retyped")], 1000)
    counts.add([("$.b[].c", "missing")])
    return counts


def test_counts() -> None:
    """Counts are had by path and kind, as a mapping that nobody changes."""
    counts: Mapping[str, DriftCounts] = filled()
    assert list(counts) == ["$.a", "$.b[].c"]
    assert len(counts) == 2
    assert counts["$.a"] == DriftCounts(unknown=2000, retyped=1000)
    assert counts["$.a"].total == 3000
    assert counts.get("$.c") is None
    assert "$.b[].c" in counts
    with pytest.raises(KeyError):
        counts["$.c"]


def test_shown() -> None:
    """It can be read as text, a line a path, and as JSON."""
    counts = filled()
    assert str(counts) == "$.a: unknown 2,000, retyped 1,000\n$.b[].c: missing 1"
    assert json.loads(json.dumps(counts.to_dict())) == {
        "$.a": {"unknown": 2000, "retyped": 1000},
        "$.b[].c": {"missing": 1},
    }
    assert repr(counts) == f"Drift({counts.to_dict()})"


def test_empty_and_cleared() -> None:
    """Without drift it is false, and again after it was cleared."""
    counts = Drift()
    assert not counts
    assert str(counts) == "no drift"
    counts = filled()
    assert counts
    counts.clear()
    assert not counts
    assert counts.to_dict() == {}


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths without end are counted as one; those that are known go on to be told apart."""
    monkeypatch.setattr(drift, "MAX_PATHS", 2)
    counts = Drift()
    assert counts.add([("$.a", "unknown"), ("$.b", "missing")]) == [
        ("$.a", "unknown"),
        ("$.b", "missing"),
    ]
    assert counts.add([("$.c", "unknown"), ("$.d", "unknown"), ("$.a", "unknown")]) == [
        ("$…", "unknown"),
        ("$…", "unknown"),
        ("$.a", "unknown"),
    ]
    assert str(counts) == "$.a: unknown 2\n$.b: missing 1\n$…: unknown 2"


def test_threads() -> None:
    """No count is lost where several threads add, and going through them isn't disturbed."""
    counts = Drift()

    def add(number: int) -> None:
        for _ in range(200):
            counts.add([("$.a", "unknown"), (f"$.{number}", "missing")])
            assert list(counts.items())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(4)))
    assert counts["$.a"].unknown == 800
    assert {counts[f"$.{number}"].missing for number in range(4)} == {200}
