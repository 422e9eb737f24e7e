"""The package speaks its field's language: HTTP's, asyncio's and the OpenAI API's."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

import horay_async

PACKAGE = Path(horay_async.__file__).parent

FILES = sorted(path for pattern in ("*.py", "*.pyi") for path in PACKAGE.rglob(pattern))

METAPHORS = {
    "blame": "attribute",
    "canary": "probe",
    "desk": "handler",
    "facade": "blocking wrapper",
    "farewell": "close_notify",
    "gallery": "store",
    "guilty": "rate_limited",
    "ledger": "recorder",
    "misfit": "mismatch",
    "outbox": "result buffer",
    "plunge": "decrease",
    "recess": "pause",
    "storm": "rate limits",
    "strikes": "refusals",
    "twin": "the blocking class, or the asynchronous one",
    "unfit": "invalid value",
}
"""Words that once stood here for something that has a name, and that name."""


def words_of(text: str) -> set[str]:
    """The words in names, docstrings and comments, in small letters and without a plural's s."""
    kinds = (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
    words: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds:
            for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", token.string):
                words |= {word.lower(), word.lower().removesuffix("s")}
    return words


def test_words_are_found() -> None:
    """In names of either style, in strings and in comments."""
    text = 'class OldFacade:\n    """Its twins."""\n\n    def on_farewell(self): ...  # a recess\n'
    assert words_of(text) >= {"facade", "twin", "farewell", "recess"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_metaphors(path: Path) -> None:
    """Each thing has the field's own name, which a reader can look up."""
    found = words_of(path.read_text(encoding="utf-8")) & METAPHORS.keys()
    assert {word: METAPHORS[word] for word in found} == {}
