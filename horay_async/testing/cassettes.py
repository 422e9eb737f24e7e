"""Settings with which vcrpy and pytest-recording record this client's requests safely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from horay_async._keys import copied_keys
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.content_coding import coding_in, unpacker_for

__all__ = ["cassette_options"]

OF_PACKED = frozenset({"content-encoding", "content-length"})
"""Headers that don't hold of a body once it is unpacked."""


class CassetteOptions(TypedDict):
    """Keyword arguments of `vcr.VCR` and `vcr.use_cassette`."""

    match_on: list[str]
    before_record_response: Any


def cassette_options() -> CassetteOptions:
    """The options with which vcrpy records: `vcr.use_cassette(path, **cassette_options())`, or what pytest-recording's
    fixture `vcr_config` returns.

    Requests are matched by their bodies too, so that those which are sent at the same time get their own responses. An API
    key that a server echoes in a body, compressed or not, or a header of a response is masked. A key of fewer than 8 characters isn't: it is
    no secret.
    """

    def before_record_response(response: Mapping[str, Any]) -> dict[str, Any]:
        cleaner = Cleaner(*copied_keys)
        headers = cast("Mapping[str, list[str]]", response["headers"])
        body = cast("Mapping[str, Any]", response["body"])
        string = _masked(cleaner, body["string"])
        unpacked = _unpacked(headers, body["string"])
        if (masked := _masked(cleaner, unpacked)) != unpacked:
            # It is recorded as the text that it is, since a compressed one would hide the key from whoever looks for it.
            string = masked
            headers = {name: headers[name] for name in headers if name.lower() not in OF_PACKED}
        return {
            **response,
            "headers": {
                name: [cleaner.mask(value) for value in values] for name, values in headers.items()
            },
            "body": {**body, "string": string},
        }

    return {
        "match_on": ["method", "scheme", "host", "port", "path", "query", "body"],
        "before_record_response": before_record_response,
    }


def _unpacked(headers: Mapping[str, list[str]], body: bytes | str) -> bytes | str:
    """A body as it is without its `Content-Encoding`."""
    coding = coding_in({name.title(): ",".join(values) for name, values in headers.items()})
    unpacker = unpacker_for(coding)
    if unpacker is None or isinstance(body, str):
        return body
    parts = [unpacker.feed(body)]
    while parts[-1]:
        parts.append(unpacker.feed(b""))
    while part := unpacker.finish():
        parts.append(part)
    return b"".join(parts)


def _masked(cleaner: Cleaner, body: bytes | str) -> bytes | str:
    return cleaner.mask(body) if isinstance(body, str) else cleaner.mask_bytes(body)
