"""Structuring JSON into the attrs classes, leniently.

A field that is missing takes its default, and so does one that can't be read as its type; the rest of
the object stays usable. This is the careful path: responses that are read often are decoded straight
into the same classes, and come here only when that fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, get_args, get_origin

import cattrs
import msgspec

from horay_async._json import is_array, is_object
from horay_async.models._base import Model, is_model, sent_fields

M = TypeVar("M", bound=Model)

Hook = Callable[[Any, Any], Any]

_NOTHING: Any = object()

_converter = cattrs.Converter(detailed_validation=False)


def structure_leniently(data: object, into: type[M]) -> M:
    """`data`, a decoded JSON value, as an instance of `into`.

    Raises `ValueError` when `data` isn't a JSON object at all.
    """
    if not is_object(data):
        raise ValueError(f"expected a JSON object, got {_json_name(data)}")
    return _converter.structure(data, into)


def _json_name(value: object) -> str:
    names: dict[type, str] = {list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _read_text(value: Any, _: Any) -> str:
    """Text, or the text of a list of content parts (`{"type": "text", "text": "..."}`)."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    if is_array(value):
        texts = [part["text"] for part in value if "text" in part]
        if texts:
            return "".join(texts)
    raise ValueError("neither text nor parts of it")


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _number(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _boolean(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(value)


def _money(value: Any, _: Any) -> Decimal:
    """A decimal string, or a number by its shortest decimal form; never through binary fractions."""
    if isinstance(value, bool):
        raise ValueError(value)
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(value) from error
    if not amount.is_finite():
        raise ValueError(value)
    return amount


def _unread(value: Any, _: Any) -> msgspec.Raw:
    """JSON that is decoded later, where its type is known."""
    return msgspec.Raw(msgspec.json.encode(value))


def _is_list(type_: Any) -> bool:
    return get_origin(type_) is list


@_converter.register_structure_hook_factory(_is_list)
def _list_hook(type_: Any) -> Hook:
    """Reads a list entry by entry.

    An unreadable object is left out. Other lists are aligned with one another by position: there an
    unreadable entry becomes null or empty text, or else the whole list counts as unreadable.
    """
    (item_type,) = get_args(type_)
    of_models = is_model(item_type)
    stand_in = None if type(None) in get_args(item_type) else "" if item_type is str else _NOTHING

    def hook(value: Any, _: Any) -> list[Any]:
        if not is_array(value):
            raise ValueError(value)
        items: list[Any] = []
        for entry in value:
            try:
                items.append(_converter.structure(entry, item_type))
            except Exception:  # hooks raise whatever they meet; the entry is unreadable
                if of_models:
                    continue
                if stand_in is _NOTHING:
                    raise
                items.append(stand_in)
        return items

    return hook


def _is_dict(type_: Any) -> bool:
    return get_origin(type_) is dict


@_converter.register_structure_hook_factory(_is_dict)
def _dict_hook(type_: Any) -> Hook:
    """Reads an object of names that differ, such as tokens, entry by entry. An unreadable entry is left out; where all are, so is
    the object.
    """
    _, item_type = get_args(type_)

    def hook(value: Any, _: Any) -> dict[str, Any]:
        if not is_object(value):
            raise ValueError(value)
        items: dict[str, Any] = {}
        for name, entry in value.items():
            with suppress(Exception):  # hooks raise whatever they meet; the entry is unreadable
                items[name] = _converter.structure(entry, item_type)
        if value and not items:
            raise ValueError(value)
        return items

    return hook


@_converter.register_structure_hook_factory(is_model)
def _model_hook(type_: Any) -> Hook:
    """Reads an object field by field; one that can't be read keeps its default."""
    fields = sent_fields(type_)

    def hook(value: Any, _: Any) -> Any:
        if not is_object(value):
            raise ValueError(value)
        known: dict[str, Any] = {}
        for wire, name, field_type in fields:
            if wire not in value:
                continue
            try:
                known[name] = _converter.structure(value[wire], field_type)
            except Exception:  # noqa: BLE001 - hooks raise whatever they meet; the field is unreadable
                continue
        return type_(**known)

    return hook


_converter.register_structure_hook(str, _read_text)
_converter.register_structure_hook(int, _integer)
_converter.register_structure_hook(float, _number)
_converter.register_structure_hook(bool, _boolean)
_converter.register_structure_hook(Decimal, _money)
_converter.register_structure_hook(msgspec.Raw, _unread)
