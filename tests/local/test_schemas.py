"""The one pass over the schemas of requests: what is refused, and in which form the rest goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async.local.errors import ApiProblem
from horay_async.local.schemas import MAX_DEPTH, RequestedSchema, check

from .wire import Json

STRING: Json = {"type": "string"}


def whole(schema: object) -> Json:
    """What a value has to fit."""
    return check("field", schema).whole


def held(schema: Json) -> Json:
    """What a grammar holds."""
    return check("field", schema).held()


def same(schema: Json) -> tuple[Json, Json]:
    """A schema that stays as it is."""
    return schema, schema


def nested(levels: int) -> Json:
    """Arrays in arrays."""
    return {"items": nested(levels - 1)} if levels > 1 else {}


def listed(levels: int) -> object:
    """A value of lists in lists."""
    return [listed(levels - 1)] if levels > 1 else 1


def chain(length: int) -> Json:
    """References in a row."""
    defs: Json = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{length}": STRING}}


def doubled(levels: int) -> Json:
    """Definitions that each hold the next one twice."""
    defs: Json = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": STRING}}


REFUSED: list[tuple[Any, str]] = [
    # What isn't a schema, or leads nowhere.
    (5, "must be a JSON schema"),
    (False, "lets nothing through"),
    ({"items": 5}, "must be an object, true or false at #/items"),
    ({"type": "mystery"}, "unrecognized type mystery"),
    ({"type": []}, "has no type"),
    ({"enum": 5}, "enum that isn't"),
    ({"allOf": []}, "allOf that isn't"),
    ({"anyOf": {}}, "anyOf that isn't"),
    ({"prefixItems": {}}, "prefixItems that isn't"),
    ({"properties": []}, "properties that isn't"),
    ({"dependentSchemas": []}, "dependentSchemas that isn't"),
    ({"dependentRequired": []}, "dependentRequired that isn't"),
    ({"dependentRequired": {"a": [1]}}, "dependentRequired that isn't"),
    ({"required": "a"}, "required that isn't"),
    ({"required": [1]}, "required that isn't"),
    ({"pattern": 5}, "pattern that isn't"),
    ({"minimum": "1"}, "has minimum that isn't"),
    ({"minimum": True}, "has minimum that isn't"),
    ({"maximum": float("inf")}, "has maximum that isn't"),
    ({"multipleOf": 0}, "has multipleOf that isn't"),
    ({"minItems": -1}, "has minItems that isn't"),
    ({"minItems": 1.5}, "has minItems that isn't"),
    ({"minItems": "1"}, "has minItems that isn't"),
    ({"$ref": 5}, "isn't within it"),
    ({"$ref": "other.json#/a"}, "isn't within it"),
    ({"$ref": "#name"}, "isn't within it"),
    ({"$ref": "#/$defs/none"}, "leads nowhere"),
    ({"$ref": "#/enum/7", "enum": [{}]}, "leads nowhere"),
    ({"$ref": "#/title/x", "title": "t"}, "leads nowhere"),
    ({"$ref": "#/title", "title": "t"}, "must be an object"),
    # What isn't supported.
    ({"patternProperties": {}}, "has patternProperties, which"),
    ({"items": {"$id": "a"}}, r"an \$id below its root at #/items"),
    ({"properties": {"a~/b": {"$anchor": "x"}}}, r"\$anchor, which .* at #/properties/a~0~1b$"),
    ({"pattern": "(?=a)"}, "a pattern that looks around"),
    # Cycles.
    ({"$ref": "#"}, "refers to itself without end"),
    ({"allOf": [{"$ref": "#"}]}, "refers to itself without end"),
    ({"anyOf": [STRING, {"$ref": "#"}]}, "refers to itself without end"),
    ({"not": {"$ref": "#"}}, "refers to itself without end"),
    ({"dependentSchemas": {"a": {"$ref": "#"}}}, "refers to itself without end"),
    (
        {
            "properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"oneOf": [{"$ref": "#/$defs/a"}]}},
        },
        r"refers to itself without end at #/\$defs/a",
    ),
    (
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        "contains another one without end",
    ),
    (
        {"type": "object", "required": ["a"], "additionalProperties": {"$ref": "#"}},
        "contains another one without end",
    ),
    ({"type": "array", "minItems": 1, "items": {"$ref": "#"}}, "contains another one without end"),
    (
        {"type": "array", "minItems": 1, "prefixItems": [{"$ref": "#"}]},
        "contains another one without end",
    ),
    (
        {
            "type": "array",
            "minItems": 1,
            "items": {"allOf": [STRING, {"anyOf": [{"$ref": "#"}]}]},
        },
        "contains another one without end",
    ),
    # Contradictions.
    ({"minItems": 2, "maxItems": 1}, "minItems 2 over maxItems 1"),
    ({"minLength": 2, "maxLength": 1}, "minLength 2 over maxLength 1"),
    ({"minProperties": 2, "maxProperties": 1}, "minProperties 2 over maxProperties 1"),
    ({"pattern": "a{5,2}"}, "at least 5 and at most 2"),
    ({"minimum": 2, "maximum": 1}, "minimum 2 and maximum 1"),
    ({"exclusiveMinimum": 1, "maximum": 1}, "exclusiveMinimum 1 and maximum 1"),
    (
        {"minimum": 1, "exclusiveMinimum": 1, "maximum": 1},
        "exclusiveMinimum 1 and maximum 1",
    ),
    (
        {"minimum": 1, "exclusiveMaximum": 1, "maximum": 1},
        "minimum 1 and exclusiveMaximum 1",
    ),
    ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "minimum 1.2 and maximum 1.8"),
    (
        {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2},
        "exclusiveMinimum 1 and",
    ),
    ({"enum": []}, "enum that isn't"),
    ({"enum": [1], "const": 2}, "const that isn't in its enum"),
    ({"type": "string", "const": 2}, "no value of its type 'string'"),
    ({"anyOf": [False]}, "lets nothing through"),
    ({"oneOf": [False, False]}, "lets nothing through"),
    ({"allOf": [True, False]}, "lets nothing through"),
    ({"required": ["a"], "properties": {"a": False}}, "requires 'a', which it doesn't allow"),
    ({"required": ["a"], "additionalProperties": False}, "requires 'a', which"),
    ({"required": ["a", "b"], "maxProperties": 1}, "requires more than its maxProperties"),
    ({"items": False, "minItems": 1}, "minItems 1, and no more than 0"),
    ({"prefixItems": [True], "items": False, "minItems": 2}, "no more than 1 fit"),
    ({"prefixItems": [True, False], "minItems": 2}, "no more than 1 fit"),
    # Size.
    ({"description": "x" * 65536}, "at most 64 KiB"),
    (nested(MAX_DEPTH + 1), "more than 32 levels deep"),
    ({"const": listed(MAX_DEPTH + 1)}, "more than 32 levels deep"),
    ({"const": listed(900)}, "more than 32 levels deep"),
    ({"enum": [{"a": listed(MAX_DEPTH)}]}, "more than 32 levels deep"),
    ({"minItems": 1001}, "minItems 1001, over 1000"),
    ({"maxLength": 1001}, "maxLength 1001, over 1000"),
    ({"pattern": "a{1001}"}, "more than 1000 times"),
    (chain(40), "more than 32 references in a row"),
    (doubled(20), "more than 2000 schemas for one value"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_refused(schema: object, words: str) -> None:
    """What can't be right, can't be held, or is too large is a 400 that names the field."""
    with pytest.raises(ApiProblem, match=words) as caught:
        check("field", schema)
    assert (caught.value.status, caught.value.param) == (400, "field")
    assert caught.value.message.startswith("field ")


TRANSLATED: list[tuple[Any, Json]] = [
        (True, {}),
        ({}, {}),
        ({"unknown": 1, "$schema": "s", "$id": "i", "$comment": "c"}, {}),
        same({"title": "t", "description": "d", "default": 1, "examples": [1]}),
        ({"type": ["string", "null", "string"]}, {"type": ["string", "null"]}),
        ({"type": ["string"]}, STRING),
        ({"const": None}, {"enum": [None]}),
        ({"enum": [1, "a"], "const": "a"}, {"enum": ["a"]}),
        ({"type": "integer", "enum": [1, 1.0, 1.5, True]}, {"type": "integer", "enum": [1, 1.0]}),
        ({"type": "number", "enum": [1, 1.5, None]}, {"type": "number", "enum": [1, 1.5]}),
        ({"type": "boolean", "enum": [True, 1]}, {"type": "boolean", "enum": [True]}),
        ({"type": "array", "enum": [[[1]], {}]}, {"type": "array", "enum": [[[1]]]}),
        ({"type": "object", "enum": [[], {"a": 1}]}, {"type": "object", "enum": [{"a": 1}]}),
        ({"minItems": 1.0, "maxItems": 1}, {"minItems": 1, "maxItems": 1}),
        same({"minimum": 1, "maximum": 1}),
        same({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3}),
        same({"format": "date"}),
        ({"format": "color"}, {}),
        ({"pattern": r"^\d$"}, {"pattern": "^[0-9]$"}),
        same({"uniqueItems": True}),
        ({"properties": {"a": True, "b": False}}, {"properties": {"a": {}, "b": False}}),
        ({"anyOf": [False, True]}, {"anyOf": [{}]}),
        ({"items": [{"type": "null"}], "additionalItems": False}, {"prefixItems": [{"type": "null"}], "items": False}),
        ({"prefixItems": [STRING, False, STRING]}, {"prefixItems": [STRING], "items": False}),
        ({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": True}}, {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {}}}),
        # A single allOf is written out, where nothing stands in both.
        ({"allOf": [STRING], "description": "d"}, {"type": "string", "description": "d"}),
        same({"allOf": [{"maxLength": 1}], "maxLength": 2}),
        # References.
        ({"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#/$defs/root"}}, "$defs": {"root": {"properties": {"a": {"$ref": "#/$defs/root"}}}}}),
        ({"$ref": "#/definitions/a", "definitions": {"a": STRING}}, {"$ref": "#/$defs/a", "$defs": {"a": STRING}}),
        ({"$ref": "#/$defs/a~1b~0c%25", "$defs": {"a/b~c%": STRING}}, {"$ref": "#/$defs/s0", "$defs": {"s0": STRING}}),
        ({"anyOf": [STRING, {"items": {"$ref": "#/anyOf/0"}}]}, {"anyOf": [STRING, {"items": {"$ref": "#/$defs/s0"}}], "$defs": {"s0": STRING}}),
        ({"properties": {"a": STRING, "b": {"$ref": "#/properties/a"}, "c": {"$ref": "#/$defs/a"}, "d": {"$ref": "#/properties/a"}}, "$defs": {"a": {"type": "null"}}},
         {"properties": {"a": STRING, "b": {"$ref": "#/$defs/a"}, "c": {"$ref": "#/$defs/s1"}, "d": {"$ref": "#/$defs/a"}}, "$defs": {"a": STRING, "s1": {"type": "null"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "translated"), TRANSLATED)
def test_translated(schema: object, translated: Json) -> None:
    """The rest has one form: no booleans at the root, and references to its own `$defs` alone."""
    assert whole(schema) == translated


@pytest.mark.parametrize(
    "schema",
    [
        nested(MAX_DEPTH),
        {"const": listed(MAX_DEPTH)},
        {"type": "object", "required": ["a"], "properties": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}}},
        {"type": "array", "minItems": 1, "items": {"enum": [1]}, "prefixItems": [STRING]},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "object", "required": ["any"]},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/e"}}, "$defs": {"e": {"enum": [1]}}},
        {"oneOf": [{"type": "array", "minItems": 1, "items": {"$ref": "#"}}, {"type": "null"}]},
        {"contains": {"type": "null"}, "if": True, "then": False, "else": True, "not": STRING},
        chain(MAX_DEPTH - 1),
        doubled(8),
    ],
)  # fmt: skip
def test_accepted(schema: Json) -> None:
    """What is within the limits, and recursion that can end, passes."""
    assert isinstance(check("field", schema), RequestedSchema)


def test_levels() -> None:
    """Levels that aren't the user's don't count."""
    check("field", nested(MAX_DEPTH + 2), levels=2)
    with pytest.raises(ApiProblem):
        check("field", nested(MAX_DEPTH + 3), levels=2)


