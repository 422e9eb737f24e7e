"""The classes that people have: each is refused with a field's name, or what its schema allows is parsed."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Final, Generic, Literal, NewType, Self, TypeVar, cast

import annotated_types as at
import attrs
import cattrs.gen
import jsonschema  # type: ignore[import-untyped] # its types are a package of their own
import msgspec
import pydantic
import pytest
import typing_extensions
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema
from typing_extensions import TypeAliasType

from horay_async._protocol.structured.parse import parse_text
from horay_async._protocol.structured.schema import schema
from horay_async.errors import AnswerError

T = TypeVar("T")
S = TypeVar("S")
VALIDATOR: Any = jsonschema.Draft202012Validator


class Colour(Enum):
    """A choice whose values aren't the members' names."""

    RED = "r"
    BLUE = "b"


Painted = NewType("Painted", Colour)
LIST: Any = list
NONE: Any = None
ANY: Any = Any
SHADE = TypeAliasType("SHADE", Colour)
PAIR = TypeAliasType("PAIR", tuple[T, T], type_params=(T,))


class Loop:
    """What `type LOOP = list[LOOP]` makes in 3.12."""

    @property
    def __value__(self) -> Any:
        return LIST[self]


@dataclasses.dataclass
class Page(Generic[T]):
    """Generic."""

    items: list[T]
    first: T


@dataclasses.dataclass
class Mapped(Page[S], Generic[S]):
    """Its variable isn't its base's."""

    more: dict[str, S]


@dataclasses.dataclass
class Numbers(Mapped[int]):
    """Fills in what two bases left open."""

    count: int


@attrs.define
class Chain:
    """Names itself."""

    value: Final[int]
    next: Self | None = None


@attrs.define
class LongerChain(Chain):
    """What is named by its base is this class."""

    note: str = ""


@dataclasses.dataclass
class Made:
    """Made of more than it keeps."""

    name: str
    seed: InitVar[int]
    salt: InitVar[str] = "s"
    key: str = dataclasses.field(init=False)

    def __post_init__(self, seed: int, salt: str) -> None:
        self.key = f"{salt}{seed}"


class GenericModel(pydantic.BaseModel, Generic[T]):
    """A page of pydantic's."""

    items: list[T]


class Root(pydantic.RootModel[list[int]]):
    """No object at all."""


@pydantic_dataclass
class Point:
    """Pydantic's kind of dataclass."""

    x: int
    y: float = pydantic.Field(default=0.0, ge=0)


class Aliased(pydantic.BaseModel):
    """By choice, by path, and by both."""

    town: str = pydantic.Field(validation_alias=pydantic.AliasChoices("city", "place"))
    first: int = pydantic.Field(validation_alias=pydantic.AliasPath("numbers", 0))
    second: int = pydantic.Field(
        validation_alias=pydantic.AliasChoices(pydantic.AliasPath("numbers", 1), "two")
    )


class Held(pydantic.BaseModel):
    """All that constrains a field."""

    size: int = pydantic.Field(ge=1, lt=10)
    code: str = pydantic.Field(pattern="^[a-z]+$", min_length=2)
    tags: list[Annotated[str, pydantic.StringConstraints(max_length=3)]] = pydantic.Field(
        max_length=2
    )
    price: Decimal = pydantic.Field(default=Decimal(1), gt=0)


class Knot(pydantic.BaseModel):
    """Holds itself."""

    inner: Knot | None = None
    colour: Colour


class Either(pydantic.BaseModel):
    """A union told by a tag."""

    shape: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


class Cat(pydantic.BaseModel):
    """One of two."""

    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    """The other."""

    kind: Literal["dog"]
    loud: bool


class Patterned(pydantic.BaseModel):
    """A dictionary whose keys have a pattern."""

    counts: dict[Annotated[str, pydantic.Field(pattern="^a")], int]


class Open(pydantic.BaseModel):
    """Takes whatever else there is."""

    model_config = pydantic.ConfigDict(extra="allow")
    x: int


@attrs.define
class Bounded:
    """Constraints where attrs and dataclasses have them."""

    size: Annotated[int, at.Ge(1), at.Lt(10)]
    share: Annotated[float | None, at.Interval(ge=0, le=1)]
    code: Annotated[str, pydantic.StringConstraints(pattern="^[a-z]+$"), at.Len(2, 4)]
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=3)]], at.MaxLen(2)]
    price: Annotated[Decimal, pydantic.Field(gt=0, multiple_of=0.01)]
    seats: Annotated[dict[str, int], at.MinLen(1)]


