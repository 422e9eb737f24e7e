"""The lenient way from JSON to classes: what can be read is kept, the rest takes its default."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horay_async.models._base import Model
from horay_async.models._converter import structure_leniently
from horay_async.models.chat import ChatCompletion, ChatMessage, TokenLogprob
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import (
    Completion,
    CompletionChunk,
    CompletionChunkChoice,
    CompletionLogprobs,
)
from horay_async.models.images import ImageResponse, ImageTimings
from horay_async.models.models import ModelInfo, ModelList
from horay_async.models.usage import Usage
from horay_async.models.user import UserInfo


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a", "a"),
        ("", ""),
        (7, "7"),
        (1.5, "1.5"),
        (True, ""),
        (None, ""),
        ({}, ""),
        ([], ""),
        (["a"], ""),
        ([{"type": "text", "text": "a"}, {"text": "b"}, {"type": "image"}], "ab"),
        ([{"text": 7}], ""),
        ([7], ""),
    ],
    ids=str,
)
def test_text(sent: Any, read: str) -> None:
    """Text may come as a number, or in parts."""
    assert structure_leniently({"id": sent}, ModelInfo).id == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        (7.0, 7),
        (7.5, 0),
        ("7.5", 0),
        (float("inf"), 0),
        (True, 0),
        (None, 0),
        ("x", 0),
        ("9" * 5000, 0),
        ([7], 0),
        (10**30, 10**30),
    ],
    ids=lambda value: str(value)[:20],
)
def test_integers(sent: Any, read: int) -> None:
    """An integer may come as text, or as a number without a fraction."""
    assert structure_leniently({"created": sent}, ModelInfo).created == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [(1, 1.0), (1.5, 1.5), ("1.5", 1.5), ("nan", None), ("inf", None), (10**400, None), (True, None), ("x", None)],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_numbers(sent: Any, read: float | None) -> None:
    """A number may come as text; it is always finite."""
    assert structure_leniently({"inference": sent}, ImageTimings).inference == read


@pytest.mark.parametrize(
    ("sent", "read"), [(True, True), (False, False), ("true", False), (1, False)]
)
def test_booleans(sent: Any, read: bool) -> None:
    """Truth is true or false, and nothing else."""
    assert structure_leniently({"isAdmin": sent}, UserInfo).is_admin is read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("0.88", Decimal("0.88")),
        ("88.00", Decimal("88.00")),
        (0.1, Decimal("0.1")),
        (7, Decimal(7)),
        ("-1E+3", Decimal(-1000)),
        ("12345678901234567890.12", Decimal("12345678901234567890.12")),
        ("", None),
        ("much", None),
        ("NaN", None),
        ("Infinity", None),
        (True, None),
        (None, None),
        ([], None),
    ],
    ids=str,
)
def test_money(sent: Any, read: Decimal | None) -> None:
    """Money is exact, never by way of a binary fraction."""
    assert structure_leniently({"balance": sent}, UserInfo).balance == read


def test_camel_case() -> None:
    """camelCase on the wire is snake_case here; the other spelling isn't read."""
    user = structure_leniently(
        {"isAdmin": True, "chargeBalance": "1", "totalBalance": "2", "is_admin": False}, UserInfo
    )
    assert (user.is_admin, user.charge_balance, user.total_balance) == (
        True,
        Decimal(1),
        Decimal(2),
    )


def test_objects_in_a_list() -> None:
    """What is no object is left out of a list of objects; what is no list takes the default."""
    models = structure_leniently({"data": [{"id": "a"}, None, 7, {"id": "b"}]}, ModelList)
    assert [model.id for model in models] == ["a", "b"]
    assert structure_leniently({"data": {"id": "a"}}, ModelList).data == []
    assert structure_leniently({"data": None}, ModelList).data == []


