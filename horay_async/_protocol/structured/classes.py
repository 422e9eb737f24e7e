"""The fields of attrs classes and dataclasses, with their types as they are in the end. Pure.

Pydantic's classes are recognised by their attributes, so that nothing here imports pydantic.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs

from horay_async._class_docs import ClassDoc
from horay_async._protocol.structured import nodes
from horay_async._protocol.structured.constraints import Constraint, constraints_of_validator


def is_pydantic(hint: Any) -> bool:
    """Whether `hint` is a pydantic model or dataclass, or a generic one with its arguments."""
    cls = get_origin(hint) or hint
    return isinstance(cls, type) and hasattr(cls, "__pydantic_fields__")


def has_fields(hint: Any) -> bool:
    """Whether `hint` is a class with fields, or a generic one with its arguments."""
    cls = get_origin(hint) or hint
    return isinstance(cls, type) and (
        attrs.has(cls) or dataclasses.is_dataclass(cls) or is_pydantic(cls)
    )


def own_docstring(cls: type[Any]) -> str:
    """The class's docstring; not one that it inherits, nor the signature that dataclasses put there."""
    # Python 3.15 makes a dataclass's signature when it is asked for, and puts an object in its place till then.
    text: object = cls.__dict__.get("__doc__")
    if isinstance(text, ClassDoc):
        text = text.text
    return text if isinstance(text, str) and not text.startswith(f"{cls.__name__}(") else ""


def members_of(
    hint: Any, described: Mapping[str, str], parse: Callable[[str, Any], nodes.Node]
) -> Iterator[nodes.Member]:
    """The fields of an attrs class or a dataclass that its constructor takes, in order.

    `described` is what its docstring says of them. `parse` makes a node of a field's name and its type hint, in which type
    variables are replaced by what the class and its bases were given.

    Raises `TypeError` for an annotation that can't be resolved.
    """
    cls: Any = get_origin(hint) or hint
    hints, given, is_attrs = _hints(cls), dict(_bindings(hint)), attrs.has(cls)
    # `dataclasses.fields` leaves out what is for the constructor alone.
    for field in attrs.fields(cls) if is_attrs else cls.__dataclass_fields__.values():
        name: str = field.name
        if field.init and not _is_class_variable(field):
            own_hint = hints.get(name, field.type or Any)
            yield nodes.Member(
                name=name,
                parameter=field.alias if is_attrs else name,
                node=parse(name, filled(own_hint, given.get(_owner(cls, name), {}))),
                description=_description(field.metadata) or described.get(name),
                constraints=_constraints(field) if is_attrs else (),
                optional=_has_default(field),
            )


def _constraints(field: Any) -> tuple[Constraint, ...]:
    # What a converter makes of a value isn't what the validator's bounds are about.
    return () if field.converter else constraints_of_validator(field.validator)


def _has_default(field: Any) -> bool:
    given = (field.default, getattr(field, "default_factory", dataclasses.MISSING))
    return any(each is not attrs.NOTHING and each is not dataclasses.MISSING for each in given)


def _is_class_variable(field: Any) -> bool:
    # Dataclasses have no public sign of it.
    return str(getattr(field, "_field_type", None)) == "_FIELD_CLASSVAR"


def _description(metadata: Mapping[Any, Any]) -> str | None:
    text = metadata.get("description")
    return text if isinstance(text, str) else None


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"an annotation of {cls.__qualname__} can't be resolved: {error}; the names in it must be "
            "defined at the top of its module"
        ) from error
    return {
        name: cast(Any, hint).type if isinstance(hint, dataclasses.InitVar) else hint
        for name, hint in hints.items()
    }


Bindings = Mapping[Any, Any]
"""Type variables, and what they stand for."""


def _bindings(hint: Any) -> list[tuple[type[Any], Bindings]]:
    """What the type variables of a class and of its bases stand for."""
    cls: type[Any] = get_origin(hint) or hint
    parameters = cast("tuple[Any, ...]", getattr(cls, "__parameters__", ()))
    given = dict(zip(parameters, get_args(hint), strict=False))
    found: list[tuple[type[Any], Bindings]] = []
    for base in cast("tuple[Any, ...]", cls.__dict__.get("__orig_bases__", cls.__bases__)):
        if get_origin(base) not in (Generic, Protocol):
            found += _bindings(filled(base, given))
    # A class stands last, after its bases: of two ways to a base, the nearer one counts.
    return [*found, (cls, given)]


def _owner(cls: type[Any], name: str) -> type[Any]:
    """The class that declares a field; `cls` where none is found."""
    return next((base for base in cls.__mro__ if name in getattr(base, "__annotations__", {})), cls)


def filled(hint: Any, given: Bindings) -> Any:
    """`hint` with its type variables replaced."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    parameters = cast("tuple[Any, ...]", getattr(hint, "__parameters__", ()))
    if not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(given.get(parameter, parameter) for parameter in parameters)]
