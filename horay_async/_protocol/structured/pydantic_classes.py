"""Pydantic's models and dataclasses: their own schema made strict, their own parsing. Pure.

Pydantic by itself takes what its schema forbids: "1" for a number, and properties that nobody declared. So a
value is held against the types and properties of the schema first; bounds, patterns, missing properties and
all else is pydantic's to judge. Nothing here loads pydantic before a class of its kind is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from horay_async._json import Json, is_array, is_object
from horay_async._protocol.structured.docstrings import parse_docstring
from horay_async._protocol.structured.exact_decimals import ExactDecimals
from horay_async._protocol.structured.hints import remembered
from horay_async._protocol.structured.mismatch import Mismatch, NestedMismatches, named, step
from horay_async._protocol.structured.pydantic_check import (
    ALSO,
    CHOICE,
    DECIMAL,
    ENCODE,
    OWN,
    RAW,
    Choice,
    ForeignSchema,
    Leniency,
    SchemaCheck,
    validated,
)
from horay_async._protocol.structured.values import Hook

DROPPED = ("title", "default", "examples", "discriminator", "uniqueItems", *OWN)
"""Keywords that the strict form doesn't have. Without them an array may repeat items of a set, which parses all the
same."""
LOOSE = ("prefixItems", "patternProperties", "propertyNames", "not", "if", "dependentRequired")
"""Keywords that it doesn't have either, but without which the schema would have another meaning."""


@remembered
def foreign_schema(hint: Any) -> ForeignSchema:
    """The schema of a pydantic class. Raises `TypeError` for what JSON has no form for."""
    form, core = _pydantic_schema(hint)
    defs: dict[str, Json] = form.pop("$defs", {})
    writer = _Strict()
    by_pydantic = _is_parsed_by_pydantic(hint)
    root = writer.of(form)
    return ForeignSchema(
        root=root,
        defs={name: writer.of(each) for name, each in defs.items()},
        strict=writer.strict,
        by_name=_by_name(form, defs),
        checked=form,
        checked_defs=defs,
        attempts=_attempts([form, defs], core) if by_pydantic else ({},),
        exact=by_pydantic and _has(_is_exact, [form, defs]),
    )


def _pydantic_schema(hint: Any) -> tuple[Json, Any]:
    """Pydantic's own schema of `hint`, for JSON and of its core."""
    import pydantic  # noqa: PLC0415 - loaded, since there is a class of it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - see above
    from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415 - see above

    definitions: list[Any] = []

    class Generator(GenerateJsonSchema):
        """Numbers for decimals, since grammars can't follow the pattern of their strings; all aliases; and the options of unions."""

        def decimal_schema(self, schema: Any) -> Json:
            return {**self.float_schema(_as_float(schema)), DECIMAL: True}

        def function_before_schema(self, schema: Any) -> Json:
            return _raw(schema, super().function_before_schema(schema))

        def function_wrap_schema(self, schema: Any) -> Json:
            return _raw(schema, super().function_wrap_schema(schema))

        def union_schema(self, schema: Any) -> Json:
            form: Json = super().union_schema(schema)
            given: list[Any] = schema["choices"]
            choices: list[Any] = [each[0] if isinstance(each, tuple) else each for each in given]
            options: list[Json] = form.get("anyOf", [])
            if len(options) == len(choices):  # of those that look the same, it keeps one
                form["anyOf"] = [
                    {**option, CHOICE: Choice(choice, schema, definitions)}
                    for option, choice in zip(options, choices, strict=True)
                ]
            return form

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
        adapter = pydantic.TypeAdapter(hint)
        definitions += cast("Any", adapter.core_schema).get("definitions", ())
        return adapter.json_schema(schema_generator=Generator), adapter.core_schema
    except (PydanticUserError, NameError) as error:
        raise TypeError(f"{_culprit(hint)} has no JSON schema: {error}") from error


def _raw(schema: Any, form: Json) -> Json:
    """`form`, marked where it is a function of the user's that gets the value. Pydantic's own pass on what they get."""
    return {**form, RAW: True} if _is_own(schema) else form