@dataclasses.dataclass
class Mixed:
    """Pydantic's classes in another."""

    point: Point
    held: Held | None
    knots: list[Knot]


@attrs.define
class One:
    """A field of any kind."""

    x: Any


def one(hint: Any) -> Any:
    """A class with one field."""
    return attrs.make_class("One", {"x": attrs.field(type=hint)})


HELD = {"size": 3, "code": "ab", "tags": ["a"], "price": 1.5}
BOUNDED = {"size": 1, "share": 0.5, "code": "ab", "tags": ["abc"], "price": 0.01, "seats": {"a": 1}}


def deep(depth: int) -> Any:
    """A class in a class in a class ..."""
    hint: Any = int
    for _ in range(depth):
        hint = one(hint)
    return hint


CASES: list[tuple[Any, list[Any], list[Any]]] = [
    (Annotated[Colour, "paint"], ["r", "b"], ["RED", 1, None]),
    (Painted, ["r"], ["RED"]),
    (SHADE, ["b"], ["BLUE"]),
    (Annotated[Painted, "paint"] | NONE, ["r", None], ["RED"]),
    (Annotated[int | Literal["all"], at.Ge(1)], [2, "all"], [0, "any"]),
    (PAIR[int], [[1, 2]], [[1], ["a", "b"]]),
    (Page[int], [{"items": [1], "first": 2}], [{"items": ["a"], "first": 2}]),
    (Page[Colour], [{"items": ["r"], "first": "b"}], [{"items": ["RED"], "first": "b"}]),
    (
        Numbers,
        [{"items": [1], "first": 2, "more": {"a": 3}, "count": 4}],
        [{"items": [1], "first": 2, "more": {"a": "b"}, "count": 4}],
    ),
    (Chain, [{"value": 1, "next": {"value": 2, "next": None}}], [{"value": 1, "next": 3}]),
    (
        LongerChain,
        [{"value": 1, "note": "", "next": {"value": 2, "next": None, "note": "a"}}],
        [{"value": "1", "note": "", "next": None}],
    ),
    (Made, [{"name": "a", "seed": 1, "salt": "b"}], [{"name": "a", "seed": "1", "salt": "b"}]),
    (GenericModel[int], [{"items": [1, 2.0]}], [{"items": ["1"]}, {"items": [1], "more": 1}]),
    (GenericModel[Point], [{"items": [{"x": 1, "y": 2}]}], [{"items": [{"x": "1", "y": 2}]}]),
    (Root, [[1, 2]], [["1"], {}, None, [True]]),
    (
        Point,
        [{"x": 1, "y": 2}],
        [{"x": 1, "y": -2}, {"x": 1.5, "y": 0}, {"x": 1, "y": 0, "z": 0}],
    ),
    (Aliased, [{"city": "Rome", "first": 1, "two": 2}], [{"city": 1, "first": 1, "two": 2}]),
    (
        Held,
        [HELD],
        [
            {**HELD, "size": 0},
            {**HELD, "size": "3"},
            {**HELD, "code": "a"},
            {**HELD, "code": "AB"},
            {**HELD, "tags": ["abcd"]},
            {**HELD, "tags": ["a", "b", "c"]},
            {**HELD, "price": 0},
            {**HELD, "price": "1"},
        ],
    ),
    (
        Knot,
        [{"inner": {"inner": None, "colour": "r"}, "colour": "b"}],
        [{"inner": {"inner": None, "colour": "RED"}, "colour": "b"}],
    ),
    (
        Either,
        [{"shape": {"kind": "cat", "lives": 9}}, {"shape": {"kind": "dog", "loud": True}}],
        [{"shape": {"kind": "cat", "loud": True}}, {"shape": {"kind": "dog", "loud": "yes"}}],
    ),
    (Open, [{"x": 1, "y": [2]}], [{"x": "1"}]),
    (Patterned, [{"counts": {"a": 1}}], [{"counts": {"a": "1"}}]),
    (
        Bounded,
        [BOUNDED, {**BOUNDED, "share": None}],
        [
            {**BOUNDED, "size": 0},
            {**BOUNDED, "size": 10},
            {**BOUNDED, "share": 1.1},
            {**BOUNDED, "code": "abcde"},
            {**BOUNDED, "code": "AB"},
            {**BOUNDED, "tags": ["abcd"]},
            {**BOUNDED, "tags": ["a", "b", "c"]},
            {**BOUNDED, "price": 0},
            {**BOUNDED, "price": 0.015},
            {**BOUNDED, "seats": {}},
        ],
    ),
    (
        Mixed,
        [{"point": {"x": 1, "y": 2}, "held": None, "knots": [{"inner": None, "colour": "r"}]}],
        [{"point": {"x": 1, "y": -2}, "held": None, "knots": []}],
    ),
]


