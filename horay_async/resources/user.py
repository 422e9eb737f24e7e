"""The account behind the key: `GET /user/info`."""

from __future__ import annotations

from typing import Final, Unpack

from horay_async._protocol.wire.request import Operation
from horay_async.models.options import CallOptions
from horay_async.models.user import UserInfo
from horay_async.resources._base import Resource

__all__ = ["AsyncUser"]

INFO: Final = Operation(method="GET", path="/user/info", params=CallOptions, response=UserInfo)


class AsyncUser(Resource):
    """The account behind the key."""

    async def info(self, **options: Unpack[CallOptions]) -> UserInfo:
        """The account's name, status and balances. Raises `APIError` in one of its classes."""
        return await self._response(INFO, options)
