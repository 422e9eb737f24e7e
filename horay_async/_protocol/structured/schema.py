"""The JSON schema of a class, in the strict form that servers constrain a model's output by. Pure.

Strict means what OpenAI's structured outputs ask for: every property is required, an optional one is a
union with null, none is added, and a class within a class is a reference into `$defs`. What that form has
no words for (`Any`, open dicts, tuples of mixed types) is still described, and the schema then isn't
called strict.
"""

from __future__ import annotations

import re
from collections import abc
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import count
from types import NoneType
from typing import Any, cast, get_args, get_origin
from uuid import UUID

import attrs

from horay_async._protocol.structured.docstrings import described
from horay_async._protocol.structured.hints import (
    is_record,
    literals,
    members,
    named,
    own_docstring,
    union,
    unwrapped,
)

__all__ = ["ARRAYS", "MAPS", "Schema", "check", "response_format", "schema"]

Json = dict[str, Any]

SCALARS: dict[Any, Json] = {
    NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    # As a number a price is what models write of their own accord; its digits are read as they stand.
    Decimal: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    UUID: {"type": "string", "format": "uuid"},
}
ARRAYS = (list, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet)
MAPS = (dict, abc.Mapping, abc.MutableMapping)
DEFS = "#/$defs/"


@attrs.frozen
class Schema:
    """The JSON schema of a class."""

    name: str
    """The class's name, in the characters that a format's name may have."""
    json: Json
    """To be taken as read-only: it is made once for each class."""
    strict: bool
    """Whether it is in the strict form."""
    description: str
    """The class's docstring up to its first section; empty where it has none."""


def schema(cls: Any) -> Schema:
    """The schema of `cls`: an attrs class, a dataclass or a pydantic model.

    Raises `TypeError`, with the path to it, for a field of a type that JSON has no form for, and for a
    union of classes that no answer could tell apart.
    """
    if not is_record(cls):
        raise TypeError(f"an attrs class, a dataclass or a pydantic model is needed; got {cls!r}")
    return _made(cls)


@lru_cache(1_000)
def _made(cls: Any) -> Schema:
    writer = _Writer()
    name = writer.define(cls, _named(cls))
    writer.check_unions()
    # The root must be an object, not a reference. It stays among the definitions where it holds itself.
    root = writer.defs[name] if name in writer.referred else writer.defs.pop(name)
    whole = {**root, "$defs": writer.defs} if writer.defs else root
    return Schema(name, whole, writer.strict, root.get("description", ""))


@lru_cache(1_000)
def check(hint: Any) -> None:
    """Raises `TypeError`, as `schema` does, where JSON has no form for `hint`."""
    writer = _Writer()
    writer.of(hint, named(hint))
    writer.check_unions()


def response_format(cls: Any) -> Json:
    """The request's `response_format` that asks for an instance of `cls`. Raises as `schema` does."""
    form = schema(cls)
    return {
        "type": "json_schema",
        "json_schema": {"name": form.name[:64], "schema": form.json, "strict": form.strict},
    }