@pytest.mark.parametrize(("hint", "right", "wrong"), CASES)
def test_schema_and_parsing_agree(hint: Any, right: list[Any], wrong: list[Any]) -> None:
    """What the schema allows is parsed, what it forbids isn't; as a field, and at the top."""
    tops = [hint] if isinstance(right[0], dict) and "x" not in right[0] else []
    for cls in (one(hint), *tops):
        form = schema(cls).json
        VALIDATOR.check_schema(form)
        for value in right:
            whole = value if cls in tops else {"x": value}
            VALIDATOR(form).validate(whole)
            parse_text(cls, json.dumps(whole))
        for value in wrong:
            whole = value if cls in tops else {"x": value}
            assert not VALIDATOR(form).is_valid(whole)
            with pytest.raises(AnswerError) as caught:
                parse_text(cls, json.dumps(whole))
            assert str(caught.value.path).startswith("$")


def test_what_they_become() -> None:
    """Each value becomes what its class says."""
    assert parse_text(one(Painted), '{"x": "r"}').x is Colour.RED
    chain = parse_text(LongerChain, '{"value": 1, "next": {"value": 2, "note": "a"}}')
    assert chain.next == LongerChain(2, None, "a")
    assert parse_text(Made, '{"name": "a", "seed": 7}').key == "s7"
    assert parse_text(Root, "[1, 2]") == Root([1, 2])
    assert parse_text(Point, '{"x": 1, "y": 2}') == Point(1, 2.0)
    assert parse_text(Aliased, '{"place": "Rome", "numbers": [1, 2]}').second == 2
    assert parse_text(Open, '{"x": 1, "y": 2}').model_extra == {"y": 2}
    assert parse_text(GenericModel[int], '{"items": [2.0]}').items == [2]


@pytest.mark.parametrize(
    "hint", [GenericModel[int], Point, Held, Knot, Either, Aliased, Mixed, Bounded]
)
def test_strict_form(hint: Any) -> None:
    """Everything is required, nothing else allowed, and no keyword says more than the form has."""
    form = schema(hint)
    for each in (form.json, *form.json.get("$defs", {}).values()):
        if "properties" in each:
            assert each["required"] == list(each["properties"])
            assert each["additionalProperties"] is False
        assert not {"title", "default", "oneOf", "discriminator", "also"} & each.keys()
    assert form.strict or hint is Bounded  # which has an open dict


@attrs.define
class Version:
    """What may have a length, of which its schema can't say anything."""

    number: int


