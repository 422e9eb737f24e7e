"""Pictures in base64, in the place of their address."""

from __future__ import annotations

from base64 import b64decode

SCHEMES = ("http://", "https://", "data:")
"""How the URLs of pictures begin, in lower case."""

URL_SAFE = str.maketrans("-_", "+/")
"""From the alphabet for URLs to the common one (RFC 4648, 5)."""


def decode_base64(text: str) -> bytes:
    """The bytes that `text`, base64, stands for; it may be in the alphabet for URLs, have line breaks, and lack its
    padding. Raises `ValueError` for what isn't base64.
    """
    packed = "".join(text.split()).rstrip("=").translate(URL_SAFE)
    return b64decode(packed + "=" * (-len(packed) % 4), validate=True)


def in_short(url: str) -> str:
    """A URL as it is shown: of one that holds a picture its beginning and its size."""
    if len(url) <= SHOWN or not url.startswith("data:"):
        return repr(url)
    return f"'{url[:SHOWN]}...' ({len(url):,} characters)"


SHOWN = 60
"""Characters."""


def data_url(text: str, *, unknown: str | None = None) -> str | None:
    """The `data:` URL of a picture in base64, with the media type by its first bytes, or else `unknown`. None where
    there is no type, or `text` isn't base64.
    """
    try:
        beginning = "".join(text[:80].split())[:64]  # a whole number of bytes
        kind = media_type_of(decode_base64(beginning)) or unknown
    except ValueError:
        return None
    return kind and f"data:{kind};base64,{text}"


_PREFIXES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
}
"""The major brands of ISO base media files (ISO/IEC 14496-12) that hold images."""


def media_type_of(data: bytes) -> str | None:
    """The media type by the first bytes, with the signatures of the WHATWG's MIME Sniffing Standard and of ISO."""
    for prefix, kind in _PREFIXES.items():
        if data.startswith(prefix):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
