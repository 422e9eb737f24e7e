"""Texts as instances of classes: exact round trips, and a path to whatever doesn't fit."""

from __future__ import annotations

import dataclasses
import gc
import json
import linecache
import traceback
import weakref
from collections.abc import Mapping, MutableSet, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from types import GenericAlias
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar, cast
from uuid import UUID

import attrs
import jsonschema  # type: ignore[import-untyped] # its types are a package of their own
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from horay_async._protocol.structured.hints import MAX_REMEMBERED
from horay_async._protocol.structured.parse import parse_completion, parse_text
from horay_async._protocol.structured.schema import schema
from horay_async._protocol.wire.clean import Cleaner
from horay_async.errors import AnswerError, AnswerFault
from horay_async.models._base import Response
from horay_async.models.chat import ChatChoice, ChatCompletion, ChatMessage, FunctionCall, ToolCall
from horay_async.models.meta import Attempt
from horay_async.models.parsed import ParsedCompletion
from horay_async.tools.define import Tool
from tests.readers import made_meta

from .classes import Kind, records

T = TypeVar("T")
VALIDATOR: Any = jsonschema.Draft202012Validator
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Unit(str, Enum):  # noqa: UP042 - as those write it who come from 3.10
    """A choice of words that are strings too."""

    PIECE = "piece"
    HOUR = "hour"


class Level(IntEnum):
    """A choice of numbers."""

    LOW = 1


class Rate(Enum):
    """A choice of fractions."""

    FULL = 0.2
    HALF = 0.1


@attrs.define
class Line:
    """One line of an invoice."""

    name: str
    price: Decimal = attrs.field(validator=attrs.validators.gt(Decimal(0)))
    unit: Unit = Unit.PIECE


@dataclasses.dataclass
class Invoice:
    """A bill."""

    lines: list[Line]
    due: date | None


@dataclasses.dataclass
class Circle:
    """A shape, told by its tag."""

    kind: Literal["circle"]
    radius: float


@dataclasses.dataclass
class Square:
    """Another, with the same fields but for the tag."""

    kind: Literal["square"]
    radius: float


@dataclasses.dataclass
class Named:
    """Told by its field."""

    name: str
    note: str = ""


@dataclasses.dataclass
class Numbered:
    """Told by its field."""

    number: int


@dataclasses.dataclass
class Box(Generic[T]):
    """Holds anything."""

    item: T


@attrs.define
class Tree:
    """Holds itself."""

    children: list[Tree] = attrs.field(factory=list["Tree"])


class Place(pydantic.BaseModel):
    """A pydantic model, which has rules of its own."""

    city: str = pydantic.Field(alias="cityName")
    size: int = pydantic.Field(gt=0)


class Fussy(pydantic.BaseModel):
    """One that raises an error of its own."""

    word: str

    @classmethod
    def model_validate_json(cls, *_: object, **__: object) -> Any:
        """Complains without pydantic's details."""
        raise ValueError("no word suits me")


Metres = NewType("Metres", float)
NUMBER = TypeAliasType("NUMBER", int)


INVOICE = '{"lines": [{"name": "tea", "price": 0.10, "unit": "hour"}], "due": "2025-12-31"}'


def one(hint: Any, value: str) -> Any:
    """`value`, JSON, as the only field of a class."""
    cls: Any = attrs.make_class("One", {"x": attrs.field(type=hint)})
    return parse_text(cls, f'{{"x": {value}}}').x


def mismatches(hint: Any, value: str) -> list[tuple[str, str]]:
    """What is wrong with `value`, JSON, as the only field of a class."""
    with pytest.raises(AnswerError) as caught:
        one(hint, value)
    return list(caught.value.errors)


@given(records(), st.data())
def test_round_trip(record: Kind, data: st.DataObject) -> None:
    """An instance, written as JSON, is parsed to an equal instance."""
    cls, instances = record
    instance = data.draw(instances)
    assert parse_text(cls, ENCODER.encode(instance).decode()) == instance


ODDITIES = st.sampled_from([None, True, 0, -3, 1.5, "", "oddity", [], [None], {}, {"tag": "first"}])


