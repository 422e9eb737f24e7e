"""Schemas of classes: strict where they can be, accepted by validators, with a path to what has none."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar, cast
from uuid import UUID

import annotated_types as at
import attrs
import jsonschema  # type: ignore[import-untyped] # its types are a package of their own
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from horay_async._protocol.structured.parse import parse_text
from horay_async._protocol.structured.schema import response_format, schema

from .classes import Kind, records

T = TypeVar("T")
Json = dict[str, Any]


class Colour(Enum):
    """A choice of words."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


@attrs.define
class Line:
    """One line of an invoice.

    Attributes:
        name: What was sold.
    """

    name: str
    price: Decimal = attrs.field(default=Decimal(0), metadata={"description": "In euros."})


@dataclasses.dataclass
class Invoice:
    """A bill."""

    lines: list[Line]
    due: date | None
    best: Line = dataclasses.field(metadata={"description": "The dearest."})
    made: str = dataclasses.field(default="", init=False)


@attrs.define
class Tree:
    """Holds itself."""

    children: list[Tree]


@dataclasses.dataclass
class Box(Generic[T]):
    """Holds anything."""

    item: T
    more: list[T]


class Place(pydantic.BaseModel):
    """Somewhere."""

    city: str = pydantic.Field(description="Its name.", alias="cityName")
    size: int = 3


Metres = NewType("Metres", float)
NUMBER = TypeAliasType("NUMBER", int)


def properties(cls: Any) -> Json:
    """The schemas of a class's fields."""
    found: Json = schema(cls).json["properties"]
    return found


def of(hint: Any) -> Json:
    """The schema of one hint."""
    found: Json = properties(attrs.make_class("One", {"x": attrs.field(type=hint)}))["x"]
    return found


def test_class() -> None:
    """Everything is required, nothing else allowed; docstrings and metadata describe."""
    assert schema(Line).json == {
        "description": "One line of an invoice.",
        "type": "object",
        "properties": {
            "name": {"description": "What was sold.", "type": "string"},
            "price": {"description": "In euros.", "type": "number"},
        },
        "required": ["name", "price"],
        "additionalProperties": False,
    }
    assert schema(Line).strict


def test_class_within_a_class() -> None:
    """It stands among the definitions, once; beside a reference there is nothing else."""
    form = schema(Invoice)
    assert form.json["properties"] == {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "best": {"description": "The dearest.", "anyOf": [{"$ref": "#/$defs/Line"}]},
    }
    assert list(form.json["$defs"]) == ["Line"]
    assert form.description == "A bill."


def test_recursion() -> None:
    """A class that holds itself is its own definition, and an object at the top all the same."""
    form = schema(Tree).json
    assert form["type"] == "object"
    assert form["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    VALIDATOR(form).validate({"children": [{"children": []}]})


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (type(None), {"type": "null"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (time, {"type": "string", "format": "time"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Metres, {"type": "number"}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Literal[Colour.RED], {"type": "string", "enum": ["red"]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, int],
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}},
        ),
        (Annotated[int, "In metres.", 3], {"description": "In metres.", "type": "integer"}),
        (NUMBER, {"type": "integer"}),  # what `type X = int` makes in 3.12
    ],
)
def test_hints(hint: Any, expected: Json) -> None:
    """Each type has its form in JSON."""
    assert of(hint) == expected


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Any, {}),
        (list, {"type": "array", "items": {}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping, {"type": "object", "additionalProperties": {}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
            },
        ),
        (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0, "prefixItems": []}),
    ],
)
def test_not_strict(hint: Any, expected: Json) -> None:
    """What the strict form has no words for is described, but not called strict."""
    cls = attrs.make_class("One", {"x": attrs.field(type=hint)})
    assert properties(cls)["x"] == expected
    assert not schema(cls).strict


def test_enumerations() -> None:
    """They are definitions, by their values."""
    cls = attrs.make_class("One", {"x": attrs.field(type=Colour), "y": attrs.field(type=Level)})
    assert schema(cls).json["$defs"] == {
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Level": {"type": "integer", "enum": [1, 2]},
    }


def test_pydantic() -> None:
    """A pydantic model is read like the others, under its aliases."""
    assert properties(Place) == {
        "cityName": {"description": "Its name.", "type": "string"},
        "size": {"type": "integer"},
    }


def test_generic() -> None:
    """A generic class has the schema of what it was given, and a name of its own."""
    form = schema(attrs.make_class("Two", {"x": attrs.field(type=Box[int])}))
    assert form.json["$defs"]["Box_int"]["properties"] == {
        "item": {"type": "integer"},
        "more": {"type": "array", "items": {"type": "integer"}},
    }
    assert schema(Box[int]).json["properties"]["item"] == {"type": "integer"}


