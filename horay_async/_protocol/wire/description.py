"""What the API describes of its responses, and how one differs from that. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import GenericAlias, NoneType
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

import attrs
import msgspec

from horay_async._json import is_array, is_object
from horay_async.errors import DriftKind
from horay_async.models._base import Model, Response, WireForm, is_model, sent_fields

Difference = tuple[str, DriftKind]
"""A path, and what is the matter there."""

Check = Callable[[Any, str, list[Difference]], None]
"""Looks at a value that stands at a path, and appends what it finds."""

NAME_SHOWN = 100
"""Characters of an unknown field's name that go into its path: it is the server's, and is kept."""


FINISH_REASON: Any = Annotated[str, msgspec.Meta(pattern=r"^(?!null$)")]
"""A finish reason. Some servers send the text "null" until there is one: no drift, but it isn't read as a reason."""

MAX_FINDINGS = 10_000
"""Differences of one body that are counted. Each takes more memory than the object that differs."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Envelope(Model):
    """What some responses are wrapped in."""

    __wire__ = WireForm(required=("code", "message", "status", "data"))

    code: int = 0
    message: str | None = None
    status: bool = False
    data: Any = None


def differences(sent: Any, into: type[Model], path: str = "$") -> list[Difference]:
    """How `sent`, decoded JSON that stands at `path`, differs from what `into` describes. Each occurrence
    counts, so a path can be there more than once; from `MAX_FINDINGS` on it is left at that.
    """
    found: list[Difference] = []
    # mypy takes the classes for unhashable, as their instances are.
    _check_of(cast(Any, into))(sent, path, found)
    return found


def list_differences(sent: list[Any], into: type[Response], path: str = "$") -> list[Difference]:
    """The same for the list that `into` is about, sent without the object around it."""
    found: list[Difference] = [(path, "retyped")]
    _check_of(get_type_hints(into)[into.__wire__.list_field])(sent, path, found)
    return found


def strict_decoder_of(into: type[Model]) -> msgspec.json.Decoder[Any]:
    """What decodes JSON of the types that `into` describes if `differences` finds nothing in it, and no `FINISH_REASON`
    is to be normalized, and raises otherwise. To make it takes as long as a thousand uses. One thread at a time can call it
    (see `FIRST_USE`).
    """
    # mypy takes the classes for unhashable, as their instances are.
    return msgspec.json.Decoder(_strict_struct_of(cast(Any, into)))


# The strict structs of the models


@lru_cache(maxsize=64)
def _strict_struct_of(into: type[Model]) -> type[msgspec.Struct]:
    """A struct that takes an object with the fields of `into` and no others."""
    always = into.__wire__.required
    fields: list[Any] = []
    for _, name, type_ in sent_fields(into):
        strict: Any = FINISH_REASON | None if name == "finish_reason" else _strict_type_of(type_)
        fields.append((name, strict) if name in always else (name, strict, None))
    # Without the collector: what is thrown away at once has no use for it.
    return msgspec.defstruct(
        into.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _strict_type_of(type_: Any) -> Any:
    """`type_` with strict structs in place of models. Lists and dicts without models are skipped, not read."""
    arguments = get_args(type_)
    if NoneType in arguments:
        inner = _strict_type_of(_without_null(arguments))
        return inner if inner is msgspec.Raw else inner | None
    if get_origin(type_) is list and is_model(arguments[0]):
        return GenericAlias(list, _strict_struct_of(arguments[0]))
    if arguments or type_ is Any:
        return msgspec.Raw
    return _strict_struct_of(type_) if is_model(type_) else type_


# Field by field


@lru_cache(maxsize=256)
def _check_of(type_: Any) -> Check:
    """What looks at values described as `type_`."""
    arguments = get_args(type_)
    if NoneType in arguments:
        return _nullable(_check_of(_without_null(arguments)))
    if get_origin(type_) is list:
        return _items(is_array, "[]", _check_of(arguments[0]))
    if get_origin(type_) is dict:  # of names that differ, such as tokens: a star stands for all
        return _items(is_object, ".*", _check_of(arguments[1]))
    return _object(type_) if is_model(type_) else _scalar(type_)


def _nullable(inner: Check) -> Check:
    def check(value: Any, path: str, found: list[Difference]) -> None:
        if value is not None:
            inner(value, path, found)

    return check


def _items(fits: Callable[[object], bool], step: str, inner: Check) -> Check:
    def check(value: Any, path: str, found: list[Difference]) -> None:
        if not fits(value):
            found.append((path, "retyped"))
            return
        path += step
        for item in value.values() if fits is is_object else value:
            inner(item, path, found)
            if len(found) > MAX_FINDINGS:
                return

    return check


def _object(into: type[Model]) -> Check:
    fields = sent_fields(into)
    always = [sent for sent, name, _ in fields if name in into.__wire__.required]
    checks = {sent: _check_of(type_) for sent, _, type_ in fields}
    keeps_alive = issubclass(into, Response) and into.__wire__.allow_empty

    def check(value: Any, path: str, found: list[Difference]) -> None:
        if not is_object(value):
            found.append((path, "retyped"))
            return
        for name, item in value.items():
            if len(found) > MAX_FINDINGS:
                return
            if (inner := checks.get(name)) is not None:
                inner(item, f"{path}.{name}", found)
            else:
                found.append((path + _step(name), "unknown"))
        if keeps_alive and not value.keys() & checks.keys():
            return
        found.extend((f"{path}.{name}", "missing") for name in always if name not in value)

    return check


def _scalar(type_: Any) -> Check:
    is_described = DESCRIBED[type_]

    def check(value: Any, path: str, found: list[Difference]) -> None:
        if not is_described(value):
            found.append((path, "retyped"))

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_money(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


DESCRIBED: dict[Any, Callable[[Any], bool]] = {
    Any: lambda _: True,
    msgspec.Raw: lambda value: isinstance(value, str | list),  # a vector
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: _is_integer,
    float: _is_number,
    Decimal: _is_money,
}
"""Whether a JSON value is one of the described type. JSON has one type of number: 1.0 is an integer."""


def _without_null(arguments: tuple[Any, ...]) -> Any:
    """The one type that null is an alternative to; the models have no other unions."""
    (inner,) = (argument for argument in arguments if argument is not NoneType)
    return inner


def _step(name: str) -> str:
    if len(name) > NAME_SHOWN:
        name = f"{name[:NAME_SHOWN]}…"
    return f".{name}" if name.isidentifier() else f"[{name!r}]"
