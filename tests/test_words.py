"""The package speaks its field's language: HTTP's, asyncio's and the OpenAI API's."""

from __future__ import annotations

import io
import re
import tokenize
from fnmatch import fnmatch
from pathlib import Path

import pytest

import horay_async

PACKAGE = Path(horay_async.__file__).parent

FILES = sorted(path for pattern in ("*.py", "*.pyi") for path in PACKAGE.rglob(pattern))

METAPHORS = {
    "answer": "response",
    "blame": "attribute",
    "canary": "probe",
    "desk": "handler",
    "face": "client: the blocking or the asynchronous one",
    "facade": "blocking wrapper",
    "farewell": "close_notify",
    "gallery": "store",
    "gate": "limiter",
    "greeting": "connect fault",
    "guilty": "rate_limited",
    "ledger": "recorder",
    "misfit": "mismatch",
    "outbox": "result buffer",
    "outline": "strict decoder, or summary",
    "plunge": "decrease",
    "recess": "pause",
    "storm": "rate limits",
    "strikes": "refusals",
    "sweep": "eviction",
    "swept": "evicted",
    "ticket": "limited request",
    "twin": "the blocking class, or the asynchronous one",
    "unfit": "invalid value",
    "words": "message, or text",
}
"""Words that once stood here for something that has a name, and that name."""

TIMEOUT = re.compile(
    r"\b(the|all|other|five|its) clocks\b|\bclocks? `|\b(idle|first.byte|connect|queue) clock|"
    r"\bclocks? (that )?(has|have|had)? ?(ran|run) out"
)
"""What a timeout was called. A clock is what shows the time."""

MEANT = {
    "*": r"Answer(Error|Fault|Parsed)\b|\bmodel's (whole )?answer",  # what a model says, as text
    "_transport/connection.py": r"TLS may have sent session tickets",
    "cli/terminal.py": r"\bwords, such as paths|break_long_words",  # of a text that is wrapped
    "integrations/ray/*.py": r"[\"`]answer[\"`]|answers/",  # the column of the model's text
    "local/templates.py": r"answer with its name|Hugging Face",  # the model's own template; a name
    "testing/*.py*": r"\bGate\b|\bgates?\b",  # the step that waits until a test opens it
    "testing/canned.py": r"\b_?words\b",  # of a text, sent one a chunk
}
"""Where such a word is the right one: patterns by file."""


def without_meant(path: str, text: str) -> str:
    """`text` of the file at `path`, below the package, without the words that are right there."""
    for pattern, meant in MEANT.items():
        if fnmatch(path, pattern):
            text = re.sub(meant, "_", text)
    return text


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
    text = path.read_text(encoding="utf-8")
    found = words_of(without_meant(path.relative_to(PACKAGE).as_posix(), text)) & METAPHORS.keys()
    assert {word: METAPHORS[word] for word in found} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_timeouts_are_called_timeouts(path: Path) -> None:
    """There are five, as the class `Timeouts` says."""
    assert TIMEOUT.search(path.read_text(encoding="utf-8")) is None