def test_names_are_told_apart() -> None:
    """Two classes of one name are two definitions, under names that a format may have."""
    first = attrs.make_class("Größe", {"x": attrs.field(type=int)})
    second = attrs.make_class("Größe", {"y": attrs.field(type=int)})
    cls = attrs.make_class("One", {"a": attrs.field(type=first), "b": attrs.field(type=second)})
    assert list(schema(cls).json["$defs"]) == ["Gr_e", "Gr_e_2"]


def test_response_format() -> None:
    """What goes into the request."""
    assert response_format(Tree) == {
        "type": "json_schema",
        "json_schema": {"name": "Tree", "schema": schema(Tree).json, "strict": True},
    }


def broken(hint: Any) -> Any:
    """A class with a list of `hint` in it."""
    generic: Any = list
    return attrs.make_class("Broken", {"x": attrs.field(type=generic[hint])})


class Entry(TypedDict):
    """No class with fields."""

    x: int


UNBOUND: Any = T
VALIDATOR: Any = jsonschema.Draft202012Validator


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (
            broken(bytes),
            r"^Broken\.x\[\]: <class 'bytes'> has no JSON schema; there is one for str",
        ),
        (broken(dict[int, str]), r"^Broken\.x\[\]: the keys of JSON objects are strings"),
        (broken(Literal[b"x"]), r"b'x' of .* has no JSON form"),
        (broken(Box[UNBOUND]), r"~T has no JSON schema"),
        (
            list[int],
            r"an attrs class, a dataclass or a pydantic model is needed; got list\[int\]: make it a field",
        ),
        (Colour, r"got <enum 'Colour'>: make it a field of such a class$"),
        (date, r"got <class 'datetime\.date'>: make it a field of such a class$"),
        (Literal["a", "b"], r"got typing\.Literal\['a', 'b'\]: make it a field of such a class$"),
        (dict, r"got <class 'dict'>: make it a field of such a class$"),
        (attrs.make_class("A", {})(), r"got A\(\): pass the class A, not an instance$"),
        ("Invoice", r"is needed; got 'Invoice': give the class itself"),
        ({"type": "json_object"}, r": create\(\.\.\.\) takes a response_format that is a dict$"),
        (Entry, r"Entry'>: declare its fields in a dataclass$"),
        (
            broken(
                attrs.make_class("A", {"x": attrs.field(type=int)})
                | attrs.make_class("B", {"x": attrs.field(type=int)})
            ),
            r"^Broken\.x\[\]: A and B look the same in JSON; give each a field of its own",
        ),
    ],
)
def test_refusals(cls: Any, message: str) -> None:
    """What has no schema is refused by name and path, before anything is sent."""
    with pytest.raises(TypeError, match=message):
        schema(cls)


def attrs_class(name: str, doc: str = "", **fields: Any) -> Any:
    """A class with a docstring, whose fields have no defaults."""
    made: Any = attrs.make_class(name, {n: attrs.field(type=hint) for n, hint in fields.items()})
    made.__doc__ = doc
    return made


def model(name: str, doc: str = "", **fields: Any) -> Any:
    """The same of pydantic."""
    given: Any = {field: (hint, ...) for field, hint in fields.items()}
    return pydantic.create_model(name, __doc__=doc, **given)


TOLD = "It has one.\n\nAttributes:\n    x: What it is.\n"
Shade = Enum("Shade", {"DARK": "red", "LIGHT": "blue"})
PAIRS_THAT_LOOK_THE_SAME = [
    (attrs_class("A", x=int), attrs_class("B", "It has one.", x=int)),
    (attrs_class("A", x=int), attrs_class("B", TOLD, x=int)),
    (attrs_class("A", x=int), model("B", x=int)),
    (model("A", TOLD, x=int), attrs_class("B", x=int)),
    (model("A", x=int), model("B", "It has one.", x=int)),
    (model("A", x=int, y=str), attrs_class("B", y=str, x=int)),
    (attrs_class("A", x=Colour), attrs_class("B", TOLD, x=Colour)),
    (attrs_class("A", x=Colour), attrs_class("B", x=Shade)),
    (attrs_class("A", x=Colour), model("B", x=Colour)),
    (attrs_class("A", x=Literal["a"]), model("B", x=Literal["a"])),
    (attrs_class("A", x=int | None), model("B", x=None | int)),
    (attrs_class("A", x=tuple[int, str]), model("B", x=tuple[int, str])),
    (attrs_class("A", x=Annotated[list[Line], "Told."]), attrs_class("B", x=list[Line])),
    (attrs_class("A", anyOf=Literal[1, "b"]), attrs_class("B", anyOf=Literal["b", 1])),
    (
        attrs_class("A", x=attrs_class("Inner", y=int)),
        model("B", x=model("Within", "It has one.", y=int)),
    ),
    (Annotated[attrs_class("A", x=int), "One."], Annotated[attrs_class("B", x=int), "Other."]),
]


