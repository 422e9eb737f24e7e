"""Checks values against the types and properties of pydantic's schemas, and those in unions against the bounds, too.
Pure.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from enum import IntEnum
from typing import Any, cast

import attrs
import msgspec

from horay_async._json import Json, is_array, is_object
from horay_async._protocol.structured import constraints
from horay_async._protocol.structured.constraints import Constraint
from horay_async._protocol.structured.mismatch import (
    InvalidValue,
    Mismatch,
    Mistaken,
    OutOfBounds,
    step,
)
from horay_async._protocol.structured.values import (
    A_FLOAT,
    WRITTEN,
    fits_float,
    is_integer,
    is_number,
    same,
)

DEFS = "#/$defs/"
ALSO = "also"
"""Our own keyword: names under which pydantic finds fields, beside those in its schema."""
DECIMAL = "decimal"
"""Another one: whether a number becomes a `Decimal`."""
RAW = "raw"
"""Another one: whether a function of the user's gets the value as it was sent, before pydantic converts it."""
CHOICE = "choice"
"""Another one: the `Choice` of an option of a union."""
OWN = (ALSO, DECIMAL, RAW, CHOICE)
ENCODE = msgspec.json.Encoder(decimal_format="number").encode
FORMATS = {
    **{name: (form, expected) for name, form, _, expected in WRITTEN.values()},
    "duration": (re.compile(r"[-+]?P[\dYMWDTHS.,]+"), "a duration such as 'P1DT12H'"),
}
"""The pattern of a string of each format, and its name in messages. pydantic also takes seconds since 1970 for a
date, and hours that a colon ends for a duration.
"""


SECONDS = re.compile(r"[-+]?\d+(\.\d*)?")
"""The seconds since 1970 that pydantic makes a date and time of."""


@attrs.frozen
class ForeignSchema:
    """The schema that pydantic makes of a class, and how values of it are validated."""

    root: Json
    """Its schema, strict as far as it goes."""
    defs: dict[str, Json]
    """The classes within it, by the names that references to them have."""
    strict: bool
    """Whether all of it is in the strict form."""
    by_name: bool
    """Whether fields have to be found by their names: an alias that is a path is no property."""
    checked: Json
    """The root as pydantic made it, to check values against; so are these:"""
    checked_defs: dict[str, Json]
    attempts: tuple[Json, ...]
    """The settings of pydantic that a value is validated with, one after the other until it fits."""
    exact: bool
    """Whether decimals are handed to pydantic as strings, and integers with all their digits: there are some, and the
    class has no parser of its own."""


def validated(form: ForeignSchema, validate: Callable[..., Any], text: bytes) -> Any:
    """What pydantic makes of JSON. Raises its `ValueError` for what doesn't fit."""
    names: Json = {"by_alias": True, "by_name": True} if form.by_name else {}
    *first, last = form.attempts
    for settings in first:
        with suppress(ValueError):
            return validate(text, **settings, **names)
    return validate(text, **last, **names)


@attrs.define(eq=False)
class Choice:
    """An option of a union, as pydantic's core has it."""

    option: Any
    union: Any
    definitions: list[Any]
    """The classes that they refer to."""
    _validators: list[Any] = attrs.field(factory=list[Any], init=False)
    """Made when they are needed."""

    def both(self, form: ForeignSchema, text: bytes) -> tuple[Any, Any]:
        """What pydantic makes of JSON that fits the option: by the option alone, and by the union. Raises
        `ValueError` where it doesn't fit.
        """
        if not self._validators:
            from pydantic_core import SchemaValidator, core_schema  # noqa: PLC0415 - it comes with pydantic, which is loaded

            self._validators = [
                SchemaValidator(core_schema.definitions_schema(each, self.definitions))
                for each in (self.option, self.union)
            ]
        option, union = (validated(form, each.validate_json, text) for each in self._validators)
        return option, union


