"""The results in README.md and in the guide: `python -m benchmarks.pages FIGURES.json` writes what `--json` has written
into the tables there, each between two comments, `<!-- figures: NAME -->` and `<!-- end of figures -->`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.report import short, table
from benchmarks.running import ROOT

__all__ = ["PAGES", "write"]

PAGES: Final = ("README.md", "examples/guide/explanations/costs.md")

BLOCK: Final = re.compile(
    r"(?<=<!-- figures: )(?P<name>\w+) -->\n.*?(?=<!-- end of figures -->)", re.DOTALL
)

SHOWN: Final = {
    "horay": "**horay_async**",
    "horay, uvloop": "with uvloop",
    "hand-written, uvloop": "by hand with uvloop",
    "floor": "the floor",
    "pyreqwest": "pyreqwest",
    "huggingface_hub": "huggingface_hub",
    "openai, aiohttp": "openai on aiohttp",
    "openai": "openai",
    "together": "together",
}
"""The columns, by contender."""
IN_README: Final = tuple(name for name in SHOWN if not name.endswith("uvloop"))
README_ROWS: Final = (
    "paced",
    "call",
    "chunk",
    "many",
    "first-token-1000",
    "memory-call",
    "memory",
    "cold",
    "batch",
)


def write(figures: Mapping[str, Any], root: Path = ROOT) -> None:
    """Writes `figures`, the JSON form of the results, into the pages."""
    blocks = {
        "short": lambda: _by_hand(figures, README_ROWS, IN_README, targets=False),
        "all": lambda: _by_hand(figures, None, tuple(SHOWN), targets=True),
        "others": lambda: _others(figures),
        "machine": lambda: _machine(figures),
    }
    for name in PAGES:
        page = root / name
        text = page.read_text(encoding="utf-8")
        written = BLOCK.sub(lambda m: f"{m['name']} -->\n{blocks[m['name']]()}\n", text)
        page.write_text(written, encoding="utf-8")


def _is_by_hand(row: Mapping[str, Any]) -> bool:
    """Whether a row holds several clients against the loop written by hand."""
    return bool(row["others"]) and row["reference"]["contender"] == "hand-written"


def _by_hand(
    figures: Mapping[str, Any],
    keys: Sequence[str] | None,
    contenders: Sequence[str],
    *,
    targets: bool,
) -> str:
    rows = {row["key"]: row for row in figures["rows"] if _is_by_hand(row)}
    lines = [["", "by hand", *(["target"] if targets else []), *map(SHOWN.__getitem__, contenders)]]
    for key in rows if keys is None else keys:
        if (row := rows.get(key)) is None:
            continue
        cells = [cell for cell in (row["horay"], *row["others"]) if cell and cell["ratio"]]
        ratios = {cell["contender"]: _ratio(cell["ratio"]["median"]) for cell in cells}
        ratios[row["horay"]["contender"]] = f"**{ratios[row['horay']['contender']]}**"
        value = f"1 ({short(row['reference']['value']['median'])} {row['unit'].partition(' ')[0]})"
        target = [f"{row['target']:.2f}" if row["target"] else ""] if targets else []
        lines.append([row["title"], value, *target, *(ratios.get(n, "") for n in contenders)])
    return table(lines)


def _others(figures: Mapping[str, Any]) -> str:
    lines = [["", "measured", "against", "target", "reached"]]
    for row in figures["rows"]:
        if _is_by_hand(row) or row["horay"] is None or row["reached"] is None:
            continue  # the client, or what it is measured against, isn't installed
        unit = row["unit"].partition(" ")[0]
        reached = _ratio(row["reached"]) if row["reference"] else f"{short(row['reached'])} {unit}"
        lines.append(
            [
                row["title"],
                f"{short(row['horay']['value']['median'])} {unit}",
                f"{short(row['reference']['value']['median'])} {unit}" if row["reference"] else "",
                "" if row["target"] is None else f"{row['target']:g}",
                f"**{reached}**",
            ]
        )
    return table(lines)


def _machine(figures: Mapping[str, Any]) -> str:
    rows = [row for row in figures["rows"] if row["horay"]]
    rounds = max(row["horay"]["value"]["rounds"] for row in rows)
    peers = max((c["value"]["rounds"] for row in rows for c in row["others"]), default=0)
    machine = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    return (
        f"Medians of {rounds} rounds of `python -m benchmarks`, other clients {peers}. {machine}."
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 9.95 else f"{value:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("figures", type=Path, metavar="FIGURES.json")
    write(json.loads(parser.parse_args().figures.read_text(encoding="utf-8")))
