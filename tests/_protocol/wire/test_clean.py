"""Text of the wire as it may be shown."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.clean import MASK, Cleaner
from horay_async._protocol.wire.error_body import read

KEY = "sk-0123456789abcdef"
OTHER = "sk-0123456789abcdef-2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("req-1", "req-1"),
        ("größe 語 👩\u200d🚀 \u200fabc", "größe 語 👩\u200d🚀 \u200fabc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        ("\x90q\x9ca\x1b(Bb\x1bcc", "abc"),
        ("a\x00\x07\x7f\x85b\x9f", "a b"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\udcffb\ud800", "a\ufffdb\ufffd"),
        (b"a\xffb", "a\ufffdb"),
        ("\x1b[31", "31"),
        (f"Bad key {KEY}!", f"Bad key {MASK}!"),
        (f"Bad key {KEY[:5]}\x1b[0m{KEY[5:]}!", f"Bad key {MASK}!"),
        (f"{OTHER} {KEY}", f"{MASK} {MASK}"),
        ("sk%2d0123456789abcdef", MASK),
    ],
)
def test_cleaning(text: str | bytes, shown: str) -> None:
    """Controls and escapes are dropped, breaks become blanks, what is no text U+FFFD, secrets are masked."""
    assert Cleaner(KEY, OTHER)(text) == shown


@given(st.text() | st.binary())
def test_whatever_comes_can_be_shown(text: str | bytes) -> None:
    """No control character and no half of a pair is left, and cleaning twice changes nothing."""
    clean = Cleaner(KEY)
    shown = clean(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert shown.encode().decode() == shown == clean(shown)


@given(
    st.recursive(
        st.text() | st.none() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_bodies_are_cleaned_within(value: object) -> None:
    """The escapes of JSON hide nothing from it."""
    words = read(
        json.dumps({"error": {"message": value, "code": value}}).encode("utf-8", "replace"),
        Cleaner(KEY),
    )
    for character in f"{words.message}{words.code}":
        assert unicodedata.category(character) not in {"Cc", "Cs"}


def test_only_masking() -> None:
    """What a model wrote has its secrets masked where it is quoted, and nothing else is touched."""
    clean = Cleaner(KEY)
    assert clean.mask(f"a\x1b[0m\n{KEY}") == f"a\x1b[0m\n{MASK}"
    assert Cleaner().mask("%5c") == "%5c"


def test_more_secrets() -> None:
    """A key that comes later is masked beside the first; nothing that is empty is."""
    clean = Cleaner(KEY)
    assert clean.masking() is clean
    assert clean.masking("hunter22", "")(f"{KEY}:hunter22") == f"{MASK}:{MASK}"
