"""How long each part of a call may take: an option of clients and of calls."""

from __future__ import annotations

import attrs

from horay_async._checks import check_seconds
from horay_async._record import FrozenRecord
from horay_async._suggestions import naming_options


@naming_options
@attrs.frozen(kw_only=True, eq=False, repr=False)
class Timeouts(FrozenRecord):
    """Five timeouts, in seconds; None is no limit.

    The defaults suit long generations: a model may think for `first_byte` before its response begins, and a response may
    go on for hours as long as content comes.
    """

    queue: float | None = attrs.field(default=None, validator=check_seconds)
    """Waiting until the client's `limits` let the request go, and for a connection slot, when `max_connections` are in
    use; in each attempt."""
    connect: float | None = attrs.field(default=15.0, validator=check_seconds)
    """DNS, TCP, TLS and proxy. Within 15 s TCP tries to connect three or four times."""
    first_byte: float | None = attrs.field(default=600.0, validator=check_seconds)
    """From the sending of the request to the response's head; without streaming that is the whole generation. Blank lines
    that a server sends while it works on a whole response count to this timeout too. 600 s is what clients of this protocol
    commonly allow."""
    idle: float | None = attrs.field(default=120.0, validator=check_seconds)
    """Between two pieces of content, and from the head to the first one; comments and empty events that keep a connection
    alive don't count as content. Each piece of a large event counts."""
    total: float | None = attrs.field(default=None, validator=check_seconds)
    """A deadline over all attempts and backoffs. Where the event loop was busy as it passed, what had come by then is read."""
