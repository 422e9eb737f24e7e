"""The nodes of the tree that a type hint is parsed into. Pure."""

from __future__ import annotations

from typing import Any

import attrs

from horay_async._protocol.structured.constraints import Constraint


@attrs.frozen(eq=False, kw_only=True)
class Node:
    """What may stand at one place of a JSON document."""

    hint: Any
    """The hint, without what was looked through."""
    description: str | None = None
    """The first string in `Annotated[...]`, or the first description of a note there."""


@attrs.frozen(eq=False, kw_only=True)
class Anything(Node):
    """`Any` or `object`: all that JSON has."""


@attrs.frozen(eq=False, kw_only=True)
class Constrained(Node):
    """A node whose values may be constrained beside their type."""

    constraints: tuple[Constraint, ...] = ()

    @property
    def kind(self) -> Any:
        """The type under which constraints list its values."""
        return self.hint


@attrs.frozen(eq=False, kw_only=True)
class Scalar(Constrained):
    """One of `SCALARS`, which is its hint."""


@attrs.frozen(eq=False, kw_only=True)
class Enumeration(Node):
    """A `Literal` or an enumeration."""

    values: tuple[tuple[Any, Any], ...]
    """Each JSON value, and what becomes of it."""


@attrs.frozen(eq=False, kw_only=True)
class Array(Constrained):
    """Any number of items of one kind."""

    item: Node
    into: type[Any]
    """What it becomes: a list, a tuple, a set or a frozen set."""

    @property
    def kind(self) -> Any:
        return list


@attrs.frozen(eq=False, kw_only=True)
class FixedArray(Node):
    """A tuple of a given length."""

    items: tuple[Node, ...]


@attrs.frozen(eq=False, kw_only=True)
class Map(Constrained):
    """An object with any properties."""

    value: Node

    @property
    def kind(self) -> Any:
        return dict


@attrs.frozen(eq=False, kw_only=True)
class Union(Node):
    """A union; none of its options is one."""

    options: tuple[Node, ...]
    path: str
    """Where it stands, for messages."""


@attrs.frozen(eq=False, kw_only=True)
class Member:
    """One field of a class, as a property of a JSON object."""

    name: str
    """The property's name, which is the attribute's."""
    parameter: str
    """What the class's constructor calls it; attrs lets that differ."""
    node: Node
    description: str | None
    """From `metadata={"description": ...}`, else from the class's docstring."""
    constraints: tuple[Constraint, ...]
    """The constraints of an attrs class's validators, which check them."""
    optional: bool
    """Whether the class can be made without it."""


@attrs.define(eq=False, kw_only=True)
class ClassShape:
    """An attrs class or a dataclass; with its arguments, where it is generic."""

    hint: Any
    cls: type[Any]
    """The class itself."""
    text: str
    """Its docstring up to the first section."""
    members: tuple[Member, ...] = ()
    """Empty until all are parsed: they may hold the class itself."""


@attrs.frozen(eq=False, kw_only=True)
class ClassNode(Node):
    """An object with the fields of a class."""

    shape: ClassShape


@attrs.frozen(eq=False, kw_only=True)
class Pydantic(Node):
    """A pydantic model or dataclass, which is its hint."""
