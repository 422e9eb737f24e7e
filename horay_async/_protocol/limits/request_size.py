"""What a request's body says of how many tokens it can take."""

from __future__ import annotations

import attrs
import msgspec

MAX_DIGITS = 9
"""Digits of a number in a body that counts in estimates; one of more is the server's to refuse."""


@attrs.define
class RequestSize:
    """What the tokens of a request are estimated from."""

    length: int
    """Bytes of its body."""
    max_tokens: int | None = None
    """Most tokens of a choice, where the body says it."""
    choices: int = 1


class _SizeFields(msgspec.Struct):
    """The fields that count, each as it is written there, or empty."""

    max_tokens: msgspec.Raw = msgspec.Raw(b"")
    max_completion_tokens: msgspec.Raw = msgspec.Raw(b"")
    max_output_tokens: msgspec.Raw = msgspec.Raw(b"")
    n: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_SizeFields).decode


def size_of(body: bytes | None) -> RequestSize:
    """The size of a request with `body`, which needn't be a JSON object."""
    if body is None:
        return RequestSize(0)
    try:
        fields = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return RequestSize(len(body))
    most = (
        number_in(fields.max_completion_tokens)
        or number_in(fields.max_tokens)
        or number_in(fields.max_output_tokens)
    )
    return RequestSize(len(body), most, number_in(fields.n) or 1)


def number_in(raw: msgspec.Raw) -> int | None:
    """The whole number that is written there; whether anything else will do is the server's to say."""
    text = bytes(raw)
    return int(text) if text.isdigit() and len(text) <= MAX_DIGITS else None
