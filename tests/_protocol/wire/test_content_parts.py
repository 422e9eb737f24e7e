"""Lists of content parts: taken apart, and put together again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async._protocol.wire.content_parts import put_together, split
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.request import to_jsonable
from horay_async.models.chat import ChatCompletion
from tests.readers import reader_of

SIGNED: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm", "signature": "S"},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "S"}]},
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "S"},
]
TEXT = {"type": "text", "text": "hi"}
HIDDEN = {"type": "redacted_thinking", "data": "x"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


@pytest.mark.parametrize("signed", SIGNED)
def test_signed_thoughts_go_back(signed: dict[str, Any]) -> None:
    """As they came, before the text; what else has no text goes behind it."""
    parts = [signed, HIDDEN, TEXT, PICTURE]
    choice = {"index": 0, "message": {"content": parts}, "finish_reason": "stop"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    message = whole.choices[0].message
    assert (message.content, message.reasoning_content) == ("hi", "hm")
    assert to_jsonable(message) == {"role": "assistant", "content": parts}


@pytest.mark.parametrize(
    ("thoughts", "sent"),
    [
        (
            [
                {"type": "thinking", "thinking": "h"},
                {"type": "thinking", "thinking": "m"},
                {"type": "thinking", "thinking": "", "signature": "S"},
            ],
            [SIGNED[0]],
        ),
        (
            [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {
                    "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": "", "signature": "S"}],
                },
            ],
            [SIGNED[1]],
        ),
    ],
)
def test_signature_of_a_stream_comes_by_itself(thoughts: list[Any], sent: list[Any]) -> None:
    """The thought that it signs is what came before it."""
    source = reader_of()
    for part in [*thoughts, TEXT]:
        choice: dict[str, Any] = {"index": 0, "delta": {"content": [part]}}
        source.feed(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    message = source.merged.result().choices[0].message
    assert (message.content, message.reasoning_content) == ("hi", "hm")
    assert to_jsonable(message) == {"role": "assistant", "content": [*sent, TEXT]}


MESSAGES: list[tuple[dict[str, Any], Any, str | None]] = [
    ({"content": "hi", "reasoning_content": "hm"}, "hi", "hm"),
    ({"content": "hi", "content_parts": "x"}, "hi", None),
    ({"content": None, "content_parts": [PICTURE]}, [PICTURE], None),
    ({"content": None, "reasoning_content": "hm", "content_parts": [HIDDEN]}, [HIDDEN], "hm"),
    (
        {"content": "hi", "reasoning_content": "hm", "content_parts": [PICTURE]},
        [TEXT, PICTURE],
        "hm",
    ),
    (
        {"content": "hi", "reasoning_content": "hm", "content_parts": [SIGNED[0], HIDDEN]},
        [SIGNED[0], HIDDEN, TEXT],
        None,
    ),
    ({"content": None, "content_parts": [HIDDEN]}, [HIDDEN], None),
    (
        {
            "content": "",
            "reasoning_content": "hm",
            "content_parts": [{"type": "reasoning", "summary": [], "signature": "S"}],
        },
        [{"type": "reasoning", "summary": [], "signature": "S"}],
        "hm",
    ),
    (
        {
            "content": "",
            "reasoning_content": "hm",
            "content_parts": [{"type": "thinking", "signature": "S"}, HIDDEN],
        },
        [{"type": "thinking", "signature": "S", "thinking": "hm"}, HIDDEN],
        None,
    ),
    (
        {
            "content": "",
            "reasoning_content": "hm!",
            "content_parts": [SIGNED[0], {"type": "thinking", "signature": "T"}],
        },
        [SIGNED[0], {"type": "thinking", "signature": "T"}],
        "hm!",
    ),
]


@pytest.mark.parametrize(("fields", "content", "reasoning"), MESSAGES)
def test_put_together(fields: dict[str, Any], content: Any, reasoning: str | None) -> None:
    """A message without such parts stays as it is."""
    fields = dict(fields)
    put_together(fields)
    assert fields["content"] == content
    assert fields.get("reasoning_content") == reasoning


@pytest.mark.parametrize(
    "content", [[], {}, [""], [None, 7], [None], [{"type": "text"}], [TEXT | {"text": ""}]]
)
def test_nothing_in_it(content: Any) -> None:
    """Then the message has nothing either."""
    assert split(content, whole=True) == {}


@pytest.mark.parametrize(
    "content",
    [
        {"summary": "two", "items": [1, 2]},
        {"answer": 5},
        {"summary": "é"},
        {"text": "a", "label": "b"},
        [{"name": "Bob"}, {"name": "Al", "content": "tall"}],
        {"type": "cat", "name": "Tom"},
        {"type": "object", "value": "x", "n": 1},
        [{"type": "cat", "name": "Tom"}],
        {"type": ["a"], "x": 1},
    ],
)
def test_json_that_a_gateway_has_parsed(content: Any) -> None:
    """What a model wrote as JSON is its text, whatever its fields are called."""
    assert json.loads(split(content, whole=True)["content"]) == content
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    whole = decoder(ChatCompletion).decode(json.dumps({"choices": [choice]}).encode())
    assert json.loads(whole.choices[0].message.content or "") == content


@pytest.mark.parametrize(
    "content",
    [
        {"text": "a"},
        {"text": "a", "annotations": []},
        {"text": "a", "thoughtSignature": "s", "citations": None},
        [{"thinking": "hm"}],
        ["a", {"x": 1}],
    ],
)
def test_parts_without_a_type(content: Any) -> None:
    """A single text is one."""
    assert "{" not in str(split(content, whole=True)["content"])