def test_validators_of_attrs() -> None:
    """What they ask for is in the schema, so that no response is asked for that they refuse."""
    validators = attrs.validators

    @attrs.define
    class Checked:
        low: int = attrs.field(validator=[validators.ge(1), validators.lt(9)])
        code: str = attrs.field(validator=validators.matches_re("[a-z]+"))
        found: str = attrs.field(validator=validators.matches_re("x", func=__import__("re").search))
        names: list[str] | None = attrs.field(validator=validators.optional(validators.max_len(2)))
        free: int = attrs.field(converter=abs, validator=validators.ge(0))
        since: Version | None = attrs.field(validator=validators.optional(validators.max_len(2)))
        few: int = attrs.field(validator=validators.not_(validators.ge(5)))
        both: int = attrs.field(validator=[validators.not_(validators.ge(5)), validators.ge(1)])

    properties = schema(Checked).json["properties"]
    assert properties["low"] == {"type": "integer", "minimum": 1, "exclusiveMaximum": 9}
    assert properties["code"] == {"type": "string", "pattern": "^(?:[a-z]+)$"}
    assert properties["found"] == {"type": "string", "pattern": "x"}
    assert properties["names"]["anyOf"][0]["maxItems"] == 2
    assert properties["free"] == {"type": "integer"}
    assert properties["few"] == {"type": "integer"}
    assert properties["both"] == {"type": "integer", "minimum": 1}
    assert properties["since"]["anyOf"] == [{"$ref": "#/$defs/Version"}, {"type": "null"}]


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Loop(), r"^One\.x.* is nested too deep; an alias can't contain itself"),
        (Annotated[int, at.MinLen(1)], r"^One\.x: min_length doesn't apply to int"),
        (Annotated[int | str, at.MultipleOf(2), at.Len(1, 2)], None),
        (Annotated[bool | None, at.Ge(2)], r"^One\.x: ge doesn't apply to "),
        (Annotated[str, at.Predicate(str.islower)], r"^One\.x: .*Predicate.* has no form"),
        (Annotated[datetime, at.Timezone(None)], r"^One\.x: Timezone.* has no form"),
        (
            Annotated[str, pydantic.StringConstraints(to_lower=True)],
            r"^One\.x: .*to_lower.* has no form",
        ),
        (Annotated[str, pydantic.StringConstraints(strip_whitespace=False, max_length=3)], None),
        (
            Annotated[Decimal, pydantic.Field(decimal_places=0)],
            r"^One\.x: .*decimal_places.* has no",
        ),
        (dict[Annotated[str, at.MinLen(3)], int], r"^One\.x: .*MinLen.* can't be asked of keys"),
        (dict[Annotated[str, "a name"], int], None),
        (Annotated[str, pydantic.StringConstraints(pattern="(")], r"^One\.x: '\(' is no pattern"),
        (Annotated[int, at.Ge("a")], r"^One\.x: Ge\(ge='a'\) has no form"),
        (Annotated[int, at.MultipleOf(0)], r"^One\.x: MultipleOf.*multiple_of must be more than 0"),
        (Annotated[float, at.MultipleOf(-0.5)], r"^One\.x: .* multiple_of must be more than 0"),
        (Annotated[Decimal, at.MultipleOf(Decimal(0))], r"^One\.x: .* must be more than 0"),
        (Annotated[int, pydantic.Field(multiple_of=0)], r"^One\.x: .* must be more than 0"),
        (list[Annotated[int, at.MultipleOf(0)]], r"^One\.x.*: .* must be more than 0"),
        (Annotated[float, at.Le(float("inf"))], r"^One\.x: Le\(le=inf\) has no form"),
        (Annotated[float, at.Ge(float("nan"))], r"^One\.x: Ge\(ge=nan\) has no form"),
        (Annotated[Decimal, at.Gt(Decimal("sNaN"))], r"^One\.x: Gt.* has no form"),
        (Enum("Empty", {}), r"^One\.x: .*Empty.* has no members"),
        (deep(150), r"^One\.x.* is nested too deep"),
        (attrs.make_class("No name", {}), r"^One\.x: a class needs a name"),
        (type, r"^One\.x: <class 'type'> has no JSON schema"),
    ],
)
def test_refusals(hint: Any, message: str | None) -> None:
    """What can't be asked for, or never be parsed, is refused with the field's name."""
    if message is None:
        schema(one(hint))
        return
    with pytest.raises(TypeError, match=message):
        schema(one(hint))


class Call(pydantic.BaseModel):
    """Has a field that no JSON is."""

    fine: int
    back: Callable[[int], int]


