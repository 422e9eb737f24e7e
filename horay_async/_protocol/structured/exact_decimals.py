"""Decimals and integers of pydantic's classes, digit by digit. Pure.

Pydantic reads a number of JSON as a float before it makes a `Decimal` of it, and digits are lost; of a string it takes
all of them, in its strict mode too. So a fraction is written as a string where the class has a `Decimal`. It stays a
number where that could be noticed: where a function of the user's gets what was sent, and in a union in which another option
takes such a string, or one before it such a number. An integer that is written as a fraction (1.0, 1e19) is written
as an integer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from horay_async._json import Json, fields_of, is_array, is_object
from horay_async._protocol.structured.mismatch import step
from horay_async._protocol.structured.pydantic_check import (
    DECIMAL,
    DEFS,
    ENCODE,
    RAW,
    ForeignSchema,
    Leniency,
    SchemaCheck,
    item_schema,
    property_schema,
)
from horay_async._protocol.structured.values import is_integer, is_short, same


class ExactDecimals:
    """Writes the decimals of one value, in which `check` has found nothing that doesn't fit."""

    def __init__(self, form: ForeignSchema, check: SchemaCheck) -> None:
        self._form = form
        self._check = check
        self._seen: dict[tuple[int, str], Any] = {}
        """What became of a value by union and place: unions within unions would ask over and over."""

    def of(self, schema: Any, value: Any, path: str) -> Any:
        """`value` with strings for its decimals, and digits alone for its integers; the rest as it is."""
        if not is_object(schema) or RAW in schema:
            return value
        if "$ref" in schema:
            return self.of(self._form.checked_defs[schema["$ref"].removeprefix(DEFS)], value, path)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            key = (id(options), path)
            if key not in self._seen:
                self._seen[key] = self._one_of(options, value, path)
            return self._seen[key]
        if isinstance(value, Decimal):
            if DECIMAL in schema:
                return str(value)
            whole = schema.get("type") == "integer" or _is_integer_of_few(schema, value)
            return int(value) if whole and is_short(value) else value
        if is_object(value):
            return {
                name: self.of(property_schema(schema, name), entry, f"{path}{step(name)}")
                for name, entry in value.items()
            }
        if is_array(value):
            return [
                self.of(item_schema(schema, at), item, f"{path}{step(at)}")
                for at, item in enumerate(value)
            ]
        return value

    def _one_of(self, options: list[Json], value: Any, path: str) -> Any:
        """`value` as all options that it fits write it; as it is where they don't agree, or another would fit then."""
        if not _has_fraction(value):
            return value
        fits = [self._check.fits_once(option, value, path) for option in options]
        forms = [
            self.of(option, value, path) for option, fit in zip(options, fits, strict=True) if fit
        ]
        # Compared as they are written: 1 and 1.0 are equal, and not the same to `int | float`.
        if len(set(map(ENCODE, forms))) != 1:
            if any(_is_integer_of_few(option, value) for option in options):
                return int(value)
            return self._as_first(options, value, path)
        if is_integer(forms[0]):  # which pydantic takes for what is one
            return forms[0]
        then = SchemaCheck(self._form, Leniency.DECIMALS_AS_TEXT)
        for option, fit in zip(options, fits, strict=True):
            if not fit and then.fits_once(option, forms[0], path):
                return value
        return forms[0]

    def _as_first(self, options: list[Json], value: Any, path: str) -> Any:
        """`value` as the first option writes it that it fits as the schema says, where no other takes that; else as it is. Pydantic
        would take a number for a float, though a `Decimal` goes before it.
        """
        sent = SchemaCheck(self._form, Leniency.AS_SENT)
        first = next((each for each in options if sent.fits_once(each, value, path)), None)
        form = value if first is None else self.of(first, value, path)
        then = SchemaCheck(self._form, Leniency.DECIMALS_AS_TEXT)
        takes = [each for each in options if then.fits_once(each, form, path)]
        return form if takes == [first] else value


def _has_fraction(value: Any) -> bool:
    """Whether there is a number in it that isn't written as an integer."""
    if is_array(value):
        return any(map(_has_fraction, value))
    return isinstance(value, Decimal) or any(map(_has_fraction, fields_of(value).values()))


def _is_integer_of_few(schema: Json, value: Any) -> bool:
    """Whether a number is one of a few choices that are integers: pydantic would look for 1.0 among the other ones, and find `true`."""
    choices = schema.get("enum", [schema.get("const")])
    return any(type(choice) is int and same(choice, value) for choice in choices)
