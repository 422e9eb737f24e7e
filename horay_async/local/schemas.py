"""JSON schemas of requests: checked, and brought into the form that the model engine gets. Pure.

Nothing of a user's schema reaches llama.cpp but through `RequestedSchema`. Left to itself it recurses over
cycles until its stack ends, takes all memory for a minimum over its maximum, and samples without
any form where its grammar can't be built.

What is refused, always by name: cycles that never reach a value, contradictions, what is too large,
references that lead nowhere, and keywords that neither the grammar nor the check of a finished
response can hold. What the grammar alone can't hold is left to that check (`checking`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from operator import itemgetter
from typing import Any, Final, TypeGuard, cast
from urllib.parse import unquote

from horay_async._json import Json, is_array, is_object

from .errors import ApiProblem
from .patterns import MAX_REPETITION, UnsupportedPattern, anchored
from .validation import refuse

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
# How many subschemas one value may have to fit at once, references followed: each level of
# {"allOf": [a, a]} doubles them.
MAX_ALTERNATIVES: Final = 2000
# Beyond this, floats skip integers; bounds as large are left to the check of the response.
_EXACT: Final = 2**53
# Where a schema has no bounds for a whole number: a small model may add digits until its tokens are spent.
_WIDEST: Final = 10**18

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_LIMITS: Final = tuple(
    (f"min{what}", f"max{what}") for what in ("Items", "Length", "Properties", "Contains")
)
_COUNTS: Final = tuple(keyword for pair in _LIMITS for keyword in pair)
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_NOTES: Final = ("title", "description", "default", "examples")
"""Keywords that describe a value to the model, and constrain nothing."""
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")
"""Arrays of schemas for the same value."""
_SCHEMAS: Final = (
    *("contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_INNER: Final = frozenset({"properties", "items", "prefixItems", "additionalProperties"})
"""Keywords for the values in a value, of which each has its schema for itself."""
_SAME_VALUE: Final = frozenset({*_IN_PLACE, "not", "if", "then", "else", "dependentSchemas"})
"""Keywords with schemas that describe the same value as the one they stand in."""
_NAMED: Final = ("properties", "$defs", "dependentSchemas")
_LISTED: Final = (*_IN_PLACE, "prefixItems")
_SINGLE: Final = (*_SCHEMAS, "items", "additionalProperties")
_KEPT: Final = frozenset(
    {*_NOTES, *_COUNTS, *_BOUNDS, *_LISTED, *_SINGLE}
    | {"properties", "dependentSchemas", "dependentRequired"}
)
"""Keywords that are translated by translating the schemas in them, if there are any."""
_UNSUPPORTED: Final = (
    *("patternProperties", "dependencies"),
    *("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"),
)
CHECKED_ONLY: Final = frozenset(_SCHEMAS) | {
    *("uniqueItems", "minContains", "maxContains", "dependentRequired", "dependentSchemas")
}
"""Keywords that the grammar doesn't hold."""
# Formats that llguidance holds; any other is an annotation, as JSON schema has it by default.
FORMATS: Final = (
    *("date", "time", "date-time", "duration"),
    *("email", "hostname", "ipv4", "ipv6", "uuid"),
)


# Names that are kept for definitions: the model reads them in tools. s0, s1 … are made up here.
_PLAIN: Final = re.compile(r"(?!s\d)[A-Za-z_]\w{0,60}", re.ASCII)


# On one line: a small model left free to write blanks writes them until its tokens are spent.
_COMPACT: Final[Json] = {
    "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
}


Place = tuple[str, ...]
"""Where a schema stands: the steps of its JSON pointer."""


@dataclass(frozen=True)
class RequestedSchema:
    """A checked schema, whose references all read `#/$defs/<name>`."""

    whole: Json
    """Everything that a value must fit."""

    def held(self) -> Json:
        """The part that a grammar holds."""
        return _held(self.whole)

    def grammar(self) -> str:
        """The grammar for llama.cpp, in the notation of llguidance, which it is built with."""
        held = _held(self.whole, bounded=True)
        return f"%llguidance {{}}\nstart: %json {json.dumps(held | _COMPACT)}"

    def tool_parameters(self) -> Json:
        """The part that llama.cpp's own grammar of tool calls takes: no booleans for schemas."""
        simple: Json = _without_booleans(self.held())
        return simple


