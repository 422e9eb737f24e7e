"""The answer of an operation that has no class of its own."""

from __future__ import annotations

from typing import Any

import attrs

from horay_async.models._base import Response

__all__ = ["JSONResponse"]


@attrs.define(kw_only=True, eq=False, repr=False)
class JSONResponse(Response):
    """The answer of `request(...)`."""

    json: Any
    """The decoded JSON."""

    def __getitem__(self, name: str | int) -> Any:
        return self.json[name]
