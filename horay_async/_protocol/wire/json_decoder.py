"""From the bytes of a response that nothing describes to its JSON."""

from __future__ import annotations

from typing import Any, cast

from horay_async._protocol.wire.characters import whole_characters
from horay_async._protocol.wire.decode import check_size, parsed, unwrapped
from horay_async._protocol.wire.size_limits import BOM, MAX_OBJECTS
from horay_async.models._base import Response
from horay_async.models.raw import JSONResponse


class JSONDecoder:
    """Takes any JSON as it is."""

    def decode(self, data: bytes, *, max_objects: int = MAX_OBJECTS) -> JSONResponse:
        """`data` as the server sent it. Raises as `Decoder.decode` does."""
        check_size(data, max_objects)
        data = whole_characters(data.removeprefix(BOM))
        decoded = parsed(data)
        unwrapped(decoded)
        return _made(decoded, data)

    @staticmethod
    def without_content() -> JSONResponse:
        """A response that has no body by its status or its request's method: as if it were null."""
        return _made(None, b"null")


def _made(decoded: Any, data: bytes) -> JSONResponse:
    response = JSONResponse(json=decoded)
    # The cast: mypy takes the slots of an attrs class for all that there are.
    cast("Response", response)._raw = data  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
    return response
