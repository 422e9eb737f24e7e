"""Bodies in the content coding `x-gzip`, which equals `gzip` (RFC 9110, section 8.4.1.3) and isn't known to aiohttp."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import aiohttp
from multidict import istr

from horay_async._protocol.wire.bounds import MAX_PIECE_BYTES

__all__ = ["CONTENT_ENCODING", "Body", "CodingError", "GzipReader", "body_of"]

CONTENT_ENCODING = istr("Content-Encoding")

GZIP_WBITS = 16 + zlib.MAX_WBITS
"""Has zlib expect gzip's head and checksum."""


class CodingError(aiohttp.ClientPayloadError):
    """What is wrong with a body's compression."""


class GzipReader:
    """As much of `aiohttp.StreamReader` as is used of a body, over one that is compressed."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._decompressor = zlib.decompressobj(GZIP_WBITS)

    def is_eof(self) -> bool:
        """Whether all has come."""
        return self._content.is_eof()

    def at_eof(self) -> bool:
        """Whether all was read, to its end."""
        return self._content.at_eof() and self._decompressor.eof

    def exception(self) -> BaseException | None:
        """What ended the body."""
        return self._content.exception()

    def read_nowait(self) -> bytes:
        """What is left and has come, of the size of one piece."""
        return self._decompressed(self._decompressor.unconsumed_tail + self._content.read_nowait())

    async def readany(self) -> bytes:
        """What has come, of the size of one piece, waiting for some; empty at the end."""
        while data := self._decompressor.unconsumed_tail or await self._content.readany():
            if piece := self._decompressed(data):
                return piece
        if not self._decompressor.eof:
            raise CodingError("its x-gzip data has no end")
        return b""

    def _decompressed(self, data: bytes) -> bytes:
        try:
            return self._decompressor.decompress(data, MAX_PIECE_BYTES)
        except zlib.error as error:
            raise CodingError(f"its data isn't x-gzip: {error}") from None


Body = aiohttp.StreamReader | GzipReader


def body_of(content: aiohttp.StreamReader, headers: Mapping[str, str]) -> Body:
    """The body of a response with these headers, decompressed."""
    coding = headers.get(CONTENT_ENCODING)
    return content if coding is None or coding.lower() != "x-gzip" else GzipReader(content)
