"""Classes with fields of any name, kind and make, and JSON with what is to become of it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal, NewType, Optional, Union, cast
from uuid import UUID

import attrs
import pydantic

from horay_async._json import is_array, is_object
from tests.adversary.draws import json_text, json_value, text

NAMES = [
    "a",
    "b",
    "self",
    "cls",
    "cl",
    "o",
    "obj",
    "val",
    "value",
    "values",
    "key",
    "keys",
    "items",
    "get",
    "pop",
    "copy",
    "update",
    "data",
    "json",
    "dict",
    "list",
    "set",
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "object",
    "type",
    "id",
    "name",
    "hash",
    "iter",
    "len",
    "repr",
    "format",
    "print",
    "input",
    "max",
    "min",
    "sum",
    "any",
    "all",
    "dir",
    "vars",
    "super",
    "property",
    "field",
    "fields",
    "attrs",
    "attribute",
    "attributes",
    "converter",
    "hook",
    "hooks",
    "structure",
    "prefix",
    "typevar_map",
    "override",
    "detailed_validation",
    "res",
    "errors",
    "e",
    "ex",
    "exc",
    "path",
    "errs",
    "node",
    "shape",
    "member",
    "hint",
    "into",
    "default",
    "factory",
    "kw_only",
    "init",
    "order",
    "slots",
    "frozen",
    "alias",
    "validator",
    "schema",
    "model",
    "model_x",
    "construct",
    "parsed",
    "content",
    "text",
    "message",
    "response",
    "result",
    "args",
    "kwargs",
    "params",
    "context",
    "info",
    "mode",
    "dataclass",
    "cattrs",
    "msgspec",
    "pydantic",
    "typing",
    "annotations",
    "return_",
    "class_",
    "def_",
    "None_",
    "match",
    "case",
    "_",
    "__",
    "_a",
    "_b",
    "a_",
    "_cattrs_forbid_extra_keys",
    "_cattrs_use_linecache",
    "_cattrs_detailed_validation",
    "_cattrs_prefer_attrib_converters",
    "_cattrs_include_init_false",
    "FIELD",
    "field_a",
    "Shadow",
    "T",
    "Any",
    "Optional",
    "Union",
    "Literal",
    "Annotated",
    "NOTHING",
    "mro",
    "title",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items_",
    "enum",
    "const",
    "ref",
    "defs",
    "anyOf",
    "x1",
    "longer_name_of_a_field",
    "größe",
    "名",
    "ñ_1",
    "ﬁ",
    "ª",
]
"""Of fields: those of methods, of built-in functions, of what makes classes and reads them, and in other scripts."""


class Colour(Enum):
    RED = "r"
    ONE = 1
    HALF = 0.5


class Number(IntEnum):
    ONE = 1
    TWO = 2


class Word(StrEnum):
    TRUE = "true"
    NULL = "null"


Metres = NewType("Metres", float)

Made = tuple[Any, Callable[[random.Random], tuple[Any, Any]]]
"""A type hint, and what draws a JSON value and what is to become of it."""


def same(values: Callable[[random.Random], Any]) -> Callable[[random.Random], tuple[Any, Any]]:
    """What stays as it is."""

    def drawn(draw: random.Random) -> tuple[Any, Any]:
        value = values(draw)
        return value, value

    return drawn


def read(*pairs: tuple[Any, Any]) -> Callable[[random.Random], tuple[Any, Any]]:
    """One of several."""
    return lambda draw: draw.choice(pairs)


class Exact:
    """A number whose digits stand in the JSON as they are."""

    def __init__(self, digits: str) -> None:
        self.digits = digits


class Instance:
    """One of a pydantic model, which can't be made without a check."""

    def __init__(self, cls: Any, fields: dict[str, Any]) -> None:
        self.cls = cls
        self.fields = fields


