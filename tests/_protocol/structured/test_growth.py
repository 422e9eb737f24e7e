"""Time linear in the input: code blocks, unions within unions, and strings that are looked at as they come; and little for each item of a union."""

from __future__ import annotations

import itertools
import json
import sys

import pydantic
import pytest

from horay_async._protocol.structured.parse import parse_text
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


class Small(pydantic.BaseModel):
    """A class among others."""

    x: int
    y: int = 0


class Large(pydantic.BaseModel):
    """Another one."""

    x: int
    z: str = ""


class Wide(pydantic.BaseModel):
    """Many of them."""

    items: list[Small | Large | int | str]


def test_wide_unions_of_pydantic() -> None:
    """An option that takes no such properties isn't looked at further: there are few calls for each item."""

    def calls(n: int) -> int:
        text = json.dumps({"items": [{"x": 1, "y": 1}] * n})
        counted = itertools.count()
        before = sys.getprofile()
        sys.setprofile(lambda _frame, event, _arg: event == "call" and next(counted))
        try:
            parse_text(Wide, text)
        finally:
            sys.setprofile(before)
        return next(counted)

    calls(1)  # what is made once
    per_item = (calls(21) - calls(1)) / 20
    assert per_item < 250
