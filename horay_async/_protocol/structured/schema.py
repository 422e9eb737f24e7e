"""The JSON schema of a class, in the strict form that servers constrain a model's output by. Pure.

Strict means what OpenAI's structured outputs ask for: every property is required, an optional one is a
union with null, none is added, and a class within a class is a reference into `$defs`. What that form has
no keyword for (`Any`, open dicts, tuples of mixed types) is still described, and the schema then isn't
called strict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Any, get_args, get_origin

import attrs

from horay_async._json import Json, fields_of, is_array, is_object, with_references
from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.classes import has_fields
from horay_async._protocol.structured.hints import key_of, narrowed, parse_hint, remembered
from horay_async._protocol.structured.pydantic_check import DEFS
from horay_async._protocol.structured.pydantic_classes import foreign_schema
from horay_async._protocol.structured.values import SCALARS


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

    Raises `TypeError`, with the path to it, for a field of a type that JSON has no form for, and for a union of
    classes that look the same in JSON.
    """
    if not has_fields(cls):
        raise TypeError(
            f"an attrs class, a dataclass or a pydantic model is needed; got {cls!r}: {_instead(cls)}"
        )
    return _schema_of(cls)


def _instead(given: Any) -> str:
    """What to do with what isn't a class with fields."""
    if isinstance(given, Mapping):
        return "create(...) takes a response_format that is a dict"
    if isinstance(given, str):
        return "give the class itself, not its name"
    if isinstance(given, type) and (issubclass(given, Enum) or given in SCALARS):
        return "make it a field of such a class"
    if isinstance(given, type) and given.__module__ != "builtins":
        return "declare its fields in a dataclass"  # a TypedDict's, or another class's
    if has_fields(type(given)):
        return f"pass the class {type(given).__name__}, not an instance"
    return "make it a field of such a class"


@remembered
def _schema_of(cls: Any) -> Schema:
    writer = _SchemaWriter()
    name = writer.define(parse_hint(cls))
    writer.check_unions()
    # The root must be an object, not a reference. It stays among the definitions where it holds itself.
    root = writer.defs[name] if name in writer.referred else writer.defs.pop(name)
    whole = {**root, "$defs": writer.defs} if writer.defs else root
    return Schema(name, whole, writer.strict, root.get("description", ""))


def check(node: nodes.Node) -> None:
    """Raises `TypeError`, as `schema` does, where a value of `node` could be meant as one of several types."""
    writer = _SchemaWriter()
    writer.of(node)
    writer.check_unions()


def response_format(cls: Any) -> Json:
    """The request's `response_format` that asks for an instance of `cls`. Raises as `schema` does."""
    form = schema(cls)
    return {
        "type": "json_schema",
        "json_schema": {"name": form.name[:64], "schema": form.json, "strict": form.strict},
    }


