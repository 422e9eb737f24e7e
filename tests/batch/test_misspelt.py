"""Names in a batch's lines that may be misspelt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async.batch.misspelt import doubts
from horay_async.batch.request_lines import parse_request_line


def doubts_of(
    body: dict[str, Any], url: object = "/v1/chat/completions", **beside: object
) -> list[str]:
    """What is told of a line."""
    fields = {"custom_id": "a", "method": "POST", "url": url, **beside}
    raw = json.dumps({**fields, "body": {"model": "m", "messages": [], **body}}).encode()
    from_text = list(doubts(parse_request_line(raw), raw))
    assert list(doubts(parse_request_line(raw), json.loads(raw))) == from_text
    return from_text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("max_token", "did you mean 'max_tokens'?"),
        ("maxTokens", "did you mean 'max_tokens'?"),
        ("temprature", "did you mean 'temperature'?"),
        ("top-p", "did you mean 'top_p'?"),
        ("max_new_tokens", "it is max_tokens here"),
    ],
)
def test_misspelt_field(name: str, told: str) -> None:
    """Is told with the one that may be meant."""
    assert doubts_of({name: 1}) == [f"body.{name}: {told}"]


@pytest.mark.parametrize(
    "name", ["min_tokens", "top_a", "chat_template_kwargs", "stream", "user", "reasoning", "models"]
)
def test_field_of_another_server(name: str) -> None:
    """Isn't taken for a mistake, though it is unknown here."""
    assert doubts_of({name: 1}) == []


def test_field_beside_the_body() -> None:
    """A known one isn't sent; others are the user's own."""
    assert doubts_of({}, max_tokens=3, mine=4) == [
        "max_tokens stands beside body, not in it, and isn't sent"
    ]


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/chat/completion", "/v1/chat/completions"),
        ("/v1/images/generations", "/v1/image/generations"),
        ("/v1/responses", None),
        (5, None),
    ],
)
def test_unknown_url(url: object, meant: str | None) -> None:
    """Is told where it is nearly an operation's; other paths are the server's."""
    told = [f"url {url!r}: did you mean {meant!r}?"] if meant else []
    assert doubts_of({"max_token": 1}, url) == told


@pytest.mark.parametrize(
    "raw",
    [b'{"custom_id": "a", "url": "/v1/completions", "body": 5}', b'{"custom_id": "a", "x": \xff}'],
)
def test_unusable_line(raw: bytes) -> None:
    """Is an error of its own, not told here."""
    assert list(doubts(parse_request_line(raw), raw)) == []
