"""Which option of a union a value becomes: the one that it fits as the schema that is sent says."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple, Union, cast
from uuid import UUID

import annotated_types as at
import attrs
import pydantic
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass as pydantic_dataclass

from horay_async._protocol.structured.parse import parse_text
from horay_async._protocol.structured.schema import schema
from horay_async.errors import AnswerError

LIST: Any = list
DICT: Any = dict
TUPLE: Any = tuple
MISTAKEN = "pydantic would"


class Kind(NamedTuple):
    """A type hint, JSON values that its schema allows, and all that a value can become as the schema says."""

    hint: Any
    values: st.SearchStrategy[Any]
    ways: Callable[[Any], Iterator[Any]]


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def single_ways(fits: Callable[[Any], bool], name: str, value: Any) -> Iterator[Any]:
    """What a single value can become."""
    if fits(value):
        yield name


def union_ways(options: list[Kind], value: Any) -> Iterator[Any]:
    """What a value of a union can become."""
    for each in options:
        yield from each.ways(value)


def scalar(
    hint: Any, values: st.SearchStrategy[Any], fits: Callable[[Any], bool], name: str
) -> Kind:
    """The kind of a single value."""
    return Kind(hint, values, partial(single_ways, fits, name))


SCALARS = [
    scalar(int, st.integers(0, 2), lambda it: is_number(it) and it == int(it), "int"),
    scalar(float, st.sampled_from([0.5, 1.5]), is_number, "float"),
    scalar(Decimal, st.sampled_from([0.5, 1.5]), is_number, "Decimal"),
    scalar(str, st.sampled_from(["x", "007", "1e5"]), lambda it: isinstance(it, str), "str"),
    scalar(bool, st.booleans(), lambda it: isinstance(it, bool), "bool"),
    scalar(type(None), st.none(), lambda it: it is None, "NoneType"),
    scalar(Literal["x"], st.just("x"), lambda it: it == "x", "str"),
    scalar(
        Annotated[int, at.Ge(2)],
        st.integers(2, 3),
        lambda it: is_number(it) and it == int(it) and it >= 2,
        "int",
    ),
]


@st.composite
def kinds(draw: st.DrawFn, depth: int, form: str | None = None) -> Kind:
    """Any kind; of a class of that form, unless none is named."""
    nest = draw(st.integers(0, 5)) if depth else 0
    if nest == 0:
        found: Kind = draw(st.sampled_from(SCALARS))
        return found
    if nest == 1:
        return draw(unions(depth, form))
    if nest == 2:
        item = draw(kinds(depth - 1, form))
        return Kind(LIST[item.hint], st.lists(item.values, max_size=2), partial(list_ways, item))
    if nest == 3:
        entry = draw(kinds(depth - 1, form))
        values = st.dictionaries(st.sampled_from("ab"), entry.values, max_size=2)
        return Kind(DICT[str, entry.hint], values, partial(dict_ways, entry))
    return draw(classes(depth - 1, form))


def list_ways(item: Kind, value: Any) -> Iterator[Any]:
    """What a list can become."""
    if isinstance(value, list):
        for each in product(*map(item.ways, cast("list[Any]", value))):
            yield ("list", *each)


def dict_ways(entry: Kind, value: Any) -> Iterator[Any]:
    """What a dictionary can become."""
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        for each in product(*map(entry.ways, given.values())):
            yield ("dict", dict(zip(given, each, strict=True)))


@st.composite
def unions(draw: st.DrawFn, depth: int, form: str | None = None) -> Kind:
    """A union of kinds that are less deep by one."""
    options = draw(st.lists(kinds(depth - 1, form), min_size=2, max_size=3))
    return Kind(
        Union[tuple(each.hint for each in options)],  # noqa: UP007 - made at run time
        st.one_of([each.values for each in options]),
        partial(union_ways, options),
    )


@st.composite
def classes(draw: st.DrawFn, depth: int, form: str | None = None) -> Kind:
    """A class, of whose fields some have defaults."""
    form = form or draw(st.sampled_from(["attrs", "dataclass", "pydantic", "pydantic dataclass"]))
    inner = form if form.startswith("pydantic") else None
    names = draw(st.sampled_from(["a", "b", "ab"]))
    fields = {name: draw(kinds(depth, inner)) for name in names}
    filled = draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)).map(sorted))
    made = make(form, [(n, fields[n].hint, d) for n, d in zip(names, filled, strict=True)])

    def ways(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and cast("dict[str, Any]", value).keys() == fields.keys():
            for each in product(*(kind.ways(value[name]) for name, kind in fields.items())):
                yield (id(made), dict(zip(fields, each, strict=True)))

    values = {name: kind.values for name, kind in fields.items()}
    return Kind(made, st.fixed_dictionaries(values), ways)


def make(form: str, fields: list[tuple[str, Any, bool]]) -> Any:
    """A class of that form."""
    if form == "attrs":
        nothing: Any = attrs.NOTHING
        return attrs.make_class(
            "Made",
            {
                name: attrs.field(type=hint, default=None if filled else nothing)
                for name, hint, filled in fields
            },
        )
    if form == "pydantic":
        given: Any = {name: (hint, None if filled else ...) for name, hint, filled in fields}
        return pydantic.create_model("Made", **given)
    made = dataclasses.make_dataclass(
        "Made",
        [
            (name, hint, dataclasses.field(default=None)) if filled else (name, hint)
            for name, hint, filled in fields
        ],
    )
    return made if form == "dataclass" else pydantic_dataclass(made)


def way_of(made: Any) -> Any:
    """What a value has become."""
    if isinstance(made, list):
        return ("list", *map(way_of, cast("list[Any]", made)))
    if isinstance(made, dict):
        entries = cast("dict[str, Any]", made)
        return ("dict", {name: way_of(entry) for name, entry in entries.items()})
    kind: Any = made.__class__
    if kind.__name__ != "Made":
        return kind.__name__
    names = cast("list[str]", getattr(kind, "__match_args__", ()) or [*vars(made)])
    return (id(kind), {name: way_of(getattr(made, name)) for name in names})


@settings(max_examples=500)
@given(unions(3), st.data())
def test_options_that_fit_as_the_schema_says(kind: Kind, data: st.DataObject) -> None:
    """Of what the schema lets a value be, it becomes one, at any depth, whatever else it could be with defaults."""
    holder: Any = attrs.make_class("Holder", {"x": attrs.field(type=kind.hint)})
    try:
        schema(holder)
    except TypeError as error:
        assert "look the same" in str(error)  # noqa: PT017 - some unions are refused, most aren't
        reject()
    value = data.draw(kind.values)
    ways = list(kind.ways(value))
    assert ways
    try:
        made = parse_text(holder, json.dumps({"x": value})).x
    except AnswerError as error:
        assert MISTAKEN in str(error)  # noqa: PT017 - pydantic's own unions are refused where it would choose another
        reject()
    assert way_of(made) in ways


@attrs.define
class Refund:
    """One with a default."""

    order: str
    note: str | None = None


@attrs.define
class Order:
    """One with less."""

    order: str


@dataclasses.dataclass
class Price:
    """A number that is a string as well, where nothing else takes that."""

    value: Decimal


@dataclasses.dataclass
class Name:
    """A string."""

    value: str


@attrs.define
class Even:
    """What it refuses is another's."""

    value: int
    unit: str | None = "m"

    def __attrs_post_init__(self) -> None:
        if self.value % 2:
            raise ValueError("is odd")


