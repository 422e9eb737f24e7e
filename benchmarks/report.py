"""The results as a Markdown table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from benchmarks.results import Figure, Measured, Result
from benchmarks.rows import PEERS, Row

__all__ = ["markdown", "short", "table", "to_json"]


def markdown(results: Sequence[Result], machine: Mapping[str, str]) -> str:
    """The tables: first what is held against the hand-written loop, then the rest."""
    main = [r for r in results if r.row.others]
    rest = [r for r in results if r not in main]
    parts = [_main(main)] if main else []
    if rest:
        parts.append(_rest(rest))
    failures = [(r.row.title, *failure) for r in results for failure in r.failures]
    if failures:
        parts.append("\n".join(f"- {title}: {name} failed: {why}" for title, name, why in failures))
    parts.append(
        "Medians over rounds, in brackets the quartiles; multiples are of the same round's "
        "reference. " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."
    )
    return "\n\n".join(parts) + "\n"


def _main(results: Sequence[Result]) -> str:
    shown = [
        name for name in PEERS if any(m.cell.contender == name for r in results for m in r.others)
    ]
    lines = [["", "hand-written", "target", "horay", *shown]]
    for result in results:
        others = {measured.cell.contender: measured for measured in result.others}
        reference = result.reference
        value = f"1 ({short(reference.value.median)} {result.row.unit})" if reference else "failed"
        lines.append(
            [
                result.row.title,
                value,
                _target(result.row),
                _ratio(result.subject, bold=True),
                *(_ratio(others.get(name)) for name in shown),
            ]
        )
    return table(lines)


def _rest(results: Sequence[Result]) -> str:
    lines = [["", "measured", "reference", "target", "reached"]]
    for result in results:
        row, subject, reference = result.row, result.subject, result.reference
        unit = row.unit
        lines.append(
            [
                row.title,
                f"{short(subject.value.median)} {unit}" if subject else "failed",
                f"{short(reference.value.median)} {unit}" if reference else "–",
                _target(row),
                _ratio(subject, bold=True)
                if row.reference or subject is None
                else f"**{short(subject.value.median)}** ({_spread(subject.value, short)})",
            ]
        )
    return table(lines)


def _target(row: Row) -> str:
    if row.target is None:
        return "–"
    return f"≤ {row.target:.2f}" if row.reference else f"≤ {short(row.target)} {row.unit}"


def _ratio(measured: Measured | None, *, bold: bool = False) -> str:
    if measured is None or measured.ratio is None:
        return "–"
    ratio = measured.ratio
    text = f"{ratio.median:.2f}"
    return f"{f'**{text}**' if bold else text} ({_spread(ratio, '{:.2f}'.format)})"


def _spread(figure: Figure, show: Any) -> str:
    return f"{show(figure.low)}–{show(figure.high)}"


def short(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a Markdown table; the first are the headings."""
    head, *body = lines
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *body))


def to_json(results: Sequence[Result], machine: Mapping[str, str]) -> dict[str, Any]:
    """Everything that was measured, for other programs."""
    return {"machine": dict(machine), "rows": [_row(result) for result in results]}


def _row(result: Result) -> dict[str, Any]:
    row = result.row

    def cell(measured: Measured | None) -> dict[str, Any] | None:
        if measured is None:
            return None
        return {
            "contender": measured.cell.contender,
            "value": attrs.asdict(measured.value),
            "ratio": attrs.asdict(measured.ratio) if measured.ratio else None,
        }

    return {
        "key": row.key,
        "title": row.title,
        "unit": row.unit,
        "target": row.target,
        "reached": result.reached,
        "gross_loss": result.gross_loss,
        "reference": cell(result.reference),
        "horay": cell(result.subject),
        "others": [cell(measured) for measured in result.others],
        "failures": dict(result.failures),
    }