def test_refused_by_pydantic_for_a_note() -> None:
    """Where a field's type has a schema, but not with the note beside it, the class is told."""

    def instances(cls: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.is_instance_schema(cls)

    class Noted(pydantic.BaseModel):
        x: Annotated[int, pydantic.GetPydanticSchema(instances)]

    with pytest.raises(TypeError, match=r"^Noted has no JSON schema"):
        schema(Noted)


def test_refused_by_pydantic() -> None:
    """Where pydantic has no schema for a field, its name is told."""
    with pytest.raises(TypeError, match=r"^Call\.back has no JSON schema"):
        schema(Call)


@pytest.mark.parametrize("digits", ["1e9999999999999999999999", "-1e9999999999999999999999"])
@pytest.mark.parametrize("hint", [int, float, Decimal, int | float, Root, Point])
def test_numbers_beyond_measure(hint: Any, digits: str) -> None:
    """A number that nothing can hold is a mismatch, not an error of a library."""
    with pytest.raises(AnswerError, match=r"\$\.x"):
        parse_text(one(hint), f'{{"x": {digits}}}')


def test_numbers_too_small() -> None:
    """A fraction too small to be held is 0, as every parser has it."""
    assert parse_text(one(float), '{"x": 1e-9999999999999999999999}').x == 0


def test_long_integer() -> None:
    """So is one with more digits than Python reads."""
    with pytest.raises(AnswerError):
        parse_text(one(str), f'{{"x": {"9" * 5000}}}')


DEFAULTED: Any = typing_extensions.TypeVar("DEFAULTED", default=int)  # type: ignore[misc] # made for a hint


class Loose(pydantic.BaseModel):
    """All that the strict form has no words for.

    Attributes:
        point: Where it is.
        named: Has words of its own.
    """

    anything: Any
    items: list[Any]
    mapped: dict[str, int]
    open_: Mapping[Any, Any] = pydantic.Field(alias="open")
    pair: tuple[int, str]
    point: Point
    named: Point = pydantic.Field(description="Mine.")


def test_loose() -> None:
    """It is described all the same, and values are held against what is said."""
    form = schema(Loose)
    assert not form.strict
    assert form.description == "All that the strict form has no words for."
    properties = form.json["properties"]
    assert properties["point"] == {
        "description": "Where it is.",
        "anyOf": [{"$ref": "#/$defs/Point"}],
    }
    assert properties["named"]["description"] == "Mine."
    value = {"anything": 1, "items": [1], "mapped": {"a": 1}, "open": {"a": "b"}, "pair": [1, "a"]}
    right = {**value, "point": {"x": 1, "y": 0}, "named": {"x": 2, "y": 0}}
    assert parse_text(Loose, json.dumps(right)).pair == (1, "a")
    changes: list[Any] = [{"mapped": {"a": "b"}}, {"pair": ["a", "b"]}, {"items": {}}]
    for wrong in changes:
        with pytest.raises(AnswerError):
            parse_text(Loose, json.dumps({**right, **wrong}))


def test_one_class_of_pydantic_in_two_places() -> None:
    """It has one definition; another class of its name has one of its own."""

    class Point(pydantic.BaseModel):
        z: int

    cls = attrs.make_class(
        "Several",
        {name: attrs.field(type=hint) for name, hint in (("a", HERE), ("b", HERE), ("c", Point))},
    )
    assert list(schema(cls).json["$defs"]) == ["Point", "Point_2"]


HERE: Any = Point


def test_defaults_of_type_variables() -> None:
    """A variable that nothing was given for has its default."""
    assert schema(one(DEFAULTED)).json["properties"]["x"] == {"type": "integer"}


def test_anything_in_a_union() -> None:
    """What fits nothing else is anything."""
    assert parse_text(one(int | ANY), '{"x": "a"}').x == "a"


def test_remainders_are_bounded() -> None:
    """The remainder of a number that would fill the memory isn't asked for."""
    with pytest.raises(AnswerError, match="expected a multiple of 2"):
        parse_text(one(Annotated[Decimal, at.MultipleOf(2)]), '{"x": 1e999999999}')


@dataclasses.dataclass
class Left:
    """One of two that look alike until the innermost."""

    next: Left | Right | None
    value: int


@dataclasses.dataclass
class Right:
    """The other."""

    next: Left | Right | None
    value: int
    more: str = ""


class LeftModel(pydantic.BaseModel):
    """Pydantic's."""

    next: LeftModel | RightModel | None
    value: int


class RightModel(LeftModel):
    """The other."""

    more: str = ""


# What fits is pydantic's to parse, which does try twice as often at each level.
@pytest.mark.parametrize(("cls", "innermost"), [(Left, '"a"'), (Left, "1"), (LeftModel, '"a"')])
def test_unions_within_unions(cls: Any, innermost: str) -> None:
    """Each level tries each value once: twice as often at each level would take for ever."""
    depth = 40
    text = '{"value": 1, "next": ' * depth + f'{{"value": {innermost}, "next": null}}' + "}" * depth
    if innermost == "1":
        assert parse_text(cls, text).next.next.value == 1
    else:
        with pytest.raises(AnswerError):
            parse_text(cls, text)


def test_notes_that_have_no_hash() -> None:
    """What others put into `Annotated` is theirs."""
    note: Any = Annotated[int, {"a": []}]
    assert parse_text(note, "1") == 1
    assert parse_text(one(LIST[note]), '{"x": [1]}').x == [1]


class Silent(Exception):
    """Can't say what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("bad"), "KeyError: 'bad'"),
        (ValueError(), "ValueError"),
        (ValueError(3), "3"),
        (Silent(), "Silent"),
    ],
)
def test_what_classes_raise(error: Exception, words: str) -> None:
    """Users' own errors are told as they are; a missing field is told from a `KeyError` of theirs."""

    @attrs.define
    class Picky:
        x: int

        def __attrs_post_init__(self) -> None:
            raise error

    with pytest.raises(AnswerError) as caught:
        parse_text(Picky, '{"x": 1}')
    assert caught.value.errors == (("$", words),)
    with pytest.raises(AnswerError) as caught:
        parse_text(Picky, "{}")
    assert caught.value.errors == (("$.x", "is missing"),)


class Quitting(LookupError):
    """Ends the program when it is asked what is wrong."""

    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncio.CancelledError("mine"), "it raised CancelledError"),
        (SystemExit(3), "it raised SystemExit"),
        (GeneratorExit(), "it raised GeneratorExit"),
        (BaseExceptionGroup("", [SystemExit()]), "it raised BaseExceptionGroup"),
        (Quitting(), "Quitting"),
    ],
)
def test_what_would_end_more_than_the_class(error: BaseException, words: str) -> None:
    """It is a mismatch as any other: constructors and validators can't end a program, or look as if a task was cancelled."""

    @attrs.define
    class Picky:
        x: int

        def __attrs_post_init__(self) -> None:
            raise error

    class Validating(pydantic.BaseModel):
        x: int

        @pydantic.field_validator("x")
        @classmethod
        def leave(cls, value: int) -> int:
            raise error

    for into in (Picky, Validating, list[Picky], Picky | None):
        text = '[{"x": 1}]' if into == list[Picky] else '{"x": 1}'
        with pytest.raises(AnswerError) as caught:
            parse_text(cast("Any", into), text)
        assert caught.value.reason == "mismatch"
        assert words in caught.value.message or isinstance(error, Quitting)


