"""Pydantic's models and dataclasses: their own schema made strict, their own parsing. Pure.

Pydantic by itself takes what its schema forbids: "1" for a number, and properties that nobody declared. So a
value is held against the types and properties of the schema first; bounds, patterns, missing properties and
all else is pydantic's to judge. Nothing here loads pydantic before a class of its kind is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import attrs
import msgspec

from horay_async._json import is_array, is_object
from horay_async._protocol.structured.docstrings import parse_docstring
from horay_async._protocol.structured.hints import named, remembered
from horay_async._protocol.structured.mismatch import InvalidValue, Mismatch, NestedMismatches, step
from horay_async._protocol.structured.values import Hook, same

__all__ = ["DEFS", "ForeignSchema", "foreign_hook", "foreign_schema"]

Json = dict[str, Any]

DEFS = "#/$defs/"
ALSO = "also"
"""Our own keyword: names under which pydantic finds fields beside the ones that its schema tells."""
DROPPED = ("title", "default", "examples", "discriminator", "uniqueItems", ALSO)
"""Keywords that the strict form doesn't know. An array may then repeat what becomes a set: it parses all the same."""
LOOSE = ("prefixItems", "patternProperties", "propertyNames", "not", "if", "dependentRequired")
"""Keywords that it doesn't know either, but without which the schema would say something else."""


@attrs.frozen
class ForeignSchema:
    """What pydantic tells of a class."""

    root: Json
    """Its schema, strict as far as it goes."""
    defs: dict[str, Json]
    """The classes within it, by the names that references to them have."""
    strict: bool
    """Whether all of it is in the strict form."""
    by_name: bool
    """Whether fields have to be found by their names: an alias that is a path is no property."""
    checked: Json
    """The root as pydantic tells it, to check values against; so are these:"""
    checked_defs: dict[str, Json]


@remembered
def foreign_schema(hint: Any) -> ForeignSchema:
    """The schema of a pydantic class. Raises `TypeError` for what JSON has no form for."""
    told = _told(hint)
    defs: dict[str, Json] = told.pop("$defs", {})
    writer = _Strict()
    root = writer.of(told)
    strict_defs = {name: writer.of(form) for name, form in defs.items()}
    return ForeignSchema(root, strict_defs, writer.strict, _by_name(told, defs), told, defs)


def _told(hint: Any) -> Json:
    """Pydantic's own schema of `hint`."""
    import pydantic  # noqa: PLC0415 - loaded, since there is a class of it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - see above
    from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415 - see above

    class Generator(GenerateJsonSchema):
        """Numbers for decimals, since grammars can't follow the pattern of their strings; and all aliases."""

        def decimal_schema(self, schema: Any) -> Json:
            return self.float_schema(_as_float(schema))

        def _fields(self, fields: dict[str, Any], form: Json) -> Json:
            also = [
                *(path[0] for field in fields.values() for path in _paths(field)),
                *(name for name, field in fields.items() if _is_path(field)),
            ]
            return {**form, ALSO: also} if also else form

        def model_fields_schema(self, schema: Any) -> Json:
            return self._fields(schema["fields"], super().model_fields_schema(schema))

        def model_schema(self, schema: Any) -> Json:
            form: Json = super().model_schema(schema)
            config: Json = schema.get("config", {})
            if config.get("populate_by_name") or config.get("validate_by_name"):
                form[ALSO] = [*form.get(ALSO, ()), *schema["cls"].__pydantic_fields__]
            return form

        def dataclass_args_schema(self, schema: Any) -> Json:
            fields = {field["name"]: field for field in schema["fields"]}
            return self._fields(fields, super().dataclass_args_schema(schema))

    try:
        return pydantic.TypeAdapter(hint).json_schema(schema_generator=Generator)
    except (PydanticUserError, NameError) as error:
        raise TypeError(f"{_culprit(hint)} has no JSON schema: {error}") from error


def _as_float(schema: Any) -> Any:
    bounds = ("ge", "gt", "le", "lt", "multiple_of")
    return {"type": "float", **{name: schema[name] for name in bounds if name in schema}}


def _paths(field: Any) -> list[list[Any]]:
    """The aliases of a field that are paths, into properties and items, of one step or more."""
    alias = field.get("validation_alias")
    if not is_array(alias):
        return []
    several = is_array(alias[0])
    return cast("list[list[Any]]", alias if several else [alias])


def _is_path(field: Any) -> bool:
    """Whether no alias of a field is a property of its own."""
    paths = _paths(field)
    return bool(paths) and all(len(path) > 1 for path in paths)


def _culprit(hint: Any) -> str:
    """The path to the first field that has no schema by itself."""
    fields = getattr(hint, "__pydantic_fields__", {})
    bad = [name for name, field in fields.items() if not _has_schema(field.annotation)]
    return ".".join([named(hint), *bad[:1]])


def _has_schema(hint: Any) -> bool:
    import pydantic  # noqa: PLC0415 - see above

    try:
        pydantic.TypeAdapter(hint).json_schema()
    except (pydantic.errors.PydanticUserError, NameError):
        return False
    return True


def _by_name(root: Json, defs: dict[str, Json]) -> bool:
    """Whether a property of the schema is a field's name that pydantic takes for no alias."""
    return any(
        set(form.get(ALSO, ())) & form.get("properties", {}).keys()
        for form in (root, *defs.values())
    )


