"""Single JSON values as Python's types: numbers, texts, dates, and choices among a few. Pure.

Each hook takes a value and the hint it stands for, and raises `InvalidValue` where they don't agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, cast, get_args
from uuid import UUID

import msgspec

from horay_async._protocol.structured.hints import literals
from horay_async._protocol.structured.mismatch import InvalidValue

__all__ = ["SCALARS", "Hook", "anything", "chosen", "is_enum", "same"]

Hook = Callable[[Any, Any], Any]


def _text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    raise InvalidValue("a string", value)


def _boolean(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidValue("true or false", value)


def _null(value: Any, _: Any) -> None:
    if value is not None:
        raise InvalidValue("null", value)


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # 2.0 is an integer in JSON Schema's eyes. 1e999999999 would fill the memory: floats end at 1e308.
    if (
        isinstance(value, Decimal)
        and value.adjusted() <= 308
        and value == value.to_integral_value()
    ):
        return int(value)
    raise InvalidValue("an integer", value)


def _number(value: Any, _: Any) -> float:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise InvalidValue("a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise InvalidValue("a number that a float can hold", value)
    return number


def _decimal(value: Any, _: Any) -> Decimal:
    """Exact; the decimal strings that some models write are fine too."""
    if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            pass
        else:
            if number.is_finite():
                return number
    raise InvalidValue("a number", value)


DAY, CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?"
WRITTEN: dict[Any, tuple[re.Pattern[str], Callable[[str], Any], str]] = {
    date: (re.compile(DAY), date.fromisoformat, "a date such as '2025-12-31'"),
    datetime: (
        re.compile(f"{DAY}[Tt ]{CLOCK}"),
        datetime.fromisoformat,
        "a date and time such as '2025-12-31T23:59:59Z'",
    ),
    time: (re.compile(CLOCK), time.fromisoformat, "a time such as '23:59:59'"),
    UUID: (re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), UUID, "a UUID"),
}
"""What JSON writes as strings: the form (RFC 3339's and RFC 9562's; Python reads others too), the reader,
and its words."""


def _written(kind: Any) -> Hook:
    form, read, words = WRITTEN[kind]

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, str) and form.fullmatch(value):
            try:
                return read(value.upper())
            except ValueError:
                pass  # February 30th
        raise InvalidValue(words, value)

    return hook


SCALARS: dict[Any, Hook] = {
    str: _text,
    bool: _boolean,
    NoneType: _null,
    int: _integer,
    float: _number,
    Decimal: _decimal,
    **{kind: _written(kind) for kind in WRITTEN},
}


def is_enum(hint: Any) -> bool:
    """Whether `hint` is an enumeration."""
    return isinstance(hint, type) and issubclass(hint, Enum)


@lru_cache(1_000)
def chosen(hint: Any) -> Hook:
    """The hook for a `Literal` or an enumeration."""
    named = hint if is_enum(hint) else get_args(hint)
    results = list(zip(literals(hint), named, strict=True))

    def hook(value: Any, _: Any) -> Any:
        for literal, result in results:
            if same(literal, value):
                return result
        allowed = msgspec.json.encode([literal for literal, _ in results]).decode()
        raise InvalidValue(f"one of {allowed[1:-1]}", value)

    return hook


def same(literal: Any, value: Any) -> bool:
    """Whether a JSON value is this literal; 1.0 is the integer 1 in JSON Schema's eyes, 1 isn't true."""
    if isinstance(literal, bool) or isinstance(value, bool) or literal is None:
        return literal is value
    if isinstance(literal, float) and isinstance(value, Decimal):
        value = float(value)
    return bool(literal == value)


def anything(value: Any, _: Any) -> Any:
    """A value as a plain decoder gives it: fractions as floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [anything(item, None) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: anything(item, None) for name, item in cast("dict[str, Any]", value).items()}
    return value