SINGLES: list[Made] = [
    (str, same(text)),
    (int, read((7, 7), (-1, -1), (2**70, 2**70), (Exact("2.0"), 2), (Exact("1e3"), 1000))),
    (float, read((1.5, 1.5), (3, 3.0), (Exact("1E-2"), 0.01), (Exact("-0.0"), -0.0))),
    (bool, same(lambda draw: draw.random() < 0.5)),
    (type(None), same(lambda draw: None)),
    (
        Decimal,
        read(
            (Exact("0.10"), Decimal("0.10")),
            (5, Decimal(5)),
            (Exact("12345678901234567890.123"), Decimal("12345678901234567890.123")),
        ),
    ),
    (Decimal, read(("1.20", Decimal("1.20")))),
    (date, read(("2025-12-31", date(2025, 12, 31)))),
    (datetime, read(("2025-12-31T23:59:59Z", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)))),
    (time, read(("23:59:59", time(23, 59, 59)))),
    (
        UUID,
        read(
            ("12345678-1234-5678-1234-567812345678", UUID(int=0x12345678123456781234567812345678))
        ),
    ),
    (Colour, read(("r", Colour.RED), (1, Colour.ONE), (0.5, Colour.HALF))),
    (Number, read((1, Number.ONE), (2, Number.TWO))),
    (Word, read(("true", Word.TRUE), ("null", Word.NULL))),
    ((Literal["a", 2, True] | None), read(("a", "a"), (2, 2), (True, True), (None, None))),
    (Literal["r", Colour.ONE], read(("r", "r"), (1, Colour.ONE))),
    (Metres, read((1.5, 1.5))),
    (Any, same(json_value)),
]
STRICT = [made for n, made in enumerate(SINGLES) if n not in (6, len(SINGLES) - 3)]
"""What pydantic takes: no text for a number, and no member of an enumeration in a `Literal`."""


def kind(draw: random.Random, depth: int, form: str) -> Made:
    """Anything that a field can be."""
    nested = draw.randrange(10) if depth else 0
    if nested < 3:
        return draw.choice(STRICT if form == "pydantic" else SINGLES)
    if nested == 8:
        return made_class(draw, depth - 1, form)
    if nested == 9:
        return union(draw, depth - 1, form)
    hint, values = kind(draw, depth - 1, form)
    if nested == 3:
        return Optional[hint], lambda draw: (None, None) if draw.random() < 0.3 else values(draw)  # noqa: UP045 - made at run time
    if nested == 4:
        return list[hint], several(values, list)  # type: ignore[valid-type] # made at run time
    if nested == 5:
        return tuple[hint, ...], several(values, tuple)  # type: ignore[valid-type]
    if nested == 6:
        other, others = kind(draw, depth - 1, form)
        return tuple[hint, other], pair(values, others)  # type: ignore[valid-type]

    def named(draw: random.Random) -> tuple[Any, Any]:
        found = {text(draw, 3): values(draw) for _ in range(draw.randrange(3))}
        return {k: v[0] for k, v in found.items()}, {k: v[1] for k, v in found.items()}

    return dict[str, hint], named  # type: ignore[valid-type]


def union(draw: random.Random, depth: int, form: str) -> Made:
    """One of several that JSON tells apart: by its type, or by what a `Literal` field says."""
    item, items = kind(draw, depth, form)
    arms = [
        SINGLES[0],
        draw.choice(SINGLES[1:3]),
        (bool, same(lambda draw: draw.random() < 0.5)),
        (list[item], several(items, list)),  # type: ignore[valid-type] # made at run time
        *(tagged(draw, depth, form, tag) for tag in ("one", "two")),
    ]
    drawn = draw.sample(arms, draw.randint(2, 4))
    hints = tuple(hint for hint, _ in drawn)
    return Union[hints], lambda draw: draw.choice(drawn)[1](draw)  # noqa: UP007 - made at run time


def tagged(draw: random.Random, depth: int, form: str, tag: str) -> Made:
    """A class with a field that says which one it is."""
    return made_class(draw, depth, form, {"kind": (Literal[tag], read((tag, tag)))})


def several(values: Any, into: Any) -> Any:
    """An array of them."""

    def drawn(draw: random.Random) -> tuple[Any, Any]:
        found = [values(draw) for _ in range(draw.randrange(4))]
        return [each[0] for each in found], into(each[1] for each in found)

    return drawn


def pair(one: Any, other: Any) -> Any:
    """An array of two."""

    def drawn(draw: random.Random) -> tuple[Any, Any]:
        (a, x), (b, y) = one(draw), other(draw)
        return [a, b], (x, y)

    return drawn


