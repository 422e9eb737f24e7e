"""Checks that the version is the same everywhere: `python .ci/version.py [--notes] [TAG]`.

The version is `__version__` in `horay_async/_version.py`. The newest heading of `CHANGELOG.md` names it,
with the word "unreleased" or the day of the release: `## [0.1.0] - 2026-01-31`. A tag is `v` and the version;
with one, that heading must have a day. `--notes` prints what the changelog says of the version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_HEADING = re.compile(r"^## \[([^\]]+)\] - (unreleased|\d{4}-\d{2}-\d{2})$")


class Entry(NamedTuple):
    """The newest entry of the changelog."""

    version: str
    day: str
    notes: str


def packaged(root: Path) -> str:
    """The package's version, as its source says it."""
    found = _VERSION.search((root / "horay_async" / "_version.py").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("horay_async/_version.py has no __version__")
    return found[1]


def newest(root: Path) -> Entry:
    """The changelog's newest entry."""
    _, *sections = re.split(
        r"^(?=## )", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    if not sections:
        raise SystemExit("CHANGELOG.md has no entry")
    heading, _, notes = sections[0].partition("\n")
    found = _HEADING.match(heading)
    if found is None:
        raise SystemExit(
            f"CHANGELOG.md: {heading!r} is not `## [VERSION] - YYYY-MM-DD` or `- unreleased`"
        )
    return Entry(found[1], found[2], notes.strip())


def check(root: Path, tag: str | None = None) -> Entry:
    """The newest entry. Exits with a sentence where the version, the changelog and the tag differ."""
    version, entry = packaged(root), newest(root)
    if entry.version != version:
        raise SystemExit(
            f"the package is {version}, the newest entry of CHANGELOG.md {entry.version}"
        )
    if tag is not None and tag != f"v{version}":
        raise SystemExit(f"the tag is {tag}, and must be v{version}")
    if tag is not None and entry.day == "unreleased":
        raise SystemExit(f"CHANGELOG.md calls {version} unreleased; give it the day of its release")
    return entry


if __name__ == "__main__":
    given = sys.argv[1:]
    tags = [argument for argument in given if argument != "--notes"]
    if len(tags) > 1:
        sys.exit("one tag at most")
    entry = check(ROOT, *tags)
    print(entry.notes if "--notes" in given else f"{entry.version}, {entry.day}")
