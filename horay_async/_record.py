"""What attrs would write anew for each class, written once for all: comparing and showing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from horay_async._class_docs import describe_fields

WIDTH = 88
"""Characters of a line of a `repr`, as formatters of code have it."""


class Record:
    """An attrs class that is equal to another of its class with equal fields, and shows its fields.

    Derived classes pass `eq=False, repr=False` to `attrs.define`: to generate and compile these two methods is half of
    what it takes to make a class. With plain attrs, the first response takes 3 % more instructions
    (25 classes), and loading all names of the package 19 ms on top of 180 ms (CPython 3.11).
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # Each derived class is an attrs class; this plain base of theirs can't say so.
        __attrs_attrs__: Any

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        describe_fields(cls)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in self.__attrs_attrs__
            if field.eq
        )

    # As of all that is compared by what can change.
    __hash__: ClassVar[None] = None  # type: ignore[assignment] # pyright: ignore[reportIncompatibleMethodOverride] - the way to say it

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in self.__attrs_attrs__:
            if field.repr:
                show = repr if field.repr is True else field.repr
                shown.append(f"{field.name}={show(getattr(self, field.name))}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows: the `repr` over several lines."""
        printer.text(lines(self))


class FrozenRecord(Record):
    """The same of a class that can't be changed, and so has a hash, where its fields have."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride] - what can't be changed has one
        return hash(tuple(getattr(self, field.name) for field in self.__attrs_attrs__ if field.eq))


def lines(value: Any, indent: str = "") -> str:
    """A `repr` over several lines, where one is too short for it."""
    short = repr(value)
    if len(short) + len(indent) <= WIDTH:
        return short
    deeper = indent + "    "
    fields = getattr(value, "__attrs_attrs__", None)
    if fields is not None:
        inner = [
            f"{deeper}{field.name}={show(getattr(value, field.name))},"
            for field in fields
            if (show := partial(lines, indent=deeper) if field.repr is True else field.repr)
        ]
        return "\n".join([f"{type(value).__name__}(", *inner, f"{indent})"])
    if isinstance(value, list) and value:
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - of any type
        return "\n".join(
            ["[", *(f"{deeper}{lines(item, deeper)}," for item in items), f"{indent}]"]
        )
    return short
