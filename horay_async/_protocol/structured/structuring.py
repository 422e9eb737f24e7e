"""JSON values as instances of a caller's classes, by cattrs, with a path to whatever doesn't fit. Pure.

Unlike the answers' own models, which take whatever can be read, nothing is bent to fit here: a number
isn't a string, and a property that the class doesn't know is a mismatch. A missing one takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSet
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Literal, cast, get_args, get_origin
from uuid import UUID

import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn

from horay_async._protocol.structured.hints import (
    is_pydantic,
    is_record,
    literals,
    members,
    named,
    union,
    unwrapped,
)
from horay_async._protocol.structured.mismatch import (
    InvalidValue,
    Mismatch,
    Mismatches,
    NestedMismatches,
    found_in,
    step,
)
from horay_async._protocol.structured.schema import ARRAYS, MAPS, check
from horay_async._protocol.structured.values import SCALARS, Hook, anything, chosen, is_enum, same

__all__ = ["structured"]

MAX_CLASSES = 1_000
"""Classes whose way of being made is remembered, before all are forgotten: a service that makes a tool for
each request isn't to grow with them. Making it anew takes about a millisecond a class."""


def structured(value: Any, into: Any) -> Any:
    """`value`, decoded JSON whose fractions are `Decimal`s, as an instance of `into`.

    Raises `Mismatches`, or `TypeError` where `into` can't be made of JSON at all.
    """
    check(into)
    if len(_made) > MAX_CLASSES:
        _made.clear()
        _converter.cache_clear()
    try:
        try:
            return _converter().structure(value, into)
        except Exception as error:
            raise Mismatches(list(found_in(error, "$"))) from error
    except RecursionError as error:
        raise Mismatches([Mismatch("$", "is nested too deep")]) from error


def _array(hint: Any, converter: cattrs.Converter) -> Hook:
    origin: Any = get_origin(hint) or hint
    item = (get_args(hint) or (Any,))[0]
    into: Any = origin if origin in (tuple, set, frozenset) else set if origin in SETS else list

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise InvalidValue("an array", value)
        return into(_each(((n, entry, item) for n, entry in enumerate(_list(value))), converter))

    return hook


def _fixed(hint: Any, converter: cattrs.Converter) -> Hook:
    """For a tuple of a given length."""
    kinds = get_args(hint)

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(_list(value)) != len(kinds):
            raise InvalidValue(f"an array of {len(kinds)}", value)
        return tuple(_each(zip(range(len(kinds)), _list(value), kinds, strict=True), converter))

    return hook


def _map(hint: Any, converter: cattrs.Converter) -> Hook:
    kind = (get_args(hint) or (str, Any))[1]

    def hook(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidValue("an object", value)
        entries = cast("dict[str, Any]", value)
        items = _each(((name, entry, kind) for name, entry in entries.items()), converter)
        return dict(zip(entries, items, strict=True))

    return hook


def _each(entries: Iterable[tuple[Any, Any, Any]], converter: cattrs.Converter) -> list[Any]:
    """The structured values of (step, value, hint); raises `NestedMismatches` with the mismatches of all."""
    found: list[Any] = []
    mismatches: list[Mismatch] = []
    for where, value, hint in entries:
        try:
            found.append(converter.structure(value, hint))
        except Exception as error:  # noqa: BLE001 - hooks raise whatever they meet
            mismatches += found_in(error, step(where))
    if mismatches:
        raise NestedMismatches(mismatches)
    return found


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value)


def _record(hint: Any, converter: cattrs.Converter) -> Hook:
    members(hint)  # speaks of annotations that can't be resolved in its own words
    _made.add(hint)
    fields = make_dict_structure_fn(
        hint, converter, _cattrs_forbid_extra_keys=True, _cattrs_use_linecache=False
    )

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise InvalidValue(f"an object ({named(hint)})", value)
        return fields(cast("dict[str, Any]", value), hint)

    return hook


def _pydantic(hint: Any, _: Any) -> Hook:
    encode = msgspec.json.Encoder(decimal_format="number").encode

    def hook(value: Any, _: Any) -> Any:
        try:
            return hint.model_validate_json(encode(value))
        except ValueError as error:
            details: list[Any] = getattr(error, "errors", list)()
            found = [
                Mismatch("".join(map(step, detail["loc"])), detail["msg"]) for detail in details
            ]
            raise NestedMismatches(found or [Mismatch("", str(error))]) from error

    return hook


