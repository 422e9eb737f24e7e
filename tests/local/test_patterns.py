"""Regular expressions of schemas, as a grammar holds them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async.local.patterns import UnsupportedPattern, anchored


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("^a$", "^a$"),
        ("a", "^.*a.*$"),
        ("^a", "^a.*$"),
        ("a$", "^.*a$"),
        ("", "^.*.*$"),
        ("^$", "^$"),
        (r"^\d\w\s$", r"^[0-9][A-Za-z0-9_][ \t\n\r]$"),
        (r"^\D\W\S$", r"^[^0-9][^A-Za-z0-9_][^ \t\n\r]$"),
        (r"^[\d_]{2,3}$", "^[0-9_]{2,3}$"),
        (r"^[^\w.]$", "^[^A-Za-z0-9_.]$"),
        (r"^a{2}b{0,}c*?d+?e??$", "^a{2}b{0,}c*d+e?$"),
        (r"^(?:a|b)(c)$", "^(a|b)(c)$"),
        ("a|b", "^.*(a|b).*$"),
        (r"^\.\/\$\\$", r"^\./\$\\$"),
        (r"^a\\$", r"^a\\$"),
        (r"a\$", r"^.*a\$.*$"),
        (r"^[\]\\\-[]$", r"^[\]\\\-\[]$"),
        (r"^\t[\n]$", r"^\t[\n]$"),
        ("^]}$", r"^\]\}$"),
        (r"^\"'$", "^\"'$"),
    ],
)
def test_held(pattern: str, held: str) -> None:
    """A pattern is anchored, its short names of classes written out, and it means the same."""
    assert anchored(pattern) == held


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^a{5,2}$", "at least 5 and at most 2"),
        ("a{1001}", "more than 1000"),
        ("a{0,1001}", "more than 1000"),
        ("a{,3}", "begins no repetition"),
        ("(?=a)", "looks around"),
        ("(?<n>a)", "looks around"),
        ("(a", "leaves a group open"),
        ("a)", "isn't open"),
        ("[a", "leaves a class open"),
        ("[]", "empty class"),
        ("[^]", "empty class"),
        (r"[\S]", r"\\S in a class"),
        (r"\b", r"the escape \\b"),
        (r"\1", r"the escape \\1"),
        ("a\\", "the escape"),
        ("[a\\", "the escape"),
        ("*", "repeats nothing"),
        ("a**", "repeats nothing"),
        ("(*a)", "repeats nothing"),
        ("a|*", "repeats nothing"),
        ("a^b", "has \\^ in its middle"),
        ("a$b", "has \\$ in its middle"),
        ("^a|b", "one of its branches"),
        ("^a|b$", "one of its branches"),
    ],
)
def test_refused(pattern: str, words: str) -> None:
    """What a grammar can't hold, or can't be right, is named."""
    with pytest.raises(UnsupportedPattern, match=words):
        anchored(pattern)


@given(st.text(r"ab1_ .\dw[]()^$*+?{},|-", max_size=12), st.text("ab1_ -.", max_size=5))
def test_means_the_same(pattern: str, text: str) -> None:
    """Whatever is let through matches what Python's own search of the pattern finds."""
    try:
        held = anchored(pattern)
        wanted = re.compile(pattern, re.ASCII)
    except (UnsupportedPattern, re.error, FutureWarning):
        return
    assert bool(re.search(held, text)) == bool(wanted.search(text))
