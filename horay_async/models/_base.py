"""What every answer model shares: the body as it was sent, and how it came about."""

from __future__ import annotations

from typing import Any, cast

import attrs
import msgspec

from horay_async.models.meta import ResponseMeta

__all__ = ["Model", "Response"]


class Model:
    """An attrs class that mirrors a JSON object of the API.

    Fields that the server left out, or sent in a type that can't be read, have their default:
    None, an empty string, 0 or an empty list, as the field's type says.
    """

    __slots__ = ()

    wire_case: str = "snake"
    """How the API spells the field names of this class: `"snake"` or `"camel"`."""


class Response(Model):
    """A model that is an answer, or one streamed chunk of it, as a whole."""

    __slots__ = ("_raw", "meta")

    _raw: bytes
    meta: ResponseMeta
    """How the answer came about; the chunks of one stream share theirs."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON that the server sent, unknown fields included.

        An object that was merged from chunks, or made by hand, gives its known fields.
        """
        raw = getattr(self, "_raw", None)
        if raw is None:
            # Every subclass is an attrs class; this plain base of theirs can't say so.
            return attrs.asdict(cast(Any, self))
        return cast("dict[str, Any]", msgspec.json.decode(raw))
