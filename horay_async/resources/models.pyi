# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The models on offer: `GET /models`, and one of them: `GET /models/{id}`."""

from collections.abc import Mapping
from typing import Final

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async.models.models import ModelInfo, ModelList, ModelListParams, ModelSubType, ModelType
from horay_async.models.options import CallOptions
from horay_async.resources._base import Resource

__all__ = ["AsyncModels"]
LIST: Final = Operation(method="GET", path="/models", params=ModelListParams, response=ModelList)
RETRIEVE: Final = Operation(method="GET", path="/models", params=CallOptions, response=ModelInfo)

class AsyncModels(Resource):
    """The models on offer."""
    async def list(
        self,
        *,
        type: ModelType = ...,
        sub_type: ModelSubType = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ModelList:
        """The models on offer; `type` and `sub_type` narrow them down.

        Raises `APIError` in one of its classes, and `TypeError` for a parameter of a wrong name or type.

        Args:
            type: Only models of this kind. One of `"text"`, `"image"`, `"audio"`, `"video"`.
            sub_type: Only models for this task. One of `"chat"`, `"embedding"`, `"reranker"`, `"text-to-image"`, `"image-to-image"`, `"speech-to-text"`, `"text-to-video"`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    async def retrieve(
        self,
        model: str,
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ModelInfo:
        """One model, by its id, whose slashes are sent as `%2F`: as one segment of the path. The API's reference
        doesn't have the operation; its shape is the one that the servers of this family share.

        Raises `NotFoundError` where there is no such model, `APIError` in one of its other classes, `TypeError` for
        an id that isn't a string, and `ValueError` for one that is empty or a step in a path (`.` or `..`).

        Args:
            model: The model's id, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