def check(name: str, schema: object, *, levels: int = 0) -> RequestedSchema:
    """Check the schema in the request's field `name`; raises `ApiProblem` (400).

    `levels` is how many of its levels of nesting aren't the user's.
    """
    if not (isinstance(schema, bool) or is_object(schema)):
        raise refuse(name, "must be a JSON schema")
    size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_BYTES * (1 + levels):
        raise refuse(name, f"must be at most {MAX_BYTES // 1024} KiB of JSON")
    return RequestedSchema(_Translation(name, schema, MAX_DEPTH + levels).run())


class _Translation:
    """One pass over one schema."""

    def __init__(self, name: str, root: object, max_depth: int) -> None:
        self._name, self._root, self._max_depth = name, root, max_depth
        self._names: dict[Place, str] = {}
        """Names in the new `$defs`, by the place of what they stand for."""
        self._pending: list[Place] = []
        """The places of definitions that are named, and not translated yet."""
        self._defs: Json = {}

    def run(self) -> Json:
        """The translated root, with a `$defs` where there are references."""
        root = self._schema(self._root, (), 1)
        if root is False:
            raise self._refuse((), "lets nothing through")
        while self._pending:
            place = self._pending.pop()
            found = self._schema(self._resolve(place, place), place, 1)
            self._defs[self._names[place]] = found
        whole: Json = {**root, "$defs": self._defs} if self._defs else root
        self._refuse_cycles(whole)
        self._refuse_endless(whole)
        return whole

    def _refuse(self, place: Place, message: str) -> ApiProblem:
        where = f" at #{_pointer(place)}"[:200] if place else ""
        return refuse(self._name, f"{message}{where}")

    def _schema(self, schema: object, place: Place, depth: int) -> Any:
        """A translated schema: an object, or false where nothing fits."""
        if isinstance(schema, bool):
            return {} if schema else False
        if not is_object(schema):
            raise self._refuse(place, "must be an object, true or false")
        if depth > self._max_depth:
            raise self._refuse(place, f"is nested more than {MAX_DEPTH} levels deep")
        for keyword in _UNSUPPORTED:
            if keyword in schema:
                raise self._refuse(place, f"has {keyword}, which this server doesn't support")
        if "$id" in schema and place:
            raise self._refuse(place, "has an $id below its root")
        written: dict[str, str] = {}
        if is_array(schema.get("items")):  # as before 2020-12
            written = {"prefixItems": "items", "items": "additionalItems"}
            names = {"items": "prefixItems", "additionalItems": "items"}
            schema = {
                names.get(key, key): value for key, value in schema.items() if key != "prefixItems"
            }
        for keywords, expected, fits in _FORMS:
            for keyword in keywords:
                if keyword in schema and not fits(schema[keyword]):
                    raise self._refuse(place, f"has {keyword} that isn't {expected}")

        def child(one: object, keyword: str, *step: object) -> Any:
            steps = (written.get(keyword, keyword), *map(str, step))
            return self._schema(one, place + steps, depth + 1)

        out = _mapped({key: value for key, value in schema.items() if key in _KEPT}, child)
        if "$ref" in schema:
            out["$ref"] = self._reference(schema["$ref"], place)
        self._types(schema, out, place)
        self._numbers(out, place)
        self._string(schema, out, place)
        self._array(schema, out, place)
        self._object(schema, out, place)
        for keyword in ("anyOf", "oneOf"):
            if keyword in out:  # what lets nothing through is no choice
                out[keyword] = [one for one in out[keyword] if one is not False]
        # As far as its own keywords tell.
        is_empty = [] in (out.get("anyOf"), out.get("oneOf")) or False in out.get("allOf", ())
        return False if is_empty else _merged(out)

    def _types(self, schema: Json, out: Json, place: Place) -> None:
        types: list[object] = [*TYPES]
        if "type" in schema:
            types = schema["type"] if is_array(schema["type"]) else [schema["type"]]
            for one in types:
                if one not in TYPES:
                    raise self._refuse(place, f"has the unrecognized type {str(one)[:40]}")
            if not types:
                raise self._refuse(place, "has no type")
            out["type"] = types[0] if len(types) == 1 else list(dict.fromkeys(types))
        values: list[object] | None = schema.get("enum")
        if "const" in schema:
            if values is not None and schema["const"] not in values:
                raise self._refuse(place, "has a const that isn't in its enum")
            values = [schema["const"]]
        if values is not None:
            if any(_is_deep(value, MAX_DEPTH) for value in values):
                raise self._refuse(place, f"has a value nested more than {MAX_DEPTH} levels deep")
            fitting = [value for value in values if any(_is_of(value, one) for one in types)]
            if not fitting:
                raise self._refuse(place, f"has no value of its type {schema['type']!r}")
            out["enum"] = fitting

    def _numbers(self, out: Json, place: Place) -> None:
        for keyword in _COUNTS:
            if keyword in out:
                if out[keyword] > MAX_REPETITION:
                    raise self._refuse(
                        place, f"has {keyword} {out[keyword]}, over {MAX_REPETITION}"
                    )
                out[keyword] = int(out[keyword])
        for low, high in _LIMITS:
            if low in out and high in out and out[low] > out[high]:
                raise self._refuse(place, f"has {low} {out[low]} over {high} {out[high]}")
        # Of two that are equal the exclusive one counts, which comes first.
        lows = [(out[key], key) for key in ("exclusiveMinimum", "minimum") if key in out]
        highs = [(out[key], key) for key in ("exclusiveMaximum", "maximum") if key in out]
        if lows and highs:
            low, low_key = max(lows, key=itemgetter(0))
            high, high_key = min(highs, key=itemgetter(0))
            if out.get("type") == "integer":
                lowest = math.floor(low) + 1 if "exclusive" in low_key else math.ceil(low)
                highest = math.ceil(high) - 1 if "exclusive" in high_key else math.floor(high)
                nothing = lowest > highest
            else:
                nothing = low > high or (low == high and "exclusive" in low_key + high_key)
            if nothing:
                raise self._refuse(place, f"has {low_key} {low} and {high_key} {high}")

    def _string(self, schema: Json, out: Json, place: Place) -> None:
        if "pattern" in schema:
            try:
                out["pattern"] = anchored(schema["pattern"])
            except UnsupportedPattern as unsupported:
                raise self._refuse(place, f"has a pattern that {unsupported}") from None
        if schema.get("format") in FORMATS:
            out["format"] = schema["format"]

    def _array(self, schema: Json, out: Json, place: Place) -> None:
        if "uniqueItems" in schema:
            out["uniqueItems"] = schema["uniqueItems"] is True
        if False in out.get("prefixItems", ()):  # there can be no item from there on
            first = out["prefixItems"].index(False)
            out["prefixItems"], out["items"] = out["prefixItems"][:first], False
        most = len(out.get("prefixItems", ())) if out.get("items") is False else math.inf
        if out.get("minItems", 0) > most:
            raise self._refuse(
                place, f"has minItems {out['minItems']}, and no more than {most} fit"
            )

    def _object(self, schema: Json, out: Json, place: Place) -> None:
        properties: Json = out.get("properties", {})
        if "required" in schema:
            out["required"] = list(dict.fromkeys(schema["required"]))
            for name in out["required"]:
                if properties.get(name, out.get("additionalProperties")) is False:
                    raise self._refuse(place, f"requires {name[:40]!r}, which it doesn't allow")
            if len(out["required"]) > out.get("maxProperties", math.inf):
                raise self._refuse(place, "requires more than its maxProperties")

    def _reference(self, ref: object, place: Place) -> str:
        """The new reference for one of the user's."""
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            raise self._refuse(place, f"has the $ref {str(ref)[:100]!r}, which isn't within it")
        steps = (unquote(step).replace("~1", "/").replace("~0", "~") for step in ref.split("/")[1:])
        target = tuple(steps)
        self._resolve(target, place)
        if target not in self._names:
            name = target[-1] if target else "root"
            if not _PLAIN.fullmatch(name) or name in self._names.values():
                name = f"s{len(self._names)}"
            self._names[target] = name
            self._pending.append(target)
        return f"#/$defs/{self._names[target]}"

    def _resolve(self, target: Place, place: Place) -> object:
        found: object = self._root
        for key in target:
            if is_object(found) and key in found:
                found = found[key]
            elif is_array(found) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
                found = found[int(key)]
            else:
                ref = f"#{_pointer(target)[:100]}"
                raise self._refuse(place, f"has the $ref '{ref}', which leads nowhere")
        return found

    def _refuse_cycles(self, whole: Json) -> None:
        """Refuse definitions that lead to themselves without a value between."""
        sizes: dict[str, int] = {}

        def size(schema: Any, *within: str) -> int:
            """How many subschemas one value has to fit, this one included, which stands in these definitions."""
            if not is_object(schema):
                return 0
            total = 1
            if "$ref" in schema:
                name = schema["$ref"].removeprefix("#/$defs/")
                if name in within:
                    place = next(key for key, value in self._names.items() if value == name)
                    raise self._refuse(place, "refers to itself without end")
                if name not in sizes:
                    if len(within) > MAX_DEPTH:
                        raise self._refuse((), f"has more than {MAX_DEPTH} references in a row")
                    sizes[name] = size(self._defs[name], *within, name)
                total += sizes[name]
            total += sum(size(one, *within) for key, one in _parts(schema) if key in _SAME_VALUE)
            if total > MAX_ALTERNATIVES:
                raise self._refuse((), f"has more than {MAX_ALTERNATIVES} schemas for one value")
            return total

        for name, schema in {"": whole, **self._defs}.items():
            size(schema, name)

    def _refuse_endless(self, whole: Json) -> None:
        """Refuse a schema that no finite value fits, as each would have to hold another one."""
        ending: set[str] = set()

        def ends(schema: Any) -> bool:
            if not is_object(schema):
                return schema is not False
            if "enum" in schema:
                return True
            if "$ref" in schema and schema["$ref"].removeprefix("#/$defs/") not in ending:
                return False
            choices = [schema[keyword] for keyword in ("anyOf", "oneOf") if keyword in schema]
            if not all(map(ends, schema.get("allOf", ()))):
                return False
            if not all(any(map(ends, choice)) for choice in choices):
                return False
            if schema.get("type") == "object":
                members: Json = schema.get("properties", {})
                rest = schema.get("additionalProperties", True)
                return all(ends(members.get(name, rest)) for name in schema.get("required", ()))
            if schema.get("type") == "array":
                needed: int = schema.get("minItems", 0)
                first: list[Any] = schema.get("prefixItems", [])[:needed]
                rest = needed <= len(first) or ends(schema.get("items", True))
                return rest and all(map(ends, first))
            return True

        found = -1
        while found < len(ending):
            found = len(ending)
            ending.update(name for name, schema in self._defs.items() if ends(schema))
        if not ends(whole):
            raise self._refuse((), "asks for a value that contains another one without end")


