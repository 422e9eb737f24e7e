"""Blocking classes over asynchronous ones."""

# `blocking` makes the methods of `BlockingWrapper`, so it is at home among its private names:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from horay_async._argument_errors import naming_method
from horay_async._signatures import blocking_form
from horay_async._suggestions import ONLY_BLOCKING, no_attribute

if TYPE_CHECKING:
    from horay_async._bridge.thread import LoopHandle

T = TypeVar("T")

CO_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`."""


class BlockingWrapper:
    """A blocking class: its methods run those of an asynchronous object on the loop's thread."""

    _classes: ClassVar[dict[type, type[BlockingWrapper]]] = {}
    """Asynchronous classes, and their blocking ones."""

    def __init_subclass__(cls, *, of: type | None = None, **kwargs: Any) -> None:
        """`of` names the asynchronous class whose instances this one wraps. Its public properties are made here, except those
        that this class has already.
        """
        super().__init_subclass__(**kwargs)
        if of is None:
            return
        BlockingWrapper._classes[of] = cls
        for name, member in vars(of).items():
            if isinstance(member, property) and name[0] != "_" and not hasattr(cls, name):
                setattr(cls, name, property(attrgetter(f"_wrapped.{name}"), doc=member.__doc__))

    def __init__(self, wrapped: Any, handle: LoopHandle) -> None:
        self._wrapped = wrapped
        self._handle = handle

    if not TYPE_CHECKING:
        __getattr__ = no_attribute
        __aenter__ = ONLY_BLOCKING

    def __repr__(self) -> str:
        """As the asynchronous object shows itself, where it does, under this class's name."""
        wrapped: Any = vars(self).get("_wrapped")
        cls: Any = wrapped.__class__
        if wrapped is None:  # as for `AsyncHoray`
            return f"{self.__class__.__name__}(its constructor has raised)"
        return repr(wrapped).replace(cls.__name__, self.__class__.__name__, 1)

    @classmethod
    def _blocking_names(cls) -> dict[str, str]:
        """The names of asynchronous classes, and of the blocking ones."""
        return {of.__name__: own.__name__ for of, own in cls._classes.items()}

    def _make_group(self, cls: Callable[[Any, LoopHandle], T], name: str) -> T:
        return cls(getattr(self._wrapped, name), self._handle)


def blocking(method: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Decorates the declaration of a blocking method, which has no parameters and no body of its own: it becomes the
    blocking form of `method`, one of an asynchronous class, with its signature and docstring.

    Type checkers and editors see the generated stub; what completes below an object that is there, as IPython does, looks for
    the declaration. A method that is no coroutine function makes an object
    without waiting for anything.
    """

    def decorated(declaration: Callable[..., Any]) -> Any:
        # `inspect` would load much more for the same result; overloads end in the implementation.
        waits = method.__code__.co_flags & CO_COROUTINE

        def call(self: BlockingWrapper, /, *args: Any, **kwargs: Any) -> Any:
            bound = partial(method, self._wrapped, *args, **kwargs)
            try:
                made = self._handle.run(bound) if waits else bound()
            except (TypeError, ValueError) as error:
                raise naming_method(error, call, method, len(args)) from error.__cause__
            cls = BlockingWrapper._classes.get(made.__class__)
            return made if cls is None else cls(made, self._handle)

        call.__name__, call.__qualname__ = declaration.__name__, declaration.__qualname__
        call.__module__ = declaration.__module__
        call.__annotations__ = {}  # `self` is the class; the rest is in the signature
        blocking_form(call, method, BlockingWrapper._blocking_names)
        return call

    return decorated