@given(records(), st.data())
def test_stricter_than_the_schema(record: Kind, data: st.DataObject) -> None:
    """What a validator of the schema refuses is refused, with a path."""
    cls, instances = record
    value = json.loads(ENCODER.encode(data.draw(instances)))
    for name in value:
        if data.draw(st.booleans()):
            value[name] = data.draw(ODDITIES)
    if data.draw(st.booleans()):
        value["surplus"] = 1
    valid = VALIDATOR(schema(cls).json).is_valid(value)
    if not valid:
        with pytest.raises(AnswerError) as caught:
            parse_text(cls, json.dumps(value))
        assert str(caught.value.path).startswith("$")


def test_fences_within_the_json() -> None:
    """A code block whose JSON holds another is read to its own end."""
    text = '```json\n{"name": "see ```\\ncode\\n```"}\n```\nDone.'
    assert parse_text(Named, text).name == "see ```\ncode\n```"


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("text", ["```\n" + "[" * 100_000 + "\n```", "```\n{\n```", "```\n", "```"])
def test_broken_blocks(text: str) -> None:
    """What is no JSON within a block is a mismatch like any other."""
    with pytest.raises(AnswerError, match=r"\$: is (no JSON|nested too deep)"):
        parse_text(Named, text)


@pytest.mark.parametrize(
    "text", [r'{"name": "\ud83d"}', 'Here:\n```json\n{"name": "\\ud83d"}\n```']
)
def test_half_a_character(text: str) -> None:
    """Models write the escape of one. It isn't said to be cut off."""
    assert parse_text(Named, text).name == "\ufffd"
    assert parse_text(Named, text.replace("83d", "83d\\ude00")).name == "😀"


def test_exact_decimals() -> None:
    """The digits are read as they stand, not through binary fractions."""
    invoice = parse_text(Invoice, INVOICE)
    assert str(invoice.lines[0].price) == "0.10"
    assert invoice == Invoice([Line("tea", Decimal("0.10"), Unit.HOUR)], date(2025, 12, 31))


