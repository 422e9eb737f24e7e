"""The responses of operations that have no class of their own: JSON, and the events of a stream."""

from __future__ import annotations

from typing import Any

import attrs

from horay_async._json import whole_characters
from horay_async.errors import APIResponseError
from horay_async.models._base import Response, parse_json

__all__ = ["JSONResponse", "ServerSentEvent"]


@attrs.define(kw_only=True, eq=False, repr=False)
class JSONResponse(Response):
    """The response of `request(...)`."""

    json: Any
    """The decoded JSON; None also where the response has no body by its status (204, 205) or method (HEAD)."""

    def __getitem__(self, name: str | int) -> Any:
        return self.json[name]


@attrs.define(kw_only=True, eq=False, repr=False)
class ServerSentEvent(Response):
    """One event of a stream that `request(..., stream=True)` opened."""

    event: str = ""
    """Its name; empty where it has none."""
    data: str = ""
    """Its data: one line, or several joined by line feeds."""
    id: str = ""
    """The last id that had come with this event or one before it; empty where none had."""

    def json(self) -> Any:
        """The data, decoded; an escape of half a character is U+FFFD. Raises `APIResponseError` where it isn't JSON."""
        try:
            return parse_json(whole_characters(self.data.encode()))
        except (ValueError, RecursionError) as error:
            raise APIResponseError(
                f"the data of the event {self.event!r} isn't JSON that can be read: {error}",
                body=self.data[:500],
                execution="executed",
            ) from error

    @property
    def text(self) -> str:
        """The data: what `stream.text()` gives."""
        return self.data
