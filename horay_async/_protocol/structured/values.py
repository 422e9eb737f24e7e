"""Single JSON values as Python's types: numbers, texts, dates, and choices among a few. Pure.

Each hook takes a JSON value, whose fractions are `Decimal`s, and raises `InvalidValue` where it doesn't fit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, NamedTuple, TypeGuard
from uuid import UUID

import msgspec

from horay_async._json import Json, is_array, is_object
from horay_async._protocol.structured.mismatch import InvalidValue

Hook = Callable[[Any], Any]


def _instance(kind: type[Any], expected: str) -> Hook:
    """The hook that takes instances of a class as they are."""

    def hook(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise InvalidValue(expected, value)

    return hook


def is_number(value: Any) -> TypeGuard[int | Decimal]:
    """Whether a JSON value is a number."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_integer(value: Any) -> TypeGuard[int | Decimal]:
    """Whether a JSON value is an integer; 2.0 is one in JSON Schema's eyes."""
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return is_number(value)


def is_short(number: Decimal) -> bool:
    """Whether it can be written out: 1e999999999 would fill the memory, and floats end at 1e308."""
    return number.adjusted() <= 308


def _integer(value: Any) -> int:
    if not is_integer(value) or (isinstance(value, Decimal) and not is_short(value)):
        raise InvalidValue("an integer", value)
    return int(value)


A_FLOAT = "a number that a float can hold"


def fits_float(value: int | Decimal) -> bool:
    """Whether a number is none that a float has only infinity for."""
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _number(value: Any) -> float:
    if not is_number(value):
        raise InvalidValue("a number", value)
    if not fits_float(value):
        raise InvalidValue(A_FLOAT, value)
    return float(value)


DIGITS = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
"""A number as a string; Python reads underscores, and the digits of other scripts, too."""


def _decimal(value: Any) -> Decimal:
    """Exact; the decimal strings that some models write are fine too."""
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        raise InvalidValue("a number", value)
    if isinstance(value, str) or is_number(value):
        try:
            number = Decimal(value)
        except InvalidOperation:
            pass
        else:
            if number.is_finite():
                return number
    raise InvalidValue("a number", value)


DAY, CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?"
WRITTEN: dict[Any, tuple[str, re.Pattern[str], Callable[[str], Any], str]] = {
    date: ("date", re.compile(DAY), date.fromisoformat, "a date such as '2025-12-31'"),
    datetime: (
        "date-time",
        re.compile(f"{DAY}[Tt ]{CLOCK}"),
        datetime.fromisoformat,
        "a date and time such as '2025-12-31T23:59:59Z'",
    ),
    time: ("time", re.compile(CLOCK), time.fromisoformat, "a time such as '23:59:59'"),
    UUID: (
        "uuid",
        re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        UUID,
        "a UUID",
    ),
}
"""What JSON writes as strings: the format, its form (RFC 3339's and RFC 9562's; Python reads others too), the reader,
and what is expected, as text."""


def _written(kind: Any) -> Hook:
    _, form, read, expected = WRITTEN[kind]

    def hook(value: Any) -> Any:
        if isinstance(value, str) and form.fullmatch(value):
            try:
                return read(value.upper())
            except ValueError:
                pass  # February 30th
        raise InvalidValue(expected, value)

    return hook


class ScalarType(NamedTuple):
    """What JSON writes as a single value."""

    hook: Hook
    schema: Json


SCALARS: dict[Any, ScalarType] = {
    str: ScalarType(_instance(str, "a string"), {"type": "string"}),
    bool: ScalarType(_instance(bool, "true or false"), {"type": "boolean"}),
    NoneType: ScalarType(_instance(NoneType, "null"), {"type": "null"}),
    int: ScalarType(_integer, {"type": "integer"}),
    float: ScalarType(_number, {"type": "number"}),
    # As a number a price is what models write of their own accord; its digits are read as they stand.
    Decimal: ScalarType(_decimal, {"type": "number"}),
    **{
        kind: ScalarType(_written(kind), {"type": "string", "format": name})
        for kind, (name, *_) in WRITTEN.items()
    },
}
"""Python's types for it."""


def enumeration_hook(values: Sequence[tuple[Any, Any]]) -> Hook:
    """The hook for a `Literal` or an enumeration, from its JSON values and what becomes of each."""
    allowed = msgspec.json.encode([literal for literal, _ in values]).decode()

    def hook(value: Any) -> Any:
        for literal, result in values:
            if same(literal, value):
                return result
        raise InvalidValue(f"one of {allowed[1:-1]}", value)

    return hook


def same(literal: Any, value: Any) -> bool:
    """Whether a JSON value is this literal; 1.0 is the integer 1 in JSON Schema's eyes, 1 isn't true."""
    if isinstance(literal, bool) or isinstance(value, bool) or literal is None:
        return literal is value
    if isinstance(literal, float) and isinstance(value, Decimal):
        value = float(value)
    return bool(literal == value)


def anything(value: Any) -> Any:
    """A value as a plain decoder gives it: fractions as floats."""
    if isinstance(value, Decimal):
        return float(value)
    if is_array(value):
        return [anything(item) for item in value]
    if is_object(value):
        return {name: anything(item) for name, item in value.items()}
    return value