@attrs.define
class Several:
    """What only some numbers fit."""

    value: int = attrs.field(validator=attrs.validators.ge(5))


@attrs.define
class Filled:
    """What all numbers fit, with a default."""

    value: int
    unit: str = "m"


class RefundModel(pydantic.BaseModel):
    """As above, of pydantic."""

    order: str
    note: str | None = None


class OrderModel(pydantic.BaseModel):
    """As above, of pydantic."""

    order: str


class PriceModel(pydantic.BaseModel):
    """As above, of pydantic."""

    value: Decimal


class NameModel(pydantic.BaseModel):
    """As above, of pydantic."""

    value: str


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (Refund | Order, '{"order": "7"}', Order("7")),
        (Refund | Order, '{"order": "7", "note": null}', Refund("7")),
        (Refund | None, '{"order": "7"}', Refund("7")),
        (list[Refund] | list[Order], '[{"order": "7"}]', [Order("7")]),
        (
            tuple[Refund, int] | tuple[Order, Any] | list[str],
            '[{"order": "7"}, 1]',
            (Order("7"), 1),
        ),
        (dict[str, Refund] | Order, '{"order": "7"}', Order("7")),
        (Refund | dict[str, str], '{"order": "7"}', {"order": "7"}),
        (Refund | Any, '{"order": "7"}', {"order": "7"}),
        (Price | Name, '{"value": "007"}', Name("007")),
        (Price | Refund, '{"value": "007"}', Price(Decimal(7))),
        (list[Decimal] | list[str], '["007"]', ["007"]),
        (dict[str, Decimal] | dict[str, str], '{"zip": "007"}', {"zip": "007"}),
        (Several | Filled, '{"value": 3}', Filled(3)),
        (Filled | Several, '{"value": 7}', Several(7)),
        (Annotated[list[int], at.MinLen(2)] | list[float], "[1]", [1.0]),
        (Even | Filled, '{"value": 3, "unit": "m"}', Filled(3)),
        (RefundModel | OrderModel, '{"order": "7"}', OrderModel(order="7")),
        (RefundModel | Order, '{"order": "7"}', Order("7")),
        (PriceModel | NameModel, '{"value": "007"}', NameModel(value="007")),
    ],
)
def test_options_by_what_they_need(hint: Any, text: str, expected: object) -> None:
    """An option that a value fits as it stands goes before one that needs defaults or leniency, wherever that is."""
    assert parse_text(hint, text) == expected
    holder: Any = attrs.make_class("Holder", {"x": attrs.field(type=LIST[hint | None])})
    assert parse_text(holder, f'{{"x": [null, {text}]}}').x == [None, expected]