class _Strict:
    """Writes pydantic's schemas in the strict form."""

    def __init__(self) -> None:
        self.strict = True

    def of(self, form: Any) -> Any:
        """A schema, made strict."""
        if isinstance(form, bool):
            self.strict = False
            return form
        kept = {name: value for name, value in form.items() if name not in DROPPED}
        self.strict &= not any(keyword in kept for keyword in LOOSE)
        if "oneOf" in kept:
            kept["anyOf"] = kept.pop("oneOf")
        for keyword in ("anyOf", "prefixItems"):
            if keyword in kept:
                kept[keyword] = [self.of(each) for each in kept[keyword]]
        if "items" in kept:
            kept["items"] = self.of(kept["items"])
        if kept.get("type") == "object":
            kept = self._object(kept)
        # Beside a reference the strict form allows nothing else.
        if len(kept) > 1 and "$ref" in kept:
            kept["anyOf"] = [{"$ref": kept.pop("$ref")}]
        if not kept:
            self.strict = False
        return kept

    def _object(self, form: Json) -> Json:
        more = form.get("additionalProperties")
        if "properties" not in form:
            self.strict = False
            return {**form, "additionalProperties": self.of(True if more is None else more)}
        docs = parse_docstring(form.get("description", ""))
        properties = {name: self.of(value) for name, value in form["properties"].items()}
        for name, text in docs.arguments.items():
            if name in properties and "description" not in properties[name]:
                properties[name] = self.of({"description": text, **properties[name]})
        form.pop("description", None)
        if more:
            self.strict = False
        return {
            **({"description": docs.text} if docs.text else {}),
            **form,
            "properties": properties,
            "required": list(properties),
            "additionalProperties": self.of(more) if more else False,
        }


def foreign_hook(hint: Any) -> Hook:
    """The hook of a pydantic class."""
    form = foreign_schema(hint)
    encode = msgspec.json.Encoder(decimal_format="number").encode
    names: Json = {"by_alias": True, "by_name": True} if form.by_name else {}
    if hasattr(hint, "model_validate_json"):
        validate = hint.model_validate_json  # which a model may have its own of
    else:
        import pydantic  # noqa: PLC0415 - loaded, since there is a class of it

        validate = pydantic.TypeAdapter(hint).validate_json

    def hook(value: Any) -> Any:
        if found := list(_Check(form).of(form.checked, value, "")):
            raise NestedMismatches(found)
        try:
            return validate(encode(value), **names)
        except ValueError as error:
            details: list[Any] = getattr(error, "errors", list)()
            told = [Mismatch("".join(map(step, each["loc"])), each["msg"]) for each in details]
            raise NestedMismatches(told or [Mismatch("", str(error))]) from error

    return hook


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "null": ("null", lambda value: value is None),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "string": ("a string", lambda value: isinstance(value, str)),
    "number": (
        "a number",
        lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    ),
    "integer": (
        "an integer",
        lambda value: (
            (isinstance(value, int) and not isinstance(value, bool))
            or (isinstance(value, Decimal) and value.is_finite() and value % 1 == 0)
        ),
    ),
    "array": ("an array", is_array),
    "object": ("an object", is_object),
}
"""JSON Schema's types: as text, and what is of them."""


class _Check:
    """Holds one value against the types and properties of a schema."""

    def __init__(self, form: ForeignSchema) -> None:
        self._defs = form.checked_defs
        self._seen: dict[tuple[int, str], list[Mismatch]] = {}
        """What was found by schema and place: options of unions within unions would ask over and over."""

    def of(self, schema: Any, value: Any, path: str) -> Iterator[Mismatch]:
        """What doesn't fit."""
        if not is_object(schema):
            return
        if "$ref" in schema:
            yield from self.of(self._defs[schema["$ref"].removeprefix(DEFS)], value, path)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            yield from self._one_of(options, value, path)
        kind = schema.get("type")
        if kind is not None and not KINDS[kind][1](value):
            yield Mismatch(path, str(InvalidValue(KINDS[kind][0], value)))
            return
        choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if choices is not None and not any(same(choice, value) for choice in choices):
            allowed = msgspec.json.encode(choices).decode()
            yield Mismatch(path, str(InvalidValue(f"one of {allowed[1:-1]}", value)))
        if is_object(value):
            yield from self._object(schema, value, path)
        if is_array(value):
            first = schema.get("prefixItems", [])
            for place, item in enumerate(value):
                each = first[place] if place < len(first) else schema.get("items")
                yield from self.of(each, item, f"{path}[{place}]")

    def _object(self, schema: Json, value: Json, path: str) -> Iterator[Mismatch]:
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties", "properties" not in schema)
        for name, entry in value.items():
            there = f"{path}{step(name)}"
            if name in properties:
                yield from self.of(properties[name], entry, there)
            elif (
                more is False
                and name not in schema.get(ALSO, ())
                and "patternProperties" not in schema
            ):
                yield Mismatch(there, f"{schema.get('title', 'the object')} has no such field")
            else:
                yield from self.of(more, entry, there)

    def _one_of(self, options: list[Json], value: Any, path: str) -> Iterator[Mismatch]:
        found: list[list[Mismatch]] = []
        for option in options:
            key = (id(option), path)
            if key not in self._seen:
                self._seen[key] = list(self.of(option, value, path))
            if not self._seen[key]:
                return
            found.append(self._seen[key])
        likely = [each for each in found if each[0].path != path]
        if len(likely) == 1 or len(found) == 1:  # of the right type, at least
            yield from (likely or found)[0]
        else:
            expected = " or ".join(dict.fromkeys(self._expected(option) for option in options))
            yield Mismatch(path, str(InvalidValue(expected, value)))

    def _expected(self, option: Json) -> str:
        form = self._defs[option["$ref"].removeprefix(DEFS)] if "$ref" in option else option
        kind = form.get("type")
        return form.get("title") or (KINDS[kind][0] if kind else "something else")
