"""Structured output into classes of any make: what the model wrote is what they get."""

from __future__ import annotations

import json

from horay_async import AnswerError, parse_text
from horay_async._protocol.structured.schema import schema
from tests.adversary.classes import FORMS, alike, made_class, written
from tests.adversary.draws import draws

CLASSES = 250
"""Classes, with a value each."""


def test_what_was_written() -> None:
    """A text becomes the instance that holds the same values."""
    for draw in draws("classes", CLASSES):
        cls, values = made_class(draw, 3, draw.choice(FORMS))
        json.dumps(schema(cls).json)
        value, expected = values(draw)
        whole = written(value, draw)
        try:
            found = parse_text(cls, whole)
        except AnswerError as error:
            raise AssertionError((draw, cls, whole, error.errors)) from error
        assert alike(found, expected), (draw, whole, found, expected)