def test_ctrl_c_in_a_class() -> None:
    """In the main thread it is the user's; in another one it is the class's own."""

    @attrs.define
    class Interrupting:
        def __attrs_post_init__(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parse_text(Interrupting, "{}")
    with ThreadPoolExecutor(1) as threads:
        caught = threads.submit(parse_text, Interrupting, "{}").exception()
    assert isinstance(caught, AnswerError)
    assert isinstance(caught.__cause__, Exception)


class Same:
    """An alias of itself."""

    @property
    def __value__(self) -> Any:
        return self


def test_alias_of_itself() -> None:
    """It is refused."""
    with pytest.raises(TypeError, match=r"One\.x: .* is nested too deep"):
        schema(one(Same()))


def test_deep_unions() -> None:
    """A value that is nested too deep is no option's, and doesn't become another one."""
    for depth in (200, 240, 400, 480):
        text = '{"value": 1, "next": ' * depth + "null" + "}" * depth
        with pytest.raises(AnswerError, match="nested too deep"):
            parse_text(Left, text)


class NamedBothWays(pydantic.BaseModel):
    """Takes its fields by alias or by name."""

    model_config = pydantic.ConfigDict(populate_by_name=True)
    size: int = pydantic.Field(alias="SIZE")


@pytest.mark.parametrize("name", ["SIZE", "size"])
def test_fields_by_name(name: str) -> None:
    """The schema tells the alias; where the class says so, its name does as well."""
    assert schema(NamedBothWays).json["required"] == ["SIZE"]
    assert parse_text(NamedBothWays, f'{{"{name}": 1}}').size == 1


class Cell(pydantic.BaseModel):
    """One field, as a dictionary may have it beside others."""

    x: int


class Row(pydantic.BaseModel):
    """A class or a dictionary."""

    cell: Cell | dict[str, int]


class OpenRow(Row):
    """Takes other fields as well."""

    model_config = pydantic.ConfigDict(extra="allow")


class NamedRow(Row):
    """Has a field that its own function adds."""

    name: str

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        given = json.loads(value) if isinstance(value, str) else value
        return handler({**given, "name": "row", "more": 1})


class RowByItself(Row):
    """Parses JSON by a method of its own."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray) -> Any:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - takes no settings
        return super().model_validate_json(json_data)


@pytest.mark.parametrize("cls", [Row, OpenRow])
def test_class_or_dictionary_of_pydantic(cls: type[Row]) -> None:
    """An object becomes the dictionary where the class would drop some of it."""
    assert parse_text(cls, '{"cell": {"x": 1}}').cell == Cell(x=1)
    assert parse_text(cls, '{"cell": {"x": 1, "y": 2}}').cell == {"x": 1, "y": 2}
    assert parse_text(cls, '{"cell": {"y": 2}}').cell == {"y": 2}
    with pytest.raises(AnswerError, match=r"\$\.cell"):
        parse_text(cls, '{"cell": {"x": "1"}}')


def test_class_or_dictionary_beside_other_fields() -> None:
    """Fields that the user's class or function adds are no reason to refuse it."""
    row = parse_text(OpenRow, '{"cell": {"x": 1}, "more": 2}')
    assert (row.cell, row.model_extra) == (Cell(x=1), {"more": 2})
    assert parse_text(NamedRow, '{"cell": {"y": 2}, "name": ""}').name == "row"
    assert parse_text(RowByItself, '{"cell": {"y": 2}}').cell == {"y": 2}


class Weekday(IntEnum):
    """Numbers."""

    MONDAY = 1


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (datetime | Weekday, "1", Weekday.MONDAY),
        (datetime | Decimal, "1.5", Decimal("1.5")),
        (date | Annotated[int, pydantic.Field(gt=5)], "7", 7),
    ],
)
def test_numbers_beside_dates_of_pydantic(hint: Any, text: str, expected: object) -> None:
    """A number becomes the option that takes numbers, and no date that pydantic makes of it."""
    made: Any = pydantic.create_model("Dated", value=(hint, ...))
    assert parse_text(made, f'{{"value": {text}}}').value == expected


