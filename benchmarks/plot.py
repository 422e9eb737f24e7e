"""The results as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.results import Result

__all__ = ["plot"]

COLOURS = {
    "horay": "#1b7f79",
    "hand-written": "#444444",
    "huggingface_hub": "#e0a030",
    "openai, aiohttp": "#9a8ec0",
    "openai": "#5e4fa2",
    "together": "#c0504d",
}


def plot(results: Sequence[Result], path: Path) -> None:
    """Draws the rows that are held against the hand-written loop, as bars on a logarithmic scale.

    Raises `ImportError` where matplotlib isn't installed.
    """
    # Loaded by name, so that type checkers needn't have it installed; and without a screen.
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")

    rows = [
        result
        for result in results
        if result.reference and result.reference.cell.contender == "hand-written" and result.others
    ]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 1.1 * len(rows)), layout="constrained")
    height = 0.8 / len(COLOURS)
    for place, result in enumerate(rows):
        cells = [cell for cell in (result.subject, *result.others) if cell and cell.ratio]
        ratios = {cell.cell.contender: cell.ratio.median for cell in cells if cell.ratio}
        ratios["hand-written"] = 1.0
        for offset, (name, colour) in enumerate(COLOURS.items()):
            if name not in ratios:
                continue
            at = place - 0.4 + (offset + 0.5) * height
            axes.barh(at, ratios[name], height * 0.9, color=colour, label=name)
            axes.text(ratios[name] * 1.03, at, f"{ratios[name]:.2f}", va="center", fontsize=7)
        if result.row.target is not None:
            ends = [place - 0.45, place + 0.45]
            axes.plot([result.row.target] * 2, ends, color="black", linewidth=1, ls=":")
    axes.set_yticks(range(len(rows)), [result.row.title.replace("`", "") for result in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_xlabel("multiple of a loop written by hand; less is better; dotted: the target")
    handles, labels = axes.get_legend_handles_labels()
    by_name = dict(zip(labels, handles, strict=True))
    axes.legend(by_name.values(), by_name.keys(), loc="lower right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
