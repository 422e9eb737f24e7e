"""Decimals of pydantic's classes keep each digit, and nothing else changes for these."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import attrs
import pydantic
import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WrapValidator

from horay_async import AnswerError, parse_text
from horay_async._protocol.structured.pydantic_classes import foreign_schema

NUMBERS = ["0.10", "12345678901234567.89", "9007199254740993.0", "1E+400", "5.0", "-0.00", "7"]
"""Decimals that a float holds otherwise, or not at all; and some that it does."""


def with_price(hint: Any, *, strict: bool = False) -> Any:
    """A model with one field."""
    return pydantic.create_model("X", __config__=ConfigDict(strict=strict), price=(hint, ...))


class Price(BaseModel):
    """The plainest."""

    price: Decimal


class Node(BaseModel):
    """Prices within prices."""

    price: Decimal
    rest: Node | None = None


@attrs.define
class Order:
    """A pydantic class in one of attrs."""

    item: Price
    more: list[Price]


@pydantic.dataclasses.dataclass
class Cost:
    """A dataclass of pydantic's."""

    price: Decimal


class One(BaseModel):
    """Two classes that a value can't be told apart by."""

    node: Node


class Two(One):
    """The other."""


Positive = Annotated[Decimal, Field(ge=-1)]
Key = Annotated[str, Field(pattern="^a")]

PLACES: list[tuple[Any, str, Callable[[Any], Any]]] = [
    (Price, "{}", lambda made: made.price),
    (with_price(Decimal, strict=True), "{}", lambda made: made.price),
    (with_price(Positive), "{}", lambda made: made.price),
    (with_price(Decimal | None), "{}", lambda made: made.price),
    (with_price(Decimal | list[Decimal]), "[{}]", lambda made: made.price[0]),
    (with_price(list[Decimal]), "[{}]", lambda made: made.price[0]),
    (with_price(Sequence[Decimal]), "[{}]", lambda made: made.price[0]),
    (with_price(deque[Decimal]), "[{}]", lambda made: made.price[0]),
    (with_price(tuple[str, Decimal]), '["", {}]', lambda made: made.price[1]),
    (with_price(tuple[Decimal, ...]), "[{}]", lambda made: made.price[0]),
    (with_price(dict[str, Decimal]), '{"a": {}}', lambda made: made.price["a"]),
    (with_price(Mapping[str, Decimal]), '{"a": {}}', lambda made: made.price["a"]),
    (with_price(dict[Key, Decimal]), '{"a": {}}', lambda made: made.price["a"]),
    (with_price(Price | None), '{"price": {}}', lambda made: made.price.price),
    (with_price(Price | list[Price]), '[{"price": {}}]', lambda made: made.price[0].price),
    (with_price(Cost), '{"price": {}}', lambda made: made.price.price),
    (Cost, "{}", lambda made: made.price),
    (
        with_price(One | Two),
        '{"node": {"price": 1, "rest": {"price": {}}}}',
        lambda made: made.price.node.rest.price,
    ),
    (Node, '1, "rest": {"price": {}}', lambda made: made.rest.price),
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(("into", "form", "price"), PLACES)
def test_each_digit_is_kept(into: Any, form: str, price: Callable[[Any], Any], number: str) -> None:
    """Wherever a class has a `Decimal`, as in a class of attrs."""
    text = f'{{"price": {form.replace("{}", number)}}}'
    assert str(price(parse_text(into, text))) == number


def test_each_digit_is_kept_in_other_classes() -> None:
    """In lists of them, and in fields of attrs classes."""
    text = '{"item": {"price": 0.10}, "more": [{"price": 12345678901234567.89}]}'
    order = parse_text(Order, text)
    assert [str(order.item.price), str(order.more[0].price)] == ["0.10", "12345678901234567.89"]
    assert str(parse_text(list[Price], '[{"price": 0.10}]')[0].price) == "0.10"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Decimal | float | str, 0.1),
        (float | Decimal, 0.1),
        (Decimal | str, Decimal("0.1")),
        (str | Decimal, Decimal("0.1")),
        (Decimal | Any, Decimal("0.1")),
        (float, 0.1),
        (Price | Decimal, Decimal("0.1")),
    ],
    ids=str,
)
def test_options_of_unions_are_chosen_as_before(hint: Any, expected: object) -> None:
    """A string in place of the number would have another option chosen, or pydantic chooses a float."""
    made = parse_text(with_price(hint), '{"price": 0.10}').price
    assert (type(made), made) == (type(expected), expected)


@pytest.mark.parametrize("number", ["0.10", "1.0", "0.1000000000000000000000000001", "1e400"])
@pytest.mark.parametrize("hint", [Decimal | float, Decimal | float | None, Decimal | int | float])
def test_decimal_before_float(hint: Any, number: str) -> None:
    """It has all digits, since no other option takes them as a string."""
    made = parse_text(with_price(hint), f'{{"price": {number}}}').price
    assert repr(made) == repr(Decimal(number))
    whole = parse_text(with_price(list[hint] | hint), f'{{"price": [{number}]}}').price
    assert repr(whole) == repr([Decimal(number)])


class Rounded(BaseModel):
    """A price without all digits."""

    price: float


@pytest.mark.parametrize("hint", [int | float, float | int, list[int] | list[float]], ids=str)
@pytest.mark.parametrize(
    ("number", "expected"), [("1.0", 1.0), ("2.0e0", 2.0), ("1e30", 1e30), ("1", 1)]
)
def test_integers_and_fractions_side_by_side(hint: Any, number: str, expected: float) -> None:
    """A number that is written as a fraction stays one, though it is equal to an integer."""
    in_list = "list" in str(hint)
    made = parse_text(with_price(hint), f'{{"price": {f"[{number}]" if in_list else number}}}')
    found = made.price[0] if in_list else made.price
    assert (type(found), found) == (type(expected), expected)


