"""Checks what the index will show of a wheel that is to be published: `python .ci/page.py WHEEL`.

The index shows the README without the repository's other files: links must be whole addresses there. It links to the
repository and the documentation by `[project.urls]`.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("Repository", "Documentation", "Changelog", "Issues")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_RELATIVE = re.compile(r"\]\((?!https://|#)([^)\s]*)")


def problems(wheel: Path) -> Iterator[str]:
    """What has to be done before this wheel is published."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (one for one in opened.namelist() if one.endswith(".dist-info/METADATA"))
        headers, _, description = opened.read(name).decode().partition("\n\n")
    named = re.findall(r"^Project-URL: ([^,]+), https://", headers, flags=re.MULTILINE)
    for label in NEEDED:
        if label not in named:
            yield f"pyproject.toml: [project.urls] has no {label}"
    if "Summary: " not in headers or not description.strip():
        yield "there is no description"
    for link in _RELATIVE.findall(_FENCED.sub("", description)):
        yield f"README.md: a link to {link}, which the index doesn't have"
    if re.search(r"published\s+yet", description):
        yield "README.md says that nothing is published yet"


if __name__ == "__main__":
    (given,) = sys.argv[1:]
    sys.exit("\n".join(problems(Path(given))) or None)  # an empty text would be an error
