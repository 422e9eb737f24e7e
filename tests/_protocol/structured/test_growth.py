"""Time linear in the input: code blocks, unions within unions, and strings that are looked at as they come."""

from __future__ import annotations

import pytest

from tests.growth import assert_linear

BLOCK = """
from horay_async import AnswerError, parse_text
def prepare(n):
    return {text}
def work(text):
    try:
        parse_text(list[int], text)
    except AnswerError:
        pass
"""

LOOKED_AT = """
from horay_async._protocol.structured.partial_json import PartialJSON
def prepare(n):
    return n
def work(n):
    reading = PartialJSON()
    reading.feed('{"text": "')
    for _ in range(n):
        reading.feed("word ")
        len(reading.value["text"])
"""

VALUES = """
import attrs
from horay_async import parse_text
@attrs.define
class Left:
    x: int
@attrs.define
class Right:
    x: int
    y: str = ""
def prepare(n):
    return "[" + '{"x": 1}, ' * n + '{"x": 1, "y": "a"}]'
def work(text):
    parse_text(list[Left | Right], text)
"""


@pytest.mark.parametrize(
    "text",
    [
        '"```" + chr(10) + " " * n',
        '"```json" + " " * n',
        '"`" * n',
        '("```" + chr(10)) * n',
        '("```" + chr(10) + "[1]" + chr(10) + "```" + chr(10)) * n',
        '"```" + chr(10) + (" " * 9 + chr(10)) * n + "x"',
        '"[" * n',
        '"[" * n + "]" * n',
        '"{[" * n + "</think>" * n',
        "('[\"' + chr(92)) * n",
        "('``` ' + chr(10) + '\"') * n",
    ],
)
def test_code_blocks(text: str) -> None:
    """However a text that looks like a code block goes on."""
    assert_linear(BLOCK.format(text=text), 20_000)


def test_string_that_is_looked_at() -> None:
    """Looking at the open string after each piece costs what the piece costs."""
    assert_linear(LOOKED_AT, 10_000)


def test_unions() -> None:
    """What was tried is forgotten with the document, and found at once within it."""
    assert_linear(VALUES, 1_000)
