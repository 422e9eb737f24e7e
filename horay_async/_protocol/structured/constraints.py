"""Constraints of fields beside their types: bounds, lengths and patterns. Pure.

They are read off the attributes that annotated-types, pydantic, msgspec and attrs' validators give them, so
that none of these is imported. Each has a keyword of JSON Schema, and is checked as that says.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

import attrs

from horay_async._json import is_array

NUMBERS = (int, float, Decimal)
MAX_EXPONENT = 400
"""Of the numbers whose remainder is asked for: those beyond would fill the memory; floats end at 1e308."""


def _multiple(value: Any, bound: Any) -> bool:
    if isinstance(value, Decimal) and (
        not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT
    ):
        return False
    return Fraction(str(value)) % Fraction(str(bound)) == 0


def _exact(number: Any) -> Any:
    """A value or a bound for exact comparison: a float becomes the decimal that it is written as, since the float 0.1
    is more than the decimal 0.1.
    """
    return Decimal(str(number)) if isinstance(number, float) else number


DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


@lru_cache(maxsize=256)
def _ending(pattern: str) -> str:
    """`pattern` with JSON Schema's `$`, the end of the text: Python's stands before a last line break as well."""
    if re.compile(pattern).flags & re.MULTILINE:
        return pattern
    return DOLLAR.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


@attrs.frozen
class _Kind:
    """One kind of constraint."""

    keywords: Mapping[Any, str]
    """The keyword of JSON Schema by what is constrained."""
    holds: Callable[[Any, Any], bool]
    """Whether a value is within a bound."""
    expectation: str
    """What is asked for, with a place for the bound."""


def _bound(keyword: str, holds: Callable[[Any, Any], bool], expectation: str) -> _Kind:
    """A bound of numbers."""
    keywords = dict.fromkeys(NUMBERS, keyword)
    return _Kind(keywords, lambda value, bound: holds(_exact(value), _exact(bound)), expectation)


def _size(end: str, holds: Callable[[Any, Any], bool], expectation: str) -> _Kind:
    """A bound of lengths, the lower or the upper end."""
    keywords = {str: f"{end}Length", list: f"{end}Items", dict: f"{end}Properties"}
    return _Kind(keywords, lambda value, bound: holds(len(value), bound), expectation)


KINDS: dict[str, _Kind] = {
    "ge": _bound("minimum", operator.ge, "at least {}"),
    "gt": _bound("exclusiveMinimum", operator.gt, "more than {}"),
    "le": _bound("maximum", operator.le, "at most {}"),
    "lt": _bound("exclusiveMaximum", operator.lt, "less than {}"),
    "multiple_of": _bound("multipleOf", _multiple, "a multiple of {}"),
    "min_length": _size("min", operator.ge, "a length of at least {}"),
    "max_length": _size("max", operator.le, "a length of at most {}"),
    "pattern": _Kind(
        {str: "pattern"},
        lambda value, bound: re.search(_ending(bound), value) is not None,
        "what matches {!r}",
    ),
}
"""By the attribute that holds the bound."""

UNSPEAKABLE = (
    "func",
    "tz",
    "max_digits",
    "decimal_places",
    "strip_whitespace",
    "to_lower",
    "to_upper",
)
"""Attributes of notes for which JSON Schema has no keyword, such as annotated-types' `Predicate`."""
LIBRARIES = ("annotated_types", "msgspec", "pydantic")
"""The packages whose notes are known; what others put into `Annotated` is theirs."""


@attrs.frozen
class Constraint:
    """One constraint of a value."""

    name: str
    """Its key in `KINDS`."""
    bound: Any

    def applies_to(self, kind: Any) -> bool:
        """Whether it says something of values of this type."""
        return kind in KINDS[self.name].keywords

    def keyword(self, kind: Any) -> str:
        """JSON Schema's name for it, at a value of this type."""
        return KINDS[self.name].keywords[kind]

    def holds(self, value: Any) -> bool:
        """Whether it holds for a JSON value of a type that it applies to."""
        return KINDS[self.name].holds(value, self.bound)

    def __str__(self) -> str:
        return KINDS[self.name].expectation.format(self.bound)


