"""Checking the parameters of a call against the typed dict that declares them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from horay_async._suggestions import ADVICE, about_parameter, about_value, did_you_mean, shortened

Kinds = tuple[type, ...]

TEXTUAL = frozenset({str, bytes, bytearray, memoryview})
"""Sequences that are never meant as lists."""

NO_MESSAGE: tuple[type[Any], ...] = (str, int, float, list, NoneType)
"""What JSON makes of items of a conversation that are no messages."""

AROUND_MESSAGES = {"choices": "a response", "message": "a choice"}
"""What has such a field and no role, and holds a message."""

AROUND_CONTENT = {**AROUND_MESSAGES, "role": "a message"}
"""What has such a field holds the content of a message."""

USUAL: dict[type, type] = {list: Sequence, dict: Mapping}
"""What plain lists and dicts are given for."""


@lru_cache(maxsize=64)
def _declared(params: type) -> tuple[dict[str, Kinds], frozenset[str]]:
    """The accepted run-time types by name, `()` for any, and the names that are required."""
    hints = get_type_hints(params, include_extras=True)
    # Annotations that are kept as text hide their `Required` from `__required_keys__`.
    needed = frozenset(name for name, hint in hints.items() if get_origin(hint) is Required)
    return {name: _kinds(hint) for name, hint in hints.items()}, needed


def required_parameters(declared_by: type) -> frozenset[str]:
    """The names of the parameters that can't be left out."""
    return _declared(declared_by)[1]


def _kinds(hint: Any) -> Kinds:
    if hint is Any or hint is object:
        return ()
    origin: Any = get_origin(hint)
    if origin is Required:
        return _kinds(get_args(hint)[0])
    if origin in (Union, UnionType):
        members = [_kinds(member) for member in get_args(hint)]
        return () if () in members else tuple({kind for kinds in members for kind in kinds})
    if origin is Literal:
        return tuple({value.__class__ for value in get_args(hint)})
    if is_typeddict(hint):
        return (Mapping,)
    if hint is float:
        return (int, float)
    kind: Any = origin or hint
    return (kind,) if isinstance(kind, type) else ()


def check_parameters(
    params: Mapping[str, Any],
    declared_by: type,
    beside: tuple[str, ...] = (),
    others: str = "extra_body",
) -> None:
    """Raises `TypeError` naming the parameter that is unknown, missing or of a wrong type. `beside` are parameters of the
    method that aren't declared there; fields that aren't known go into `others`.

    Ranges are the server's to judge, since they differ from model to model.
    """
    declared, needed = _declared(declared_by)
    for name, value in params.items():
        if name not in declared:
            known = {**declared, **dict.fromkeys(beside, ())}
            raise TypeError(unknown_parameter(name, known, others))
        kinds = declared[name]
        kind: type[Any] = value.__class__
        # The classes that nearly all values have are told at sight: asking an abstract one takes longer.
        if not kinds or (kind in kinds and kind is not float) or USUAL.get(kind) in kinds:
            continue
        # A truth value passes for an integer, and text for a list, but neither is meant as one.
        if not isinstance(value, kinds) or (
            (kind is bool or kind in TEXTUAL) and kind not in kinds
        ):
            hint = about_value(name, value)
            raise TypeError(
                f"{name} must be {_named(kinds)}, not {_given(kind)}{f': {hint}' if hint else ''}"
            )
        if kind is float and not math.isfinite(cast("float", value)):
            raise TypeError(f"{name} must be a finite number, not {value}")
    if not params.keys() >= needed:
        missing = sorted(needed - params.keys())
        advice = ADVICE.get(missing[0]) if len(missing) == 1 else None
        noun = "parameter" if len(missing) == 1 else "parameters"
        raise TypeError(f"missing {noun}: {', '.join(missing)}{f', {advice}' if advice else ''}")


def check_messages(messages: Sequence[Any]) -> None:
    """Raises `TypeError` for an item of `messages`, made ready for JSON, that is no message, or whose content has texts for
    parts, and `ValueError` where there is none.
    """
    if not messages:
        raise ValueError(f"messages must not be empty: {about_value('messages', messages)}")
    for at, message in enumerate(messages):
        kind: type[Any] = message.__class__
        if kind is dict:
            content = message.get("content")
            if content.__class__ is list and str in map(type, content):
                raise TypeError(_textual_part(f"messages[{at}].content", content))
            if content.__class__ is dict:
                for field, given in AROUND_CONTENT.items():
                    if field in content:
                        raise TypeError(
                            f"messages[{at}].content must be a string or a list of parts, not {given}: write "
                            "response.choices[0].message.content"
                        )
            if "role" not in message:
                for field, given in AROUND_MESSAGES.items():
                    if field in message:
                        raise TypeError(
                            f"messages[{at}] must be a message, not {given}: append response.choices[0].message"
                        )
        elif issubclass(kind, NO_MESSAGE):
            hint = about_value("messages", message)
            given = "a list or a tuple" if kind is list else _article(kind)  # JSON has no tuples
            raise TypeError(f"messages[{at}] must be a message, not {given}: {hint}")


def _textual_part(place: str, parts: list[Any]) -> str:
    at, text = next((at, part) for at, part in enumerate(parts) if part.__class__ is str)
    return f"{place}[{at}] must be a part, not a string: write {{'type': 'text', 'text': {shortened(text)!r}}}"


def check_parameter_names(
    params: Mapping[str, Any], declared_by: type, beside: tuple[str, ...] = ()
) -> None:
    """Raises `TypeError` for a parameter that isn't declared; `beside` as in `check_parameters`."""
    declared, _ = _declared(declared_by)
    for name in params:
        if name not in declared:
            raise TypeError(unknown_parameter(name, {**declared, **dict.fromkeys(beside, ())}))


def unknown_parameter(name: str, declared: Mapping[str, object], others: str = "extra_body") -> str:
    """What is wrong with a parameter that isn't among those declared; `others` as in `check_parameters`."""
    if habit := about_parameter(name, declared):
        return f"unknown parameter {name!r}: {habit}"
    close = did_you_mean(name, declared)
    return (
        f"unknown parameter {name!r}: {close}{'F' if close else 'f'}ields that this client doesn't know go into "
        f"{others}={{{name!r}: ...}}"
    )


_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    NoneType: "None",
    Mapping: "a mapping",
    Sequence: "a list",
}


def _article(kind: type) -> str:
    return _NAMES.get(kind) or f"a value of type {kind.__qualname__}"


def _given(kind: type) -> str:
    # An integer is a number, too.
    return "a float" if kind is float else _article(kind)


def _named(kinds: Kinds) -> str:
    # A float's place takes integers too; saying so would only lengthen the message.
    shown = [kind for kind in kinds if not (kind is int and float in kinds)]
    return " or ".join(sorted((_article(kind) for kind in shown), key=lambda n: (n == "None", n)))
