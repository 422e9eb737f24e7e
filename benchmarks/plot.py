"""The results as a picture: `python -m benchmarks.plot FIGURES.json FILE.png` draws what `--json` has written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

__all__ = ["plot"]

COLOURS = {
    "floor": "#9aa5a3",
    "pyreqwest": "#c58b6c",
    "horay": "#1b7f79",
    "huggingface_hub": "#e0a030",
    "openai, aiohttp": "#9a8ec0",
    "openai": "#5e4fa2",
    "together": "#c0504d",
}
"""The contenders that are drawn, in this order."""

BAR = 0.8 / len(COLOURS)
"""The height of a bar; a row is 1 high."""


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Draws the rows of `figures`, the JSON form of the results, in which other clients were held against the
    hand-written loop: as bars from that loop, which is 1, on a logarithmic scale. A mark is the target.

    Raises `ImportError` where matplotlib isn't installed.
    """
    # Loaded by name, so that type checkers needn't have it installed; and without a screen.
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")

    rows = [(row["title"], row["target"], _ratios(row)) for row in figures["rows"]]
    rows = [(title, target, ratios) for title, target, ratios in rows if len(ratios) > 1]
    figure, axes = pyplot.subplots(figsize=(8.5, 1.2 + 0.9 * len(rows)), layout="constrained")
    for place, (_, target, ratios) in enumerate(rows):
        for offset, (name, colour) in enumerate(COLOURS.items()):
            at = place - 0.4 + (offset + 0.5) * BAR
            if name == "horay" and target is not None:
                axes.plot(target, at, "|", color="black", markersize=11, markeredgewidth=1.5)
            if (ratio := ratios.get(name)) is None:
                continue
            axes.barh(at, ratio - 1, BAR * 0.9, left=1, color=colour, label=name)
            side, shift = ("left", 4) if ratio >= 1 else ("right", -4)
            beyond = max(ratio, target or 0) if name == "horay" and ratio >= 1 else ratio
            axes.annotate(
                f"{ratio:.2f}",
                (beyond, at),
                (shift, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=7,
            )
    titles = [fill(title.replace("`", ""), 34) for title, _, _ in rows]
    axes.set_yticks(range(len(rows)), titles, fontsize=9)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.margins(x=0.08)
    axes.axvline(1, color="#444444", linewidth=1)
    axes.set_xlabel("multiple of a loop written by hand; less is better; |  the target")
    handles, labels = axes.get_legend_handles_labels()
    by_name = dict(zip(labels, handles, strict=True))
    names = [name for name in COLOURS if name in by_name]
    figure.legend(
        [by_name[name] for name in names],
        names,
        loc="outside upper center",
        ncols=len(names),
        fontsize=8,
        frameon=False,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=120)


def _ratios(row: Mapping[str, Any]) -> dict[str, float]:
    """The multiples of the hand-written loop, by contender; none where the row is of something else."""
    if not row["reference"] or row["reference"]["contender"] != "hand-written":
        return {}
    cells = [cell for cell in (row["horay"], *row["others"]) if cell and cell["ratio"]]
    return {
        cell["contender"]: cell["ratio"]["median"] for cell in cells if cell["contender"] in COLOURS
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot")
    parser.add_argument("figures", type=Path, metavar="FIGURES.json")
    parser.add_argument("picture", type=Path, metavar="FILE.png")
    given = parser.parse_args()
    plot(json.loads(given.figures.read_text()), given.picture)