def test_default_for_what_is_missing() -> None:
    """A field with a default may be missing: not every server holds the model to the schema."""
    assert parse_text(Line, '{"name": "tea", "price": 1}').unit is Unit.PIECE


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{INVOICE}\n```",
        f"Here you are:\n\n```\n{INVOICE}\n```\nAnything else?",
        f"\n  {INVOICE}\n",
    ],
)
def test_markdown_block(text: str) -> None:
    """JSON in a block, as models without a schema write it, is found."""
    assert parse_text(Invoice, text).due == date(2025, 12, 31)


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (float, "1", 1.0),
        (int, "2.0", 2),
        (Decimal, '"12.50"', Decimal("12.50")),
        (datetime, '"2025-12-31t23:59:59z"', datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (time, '"23:59"', time(23, 59)),
        (UUID, '"12345678-1234-5678-1234-56781234567A"', UUID("1234567812345678123456781234567a")),
        (Level, "1.0", Level.LOW),
        (Rate, "0.1", Rate.HALF),
        (Literal[Unit.HOUR, 3], '"hour"', Unit.HOUR),
        (Literal[1, True], "true", True),
        (Literal[1, True], "1", 1),
        (Any, '[1.5, {"a": null}]', [1.5, {"a": None}]),
        (object, "0.1", 0.1),
        (list, "[1, 0.5]", [1, 0.5]),
        (Sequence[int], "[1]", [1]),
        (MutableSet[int], "[1, 1]", {1}),
        (frozenset[int], "[1]", frozenset({1})),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict, '{"a": 0.5}', {"a": 0.5}),
        (Mapping[str, int], '{"a": 1}', {"a": 1}),
        (Annotated[int, "a number"], "1", 1),
        (Metres, "1.5", 1.5),
        (NUMBER, "1", 1),  # what `type X = int` makes in 3.12
        (Box[int], '{"item": 1}', Box(1)),
        (Place, '{"cityName": "Rome", "size": 3}', Place(cityName="Rome", size=3)),
    ],
)
def test_values(hint: Any, text: str, expected: object) -> None:
    """What JSON has but one word for becomes what the hint says."""
    found = one(hint, text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (int | float, "1", 1),
        (int | float, "1.0", 1.0),
        (float | int | None, "null", None),
        (float | int, "1", 1),
        (float | int, "9007199254740993", 9007199254740993),
        (bool | float | int, "1", 1),
        (Annotated[float, pydantic.Field(gt=1)] | int, "1", 1),
        (Decimal | int | float, "1", 1),
        (int | Decimal, "1", 1),
        (Decimal | float, "1e400", Decimal("1e400")),
        (
            Decimal | float,
            "0.1000000000000000000000000001",
            Decimal("0.1000000000000000000000000001"),
        ),
        (int | Decimal | float, "1.0", Decimal("1.0")),
        (float | Decimal, "0.5", 0.5),
        (float | Decimal, "1e400", Decimal("1e400")),
        (str | date, '"2025-12-31"', date(2025, 12, 31)),
        (str | date, '"New Year\'s Eve"', "New Year's Eve"),
        (str | Unit, '"hour"', Unit.HOUR),
        (str | Literal["a"], '"a"', "a"),
        (bool | int, "true", True),
        (list[int] | list[str], '["a"]', ["a"]),
        (Circle | Square, '{"kind": "square", "radius": 1}', Square("square", 1.0)),
        (Named | Numbered, '{"number": 1}', Numbered(1)),
        (Named | Numbered | None, '{"name": "a"}', Named("a")),
        (Box[int] | Box[str], '{"item": "a"}', Box("a")),
        (Named | dict[str, int], '{"a": 1}', {"a": 1}),
    ],
)
def test_unions(hint: Any, text: str, expected: object) -> None:
    """A value becomes the member that it fits best."""
    found = one(hint, text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (str, "1", ("$.x", "expected a string, got 1")),
        (int, "true", ("$.x", "expected an integer, got true")),
        (int, "1.5", ("$.x", "expected an integer, got 1.5")),
        (int, "1e999999999", ("$.x", "expected an integer, got 1E+999999999")),
        (bool, "0", ("$.x", "expected true or false, got 0")),
        (type(None), "0", ("$.x", "expected null, got 0")),
        (float, '"1"', ("$.x", "expected a number, got '1'")),
        (float, "1e400", ("$.x", "expected a number that a float can hold, got 1E+400")),
        (
            float,
            f"1{'0' * 400}",
            ("$.x", f"expected a number that a float can hold, got 1{'0' * 58}…"),
        ),
        (Decimal, '"ten"', ("$.x", "expected a number, got 'ten'")),
        (Decimal, '"NaN"', ("$.x", "expected a number, got 'NaN'")),
        (Decimal, "true", ("$.x", "expected a number, got true")),
        (date, '"20251231"', ("$.x", "expected a date such as '2025-12-31', got '20251231'")),
        (date, '"2025-02-30"', ("$.x", "expected a date such as '2025-12-31', got '2025-02-30'")),
        (time, "12", ("$.x", "expected a time such as '23:59:59', got 12")),
        (Unit, '"kilo"', ("$.x", 'expected one of "piece","hour", got \'kilo\'')),
        (Literal[1], "true", ("$.x", "expected one of 1, got true")),
        (list[int], "{}", ("$.x", "expected an array, got an object")),
        (list[int], '[1, 2, "3"]', ("$.x[2]", "expected an integer, got '3'")),
        (tuple[int, str], "[1]", ("$.x", "expected an array of 2, got an array of 1")),
        (tuple[int, str], "[1, 2]", ("$.x[1]", "expected a string, got 2")),
        (dict[str, int], "[]", ("$.x", "expected an object, got an array of 0")),
        (dict[str, int], '{"a b": null}', ("$.x['a b']", "expected an integer, got null")),
        (Named, "3", ("$.x", "expected an object (Named), got 3")),
        (Named, "{}", ("$.x.name", "is missing")),
        (Named, '{"name": "a", "age": 3}', ("$.x.age", "Named has no such field")),
        (Line, '{"name": "a", "price": -1}', ("$.x", "'price' must be > 0: -1")),
        (int | None, '"a"', ("$.x", "expected an integer, got 'a'")),
        (int | str | None, "[]", ("$.x", "expected int or str or null, got an array of 0")),
        (
            Circle | Square,
            '{"kind": "square", "radius": "a"}',
            ("$.x.radius", "expected a number, got 'a'"),
        ),
        (Circle | Square, '{"kind": "cube"}', ("$.x", "expected Circle or Square, got an object")),
        (Circle | Square, "3", ("$.x", "expected Circle or Square, got 3")),
        (Circle | None, "3", ("$.x", "expected an object (Circle), got 3")),
        (Place, '{"cityName": "Rome", "size": 0}', ("$.x.size", "Input should be greater than 0")),
        (Fussy, "{}", ("$.x", "no word suits me")),
    ],
)
def test_mismatches(hint: Any, text: str, expected: tuple[str, str]) -> None:
    """What doesn't fit is told by its path, and by what was expected there."""
    assert mismatches(hint, text) == [expected]


def test_several_mismatches() -> None:
    """All are on record; the message has the first and counts the others."""
    text = INVOICE.replace('"tea"', "3").replace('"hour"', '"kilo"')
    with pytest.raises(AnswerError) as caught:
        parse_text(Invoice, text)
    error = caught.value
    assert error.path == "$.lines[0].name"
    assert [path for path, _ in error.errors] == ["$.lines[0].name", "$.lines[0].unit"]
    assert str(error) == (
        "the response doesn't fit Invoice: $.lines[0].name: expected a string, got 3 (and 1 more)"
    )
    assert (error.reason, error.text, error.completion) == ("mismatch", text, None)
    assert error.execution == "executed"


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "$: is empty"),
        ("Sorry, no.", "$: is no JSON: invalid character (byte 0), in 'Sorry, no.'"),
        ("S" * 61, f"$: is no JSON: invalid character (byte 0), in '{'S' * 60}...'"),
        ('{"lines": [', "$: is no JSON: Input data was truncated"),
        ('{"lines": NaN}', "$: is no JSON: invalid"),
        ("```\nnothing\n```", "$: is no JSON"),
        ('"\ud800"', "$: is no JSON"),
        ("[" * 100_000, "$: is nested too deep"),
    ],
)
def test_no_json(text: str, message: str) -> None:
    """A text that isn't JSON is a mismatch of the whole."""
    with pytest.raises(AnswerError) as caught:
        parse_text(Invoice, text)
    assert f"the response doesn't fit Invoice: {message}" in str(caught.value)


@pytest.mark.usefixtures("no_collection")
def test_deep_nesting() -> None:
    """JSON that is fine, but deeper than a class can be made, is a mismatch."""
    depth = 300
    text = '{"children": [' * depth + "]}" * depth
    with pytest.raises(AnswerError, match="nested too deep"):
        parse_text(Tree, text)


def test_list_of_classes() -> None:
    """Any type that a field may have can be parsed at the top."""
    hint: Any = list[Numbered]
    assert parse_text(hint, '[{"number": 1}, {"number": 2}]') == [Numbered(1), Numbered(2)]


@pytest.mark.parametrize("hint", [bytearray, list[bytearray]])
def test_no_way(hint: Any) -> None:
    """A type that JSON can't be made into is the caller's mistake."""
    with pytest.raises(TypeError, match="<class 'bytearray'> has no JSON schema"):
        parse_text(hint, "[1]")


@dataclasses.dataclass
class Whole:
    number: int


@dataclasses.dataclass
class Fraction:
    number: float


@dataclasses.dataclass
class Holder(Generic[T]):
    item: T

    def __class_getitem__(cls, item: Any) -> Any:
        return GenericAlias(cls, item)  # typing's own would take one order for the other


@dataclasses.dataclass
class Orders:
    first: Holder[Whole | Fraction]
    second: Holder[Fraction | Whole]


def test_order_of_a_union() -> None:
    """The order that was written decides, whichever was parsed earlier, though Python takes the two for equal."""
    one, other = Whole | Fraction, Fraction | Whole
    assert one == other
    for hint in (one, other, one):
        first = Whole if hint is one else Fraction
        assert type(parse_text(cast(Any, hint), '{"number": 1}')) is first
        many: Any = list[hint]  # type: ignore[valid-type] # made while it runs
        assert type(parse_text(many, '[{"number": 1}]')[0]) is first


def test_two_orders_in_one_class() -> None:
    """Each field has its own, in the schema and in what is parsed."""
    parsed = parse_text(
        Orders, '{"first": {"item": {"number": 1}}, "second": {"item": {"number": 1}}}'
    )
    assert (type(parsed.first.item), type(parsed.second.item)) == (Whole, Fraction)
    properties, defs = (schema(Orders).json[name] for name in ("properties", "$defs"))
    for name, order in (("first", ["Whole", "Fraction"]), ("second", ["Fraction", "Whole"])):
        holder = defs[properties[name]["$ref"].removeprefix("#/$defs/")]
        options = holder["properties"]["item"]["anyOf"]
        assert [option["$ref"] for option in options] == [f"#/$defs/{each}" for each in order]


def test_order_of_equal_values() -> None:
    """1 and True are equal to Python, but not in JSON: each `Literal` has its own order of them."""
    for hint, values in ((Literal[1, True], "[1, true]"), (Literal[True, 1], "[true, 1]")):
        held: Any = Holder[hint]  # type: ignore[valid-type] # made while it runs
        assert json.dumps(schema(held).json["properties"]["item"]["enum"]) == values


def test_hint_of_great_depth() -> None:
    """It is refused with a sentence, though no key can be made of it."""
    hint: Any = int
    for _ in range(3000):
        hint = list[hint]
    with pytest.raises(TypeError, match="nested too deep"):
        parse_text(hint, "[]")


@pytest.mark.parametrize("form", ["attrs", "dataclass", "pydantic", "tool"])
def test_no_growth(form: str) -> None:
    """Classes that come and go are forgotten again, and so is the source text that was made for them."""
    met: list[weakref.ref[Any]] = []
    lines = len(linecache.cache)
    for number in range(2 * MAX_REMEMBERED):
        cls, name = temporary(form, f"x{number}")
        assert getattr(parse_text(cls, f'{{"{name}": 1}}'), name) == 1
        assert schema(cls).json["required"] == [name]
        met.append(weakref.ref(cls))
        del cls
    gc.collect()
    assert sum(ref() is not None for ref in met) <= 1.2 * MAX_REMEMBERED  # typing keeps some unions
    if form != "attrs":  # attrs itself keeps the text of its methods
        assert len(linecache.cache) - lines < 20


def temporary(form: str, name: str) -> tuple[Any, str]:
    """A class that nobody will use again, and the name of its only field."""
    if form == "attrs":
        return attrs.make_class("Temporary", {name: attrs.field(type=int)}), name
    if form == "dataclass":
        return dataclasses.make_dataclass("Temporary", [(name, int)]), name
    if form == "pydantic":
        fields: Any = {name: (int, ...)}
        return pydantic.create_model("Temporary", **fields), name

    def look(x: int) -> None: ...

    return Tool(look, name=name).signature.arguments, "x"


# --- whole completions


def completion(**message: Any) -> ChatCompletion:
    """A response of one choice."""
    reason = message.pop("finish_reason", "stop")
    choice = ChatChoice(message=ChatMessage(**message), finish_reason=reason)
    response = ChatCompletion(id="c1", choices=[choice])
    received: Response = response
    received._raw = b'{"id": "c1", "unknown": 1}'
    attempts = (Attempt(started=0), Attempt(started=1))
    received.meta = made_meta(request_id="r1", attempts=attempts)
    return response


def call(arguments: str, name: str = "look") -> ToolCall:
    """A tool call."""
    return ToolCall(id="call1", function=FunctionCall(name=name, arguments=arguments))


def test_arguments_that_dont_fit() -> None:
    """The error is about the call, by the tool's own name, and not about the response."""
    response = completion(tool_calls=[call('{"lines": 1, "due": null}', "look-up")])
    with pytest.raises(AnswerError, match=r"^the arguments don't fit look-up: \$\.lines: ex"):
        parse_completion(response, None, {"look-up": Invoice})


def test_completion() -> None:
    """The text becomes the instance; everything else stays as it was."""
    response = completion(content=INVOICE, reasoning_content="Hm.")
    parsed = parse_completion(response, Invoice, {})
    message = parsed.choices[0].message
    assert message.parsed == parse_text(Invoice, INVOICE)
    assert (message.content, message.reasoning_content) == (INVOICE, "Hm.")
    assert parsed.choices[0].finish_reason == "stop"
    assert parsed.to_dict() == {"id": "c1", "unknown": 1}
    assert parsed.meta is response.meta


def test_merged_completion() -> None:
    """A response that was merged by hand has neither meta nor bytes, and needs none."""
    merged = ChatCompletion(choices=[ChatChoice(message=ChatMessage(content='{"number": 1}'))])
    assert parse_completion(merged, Numbered, {}).choices[0].message.parsed == Numbered(1)


def test_tool_calls() -> None:
    """A message that calls tools needs no text; the arguments of known tools are parsed."""
    response = completion(content=None, tool_calls=[call('{"number": 3}'), call("{}", "other")])
    message = parse_completion(response, Invoice, {"look": Numbered}).choices[0].message
    assert message.parsed is None
    assert message.tool_calls is not None
    assert [c.function.parsed_arguments for c in message.tool_calls] == [Numbered(3), None]
    assert message.tool_calls[0].id == "call1"


@pytest.mark.parametrize("arguments", ["", " ", "{}"])
def test_call_without_arguments(arguments: str) -> None:
    """Some models send nothing at all for a tool without parameters, and run_tools runs it."""

    @attrs.frozen
    class Now:
        pass

    response = completion(content=None, tool_calls=[call(arguments)])
    [parsed] = (
        parse_completion(response, Invoice, {"look": Now}).choices[0].message.tool_calls or []
    )
    assert parsed.function.parsed_arguments == Now()
    assert parsed.function.arguments == arguments


def test_call_without_the_arguments_that_it_needs() -> None:
    """What is told is what is missing."""
    response = completion(content=None, tool_calls=[call("")])
    with pytest.raises(AnswerError) as caught:
        parse_completion(response, Invoice, {"look": Numbered})
    assert caught.value.path == "$.number"


def test_text_beside_tool_calls() -> None:
    """With no class, the text is left alone."""
    response = completion(content="Let me see.", tool_calls=[call('{"number": 3}')])
    parsed: ParsedCompletion[None] = parse_completion(response, None, {"look": Numbered})
    message = parsed.choices[0].message
    assert (message.content, message.parsed) == ("Let me see.", None)


@pytest.mark.parametrize(
    "text", ["\n\n", "Let me look that up.", "<think>I need f.</think>\n\n", '{"number": "x"}']
)
def test_text_before_there_is_an_answer(text: str) -> None:
    """What is said beside calls isn't the answer yet: it stays text, and the calls are parsed."""
    response = completion(content=text, tool_calls=[call('{"number": 3}')])
    message = parse_completion(response, Numbered, {"look": Numbered}).choices[0].message
    assert (message.content, message.parsed) == (text, None)
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.parsed_arguments == Numbered(3)


def test_answer_beside_tool_calls() -> None:
    """One that fits is parsed, too."""
    response = completion(content='{"number": 4}', tool_calls=[call('{"number": 3}')])
    message = parse_completion(response, Numbered, {"look": Numbered}).choices[0].message
    assert message.parsed == Numbered(4)


@pytest.mark.parametrize(
    ("message", "reason", "text", "said"),
    [
        ({"content": "{"}, "mismatch", "{", r"doesn't fit Invoice: \$: is no JSON"),
        ({"content": None}, "mismatch", "", r"\$: is empty"),
        ({"refusal": "I won't."}, "refusal", "I won't.", r"the model declined: I won't\."),
        ({"content": "{", "finish_reason": "length"}, "length", "{", "cut at the token limit"),
        ({"finish_reason": "content_filter"}, "content_filter", "", "content filter cut"),
        ({"content": "{}", "finish_reason": "abort"}, "failed", "{}", "broke"),
        ({"tool_calls": [call('{"number": "x"}')]}, "mismatch", '{"number": "x"}', r"\$\.number"),
    ],
)
def test_failures(message: dict[str, Any], reason: AnswerFault, text: str, said: str) -> None:
    """What is wrong is told, with the raw text, the response as a whole, and the request's id."""
    response = completion(**message)
    with pytest.raises(AnswerError, match=said) as caught:
        parse_completion(response, Invoice, {"look": Numbered})
    error = caught.value
    assert (error.reason, error.text) == (reason, text)
    assert error.completion is response
    assert error.request_id == "r1"
    assert len(error.attempts) == 2


@dataclasses.dataclass
class Unhashable:
    """Has no hash."""

    value: int


@pydantic.dataclasses.dataclass(frozen=True)
class Hashable:
    """Has one."""

    value: int


@pytest.mark.parametrize(
    "item",
    [list[int], Unhashable, pydantic.RootModel[int], tuple[list[int], int], int | Unhashable,
     tuple[Unhashable, ...], dict[str, int], set[int]],
)  # fmt: skip
def test_sets_of_what_has_no_hash(item: Any) -> None:
    """A set of what can't be in one is refused before anything is sent, with the place."""
    kinds: list[Any] = [set, frozenset, MutableSet]
    for kind in kinds:
        holder = dataclasses.make_dataclass("Holder", [("items", kind[item])])
        with pytest.raises(TypeError, match=r"Holder\.items: the items of a set need a hash"):
            schema(holder)


@pytest.mark.parametrize("item", [int, tuple[str, int], frozenset[int], Hashable, int | str, Any])
def test_sets_of_what_has_a_hash(item: Any) -> None:
    """What can be in a set makes a schema."""
    assert schema(dataclasses.make_dataclass("Holder", [("items", set[item])])).json["properties"]


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^a$", "a\n", False),
        ("^a$", "a", True),
        ("a$|b", "a\n", False),
        (r"^a\$", "a$\n", True),
        (r"^[$\]]+$", "$]", True),
        ("(?m)^a$", "a\nb", True),
    ],
)
def test_the_end_of_a_pattern(pattern: str, text: str, fits: bool) -> None:
    """`$` is the end of the text, as JSON Schema has it."""
    into: Any = Annotated[str, pydantic.Field(pattern=pattern)]
    if fits:
        assert parse_text(into, json.dumps(text)) == text
    else:
        with pytest.raises(AnswerError, match="expected what matches"):
            parse_text(into, json.dumps(text))


NO_NUMBERS = ["1_0", "\uff11\uff12", "NaN", "Infinity", "1e", "", "0x1", "1e99999999999999999999"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_strings_that_are_no_number(text: str) -> None:
    """What Python reads as a decimal and JSON doesn't isn't one."""
    with pytest.raises(AnswerError, match="expected a number"):
        parse_text(Decimal, json.dumps(text))


@pytest.mark.parametrize("text", ["10", "-1.50", "+.5", "2.", "1E+3", " 7 "])
def test_strings_that_are_a_number(text: str) -> None:
    """A decimal string is fine."""
    assert parse_text(Decimal, json.dumps(text)) == Decimal(text)


def test_blocks_that_differ() -> None:
    """Nobody knows which of two code blocks is meant, where they say different things."""
    first, other = "```json\n[1]\n```\n", "No, wait:\n```json\n[2]\n```"
    with pytest.raises(AnswerError, match="several code blocks of JSON that differ"):
        parse_text(list[int], first + other)
    with pytest.raises(AnswerError, match="several code blocks of JSON that differ"):
        parse_text(list[bool | int], first + first.replace("1", "true"))
    assert parse_text(list[int], f"{first}In Python:\n```python\n[1,\n```\n```\n[ 1 ]\n```") == [1]


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nMaybe\n```json\n[0]\n```\nNo.\n</think>\n[1]",
        "<think>[0]</think>[1]",
        "Maybe [0].</think>\n```json\n[1]\n```",
        "<THINKING>[0]</THINKING> So: ```\n[1]\n```",
        "```\n[0]\n```\n</reasoning>[9]</reasoning>\n[1]",
        "<think>['</think>\n[1]",
    ],
)
def test_drafts(text: str) -> None:
    """What a model thinks before it answers isn't its answer."""
    assert parse_text(list[int], text) == [1]


@pytest.mark.parametrize(
    "text",
    [
        "<think>\n```json\n[1]\n```\n</think>",
        "<think>\n```json\n[1]\n```\n</think>\nI can't tell.",
        "\n<think>\n```json\n[1]\n```",
        "[1]</think> \n",
    ],
)
def test_drafts_without_an_answer(text: str) -> None:
    """A draft is none, not even where nothing is behind it."""
    with pytest.raises(AnswerError, match=r"\$: is no JSON: ") as caught:
        parse_text(list[int], text)
    assert caught.value.text == text


@pytest.mark.parametrize(
    "text",
    [
        '["</think>", "```", "~~~json\\n[]\\n~~~"]',
        'Here: \n```json\n["</think>", "```", "~~~json\\n[]\\n~~~"]\n```\nDone.',
        '<think>\n["</think>"]\n</think>\n["</think>", "```", "~~~json\\n[]\\n~~~"]',
        '```json\n["</think>", "```", "~~~json\\n[]\\n~~~"]```',
    ],
)
def test_strings_with_fences_and_tags(text: str) -> None:
    """What a string of the JSON says ends neither a draft nor a block."""
    assert parse_text(list[str], text) == ["</think>", "```", "~~~json\n[]\n~~~"]


