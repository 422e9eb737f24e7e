"""What all records share: comparing and showing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import attrs
import pytest

from horay_async._record import Record
from horay_async.models.events import RefusalDelta, TextDelta
from horay_async.models.meta import Attempt
from tests.readers import made_meta

for part in ("models", "chat", "completions", "events", "images", "parsed", "usage", "user"):
    import_module(f"horay_async.models.{part}")


def below(cls: type[Record]) -> Iterator[type[Record]]:
    """The package's classes below it; other tests have theirs."""
    for derived in cls.__subclasses__():
        if derived.__module__.startswith("horay_async."):
            yield derived
            yield from below(derived)


@attrs.define(eq=False, repr=False)
class Ours(Record):
    index: int
    parts: list[Any]
    secret: str = attrs.field(default="s", repr=False)
    note: str = attrs.field(default="", eq=False)


@attrs.define
class Theirs:
    index: int
    parts: list[Any]
    secret: str = attrs.field(default="s", repr=False)
    note: str = attrs.field(default="", eq=False)


NAN = [math.nan]
NONE: list[Any] = []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, ["a"]), (1, ["a"])),
        ((1, ["a"]), (1, ["b"])),
        ((1, ["a"], "s", "n"), (1, ["a"], "s", "m")),
        ((1, ["a"], "s"), (1, ["a"], "t")),
        ((1, NAN), (1, NAN)),
        ((math.nan, NONE), (math.nan, NONE)),
    ],
)
def test_like_attrs_own(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Two records are equal, and shown, as they would be with what attrs writes."""
    assert (Ours(*one) == Ours(*other)) == (Theirs(*one) == Theirs(*other))
    assert (Ours(*one) != Ours(*other)) == (Theirs(*one) != Theirs(*other))
    assert repr(Ours(*one)) == repr(Theirs(*one)).replace("Theirs", "Ours")


def test_of_one_class_only() -> None:
    """Records of different classes differ, whatever their fields hold."""
    assert TextDelta(0, "a") == TextDelta(0, "a")
    assert TextDelta(0, "a") != RefusalDelta(0, "a")
    assert TextDelta(0, "a") != "a"


def test_not_hashable() -> None:
    """A record can change, so it is no key of a dict."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(TextDelta(0, "a"))


@pytest.mark.parametrize("cls", sorted(below(Record), key=str))
def test_no_class_has_its_own(cls: type[Record]) -> None:
    """No class has attrs generate what it has already: that is what makes importing them cheap."""
    assert "__attrs_attrs__" not in vars(cls) or not {"__eq__", "__repr__"} & vars(cls).keys()


def test_headers_are_not_shown() -> None:
    """A repr of the meta data stays readable, and shows no header."""
    meta = made_meta(headers={"Set-Cookie": "s"}, attempts=(Attempt(started=0.0),))
    assert "Set-Cookie" not in repr(meta)
    assert "Attempt(started=0.0" in repr(meta)