def _mapped(schema: Json, change: Callable[..., Any]) -> Json:
    """A schema with what `change` makes of each schema directly in it, its keyword, and its name or place there."""
    out: Json = {}
    for key, value in schema.items():
        if key in _NAMED:
            out[key] = {name: change(one, key, name) for name, one in value.items()}
        elif key in _LISTED:
            out[key] = [change(one, key, place) for place, one in enumerate(value)]
        else:
            out[key] = change(value, key) if key in _SINGLE else value
    return out


def _parts(schema: Json) -> list[tuple[str, Any]]:
    """The schemas directly in a schema, each behind its keyword."""
    found: list[tuple[str, Any]] = []

    def add(one: Any, key: str, *_: object) -> None:
        found.append((key, one))

    _mapped(schema, add)
    return found


def _pointer(place: Place) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in place)


def _is_number(value: object) -> TypeGuard[float]:
    return _is_of(value, "number") and (isinstance(value, int) or math.isfinite(cast(Any, value)))


def _are_names(value: object) -> bool:
    return is_array(value) and all(isinstance(name, str) for name in value)


_FORMS: Final[tuple[tuple[tuple[str, ...], str, Callable[[Any], object]], ...]] = (
    (_COUNTS, "a whole number from 0", lambda value: _is_of(value, "integer") and value >= 0),
    (_BOUNDS, "a number it can use", _is_number),
    (("multipleOf",), "a number it can use", lambda value: value > 0),
    ((*_IN_PLACE, "enum"), "a non-empty array", lambda value: is_array(value) and value),
    (("prefixItems",), "an array", is_array),
    (("properties", "dependentSchemas"), "an object", is_object),
    (("required",), "an array of names", _are_names),
    (
        ("dependentRequired",),
        "arrays of names",
        lambda value: is_object(value) and all(map(_are_names, value.values())),
    ),
    (("pattern",), "a string", lambda value: isinstance(value, str)),
)
"""What keywords must be, in the order in which it is looked at."""


