"""JSON values as instances of a caller's classes, by cattrs, with a path to whatever doesn't fit. Pure.

Unlike the responses' own models, which are read leniently, values must fit exactly: a number isn't a string, and an
unknown property is a mismatch. A missing property takes its default, but in a union an option that needs no default
goes first.

The tree of the hint is visited once and becomes a hook: a function from a JSON value to what it becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, cast

import attrs
import cattrs
from cattrs.gen import (
    make_dict_structure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType] - cattrs leaves a parameter bare
    override,
)

from horay_async._json import is_array, is_object
from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.hints import parse_hint, remembered
from horay_async._protocol.structured.mismatch import (
    FIELD,
    InvalidValue,
    Mismatch,
    Mismatches,
    NestedMismatches,
    found_in,
    named,
    step,
)
from horay_async._protocol.structured.pydantic_classes import pydantic_hook
from horay_async._protocol.structured.schema import check
from horay_async._protocol.structured.strict_fit import StrictFits, remembering
from horay_async._protocol.structured.unions import union_hook
from horay_async._protocol.structured.values import SCALARS, Hook, anything, enumeration_hook
from horay_async._user_code import contain


def structure_strictly(value: Any, into: Any) -> Any:
    """`value`, decoded JSON whose fractions are `Decimal`s, as an instance of `into`.

    Raises `Mismatches`, or `TypeError` where `into` can't be made of JSON at all.
    """
    hook = _hook(into)
    try:
        try:
            with remembering():
                return contain(hook, value)
        except Exception as error:
            raise Mismatches(list(found_in(error, "$"))) from error
    except RecursionError as error:
        raise Mismatches([Mismatch("$", "is nested too deep")]) from error


@remembered
def _hook(hint: Any) -> Hook:
    node = parse_hint(hint)
    check(node)
    return _Hooks().of(node)


class _Hooks:
    """Makes the hooks of a tree."""

    def __init__(self) -> None:
        self._by_class: dict[nodes.ClassShape, Hook] = {}
        """The hooks of classes: each is made once, which also ends recursions."""
        self._fits = StrictFits()

    def of(self, node: nodes.Node) -> Hook:
        """The hook of any node."""
        hook = HOOKS[type(node)](self, node)
        if not isinstance(node, nodes.Constrained) or not node.constraints:
            return hook

        def checked(value: Any) -> Any:
            result = hook(value)
            # An array has to hold them as the schema says, and so has a set, where what stands there twice is one.
            both = (result,) if isinstance(node, nodes.Scalar) else (value, result)
            for constraint in node.constraints:
                if not all(map(constraint.holds, both)):
                    raise InvalidValue(str(constraint), value)
            return result

        return checked

    def array(self, node: nodes.Array) -> Hook:
        item, into = self.of(node.item), node.into

        def hook(value: Any) -> Any:
            if not is_array(value):
                raise InvalidValue("an array", value)
            return into(_each((n, entry, item) for n, entry in enumerate(value)))

        return hook

    def fixed_array(self, node: nodes.FixedArray) -> Hook:
        hooks = [self.of(item) for item in node.items]

        def hook(value: Any) -> tuple[Any, ...]:
            if not is_array(value) or len(value) != len(hooks):
                raise InvalidValue(f"an array of {len(hooks)}", value)
            return tuple(_each(zip(range(len(hooks)), value, hooks, strict=True)))

        return hook

    def map(self, node: nodes.Map) -> Hook:
        item = self.of(node.value)

        def hook(value: Any) -> dict[str, Any]:
            if not is_object(value):
                raise InvalidValue("an object", value)
            items = _each((name, entry, item) for name, entry in value.items())
            return dict(zip(value, items, strict=True))

        return hook

    def union(self, node: nodes.Union) -> Hook:
        return union_hook(node, map(self.of, node.options), map(self._fits.of, node.options))

    def class_with_fields(self, node: nodes.ClassNode) -> Hook:
        shape = node.shape
        if shape not in self._by_class:
            fields: Hook | None = None

            def hook(value: Any) -> Any:
                if not is_object(value):
                    raise InvalidValue(f"an object ({named(shape.hint)})", value)
                return cast(Hook, fields)(value)

            self._by_class[shape] = hook
            fields = self._fields(shape)
        return self._by_class[shape]

    def _fields(self, shape: nodes.ClassShape) -> Hook:
        """cattrs' function that makes an instance of a class."""
        # cattrs needs the attributes of an attrs class. This one gets no generated methods, since attrs never frees
        # their source.
        attributes = {
            FIELD + member.name: attrs.field(
                default=None if member.optional else attrs.NOTHING, kw_only=True
            )
            for member in shape.members
        }
        shadow: Any = attrs.make_class("Shadow", attributes, init=False, repr=False, eq=False)
        hooks: dict[str, Any] = {
            FIELD + member.name: override(
                rename=member.name, struct_hook=_cattrs_form(self.of(member.node))
            )
            for member in shape.members
        }
        structure = make_dict_structure_fn_from_attrs(
            [
                field.evolve(alias=member.parameter)
                for field, member in zip(attrs.fields(shadow), shape.members, strict=True)
            ],
            shape.cls,
            _converter(),
            # Only to name the function: every field brings its hook.
            {parameter.__name__: Any for parameter in getattr(shape.cls, "__parameters__", ())},
            _cattrs_forbid_extra_keys=True,
            _cattrs_use_linecache=False,
            **hooks,
        )
        return lambda value: structure(value, shape.cls)


def _each(entries: Iterable[tuple[Any, Any, Hook]]) -> list[Any]:
    """What becomes of (step, value, hook); raises `NestedMismatches` with the mismatches of all."""
    found: list[Any] = []
    mismatches: list[Mismatch] = []
    for where, value, hook in entries:
        try:
            found.append(hook(value))
        except Exception as error:  # noqa: BLE001 - classes raise whatever they like
            mismatches += found_in(error, step(where))
    if mismatches:
        raise NestedMismatches(mismatches)
    return found


def _cattrs_form(hook: Hook) -> Callable[[Any, Any], Any]:
    return lambda value, _: hook(value)


@cache
def _converter() -> cattrs.Converter:
    """It has no hooks of its own and remembers no class."""
    return cattrs.Converter(detailed_validation=True)


HOOKS: dict[type[nodes.Node], Callable[[_Hooks, Any], Hook]] = {
    nodes.Anything: lambda _hooks, _node: anything,
    nodes.Scalar: lambda _hooks, node: SCALARS[node.hint].hook,
    nodes.Enumeration: lambda _hooks, node: enumeration_hook(node.values),
    nodes.Array: _Hooks.array,
    nodes.FixedArray: _Hooks.fixed_array,
    nodes.Map: _Hooks.map,
    nodes.Union: _Hooks.union,
    nodes.ClassNode: _Hooks.class_with_fields,
    nodes.Pydantic: lambda _hooks, node: pydantic_hook(node.hint),
}
