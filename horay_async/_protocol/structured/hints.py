"""A type hint as a tree, parsed once; schemas and structuring visit it. Pure.

Parsing does all that hints need: aliases, `NewType`, `Annotated`, `Final` and `Self` are looked through,
type variables are filled in, unions flattened, constraints read. A class is a `ClassNode` whose `ClassShape` has its
fields; a class that holds itself is met again as the same `ClassShape`. Pydantic's classes are leaves here: they
describe and parse themselves.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable
from enum import Enum
from functools import lru_cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Self, TypeVar, Union, cast, get_args, get_origin

import attrs

from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.classes import (
    filled,
    has_fields,
    is_pydantic,
    members_of,
    own_docstring,
)
from horay_async._protocol.structured.constraints import Constraint, constraints_of
from horay_async._protocol.structured.docstrings import parse_docstring
from horay_async._protocol.structured.mismatch import named
from horay_async._protocol.structured.values import SCALARS

T = TypeVar("T")

MAX_REMEMBERED = 128
"""Most hints whose tree, schema and hook are cached; the least recently used is dropped first, so that a service
which makes a class for each request doesn't grow. Making all three again takes about a millisecond a class."""

ARRAYS = (list, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet)
SETS = (abc.Set, abc.MutableSet)
MAPS = (dict, abc.Mapping, abc.MutableMapping)
MAX_DEPTH = 100
"""Of hints within hints and classes within classes: beyond, there is an alias that holds itself."""


def remembered(make: Callable[[Any], T]) -> Callable[[Any], T]:
    """`make`, what it makes of the newest hints remembered; notes in `Annotated` needn't be hashable."""

    @lru_cache(MAX_REMEMBERED)
    def made(hint: Any, _: Any) -> T:
        return make(hint)

    @wraps(make)
    def get(hint: Any) -> T:
        try:
            key = key_of(hint)
            hash(key)
        except (TypeError, RecursionError):  # it has no hash, or is nested too deep: `make` tells
            return make(hint)
        return made(*key)

    return get


def key_of(hint: Any) -> tuple[Any, Any]:
    """What stands for `hint` in a dict. Python takes `A | B` and `B | A` for equal, and so what holds them; here their order counts."""
    return hint, _in_order(hint)


def _in_order(hint: Any) -> Any:
    """The arguments of `hint`, and theirs, in their order."""
    return tuple(map(_in_order, get_args(hint))) or (type(hint), hint)


@remembered
def parse_hint(hint: Any) -> nodes.Node:
    """The tree of `hint`. Raises `TypeError`, with the path to it, where JSON has no form for a part."""
    return _Parser().parse(hint, named(hint), None)


class _Parser:
    """Parses one hint, and the classes that it leads to."""

    def __init__(self) -> None:
        self._shapes: dict[Any, nodes.ClassShape] = {}
        """By class and arguments: each is parsed once, which also ends recursions."""
        self._depth = 0
        """Of the hint that is parsed."""

    def parse(self, hint: Any, path: str, owner: Any) -> nodes.Node:
        """The node of `hint`, which stands at `path`, in a field of the class `owner`."""
        bare, notes = _look_through(hint, path, owner)
        if self._depth > MAX_DEPTH:
            raise _endless(hint, path)
        self._depth += 1
        node = self._bare(bare, path, owner)
        self._depth -= 1
        if constraints := constraints_of(notes, path):
            node = _constrained(node, constraints, path)
        texts = (
            note if isinstance(note, str) else getattr(note, "description", None) for note in notes
        )
        description = next((text for text in texts if isinstance(text, str)), None)
        return attrs.evolve(node, description=description) if description else node

    def _bare(self, hint: Any, path: str, owner: Any) -> nodes.Node:
        if hint is Any or hint is object:
            return nodes.Anything(hint=hint)
        if isinstance(hint, type) and hint in SCALARS:
            return nodes.Scalar(hint=hint)
        if is_pydantic(hint):
            return nodes.Pydantic(hint=hint)
        if has_fields(hint):
            return nodes.ClassNode(hint=hint, shape=self._shape(hint, path))
        if get_origin(hint) in (Union, UnionType):
            return self._union(hint, path, owner)
        if get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
            return nodes.Enumeration(hint=hint, values=_values(hint, path))
        origin, args = cast(Any, get_origin(hint) or hint), get_args(hint)
        if origin in ARRAYS:
            item = self.parse(args[0] if args else Any, f"{path}[]", owner)
            into = origin if origin in (set, frozenset) else set if origin in SETS else list
            if into is not list and not _is_hashable(item):
                raise TypeError(
                    f"{path}: the items of a set need a hash, which {named(item.hint)} has none of: make it a list"
                )
            return nodes.Array(hint=hint, item=item, into=into)
        if origin is tuple:
            return self._tuple(hint, path, owner)
        if origin in MAPS:
            key, value = args or (str, Any)
            bare, notes = _look_through(key, path, owner)
            if bare is not str:
                raise TypeError(f"{path}: the keys of JSON objects are strings, not {key!r}")
            if constraints_of(notes, path):
                raise TypeError(
                    f"{path}: {key!r} can't be asked of keys: constrain the values, or check the keys yourself"
                )
            return nodes.Map(hint=hint, value=self.parse(value, f"{path}{{}}", owner))
        raise TypeError(
            f"{path}: {hint!r} has no JSON schema; there is one for str, int, float, bool, None, "
            "Decimal, datetime, date, time, UUID, enumerations, Literal, unions, list, tuple, set, "
            "dict, attrs classes, dataclasses and pydantic models"
        )

    def _union(self, hint: Any, path: str, owner: Any) -> nodes.Node:
        options: list[nodes.Node] = []
        for arg in get_args(hint):
            node = self.parse(arg, path, owner)
            options += node.options if isinstance(node, nodes.Union) else (node,)
        return nodes.Union(hint=hint, options=tuple(options), path=path)

    def _tuple(self, hint: Any, path: str, owner: Any) -> nodes.Node:
        args = get_args(hint)
        if hint is tuple or hint == tuple[Any, ...] or (len(args) == 2 and args[1] is ...):
            item = self.parse(args[0] if args else Any, f"{path}[]", owner)
            return nodes.Array(hint=hint, item=item, into=tuple)
        items = (self.parse(arg, f"{path}[{n}]", owner) for n, arg in enumerate(args))
        return nodes.FixedArray(hint=hint, items=tuple(items))

    def _shape(self, hint: Any, path: str) -> nodes.ClassShape:
        key = key_of(hint)
        if key in self._shapes:
            return self._shapes[key]
        cls: type[Any] = get_origin(hint) or hint
        if not cls.__name__.isidentifier():
            raise TypeError(
                f"{path}: a class needs a name that Python can read, not {cls.__name__!r}"
            )
        docs = parse_docstring(own_docstring(cls))
        shape = self._shapes[key] = nodes.ClassShape(hint=hint, cls=cls, text=docs.text)

        def parse(name: str, of: Any) -> nodes.Node:
            return self.parse(of, f"{path}.{name}", hint)

        shape.members = tuple(members_of(hint, docs.arguments, parse))
        return shape


