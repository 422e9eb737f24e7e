"""The models on offer: `GET /models`, and one of them: `GET /models/{id}`."""

from __future__ import annotations

from typing import Final, Unpack
from urllib.parse import quote

import attrs

from horay_async._argument_errors import refuse_positional
from horay_async._protocol.wire.request import Operation
from horay_async.models.models import ModelInfo, ModelList, ModelListParams
from horay_async.models.options import CallOptions
from horay_async.resources._base import Resource

__all__ = ["AsyncModels"]

LIST: Final = Operation(method="GET", path="/models", params=ModelListParams, response=ModelList)
RETRIEVE: Final = Operation(method="GET", path="/models", params=CallOptions, response=ModelInfo)


class AsyncModels(Resource):
    """The models on offer."""

    async def list(self, *positional: object, **params: Unpack[ModelListParams]) -> ModelList:
        """The models on offer; `type` and `sub_type` narrow them down.

        Raises `APIError` in one of its classes, and `TypeError` for a parameter of a wrong name or type.
        """
        refuse_positional(self.list, positional)
        return await self._response(LIST, params)

    async def retrieve(self, model: str, **options: Unpack[CallOptions]) -> ModelInfo:
        """One model, by its id, whose slashes are sent as `%2F`: as one segment of the path. The API's reference
        doesn't have the operation; its shape is the one that the servers of this family share.

        Raises `NotFoundError` where there is no such model, `APIError` in one of its other classes, `TypeError` for
        an id that isn't a string, and `ValueError` for one that is empty or a step in a path (`.` or `..`).

        Args:
            model: The model's id, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
        """
        if not isinstance(model, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
            raise TypeError(f"model must be a string, not {type(model).__qualname__}")
        if model in ("", ".", ".."):
            raise ValueError(f"model must be the id of a model, not {model!r}")
        # The characters of a segment by RFC 3986, 3.3, and what OpenAI's client sends.
        path = "/models/" + quote(model, safe="!$&'()*+,;=:@")
        return await self._response(attrs.evolve(RETRIEVE, path=path), options)
