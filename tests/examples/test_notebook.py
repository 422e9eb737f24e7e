"""The notebook: its cells run from the first to the last, in a running loop, as a kernel runs them."""

from __future__ import annotations

import ast
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import EXAMPLES

NOTEBOOK = EXAMPLES / "notebook.ipynb"
CODE: list[dict[str, Any]] = [
    cell
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


async def execute(source: str, names: dict[str, Any]) -> object:
    """Runs a cell, and gives the value of its last line if that is an expression."""
    tree = ast.parse(source)
    parts: list[tuple[str, ast.Module | ast.Expression]] = [("exec", tree)]
    if isinstance(last := tree.body[-1], ast.Expr):
        del tree.body[-1]
        parts.append(("eval", ast.Expression(last.value)))
    value: object = None
    for mode, part in parts:
        code = compile(part, str(NOTEBOOK), mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, names)  # the whole point: this is the notebook's own code
        if inspect.iscoroutine(value):
            value = await value
    return value


@pytest.mark.anyio
async def test_cells_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both clients answer, the stream's end and the picture are there, and all is closed at the end."""
    for name in [name for name in os.environ if name.startswith("HORAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # A kernel starts in the notebook's folder.
    monkeypatch.setattr("sys.path", [str(EXAMPLES), *sys.path])
    names: dict[str, Any] = {"__name__": "__main__"}
    values = [await execute("".join(cell["source"]), names) for cell in CODE]
    assert ["Berlin", "Paris", "Tokyo"] in values
    assert names["final"].choices[0].finish_reason in ("stop", "length")
    assert (tmp_path / "island.png").stat().st_size > 10_000
    assert names["client"].closed
    assert names["asynchronous"].closed
    assert "Berlin" in capsys.readouterr().out


def test_nothing_that_a_run_leaves_is_kept() -> None:
    """Neither outputs nor counters are committed."""
    assert not [cell for cell in CODE if cell["outputs"] or cell["execution_count"]]
