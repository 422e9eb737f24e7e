"""The tree of errors: its shape, its words, and that nothing is lost when one is pickled or copied."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from horay_async import errors
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    HorayError,
    InternalServerError,
    ServiceOverloadedError,
    StreamError,
    StreamTruncatedError,
)
from horay_async.models._base import Response
from horay_async.models.completions import Completion, CompletionChoice
from horay_async.models.meta import Attempt, ResponseMeta

CLASSES: list[type[HorayError]] = [
    cls
    for name in errors.__all__
    if inspect.isclass(cls := getattr(errors, name)) and issubclass(cls, HorayError)
]
"""Every class of the tree."""

CALL_FAILED = [cls for cls in CLASSES if issubclass(cls, APIError)]

ATTEMPTS = (
    Attempt(started=0.0, seconds=0.1, status=503, error="ServiceOverloadedError", backoff=0.4),
    Attempt(started=0.5, seconds=0.1, execution="unknown", request_id="req-2"),
)


def filled(cls: type[APIError]) -> APIError:
    """An error with something in each of its attributes."""
    partial = Completion(id="c", choices=[CompletionChoice(text="Ber")])
    cast("Response", partial).meta = ResponseMeta(  # the cast: mypy takes attrs' slots for all slots
        request_id="r", status=200, headers={"a": "b"}, attempts=ATTEMPTS, queue=0.0, connect=0.0, first_byte=0.1
    )  # fmt: skip
    values: dict[str, Any] = {
        "execution": "not_sent",
        "request_id": "req-1",
        "attempts": ATTEMPTS,
        "clock": "idle",
        "type": "t",
        "code": 7,
        "param": "n",
        "body": {"error": "No."},
        "status_code": 418,
        "retry_after": 1.5,
        "headers": {"a": "b"},
        "partial": partial,
        "reason": "cut",
        "transient": False,
        "text": "{}",
        "path": "$.a",
        "errors": (("$.a", "missing"),),
        "completion": partial,
    }
    taken: set[str] = set()
    for base in cls.__mro__:
        if issubclass(base, APIError):
            taken |= set(base.__annotations__)
    return cls("No.", **{name: value for name, value in values.items() if name in taken})


def pickled(protocol: int) -> Callable[[Any], Any]:
    """Through a pickle and back."""
    return lambda error: pickle.loads(pickle.dumps(error, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {version}": pickled(version) for version in range(2, pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize("way", COPIES.values(), ids=list(COPIES))
@pytest.mark.parametrize("cls", CALL_FAILED, ids=lambda cls: cls.__name__)
def test_copies(cls: type[APIError], way: Callable[[Any], Any]) -> None:
    """An error keeps its class, its words and every attribute."""
    error = filled(cls)
    again = way(error)
    assert type(again) is cls
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert again.args == error.args
    partial: Completion | None = getattr(error, "partial", None)
    if partial is not None:
        assert getattr(again, "partial").meta == partial.meta  # noqa: B009 - not every class has one


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_copies_of_bare_ones(cls: type[HorayError]) -> None:
    """So does one that has nothing but a message."""
    again = pickle.loads(pickle.dumps(cls("No.")))
    assert type(again) is cls
    assert str(again) == "No."
    assert vars(again) == vars(cls("No."))


@pytest.mark.parametrize("cls", CALL_FAILED, ids=lambda cls: cls.__name__)
def test_attributes_are_there(cls: type[APIError]) -> None:
    """Every attribute that a class documents is set, however the error was made."""
    error = cls("No.")
    for base in cls.__mro__:
        for name in vars(base).get("__annotations__", {}):
            assert hasattr(error, name), name
    assert error.message == "No."
    assert error.attempts == ()
    assert error.request_id is None


def test_tree_is_as_documented() -> None:
    """The list in the module's docstring names every class, below the base that it has."""
    assert errors.__doc__ is not None
    tree = errors.__doc__[errors.__doc__.index("- `HorayError`") :].partition("\n\n")[0]
    documented: dict[str, int] = {}
    for bullet in re.split(r"\n(?= *- )", tree):
        level = (len(bullet) - len(bullet.lstrip())) // 2
        documented |= dict.fromkeys(re.findall(r"`(\w+Error)`", bullet), level)
    public = [name for name in errors.__all__ if name.endswith("Error")]
    assert set(documented) == set(public)
    depth = {cls.__name__: len([b for b in cls.__mro__ if b in CLASSES]) - 1 for cls in CLASSES}
    assert documented == depth


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, "No."),
        ({"request_id": "req-1"}, "No. (request id req-1)"),
        ({"attempts": ATTEMPTS[:1]}, "No."),
        ({"attempts": ATTEMPTS}, "No. (2 attempts)"),
        ({"request_id": "req-1", "attempts": ATTEMPTS}, "No. (request id req-1, 2 attempts)"),
    ],
    ids=str,
)
def test_words(known: dict[str, Any], shown: str) -> None:
    """What is quoted to a server's support stands behind the message."""
    error = APIError("No.", **known)
    assert str(error) == shown
    assert error.message == "No."


def test_kinds() -> None:
    """What a caller catches together belongs together."""
    assert issubclass(APITimeoutError, APIConnectionError)
    assert issubclass(ServiceOverloadedError, InternalServerError)
    assert issubclass(InternalServerError, APIStatusError)
    for cls in (APIResponseError, StreamError, StreamTruncatedError):
        assert not issubclass(cls, APIConnectionError | APIStatusError)
    assert not issubclass(errors.ConfigurationError, APIError)


def test_misspelt_attributes_are_refused() -> None:
    """An attribute that no class has is a mistake."""
    with pytest.raises(TypeError, match="excecution"):
        APIStatusError("No.", excecution="unknown")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - the mistake