@pytest.mark.parametrize(
    ("hint", "text", "swapped"),
    [
        (RefundModel | OrderModel, '{"order": "7"}', OrderModel(order="7")),
        (RefundModel | dict[str, str] | None, '{"order": "7"}', None),
        (PriceModel | NameModel, '{"value": "007"}', NameModel(value="007")),
        (list[RefundModel] | list[OrderModel], '[{"order": "7"}]', [OrderModel(order="7")]),
        (Decimal | str, '"007"', "007"),
    ],
)
def test_options_that_pydantic_would_not_choose(hint: Any, text: str, swapped: object) -> None:
    """Within its own classes it is pydantic that chooses: what it would take for another option is refused, and no option beside
    the class is taken in its place.
    """
    made: Any = pydantic.create_model("Chosen", x=(hint, ...))
    beside: Any = dataclasses.make_dataclass("Beside", [("x", Any), ("y", int, 0)])
    for each, path in (
        (made, r"\$\.x"),
        (made | beside, r"\$\.x"),
        (dict[str, made | beside], r"\$\.a\.x"),
    ):
        whole = (
            f'{{"a": {{"x": {text}}}}}' if each not in (made, made | beside) else f'{{"x": {text}}}'
        )
        with pytest.raises(
            AnswerError, match=rf"{path}: pydantic would make .+ of it, but it fits .+ as it is: "
        ):
            parse_text(each, whole)
    if swapped is not None:
        turned: Any = Union[tuple(reversed(hint.__args__))]  # noqa: UP007 - made at run time
        other: Any = pydantic.create_model("Chosen", x=(turned, ...))
        assert parse_text(other, f'{{"x": {text}}}').x == swapped


class Free(pydantic.BaseModel):
    """Takes all fields."""

    model_config = pydantic.ConfigDict(extra="allow")


class Positive(pydantic.BaseModel):
    """Has a bound, which pydantic checks."""

    order: Annotated[int, at.Gt(0)]


class Loose(pydantic.BaseModel):
    """Has none, and a default."""

    order: int
    note: str | None = None


class Reading(pydantic.BaseModel):
    """Has a parser of its own."""

    x: RefundModel | OrderModel

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: object) -> Any:
        return cls(x=OrderModel(**json.loads(json_data)["x"]))


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (Loose | Positive, '{"order": 0}', Loose(order=0)),
        (Loose | Positive | OrderModel, '{"order": 0}', Loose(order=0)),
        (
            Annotated[RefundModel, "a"] | Annotated[RefundModel, "b"],
            '{"order": "7"}',
            RefundModel(order="7"),
        ),
        (list[int] | list[Annotated[int, "b"]] | list[float], "[1]", [1]),
        (RefundModel | str, '"7"', "7"),
    ],
)
def test_options_that_pydantic_chooses(hint: Any, text: str, expected: object) -> None:
    """What it chooses otherwise stays as it is: where an option has bounds that don't hold, or isn't told apart at all."""
    made: Any = pydantic.create_model("Chosen", x=(hint, ...))
    assert parse_text(made, f'{{"x": {text}}}').x == expected


class Numbered(pydantic.BaseModel):
    """No two are equal: each has a number of its own."""

    order: str
    _number: int = pydantic.PrivateAttr(default_factory=partial(next, itertools.count()))


