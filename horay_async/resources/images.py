"""Pictures: `POST /image/generations`, and fetching them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack
from urllib.parse import unquote

from horay_async._argument_errors import refuse_positional
from horay_async._protocol.wire.content_coding import coding_in
from horay_async._protocol.wire.errors import bad_response
from horay_async._protocol.wire.request import Operation, download
from horay_async._protocol.wire.size_limits import MAX_IMAGE_BYTES
from horay_async.errors import APIResponseError, ConfigurationError
from horay_async.models._base64 import decode_base64
from horay_async.models.images import GeneratedImage, ImageParams, ImageResponse
from horay_async.models.options import CallOptions
from horay_async.resources._base import Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from horay_async._transport.response import RawResponse

__all__ = ["AsyncImages"]

PARTIAL_CONTENT = 206
"""The HTTP status of a part (RFC 9110, 15.3.7)."""

GENERATE: Final = Operation(
    method="POST",
    path="/image/generations",
    params=ImageParams,
    response=ImageResponse,
    billed_per_run=True,
)


class AsyncImages(Resource):
    """Draws pictures."""

    async def generate(self, *positional: object, **params: Unpack[ImageParams]) -> ImageResponse:
        """Draws what `prompt` describes. The parameters are those of `ImageParams`.

        A picture is paid by the piece, so a request that may have been run isn't sent again; see
        `RetryPolicy`. Raises `APIError` in one of its classes, and `TypeError` for a parameter of a
        wrong name or type.
        """
        refuse_positional(self.generate, positional)
        return await self._response(GENERATE, params)

    async def save(
        self,
        image: GeneratedImage | str,
        path: str | os.PathLike[str],
        **options: Unpack[CallOptions],
    ) -> Path:
        """Fetches a picture, by a response's or any other URL, to a file, and gives the file's path.

        The file appears whole or not at all; one that is there already keeps its permissions, its owner and
        the symbolic links that lead to it. Neither the key nor the client's headers go to the
        picture's host; `extra_headers` and `extra_query` do. Raises `APIError` in one of its classes
        when the picture can't be had, is over 64 MiB or is something else by its first bytes, and `OSError` when the file can't be written.

        Args:
            image: A picture of a response, or a URL; one with `data:` is decoded, and so is base64 in its place.
            path: The file to write; one that is there is replaced.
        """
        url = _url_of(image)
        target = Path(path)
        try:
            if url[:5].lower() == "data:":
                await _in_thread(lambda: _write(_decoded(url), target))
                return target
            request = download(url, self._transport.options, options)
        except ConfigurationError as error:
            if isinstance(image, str):
                raise
            problem = f"the response has a picture that can't be used: {error}"
            raise APIResponseError(problem, execution="executed") from error
        call = self._transport.call(request)

        async def receive(response: RawResponse) -> bytes:
            body, over = await response.read(MAX_IMAGE_BYTES)
            if problem := _problem(response, body, over=over):
                raise bad_response(problem, body, context=response.context)
            call.succeed(response.meta)
            return body

        content = await call.run(receive)
        await _in_thread(lambda: _write(content, target))
        return target


PICTURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|BM|II\*\0|MM\0\*|RIFF.{4}WEBP|.{4}ftyp(?:avi|hei|mif)"
    rb"|\xff\x0a|\0\0\0\x0cJXL ",
    re.DOTALL,
)
"""How files of PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF and HEIF, and JPEG XL begin, by their specifications."""


async def _in_thread(write: Callable[[], None]) -> None:
    """Writes a file beside the loop. A program that ends meanwhile, as by Ctrl-C, waits for it, and leaves no part of a file."""
    # When it is called they are loaded, and `import horay_async` does without.
    import asyncio  # noqa: PLC0415

    from horay_async._transport.in_thread import run_in_thread  # noqa: PLC0415
    from horay_async._transport.loops import registry_of  # noqa: PLC0415

    async with registry_of(asyncio.get_running_loop()).writes:
        await run_in_thread(write, name="horay-image", daemon=False)


def _url_of(image: object) -> str:
    if isinstance(image, str):
        return GeneratedImage(url=image).url
    if isinstance(image, ImageResponse):
        raise TypeError(
            "that is the whole response: pass one of its pictures, such as response.images[0]"
        )
    if not isinstance(image, GeneratedImage):
        raise TypeError(
            f"image must be a picture of a response or a URL, not a value of type {type(image).__qualname__}"
        )
    return image.url


def _decoded(url: str) -> bytes:
    """The picture that a `data:` URL holds. Raises `ConfigurationError` where it holds none."""
    head, _, data = url.partition(",")
    try:
        content = decode_base64(unquote(data)) if head.lower().endswith(";base64") else b""
    except ValueError:
        content = b""
    if not PICTURE.match(content):
        raise ConfigurationError(f"the URL {url[:40]!a}... has no picture in base64")
    return content


def _problem(response: RawResponse, body: bytes, *, over: bool) -> str | None:
    """What is wrong with a downloaded picture, to complete "the response ..."; None where all is well."""
    media = response.content_type
    headers = response.meta.headers
    if response.meta.status == PARTIAL_CONTENT or "Content-Range" in headers:
        return "is a part of a picture, which wasn't asked for"
    if over:
        return f"is over {MAX_IMAGE_BYTES:,} bytes"
    if media.startswith("text/") or media.endswith(("json", "xml")):
        return f"isn't a picture, but {media}"
    if not body:
        return "is empty"
    # Neither a body that ends with its connection nor a compressed one, which wasn't asked for, can be told
    # from one that was cut short.
    if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
        return "has no length in its headers"
    if not PICTURE.match(body):  # some gateways unpack it, and leave the header on
        if coding_in(headers):
            return "is compressed"
        shown = ascii(body[:40].decode("utf-8", "replace"))
        return f"isn't a picture, whatever its Content-Type {media!r} says: it begins with {shown}"
    return None


def _write(content: bytes, path: Path) -> None:
    """A reader of the file sees the picture from before or the whole of this one."""
    from horay_async._files import replacing, resolved  # noqa: PLC0415 - needed here alone

    with replacing(resolved(path), overwrite=True) as file:
        file.write(content)