def _is_alike(one: Any, other: Any) -> bool:
    """Whether pydantic has made the same of a value twice. Instances are compared by their fields: private attributes
    may differ, and not all classes compare their instances.
    """
    if type(one) is not type(other):
        return False
    if is_object(one):
        return one.keys() == other.keys() and all(map(_is_alike, one.values(), other.values()))
    if issubclass(type(one), list | tuple):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if one is not other and getattr(one, "__dict__", None):
        return _is_alike(vars(one), vars(other))
    return cast("Any", type(one)).__eq__ is object.__eq__ or bool(one == other)


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "null": ("null", lambda value: value is None),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "string": ("a string", lambda value: isinstance(value, str)),
    "number": ("a number", is_number),
    "integer": ("an integer", is_integer),
    "array": ("an array", is_array),
    "object": ("an object", is_object),
}
"""JSON Schema's types: as text, and what is of them."""


PROPERTIES = {"properties", "patternProperties", "additionalProperties"}
ITEMS = {"prefixItems", "items"}
"""Keywords with schemas of what is in an object, or an array."""


def property_schema(schema: Json, name: str) -> Any:
    """The schema of an object's property; False where it has none of that name."""
    if name in schema.get("properties", {}):
        return schema["properties"][name]
    # A dictionary's values have one schema, whether its keys have a pattern or not.
    for form in schema.get("patternProperties", {}).values():
        return form
    return schema.get("additionalProperties", "properties" not in schema)


def item_schema(schema: Json, place: int) -> Any:
    """The schema of an array's item."""
    first = schema.get("prefixItems", [])
    return first[place] if place < len(first) else schema.get("items")


BOUNDED: dict[type[Any], Callable[[Any], bool]] = {
    Decimal: is_number,
    str: lambda value: isinstance(value, str),
    list: is_array,
    dict: is_object,
}
"""What has bounds, by the type that `KINDS` of constraints have them by."""
BOUNDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    each.keywords[kind]: (name, applies)
    for name, each in constraints.KINDS.items()
    for kind, applies in BOUNDED.items()
    if kind in each.keywords
}
"""The names of constraints, and the check of what has them, by the keywords of pydantic's schemas."""


def _holds(bound: Constraint, value: Any) -> bool:
    """Whether a bound holds; that of a pattern which Python can't read is pydantic's to judge."""
    try:
        return bound.holds(value)
    except re.error:
        return True


class Leniency(IntEnum):
    """Which values fit a schema; each member takes more than those before it."""

    AS_SENT = 0
    """What fits the schema that is sent: all properties, under their names in it, and within the bounds."""
    AS_GENERATED = 1
    """What fits pydantic's schema: properties may be missing, or have other names."""
    STRICT_MODE = 2
    """And what pydantic takes in its strict mode: digits for a date and time, and 1 for a `Literal` of `true`."""
    DECIMALS_AS_TEXT = 3
    """And strings for decimals, as they are handed to pydantic."""
    LENIENT_MODE = 4
    """And what pydantic may take in its lenient mode: 1 for a member of an enumeration that is `true`, and forms of dates and the like that
    the schema doesn't have.
    """