FORMS = ("attrs", "frozen", "dataclass", "kw_only", "pydantic")


def made_class(
    draw: random.Random, depth: int, form: str, more: dict[str, Made] | None = None
) -> Made:
    """A class of that form; instances hold what they were given, so it is what its hooks are compared with."""
    if form != "pydantic":
        form = draw.choice([each for each in FORMS if each != "pydantic"])
    names = draw.sample(NAMES, draw.randrange(5))
    if form == "pydantic":
        names = [
            n
            for n in names
            if not n.startswith(("_", "model_")) and not hasattr(pydantic.BaseModel, n)
        ]
    else:  # Python itself writes them otherwise
        names = [name for name in names if unicodedata.is_normalized("NFKC", name)]
    if form in ("attrs", "frozen"):  # which take these by the same parameter
        names = list(
            {
                name.lstrip("_"): name for name in names if name.strip("_") not in ("", "self")
            }.values()
        )
    fields = {name: kind(draw, depth, form) for name in names} | (more or {})
    names = list(fields)
    hints = {name: hint for name, (hint, _) in fields.items()}
    has_default = {name for name in names if draw.random() < 0.3} - {"kind"}
    cls = make(form, hints, has_default)
    parameters = {field.name: field.alias for field in attrs.fields(cls)} if attrs.has(cls) else {}

    def drawn(draw: random.Random) -> tuple[Any, Any]:
        given = {
            name: values(draw)
            for name, (_, values) in fields.items()
            if name not in has_default or draw.random() < 0.5
        }
        order = draw.sample(sorted(given), len(given))
        value = {name: given[name][0] for name in order}
        if form == "pydantic":
            return value, Instance(
                cls, dict.fromkeys(names) | {name: given[name][1] for name in given}
            )
        return value, cls(**{parameters.get(name) or name: given[name][1] for name in given})

    return cls, drawn


NUMBERS = itertools.count()
"""Of classes: attrs looks for an unused name of each class's text, one after the other."""


def make(form: str, hints: dict[str, Any], has_default: set[str]) -> Any:
    """A class of that form; those with a default are None unless given."""
    called = f"Made{next(NUMBERS)}"
    if form == "pydantic":
        fields: Any = {
            name: (hint, None if name in has_default else ...) for name, hint in hints.items()
        }
        return pydantic.create_model(called, **fields)
    if form in ("attrs", "frozen"):
        attributes: Any = {
            name: attrs.field(
                default=None if name in has_default else attrs.NOTHING, type=hint, kw_only=True
            )
            for name, hint in hints.items()
        }
        frozen = form == "frozen"
        return attrs.make_class(called, attributes, frozen=frozen, slots=frozen)
    every: Any = [
        (name, hint, *([dataclasses.field(default=None)] if name in has_default else []))
        for name, hint in hints.items()
    ]
    return dataclasses.make_dataclass(called, every, kw_only=True)


def written(value: Any, draw: random.Random) -> str:
    """JSON with the digits of `Exact` numbers as they are."""
    digits: list[str] = []

    def replaced(value: Any) -> Any:
        if isinstance(value, Exact):
            digits.append(value.digits)
            return f"\x00{len(digits) - 1}\x00"
        if is_object(value):
            return {name: replaced(each) for name, each in value.items()}
        return [replaced(each) for each in value] if is_array(value) else value

    whole = json_text(replaced(value), draw)
    for number, each in enumerate(digits):
        whole = whole.replace(json.dumps(f"\x00{number}\x00"), each)
    return whole


def alike(one: Any, other: Any) -> bool:
    """Whether two are equal in class and value, all the way down."""
    if isinstance(other, Instance):
        return type(one) is other.cls and alike(vars(one), other.fields)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return alike(list(cast("tuple[Any, ...]", one)), list(other))
    if is_array(one):
        return len(one) == len(other) and all(map(alike, one, other))
    if is_object(one):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    cls: Any = one.__class__
    if attrs.has(cls):
        return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in attrs.fields(cls))
    if dataclasses.is_dataclass(one):
        return all(
            alike(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    return bool(one == other and str(one) == str(other))