def test_string_with_fences() -> None:
    """The same for a block of nothing but a string."""
    assert parse_text(str, '```json\n"a ``` b ~~~ \\" ```"\n```') == 'a ``` b ~~~ " ```'


@pytest.mark.parametrize(
    "text",
    [
        "```json\r\n[1]\r\n```",
        "\ufeff[1]",
        "\ufeff```json\n[1]\n```",
        "~~~json\n[1]\n~~~",
        "``` json\n[1]\n```",
        '```json title="b"\n[1]\n```',
        "```json [1]```",
        "Here: ```[1]``` it is.",
        "```json [\n1]\n```",
        "````JSON\n[1]\n````",
        "  ```json\n  [1]\n  ```",
        "```python\nx = [2]\n```\nthen ```json\n[1]\n```",
        "```json\n[1]\n```\nas in ```",
        "```json\n[1]",
        "[1]\n```\n",
        "[1]\n```\nAnything else?",
        "json\n[1]\n```",
        "I begin.</think>[1]~~~",
        "~~~\n[1]\n```\n~~~\n```\n[1]\n```",
        "```\nx\n```json\n[1]\n```",
        'As {"x": 1} says: \n```json\n[1]\n```\nas [1] [is], [x: [1]], [2}, [2 ```[1]``` [',
    ],
)
def test_forms_of_blocks(text: str) -> None:
    """However a model writes a code block, its JSON is found."""
    assert parse_text(list[int], text) == [1]


