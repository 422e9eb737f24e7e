"""How long each part of a call may take: an option of clients and of calls."""

from __future__ import annotations

import attrs

from horay_async._checks import check_seconds
from horay_async._record import FrozenRecord
from horay_async._suggestions import naming_options


@naming_options
@attrs.frozen(eq=False, repr=False)
class Timeouts(FrozenRecord):
    """Five timeouts, in seconds; None is no limit.

    The defaults suit long generations: a request may think for as long as it takes to `first_byte`,
    and run for hours as long as it makes progress.
    """

    queue: float | None = attrs.field(default=None, validator=check_seconds)
    """Waiting until the client's `limits` let the request go, and for a connection slot, when `max_connections` are in
    use; in each attempt."""
    connect: float | None = attrs.field(default=15.0, validator=check_seconds)
    """DNS, TCP, TLS and proxy. 15 s spans the three or four SYN packets that TCP sends in it."""
    first_byte: float | None = attrs.field(default=600.0, validator=check_seconds)
    """From the request's dispatch to the response's head; without streaming that's the generation as a
    whole. 600 s is what clients of this protocol commonly allow."""
    idle: float | None = attrs.field(default=120.0, validator=check_seconds)
    """Between two pieces of content; comments and empty events that keep a connection alive don't
    count."""
    total: float | None = attrs.field(default=None, validator=check_seconds)
    """A deadline over all attempts and backoffs."""
