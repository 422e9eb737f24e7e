"""What the site shows from outside its folder of pages, and what it adds to the pages in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    "explanations/results.png": "benchmarks/results.png",
    "explanations/soak.png": "benchmarks/soak.png",
    "changelog.md": "CHANGELOG.md",
    "assets/wide.css": ".ci/docs/wide.css",
}
"""Files by their place on the site, and where they are in the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds them."""
    for shown, kept in ELSEWHERE.items():
        files.append(File.generated(config, shown, abs_src_path=str(ROOT / kept)))
    return files


BOOSTS = {"index": 10, "tutorial": 10, "guides": 10, "integrations": 5, "changelog": 0.1}
"""How much more a page counts in the search than one of the reference, by the first part of its place. The reference
has many short headings that are one searched word, which otherwise come before the page that explains it."""


WIDE = ("explanations/costs.md",)
"""Pages with tables that need the place of the table of contents."""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Has the search show guides before the reference, and the changelog last; and gives wide pages their room."""
    first = re.split(r"[/.]", page.file.src_uri, maxsplit=1)[0]
    page.meta.setdefault("search", {"boost": BOOSTS.get(first, 1)})
    if page.file.src_uri in WIDE:
        page.meta.setdefault("hide", ["toc"])


SHORT_CODE = re.compile(r"<code>(?=[^\s<]{1,32}</code>)")
"""Code within a text that has room on a line of its own, also on a phone."""


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keeps short code on one line: browsers break at hyphens, `--yes` into `-` and `-yes`."""
    return SHORT_CODE.sub('<code class="unbroken">', html)
