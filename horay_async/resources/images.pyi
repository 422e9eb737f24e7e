# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""Pictures: `POST /image/generations`, and fetching them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async.models.images import GeneratedImage, ImageParams, ImageResponse, ImageSize
from horay_async.resources._base import Resource

__all__ = ["AsyncImages"]
GENERATE: Final = Operation(
    method="POST",
    path="/image/generations",
    params=ImageParams,
    response=ImageResponse,
    billed_per_run=True,
)

class AsyncImages(Resource):
    """Draws pictures."""
    async def generate(
        self,
        *,
        model: str,
        prompt: str,
        image_size: ImageSize,
        seed: int | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ImageResponse:
        """Draws what `prompt` describes. The parameters are those of `ImageParams`.

        A picture is paid by the piece, so a request that may have been run isn't sent again; see
        `RetryPolicy`. Raises `APIError` in one of its classes, and `TypeError` for a parameter of a
        wrong name or type.

        Args:
            model: The model's name, e.g. `"black-forest-labs/FLUX.1-schnell"`.
            prompt: What the picture shows.
            image_size: Width by height in pixels. One of `"1024x1024"`, `"1536x1536"`, `"768x512"`, `"768x1024"`, `"1024x576"`, `"576x1024"`.
            seed: Above 0 and below 9999999999; the same seed gives the same picture.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    async def save(
        self,
        image: GeneratedImage | str,
        path: str | os.PathLike[str],
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Path:
        """Fetches a picture, by a response's or any other URL, to a file, and gives the file's path.

        The file appears whole or not at all; one that is there already keeps its permissions, its owner and
        the symbolic links that lead to it. Neither the key nor the client's headers go to the
        picture's host; `extra_headers` and `extra_query` do. Raises `APIError` in one of its classes
        when the picture can't be had, is over 64 MiB or is something else by its first bytes, and `OSError` when the file can't be written.

        Args:
            image: A picture of a response, or a URL; one with `data:` is decoded, and so is base64 in its place.
            path: The file to write; one that is there is replaced.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
