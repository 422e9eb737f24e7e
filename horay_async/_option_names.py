"""What the constructors of option classes say of a name that they don't know."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar

from horay_async._suggestions import about_option, unknown

C = TypeVar("C", bound=type[Any])


def naming_options(cls: C) -> C:
    """Has the constructor of an attrs class say of an unknown option which one may be meant, and which there are. Above
    `attrs.frozen`, as a decorator.
    """
    make = cls.__init__
    known = [field.alias for field in cls.__attrs_attrs__ if field.init]

    @wraps(make)
    def construct(self: Any, *values: Any, **options: Any) -> None:
        try:
            make(self, *values, **options)
        except TypeError as error:
            strange = next((name for name in options if name not in known), None)
            if strange is None:
                raise
            what = f"{cls.__name__} option"
            if habit := about_option(strange, cls.__name__):
                raise TypeError(f"unknown {what} {strange!r}: {habit}") from error.__cause__
            raise TypeError(unknown(what, strange, known)) from error.__cause__

    cls.__init__ = construct
    return cls
