"""What `inspect` and `help` are told of the methods of both clients."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import pydoc
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from horay_async import AsyncHoray, Horay
from horay_async._bridge.wrapper import BlockingWrapper
from horay_async._generated_parameters import METHODS
from horay_async._signatures import rows_of
from tests.processes import printed_by

KEY = "a-key-for-nothing"
PLAIN: Any = vars(pydoc)["plaintext"]
"""`help` without bold letters."""


def methods(client: Any) -> Iterator[tuple[str, Any]]:
    """Every public method of a client and of its resources, by its path."""
    for owner, path in [
        (client, ""),
        *(
            (getattr(client, name), name)
            for name in ("user", "models", "completions", "images", "batch")
        ),
        (client.chat.completions, "chat.completions"),
    ]:
        cls: Any = owner.__class__
        for name in dir(cls):
            if not name.startswith("_") and inspect.isfunction(getattr(cls, name)):
                yield f"{path}.{name}".lstrip("."), getattr(owner, name)


AWAITED: dict[str, Any] = dict(methods(AsyncHoray(KEY)))
BLOCKING: dict[str, Any] = dict(methods(Horay(KEY)))
TAKE_PARAMETERS = [
    path for path, method in AWAITED.items() if getattr(method, "__qualname__", "") in METHODS
]


def test_every_method_that_takes_a_class_is_described() -> None:
    """No public method shows `**params`."""
    assert len(TAKE_PARAMETERS) >= 12
    for path, method in [*AWAITED.items(), *BLOCKING.items()]:
        kinds = {parameter.kind for parameter in inspect.signature(method).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds, path


def test_values_are_named() -> None:
    """A type that has a name of its own doesn't hide which values there are."""
    text = inspect.getdoc(Horay(KEY).images.generate) or ""
    assert 'image_size: Width by height in pixels. One of `"1024x1024"`, `"1536x1536"`, ' in text


@pytest.mark.parametrize("path", TAKE_PARAMETERS)
def test_signature(path: str) -> None:
    """It begins with what is required and ends with `timeout` and the `extra_…`; both clients' agree."""
    awaited, blocking = inspect.signature(AWAITED[path]), inspect.signature(BLOCKING[path])
    assert list(awaited.parameters.values()) == list(blocking.parameters.values())
    empty = inspect.Parameter.empty
    needed = [p.default is empty for p in blocking.parameters.values()]
    assert needed == sorted(needed, reverse=True)
    if "extra_body" in blocking.parameters:
        assert list(blocking.parameters)[-4:] == [
            "timeout",
            "extra_headers",
            "extra_query",
            "extra_body",
        ]
    assert all(p.annotation is not empty for p in blocking.parameters.values())
    assert "Async" not in str(blocking.return_annotation)
    assert "Ellipsis" not in str(blocking)


@pytest.mark.parametrize("path", TAKE_PARAMETERS)
@pytest.mark.parametrize("client", [AWAITED, BLOCKING], ids=["awaited", "blocking"])
def test_help_lists_the_parameters(client: dict[str, Any], path: str) -> None:
    """`help()` shows each parameter with its type, and what it means."""
    method = client[path]
    shown = pydoc.render_doc(method, renderer=PLAIN)
    for name in inspect.signature(method).parameters:
        assert f"        {name}: " in shown, name
    for line in (inspect.getdoc(method) or "").split("Args:\n")[1].splitlines():
        assert line.startswith("    "), line


@pytest.mark.parametrize("path", BLOCKING)
def test_blocking_method_is_no_coroutine_function(path: str) -> None:
    """However one looks, it is a plain method of its own class."""
    method = BLOCKING[path]
    for one in (method, inspect.unwrap(method), method.__func__):
        assert not inspect.iscoroutinefunction(one)
        assert not inspect.isasyncgenfunction(one)
        assert not inspect.isawaitable(one)
    if sys.version_info < (3, 14):  # deprecated from there on
        assert not vars(asyncio)["iscoroutinefunction"](method)
    assert inspect.ismethod(method)
    owner = type(method.__self__)
    assert method.__qualname__ == f"{owner.__name__}.{method.__name__}"
    assert method.__module__ == "horay_async.sync"
    assert issubclass(owner, BlockingWrapper)
    typing.get_type_hints(method)


@pytest.mark.parametrize("cls", [AsyncHoray, Horay])
def test_constructor(cls: Any) -> None:
    """The constructor and `with_options` list the options, each with its meaning."""
    options = [*rows_of("ClientParams")]
    assert list(inspect.signature(cls).parameters) == ["api_key", *options]
    assert list(inspect.signature(cls.with_options).parameters) == ["self", *options]
    shown = pydoc.render_doc(cls, renderer=PLAIN)
    for name in options:
        assert shown.count(f" {name}: ") >= 2, name


def test_signature_is_a_whole_one() -> None:
    """It can be bound, compared, copied, pickled and wrapped as any other."""
    method = BLOCKING["completions.create"]
    signature = inspect.signature(method)
    assert signature.bind(model="m", prompt="p").arguments == {"model": "m", "prompt": "p"}
    with pytest.raises(TypeError, match="prompt"):
        signature.bind(model="m")
    whole = inspect.signature(method.__func__)
    assert "self" in whole.parameters

    @functools.wraps(method.__func__)
    def wrapped() -> None: ...

    assert copy.copy(whole) == whole == inspect.signature(wrapped)
    restored = pickle.loads(pickle.dumps(whole))
    assert [*restored.parameters] == [*whole.parameters]
    assert restored.return_annotation == "Completion | Stream[CompletionChunk]"


@pytest.mark.parametrize(("flags", "shown"), [([], "Calls what has no method"), (["-OO"], "None")])
def test_signatures_are_made_late(flags: list[str], shown: str) -> None:
    """Importing makes none. With `-OO` there are no docstrings, as everywhere."""
    code = """if True:
        from horay_async import Horay
        signature = Horay.request.__signature__
        before = signature._signature.cache_info().currsize
        signature.parameters
        print(Horay.request.__doc__)
        print(before, signature._signature.cache_info().currsize)
    """
    printed = printed_by(*flags, "-c", code)
    assert printed.startswith(shown)
    assert printed.endswith("0 1\n")


@pytest.mark.parametrize("cls", [AsyncHoray, Horay])
def test_constructors_hints(cls: Any) -> None:
    """What `typing.get_type_hints` says of it is made of real types."""
    hints = typing.get_type_hints(cls.__init__)
    assert {str, type(None)} < {*typing.get_args(hints["api_key"])}
    assert hints["return"] is type(None)
