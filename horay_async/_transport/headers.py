"""What requests are sent with: headers that many have in common, and those of one."""

from __future__ import annotations

from typing import NamedTuple

from multidict import CIMultiDict

EVENT_STREAM = "text/event-stream"
"""The media type of Server-Sent Events."""

ACCEPT_ENCODING = "accept-encoding"
"""The header that is added where a request is sent, and that others may set all the same."""


class CommonHeaders:
    """Headers that many requests have in common; nothing changes them any more."""

    __slots__ = ("as_bytes", "headers", "names")

    def __init__(self, headers: CIMultiDict[str]) -> None:
        # A stream or a file whose compressed data was cut can look whole: the ends of few codings are asked for. JSON can't.
        if "json" not in headers.get("Accept", ""):
            headers.setdefault("Accept-Encoding", "identity")
        self.headers: CIMultiDict[str] = headers
        self.names: frozenset[str] = frozenset({ACCEPT_ENCODING, *map(str.lower, headers)})
        """In lower case, what a request's own headers must not be beside these."""
        self.as_bytes: dict[str, bytes] = {}
        """Request line and headers as they are sent to a URL, so that they are put into bytes once."""


class RequestHeaders(NamedTuple):
    """Everything that one request is sent with: no name of `own` is among `common`."""

    common: CommonHeaders
    own: dict[str, str]

    def merged(self) -> CIMultiDict[str]:
        """All of them; a copy."""
        headers = self.common.headers.copy()
        headers.update(self.own)
        return headers
