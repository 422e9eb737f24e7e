"""Random classes, and random instances of them, for property tests."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union
from uuid import UUID

import attrs
from hypothesis import strategies as st

__all__ = ["Kind", "records"]

LIST: Any = list
TUPLE: Any = tuple
DICT: Any = dict
"""Made generic at run time, which type checkers needn't follow."""

Kind = tuple[Any, st.SearchStrategy[Any]]
"""A type hint, and a strategy for its values."""
Kinds = st.SearchStrategy[Kind]

NAMES = ("name", "total", "x", "über", "class_", "kind")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def _enumerations(values: list[str]) -> Kind:
    members = {f"member{place}": value for place, value in enumerate(values)}
    enumeration: Any = Enum("Choice", members)  # type: ignore[misc] # made at run time
    return enumeration, st.sampled_from(list(enumeration))


def _literals(values: list[Any]) -> Kind:
    hint: Any = Literal
    return hint[tuple(values)], st.sampled_from(values)


def few(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """One to three values."""
    return st.lists(values, min_size=1, max_size=3, unique=True)


WORDS: Kinds = st.one_of(
    st.just((str, TEXT)),
    st.just((date, st.dates())),
    st.just((datetime, st.datetimes(timezones=st.just(UTC)))),
    st.just((time, st.times())),
    st.just((UUID, st.uuids())),
    few(TEXT).map(_enumerations),
    few(TEXT).map(_literals),
)
"""What JSON writes as strings."""
NUMBERS: Kinds = st.one_of(
    st.just((int, INTEGERS)),
    st.just((float, st.floats(allow_nan=False, allow_infinity=False))),
    st.just((Decimal, st.decimals(-(10**20), 10**20, allow_nan=False))),
    few(INTEGERS).map(_literals),
)
BOOLEANS: Kinds = st.just((bool, st.booleans()))
NULL: Kinds = st.just((None, st.none()))


@st.composite
def kinds(draw: st.DrawFn, depth: int) -> Kind:
    """Anything that a field can be, nested up to `depth` times."""
    single = st.one_of(WORDS, NUMBERS, BOOLEANS, NULL)
    if depth == 0:
        return draw(single)
    nested: Kinds = st.one_of(arrays(depth), maps(depth), records(depth - 1), unions(depth))
    return draw(single | nested)


@st.composite
def arrays(draw: st.DrawFn, depth: int) -> Kind:
    """Lists, sets and tuples."""
    hint, values = draw(kinds(depth - 1))
    form = draw(st.sampled_from(["list", "set", "repeated", "pair"]))
    if form == "list":
        return LIST[hint], st.lists(values, max_size=3)
    if form == "set":
        return frozenset[str], st.frozensets(TEXT, max_size=3)
    if form == "repeated":
        return TUPLE[hint, ...], st.lists(values, max_size=3).map(tuple)
    other, other_values = draw(kinds(0))
    return TUPLE[hint, other], st.tuples(values, other_values)


@st.composite
def maps(draw: st.DrawFn, depth: int) -> Kind:
    """Open dicts."""
    hint, values = draw(kinds(depth - 1))
    return DICT[str, hint], st.dictionaries(TEXT, values, max_size=3)


@st.composite
def unions(draw: st.DrawFn, depth: int) -> Kind:
    """Unions whose members JSON tells apart: by the kind of value, or by a tag."""
    groups = [WORDS, NUMBERS, BOOLEANS, NULL, arrays(depth)]
    chosen = draw(st.lists(st.sampled_from(groups), min_size=2, max_size=4, unique_by=id))
    members = [draw(group) for group in chosen]
    tags = draw(st.sampled_from([(), ("first",), ("first", "second")]))
    members += [draw(records(depth - 1, tag=tag)) for tag in tags]
    hints, values = zip(*members, strict=True)
    return Union[hints], st.one_of(values)  # noqa: UP007 - made at run time


@st.composite
def records(draw: st.DrawFn, depth: int = 2, *, tag: str | None = None) -> Kind:
    """An attrs class or a dataclass; with `tag` as its only value of a field named so."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    fields = {name: draw(kinds(depth)) for name in names}
    if tag is not None:
        fields["tag"] = _literals([tag])
    if draw(st.booleans()):
        made: Any = attrs.make_class(
            "Record", {name: attrs.field(type=hint) for name, (hint, _) in fields.items()}
        )
    else:
        made = dataclasses.make_dataclass(
            "Record", [(name, hint) for name, (hint, _) in fields.items()]
        )
    return made, st.builds(made, **{name: values for name, (_, values) in fields.items()})
