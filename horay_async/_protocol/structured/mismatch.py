"""What doesn't fit a caller's class, and where in the JSON it stands. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import clear_frames
from types import NoneType
from typing import Any, cast

import attrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError

from horay_async._user_code import contain

FIELD = "_of_json_"
"""How the names begin that cattrs has for fields: its function takes them beside parameters of its own, such as `converter`."""


@attrs.frozen
class Mismatch:
    """One thing that doesn't fit."""

    path: str
    """Where, as a JSON path: `$.lines[2].price`."""
    message: str


@attrs.frozen
class Mistaken(Mismatch):
    """What fits, but which pydantic would take for something else."""


@attrs.frozen
class OutOfBounds(Mismatch):
    """What has the right type, but not the bounds."""


class Mismatches(Exception):
    """The value doesn't fit the class; `found` says where, at least once."""

    def __init__(self, found: list[Mismatch]) -> None:
        super().__init__(found)
        self.found = found


class InvalidValue(ValueError):
    """A value that doesn't fit where it stands; the text says what was expected."""

    def __init__(self, expected: str, value: Any) -> None:
        super().__init__(f"expected {expected}, got {_shown(value)}")


class NestedMismatches(Mismatches):
    """Mismatches below the place where this is raised: their paths go on from there."""


def named(hint: Any) -> str:
    """The name of a class, for messages."""
    return "null" if hint is NoneType else getattr(hint, "__name__", None) or str(hint)


def found_in(error: BaseException, path: str) -> Iterator[Mismatch]:
    """The mismatches behind an error of cattrs, of a hook, or of the class itself.

    Raises `error` where it is a `RecursionError`: the path to it would be as deep as the value.
    """
    if isinstance(error, RecursionError):
        raise error
    if isinstance(error, ClassValidationError):
        clear_frames(error.__traceback__)  # cattrs' one knows the errors that know it
        placed, unplaced = error.group_exceptions()
        for inner, field in placed:
            name = field.name.removeprefix(FIELD)
            there = f"{path}{step(name)}"
            # What cattrs raises for a field that isn't there; users' classes raise others.
            missing = isinstance(inner, KeyError) and inner.args == (name,)
            yield from [Mismatch(there, "is missing")] if missing else found_in(inner, there)
        for inner in unplaced:
            yield from found_in(inner, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield Mismatch(f"{path}{step(name)}", f"{named(error.cl)} has no such field")
    elif isinstance(error, NestedMismatches):
        for mismatch in error.found:
            yield attrs.evolve(mismatch, path=f"{path}{mismatch.path}")
    else:  # a hook's message, or that of a validator; attrs' own have more than a message in their arguments
        yield Mismatch(path, _message_of(error))


def _message_of(error: BaseException) -> str:
    """What an error says; a name alone, as of a key that isn't there, says too little without the error's."""
    name = type(error).__name__
    if not isinstance(error, LookupError) and error.args and isinstance(error.args[0], str):
        return error.args[0] or name
    try:
        text = contain(str, error)
        return f"{name}: {text}" if isinstance(error, LookupError) else text or name
    except Exception:  # noqa: BLE001 - an error of a user's own may be unable to say anything
        return name


def step(name: Any) -> str:
    """One step of a path: into a property, or an array's item."""
    if isinstance(name, int):
        return f"[{name}]"
    return f".{name}" if str(name).isidentifier() else f"[{name!r}]"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(cast('list[Any]', value))}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
