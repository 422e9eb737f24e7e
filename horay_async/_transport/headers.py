"""What requests are sent with: headers that many have in common, and those of one."""

from __future__ import annotations

from typing import NamedTuple

from multidict import CIMultiDict

__all__ = ["CommonHeaders", "RequestHeaders"]

CONNECTION_HEADERS = frozenset({"transfer-encoding", "expect", "connection", "upgrade"})
"""Headers that change how a request is sent."""

MESSAGE_HEADERS = frozenset({"host", "accept-encoding", "content-length"})
"""Headers that are added where a request is sent."""


class CommonHeaders:
    """Headers that many requests have in common; nothing changes them any more."""

    __slots__ = ("as_bytes", "headers", "names", "only_describe")

    def __init__(self, headers: CIMultiDict[str]) -> None:
        self.headers: CIMultiDict[str] = headers
        names = set(map(str.lower, headers))
        self.names: frozenset[str] = CONNECTION_HEADERS.union(MESSAGE_HEADERS, names)
        """In lower case, what a request's own headers must not be beside these."""
        self.only_describe: bool = CONNECTION_HEADERS.isdisjoint(names)
        """Whether none changes how a request is sent."""
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