OPEN: Json = {"properties": {"a": STRING}, "required": ["a"]}
CLOSED: Json = {**OPEN, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "grammar"),
    [
        # What the grammar can't hold is left to the check, and so are bounds that floats can't.
        ({"uniqueItems": True, "not": STRING, "minItems": 1}, {"minItems": 1}),
        ({"minimum": -(2**60), "maximum": 5}, {"maximum": 5}),
        ({"oneOf": [STRING, {"type": "null"}]}, {"anyOf": [STRING, {"type": "null"}]}),
        ({"oneOf": [STRING], "anyOf": [STRING]}, {"allOf": [{"anyOf": [STRING]}], "anyOf": [STRING]}),
        ({"oneOf": [STRING], "anyOf": [STRING], "allOf": [STRING, STRING]}, {"allOf": [STRING, STRING, {"anyOf": [STRING]}], "anyOf": [STRING]}),
        # Objects that list their properties are closed, where nothing else describes them.
        (OPEN, CLOSED),
        ({"items": OPEN, "prefixItems": [OPEN, True]}, {"items": CLOSED, "prefixItems": [CLOSED, {}]}),
        ({"properties": {"o": OPEN}}, {"properties": {"o": CLOSED}, "additionalProperties": False}),
        ({"additionalProperties": OPEN}, {"additionalProperties": CLOSED}),
        ({"anyOf": [OPEN, STRING]}, {"anyOf": [CLOSED, STRING]}),
        ({"anyOf": [OPEN, STRING], "description": "d"}, {"anyOf": [CLOSED, STRING], "description": "d"}),
        ({"$ref": "#/$defs/o", "$defs": {"o": OPEN}}, {"$ref": "#/$defs/o", "$defs": {"o": CLOSED}}),
        ({**OPEN, "additionalProperties": True}, {**OPEN, "additionalProperties": {}}),
        ({**OPEN, "required": ["z"]}, {**OPEN, "required": ["z"]}),
        ({**OPEN, "minProperties": 2}, {**OPEN, "minProperties": 2}),
        ({"allOf": [OPEN, OPEN]}, {"allOf": [OPEN, OPEN]}),
        ({**OPEN, "anyOf": [OPEN]}, {**OPEN, "anyOf": [OPEN]}),
        ({"allOf": [{"$ref": "#/$defs/o"}, OPEN], "$defs": {"o": OPEN}}, {"allOf": [{"$ref": "#/$defs/o"}, OPEN], "$defs": {"o": OPEN}}),
        ({"maxProperties": 2, "$ref": "#/$defs/p", "$defs": {"p": {"$ref": "#/$defs/o"}, "o": OPEN}}, {"maxProperties": 2, "$ref": "#/$defs/p", "$defs": {"p": {"$ref": "#/$defs/o"}, "o": OPEN}}),
    ],
)  # fmt: skip
def test_held(schema: Json, grammar: Json) -> None:
    """A grammar gets what it can hold, and no more freedom than a small model can use."""
    assert held(schema) == grammar