@pytest.mark.parametrize(
    "other",
    [
        "~~~json\n[2]\n~~~",
        "```json\r\n[2]\r\n```",
        "``` json\n[2]\n```",
        "```json title=b\n[2]\n```",
        "```json [2]```",
        "````json\n[2]\n````",
        "```json\n[2]",
        "[2]",
        "So it is [ 2 ], as asked.",
        "```\nOr [2]\n```",
        "```\n1, 2,\n[2]\n```",
    ],
)
def test_json_beside_a_block(other: str) -> None:
    """Which of two values is meant nobody knows, however and wherever the second one is written."""
    with pytest.raises(AnswerError, match=r"\$: has "):
        parse_text(list[int], f"```json\n[1]\n```\n{other}")


@pytest.mark.parametrize("other", ["Draft: [2]. Final:", "~~~\n[2]\n~~~", "```[2]```"])
def test_json_before_a_block(other: str) -> None:
    """The same before the block."""
    with pytest.raises(AnswerError, match=r"\$: has "):
        parse_text(list[int], f"{other}\n```json\n[1]\n```")


def test_block_that_says_it_is_json() -> None:
    """One that isn't may be what is meant."""
    with pytest.raises(AnswerError, match=r"\$: is no JSON: "):
        parse_text(list[int], "```json\n[1]\n```\nNo:\n```json\n[1, 2,]\n```")


