"""What decoded JSON is, said so that type checkers know what is inside, which `isinstance` alone doesn't tell them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeGuard

Json = dict[str, Any]
"""A JSON object."""

SURROGATE: Final = rb"\\u[dD][89a-fA-F]"
"""The escape of half a character."""

_ESCAPE: Final = (
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|\\(?s:.)"
)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded value is a JSON array."""
    return isinstance(value, list)


def fields_of(value: object) -> dict[str, Any]:
    """The fields of a JSON object; none where it isn't one."""
    return value if is_object(value) else {}


def only_of(value: Any) -> Any:
    """What a list of one holds; anything else as it is."""
    return value[0] if is_array(value) and len(value) == 1 else value


def objects_in(value: object) -> list[Json]:
    """The objects in a list; none where it isn't one."""
    return [item for item in value if is_object(item)] if is_array(value) else []


def decimal(digits: str) -> Decimal:
    """A fraction of JSON with its digits; one that even a `Decimal` can't hold is infinite, or 0."""
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits
        return Decimal(float(digits))


def with_references(schema: Any, change: Callable[[str], str]) -> Any:
    """A JSON schema with each reference in it changed."""
    if is_array(schema):
        return [with_references(each, change) for each in schema]
    if not is_object(schema):
        return schema
    return {
        key: change(value)
        if key == "$ref" and isinstance(value, str)
        else with_references(value, change)
        for key, value in schema.items()
    }


def is_same(one: object, other: object) -> bool:
    """Whether two decoded values are the same JSON: 1 and 1.0 are, 1 and `true` aren't. However deep they are nested."""
    pairs = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if is_object(one) and is_object(other):
            if one.keys() != other.keys():
                return False
            pairs += [(value, other[name]) for name, value in one.items()]
        elif is_array(one) and is_array(other):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif one != other or isinstance(one, bool) != isinstance(other, bool):
            return False
    return True


def plain_value(value: object) -> str | int | float:
    """A text or number of a derived class, such as `numpy.str_`, as what JSON has for it. Raises `TypeError` for others."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"a value of type {type(value).__qualname__} has no JSON form")


def whole_characters(data: bytes) -> bytes:
    """`data` as it can be read again: where it is JSON with an escape of half a character, as of one that a
    gateway cut in two, that of U+FFFD stands in its place. All else stays as it was sent.
    """
    if not re.search(SURROGATE, data):
        return data
    return re.sub(_ESCAPE, lambda found: b"\\ufffd" if found[1] else found[0], data)
