"""Pictures that were sent as base64, in place of their address."""

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


def data_url(text: str, *, unknown: str | None = None) -> str | None:
    """The `data:` URL of a picture in base64, whose media type its first bytes tell: `unknown` where they don't. None where there
    is no type, or `text` isn't base64.
    """
    from horay_async.models.messages import media_type_of  # noqa: PLC0415 - seldom needed

    try:
        beginning = "".join(text[:80].split())[:64]  # a whole number of bytes
        kind = media_type_of(decode_base64(beginning)) or unknown
    except ValueError:
        return None
    return kind and f"data:{kind};base64,{text}"