def _is_hashable(node: nodes.Node) -> bool:
    """Whether what becomes of a node can be in a set; of classes with a hash it is taken for granted."""
    match node:
        case nodes.Array():
            return node.into in (tuple, frozenset) and _is_hashable(node.item)
        case nodes.FixedArray():
            return all(map(_is_hashable, node.items))
        case nodes.Union():
            return all(map(_is_hashable, node.options))
        case nodes.ClassNode():
            return node.shape.cls.__hash__ is not None
        case nodes.Pydantic():
            return getattr(get_origin(node.hint) or node.hint, "__hash__", None) is not None
        case _:
            return not isinstance(node, nodes.Map)


def admits_null(hint: Any) -> bool:
    """Whether `hint` is None, or a union with it."""
    bare, _ = _look_through(hint, named(hint), None)
    if get_origin(bare) in (Union, UnionType):
        return any(admits_null(arg) for arg in get_args(bare))
    return bare is NoneType


def _look_through(hint: Any, path: str, owner: Any) -> tuple[Any, list[Any]]:
    """The hint behind `Annotated`, `Final`, `InitVar`, `Self`, `NewType` and aliases, and the notes on the way."""
    notes: list[Any] = []
    for _ in range(MAX_DEPTH):
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *more = get_args(hint)
            notes += more
        elif origin is Final:
            (hint,) = get_args(hint)
        elif hint is Self and owner is not None:
            return owner, notes
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif hasattr(origin, "__value__"):  # a generic alias, with what it was given
            given = dict(zip(origin.__type_params__, get_args(hint), strict=False))
            hint = filled(origin.__value__, given)
        elif hasattr(hint, "__value__") and not isinstance(hint, type | Enum):
            hint = hint.__value__
        elif isinstance(hint, TypeVar) and getattr(hint, "has_default", bool)():  # in 3.13
            hint = cast(Any, hint).__default__
        else:
            return NoneType if hint is None else hint, notes
    raise _endless(hint, path)


def _endless(hint: Any, path: str) -> TypeError:
    where = path if len(path) < MAX_DEPTH else f"{path[:MAX_DEPTH]}…"
    return TypeError(
        f"{where}: {named(hint)} is nested too deep; an alias can't contain itself, a class can"
    )


def _values(hint: Any, path: str) -> tuple[tuple[Any, Any], ...]:
    """The JSON values of a `Literal` or an enumeration, and what becomes of each."""
    results = list(cast(Any, hint)) if isinstance(hint, type) else list(get_args(hint))
    values = [result.value if isinstance(result, Enum) else result for result in results]
    for value in values:
        if type(value) not in (str, int, float, bool, NoneType):
            raise TypeError(f"{path}: {value!r} of {hint} has no JSON form: use strings or numbers")
    if not values:
        raise TypeError(f"{path}: {hint} has no members")
    return tuple(zip(values, results, strict=True))


def _constrained(node: nodes.Node, constraints: tuple[Constraint, ...], path: str) -> nodes.Node:
    """`node` with `constraints`. Raises `TypeError` for one that doesn't apply to its values."""
    options = node.options if isinstance(node, nodes.Union) else (node,)
    for each in constraints:
        if not any(_applies(each, option) for option in options):
            raise TypeError(f"{path}: {each.name} doesn't apply to {named(node.hint)}")
    return narrowed(node, constraints)


def _applies(constraint: Constraint, node: nodes.Node) -> bool:
    """Whether `constraint` can be asked of the values of `node`."""
    return isinstance(node, nodes.Constrained) and constraint.applies_to(node.kind)


def narrowed(node: nodes.Node, constraints: tuple[Constraint, ...]) -> nodes.Node:
    """`node` with the constraints that apply to its values; in a union, each option with those that apply to it."""
    if isinstance(node, nodes.Union):
        return attrs.evolve(
            node, options=tuple(narrowed(each, constraints) for each in node.options)
        )
    if not isinstance(node, nodes.Constrained):
        return node
    more = [each for each in constraints if _applies(each, node)]
    return attrs.evolve(node, constraints=(*node.constraints, *more))
