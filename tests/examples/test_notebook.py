"""The notebook: its cells run from the first to the last, in a running loop, as a kernel runs them."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
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
    """Both clients respond, the stream's end and the picture are there, and all is closed at the end."""
    for name in [name for name in os.environ if name.startswith("HORAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # A kernel starts in the notebook's folder.
    monkeypatch.setattr("sys.path", [str(EXAMPLES), *sys.path])
    names: dict[str, Any] = {"__name__": "__main__"}
    values: list[object] = []
    for cell in CODE:
        values.append(await execute("".join(cell["source"]), names))
        if names.get("Image") is str:  # without IPython, a picture is no value that shows itself
            continue
        stored = {form for output in cell["outputs"] for form in output.get("data", ())}
        assert stored == shown(values[-1])
    assert ["Berlin", "Paris", "Tokyo"] in values
    assert names["final"].choices[0].finish_reason in ("stop", "length")
    assert (tmp_path / "island.png").stat().st_size > 10_000
    assert names["client"].closed
    assert names["asynchronous"].closed
    assert "Berlin" in capsys.readouterr().out


def shown(value: object) -> set[str]:
    """The forms in which a notebook shows the value of a cell's last line."""
    if value is None:
        return set()
    forms: Any = {
        form: getattr(value, f"_repr_{name}_", lambda: None)()
        for form, name in (("text/markdown", "markdown"), ("image/png", "png"))
    }
    return {"text/plain", *(form for form, found in forms.items() if found)}


def test_outputs_are_stored() -> None:
    """Each cell has its outputs, as one run left them; nothing in them is of one machine or moment."""
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    stored = json.dumps(
        [cell["outputs"] for cell in CODE if "Image(" not in "".join(cell["source"])]
    )
    for mine in (
        r"/home/|/tmp/|/root/|C:\\\\",
        r"127\.0\.0\.1|localhost",
        r"\d:\d\d:\d\d",
        r"\\u001b",
        "Warning",
    ):
        assert not re.search(mine, stored), mine
    for cell in CODE:
        streams = [
            output["name"] for output in cell["outputs"] if output["output_type"] == "stream"
        ]
        assert streams in ([], ["stdout"])  # all pieces of a stream in one
        assert not cell["metadata"]
    forms = {form for cell in CODE for output in cell["outputs"] for form in output.get("data", ())}
    assert forms == {"text/plain", "text/markdown", "image/png"}
    assert "3/3" in stored  # the progress bar
