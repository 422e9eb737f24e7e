"""From the bytes of a response that nothing describes to its JSON."""

# The bytes of a response are kept under a private name, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, cast

from horay_async._json import fields_of, whole_characters
from horay_async._protocol.wire.decode import check_reported, check_size, parsed
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
        if not _is_own_object(decoded):
            check_reported(decoded)
        return _made(decoded, data)

    @staticmethod
    def without_content() -> JSONResponse:
        """A response that has no body by its status or its request's method: as if it were null."""
        return _made(None, b"null")


def _is_own_object(decoded: Any) -> bool:
    """Whether `decoded` is an object of the path's own: what `error` or `code` says there is of the object, and not of the request."""
    fields = fields_of(decoded)
    code, kind = fields.get("code"), fields.get("object")
    if isinstance(code, str) and not code.isdecimal() and "error" not in fields:
        return True
    return kind != "error" and ("id" in fields or kind is not None)


def _made(decoded: Any, data: bytes) -> JSONResponse:
    response = JSONResponse(json=decoded)
    # The cast: mypy takes the slots of an attrs class for all that there are.
    cast("Response", response)._raw = data
    return response
