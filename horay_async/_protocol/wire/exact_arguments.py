"""The digits of numbers in the arguments of tool calls and in content, where a server sends an object in the place of its text. Pure.

The text is what callers read, and what tools get: a float has some 16 digits, and none at all of `1e400`. So the body is read once
more, with its numbers as marked texts, which leave their marks and quotes when the arguments are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from horay_async._json import fields_of

OBJECTS = re.compile(rb'"(?:(?:arguments|parameters|args)"\s*:\s*[{\[]|content"\s*:\s*{)')
"""What a body has in it where these are no text; other bodies may have it, too."""

EXACT_DIGITS = 15
"""Of a whole number that everything reads as it is."""

MARK = "\ufdd0"
"""A character that Unicode keeps from texts."""

NUMBER = re.compile(f'"?{MARK}([^"]*)"?')
"""A marked number, in JSON or in the place of all arguments."""


def with_marked_numbers(data: bytes) -> Any:
    """`data`, JSON, with numbers that may lose digits as marked texts; None where it has the mark in it."""
    text = data.decode()
    if MARK in text or ascii(MARK)[1:-1] in text.lower():
        return None
    return json.loads(
        text,
        parse_float=lambda digits: MARK + digits,
        parse_int=lambda digits: int(digits) if len(digits) <= EXACT_DIGITS else MARK + digits,
    )


def without_marks(text: str) -> str:
    """JSON that is made of it, with the numbers as they were sent."""
    return NUMBER.sub(r"\1", text)


def texts_in(sent: Any, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """What has such a text in a normalized response, whose choices have their messages at `place`, and the text's name: each message,
    and the functions of its tool calls.
    """
    for choice in sent.get("choices") or ():
        message = fields_of(fields_of(choice).get(place))
        yield message, "content"
        for call in message.get("tool_calls") or ():
            yield fields_of(fields_of(call).get("function")), "arguments"