class _Writer:
    """Writes hints as schemas and collects the definitions of classes on the way."""

    def __init__(self) -> None:
        self.defs: dict[str, Json] = {}
        self.referred: set[str] = set()
        """The definitions that others, or they themselves, refer to."""
        self.strict = True
        self._names: dict[Any, str] = {}
        self._unions: list[tuple[str, list[str]]] = []

    def define(self, hint: Any, path: str) -> str:
        """The name of the definition of a class or an enumeration, made where there is none yet."""
        if hint not in self._names:
            taken = set(self._names.values())
            name = self._names[hint] = next(n for n in _numbered(_named(hint)) if n not in taken)
            self.defs[name] = {}  # keeps the order, and the place in a recursion
            self.defs[name] = self._record(hint, path) if is_record(hint) else _enum(literals(hint))
        return self._names[hint]

    def check_unions(self) -> None:
        """Raises `TypeError` for a union of definitions of which two are the same."""
        for path, names in self._unions:
            shapes: dict[str, str] = {}
            for name in names:
                shape = str({**self.defs[name], "description": ""})
                if shapes.setdefault(shape, name) != name:
                    raise TypeError(
                        f"{path}: {shapes[shape]} and {name} look the same in JSON; give each a field "
                        'of its own, such as `kind: Literal["..."]`'
                    )

    def of(self, hint: Any, path: str, description: str | None = None) -> Json:
        """The schema of a hint that stands at `path`."""
        hint, note = unwrapped(hint)
        found = self._bare(hint, path)
        description = description or note
        if description is None:
            return found
        # Beside a reference the strict form allows nothing else.
        return {"description": description, **({"anyOf": [found]} if "$ref" in found else found)}

    def _bare(self, hint: Any, path: str) -> Json:
        if hint in SCALARS:
            return SCALARS[hint]
        if hint is Any or hint is object:
            self.strict = False
            return {}
        if options := union(hint):
            return self._union(options, path)
        if is_record(hint) or (isinstance(hint, type) and issubclass(hint, Enum)):
            name = self.define(hint, path)
            self.referred.add(name)
            return {"$ref": f"{DEFS}{name}"}
        if values := literals(hint):
            return _enum(values)
        origin = cast(Any, get_origin(hint) or hint)
        args = get_args(hint)
        if origin in ARRAYS:
            return {"type": "array", "items": self.of(args[0] if args else Any, f"{path}[]")}
        if origin is tuple:
            return self._tuple(args, path)
        if origin in MAPS:
            return self._map(args, path)
        raise TypeError(
            f"{path}: {hint!r} has no JSON schema; there is one for str, int, float, bool, None, "
            "Decimal, datetime, date, time, UUID, enumerations, Literal, unions, list, tuple, set, "
            "dict, attrs classes, dataclasses and pydantic models"
        )

    def _record(self, hint: Any, path: str) -> Json:
        properties = {
            field.name: self.of(field.hint, f"{path}.{field.name}", field.description)
            for field in members(hint)
        }
        text = described(own_docstring(get_origin(hint) or hint)).text
        return {
            **({"description": text} if text else {}),
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def _union(self, options: tuple[Any, ...], path: str) -> Json:
        branches = [self.of(option, path) for option in options]
        names = [branch["$ref"].removeprefix(DEFS) for branch in branches if "$ref" in branch]
        self._unions.append((path, names))  # checked when all definitions are there
        return {"anyOf": branches}

    def _tuple(self, args: tuple[Any, ...], path: str) -> Json:
        if len(args) == 2 and args[1] is ...:
            return {"type": "array", "items": self.of(args[0], f"{path}[]")}
        items = [self.of(arg, f"{path}[{place}]") for place, arg in enumerate(args)]
        sized: Json = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        if items and all(item == items[0] for item in items):
            return {**sized, "items": items[0]}
        self.strict = False
        return {**sized, "prefixItems": items}

    def _map(self, args: tuple[Any, ...], path: str) -> Json:
        key, value = args or (str, Any)
        if unwrapped(key)[0] is not str:
            raise TypeError(f"{path}: the keys of JSON objects are strings, not {key!r}")
        self.strict = False
        return {"type": "object", "additionalProperties": self.of(value, f"{path}{{}}")}


def _enum(values: tuple[Any, ...]) -> Json:
    kinds = {SCALARS[type(value)]["type"] for value in values}
    return {**({"type": kinds.pop()} if len(kinds) == 1 else {}), "enum": list(values)}


def _named(hint: Any) -> str:
    """The name of a class, in the characters that a format's name may have."""
    args = [getattr(arg, "__name__", str(arg)) for arg in get_args(hint)]
    return re.sub(
        r"\W+", "_", "_".join([(get_origin(hint) or hint).__name__, *args]), flags=re.ASCII
    )


def _numbered(name: str) -> Iterator[str]:
    """`name`, then others like it: two modules may each have a class of that name."""
    yield name
    yield from (f"{name}_{number}" for number in count(2))
