"""How a response came about: attempts, headers and the timeline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from horay_async._attempt import Attempt
from horay_async._record import Record

if TYPE_CHECKING:
    from horay_async.models.rate_limits import RateLimits

__all__ = ["Attempt", "ResponseMeta"]


@attrs.define(kw_only=True, eq=False, repr=False)
class ResponseMeta(Record):
    """What is known of a response beside its body. Times are in seconds.

    While a stream is being read, its later times are still None.
    """

    request_id: str | None
    """The server's id of this response, where it sent one: what to quote to its support."""
    status: int
    """The HTTP status."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The response's headers; names are looked up without regard to case."""
    attempts: tuple[Attempt, ...]
    """One record an attempt, newest last: more than one means that the call was retried."""
    queue: float
    """Waited for what the client's `limits` allow, and for a connection slot, in the last attempt."""
    connect: float
    """DNS, TCP, TLS and proxy, in the last attempt, and the wait for a function that provides the API key; next to 0 where a
    pooled connection served."""
    first_byte: float
    """From the start of the last attempt to the response's head."""
    first_token: float | None = None
    """From the start of the last attempt to the first piece of generated content; None where the
    response wasn't streamed or has none."""
    total: float | None = None
    """From the start of the call, over all attempts and backoffs, to the end of the response."""

    @property
    def rate_limits(self) -> RateLimits:
        """The server's rate limits by the response's headers, parsed at each access; None for each part that they
        don't have.
        """
        from horay_async.models._rate_headers import parse_rate_limits  # noqa: PLC0415 - few programs need it

        return parse_rate_limits(self.headers, now=time.time())

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        fields = attrs.asdict(self, recurse=False)
        # The response's headers are a view, which can't be pickled; a copy of them can.
        fields["headers"] = getattr(self.headers, "copy", lambda: dict(self.headers))()
        return None, fields