@dataclasses.dataclass(eq=False)
class Uncompared:
    """No two are equal."""

    order: str


class Lazy(pydantic.BaseModel):
    """What it has is made when it is asked for."""

    order: Iterable[int]


class Listed(pydantic.BaseModel):
    """The same at once, with a default."""

    order: list[int]
    note: str | None = None


@pytest.mark.parametrize(
    ("option", "other", "order"),
    [
        (Numbered, RefundModel, "7"),
        (Uncompared, RefundModel, "7"),
        (Lazy, Listed, [7]),
    ],
)
def test_instances_that_compare_unequal(option: Any, other: Any, order: object) -> None:
    """Whether pydantic takes the right option doesn't depend on how its instances compare; nor does the refusal of the wrong one."""
    text = json.dumps({"order": order})
    lists = LIST[option] | LIST[other], LIST[other] | LIST[option]
    made = parse_text(boxed(option | other), f'{{"value": {text}}}').value
    listed = parse_text(boxed(lists[0]), f'{{"value": [{text}, {text}]}}').value
    assert [type(each) for each in (made, *listed)] == [option] * 3
    for wrong, value in ((other | option, text), (lists[1], f"[{text}]")):
        with pytest.raises(AnswerError, match=MISTAKEN):
            parse_text(boxed(wrong), f'{{"value": {value}}}')


def test_options_that_a_parser_chooses() -> None:
    """The parser of a class chooses as it likes."""
    assert parse_text(Reading, '{"x": {"order": "7"}}').x == OrderModel(order="7")


@dataclasses.dataclass
class Whole:
    """An integer."""

    v: int


@dataclasses.dataclass
class Part:
    """A number."""

    v: float


class PartModel(pydantic.BaseModel):
    """A number, of pydantic."""

    v: float


@pydantic_dataclass
class PartOfPydantic:
    """Another one."""

    v: float


@pytest.mark.parametrize(
    "hints",
    [
        (Whole | Part, Part | Whole),
        (Part | Whole, Whole | Part),
        (Whole | PartModel, PartModel | Whole),
        (PartOfPydantic | Whole, Whole | PartOfPydantic),
    ],
)
def test_order_of_options(hints: tuple[Any, Any]) -> None:
    """Of options that fit alike it is the first, whatever was parsed before: Python says that the two unions are equal."""
    for hint in hints:
        assert type(parse_text(hint, '{"v": 1}')) is hint.__args__[0]
        assert type(parse_text(LIST[hint], '[{"v": 1}]')[0]) is hint.__args__[0]


@pytest.mark.parametrize("cls", [Whole, PartModel, PartOfPydantic])
def test_class_before_dictionary(cls: Any) -> None:
    """A dictionary, which takes more, comes after the classes, wherever it stands."""
    for hint in (cls | DICT[str, float], DICT[str, float] | cls):
        assert type(parse_text(hint, '{"v": 1}')) is cls


class Count(pydantic.RootModel[int]):
    """A class of a single value."""


class Word(pydantic.RootModel[str]):
    """Another one."""


@pytest.mark.parametrize("text", ["[1, 1]", '["a", "a"]', '["", ""]'])
def test_an_instance_for_each_value(text: str) -> None:
    """Equal values in one document become instances of their own."""
    first, other = parse_text(LIST[Count | Word], text)
    assert first == other
    assert first is not other


class Off(enum.Enum):
    """A choice of one."""

    OFF = False


class One(enum.IntEnum):
    """Another one."""

    ONE = 1


class Truth(enum.Enum):
    """Choices of several types."""

    YES = True
    NAME = "a"


class Pair(pydantic.BaseModel):
    """A class with two fields."""

    x: int
    y: int


class Renamed(pydantic.BaseModel):
    """The same with another name for one of them."""

    model_config = pydantic.ConfigDict(populate_by_name=True)
    x: int = pydantic.Field(alias="other")


class True1(pydantic.BaseModel):
    """A class of a single choice."""

    x: Literal[True]


class Prepared(pydantic.BaseModel):
    """A class that fills in what is missing."""

    x: int
    y: Annotated[int, at.Ge(1)]

    @pydantic.model_validator(mode="before")
    @classmethod
    def fill(cls, value: Any) -> Any:
        """Adds a field."""
        return {"y": 1, **value}


def raised(value: Any) -> Any:
    """More than was sent."""
    return value + 9


