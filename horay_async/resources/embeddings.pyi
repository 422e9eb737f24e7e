# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""Vectors of texts: `POST /embeddings`, as the family of this API has it."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from horay_async._protocol.wire.embeddings import EmbeddingDecoder
from horay_async._protocol.wire.request import Operation, Request
from horay_async._timeouts import Timeouts
from horay_async.models.embeddings import EmbeddingInput, EmbeddingParams, EmbeddingResponse
from horay_async.resources._base import Resource

__all__ = ["AsyncEmbeddings"]
CREATE: Final = Operation(
    method="POST", path="/embeddings", params=EmbeddingParams, response=EmbeddingResponse
)

def decoder_of(request: Request, asked: Mapping[str, Any], offset: int = 0) -> EmbeddingDecoder:
    """What decodes the vectors that were `asked` for; the response to `request` may be as long as they are then. Before them, there are
    `offset` others of the same call.
    """

class AsyncEmbeddings(Resource):
    """Makes vectors of texts."""
    async def create(
        self,
        *,
        model: str,
        input: EmbeddingInput,
        dimensions: int | None = ...,
        encoding_format: Literal["base64", "float"] | None = ...,
        user: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> EmbeddingResponse:
        """The vector of each input, in their order. The parameters are those of `EmbeddingParams`.

        More than 2,048 inputs, or 1 MiB of them, are sent in several requests, eight at a time; what one of them
        fails with is raised, once the responses that have begun by then are read to their end; the others are cancelled.
        `timeout` is the deadline of the whole call. The vectors that had come are in the error's `partial`, an `EmbeddingResponse`: the `index` of each says which input it is of.

        Raises `APIError` in one of its classes, `APIResponseError` too where a vector is missing, there twice, of
        another length than the first or than `dimensions`, or unreadable; `TypeError` for a parameter of a wrong name or type, and `ValueError` for an empty input.

        Args:
            model: The model's name, e.g. `"BAAI/bge-m3"`.
            input: A text or a list of texts; token ids or a list of lists of them. None of them empty.
            dimensions: Numbers of each vector, for models that can shorten theirs.
            encoding_format: How vectors are sent: `"base64"`, which takes a quarter of the bytes, unless given, or `extra_body` asks for other numbers. What is read of the response is the same.
            user: An id of your end user, for the server's abuse checks.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    async def _all(self, prepared: dict[str, Any], inputs: list[Any]) -> EmbeddingResponse: ...
