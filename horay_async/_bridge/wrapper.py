"""Blocking classes over asynchronous ones."""

# `blocking` makes the methods of `BlockingWrapper`, so it is at home among its private names:
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Never,
    ParamSpec,
    TypeVar,
    cast,
    overload,
)

from horay_async.models._base import Model
from horay_async.streaming import Mirrored

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from horay_async._bridge.thread import LoopHandle

    S = TypeVarWithDefault("S", default=Never)
    M = TypeVarWithDefault("M", bound=Model, default=Never)

__all__ = ["BlockingWrapper", "blocking", "blocking_generic"]

P = ParamSpec("P")
R = TypeVar("R")

CO_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`."""


class BlockingWrapper:
    """A blocking class: its methods run those of an asynchronous object on the loop's thread."""

    _classes: ClassVar[dict[type, type[BlockingWrapper]]] = {}
    """Asynchronous classes, and their blocking ones."""

    def __init_subclass__(cls, *, of: type | None = None, **kwargs: Any) -> None:
        """`of` names the asynchronous class whose instances this one wraps."""
        super().__init_subclass__(**kwargs)
        if of is not None:
            BlockingWrapper._classes[of] = cls

    def __init__(self, wrapped: Any, handle: LoopHandle) -> None:
        self._wrapped = wrapped
        self._handle = handle

    def _wrap(self, value: Any) -> Any:
        """`value` as an instance of its blocking class, where it has one."""
        cls = BlockingWrapper._classes.get(value.__class__)
        return value if cls is None else cls(value, self._handle)


class _Method:
    """In a class body: becomes a function with the class's own names."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        method = self._method

        # `inspect` would load much more for the same answer; overloads end in the implementation.
        if method.__code__.co_flags & CO_COROUTINE:

            @wraps(method)
            def call(self: BlockingWrapper, /, *args: Any, **kwargs: Any) -> Any:
                return self._wrap(self._handle.run(partial(method, self._wrapped, *args, **kwargs)))

        else:

            @wraps(method)
            def call(self: BlockingWrapper, /, *args: Any, **kwargs: Any) -> Any:
                return self._wrap(method(self._wrapped, *args, **kwargs))

        call.__module__, call.__qualname__ = owner.__module__, f"{owner.__qualname__}.{name}"
        setattr(owner, name, call)


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, Mirrored[S] | M]],
) -> Callable[Concatenate[BlockingWrapper, P], S | M]: ...


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[BlockingWrapper, P], R]: ...


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Mirrored[S]],
) -> Callable[Concatenate[BlockingWrapper, P], S]: ...


def blocking(method: Callable[..., Any]) -> Any:
    """The blocking form of a method of an asynchronous class, with its signature and docstring.

    A method that is no coroutine function makes an object without waiting for anything.
    """
    return _Method(method)


def blocking_generic(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[BlockingWrapper, P], R]:
    """`blocking` for a method with a type variable of its own, which mypy loses among those overloads."""
    return cast("Callable[Concatenate[BlockingWrapper, P], R]", _Method(method))
