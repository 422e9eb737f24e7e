"""What a class shows of the attributes that only its instances have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["OnClass", "OnInstances"]


class OnClass:
    """An attribute that instances set, or that `get` makes for them. On the class it is the attribute's own class, so
    that `help(Horay.chat.completions.create)` and `unittest.mock.create_autospec(Horay)` find the methods.

    To be assigned where type checkers don't look.
    """

    def __init__(
        self, cls: Callable[[], type[Any]], get: Callable[[Any], Any] | None = None
    ) -> None:
        """`cls` is called for the class, which may be loaded then."""
        self._cls, self._get = cls, get

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self._cls()
        if (
            self._get is None
        ):  # the constructor has raised, or an instance's own would be found before
            raise AttributeError
        return self._get(instance)


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