class SchemaCheck:
    """Checks one value against the types and properties of a schema."""

    def __init__(self, form: ForeignSchema, leniency: Leniency = Leniency.AS_GENERATED) -> None:
        self._form = form
        self._leniency = leniency
        self._asks_all = leniency is Leniency.AS_SENT
        """Whether bounds and missing properties count, too: without a union, those are pydantic's to judge."""
        self._defs = form.checked_defs
        self._seen: dict[tuple[int, str], list[Mismatch]] = {}
        """What was found by schema and place: options of unions within unions would ask over and over."""
        if leniency is Leniency.AS_GENERATED:  # what else is asked of an option of a union
            self._as_sent = SchemaCheck(form, Leniency.AS_SENT)
            self._strict = SchemaCheck(form, Leniency.STRICT_MODE)
            self._lenient = SchemaCheck(form, Leniency.LENIENT_MODE)

    def of(self, schema: Any, value: Any, path: str) -> Iterator[Mismatch]:
        """What doesn't fit."""
        if not is_object(schema):
            return
        if "$ref" in schema:
            yield from self.of(self._resolved(schema), value, path)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            yield from self._one_of(options, value, path)
        choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
        # Of a Literal, and of an enumeration, which has a title.
        loosest = Leniency.LENIENT_MODE if "title" in schema else Leniency.STRICT_MODE
        compares_loosely = choices is not None and self._leniency >= loosest
        is_choice = operator.eq if compares_loosely else same
        if expected := self._other_type(schema, value, any_type=compares_loosely):
            yield Mismatch(path, str(InvalidValue(expected, value)))
            return
        if isinstance(value, str) and RAW not in schema and not self._has_format(schema, value):
            yield Mismatch(path, str(InvalidValue(FORMATS[schema["format"]][1], value)))
        if choices is not None and not any(is_choice(choice, value) for choice in choices):
            allowed = msgspec.json.encode(choices).decode()
            yield Mismatch(path, str(InvalidValue(f"one of {allowed[1:-1]}", value)))
        if self._asks_all and RAW not in schema:
            yield from self._bounds(schema, value, path)
        if is_object(value) and not PROPERTIES.isdisjoint(schema):
            yield from self._object(schema, value, path)
        if is_array(value) and not ITEMS.isdisjoint(schema):
            for place, item in enumerate(value):
                yield from self.of(item_schema(schema, place), item, f"{path}{step(place)}")

    def _other_type(self, schema: Json, value: Any, *, any_type: bool) -> str:
        """The type that a schema asks for, where a value doesn't have it; empty where it does, or may have `any_type`."""
        kind = schema.get("type")
        if kind is None:
            return ""
        expected, has_type = KINDS[kind]
        if not has_type(value):
            takes_text = self._leniency >= Leniency.DECIMALS_AS_TEXT and DECIMAL in schema
            return "" if any_type or (takes_text and isinstance(value, str)) else expected
        is_float = kind == "number" and {DECIMAL, RAW}.isdisjoint(schema)
        return A_FLOAT if is_float and not fits_float(value) else ""

    def once(self, option: Json, value: Any, path: str) -> list[Mismatch]:
        """What doesn't fit an option of a union, bounds included; looked for once at each place."""
        key = (id(option), path)
        if key not in self._seen:
            # If an option doesn't take a value for its bounds, pydantic may take it for another one that the schema forbids.
            before, self._asks_all = self._asks_all, True
            try:
                self._seen[key] = list(self.of(option, value, path))
            finally:
                self._asks_all = before
        return self._seen[key]

    def fits_once(self, option: Json, value: Any, path: str) -> bool:
        """Whether an option of a union fits; looked for once at each place."""
        return self._is_likely(option, value) and not self.once(option, value, path)

    def _is_likely(self, option: Json, value: Any) -> bool:
        """Whether an option can fit, by the names of an object's properties: a quick check that rules out most
        options.
        """
        if not is_object(value):
            return True
        form = self._resolved(option)
        is_object_too = form.get("type", "object") == "object"
        return is_object_too and not any(self._is_unknown(form, name) for name in value)

    def _has_format(self, schema: Json, text: str) -> bool:
        """Whether a string has the format that a schema asks for, if it does."""
        name = schema.get("format", "")
        lenient = self._leniency is Leniency.LENIENT_MODE
        if lenient or name not in FORMATS or FORMATS[name][0].fullmatch(text):
            return True
        takes_seconds = self._leniency >= Leniency.STRICT_MODE and name == "date-time"
        return takes_seconds and SECONDS.fullmatch(text) is not None

    def _bounds(self, schema: Json, value: Any, path: str) -> Iterator[Mismatch]:
        """The bounds that don't hold, and the properties that are missing."""
        for keyword in [each for each in schema if each in BOUNDS]:
            name, applies = BOUNDS[keyword]
            bound = Constraint(name, schema[keyword])
            if applies(value) and not _holds(bound, value):
                yield OutOfBounds(path, str(InvalidValue(str(bound), value)))
        # What has other names for its fields may have them under those.
        if is_object(value) and self._leniency is not Leniency.AS_SENT and ALSO not in schema:
            for name in schema.get("required", ()):
                if name not in value:
                    yield Mismatch(f"{path}{step(name)}", "is missing")

    def _object(self, schema: Json, value: Json, path: str) -> Iterator[Mismatch]:
        for name, entry in value.items():
            there = f"{path}{step(name)}"
            if self._is_unknown(schema, name):
                yield Mismatch(there, f"{schema.get('title', 'the object')} has no such field")
            else:
                yield from self.of(property_schema(schema, name), entry, there)
        if self._leniency is Leniency.AS_SENT:
            for name in schema.get("properties", {}).keys() - value.keys():
                yield Mismatch(f"{path}{step(name)}", "is missing")

    def _is_unknown(self, schema: Json, name: str) -> bool:
        """Whether an object may have no property of that name."""
        return property_schema(schema, name) is False and (
            self._leniency is Leniency.AS_SENT or name not in schema.get(ALSO, ())
        )

    def fits(self, schema: Any, value: Any, path: str = "") -> bool:
        """Whether all fits."""
        return next(self.of(schema, value, path), None) is None

    def _one_of(self, options: list[Json], value: Any, path: str) -> Iterator[Mismatch]:
        found: list[list[Mismatch]] = []
        for place, option in enumerate(options):
            mismatches = self.once(option, value, path)
            if all(isinstance(mismatch, Mistaken) for mismatch in mismatches):  # or there are none
                yield from mismatches
                if not mismatches and self._leniency is Leniency.AS_GENERATED:
                    mistaken = self._mistaken(options[:place], option, value, path)
                    yield from mistaken or self._mistaken_form(options, value, path)
                return
            found.append(mismatches)
        likely = [
            each for each in found if each[0].path != path or isinstance(each[0], OutOfBounds)
        ]
        if len(likely) == 1 or len(found) == 1:  # of the right type, at least
            yield from (likely or found)[0]
        else:
            expected = " or ".join(dict.fromkeys(self._expected(option) for option in options))
            yield Mismatch(path, str(InvalidValue(expected, value)))

    def _mistaken(self, before: list[Json], taken: Json, value: Any, path: str) -> list[Mistaken]:
        """The mistake where pydantic would take the value for one of the options `before` the one that it fits."""
        # It prefers a Literal to a date.
        if isinstance(value, str) and not {"enum", "const"}.isdisjoint(taken):
            return []
        for option in before:
            if self._strict.fits_once(option, value, path):
                name = self._expected(option)
                return [
                    Mistaken(path, f"pydantic would take it for {name}: put that last in the union")
                ]
        return []

    def _mistaken_form(self, options: list[Json], value: Any, path: str) -> list[Mistaken]:
        """The mistake where pydantic would take the value for an option that needs defaults or lenient reading,
        though it fits another one without.
        """
        # Without settings, the class has a parser of its own.
        if value is None or not self._form.attempts[0]:
            return []
        fitting = [each for each in options if self._as_sent.fits_once(each, value, path)]
        others = (each for each in options if each not in fitting)
        if not fitting or not any(self._lenient.fits_once(each, value, path) for each in others):
            return []
        text = ENCODE(value)
        made: Any = None
        for each in fitting:
            # Where the option is no choice of pydantic's, or has bounds.
            with suppress(KeyError, ValueError):
                wanted, made = each[CHOICE].both(self._form, text)
                if _is_alike(made, wanted):
                    return []
        if made is None:
            return []
        name = self._expected(fitting[0])
        problem = (
            f"pydantic would make {made!r:.80} of it, but it fits {name} as it is: put that first in the union, "
            'or give each option a field of its own, such as `kind: Literal["..."]`'
        )
        return [Mistaken(path, problem)]

    def _resolved(self, option: Json) -> Json:
        return self._defs[option["$ref"].removeprefix(DEFS)] if "$ref" in option else option

    def _expected(self, option: Json) -> str:
        form = self._resolved(option)
        if form.get("format") in FORMATS:
            return FORMATS[form["format"]][1]
        kind = form.get("type")
        return form.get("title") or (KINDS[kind][0] if kind else "something else")
