"""Text of the wire as it may be shown."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.clean import MASK, Cleaner, secrets_of
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


@pytest.mark.parametrize("key", [KEY, """sk-"q'<&%41>/\\+=F""", "sk-it's-a-key", r"sk-\\'\'-key"])
def test_key_that_python_spells_otherwise(key: str) -> None:
    """Names that the server has sent are shown as Python has them."""
    assert Cleaner(key)(f"$[{key!r}]")[3:-2] == MASK


def _as_numbers(key: str) -> str:
    return re.sub(r"[^\w-]", lambda found: f"&#{ord(found[0]):03};", key)


def _as_hex(key: str) -> str:
    return key.replace("/", "&#x2F;").replace("+", "&#x2b;")


def _within_json(key: str) -> str:
    return html.escape(key).replace("&", "\\u0026")


@pytest.mark.parametrize("spell", [html.escape, _as_numbers, _as_hex, _within_json])
@pytest.mark.parametrize("key", ["""sk-"q'<&%41>/\\+=F""", "ab&amp;cd/+Zm9vYmFy"])
def test_key_that_html_spells_otherwise(spell: Callable[[str], str], key: str) -> None:
    """Error pages escape what they quote, each its own characters."""
    text = spell(key)
    assert Cleaner(key)(f"<p>bad key {text}</p>") == f"<p>bad key {MASK}</p>"
    for cut in range(1, 8):
        assert Cleaner(key)(f"<p>bad key {text[:-cut]}") == f"<p>bad key {MASK}"


@pytest.mark.parametrize("kept", [8, 9, 15, 16, len(KEY) - 1])
def test_key_that_was_cut(kept: int) -> None:
    """Where a body broke off within it, or the server has cut its message; of less nobody could tell that it is the key."""
    clean = Cleaner("hunter2222", KEY).masking("pw")
    cut = KEY[:kept]
    assert clean(f"bad key {cut}") == f"bad key {MASK}"
    assert clean(f"{KEY} isn't {cut}") == f"{MASK} isn't {MASK}"
    assert clean(clean(f"bad key {cut}")) == f"bad key {MASK}"
    shown = cut if kept < 16 else MASK
    assert clean(f"bad key {cut}: {cut}, 1") == f"bad key {shown}: {shown}, 1"
    assert clean(f"bad key {KEY[:7]}") == f"bad key {KEY[:7]}"
    body = json.dumps({"error": {"message": f"bad key {cut}"}}).encode()
    for sent in (body, body[:-3]):
        parsed = read(sent, clean)
        assert parsed.message == f"bad key {MASK}"
        assert cut not in str(parsed.body)


@pytest.mark.parametrize("without", [1, 3, len(KEY) - 16])
def test_end_of_a_key(without: int) -> None:
    """A server may look a key up, and show it, without what its service begins all keys with; a short end tells little."""
    clean = Cleaner("hunter2222", KEY)
    end = KEY[without:]
    assert clean(f"{end}: no token {end}, {end}{end}.") == f"{MASK}: no token {MASK}, {MASK}{MASK}."
    assert clean(f"key …{KEY[-15:]}") == f"key …{KEY[-15:]}"


def test_many_ends_of_a_key() -> None:
    """Each is masked, with what stands of the key before it, and a large body takes no longer than its length."""
    clean = Cleaner(KEY)
    assert clean(f"{KEY[1:]} " * 100_000) == f"{MASK} " * 100_000


def test_end_that_begins_like_a_key_twice() -> None:
    """The beginning may stand there several times."""
    clean = Cleaner("aaaaaaaaab")
    assert clean("b" + "a" * 9) == f"b{MASK}"
    assert clean("aaaaaaaaca aaaaaaaa") == f"aaaaaaaaca {MASK}"
    assert clean("aaaaaaaac") == "aaaaaaaac"


