"""What a class shows of the attributes that only its instances have."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Generic, TypeVar, overload

from horay_async._first_use import FIRST_USE

T = TypeVar("T")


class Group(Generic[T]):
    """A group of operations, declared in the class of a client, which has `_make_group`: each instance makes its own when it
    is first asked for.

    On the class it is the group's own class, so that `help(Horay.chat.completions.create)` and
    `unittest.mock.create_autospec(Horay)` find the methods.
    """

    def __init__(self, cls: type[T] | str) -> None:
        """`cls` is the class, or where it is, such as `"package.module:Class"`: it is loaded when it is first used."""
        self._cls = cls

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> type[T]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> type[T] | T:
        cls = self._cls  # looked at once: another thread may be loading it
        if isinstance(cls, str):
            where = cls
            # A forked child would wait for ever for a module that another thread was loading.
            cls = self._cls = FIRST_USE.alone(lambda: _loaded(where), lambda: _loaded(where))
        if instance is None:
            return cls
        group: T = instance._make_group(cls, self._name)  # noqa: SLF001 - see above
        # Found before this from now on. Threads that ask at the same time get the same one.
        made: T = instance.__dict__.setdefault(self._name, group)
        return made


def own_attributes(instance: object) -> dict[str, Any]:
    """What a copy of a client has of its attributes, those of derived classes among them: all but the groups that it has made."""
    classes = type(instance).__mro__
    return {
        name: value
        for name, value in vars(instance).items()
        if not any(isinstance(vars(cls).get(name), Group) for cls in classes)
    }


def _loaded(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


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