def test_options_of_unions_of_classes() -> None:
    """A class stays what it is where another one takes its decimals as a string, or goes before it and takes them as a number."""
    text = pydantic.create_model("Text", price=(str, ...))
    made: Any = parse_text(with_price(Price | text), '{"price": {"price": 0.10}}').price
    assert made == Price(price=Decimal("0.1"))
    hints: list[Any] = [Rounded | Price, Price | Rounded]
    for hint in hints:
        made = parse_text(with_price(hint), '{"price": {"price": 0.10}}').price
        assert type(made) is hint.__args__[0]
        assert str(made.price) == ("0.10" if type(made) is Price else "0.1")


def test_functions_of_the_users_see_numbers() -> None:
    """Those that get what was sent: of fields, of models, and of what holds these."""
    seen: list[Any] = []

    def see(value: Any) -> Any:
        seen.append(value)
        return value

    def see_around(value: Any, handler: Callable[[Any], Any]) -> Any:
        return handler(see(value))

    class Before(BaseModel):
        price: Decimal

        @pydantic.model_validator(mode="before")
        @classmethod
        def look(cls, value: Any) -> Any:
            return see(value)

    class Wrapped(Price):
        @pydantic.model_validator(mode="wrap")
        @classmethod
        def look(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
            return handler(see(value))

    for hint in (
        Annotated[Decimal, BeforeValidator(see)],
        Annotated[Decimal, WrapValidator(see_around)],
    ):
        parse_text(with_price(hint), '{"price": 0.10}')
    for into in (Before, Wrapped, list[Before]):
        text = '{"price": 0.10}'
        parse_text(into, f"[{text}]" if into == list[Before] else text)
    parse_text(
        with_price(Annotated[list[Price], BeforeValidator(see)]),
        '{"price": [{"price": 0.10}]}',
    )
    assert seen == [0.1, 0.1, *[{"price": 0.1}] * 3, [{"price": 0.1}]]


def test_functions_behind_the_parsing_see_decimals() -> None:
    """They get each digit."""
    seen: list[Any] = []

    class After(Price):
        @pydantic.field_validator("price")
        @classmethod
        def look(cls, value: Any) -> Any:
            seen.append(value)
            return value

    parse_text(After, '{"price": 0.10}')
    assert [str(value) for value in seen] == ["0.10"]


def test_parsers_of_the_class_see_numbers() -> None:
    """A model with a method of its own for JSON text gets what was sent."""
    seen: list[bytes] = []

    class Own(Price):
        @classmethod
        def model_validate_json(cls, json_data: Any, **options: Any) -> Any:
            seen.append(bytes(json_data))
            return super().model_validate_json(json_data, **options)

    parse_text(Own, '{"price": 0.10}')
    assert seen == [b'{"price":0.10}']


@pytest.mark.parametrize(
    "text", ['{"price": "0.10"}', '{"price": true}', '{"price": null}', '{"price": [0.10]}']
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """A string too, as ever."""
    with pytest.raises(AnswerError, match="expected a number"):
        parse_text(Price, text)


@pytest.mark.parametrize(("into", "_form", "_price"), PLACES)
def test_schemas_dont_tell_of_it(into: Any, _form: str, _price: object) -> None:
    """What is sent has no keywords of our own."""
    form = foreign_schema(into)
    assert "decimal" not in str([form.root, form.defs]).lower()
    assert "raw" not in str([form.root, form.defs])


def test_integers_in_unions_with_large_numbers() -> None:
    """A number beyond what decimal arithmetic divides is one that doesn't fit, and no error of that arithmetic."""
    with pytest.raises(AnswerError, match=r"\$\.price"):
        parse_text(with_price(int | Decimal), '{"price": 1e400}')


class Account(BaseModel):
    """Integers and floats."""

    number: int = 0
    other: int | None = None
    rate: float = 0.0


FRACTIONS = ["9007199254740993.0", "90071992547409930e-1", "1" * 300 + ".0", "1e19", "1.5e20"]


@pytest.mark.parametrize("digits", FRACTIONS)
def test_integers_as_fractions(digits: str) -> None:
    """An integer that is written as a fraction has all of its digits, as in our own classes."""
    account = parse_text(Account, f'{{"number": {digits}, "other": {digits}}}')
    assert account.number == account.other == int(Decimal(digits).to_integral_value())
    assert parse_text(Account, '{"number": 5.0}').number == 5


@pytest.mark.parametrize("digits", ["1e400", "-1e400", "1" * 400, "1e99999999999999999999"])
@pytest.mark.parametrize("hint", [float, float | None, Annotated[float, Field(gt=-1)]])
def test_numbers_beyond_a_float(hint: Any, digits: str) -> None:
    """They are refused, as in our own classes, and don't become infinite."""
    with pytest.raises(AnswerError, match=r"\$\.price: expected a number"):
        parse_text(with_price(hint), f'{{"price": {digits}}}')


def test_integers_that_would_fill_the_memory() -> None:
    """They are none."""
    with pytest.raises(AnswerError, match=r"\$\.number: .*valid integer"):
        parse_text(Account, '{"number": 1e999999999}')


def test_numbers_beyond_a_float_for_a_function() -> None:
    """A function of the user's gets what was sent."""
    seen: list[Any] = []

    def look(value: Any) -> Any:
        seen.append(value)
        return 1.0

    assert parse_text(with_price(Annotated[float, BeforeValidator(look)]), '{"price": 1e400}')
    assert len(seen) == 1
