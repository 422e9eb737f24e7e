"""The check of finished responses: what the grammar can't hold, and that it held."""

from __future__ import annotations

import pytest

from horay_async.local.checking import raise_mismatch
from horay_async.local.errors import ApiProblem
from horay_async.local.schemas import check

from .wire import Json

TREE: Json = {
    "$ref": "#/$defs/tree",
    "$defs": {
        "tree": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 9},
            ]
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 1}, "1"),
        ({"type": "array", "uniqueItems": True}, "[1, 2]"),
        ({"pattern": "^(a+)+$"}, '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"'),
        (TREE, "[[[]]]"),
    ],
)
def test_fits(schema: Json, text: str) -> None:
    """JSON that fits passes; patterns are the grammar's business, and cost no time here."""
    raise_mismatch(check("field", schema), text)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("schema", "text", "words"),
    [
        ({}, "```json", "not valid JSON"),
        ({}, "[" * 100_000, "not valid JSON"),
        ({"items": {"type": "integer"}}, '[1, "a"]', r"'a' is not of type 'integer' at \$\[1\]"),
        ({"uniqueItems": True}, "[1, 1]", "non-unique"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "1", "valid under each of"),
        (TREE, "[" * 40 + "1" + "]" * 40, "too deeply nested to be checked"),
        ({"items": {"$ref": "#"}}, "[" * 900 + "]" * 900, "too deeply nested to be checked"),
    ],
)
def test_misfit(schema: Json, text: str, words: str) -> None:
    """Anything else is a 500 that says what doesn't fit, and ends in bounded time."""
    with pytest.raises(ApiProblem, match=words) as caught:
        raise_mismatch(check("field", schema), text)
    assert (caught.value.status, caught.value.code) == (500, "schema_mismatch")