def constraints_of(notes: Iterable[Any], path: str) -> tuple[Constraint, ...]:
    """The constraints among the notes of an `Annotated` at `path`.

    Raises `TypeError` for one that JSON Schema has no keyword for, for a pattern that is none, and for a bound that
    JSON Schema can't hold, such as infinity or a multiple of 0.
    """
    found: list[Constraint] = []
    for note in _flat(notes):
        known = type(note).__module__.partition(".")[0] in LIBRARIES
        for name in UNSPEAKABLE:
            if known and _asks_for(note, name):
                raise TypeError(f"{path}: {note!r} has no form in a JSON schema")
        for name in KINDS:
            bound = getattr(note, name, None)
            if bound is not None and not callable(bound):
                found.append(Constraint(name, _written(name, bound, note, path)))
    return tuple(constraint for constraint in found if constraint != Constraint("min_length", 0))


def _asks_for(note: Any, name: str) -> bool:
    """Whether a note's attribute of this name asks for anything."""
    value = getattr(note, name, None)
    if name == "tz":  # annotated-types' None and msgspec's False ask for a time without one
        return value is not None or type(note).__name__ == "Timezone"
    return value is not None and value is not False


def _flat(notes: Iterable[Any]) -> list[Any]:
    """The notes, and those that stand for several: pydantic's `Field` keeps them as `metadata`."""
    found: list[Any] = []
    for note in notes:
        more = getattr(note, "metadata", None)
        found += _flat(more) if is_array(more) else [note]
    return found


def _written(name: str, bound: Any, note: Any, path: str) -> Any:
    """A bound as JSON writes it; patterns are checked."""
    if name == "pattern":
        text = getattr(bound, "pattern", bound)
        try:
            re.compile(text)
        except (re.error, TypeError) as error:
            raise TypeError(f"{path}: {text!r} is no pattern: {error}") from error
        return text
    if not isinstance(bound, NUMBERS) or not Decimal(str(bound)).is_finite():
        raise TypeError(f"{path}: {note!r} has no form in a JSON schema")
    if name == "multiple_of" and bound <= 0:
        raise TypeError(f"{path}: {note!r}: multiple_of must be more than 0")
    return bound


OPERATORS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}


def constraints_of_validator(validator: Any) -> tuple[Constraint, ...]:
    """The constraints of an attrs validator, as far as JSON Schema can express them."""
    found: list[Constraint] = []
    # `optional` contains a validator, and lets null pass, which constraints don't concern. `not_` contains one, too,
    # and negates it.
    negated = hasattr(validator, "exc_types")
    inner = validator if negated else getattr(validator, "validator", validator)
    for each in getattr(inner, "_validators", None) or (inner,):
        operator = OPERATORS.get(getattr(each, "compare_op", ""))
        if operator and isinstance(each.bound, NUMBERS):
            found.append(Constraint(operator, each.bound))
        found += [
            Constraint(name, bound)
            for name in ("min_length", "max_length")
            if isinstance(bound := getattr(each, name, None), int)
        ]
        pattern = getattr(each, "pattern", None)
        if isinstance(pattern, re.Pattern) and pattern.flags == re.UNICODE:
            found.append(Constraint("pattern", _anchored(cast("re.Pattern[str]", pattern), each)))
    return tuple(found)


def _anchored(pattern: re.Pattern[str], validator: Any) -> str:
    """The pattern for JSON Schema, which searches; attrs matches from the start, and by default to the end."""
    how = getattr(getattr(validator, "match_func", None), "__name__", "")
    if how == "search":
        return pattern.pattern
    return f"^(?:{pattern.pattern})" + ("" if how == "match" else "$")
