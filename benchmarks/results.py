"""From readings to medians, ratios and verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import attrs

from benchmarks.rows import Cell, Row
from benchmarks.running import Readings

__all__ = ["GROSS", "Figure", "Measured", "Result", "results_of"]

GROSS = 1.5
"""How many times its target a row may be before that counts as a gross loss: machines are noisy."""


@attrs.frozen
class Figure:
    """The median of some rounds, and the quartiles around it."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """The figure for the values of one or more rounds."""
        ordered = sorted(values)
        if len(ordered) == 1:
            return cls(ordered[0], ordered[0], ordered[0], 1)
        low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
        return cls(median, low, high, len(ordered))


@attrs.frozen
class Measured:
    """What was measured of one cell."""

    cell: Cell
    value: Figure
    """In the row's unit."""
    ratio: Figure | None
    """As a multiple of the reference in the same round; None for the reference itself, and for a row
    without one."""


@attrs.frozen
class Result:
    """What was measured of one row."""

    row: Row
    reference: Measured | None
    subject: Measured | None
    others: tuple[Measured, ...]
    failures: tuple[tuple[str, str], ...]
    """Contenders that failed, and why."""

    @property
    def reached(self) -> float | None:
        """What counts against the target; None where it couldn't be measured."""
        if self.subject is None:
            return None
        if self.row.reference is None:
            return self.subject.value.median
        return self.subject.ratio.median if self.subject.ratio else None

    @property
    def gross_loss(self) -> bool:
        """Whether the row failed, or is far over its target. Absolute figures never count: they say as
        much of the machine as of the client.
        """
        if any(name == self.row.subject.contender for name, _ in self.failures):
            return True
        if self.row.target is None or self.row.reference is None or self.reached is None:
            return False
        return self.reached > GROSS * self.row.target


def results_of(rows: Sequence[Row], readings: Readings) -> list[Result]:
    """The results of all rows."""
    return [_result(row, readings) for row in rows]


def _result(row: Row, readings: Readings) -> Result:
    reference = readings.of(row.reference) if row.reference else {}

    def measured(cell: Cell) -> Measured | None:
        figures = readings.of(cell)
        if not figures:
            return None
        ratios = [figure / reference[turn] for turn, figure in figures.items() if turn in reference]
        return Measured(
            cell,
            Figure.of(figure * row.scale for figure in figures.values()),
            Figure.of(ratios) if ratios and cell is not row.reference else None,
        )

    return Result(
        row=row,
        reference=measured(row.reference) if row.reference else None,
        subject=measured(row.subject),
        others=tuple(found for cell in row.others if (found := measured(cell))),
        failures=tuple(
            (cell.contender, reason) for cell in row.cells if (reason := readings.failure(cell))
        ),
    )
