"""What servers say of failures, and the key that must never be among it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.clean import MASK, Cleaner
from horay_async._protocol.wire.error_body import (
    SHOWN,
    ErrorBody,
    _text,
    beginning,
    read,
    status_of,
)

KEY = 'sk-ab/c"d\\e+F='
"""With everything in it that JSON or a URL spells otherwise."""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # The forms of the facts.
        ({"error": {"message": "No.", "type": "t", "param": None, "code": "c"}}, "No."),
        ({"error": "No."}, "No."),
        ({"detail": "No."}, "No."),
        ({"detail": [{"loc": ["body", "n"], "msg": "too big"}]}, "body.n: too big"),
        ({"code": 20012, "message": "No.", "data": None}, "No."),
        ("No.", "No."),
        ({"message": "Request was rejected … Details: TPM limit reached.", "data": "x"},
         "Request was rejected … Details: TPM limit reached."),
        # And what is near them.
        ({"detail": [{"loc": ["body", 0, None], "msg": "bad"}, {"msg": "worse"}, {"loc": "x"}, "odd", 7]},
         "body.0.null: bad; worse; not valid; odd; 7"),
        ({"detail": {"reason": "No."}}, '{"reason":"No."}'),
        ({"error": {"code": 7}, "message": "Outer."}, "Outer."),
        ({"error": {"detail": "Inner."}}, "Inner."),
        ({"error": {"message": {"en": "No."}}}, '{"en":"No."}'),
        ({"error": {"message": 404}}, "404"),
        ({"object": "error", "message": "No.", "code": 400}, "No."),
        ([{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}], "No."),
        ({"choices": [{"error": {"code": 502, "message": "No."}}]}, "No."),
        ({"x_groq": {"error": "No."}}, "No."),
        ({"error": [{"message": "No."}]}, "No."),
        ({"error": {"error": {"message": "No."}}}, "No."),
        ({"error": {"message": "No.", "error": "x"}}, "No."),
        ({"error": ["No."]}, '{"error":["No."]}'),
        ({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "No."}}, "No."),
        ([{"object": "error", "message": "No."}], "No."),
        ({"code": 20000, "message": "Ok", "status": True, "data": {}, "error": "No."}, "No."),
        ([{"code": 503, "message": "No.", "data": None}], "No."),
        ({"code": 20000, "message": "Ok", "data": {"error": {"message": "No."}}}, "No."),
        ({"code": 20000, "message": "Ok", "data": {"code": 503, "message": "No."}}, "No."),
        ([{"code": 0, "data": [{"object": "error", "message": "No."}]}], "No."),
        # Of no known shape: shown as it is.
        ({"reason": "No."}, '{"reason":"No."}'),
        ({"error": {}}, '{"error":{}}'),
        ({}, "{}"),
        ([1, 2], "[1,2]"),
        ([{"error": None}], '[{"error":null}]'),
        (404, "404"),
        (None, None),
    ],
    ids=str,
)  # fmt: skip
def test_json(body: Any, message: str | None) -> None:
    """The message is found in every form, and the whole body is kept."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    words = read(text.encode(), Cleaner(KEY))
    assert words.message == message
    assert words.body == body


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", None),
        (b" \r\n", None),
        (b"404 page not found\n", "404 page not found"),
        (b"\xff\xfe?", "\ufffd\ufffd?"),
        (b'{"error": {"mess', '{"error": {"mess'),
        (b"[" * 100_000, "[" * SHOWN),
        (b"x" * 600, "x" * SHOWN),
        (b"<html><head><title>504  Gateway\n Time-out</title></head>", "an HTML page, '504 Gateway Time-out'"),
        (b"<!DOCTYPE html><TITLE lang='en'>Oops</TITLE>", "an HTML page, 'Oops'"),
        (b"<html><body>Oops</body></html>", "an HTML page without a title"),
        (
            b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Request has\n expired</Message></Error>',
            "XML, 'Request has expired'",
        ),
        (b"<Error><Message>No such key</Message></Error>", "XML, 'No such key'"),
        (b"<?xml version='1.0'?><Fault/>", "XML without a message"),
        (b"<title" * 10_000, "an HTML page without a title"),
    ],
)  # fmt: skip
def test_text(body: bytes, message: str | None) -> None:
    """What isn't JSON is told as text; of an HTML page its title."""
    words = read(body, Cleaner(KEY))
    assert words.message == message
    assert words.body is None or isinstance(words.body, str)


TOLD = {"error": {"message": "No.", "type": "t", "param": "p", "code": "c"}}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "events",
    [
        "data: {0}\n\n",
        "data: {0}\n\ndata: [DONE]\n\n",
        "data: {0}",
        " \n data: {0}\n\n",
        "\ufeffdata: {0}\n\n",
        ": alive\n\ndata:{0}\n\n",
        ": alive\n{0}\n\n",
        ": alive\n\nerror: {1}\n\n",
        "id:1\nevent:error\n:HTTP_STATUS/429\ndata:{0}\n\n",
        'data: {{"choices": []}}\n\ndata: {0}\n\n',
        "event: error\ndata: [{0}]\n\n",
    ],
)
def test_events(events: str, end: str) -> None:
    """An error that was sent as an event is read like the JSON in it."""
    body = events.format(json.dumps(TOLD), json.dumps(TOLD["error"]))
    words = read(body.replace("\n", end).encode(), Cleaner(KEY))
    assert words.message == "No."
    assert (words.type, words.param, words.code) == ("t", "p", "c")


