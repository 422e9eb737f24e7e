"""What a docstring says of a function or a class, and of each argument or field. Pure.

Understood are the three common forms: Google's (`Args:` and indented entries), Sphinx's (`:param name:`)
and NumPy's (`Parameters` above a line of dashes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc
from itertools import takewhile

import attrs

LISTS = frozenset(
    {"args", "arguments", "parameters", "params", "attributes", "other parameters", "keyword args"}
)
"""Sections whose entries describe arguments or fields."""
OTHERS = frozenset(
    {
        *("example", "examples", "note", "notes", "raises", "references", "return", "returns"),
        *("see also", "todo", "warning", "warnings", "warns", "yield", "yields"),
    }
)
"""Sections that are passed over: they speak to the caller, not to who chooses the arguments."""

ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
NUMPY_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?::.*)?$")
FIELD = re.compile(r":(\w+)(?:\s+([^:]*))?:\s*(.*)")
FIELDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword", "ivar", "var"})
"""Sphinx's names for the description of an argument or a field."""


@attrs.frozen
class ParsedDocstring:
    """A docstring, taken apart."""

    text: str
    """All that stands before the first section."""
    arguments: dict[str, str]
    """Descriptions by name, each on one line."""


def parse_docstring(docstring: str) -> ParsedDocstring:
    """What `docstring` says; empty where it says nothing."""
    lines = cleandoc(docstring).splitlines()
    starts = [(place, read) for place in range(len(lines)) if (read := _start(lines, place))]
    ends = [place for place, _ in starts[1:]] + [len(lines)]
    text = "\n".join(lines[: starts[0][0]] if starts else lines).strip()
    arguments: dict[str, list[str]] = {}
    for (place, read), end in zip(starts, ends, strict=False):
        for argument, description in read(lines[place:end]):
            arguments.setdefault(argument, []).append(description)
    joined = {name: " ".join(filter(None, lines)) for name, lines in arguments.items()}
    return ParsedDocstring(
        text, {name: description for name, description in joined.items() if description}
    )


Entries = Callable[[list[str]], Iterable[tuple[str, str]]]
"""Reads the entries of a section from its lines, its head among them."""


def _start(lines: list[str], place: int) -> Entries | None:
    """What reads the section that begins here, if one does."""
    line = lines[place].rstrip()
    if FIELD.match(line):
        return _sphinx
    name = line.removesuffix(":").lower()
    if name not in LISTS | OTHERS:
        return None
    below = lines[place + 1].strip() if place + 1 < len(lines) else ""
    if not line.endswith(":") and set(below) != {"-"}:
        return None
    if name in OTHERS:
        return lambda _: ()
    return _google if line.endswith(":") else _numpy


def _google(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Entries at the first line's depth; deeper lines go on with the entry above."""
    depth = next((_depth(line) for line in lines[1:] if line.strip()), 0)
    name = ""
    for line in lines[1:]:
        if line.strip() and _depth(line) < depth:
            return  # prose again
        entry = ENTRY.match(line.strip()) if _depth(line) == depth else None
        if entry:
            name = entry[1]
        if name:
            yield name, entry[2] if entry else line.strip()


def _numpy(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names at the margin, with a type perhaps; their descriptions are indented."""
    name = ""
    for line in lines[2:]:
        if line.strip() and not _depth(line):
            entry = NUMPY_ENTRY.match(line)
            name = entry[1] if entry else ""
        elif name:
            yield name, line.strip()


def _sphinx(lines: list[str]) -> Iterator[tuple[str, str]]:
    """One field: `:param name: text`, or with the type before the name."""
    field = FIELD.match(lines[0])
    assert field is not None  # that's where the section began
    named = (field[2] or "").split()
    if field[1] in FIELDS and named:
        more = takewhile(lambda line: not line.strip() or _depth(line), lines[1:])
        for description in (field[3], *more):
            yield named[-1].lstrip("*"), description.strip()


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