SETS = (AbstractSet, MutableSet)
RANKS = (bool, int, float, Decimal, UUID, date, datetime, time, str)
"""Which member of a union is tried first: what takes the fewest values."""


def _rank(hint: Any) -> int:
    if is_enum(hint) or get_origin(hint) is Literal:
        return -1
    return RANKS.index(hint) if hint in RANKS else len(RANKS)


def _union(hint: Any, converter: cattrs.Converter) -> Hook:
    options = [unwrapped(option)[0] for option in union(hint)]
    nullable = NoneType in options
    records = [option for option in options if is_record(option)]
    others = sorted((o for o in options if o is not NoneType and not is_record(o)), key=_rank)
    # 1.0 is an integer too, but where a float may stand it was written as one.
    fractions = sorted(others, key=lambda option: option is int)

    def hook(value: Any, _: Any) -> Any:
        if value is None and nullable:
            return None
        pool = fractions if isinstance(value, Decimal) else others
        if isinstance(value, dict):
            pool = _candidates(cast("dict[str, Any]", value), records) + pool
        elif not pool:
            pool = records
        if len(pool) == 1:
            return converter.structure(value, pool[0])
        for option in pool:
            try:
                return converter.structure(value, option)
            except Exception:  # noqa: BLE001 - hooks raise whatever they meet; the next may fit
                continue
        raise InvalidValue(" or ".join(map(named, options)), value)

    return hook


def _candidates(value: dict[str, Any], records: list[Any]) -> list[Any]:
    """The classes that an object can be meant as: the one that its tag names, else those whose fields
    are there, else all.
    """
    tagged = [record for record in records if _tags_agree(value, record)]
    named = [
        record
        for record in tagged
        if value.keys() <= {member.name for member in members(record)}
        and all(member.optional or member.name in value for member in members(record))
    ]
    return named or tagged or records


def _tags_agree(value: dict[str, Any], record: Any) -> bool:
    """Whether each field of few choices has one of them, where it is there at all."""
    return all(
        any(same(literal, value[member.name]) for literal in choices)
        for member in members(record)
        if member.name in value and (choices := literals(unwrapped(member.hint)[0]))
    )


_made: set[Any] = set()


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    for kind, hook in SCALARS.items():
        converter.register_structure_hook(kind, _exactly(hook))
    converter.register_structure_hook(Enum, lambda value, hint: chosen(hint)(value, hint))
    # Asked in turn from the last to the first.
    factories: list[tuple[Callable[[Any], bool], Callable[[Any, cattrs.Converter], Hook]]] = [
        (lambda hint: hint is Any or hint is object, lambda _hint, _converter: anything),
        (is_record, _record),
        (is_pydantic, _pydantic),
        (lambda hint: (get_origin(hint) or hint) in MAPS, _map),
        (lambda hint: (get_origin(hint) or hint) in ARRAYS, _array),
        (lambda hint: get_origin(hint) is tuple, _tuple),
        (lambda hint: bool(union(hint)), _union),
        (lambda hint: get_origin(hint) is Literal, lambda hint, _converter: chosen(hint)),
        (lambda hint: unwrapped(hint)[0] is not hint, _unwrapped),
    ]
    for predicate, factory in factories:
        converter.register_structure_hook_factory(predicate, factory)
    return converter


def _exactly(hook: Hook) -> Hook:
    """`hook` for its class alone: cattrs asks it for subclasses too, such as enumerations of strings."""

    def exact(value: Any, hint: Any) -> Any:
        return (chosen(hint) if is_enum(hint) else hook)(value, hint)

    return exact


def _tuple(hint: Any, converter: cattrs.Converter) -> Hook:
    args = get_args(hint)
    repeated = len(args) == 2 and args[1] is ...
    return (_array if repeated else _fixed)(hint, converter)


def _unwrapped(hint: Any, converter: cattrs.Converter) -> Hook:
    return converter.get_structure_hook(unwrapped(hint)[0])
