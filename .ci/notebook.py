"""Runs the example notebook and stores its outputs: `python .ci/notebook.py`, with nbclient and ipykernel installed.

Pieces of one stream are joined, a line that was drawn again and again is kept as it was last, and nothing is stored
that another run or machine would have otherwise: ids, times and places.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOK = EXAMPLES / "notebook.ipynb"

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
CHANGING = re.compile(r"(\bid='[a-z]+-|\bcreated=)\w+")
TIMES = re.compile(r" *(?:\d+:\d\d:\d\d|-:--:--)")


def last_drawn(text: str) -> str:
    """Text as it stands in the end: without colours, each line as it was last drawn, and without times."""
    lines = ESCAPES.sub("", text).split("\n")
    return "\n".join(TIMES.sub("", line.rpartition("\r")[2]) for line in lines)


def settled(outputs: list[Any]) -> list[Any]:
    """A cell's outputs as they are stored."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = last_drawn(output.text)
        elif "text/plain" in output.data:
            output.data["text/plain"] = CHANGING.sub(r"\1...", output.data["text/plain"])
    return kept


def main() -> None:
    """Runs it in an empty folder, without a key: the local server responds."""
    book = nbformat.read(NOTEBOOK, 4)
    for name in [name for name in os.environ if name.startswith("HORAY_")]:
        del os.environ[name]
    os.environ["PYTHONPATH"] = str(EXAMPLES)  # a kernel starts in the notebook's folder
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = nbclient.NotebookClient(
            book, timeout=300, kernel_name="python3", record_timing=False, resources=resources
        )
        client.execute()
    for cell in book.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = settled(cell.outputs)
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(book, NOTEBOOK)


if __name__ == "__main__":
    sys.exit(main())
