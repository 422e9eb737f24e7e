"""Parameters checked against the typed dicts that declare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.check_parameters import check_parameters
from horay_async.models.chat_params import ChatParams
from horay_async.models.completions import CompletionParams
from horay_async.models.images import ImageParams


@attrs.define
class Thing:
    """A class of one's own."""


class Nested(TypedDict, total=False):
    """A typed dict within."""

    a: int


class Params(TypedDict, total=False):
    """One parameter of each kind."""

    text: Required[str]
    count: int
    number: float | None
    flag: bool
    words: str | Sequence[str] | None
    items: Sequence[Mapping[str, object]]
    exact: list[int]
    table: Mapping[str, float]
    size: Literal["small", "large"] | None
    mixed: Literal["auto"] | int
    thing: Thing | None
    nested: Nested
    anything: object
    whatever: Any
    either: int | Any
    kind: type[Thing]
    call: Callable[[], int]


FITTING: list[dict[str, Any]] = [
    {"count": 1},
    {"number": 1},
    {"number": 1.5},
    {"number": None},
    {"flag": True},
    {"words": "a"},
    {"words": ["a"]},
    {"words": ("a",)},
    {"words": None},
    {"items": [{}]},
    {"exact": [1]},
    {"table": {"a": 1.0}},
    {"size": "huge"},  # a range is the server's to judge
    {"size": None},
    {"mixed": "auto"},
    {"mixed": 3},
    {"thing": Thing()},
    {"nested": {"a": 1}},
    {"anything": True},
    {"anything": b"x"},
    {"whatever": object()},
    {"either": "x"},
    {"kind": Thing},
    {"call": lambda: 1},
]


@pytest.mark.parametrize("params", FITTING, ids=lambda params: next(iter(params)))
def test_fits(params: dict[str, Any]) -> None:
    """What fits its declaration passes."""
    check_parameters({"text": "x", **params}, Params)


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"text": 1}, "text must be a string, not an integer"),
        ({"text": None}, "text must be a string, not None"),
        ({"text": b"x"}, "text must be a string, not a value of type bytes"),
        ({"count": 1.0}, "count must be an integer, not a float"),
        ({"count": True}, "count must be an integer, not a boolean"),
        ({"count": "1"}, "count must be an integer, not a string"),
        ({"number": True}, "number must be a number or None, not a boolean"),
        ({"number": "1"}, "number must be a number or None, not a string"),
        ({"number": float("nan")}, "number must be a finite number, not nan"),
        ({"number": float("-inf")}, "number must be a finite number, not -inf"),
        ({"flag": 1}, "flag must be a boolean, not an integer"),
        ({"words": 1}, "words must be a list or a string or None, not an integer"),
        ({"words": b"x"}, "words must be a list or a string or None, not a value of type bytes"),
        ({"items": "x"}, "items must be a list, not a string"),
        ({"items": bytearray(b"x")}, "items must be a list, not a value of type bytearray"),
        ({"items": {}}, "items must be a list, not a value of type dict"),
        ({"exact": (1,)}, "exact must be a value of type list, not a value of type tuple"),
        ({"table": []}, "table must be a mapping, not a value of type list"),
        ({"size": 1}, "size must be a string or None, not an integer"),
        ({"mixed": 1.5}, "mixed must be a string or an integer, not a float"),
        ({"thing": {}}, "thing must be a value of type Thing or None, not a value of type dict"),
        ({"nested": []}, "nested must be a mapping, not a value of type list"),
        ({"kind": "x"}, "kind must be a value of type type, not a string"),
        ({"call": 1}, "call must be a value of type Callable, not an integer"),
        ({"cuont": 1}, "unknown parameter 'cuont': did you mean 'count'? Fields that"),
        ({"zzz": 1}, "unknown parameter 'zzz': fields that this client doesn't know go into"),
    ],
    ids=str,
)
def test_mismatches(params: dict[str, Any], complaint: str) -> None:
    """What doesn't fit is refused in words that name it."""
    with pytest.raises(TypeError) as caught:
        check_parameters({"text": "x", **params}, Params)
    assert complaint in str(caught.value)


def test_missing() -> None:
    """Required parameters must be there; all that are missing are named."""
    with pytest.raises(TypeError, match=r"^missing parameters: model, prompt$"):
        check_parameters({}, CompletionParams)
    with pytest.raises(TypeError, match=r"^missing parameter: image_size, such as '1024x1024'$"):
        check_parameters({"model": "m", "prompt": "p"}, ImageParams)


def test_types_go_before_what_is_missing() -> None:
    """A wrong parameter is told first: it is often the misspelled one that is missing."""
    with pytest.raises(TypeError, match="did you mean 'prompt'"):
        check_parameters({"model": "m", "promt": "p"}, CompletionParams)


@given(
    st.fixed_dictionaries(
        {"model": st.text(), "messages": st.lists(st.dictionaries(st.text(), st.text()))},
        optional={
            "max_tokens": st.integers() | st.none(),
            "temperature": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
            "stop": st.text() | st.lists(st.text()) | st.none(),
            "logit_bias": st.dictionaries(st.text(), st.floats()),
            "parallel_tool_calls": st.booleans() | st.none(),
            "tools": st.lists(st.dictionaries(st.text(), st.integers())),
            "timeout": st.floats(0.1, 10) | st.none(),
        },
    )
)
def test_every_fitting_call_passes(params: dict[str, Any]) -> None:
    """Whatever the values are, their types are all that counts."""
    check_parameters(params, ChatParams)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()


@given(st.sampled_from(sorted(CompletionParams.__annotations__)), SCALARS)
def test_nothing_but_a_type_error(name: str, value: Any) -> None:
    """Whatever is passed, a call is fine or a `TypeError` that names the parameter."""
    complaint = ""
    try:
        check_parameters({"model": "m", "prompt": "p", name: value}, CompletionParams)
    except TypeError as error:
        complaint = str(error)
    assert not complaint or complaint.startswith(f"{name} must be ")


def test_parameter_of_another_client() -> None:
    """Is refused with the name that it has here."""
    with pytest.raises(TypeError, match="unknown parameter 'stop_sequences': it is stop here"):
        check_parameters({"model": "m", "prompt": "p", "stop_sequences": ["x"]}, CompletionParams)