@pytest.mark.parametrize("options", PAIRS_THAT_LOOK_THE_SAME)
def test_classes_that_look_the_same(options: tuple[Any, Any]) -> None:
    """Whatever is told of them, whoever describes them, and whatever the classes within them are called."""
    one, other = options
    for hint in (one | other, other | one):
        with pytest.raises(TypeError, match=r"x\[\]: (A|B) and (A|B) look the same in JSON"):
            schema(broken(hint))
    assert schema(broken(one | one | None))


A, B = (attrs_class(name, x=int) for name in "AB")
ONE_A, OTHER_A, ONE_B, OTHER_B = (
    cast("Any", Annotated[each, told]) for each in (A, B) for told in ("One.", "Other.")
)
LIST: Any = list
DICT: Any = dict
TUPLE: Any = tuple


@pytest.mark.parametrize(
    "hint",
    [
        LIST[A] | LIST[B],
        LIST[B] | TUPLE[A, ...] | None,
        DICT[str, A] | DICT[str, B],
        TUPLE[A, B, int] | TUPLE[A, A, int],
        LIST[LIST[A]] | LIST[LIST[B]],
        LIST[Line | A] | LIST[B | Line],
        LIST[ONE_A] | LIST[OTHER_B],
        LIST[ONE_A | OTHER_A] | LIST[B | ONE_B],
    ],
)
def test_options_that_hold_classes_that_look_the_same(hint: Any) -> None:
    """As the classes themselves; of two options with one class it is the first."""
    with pytest.raises(TypeError, match=r"x\[\]: (A and B|B and A) look the same in JSON"):
        schema(broken(hint))
    with pytest.raises(TypeError, match="look the same in JSON"):
        parse_text(hint, "[]")


@pytest.mark.parametrize(
    "hint",
    [
        LIST[A] | TUPLE[A, ...],
        LIST[A | Line] | LIST[Line | A],
        LIST[A] | B,
        LIST[A] | LIST[Line],
        TUPLE[A, Line] | TUPLE[Line, A],
        LIST[ONE_A] | LIST[OTHER_A],
    ],
)
def test_options_that_hold_other_classes(hint: Any) -> None:
    """Those that a value tells apart, and those of one class, where it is the first."""
    assert schema(broken(hint))


@pytest.mark.parametrize(
    "hint",
    [
        attrs_class("A", x=int) | attrs_class("B", y=int),
        attrs_class("A", x=int) | model("B", x=bool),
        attrs_class("A", x=Literal[1, "b"]) | attrs_class("B", x=Literal[True, "b"]),
        attrs_class("A", x=tuple[int, str]) | attrs_class("B", x=tuple[str, int]),
        attrs_class("A", x=Colour) | attrs_class("B", x=Level),
        attrs_class("A", description=int) | attrs_class("B", const=int),
        attrs_class("A", description=int) | attrs_class("B", description=str),
        attrs_class("A", x=attrs_class("Inner", y=int)) | model("B", x=model("Inner", z=int)),
        attrs_class("A", x=Annotated[int, at.Ge(1)]) | attrs_class("B", x=int),
    ],
)
def test_classes_that_look_different(hint: Any) -> None:
    """Names and values count, and the order of what stands in one."""
    assert schema(broken(hint))


def test_unresolved_annotation() -> None:
    """An annotation that nobody can look up is the caller's to mend."""

    @attrs.define
    class Local:
        x: Nowhere  # type: ignore[name-defined] # noqa: F821 # pyright: ignore[reportUndefinedVariable] # on purpose

    with pytest.raises(TypeError, match=r"an annotation of .*Local can't be resolved: .*Nowhere"):
        schema(Local)


def test_recursive_union_is_no_ambiguity() -> None:
    """Classes that hold each other are compared once they are whole."""
    form = schema(Left).json["$defs"]
    assert form["Left"]["properties"]["next"]["anyOf"][1] == {"$ref": "#/$defs/Right"}


@attrs.define
class Left:
    """One of two that hold each other."""

    next: Left | Right | None


@attrs.define
class Right:
    """The other."""

    back: Left | Right | None


@given(records(), st.data())
def test_validators_accept(record: Kind, data: st.DataObject) -> None:
    """The schema of any class is one, and takes every instance of the class."""
    cls, instances = record
    form = schema(cls).json
    VALIDATOR.check_schema(form)
    sent = msgspec.json.Encoder(decimal_format="number").encode(data.draw(instances))
    VALIDATOR(form).validate(json.loads(sent))