class _SchemaWriter:
    """Writes trees as schemas and collects the definitions of classes on the way."""

    def __init__(self) -> None:
        self.defs: dict[str, Json] = {}
        self.referred: set[str] = set()
        """The definitions that others, or they themselves, refer to."""
        self.strict = True
        self._names: dict[Any, str] = {}
        """The definitions' names, by the key of a class, an enumeration, or a pydantic class's name and schema."""
        self._unions: list[tuple[nodes.Union, list[Json]]] = []
        """Each with the schemas of its options."""

    def define(self, node: nodes.Node) -> str:
        """The name of the definition of a class."""
        if isinstance(node, nodes.ClassNode):
            return self._define_class(node.shape)
        return self._define_foreign(node.hint)

    def of(self, node: nodes.Node) -> Json:
        """The schema of a node."""
        form = self._form(node)
        if isinstance(node, nodes.Constrained):
            bounds = {each.keyword(node.kind): _number(each.bound) for each in node.constraints}
            form = {**form, **bounds}
        return _noted(form, node.description)

    def check_unions(self) -> None:
        """Raises `TypeError` for a union of which two options look the same, and are of different definitions."""
        looks = self._looks() if self._unions else {}
        itself = {name: name for name in self.defs}
        for node, branches in self._unions:
            first: dict[Any, Json] = {}
            for branch in branches:
                other = first.setdefault(_shape(branch, looks), branch)
                if _shape(other, itself) == _shape(branch, itself):
                    continue
                one, two = (self._referred(each, looks) for each in (other, branch))
                pairs = zip(one, two, strict=False)
                pair = next((pair for pair in pairs if pair[0] != pair[1]), (one[-1], two[-1]))
                raise TypeError(
                    f"{node.path}: {' and '.join(pair)} look the same in JSON; give each a "
                    'field of its own, such as `kind: Literal["..."]`'
                )

    def _looks(self) -> dict[str, int]:
        """A number for each definition, the same for all that look the same in JSON. The definitions that they refer
        to may have other names: so all have one number at first, and then differ as long as that makes others differ.
        """
        looks = dict.fromkeys(self.defs, 0)
        while True:
            shapes = {name: _shape(form, looks) for name, form in self.defs.items()}
            numbers = {shape: at for at, shape in enumerate(dict.fromkeys(shapes.values()))}
            known = len(set(looks.values()))
            looks = {name: numbers[shape] for name, shape in shapes.items()}
            if len(numbers) == known:
                return looks

    def _referred(self, form: Json, looks: Mapping[str, int]) -> list[str]:
        """The names of the definitions that a schema refers to, in an order that those of a union within it don't change."""
        found: list[str] = []

        def note(reference: str) -> str:
            found.append(reference.removeprefix(DEFS))
            return reference

        with_references(form, note)
        return sorted(found, key=looks.__getitem__)

    def _form(self, node: nodes.Node) -> Json:
        match node:
            case nodes.Scalar():
                return SCALARS[node.hint].schema
            case nodes.Enumeration():
                return self._enumeration(node)
            case nodes.Array():
                return {"type": "array", "items": self.of(node.item)}
            case nodes.FixedArray():
                return self._fixed_array(node)
            case nodes.Map():
                self.strict = False
                return {"type": "object", "additionalProperties": self.of(node.value)}
            case nodes.Union():
                return self._union(node)
            case nodes.ClassNode() | nodes.Pydantic():
                return self._reference(self.define(node))
            case _:  # anything
                self.strict = False
                return {}

    def _enumeration(self, node: nodes.Enumeration) -> Json:
        values = [value for value, _ in node.values]
        kinds = {SCALARS[type(value)].schema["type"] for value in values}
        form: Json = {**({"type": kinds.pop()} if len(kinds) == 1 else {}), "enum": values}
        if not isinstance(node.hint, type):  # a `Literal`, which has no name
            return form
        if node.hint not in self._names:
            self.defs[self._name(node.hint, _named(node.hint))] = form
        return self._reference(self._names[node.hint])

    def _fixed_array(self, node: nodes.FixedArray) -> Json:
        items = [self.of(item) for item in node.items]
        sized: Json = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        if items and all(item == items[0] for item in items):
            return {**sized, "items": items[0]}
        self.strict = False
        return {**sized, "prefixItems": items}

    def _union(self, node: nodes.Union) -> Json:
        branches = [self.of(option) for option in node.options]
        self._unions.append((node, branches))  # checked when all definitions are there
        return {"anyOf": branches}

    def _reference(self, name: str) -> Json:
        self.referred.add(name)
        return {"$ref": f"{DEFS}{name}"}

    def _name(self, key: Any, wanted: str) -> str:
        """A new definition's name. It stands there empty, which keeps the order, and the place in a recursion."""
        taken = set(self._names.values())
        name = self._names[key] = next(name for name in _numbered(wanted) if name not in taken)
        self.defs[name] = {}
        return name

    def _define_class(self, shape: nodes.ClassShape) -> str:
        key = key_of(shape.hint)
        if key not in self._names:
            name = self._name(key, _named(shape.hint))
            properties = {member.name: self._property(member) for member in shape.members}
            self.defs[name] = {
                **({"description": shape.text} if shape.text else {}),
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
        return self._names[key]

    def _property(self, member: nodes.Member) -> Json:
        return _noted(self.of(narrowed(member.node, member.constraints)), member.description)

    def _define_foreign(self, hint: Any) -> str:
        if hint in self._names:
            return self._names[hint]
        found = foreign_schema(hint)
        self.strict = self.strict and found.strict
        # Two classes of pydantic may hold the same third one, or two of one name.
        keys = {name: (name, str(form)) for name, form in found.defs.items()}
        new = [name for name, key in keys.items() if key not in self._names]
        for name in new:
            self._name(keys[name], _clean(name))
        names = {f"{DEFS}{name}": f"{DEFS}{self._names[key]}" for name, key in keys.items()}

        def renamed(reference: str) -> str:
            return names.get(reference, reference)

        for name in new:
            self.defs[self._names[keys[name]]] = with_references(found.defs[name], renamed)
        self.referred.update(self._names[key] for key in keys.values())
        root = with_references(found.root, renamed)
        if root.keys() == {"$ref"}:  # it holds itself
            self._names[hint] = root["$ref"].removeprefix(DEFS)
        else:
            self.defs[self._name(hint, _named(hint))] = root
        return self._names[hint]


def _shape(form: Any, looks: Mapping[str, int | str]) -> Any:
    """A key that is equal for schemas that look the same in JSON: all but their descriptions, in any order. `looks`
    has the numbers of definitions.
    """
    if is_array(form):
        return frozenset(_shape(each, looks) for each in form)
    if not is_object(form):
        return isinstance(form, bool), form
    if isinstance(reference := form.get("$ref"), str):
        return looks.get(reference.removeprefix(DEFS), reference)
    kept = {name: value for name, value in form.items() if name != "description"}
    options = kept.get("anyOf")
    if is_array(options) and len(options) == len(kept) == 1:  # a reference that has a description
        return _shape(options[0], looks)
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    for name in ("properties", "patternProperties", "prefixItems"):  # by name, or in order
        if entries := kept.get(name):
            pairs = enumerate(entries) if is_array(entries) else fields_of(entries).items()
            kept[name] = [[*pair] for pair in pairs]
    return frozenset((name, _shape(value, looks)) for name, value in kept.items())


def _noted(form: Json, description: str | None) -> Json:
    """`form` with a description, which goes before one that it has."""
    if description is None:
        return form
    # Beside a reference the strict form allows nothing else.
    rest = {"anyOf": [form]} if "$ref" in form else form
    # First, whatever stood there.
    return {"description": description} | rest | {"description": description}


def _number(bound: Any) -> Any:
    """A bound as JSON has it."""
    if not isinstance(bound, Decimal):
        return bound
    return int(bound) if bound == bound.to_integral_value() else float(bound)


def _named(hint: Any) -> str:
    """The name of a class, in the characters that a format's name may have."""
    args = [getattr(arg, "__name__", str(arg)) for arg in get_args(hint)]
    return _clean("_".join([(get_origin(hint) or hint).__name__, *args]))


def _clean(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII).rstrip("_") or "_"


def _numbered(name: str) -> Iterator[str]:
    """`name`, then others like it: two modules may each have a class of that name."""
    yield name
    yield from (f"{name}_{number}" for number in count(2))