def grammar_of(schema: Json) -> Any:
    """The schema in the grammar."""
    return json.loads(check("field", schema).grammar().split("%json ")[1])


def test_grammar() -> None:
    """The grammar is llguidance's, with the schema as JSON, for text on one line."""
    start, schema = check("field", STRING).grammar().split("%json ")
    assert start == "%llguidance {}\nstart: "
    spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    assert json.loads(schema) == {**STRING, "x-guidance": spacing}


@pytest.mark.parametrize(
    ("schema", "bounds"),
    [
        ({"type": "integer"}, {"minimum": -(10**18), "maximum": 10**18}),
        ({"type": ["integer", "null"]}, {"minimum": -(10**18), "maximum": 10**18}),
        ({"type": "integer", "minimum": 0}, {"maximum": 10**18}),
        ({"type": "integer", "exclusiveMaximum": 9}, {"minimum": -(10**18)}),
        # No value would fit the schema and the grammar.
        ({"type": "integer", "minimum": 10**30}, {}),
        ({"type": ["integer", "number"]}, {}),
        ({"type": "number"}, {}),
        ({"type": "integer", "enum": [10**30]}, {}),
    ],
)
def test_digits_of_whole_numbers(schema: Json, bounds: Json) -> None:
    """The grammar ends a number for which the schema has no bounds; a tool that the model reads is as it was given."""
    [number] = grammar_of({"properties": {"n": schema}})["properties"].values()
    assert number == held(schema) | bounds
    [number] = grammar_of({"properties": {"n": {"anyOf": [schema, STRING]}}})["properties"].values()
    assert number == {"anyOf": [held(schema) | bounds, STRING]}
    parts = [schema, {"minimum": 3}]
    [number] = grammar_of({"properties": {"n": {"allOf": parts}}})["properties"].values()
    assert number == {"allOf": [held(schema), {"minimum": 3}]}
    assert check("field", schema).tool_parameters() == held(schema)


def test_tool_parameters() -> None:
    """llama.cpp's own grammar gets no booleans in the place of schemas, and constants as they are."""
    schema: Json = {
        "properties": {"a": True, "b": False, "c": {"enum": [False, {"items": False}]}},
        "additionalProperties": False,
        "$defs": {"never": False},
        "anyOf": [{"prefixItems": [STRING], "items": False}],
    }
    assert RequestedSchema(schema).tool_parameters() == {
        "properties": {"a": True, "c": {"enum": [False, {"items": False}]}},
        "additionalProperties": False,
        "$defs": {},
        "anyOf": [{"prefixItems": [STRING], "maxItems": 1}],
    }


def test_own_schema_is_left_alone() -> None:
    """The pass changes nothing of what it is given."""
    schema: dict[str, Any] = {
        "allOf": [{"$ref": "#/$defs/a"}],
        "$defs": {"a": {"prefixItems": [False]}},
    }
    whole(schema)
    assert schema == {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"prefixItems": [False]}}}
