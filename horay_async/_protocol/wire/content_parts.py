"""Lists of content parts, which some servers send where the API has a text: taken apart, and put together to be sent back. Pure.

What has a text becomes that of the message: its content, its reasoning or its refusal. What hasn't, such as a picture or a
reference, and a thought that is signed, are kept as they came: the server wants them back.
"""

from __future__ import annotations

import json
from typing import Any

from horay_async._json import Json, is_array, is_object

TEXTS = ("text", "thinking", "reasoning", "summary", "content", "refusal", "value")
"""Where a part has its text."""

FIELDS = {
    "refusal": "refusal",
    "thinking": "reasoning_content", "reasoning": "reasoning_content",
    "reasoning_text": "reasoning_content", "reasoning_content": "reasoning_content",
}  # fmt: skip
"""The field of the message that a part belongs to, by its type or by where its text is; `content` otherwise."""

UNTYPED = frozenset({"text", "thinking", "reasoning", "refusal"})
"""Where a part without a type has its text."""

BESIDE = frozenset(
    {
        "annotations",
        "cache_control",
        "citations",
        "index",
        "signature",
        "thought",
        "thoughtSignature",
    }
)
"""What such a part may have beside it: with any other field it is no part, but data."""

TYPES = FIELDS.keys() | {"text", "output_text", "summary_text", "image", "image_url", "audio", "document", "file", "reference",
    "redacted_thinking", "tool_use"}  # fmt: skip
"""Types of parts, as servers of the family have them. A part may come without the list around it."""

KEPT = "content_parts"
"""The field that holds those to be sent back."""


def split(content: Any, *, whole: bool) -> Json:
    """The fields of a message that a list of parts, or a single one, makes; none where there is nothing in it. Other objects are the
    text itself, which a gateway has parsed, JSON mode's; but not in a stream, where `whole` is False.
    """
    if whole and is_data(content):
        return {"content": json.dumps(content, ensure_ascii=False, separators=(",", ":"))}
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
    kept: list[Json] = []
    for part in content if is_array(content) else [content]:
        if text := text_of(part):
            texts[_field_of(part)].append(text)
        if is_object(part) and (_is_signed(part) if text else _says_something(part)):
            kept.append(part)
    fields: Json = {name: "".join(pieces) for name, pieces in texts.items() if pieces}
    if kept:
        fields[KEPT] = kept
    return {"content": None, **fields} if fields else {}


def put_together(fields: Json) -> None:
    """Puts the parts that are kept of a message into its content: thoughts before the text, and all else behind it."""
    kept = fields.get(KEPT)
    if not is_array(kept):
        return
    del fields[KEPT]
    text, reasoning = fields.get("content"), fields.get("reasoning_content")
    thoughts = [part for part in kept if _is_thought(part)]
    if thoughts and reasoning:
        bare = [part for part in thoughts if _is_signed(part) and not text_of(part)]
        if len(bare) == 1 and not text_of(thoughts):  # of a stream, whose signature comes by itself
            at = thoughts.index(bare[0])
            thoughts[at] = _with_text(bare[0], reasoning)
        if text_of(thoughts) == reasoning:
            del fields["reasoning_content"]
    others = [part for part in kept if not _is_thought(part)]
    fields["content"] = [*thoughts, *([{"type": "text", "text": text}] if text else ()), *others]


def text_of(value: Any) -> str:
    """The text of a string, of a content part, or of a list of such."""
    if isinstance(value, str):
        return value
    if is_array(value):
        return "".join(text_of(item) for item in value)
    if is_object(value):
        return next((text for name in TEXTS if (text := text_of(value.get(name)))), "")
    return ""


def is_data(content: Any) -> bool:
    """Whether there are objects, and none could be a part."""
    if is_object(content) and content.get("type") is not None:
        return str(content["type"]) not in TYPES
    parts = [item for item in (content if is_array(content) else [content]) if item is not None]
    return bool(parts) and all(is_object(part) and not _is_part(part) for part in parts)


def _is_part(part: Json) -> bool:
    """Whether an object may be a part: by its type and its place for a text, or by its only text."""
    known = {name for name, value in part.items() if value is not None}
    if "type" in known:
        return str(part["type"]) in TYPES or not known.isdisjoint(TEXTS)
    return known <= UNTYPED | BESIDE


def _field_of(part: Any) -> str:
    if not is_object(part):
        return "content"
    if known := FIELDS.get(str(part.get("type", ""))):
        return known
    place = next((name for name in TEXTS if text_of(part.get(name))), "")
    return FIELDS.get(place, "content")


def _says_something(part: Json) -> bool:
    return any(value for name, value in part.items() if name != "type")


def _is_thought(part: Any) -> bool:
    kind = str(part.get("type")) if is_object(part) else ""
    return "thinking" in kind or "reasoning" in kind


def _is_signed(part: Json) -> bool:
    """Whether a thought, or one in its list of thoughts, has a signature."""
    inner = (item for value in part.values() if is_array(value) for item in value)
    return any(is_object(each) and each.get("signature") for each in (part, *inner))


def _with_text(part: Json, text: str) -> Json:
    """A thought with its text where it has the place for one, and nothing in it."""
    for name in TEXTS if not text_of(part) else ():
        value = part.get(name)
        if value == "":
            return {**part, name: text}
        if is_array(value) and len(value) == 1 and is_object(value[0]):
            return {**part, name: [_with_text(value[0], text)]}
    return {**part, "thinking": text} if part.get("type") == "thinking" else part
