"""The results as a picture: `python -m benchmarks.plot FIGURES.json FILE.png` draws what `--json` has written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["plot"]

SHOWN = {
    "floor": "the floor",
    "pyreqwest": "pyreqwest",
    "horay": "horay_async",
    "huggingface_hub": "huggingface_hub",
    "openai, aiohttp": "openai on aiohttp",
    "openai": "openai",
    "together": "together",
}
"""The contenders that are drawn, in this order, and what they are called there."""

ROWS = ("paced", "call", "chunk", "many", "first-token-1000", "memory", "cold")
"""The rows that are drawn, by their keys: all would be too many to read. The table has them all."""

TEXT, OWN, OTHERS = "#7c7c7c", "#17918a", "#8476c4"
"""Colours that can be read on white and on black alike: the picture has no background of its own."""


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Draws rows of `figures`, the JSON form of the results, in which other clients were held against the hand-written
    loop: a dot for each client, on a logarithmic scale on which that loop is 1.

    Raises `ImportError` where matplotlib isn't installed.
    """
    # Loaded by name, so that type checkers needn't have it installed; and without a screen.
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")

    rows = [(row["title"], _ratios(row)) for row in figures["rows"] if row["key"] in ROWS]
    rows = [(title, ratios) for title, ratios in rows if len(ratios) > 1]
    # A line for each title and each dot, and one between the rows.
    height = sum(len(ratios) + 2 for _, ratios in rows)
    figure, axes = pyplot.subplots(figsize=(4.3, 0.8 + 0.135 * height), layout="constrained")
    names: dict[float, str] = {}
    at = 0.0
    for title, ratios in rows:
        axes.annotate(
            title.replace("`", ""),
            (0, at),
            xycoords=("figure fraction", "data"),
            va="center",
            fontsize=8,
            fontweight="bold",
            color=TEXT,
        )
        for name in filter(ratios.__contains__, SHOWN):
            at += 1
            ratio, colour = ratios[name], OWN if name == "horay" else OTHERS
            axes.plot([1, ratio], [at, at], color=colour, linewidth=1.5)
            axes.plot(ratio, at, "o", color=colour, markersize=5)
            axes.annotate(
                f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}",
                (ratio, at),
                (5, 0) if ratio >= 1 else (-5, 0),
                textcoords="offset points",
                ha="left" if ratio >= 1 else "right",
                va="center",
                fontsize=8,
                color=OWN if name == "horay" else TEXT,
            )
            names[at] = name
        axes.plot([1, 1], [at - len(ratios) + 0.5, at + 0.5], color=TEXT, linewidth=0.8)
        at += 2
    axes.set_yticks([*names], [SHOWN[name] for name in names.values()], fontsize=8)
    for label, name in zip(axes.get_yticklabels(), names.values(), strict=True):
        label.set(color=OWN if name == "horay" else TEXT)
    axes.set_ylim(at - 1, -1)
    axes.set_xscale("log")
    axes.set_xticks(
        [0.2, 0.5, 1, 2, 5, 10, 20, 50], ["0.2", "0.5", "1", "2", "5", "10", "20", "50"]
    )
    axes.minorticks_off()
    axes.margins(x=0.14)  # for the numbers beside the outermost dots
    axes.set_xlabel(
        "times a loop written by hand, which is 1; less is better", color=TEXT, fontsize=8
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8, labelcolor=TEXT, axis="x")
    axes.tick_params(length=0, axis="y")
    figure.savefig(path, dpi=168, transparent=True)


def _ratios(row: Mapping[str, Any]) -> dict[str, float]:
    """The multiples of the hand-written loop, by contender; none where the row is of something else."""
    if not row["reference"] or row["reference"]["contender"] != "hand-written":
        return {}
    cells = [cell for cell in (row["horay"], *row["others"]) if cell and cell["ratio"]]
    return {
        cell["contender"]: cell["ratio"]["median"] for cell in cells if cell["contender"] in SHOWN
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot")
    parser.add_argument("figures", type=Path, metavar="FIGURES.json")
    parser.add_argument("picture", type=Path, metavar="FILE.png")
    given = parser.parse_args()
    plot(json.loads(given.figures.read_text()), given.picture)
