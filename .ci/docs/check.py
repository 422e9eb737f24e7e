"""Says which public names the reference lacks, or shows without a word: `python .ci/docs/check.py SITE`."""

from __future__ import annotations

import html
import inspect
import re
import sys
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import griffe

TOPS = ("horay_async", "horay_async.testing", "horay_async.local", "horay_async.integrations.otel")


TOLD_ELSEWHERE = (
    "horay_async.options.ClientParams.",
    "horay_async.client.AsyncHoray.",
    "horay_async.sync.Horay.",
)
"""The options are described by `ClientOptions`, the clients' resources by their classes."""


def inventory(site: Path) -> set[str]:
    """The dotted names that the site has a heading for (the format is Sphinx's, version 2)."""
    raw = (site / "objects.inv").read_bytes()
    for _ in range(4):  # lines that describe the format
        raw = raw.partition(b"\n")[2]
    return {line.partition(" ")[0] for line in zlib.decompress(raw).decode().splitlines()}


def names_of(top: str) -> list[str]:
    """The public names of a module."""
    return [name for name in import_module(top).__all__ if name != "__version__"]


def lacking(site: Path) -> Iterator[str]:
    """Public names without a place in the reference, whatever path they are shown by."""
    shown = {path.rpartition(".")[2] for path in inventory(site)}
    for top in TOPS:
        yield from (f"{top}.{name}" for name in names_of(top) if name not in shown)


def undescribed(site: Path) -> Iterator[str]:
    """Public classes and functions whose docstring's first sentence no page shows."""
    pages = (page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    shown = _plain(" ".join(html.unescape(re.sub("<[^>]+>", "", page)) for page in pages))
    for top in TOPS:
        for name in names_of(top):
            found = getattr(import_module(top), name)
            if callable(found) and (text := inspect.getdoc(found)):
                first = re.split(r"[.:](?:\s|$)", text, maxsplit=1)[0]
                if _plain(first) not in shown:
                    yield f"{top}.{name}"


def _plain(text: str) -> str:
    """Without what Markdown takes away, and with one kind of space."""
    return " ".join(text.replace("`", "").split())


def unparsed(site: Path) -> Iterator[str]:
    """Pages that show the parameters of a docstring as running text."""
    for page in (site / "reference").glob("*.html"):
        if "<p>Args:" in page.read_text(encoding="utf-8"):
            yield page.name


def wordless() -> Iterator[str]:
    """Public classes, functions, methods and attributes without a docstring of their own or of a base's."""
    package = griffe.load("horay_async", try_relative_path=False, resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    for top in TOPS:
        module = package[top.partition(".")[2]] if "." in top else package
        for name in names_of(top):
            found = module[name].final_target if module[name].is_alias else module[name]
            if not found.has_docstring:
                yield found.path
            if isinstance(found, griffe.Class):
                yield from (
                    member.path
                    for member in found.members.values()
                    if not member.is_alias
                    and not member.name.startswith("_")
                    and not member.has_docstring
                    and not any(member.name in base.members for base in found.mro())
                )


if __name__ == "__main__":
    problems = [f"{name} isn't in the reference" for name in lacking(Path(sys.argv[1]))]
    problems += [f"{path}: no page shows its docstring" for path in undescribed(Path(sys.argv[1]))]
    problems += [f"{page} shows parameters as text" for page in unparsed(Path(sys.argv[1]))]
    problems += [
        f"{path} has no docstring" for path in wordless() if not path.startswith(TOLD_ELSEWHERE)
    ]
    sys.exit("\n".join(problems) or None)  # an empty text would be an error
