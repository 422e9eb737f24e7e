"""Medians, ratios, verdicts, and the tables made of them."""

from __future__ import annotations

import attrs
import pytest

from benchmarks.report import markdown, to_json
from benchmarks.results import Figure, results_of
from benchmarks.rows import Cell, Row
from benchmarks.running import Readings

SUBJECT = Cell("horay", "unit", "responses", {"calls": 1, "at_once": 1})

ROW = Row(
    key="call",
    title="one response",
    unit="µs a call",
    subject=SUBJECT,
    reference=SUBJECT.by("hand-written"),
    target=1.15,
    others=(SUBJECT.by("openai"),),
)
ALONE = attrs.evolve(
    ROW, key="make", title="making", unit="µs", reference=None, others=(), target=100.0
)


def readings(**figures: list[float]) -> Readings:
    """Readings in seconds, one a round, by contender."""
    made = Readings()
    for contender, values in figures.items():
        for turn, value in enumerate(values):
            made.add(SUBJECT.by(contender.replace("_", "-")), turn, {"unit": value})
    return made


def test_figure() -> None:
    """The median and the quartiles; a single round is its own spread."""
    assert Figure.of([4, 1, 3, 2, 5]) == Figure(3, 2, 4, 5)
    assert Figure.of([7]) == Figure(7, 7, 7, 1)


def test_ratios_are_of_the_same_round() -> None:
    """A slow round slows both; what counts is the ratio within it."""
    (result,) = results_of(
        [ROW], readings(hand_written=[1e-6, 10e-6, 2e-6], horay=[2e-6, 20e-6, 4e-6])
    )
    assert result.reached == 2.0
    assert result.subject is not None
    assert result.subject.value.median == pytest.approx(4.0)
    assert result.reference is not None
    assert result.reference.ratio is None


def test_rounds_without_the_reference_have_no_ratio() -> None:
    """Peers take part in some rounds only, and so may whoever failed once."""
    (result,) = results_of([ROW], readings(hand_written=[1e-6], horay=[1e-6, 9e-6], openai=[12e-6]))
    assert result.reached == 1.0
    assert result.others[0].ratio == Figure(12, 12, 12, 1)


@pytest.mark.parametrize(
    ("ratio", "lost"), [(1.0, False), (1.15 * 1.49, False), (1.15 * 1.51, True)]
)
def test_gross_loss(ratio: float, lost: bool) -> None:
    """Half as much again as the target is a gross loss; missing the target as such is not."""
    (result,) = results_of([ROW], readings(hand_written=[1e-6], horay=[ratio * 1e-6]))
    assert result.gross_loss is lost


def test_absolute_figures_never_fail() -> None:
    """A time says as much of the machine as of the client."""
    (result,) = results_of([ALONE], readings(horay=[1.0]))
    assert result.reached == pytest.approx(1e6)
    assert not result.gross_loss


def test_rows_for_comparison_never_fail() -> None:
    """A row without a target is there to be read."""
    row = attrs.evolve(ROW, target=None)
    (result,) = results_of([row], readings(hand_written=[1.0], horay=[99.0]))
    assert not result.gross_loss


def test_failing_is_a_gross_loss() -> None:
    """Where this client fails, there is no ratio; where a peer does, that's the peer's affair."""
    made = readings(hand_written=[1e-6], horay=[1e-6])
    made.fail(SUBJECT.by("openai"), "it fell over")
    (result,) = results_of([ROW], made)
    assert not result.gross_loss
    made = readings(hand_written=[1e-6])
    made.fail(SUBJECT, "it fell over")
    (result,) = results_of([ROW], made)
    assert result.reached is None
    assert result.gross_loss


def test_markdown() -> None:
    """Both tables show what was measured, the target and the spread; failures and versions follow."""
    made = readings(hand_written=[1e-4] * 3, horay=[0.9e-4, 1e-4, 1.1e-4])
    made.fail(SUBJECT.by("openai"), "it fell over")
    text = markdown(results_of([ROW, ALONE], made), {"CPU": "abacus", "Python": "3"})
    assert "| one response | 1 (100 µs a call) | ≤ 1.15 | **1.00** (0.95–1.05) |" in text
    assert "| making | 100 µs | – | ≤ 100 µs | **100** (95.0–105) |" in text
    assert "- one response: openai failed: it fell over" in text
    assert "CPU abacus, Python 3." in text


def test_json() -> None:
    """The JSON holds every figure."""
    made = readings(hand_written=[1e-4], horay=[2e-4], openai=[12e-4])
    out = to_json(results_of([ROW], made), {"CPU": "abacus"})
    (row,) = out["rows"]
    assert out["machine"] == {"CPU": "abacus"}
    assert (row["key"], row["target"], row["reached"], row["gross_loss"]) == (
        "call",
        1.15,
        2.0,
        True,
    )
    assert row["others"][0]["contender"] == "openai"
    assert row["others"][0]["ratio"]["median"] == pytest.approx(12.0)