def test_digits_beside_dates_of_pydantic() -> None:
    """A text of digits, such as a year, becomes no date of 1970: it is a text where that comes first, and refused where it doesn't."""
    text: Any = pydantic.create_model("Dated", when=(str | datetime, ...))
    year: Any = datetime | Literal["2024"]
    literal: Any = pydantic.create_model("Dated", when=(year, ...))
    moment: Any = pydantic.create_model("Dated", when=(datetime | str, ...))
    for made in (text, literal):
        assert parse_text(made, '{"when": "2024"}').when == "2024"
    for digits in ("2024", "-1.5"):
        with pytest.raises(AnswerError, match=r"\$\.when: pydantic would take it for a date"):
            parse_text(moment, f'{{"when": "{digits}"}}')
    assert parse_text(moment, '{"when": "May 2024"}').when == "May 2024"
    assert parse_text(moment, '{"when": "2024-05-01T00:00:00Z"}').when == datetime(
        2024, 5, 1, tzinfo=UTC
    )


class Moment(pydantic.BaseModel):
    """Takes digits for a date."""

    when: datetime


class Remark(pydantic.BaseModel):
    """Takes them as they are."""

    when: str


@pytest.mark.parametrize(
    ("hint", "text", "other", "expected"),
    [
        (Moment | Remark, '{"when": "2024"}', '{"when": "soon"}', Remark(when="soon")),
        (Literal[1, "a"] | bool, "true", "false", False),
        (Literal[True] | int, "1", "2", 2),
        (list[datetime | str] | None, '["2024"]', '["soon"]', ["soon"]),
        (dict[str, datetime] | dict[str, str], '{"a": "2024"}', '{"a": "soon"}', {"a": "soon"}),
    ],
)
def test_what_pydantic_would_mistake(hint: Any, text: str, other: str, expected: object) -> None:
    """What fits an option, but which pydantic would take for one before, is refused; all else isn't."""
    made: Any = pydantic.create_model("Mistaken", value=(hint, ...))
    with pytest.raises(AnswerError, match=r"\$\.value.*: pydantic would take it for .* the union$"):
        parse_text(made, f'{{"value": {text}}}')
    assert parse_text(made, f'{{"value": {other}}}').value == expected


@pytest.mark.parametrize(("hint", "expected"), [(Weekday | bool, True), (bool | Weekday, True)])
def test_truth_beside_enumerations_of_pydantic(hint: Any, expected: object) -> None:
    """Isn't mistaken for the member that is 1."""
    made: Any = pydantic.create_model("Mistaken", value=(hint, ...))
    assert parse_text(made, '{"value": true}').value is expected


