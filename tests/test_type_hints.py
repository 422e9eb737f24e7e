"""`typing.get_type_hints` works for all that users see, though most names of types are imported for checkers alone."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator
from typing import Any, cast

import pytest

import horay_async
from horay_async import AsyncHoray, Horay
from horay_async._type_hints import load_type_names, resolvable
from tests.processes import printed_by

PACKAGE = "horay_async"

NOT_SUBSCRIPTABLE = {"Embedding.array"} if sys.version_info < (3, 12) else set[str]()
"""Whose type that Python can't make."""


def members(cls: type[Any], name: str) -> Iterator[tuple[str, Any]]:
    """A class, and what is public in it: methods and properties."""
    yield name, cls
    for attribute in dir(cls):
        value = inspect.getattr_static(cls, attribute)
        value = getattr(value, "__func__", getattr(value, "fget", value))
        own = inspect.isfunction(value) and value.__module__.startswith(PACKAGE)
        if own and not attribute.startswith("_"):
            yield f"{name}.{attribute}", value


def groups(client: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What belongs to a client: its operations, group by group."""
    cls = cast("type[Any]", type(client))
    yield from members(cls, name)
    for attribute in dir(client):
        if attribute.startswith("_") or inspect.isroutine(value := getattr(client, attribute)):
            continue
        if type(value).__module__.startswith(PACKAGE):
            yield from groups(value, f"{name}.{attribute}")


def public() -> Iterator[tuple[str, Any]]:
    """All of it."""
    for name in horay_async.__all__:
        value = getattr(horay_async, name)
        if inspect.isclass(value):
            yield from members(value, name)
        elif inspect.isfunction(value):
            yield name, value
    clients: list[Any] = [AsyncHoray("key"), Horay("key")]
    for client in clients:
        yield from groups(client, type(client).__name__)
        yield f"{type(client).__name__}.__init__", type(client).__init__


PUBLIC = {name: value for name, value in public() if name not in NOT_SUBSCRIPTABLE}


@pytest.mark.parametrize("name", PUBLIC)
def test_each_has_its_hints(name: str) -> None:
    """No name is missing."""
    hints = typing.get_type_hints(PUBLIC[name])
    assert not any(isinstance(hint, str) for hint in hints.values())


def test_all_of_both_clients_is_there() -> None:
    """Among what is looked at."""
    for client in ("AsyncHoray", "Horay"):
        for operation in (
            "chat.completions.parse",
            "chat.completions.run_tools",
            "batch.run",
            "images.save",
        ):
            assert f"{client}.{operation}" in PUBLIC


@pytest.mark.parametrize("called", ["keys()", "items()", "values()", "__iter__()"])
def test_first_look_loads_the_names(called: str) -> None:
    """In a process where nothing was loaded for it, whichever way the hints are gone through; calls load nothing."""
    code = f"""
import sys
from horay_async.options import ClientOptions
AT = "aiohttp"
ClientOptions(api_key="k").changed(trust_env=True)
assert AT not in sys.modules
list(ClientOptions.__annotations__.{called})
assert AT in sys.modules
assert sys.modules["horay_async.options"].ssl
"""
    printed_by("-c", code)


def test_other_classes_keep_theirs() -> None:
    """Those of a user, derived from one of this package's: nothing is loaded for them."""

    @resolvable
    class Mine:
        size: int

    assert typing.get_type_hints(Mine) == {"size": int}


def test_without_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it wasn't delivered, what needs no further name still has its hints."""

    def getsource(_: object) -> str:
        raise OSError

    monkeypatch.setattr(inspect, "getsource", getsource)
    load_type_names.cache_clear()
    assert typing.get_type_hints(horay_async.Timeouts)["total"] == float | None
    load_type_names.cache_clear()