@pytest.mark.usefixtures("no_collection")
def test_deep_brackets_beside_a_block() -> None:
    """What is nested too deep to be read is no other answer."""
    deep = "[" * 100_000 + "]" * 100_000
    assert parse_text(list[int], f"```json\n[1]\n```\n{deep}") == [1]


def test_objects_beside_a_block() -> None:
    """An object is as ambiguous; an array isn't, nor is anything beside a single value."""
    block = '```json\n{"name": "a"}\n```\n'
    with pytest.raises(AnswerError, match="JSON beside a code block that differs"):
        parse_text(Named, block + 'Sorry, it is {"name": "b"}.')
    assert parse_text(Named, block + 'As in [1]: {"name": "a"}').name == "a"
    assert parse_text(int, "```\n3\n``` [1] {}") == 3


def test_secrets_in_what_an_error_says() -> None:
    """A key that the model wrote is masked in what the error says, and in no traceback; the text is as it came."""
    key = "sk-0123456789abcdef"
    text = json.dumps({"value": key, key: 1})
    message = ChatMessage(content=text)
    completion = ChatCompletion(choices=[ChatChoice(message=message, finish_reason="stop")])
    for clean in (Cleaner(key), Cleaner("sk-another-key")):
        with pytest.raises(AnswerError) as caught:
            parse_completion(completion, Unhashable, {}, clean)
        error = caught.value
        shown = "".join(traceback.format_exception(error)) + repr((error.errors, error.path))
        assert (key in shown) is (key not in clean.secrets)
        assert ("[API key]" in str(error)) is (key in clean.secrets)
        assert error.text == text