def test_number_that_no_option_takes() -> None:
    """Pydantic would make a date of it."""
    made: Any = pydantic.create_model("Dated", value=(date | Annotated[int, at.Gt(5)], ...))
    with pytest.raises(AnswerError, match=r"\$\.value: expected more than 5, got 2"):
        parse_text(made, '{"value": 2}')


def test_defaults_that_are_validated() -> None:
    """They may be of a form that the schema forbids."""

    class Dated(pydantic.BaseModel):
        day: date | None = pydantic.Field("2025-12-31", validate_default=True)

    assert parse_text(Dated, "{}").day == date(2025, 12, 31)


class Celsius:
    """Strictly an instance; else made of a number."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> core_schema.CoreSchema:
        made = core_schema.no_info_after_validator_function(cls, core_schema.float_schema())
        instance = core_schema.is_instance_schema(cls)
        return core_schema.lax_or_strict_schema(lax_schema=made, strict_schema=instance)

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: object) -> dict[str, object]:
        return {"type": "number"}


def test_types_that_are_strict_in_another_way() -> None:
    """What they take of JSON is taken in a union, too."""

    class Weather(pydantic.BaseModel):
        celsius: Celsius | None

    assert cast("Celsius", parse_text(Weather, '{"celsius": 1.5}').celsius).degrees == 1.5


@pytest.mark.parametrize(("text", "seconds"), [("PT1H", 3600), ("P1DT0.5S", 86400.5)])
def test_durations_of_pydantic(text: str, seconds: float) -> None:
    """As the schema's format has them."""
    made: Any = pydantic.create_model("Timed", value=(timedelta, ...))
    assert parse_text(made, f'{{"value": "{text}"}}').value == timedelta(seconds=seconds)
    for other in ("1:00:00", "1 day", "60"):
        with pytest.raises(AnswerError, match="expected a duration such as"):
            parse_text(made, f'{{"value": "{other}"}}')


@pytest.mark.parametrize("text", ['{"x": 1}', '{"x": 1, "y": 2}'])
def test_class_of_pydantic_or_dictionary(text: str) -> None:
    """As above, for options of our own union."""
    hint: Any = Cell | dict[str, int]
    expected = Cell(x=1) if text == '{"x": 1}' else {"x": 1, "y": 2}
    assert parse_text(hint, text) == expected


MAKES_STRUCTURE: Any = vars(cattrs.gen)["make_dict_structure_fn_from_attrs"]


@pytest.mark.parametrize("name", [*inspect.signature(MAKES_STRUCTURE).parameters, "self", "cls"])
def test_fields_named_as_what_cattrs_takes(name: str) -> None:
    """Any name is a field's, also where cattrs' function has a parameter of it."""
    made: Any = dataclasses.make_dataclass("Made", [(name, int)])
    assert getattr(parse_text(made, f'{{"{name}": 1}}'), name) == 1
    with pytest.raises(AnswerError, match=rf"\$\.{name}: expected an integer"):
        parse_text(made, f'{{"{name}": "x"}}')
    with pytest.raises(AnswerError, match=rf"\$\.{name}: is missing"):
        parse_text(made, "{}")


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("moment", "2025-12-31T23:59:59Z", True),
        ("moment", "1700000000", False),
        ("moment", "2025-12-31", False),
        ("day", "2025-12-31", True),
        ("day", "86400", False),
        ("clock", "23:59:59", True),
        ("clock", "3600", False),
        ("read", "1700000000", True),
    ],
)
def test_written_forms_of_pydantic(name: str, text: str, fits: bool) -> None:
    """Its seconds since 1970 are no dates here, except where a validator of the user's reads what was sent."""

    class Dates(pydantic.BaseModel):
        moment: datetime | None = None
        day: date | None = None
        clock: time | None = None
        read: Annotated[datetime, pydantic.BeforeValidator(lambda sent: sent)] | None = None

    body = json.dumps({name: text})
    if fits:
        assert getattr(parse_text(Dates, body), name) is not None
        return
    with pytest.raises(
        AnswerError, match=rf"^the response doesn't fit Dates: \$\.{name}: expected a "
    ):
        parse_text(Dates, body)