RAISED: Any = Annotated[int, pydantic.BeforeValidator(raised), at.Ge(2)]
NAMED_GROUP: Any = Annotated[str, pydantic.Field(pattern="^(?<name>a)$")]
"""A pattern in Rust's form, which Python has another one for."""


def boxed(hint: Any) -> Any:
    """A class of pydantic with one field."""
    return pydantic.create_model("Boxed", value=(hint, ...))


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (pydantic.PositiveInt | Literal[False], "0"),
        (pydantic.PositiveInt | Off, "0"),
        (Annotated[int, at.Ge(2)] | Literal[True], "1"),
        (Annotated[int, at.Ge(2)] | Literal[True], "1.0"),
        (Annotated[int, at.Ge(2)] | Truth, "1"),
        (Annotated[int, at.MultipleOf(2)] | Literal[True], "1"),
        (Annotated[float, at.Lt(1)] | Literal[True], "1"),
        (Annotated[str, at.MaxLen(3)] | datetime, '"1234"'),
        (Annotated[str, pydantic.Field(pattern="^a$")] | datetime, '"1234"'),
        (Annotated[LIST[int], at.MinLen(2)] | LIST[Literal[True]], "[1]"),
        (Annotated[DICT[str, int], at.MinLen(2)] | DICT[str, Literal[True]], '{"a": 1}'),
        (Pair | True1, '{"x": 1}'),
        (Annotated[Decimal, at.MultipleOf(2)] | Literal["x"], "1e999999999999999999999"),
    ],
)
def test_bounds_of_options(hint: Any, text: str) -> None:
    """What no option allows isn't taken for another one that it equals, or that is read in another way."""
    with pytest.raises(AnswerError, match=r"\$\.value"):
        parse_text(boxed(hint), f'{{"value": {text}}}')


def test_bound_that_is_told() -> None:
    """The message says which bound doesn't hold."""
    with pytest.raises(AnswerError, match=r"\$\.value: expected more than 0, got 0"):
        parse_text(boxed(pydantic.PositiveInt | Literal[False]), '{"value": 0}')


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (pydantic.PositiveInt | Literal[False], "1", 1),
        (pydantic.PositiveInt | Literal[False], "false", False),
        (
            Annotated[str, at.MaxLen(3)] | datetime,
            '"2025-12-31T00:00:00Z"',
            datetime(2025, 12, 31, tzinfo=UTC),
        ),
        (int | Annotated[int, at.MultipleOf(3)], "2.0", 2),
        (int | Literal[True], "1.0", 1),
        (Literal[1, "x", True], "1.0", 1),
        (Literal[1, "x", True], "true", True),
        (Decimal | Literal[1, "x", True], "1.0", 1),
        (Renamed | None, '{"x": 1}', Renamed(other=1)),
        (Prepared | None, '{"x": 1}', Prepared(x=1, y=1)),
        (RAISED | None, "1", 10),
        (NAMED_GROUP | None, '"a"', "a"),
    ],
)
def test_options_within_bounds(hint: Any, text: str, expected: object) -> None:
    """What an option allows is taken, bounds or not."""
    value = parse_text(boxed(hint), f'{{"value": {text}}}').value
    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


def test_choices_that_are_equal() -> None:
    """Where pydantic takes a truth value for a number's choice, or the other way round, it isn't taken silently."""
    for hint, text in (
        (One | Truth | date, "true"),
        (Truth | UUID | One, "1"),
        (LIST[One | str] | TUPLE[One, bool], "[1, true]"),
    ):
        with pytest.raises(AnswerError, match="pydantic would make"):
            parse_text(boxed(hint), f'{{"value": {text}}}')


class Level(pydantic.BaseModel):
    """A class of a choice of numbers."""

    x: Literal[1, 2]


class Flag(pydantic.BaseModel):
    """A class of a truth value."""

    x: bool


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Level | Flag, '{"x": true}'),
        (True1 | Level, '{"x": 1}'),
        (Level | DICT[str, bool], '{"x": true}'),
        (date | str, '"0"'),
        (date | None | str, '"86400"'),
        (UUID | str, '"12345678123412341234123456789abc"'),
        (timedelta | str, '"12:30"'),
        (datetime | str, '"2025-01-01_00:00:00"'),
    ],
)
def test_other_readings_of_pydantic(hint: Any, text: str) -> None:
    """What fits one option alone isn't silently another one, which pydantic reads more from than the schema says."""
    with pytest.raises(AnswerError, match=MISTAKEN):
        parse_text(boxed(hint), f'{{"value": {text}}}')
