"""The timeouts of a call, the rules of trying again and limits: what the options of clients and of calls share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from horay_async._checks import (
    check_concurrency,
    check_count,
    check_rate,
    check_seconds,
    check_statuses,
    check_wait,
)
from horay_async._class_docs import describe_fields
from horay_async._option_names import naming_options
from horay_async._record import FrozenRecord
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    StreamError,
    StreamTruncatedError,
)

__all__ = ["Limits", "RetryPolicy", "Timeouts"]


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


@naming_options
@attrs.frozen(kw_only=True, eq=False, repr=False)
class RetryPolicy(FrozenRecord):
    """When a failed call is tried again, and after how long.

    Pure: it does no I/O and keeps no state, so a subclass that overrides `delay` can be tested
    without a network.
    """

    max_retries: int = attrs.field(default=2, validator=check_count)
    """Most attempts after the first."""
    initial_backoff: float = attrs.field(default=0.5, validator=check_wait)
    """Seconds: the upper bound of the first wait; it doubles with each retry."""
    max_backoff: float = attrs.field(default=8.0, validator=check_wait)
    """Seconds: where the doubling stops."""
    max_retry_after: float = attrs.field(default=120.0, validator=check_wait)
    """Seconds: the longest wait asked for by the server that is waited for. Where it asks for more, the error is
    raised at once. 120 s spans the one-minute windows that rate limits of this family commonly have, twice."""
    statuses: frozenset[int] = attrs.field(
        default=frozenset({408, 409, 429}), converter=check_statuses
    )
    """Retried statuses below 500; those from 500 on always are."""
    safe_statuses: frozenset[int] = attrs.field(
        default=frozenset({429, 503}), converter=check_statuses
    )
    """Statuses by which the server promises that it didn't run the request."""
    retry_unknown: bool = True
    """Whether to try again when nobody knows if the request was run, where a second run costs
    tokens (everything but images)."""
    retry_unknown_images: bool = False
    """The same for images, which are paid by the piece."""

    def delay(
        self, error: APIError, *, retries: int, billed_per_run: bool, random: Callable[[], float]
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up and raise `error`.

        `retries` counts the retries already made. `billed_per_run` says that each run is paid for, as with
        images. `random` gives a number from 0 up to 1.

        Backoff is exponential with full jitter: a random part of a bound that doubles, as the AWS
        architecture blog's "Exponential Backoff And Jitter" measures to be best. A wait that the server
        asked for is kept to, plus up to a tenth of it and at least a quarter of a second, so that callers
        who were told the same don't come back as one.
        """
        if retries >= self.max_retries or not self.retryable(error, billed_per_run=billed_per_run):
            return None
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        if asked is not None:
            if asked > self.max_retry_after:
                return None
            return asked + random() * max(0.25, asked / 10)
        # 2**64 is far over any bound, and min() keeps a large count from overflowing a float.
        return random() * min(self.max_backoff, self.initial_backoff * 2.0 ** min(retries, 64))

    def retryable(self, error: APIError, *, billed_per_run: bool) -> bool:
        """Whether trying again can help, and is safe."""
        if error.execution == "executed":
            return False
        if isinstance(error, APIStatusError):
            if error.status_code not in self.statuses and error.status_code < 500:
                return False
            safe = error.status_code in self.safe_statuses
        elif isinstance(error, APIConnectionError | StreamError | StreamTruncatedError):
            if isinstance(error, APIConnectionError) and not error.transient:
                return False
            if isinstance(error, APITimeoutError) and error.clock in ("queue", "total"):
                return False
            safe = error.execution == "not_sent"
        else:
            return False
        return safe or (self.retry_unknown_images if billed_per_run else self.retry_unknown)


# Every call of a client with limits looks its limiter up by them, so that their hash is to be quick.
@naming_options
@describe_fields
@attrs.frozen(kw_only=True)
class Limits:
    """What all calls of a client keep to, those of its batches and of its copies included; None is no limit.

    A call that would go over a limit waits, in the order of arrival, under the timeout `queue` and the deadline; those with
    `bulk=True`, as a batch's, wait until no other call does. The limits hold on each event loop by itself: a client that is
    used from several threads with a loop each sends up to so much on each. The blocking clients of a process share one loop.
    """

    rpm: float | None = attrs.field(default=None, validator=check_rate)
    """Most requests a minute, retries included. They go evenly spaced: a server that allows so many a minute mostly
    enforces it over shorter times."""
    tpm: float | None = attrs.field(default=None, validator=check_rate)
    """Most tokens a minute, of prompts and responses together: estimated from a request's length and its `max_tokens`, and
    corrected by the `usage` of its response, also that of a stream, where it has one."""
    concurrency: int | Literal["auto"] | None = attrs.field(
        default=None, validator=check_concurrency
    )
    """Most requests under way at once, streams until their end. `"auto"` finds what the server can take, as batches
    do. `max_connections` holds beside it."""
