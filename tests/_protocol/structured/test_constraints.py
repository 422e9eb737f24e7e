"""Bounds: of numbers, which compare as their digits say, whatever type holds them; and of sets."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, cast

import annotated_types as at
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from horay_async import AnswerError, parse_text
from horay_async._protocol.structured.constraints import Constraint

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}

NUMBERS = st.one_of(
    st.integers(-10, 10),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10, max_value=10, places=1),
    st.integers(-100, 100).map(lambda tenths: tenths / 10),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.sampled_from(sorted(COMPARISONS)), NUMBERS, NUMBERS)
@example("ge", 0.7, 0.7)
@example("gt", 0.1, 0.1)
@example("ge", Decimal("0.1"), 0.1)
@example("le", 0.1, Decimal("0.1"))
def test_bounds_compare_digits(name: str, value: Any, bound: Any) -> None:
    """As JSON has them: that a float lies a little beside its digits is no matter."""
    expected = COMPARISONS[name](Fraction(str(value)), Fraction(str(bound)))
    assert Constraint(name, bound).holds(value) == expected


@pytest.mark.parametrize("number", ["0.1", "0.2", "0.3", "0.6", "0.7"])
@pytest.mark.parametrize("kind", [float, Decimal])
def test_bound_itself(kind: Any, number: str) -> None:
    """A number is within a bound of the same digits, and not beyond it."""
    for within in (at.Ge(float(number)), at.Le(float(number))):
        assert parse_text(cast(Any, Annotated[kind, within]), number) == kind(number)
    for beyond in (at.Gt(float(number)), at.Lt(float(number))):
        with pytest.raises(AnswerError, match=f"than {number}, got"):
            parse_text(cast(Any, Annotated[kind, beyond]), number)


@pytest.mark.parametrize("kind", [set[int], frozenset[int]])
@pytest.mark.parametrize(
    ("text", "fits"),
    [("[1]", False), ("[1, 1]", False), ("[1, 2, 2]", True), ("[1, 2, 3, 1]", False)],
)
def test_sets(kind: Any, text: str, fits: bool) -> None:
    """A set is as large as asked for, and so is the array, as the schema says."""
    asked = cast(Any, Annotated[kind, at.Len(2, 3)])
    if fits:
        assert parse_text(asked, text) == kind([1, 2])
        return
    with pytest.raises(AnswerError, match="a length of at"):
        parse_text(asked, text)
