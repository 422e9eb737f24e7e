"""Which option of a union a JSON value becomes. Pure.

Three questions: which options a value of this kind is tried as, in which order (a table); which classes an object can be meant as
(its tag, else its fields); and which of them it fits as the schema says, since those go first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import Any, cast
from uuid import UUID

import attrs

from horay_async._json import is_array, is_object
from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.mismatch import (
    InvalidValue,
    Mismatch,
    Mistaken,
    NestedMismatches,
    found_in,
    named,
)
from horay_async._protocol.structured.strict_fit import TRIED_BEFORE, Fit
from horay_async._protocol.structured.values import Hook, same

TRIED: dict[type[Any], tuple[tuple[Any, ...], ...]] = {
    NoneType: ((NoneType,),),
    bool: ((bool,),),
    # Whatever the order: an integer keeps all its digits as an `int`.
    int: ((int,), (float, Decimal)),
    # 1.0 is an integer too, but where a fraction may stand it was written as one.
    Decimal: ((float, Decimal), (int,)),
    # A Decimal takes a string where nothing else does.
    str: ((UUID, date, datetime, time), (str,), (Decimal,)),
    list: (),
    dict: (),
}
"""Single values that a JSON value of a kind can become: those of the first group are tried first, and those of one group in the order of the
union.
"""
CLASSES = (nodes.ClassNode, nodes.Pydantic)
"""Nodes that an object becomes before all others."""
NESTED: dict[type[Any], tuple[type[nodes.Node], ...]] = {
    list: (nodes.Array, nodes.FixedArray),
    dict: (nodes.ClassNode, nodes.Map),
}
"""Nodes that an array or an object can become."""

Option = tuple[nodes.Node, Hook, Fit]
"""An option of a union, with its hook, and the check whether a value fits its schema."""


def union_hook(node: nodes.Union, hooks: Iterable[Hook], fits: Iterable[Fit]) -> Hook:
    """The hook of a union, made of its options' hooks and of their checks."""
    options = list(zip(node.options, hooks, fits, strict=True))
    table = {kind: _tried(kind, options) for kind in TRIED}
    classes = [option for option in node.options if isinstance(option, nodes.ClassNode)]
    filled = [each for each in options if each[0].hint is not NoneType]
    expected = " or ".join(named(option.hint) for option in node.options)

    def hook(value: Any) -> Any:
        pool = table[type(value)]
        if is_object(value) and classes:
            unlikely = set(classes).difference(_meant(value, classes))
            pool = [each for each in pool if each[0] not in unlikely]
        if not pool and len(filled) == 1:
            pool = filled  # says what is wrong with its own message
        if len(pool) == 1:
            return pool[0][1](value)
        return _first(pool, value, expected)

    return hook


@attrs.frozen
class _Failed:
    """Stands for what an option didn't take."""

    mistaken: list[Mismatch]
    """What it takes, but pydantic within it would take for something else."""


def _first(pool: list[Option], value: Any, expected: str) -> Any:
    """What the first option that takes `value` makes of it, those first that it fits as the schema says."""
    # Of single values Python may have one object for all that are equal: what is made of each must not be one instance.
    tried = TRIED_BEFORE.get() if is_array(value) or is_object(value) else {}
    fitting = [option for option in pool if option[2](value)]
    for option in (*fitting, *(each for each in pool if each not in fitting)):
        hook = option[1]
        key = (hook, id(value))
        if key not in tried:
            try:
                tried[key] = hook(value)
            except Exception as error:
                if _is_too_deep(error):
                    raise
                # Classes raise whatever they like; the next may fit.
                found = found_in(error, "") if option in fitting else ()
                tried[key] = _Failed([each for each in found if isinstance(each, Mistaken)])
        made = tried[key]
        if not isinstance(made, _Failed):
            return made
        if made.mistaken:
            raise NestedMismatches(made.mistaken)
    raise InvalidValue(expected, value)


def _is_too_deep(error: Exception) -> bool:
    """Whether there was no room on the stack, which says nothing of an option."""
    if isinstance(error, ExceptionGroup):  # cattrs' errors of a class's fields
        group = cast("ExceptionGroup[Exception]", error)
        return group.subgroup(RecursionError) is not None
    return isinstance(error, RecursionError)


def _tried(kind: type[Any], options: list[Option]) -> list[Option]:
    """The options that a value of a kind is tried as, in order."""

    def rank(node: nodes.Node) -> int | None:
        if kind is dict and isinstance(node, CLASSES):
            return 0
        if isinstance(node, nodes.Enumeration):
            return -1
        if isinstance(node, nodes.Scalar):
            groups = enumerate(TRIED[kind])
            return next((place for place, group in groups if node.hint in group), None)
        if isinstance(node, NESTED.get(kind, ())):
            return 1
        if isinstance(node, nodes.Anything):
            return len(TRIED[kind]) + 2
        nested = isinstance(node, (*NESTED[list], *NESTED[dict]))
        return None if nested else len(TRIED[kind]) + 1

    ranked = [(place, each) for each in options if (place := rank(each[0])) is not None]
    return [each for _, each in sorted(ranked, key=itemgetter(0))]


def _meant(value: dict[str, Any], classes: list[nodes.ClassNode]) -> list[nodes.ClassNode]:
    """The classes that an object can be meant as: the one that its tag names, else those whose fields
    are there, else all.
    """
    tagged = [node for node in classes if _tags_agree(value, node)]
    fitting = [
        node
        for node in tagged
        if value.keys() <= {member.name for member in node.shape.members}
        and all(member.optional or member.name in value for member in node.shape.members)
    ]
    return fitting or tagged or classes


def _tags_agree(value: dict[str, Any], node: nodes.ClassNode) -> bool:
    """Whether each field of few choices has one of them, where it is there at all."""
    return all(
        any(same(literal, value[member.name]) for literal, _ in member.node.values)
        for member in node.shape.members
        if member.name in value and isinstance(member.node, nodes.Enumeration)
    )
