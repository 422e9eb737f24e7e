"""The table of models on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.table import Table

import horay_async
from horay_async.cli.terminal import make_console, printable


def show(models: Sequence[horay_async.ModelInfo]) -> None:
    """Prints the models in a table; a field that is empty in all of them has no column."""
    columns = {
        "model": [model.id for model in models],
        "owner": [model.owned_by for model in models],
        "since": [_day(model.created) for model in models],
    }
    console = make_console(sys.stdout)
    shown = {name: values for name, values in columns.items() if any(values)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, values in shown.items():
        # Names are there to be copied: what else there is makes room for them, as far as there is any.
        widest = min(max(map(cell_len, values)), console.width) if name == "model" else None
        table.add_column(
            name, style="" if name == "model" else "dim", overflow="fold", min_width=widest
        )
    for row in zip(*shown.values(), strict=True):
        table.add_row(*map(printable, row))
    console.print(table)


def _day(created: int) -> str:
    """The day of a Unix time; empty where the server sent none, or an impossible one."""
    try:
        return str(datetime.fromtimestamp(created, UTC).date()) if created else ""
    except (ValueError, OverflowError, OSError):  # which one depends on the platform
        return ""