def _is_own(schema: Any) -> bool:
    """Whether the function of a part of pydantic's core is the user's."""
    module: str = getattr(schema["function"]["function"], "__module__", None) or ""
    return not module.startswith("pydantic.")


def _attempts(form: Any, core: Any) -> tuple[Json, ...]:
    """The settings that a value is validated with. A union's options have to be as the schema says, or pydantic takes one that the value
    doesn't fit: a class that drops some of an object's fields in place of a dictionary, a date in place of a number. What a class that
    takes any field gets needn't be so, nor what `_is_lax` has.
    """
    if not _has(lambda each: not {"anyOf", "oneOf"}.isdisjoint(each), form):
        return ({},)
    attempts: list[Json] = [{"strict": True, "extra": "forbid"}]
    if _has(lambda each: "properties" in each and bool(each.get("additionalProperties")), form):
        attempts.append({"strict": True})
    if _has(_is_lax, core):
        attempts.append({})
    return tuple(attempts)


def _is_lax(schema: Json) -> bool:
    """Whether the strict mode may refuse what is right for a part of pydantic's core: behind a function of the user's, of a default
    that is validated, and of a type with a form of its own for each mode.
    """
    kind = schema.get("type")
    own = kind in ("function-before", "function-wrap") and _is_own(schema)
    return own or kind == "lax-or-strict" or bool(schema.get("validate_default"))


def _is_exact(form: Json) -> bool:
    """Whether it is a `Decimal`, an integer, or choices of which one is."""
    choices = form.get("enum", [form.get("const")])
    return (
        DECIMAL in form
        or form.get("type") == "integer"
        or any(type(choice) is int for choice in choices)
    )


def _has(wanted: Callable[[Json], bool], form: Any) -> bool:
    """Whether a schema within `form` is one that is wanted."""
    if is_object(form):
        return wanted(form) or any(_has(wanted, each) for each in form.values())
    if not isinstance(form, list | tuple):
        return False
    return any(_has(wanted, each) for each in cast("list[Any]", form))


def _is_parsed_by_pydantic(hint: Any) -> bool:
    """Whether JSON is parsed by pydantic's own method, and not by one that the class has in its place."""
    import pydantic  # noqa: PLC0415 - see above

    parse = getattr(hint, "model_validate_json", None)
    return getattr(parse, "__func__", None) in (
        None,
        cast("Any", pydantic.BaseModel.model_validate_json).__func__,
    )


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
    import pydantic  # noqa: PLC0415 - see above

    for name, field in getattr(hint, "__pydantic_fields__", {}).items():
        try:
            pydantic.TypeAdapter(field.annotation).json_schema()
        except (pydantic.errors.PydanticUserError, NameError):
            return f"{named(hint)}.{name}"
    return named(hint)


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
        if "patternProperties" in kept:
            patterns = kept["patternProperties"]
            kept["patternProperties"] = {name: self.of(each) for name, each in patterns.items()}
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


def pydantic_fit(hint: Any) -> Callable[[Any], bool]:
    """A check whether a value fits the schema that is sent."""
    form = foreign_schema(hint)
    return lambda value: SchemaCheck(form, Leniency.AS_SENT).fits(form.checked, value)


def pydantic_hook(hint: Any) -> Hook:
    """The hook of a pydantic class."""
    form = foreign_schema(hint)
    validate: Callable[..., Any]
    if hasattr(hint, "model_validate_json"):
        validate = hint.model_validate_json  # which a model may have its own of
    else:
        import pydantic  # noqa: PLC0415 - loaded, since there is a class of it

        validate = pydantic.TypeAdapter(hint).validate_json

    def hook(value: Any) -> Any:
        check = SchemaCheck(form)
        if found := list(check.of(form.checked, value, "")):
            raise NestedMismatches(found)
        if form.exact:
            value = ExactDecimals(form, check).of(form.checked, value, "")
        try:
            return validated(form, validate, ENCODE(value))
        except ValueError as error:
            details: list[Any] = getattr(error, "errors", list)()
            found = [Mismatch("".join(map(step, each["loc"])), each["msg"]) for each in details]
            raise NestedMismatches(found or [Mismatch("", str(error))]) from error

    return hook