def _is_deep(value: object, levels: int) -> bool:
    """Whether a value is nested more than so many levels deep; looks no further than that."""
    if levels == 0:
        return True
    if is_object(value):
        return any(_is_deep(one, levels - 1) for one in value.values())
    return is_array(value) and any(_is_deep(one, levels - 1) for one in value)


def _is_of(value: object, type_: object) -> bool:
    checker = import_module("jsonschema").Draft202012Validator.TYPE_CHECKER
    return bool(checker.is_type(value, type_))


def _without_booleans(schema: Any, *_: object) -> Any:
    if not is_object(schema):
        return schema
    out = _mapped(schema, _without_booleans)
    for key in ("properties", "$defs"):
        if key in out:
            out[key] = {name: one for name, one in out[key].items() if one is not False}
    if out.get("items") is False:
        del out["items"]
        out["maxItems"] = len(out.get("prefixItems", ()))
    return out


def _merged(schema: Json) -> Json:
    """The schema with a single `allOf` written out, where no keyword stands in both."""
    parts: list[Json] = schema.get("allOf", [])
    if len(parts) != 1 or (parts[0].keys() & schema.keys()) - {*_NOTES}:
        return schema
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    return parts[0] | rest


def _own(schema: Json) -> set[str]:
    """The keywords by which a grammar holds a value."""
    return schema.keys() - {*_NOTES, "$defs", *CHECKED_ONLY}


