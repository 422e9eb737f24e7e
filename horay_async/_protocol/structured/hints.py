"""What classes and hints are made of: the view that schemas and structuring share. Pure.

Classes are attrs classes, dataclasses and pydantic models; the latter are told by their own attributes, so
that nothing here imports pydantic.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from horay_async._protocol.structured.docstrings import described

__all__ = [
    "Member",
    "is_pydantic",
    "is_record",
    "literals",
    "members",
    "named",
    "own_docstring",
    "union",
    "unwrapped",
]


@attrs.frozen(kw_only=True)
class Member:
    """One field of a class, as a property of a JSON object."""

    name: str
    """The property's name; but for pydantic's aliases, the attribute's name."""
    hint: Any
    """The type hint, with type variables replaced by what the class was given."""
    description: str | None
    """From `metadata={"description": ...}`, else from the class's docstring."""
    optional: bool
    """Whether the class can be made without it."""


def is_pydantic(cls: Any) -> bool:
    """Whether `cls` is a pydantic model."""
    return isinstance(cls, type) and hasattr(cls, "__pydantic_fields__")


def is_record(hint: Any) -> bool:
    """Whether `hint` is a class with fields, or a generic one with its arguments."""
    cls = get_origin(hint) or hint
    return isinstance(cls, type) and (
        attrs.has(cls) or dataclasses.is_dataclass(cls) or is_pydantic(cls)
    )


def unwrapped(hint: Any) -> tuple[Any, str | None]:
    """The hint behind `Annotated`, `NewType` and type aliases, and the description on the way.

    A string in `Annotated[...]` is a description.
    """
    description: str | None = None
    while True:
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            description = description or next((n for n in notes if isinstance(n, str)), None)
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif hasattr(hint, "__value__"):
            hint = hint.__value__
        else:
            return NoneType if hint is None else hint, description


def named(hint: Any) -> str:
    """The name of a class, for messages."""
    return "null" if hint is NoneType else getattr(hint, "__name__", None) or str(hint)


def union(hint: Any) -> tuple[Any, ...]:
    """The members of a union, of unions within it as well; empty for anything else."""
    if get_origin(hint) not in (Union, UnionType):
        return ()
    found: list[Any] = []
    for arg in get_args(hint):
        inner, _ = unwrapped(arg)
        found.extend(union(inner) or (arg,))
    return tuple(found)


def literals(hint: Any) -> tuple[Any, ...]:
    """The JSON values of a `Literal` or an enumeration; empty for anything else.

    Raises `TypeError` for a value that JSON doesn't have.
    """
    if get_origin(hint) is Literal:
        values = tuple(v.value if isinstance(v, Enum) else v for v in get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, Enum):
        values = tuple(member.value for member in hint)
    else:
        return ()
    for value in values:
        if type(value) not in (str, int, float, bool, NoneType):
            raise TypeError(f"{value!r} of {hint} has no JSON form: use strings or numbers")
    return values


@lru_cache(1_000)
def members(hint: Any) -> tuple[Member, ...]:
    """The fields of a class that its constructor takes, in order.

    Raises `TypeError` for an annotation that can't be resolved.
    """
    cls: type[Any] = get_origin(hint) or hint
    hints = _hints(cls)
    parameters = cast("tuple[Any, ...]", getattr(cls, "__parameters__", ()))
    given = dict(zip(parameters, get_args(hint), strict=False))
    texts = described(own_docstring(cls)).arguments
    return tuple(
        Member(
            name=name,
            hint=_filled(hints.get(attribute, Any), given),
            description=description or texts.get(attribute),
            optional=optional,
        )
        for name, attribute, description, optional in _fields(cls)
    )


def _fields(cls: Any) -> list[tuple[str, str, str | None, bool]]:
    """The name in JSON, the attribute, the description and whether it has a default, of each field."""
    if is_pydantic(cls):
        return [
            (info.validation_alias or name, name, info.description, not info.is_required())
            for name, info in cls.__pydantic_fields__.items()
        ]
    if attrs.has(cls):
        return [
            (
                field.name,
                field.name,
                _description(field.metadata),
                field.default is not attrs.NOTHING,
            )
            for field in attrs.fields(cls)
            if field.init
        ]
    return [
        (
            field.name,
            field.name,
            _description(field.metadata),
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]


def _description(metadata: Mapping[Any, Any]) -> str | None:
    text = metadata.get("description")
    return text if isinstance(text, str) else None


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"an annotation of {cls.__qualname__} can't be resolved: {error}; the names in it must be "
            "defined at the top of its module"
        ) from error


def _filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """`hint` with its type variables replaced."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    parameters = cast("tuple[Any, ...]", getattr(hint, "__parameters__", ()))
    if not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(given.get(parameter, parameter) for parameter in parameters)]


def own_docstring(cls: type[Any]) -> str:
    """The class's docstring; not one that it inherits, nor the signature that dataclasses put there."""
    text = cls.__dict__.get("__doc__")
    # Python 3.15 makes a dataclass's signature when it is first read: until then no text stands there.
    if not isinstance(text, str) or text.startswith(f"{cls.__name__}("):
        return ""
    return text
