"""Whether a JSON value fits the schema that is sent. Pure.

Structuring takes more than that: a field with a default may be missing, and a `Decimal` may be a string. In a union the
option that a value fits without that goes first: a model that is held to the schema can mean no other one.

As with hooks, the tree is visited once, and becomes functions. What they can't check, such as a class's own
validator, shows when the value is structured: an option that refuses it is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, cast

from horay_async._json import is_array, is_object
from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.hints import narrowed
from horay_async._protocol.structured.mismatch import InvalidValue
from horay_async._protocol.structured.pydantic_classes import pydantic_fit
from horay_async._protocol.structured.values import SCALARS, same

Fit = Callable[[Any], bool]
"""Whether a JSON value, whose fractions are `Decimal`s, fits."""

Tried = dict[tuple[Callable[[Any], Any], int], Any]
TRIED_BEFORE: ContextVar[Tried] = ContextVar("TRIED_BEFORE")
"""What became of an array or object in an option, and whether a value fits it, by the function and the value's identity, while one document is
structured: unions within unions would otherwise try the innermost values twice as often at each level."""


@contextmanager
def remembering() -> Generator[None, None, None]:
    """Within it, what was tried is remembered."""
    token = TRIED_BEFORE.set({})
    try:
        yield
    finally:
        TRIED_BEFORE.reset(token)


class StrictFits:
    """Makes the functions of a tree."""

    def __init__(self) -> None:
        self._by_class: dict[nodes.ClassShape, Fit] = {}
        """The checks of classes: each is made once, which also ends recursions."""

    def of(self, node: nodes.Node) -> Fit:
        """The function of any node."""
        match node:
            case nodes.Anything():
                return lambda _: True
            case nodes.Scalar():
                return _scalar(node)
            case nodes.Enumeration():
                return lambda value: any(same(literal, value) for literal, _ in node.values)
            case nodes.ClassNode():
                return self._class(node.shape)
            case nodes.Pydantic():
                return _once(pydantic_fit(node.hint))
            case nodes.Array():
                return _once(self._array(node))
            case nodes.FixedArray():
                return _once(self._fixed_array(node))
            case nodes.Map():
                return _once(self._map(node))
            case _:
                return _once(self._union(cast("nodes.Union", node)))

    def _array(self, node: nodes.Array) -> Fit:
        item = self.of(node.item)
        return lambda value: is_array(value) and _hold(node, value) and all(map(item, value))

    def _fixed_array(self, node: nodes.FixedArray) -> Fit:
        items = [self.of(each) for each in node.items]
        return lambda value: (
            is_array(value)
            and len(value) == len(items)
            and all(fit(each) for fit, each in zip(items, value, strict=True))
        )

    def _map(self, node: nodes.Map) -> Fit:
        entry = self.of(node.value)
        return lambda value: (
            is_object(value) and _hold(node, value) and all(map(entry, value.values()))
        )

    def _union(self, node: nodes.Union) -> Fit:
        options = [self.of(each) for each in node.options]

        def fit(value: Any) -> bool:
            for option in options:  # noqa: SIM110 - `any` would take more of the stack, which deep values need
                if option(value):
                    return True
            return False

        return fit

    def _class(self, shape: nodes.ClassShape) -> Fit:
        if shape not in self._by_class:
            members: dict[str, Fit] = {}

            def fit(value: Any) -> bool:
                if not is_object(value) or value.keys() != members.keys():
                    return False
                for name, member in members.items():  # noqa: SIM110 - as above
                    if not member(value[name]):
                        return False
                return True

            self._by_class[shape] = _once(fit)
            for each in shape.members:
                members[each.name] = self.of(narrowed(each.node, each.constraints))
        return self._by_class[shape]


def _scalar(node: nodes.Scalar) -> Fit:
    hook = SCALARS[node.hint].hook

    def fit(value: Any) -> bool:
        if node.hint is Decimal and isinstance(value, str):
            return False
        try:
            return _hold(node, hook(value))
        except InvalidValue:
            return False

    return fit


def _hold(node: nodes.Constrained, value: Any) -> bool:
    """Whether the constraints of a node hold for a value of its type."""
    return all(each.holds(value) for each in node.constraints)


def _once(fit: Fit) -> Fit:
    """`fit`, asked once for each object and array of a document."""

    def remembered(value: Any) -> bool:
        tried, key = TRIED_BEFORE.get(), (fit, id(value))
        if key not in tried:
            tried[key] = fit(value)
        return bool(tried[key])

    return remembered