def _bounds(schema: Json) -> Json:
    """The bounds that the grammar gives a whole number for which its schema has none."""
    types = schema.get("type")
    types = types if is_array(types) else [types]
    given = [schema[keyword] for keyword in _BOUNDS if keyword in schema]
    if "integer" not in types or "number" in types or any(abs(one) > _EXACT for one in given):
        return {}
    bounds = {"minimum": -_WIDEST, "maximum": _WIDEST}
    return {
        name: bound
        for name, bound in bounds.items()
        if not schema.keys() & {name, f"exclusive{name.capitalize()}"}
    }


def _held(whole: Json, *, bounded: bool = False) -> Json:
    """What a grammar holds of a translated schema; `bounded` has it hold whole numbers to a length.

    An object that lists its properties gets no others, where the schema leaves that open: a small
    model would invent some until its tokens are spent. Not where several schemas describe one
    object, as none of them lists all.
    """
    shared: set[str] = set()
    """The definitions that describe a value together with other schemas."""
    pending: list[tuple[Any, bool]] = [(whole, False)]
    while pending:
        schema, also = pending.pop()
        if not is_object(schema):
            continue
        several = also or len(_own(schema)) > 1
        name = schema.get("$ref", "").removeprefix("#/$defs/")
        if name and several and name not in shared:
            shared.add(name)
            pending.append((whole["$defs"][name], True))  # what it refers to in turn is shared too
        for key, one in _parts(schema):
            pending.append((one, key in _IN_PLACE and (several or key == "allOf")))

    def hold(schema: Any, *, closes: bool) -> Any:
        if not is_object(schema):
            return schema
        own = _own(schema)

        def inner(one: Any, key: str, *name: object) -> Any:
            alone = key in ("anyOf", "oneOf") and closes and len(own) == 1
            unshared = key == "$defs" and name[0] not in shared
            return hold(one, closes=key in _INNER or alone or unshared)

        out = _mapped(
            {
                key: value
                for key, value in schema.items()
                if key not in CHECKED_ONLY and not (key in _BOUNDS and abs(value) > _EXACT)
            },
            inner,
        )
        if bounded and closes and not own & {*_IN_PLACE, "$ref", "enum"}:
            out |= _bounds(schema)
        if "oneOf" in out:
            # Which one alone it is, is left to the check of the response.
            choice = {"anyOf": out.pop("oneOf")}
            out |= {"allOf": [*out.get("allOf", []), choice]} if "anyOf" in out else choice
        listed = out.get("properties", {})
        if (
            closes
            and listed
            and "additionalProperties" not in out
            and not own & {*_IN_PLACE, "$ref"}
            and set(out.get("required", ())) <= listed.keys()
            and out.get("minProperties", 0) <= len(listed)
        ):
            out["additionalProperties"] = False
        return out

    held: Json = hold(whole, closes=True)
    return held
