"""A property of classes of all kinds: what their schema allows is parsed, and what it forbids isn't."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Optional, Union, cast
from uuid import UUID

import annotated_types as at
import attrs
import jsonschema  # type: ignore[import-untyped] # its types are a package of their own
import pydantic
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass as pydantic_dataclass

from horay_async._json import is_same
from horay_async._protocol.structured.parse import parse_text
from horay_async._protocol.structured.schema import schema
from horay_async.errors import AnswerError

LIST: Any = list
DICT: Any = dict
FORMS = ("attrs", "dataclass", "pydantic", "pydantic dataclass")
NAMES = ("name", "total", "x", "kind")
VALIDATOR: Any = jsonschema.Draft202012Validator
CHECKER: Any = jsonschema.FormatChecker(["date", "uuid"])

Kind = tuple[Any, st.SearchStrategy[Any]]
"""A type hint, and a strategy for JSON values that it allows."""


class Colour(Enum):
    """Values that aren't the names."""

    RED = "r"
    ONE = 1


Painted = NewType("Painted", Colour)
CODES = st.text("ab", min_size=2, max_size=3)
SINGLES: list[Kind] = [
    (int, st.integers(-5, 5) | st.just(2.0)),
    (Annotated[int, at.Ge(1), at.Lt(9)], st.integers(1, 8)),
    (float, st.floats(-5, 5) | st.integers(-5, 5)),
    (Annotated[float, pydantic.Field(gt=0, le=4)], st.floats(0.5, 4)),
    (Annotated[int, at.MultipleOf(3)], st.integers(-4, 4).map(lambda number: 3 * number)),
    (Decimal, st.integers(-5, 5)),
    (str, st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    (Annotated[str, pydantic.StringConstraints(pattern="^[ab]*$"), at.Len(2, 3)], CODES),
    (bool, st.booleans()),
    (date, st.dates().map(str)),
    (UUID, st.uuids().map(str)),
    (Colour, st.sampled_from(["r", 1])),
    (Painted, st.sampled_from(["r", 1])),
    (Annotated[Painted, "paint"], st.sampled_from(["r", 1])),
    (Literal["a", 2], st.sampled_from(["a", 2])),
    (type(None), st.none()),
]
OWN_SINGLES: list[Kind] = [*SINGLES, (Literal["a", 2, True], st.sampled_from(["a", 2, True]))]
"""Beside those, for classes that aren't pydantic's: for it 1 is True, where a `Literal` has that, and others take numbers."""


@st.composite
def kinds(draw: st.DrawFn, depth: int, form: str) -> Kind:
    """Anything that a field of a class of that form can be."""
    nest = draw(st.integers(0, 6 if depth else 0))
    if nest < 2:
        return draw(st.sampled_from(SINGLES if form.startswith("pydantic") else OWN_SINGLES))
    hint, values = draw(kinds(depth - 1, form))
    if nest == 2:
        return Annotated[LIST[hint], at.MaxLen(2)], st.lists(values, max_size=2)
    if nest == 3:
        return Optional[hint], st.none() | values  # noqa: UP045 - made at run time
    if nest == 4:
        return DICT[str, hint], st.dictionaries(CODES, values, max_size=2)
    if nest == 5:
        more = draw(st.lists(kinds(depth - 1, form), min_size=1, max_size=2))
        return Union[(hint, *(each[0] for each in more))], st.one_of(
            values, *(each[1] for each in more)
        )
    return draw(classes(depth - 1, form if form.startswith("pydantic") else None))


@st.composite
def classes(draw: st.DrawFn, depth: int, form: str | None = None) -> Kind:
    """A class; of any form, unless one is named, since pydantic can't hold an attrs class."""
    form = form or draw(st.sampled_from(FORMS))
    names = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    fields = {name: draw(kinds(depth, form)) for name in names}
    hints = {name: hint for name, (hint, _) in fields.items()}
    return make(form, hints), st.fixed_dictionaries(
        {name: each[1] for name, each in fields.items()}
    )


def make(form: str, hints: dict[str, Any]) -> Any:
    """A class of that form."""
    if form == "attrs":
        return attrs.make_class(
            "Made", {name: attrs.field(type=hint) for name, hint in hints.items()}
        )
    if form == "pydantic":
        fields: Any = {name: (hint, ...) for name, hint in hints.items()}
        return pydantic.create_model("Made", **fields)
    made = dataclasses.make_dataclass("Made", list(hints.items()))
    return made if form == "dataclass" else pydantic_dataclass(made)


ODDITIES = st.sampled_from(
    [None, True, 0, -3, 7, 1.0, 1.5, "", "oddity", "r", "ab", [], [None], ["ab"], {}, {"name": 1}]
)


@st.composite
def altered(draw: st.DrawFn, value: Any) -> Any:
    """A value with something else in one or several places."""
    if draw(st.integers(0, 3)) == 0:
        return draw(ODDITIES)
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        changed = {name: draw(altered(entry)) for name, entry in entries.items()}
        return {**changed, **draw(st.sampled_from([{}, {}, {}, {"surplus": 1}]))}
    if isinstance(value, list):
        return [draw(altered(item)) for item in cast("list[Any]", value)]
    return value


def written(made: Any) -> Any:
    """What was made of JSON, as JSON again."""
    if isinstance(made, Enum):
        return made.value
    if isinstance(made, list):
        return [written(item) for item in cast("list[Any]", made)]
    if isinstance(made, dict):
        return {name: written(item) for name, item in cast("dict[str, Any]", made).items()}
    if isinstance(made, date | UUID):
        return str(made)
    if isinstance(made, pydantic.BaseModel):
        return written(dict(made))
    if attrs.has(made.__class__):
        return {name: written(getattr(made, name)) for name in attrs.fields_dict(made.__class__)}
    if dataclasses.is_dataclass(made):
        return {each.name: written(getattr(made, each.name)) for each in dataclasses.fields(made)}
    return made


@settings(max_examples=300)
@given(classes(2), st.data())
def test_schema_and_parsing_agree(made: Kind, data: st.DataObject) -> None:
    """A right value is allowed and parsed; any other is parsed where the schema allows it, or else refused.
    What is parsed says what was sent.
    """
    cls, values = made
    try:
        validator = VALIDATOR(schema(cls).json, format_checker=CHECKER)
    except TypeError as error:
        assert "look the same" in str(error)  # noqa: PT017 - some unions are refused, most aren't
        reject()
    value = data.draw(values)
    validator.validate(value)
    assert is_same(written(parse_text(cls, json.dumps(value))), value)
    other = data.draw(altered(value))
    if validator.is_valid(other):
        assert is_same(written(parse_text(cls, json.dumps(other))), other)
    else:
        with pytest.raises(AnswerError) as caught:
            parse_text(cls, json.dumps(other))
        assert str(caught.value.path).startswith("$")