def test_event_of_another_form() -> None:
    """One without an `error` in it, and one that is no JSON."""
    words = read(
        b'id:1\nevent:error\n:HTTP_STATUS/429\ndata:{"code":"c","message":"No."}\n\n', Cleaner(KEY)
    )
    assert (words.message, words.code, words.body) == ("No.", "c", {"code": "c", "message": "No."})
    words = read(b"event: error\ndata: No.\n\n", Cleaner(KEY))
    assert (words.message, words.body) == ("No.", "No.")


@pytest.mark.parametrize(
    "body", ["id: 5 is unknown", ": alive", "data: No.", "event: error", "data:"]
)
def test_text_like_events(body: str) -> None:
    """What holds no report is told as text."""
    words = read(body.encode(), Cleaner(KEY))
    assert (words.message, words.body) == (body, body)


@pytest.mark.parametrize("form", ["{}", "data: {}\n\n"])
def test_cut(form: str) -> None:
    """Of JSON that was cut, what had come is told; a name that may lack its end isn't."""
    body = form.format(json.dumps(TOLD))
    last: tuple[object, ...] = (None, None, None)
    for end in range(1, len(body) + 1):
        words = read(body[:end].encode(), Cleaner(KEY))
        assert words.message is not None
        assert words.message in ("N", "No", "No.") or words.message in body
        here = (words.type, words.param, words.code)
        assert all(a == b for a, b in zip(last, here, strict=True) if a is not None)
        assert all(a in (None, b) for a, b in zip(here, "tpc", strict=True))
        last = here
    assert last == ("t", "p", "c")
    words = read(b'{"error": {"code": "quota", "message": "No.", "type": "insuff', Cleaner(KEY))
    assert (words.message, words.code, words.type) == ("No.", "quota", None)
    assert words.body == '{"error": {"code": "quota", "message": "No.", "type": "insuff'


def test_behind_json() -> None:
    """What stands behind the report doesn't hide it."""
    words = read(json.dumps(TOLD).encode() + b"<html>", Cleaner(KEY))
    assert (words.message, words.code) == ("No.", "c")


def test_half_a_character() -> None:
    """A message that was cut within one hides no field."""
    words = read(b'{"error": {"message": "Bad: \\ud83d", "code": 402}}', Cleaner(KEY))
    assert (words.message, words.code) == ("Bad: \ufffd", 402)


def test_message_is_short() -> None:
    """A message is cut; the body has it whole."""
    words = read(json.dumps({"error": {"message": "x" * 9000}}).encode(), Cleaner(KEY))
    assert words.message == "x" * SHOWN
    assert words.body["error"]["message"] == "x" * 9000


@pytest.mark.parametrize(
    ("fields", "type_", "code", "param"),
    [
        ({"type": "t", "code": "c", "param": "p"}, "t", "c", "p"),
        ({"type": 1, "code": 7, "param": []}, None, 7, None),
        ({"code": True}, None, None, None),
        ({"code": 7.5}, None, None, None),
        ({"code": None}, None, None, None),
    ],
)
def test_fields(
    fields: dict[str, Any], type_: str | None, code: str | int | None, param: str | None
) -> None:
    """Type, code and param are taken where they are what they should be."""
    for body in ({"error": {"message": "No.", **fields}}, {"message": "No.", **fields}):
        words = read(json.dumps(body).encode(), Cleaner(KEY))
        assert (words.type, words.code, words.param) == (type_, code, param)
        assert words.fields == {"type": type_, "code": code, "param": param, "body": body}


DEEP = 2000


@pytest.mark.parametrize("depth", range(100, DEEP, 100))
def test_depth_never_crashes(depth: int) -> None:
    """However deep a body is nested, it is read or shown as text."""
    nest = "[" * depth + "]" * depth
    for body in (f'{{"error":{{"message":{nest}}}}}', f'{{"detail":[{{"loc":[{nest}]}}]}}', nest):
        message = read(body.encode(), Cleaner(KEY)).message
        assert message
        assert len(message) <= SHOWN


@pytest.mark.usefixtures("no_collection")
def test_too_deep_to_show() -> None:
    """An explanation that can't be shown as JSON says so: reading one takes a little less stack."""
    nest: list[Any] = []
    for _ in range(1_000_000):
        nest = [nest]
    assert _text(nest) == "an explanation nested too deep to show"


