"""What is known of one try at sending a request: below the errors and the models, which both carry it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import attrs

from horay_async._record import Record

Execution = Literal["not_sent", "unknown", "executed"]
"""What is known of the request behind an error: `"not_sent"`, surely not run, since it never left;
`"executed"`, surely run, since its result began to arrive; `"unknown"`, anything between: it was sent, and no response
came, or one with a failing status. A status says how the server failed, not how far it got: mostly, what ends with 400 to
404, 422 or 429 was refused before it ran, and what ends with 500 and above may have run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Attempt(Record):
    """One try at sending a request."""

    started: float
    """Seconds from the start of the call to the start of this attempt."""
    seconds: float | None = None
    """How long the attempt took, waiting for a connection slot included; None while it runs."""
    status: int | None = None
    """The HTTP status; None where no response came."""
    error: str | None = None
    """The name of the error class that ended the attempt; None where it succeeded."""
    execution: Execution | None = None
    """What is known of the request's execution; None where it succeeded."""
    request_id: str | None = None
    """The server's id of the response, where it sent one."""
    backoff: float | None = None
    """Seconds waited after this attempt and before the next; None where none followed."""


def execution_of(last: Execution, attempts: Iterable[Attempt]) -> Execution:
    """What is known of a request, of whose last attempt this is: where that never left, an earlier one may have."""
    if last != "not_sent":
        return last
    known: tuple[Execution, ...] = (
        last,
        *(each.execution for each in attempts if each.execution is not None),
    )
    return max(known, key=get_args(Execution).index)
