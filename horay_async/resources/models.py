"""The models on offer: `GET /models`."""

from __future__ import annotations

from typing import Final, Unpack

from horay_async._protocol.wire.request import Operation
from horay_async.models.models import ModelList, ModelListParams
from horay_async.resources._base import Resource

__all__ = ["AsyncModels"]

LIST: Final = Operation(method="GET", path="/models", params=ModelListParams, answer=ModelList)


class AsyncModels(Resource):
    """The models on offer."""

    async def list(self, **params: Unpack[ModelListParams]) -> ModelList:
        """The models on offer; `type` and `sub_type` narrow them down.

        Raises `APIError` in one of its classes, and `TypeError` for a parameter of a wrong name or type.
        """
        return await self._answer(LIST, params)
