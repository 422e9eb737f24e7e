"""Models as plain values, under the names that users of pydantic type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, cast

import attrs
import msgspec

from horay_async._json import plain_value


def dump(
    value: Any,
    *,
    mode: Literal["python", "json"] = "python",
    exclude_none: bool = False,
    unknown: bool = False,
) -> Any:
    """`value` with its models as dicts of their declared fields, with `unknown` of all fields. In JSON mode, values
    that JSON has no type for become text.
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
    return msgspec.to_builtins(value, str_keys=True, enc_hook=encode_foreign)


def encode_foreign(value: Any) -> Any:
    """JSON for what msgspec doesn't know: pydantic models, and texts and numbers of derived classes. Raises `TypeError` for others."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return plain_value(value)


def to_text(plain: Any, indent: int | None) -> str:
    """A plain value as JSON text, on one line unless `indent` is given."""
    return formatted(msgspec.json.encode(plain), indent)


def formatted(data: bytes, indent: int | None) -> str:
    """`data`, JSON, as text: each value as it is written there, on one line unless `indent` is given."""
    return msgspec.json.format(data, indent=-1 if indent is None else indent).decode()