@pytest.mark.parametrize("text", [f"<{KEY[:9]}>", KEY, "a\x1bb", "a%20b", "a\\nb"])
def test_whether_texts_may_change(text: str) -> None:
    """Such as headers, of which each is cleaned by itself where one of them may have to be."""
    assert Cleaner(KEY).may_change(f"a {text} b")
    assert not Cleaner(KEY).may_change(f"a {KEY[:7]} b")


def test_more_secrets() -> None:
    """A key that comes later is masked beside the first; nothing that is empty is."""
    clean = Cleaner(KEY)
    assert clean.masking() is clean
    assert clean.masking("hunter22", "")(f"{KEY}:hunter22") == f"{MASK}:{MASK}"


@pytest.mark.parametrize("key", ["local", "k", "code", "error", "1234567"])
def test_placeholders_are_no_secrets(key: str) -> None:
    """What is too short for a secret isn't masked: it is part of ordinary words."""
    text = f"http://localhost:1/code: {key}, error 1234567, the API key {key} is missing"
    assert Cleaner(key)(text) == text
    body = {"error": {"message": "Bad key.", "code": "code", "type": "local_error"}}
    parsed = read(json.dumps(body).encode(), Cleaner(key))
    assert (parsed.message, parsed.code, parsed.type) == ("Bad key.", "code", "local_error")
    assert parsed.body == body


def test_short_passwords_are_masked_as_words() -> None:
    """A person's password can be of any length; within other words it isn't meant."""
    clean = Cleaner(KEY).masking("pw", "[API")
    assert clean("http://user:pw@host and http://pwhost/pw-1") == (
        f"http://user:{MASK}@host and http://pwhost/pw-1"
    )
    assert clean.masking("key")(f"{MASK}: the key") == f"{MASK}: the {MASK}"


@pytest.mark.parametrize("key", ["messages", 'message":', "is missing", "[API key]"])
def test_masking_once(key: str) -> None:
    """What is masked stays as it is, and hides no field of a body."""
    body = {
        "error": {"message": f"Its messages: {MASK} is missing", "code": "c", "param": "messages"}
    }
    clean = Cleaner(key)
    parsed = read(json.dumps(body).encode(), clean)
    assert parsed.code == "c"
    assert parsed.message is not None
    assert parsed.message == clean(clean(parsed.message)) == clean(body["error"]["message"])
    assert "API [API" not in parsed.message


def test_names_are_read_before_they_are_masked() -> None:
    """A key that is spelt as the name of a field hides none."""
    clean = Cleaner().masking("error", "message", "code", "detail", "loc", "msg")
    parsed = read(b'{"error": {"message": "x", "code": "c1"}}', clean)
    assert (parsed.message, parsed.code) == ("x", "c1")
    assert read(b'{"detail": [{"loc": ["a"], "msg": "m"}]}', clean).message == "a: m"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Authorization", "Bearer sk-12345678", ["sk-12345678"]),
        ("Authorization", "Basic dXNlcjpwdw==", ["dXNlcjpwdw=="]),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIA1234/x, SignedHeaders=host;x-amz-date, Signature=0123456789",
            ["AKIA1234/x", "0123456789"],
        ),
        ("Authorization", 'Digest username="mary", response="0123456789"', ["0123456789"]),
        ("accessToken", "0123456789", ["0123456789"]),
        ("X-Api-Key-2", "messages", ["messages"]),
        ("X-Routing-Key", "production", []),
        ("X-Api-Key", " ; ", []),
        ("Cookie", "a=b; session=0123456789", ["0123456789"]),
        ("x-api-key", "0123456789", ["0123456789"]),
        ("X-Amz-Security-Token", "0123456789", ["0123456789"]),
        ("key", "short", []),
        ("Idempotency-Key", "0123456789", []),
        ("X-Keyword-Hint", "0123456789", []),
        ("User-Agent", "something-long", []),
    ],
)
def test_secrets_by_their_names(name: str, value: str, found: list[str]) -> None:
    """What a header or a part of a query is called says whether its value is a secret."""
    assert secrets_of([(name, value)]) == found
