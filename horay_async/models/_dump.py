"""Models as plain values, under the names that users of pydantic type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, cast

import attrs
import msgspec


def dump(
    value: Any,
    *,
    mode: Literal["python", "json"] = "python",
    exclude_none: bool = False,
    unknown: bool = False,
) -> Any:
    """`value` with its models as dicts of their known fields, with `unknown` of those too that their classes don't know. In
    JSON mode, what JSON has no type for is text.
    """
    inner = partial(dump, mode=mode, exclude_none=exclude_none, unknown=unknown)
    if attrs.has(value.__class__):
        fields = attrs.asdict(value, recurse=False)
        if unknown:
            fields |= getattr(value, "_unknown", {})
        return {
            name: inner(item)
            for name, item in fields.items()
            if not (exclude_none and item is None)
        }
    if isinstance(value, Mapping):
        return {name: inner(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [inner(item) for item in cast("list[Any]", value)]
    if mode == "python":
        return value
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_foreign)


def _foreign(value: Any) -> Any:
    """What a class of the caller's is in JSON, such as a pydantic model that a response was parsed into."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__qualname__} can't be shown as JSON")


def to_text(plain: Any, indent: int | None) -> str:
    """A plain value as JSON text, on one line unless `indent` is given."""
    return formatted(msgspec.json.encode(plain), indent)


def formatted(data: bytes, indent: int | None) -> str:
    """`data`, JSON, as text: each value as it is written there, on one line unless `indent` is given."""
    return msgspec.json.format(data, indent=-1 if indent is None else indent).decode()