@pytest.mark.parametrize(
    ("code", "type_", "status"),
    [
        ("model_not_found", "invalid_request_error", 404),
        (None, "invalid_request_error", 400),
        (None, "BadRequestError", 400),
        (None, "RateLimitError", 429),
        (None, "rate_limit_exceeded", 429),
        ("rate-limit", None, 429),
        (None, "overloaded_error", 503),
        (None, "server_error", 500),
        (None, "InternalServerError", 500),
        ("insufficient_quota", None, 402),
        (None, "authentication_error", 401),
        ("Unauthorized", None, 401),
        (None, "permission_denied", 403),
        (None, "not_found_error", 404),
        ("conflict", None, 409),
        (None, "UnprocessableEntityError", 422),
        (None, "internal_error", 500),
        (None, "service_overloaded", 503),
        ("service_unavailable", None, 503),
        ("invalid_api_key", None, 401),
        (429, None, 429),
        (400, None, 400),
        (599, None, 599),
        (399, None, None),
        ("429", None, 429),
        (20012, None, 400),
        ("50505", None, 503),
        (50505, "invalid_request_error", 503),
        (200, None, None),
        (600, None, None),
        (99999, "server_error", 500),
        ("9" * 5000, None, None),
        ("²", None, None),
        ("unheard_of", "unheard_of", None),
        ("error", "", None),
        (None, None, None),
    ],
)
def test_status(code: str | int | None, type_: str | None, status: int | None) -> None:
    """A failure's code, or else its type, stands for a status, however it is spelt."""
    assert status_of(ErrorBody(message=None, code=code, type=type_)) == status


def spellings(key: str) -> list[str]:
    """The ways in which a server may send the key back."""
    return [
        key,
        json.dumps(key)[1:-1],
        json.dumps(key)[1:-1].replace("/", "\\/"),
        "".join(f"\\u{ord(character):04x}" for character in key),
        "".join(f"\\u{ord(character):04X}" for character in key),
        quote(key),
        quote(key, safe=""),
        "".join(f"%{ord(character):02x}" for character in key),
    ]


@pytest.mark.parametrize("number", range(len(spellings(KEY))))
def test_key_is_beginning(number: int) -> None:
    """The key is masked in every spelling, in JSON and in text."""
    spelt = spellings(KEY)[number]
    for body in (
        f'{{"error":{{"message":"Bad key {spelt}!","code":"{spelt}"}}}}',
        f"Bad key {spelt}!",
    ):
        words = read(body.encode(), Cleaner(KEY))
        assert words.message is not None
        assert MASK in words.message
        assert KEY not in str(words)
        assert spelt not in str(words)


def test_key_is_masked_in_json_within_json() -> None:
    """An error that holds another one as text is still JSON when the key is out."""
    for spelt in spellings(KEY):
        inner = f'{{"error":{{"message":"Bad key {spelt}!"}}}}'
        words = read(json.dumps({"error": {"message": inner, "code": 7}}).encode(), Cleaner(KEY))
        assert words.code == 7
        assert words.message == f'{{"error":{{"message":"Bad key {MASK}!"}}}}'


PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
TOKEN68 = st.sampled_from("abcXYZ019-._~+/=")
"""What a bearer token is made of (RFC 6750, section 2.1)."""


@given(st.text(PRINTABLE, min_size=8, max_size=40), st.data())
def test_any_key_is_beginning(key: str, data: st.DataObject) -> None:
    """Whatever the key is like, it never comes out again."""
    parts = st.lists(st.sampled_from([*spellings(key), " ", "ab", '"', "\\"]), max_size=5)
    text = "".join(data.draw(parts))
    assert key not in Cleaner(key)(text)
    words = read(
        json.dumps({"error": {"message": text, "code": key, key: [key]}}).encode(), Cleaner(key)
    )
    assert key not in str(words)


@given(st.text(TOKEN68, min_size=8, max_size=40), st.data())
def test_masking_leaves_json(key: str, data: st.DataObject) -> None:
    """Where the key is like a bearer token's, what is left is still JSON."""
    parts = st.lists(st.sampled_from([*spellings(key), " ", "ab", '"', "\\"]), max_size=5)
    text = "".join(data.draw(parts))
    words = read(
        json.dumps({"error": {"message": text, "code": key, key: [key]}}).encode(), Cleaner(key)
    )
    assert words.code == MASK
    assert words.body["error"][MASK] == [MASK]


@pytest.mark.parametrize("before", [0, 400, SHOWN - 5, SHOWN - 1, SHOWN, 4 * SHOWN])
@pytest.mark.parametrize("filler", ["x", "語"])
def test_key_is_masked_at_the_cut(before: int, filler: str) -> None:
    """No part of the key is left where the text is cut."""
    for spelt in spellings(KEY):
        shown = beginning((filler * before + spelt + "y" * 900).encode(), Cleaner(KEY))
        assert len(shown) <= SHOWN
        assert shown == (filler * before + MASK + "y" * 900)[:SHOWN]


def test_masked_replaces_what_is_no_text() -> None:
    """Bytes that can't be decoded are replaced."""
    assert beginning(b"a\xff\xfeb", Cleaner(KEY)) == "a\ufffd\ufffdb"
