"""What a class shows of the attributes that only its instances have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["Group", "OnInstances"]

T = TypeVar("T")


class Group(Generic[T]):
    """A group of operations, declared in the class of a client, which has `_make_group`: each instance makes its own when it
    is first asked for.

    On the class it is the group's own class, so that `help(Horay.chat.completions.create)` and
    `unittest.mock.create_autospec(Horay)` find the methods.
    """

    def __init__(self, cls: type[T] | Callable[[], type[T]]) -> None:
        """A function as `cls` returns the class, which may be loaded then."""
        self._cls = cls

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> type[T]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> type[T] | T:
        cls = self._cls if isinstance(self._cls, type) else self._cls()
        if instance is None:
            return cls
        group: T = instance._make_group(cls, self._name)  # noqa: SLF001 - see above
        instance.__dict__[self._name] = group  # found before this from now on
        return group


class OnInstances:
    """A method that the class itself doesn't show.

    A class's `__getattr__` keeps IPython without jedi from completing below its instances' attributes
    (`client.chat.<Tab>`), since calling it might do anything.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        if instance is None:
            raise AttributeError
        return self._function.__get__(instance, owner)
