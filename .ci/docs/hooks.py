"""What the site shows from outside its folder of pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

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