@pytest.mark.parametrize(
    "sent", [None, "-inf", "NaN", -math.inf, math.nan, [], True, "low"], ids=repr
)
def test_log_probability_that_is_no_number(sent: object) -> None:
    """It is never 0.0, which is certainty, but what stands for a very unlikely token; so is one that is missing."""
    data = {"token": "a", "logprob": sent, "top_logprobs": [{"token": "b", "logprob": sent}]}
    token = structure_leniently(data, TokenLogprob)
    assert (token.logprob, token.top_logprobs[0].logprob) == (-9999.0, -9999.0)
    token = structure_leniently({"token": "a", "top_logprobs": [{"token": "b"}]}, TokenLogprob)
    assert (token.logprob, token.top_logprobs[0].logprob) == (-9999.0, -9999.0)


def test_aligned_lists() -> None:
    """Lists that belong together by position keep their places, or are unreadable as a whole."""
    sent: dict[str, Any] = {
        "tokens": ["a", None, {}, 7],
        "token_logprobs": [None, "-1", "x", -2],
        "top_logprobs": [{"a": "-1"}, "x", None, {"a": "x"}],
        "text_offset": [0, "1", None],
    }
    read = structure_leniently(sent, CompletionLogprobs)
    assert read.tokens == ["a", "", "", "7"]
    assert read.token_logprobs == [None, -1.0, None, -2.0]
    assert read.top_logprobs == [{"a": -1.0}, None, None, None]
    assert read.text_offset is None
    some = {"top_logprobs": [{"a": -1, "b": None, "c": "-inf", "d": -4.5}, {}]}
    read = structure_leniently(some, CompletionLogprobs)
    assert read.top_logprobs == [{"a": -1.0, "d": -4.5}, {}]
    token = structure_leniently({"token": "a", "bytes": [97, "x"]}, TokenLogprob)
    assert (token.token, token.bytes) == ("a", None)


def test_objects_within() -> None:
    """An object that isn't one takes its default, and so does one that is null."""
    sent: dict[str, Any] = {"choices": [{"message": "Hi"}, {"message": None, "logprobs": []}]}
    chat = structure_leniently(sent, ChatCompletion)
    assert [choice.message for choice in chat.choices] == [ChatMessage(), ChatMessage()]
    assert structure_leniently(
        {"usage": {"total_tokens": "3", "prompt_tokens": {}}}, Completion
    ).usage == Usage(total_tokens=3)
    chunk = structure_leniently(
        {"choices": [{"delta": "x"}, {"delta": {"content": 7}}]}, CompletionChunk
    )
    assert [choice.delta for choice in chunk.choices] == [None, {"content": 7}]


@pytest.mark.parametrize(
    ("sent", "named"),
    [([], "an array"), ("x", "a string"), (True, "a boolean"), (7, "a number"), (1.5, "a number"), (None, "null")],
    ids=str,
)  # fmt: skip
def test_what_is_no_object(sent: Any, named: str) -> None:
    """What is no object at all is refused."""
    with pytest.raises(ValueError, match=f"^expected a JSON object, got {named}$"):
        structure_leniently(sent, Completion)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "choices", "message", "delta", "usage", "text", "logprobs", "tokens",
                         "content", "tool_calls", "function", "bytes", "images", "data", "balance"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip

CLASSES: list[type[Model]] = [
    Completion, CompletionChunk, CompletionChunkChoice, ChatCompletion, ChatCompletionChunk,
    ModelList, ImageResponse, UserInfo,
]  # fmt: skip


@settings(deadline=None, derandomize=True, database=None)
@given(st.sampled_from(CLASSES), JSON)
def test_nothing_crashes(into: type[Model], sent: Any) -> None:
    """Any JSON object becomes an instance; anything else is a `ValueError`."""
    given: object = sent
    if isinstance(given, dict):
        assert isinstance(structure_leniently(sent, into), into)
    else:
        with pytest.raises(ValueError, match="expected a JSON object"):
            structure_leniently(sent, into)
