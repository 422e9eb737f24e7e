"""Whether a failed call is tried again, and when: an option of clients and of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from horay_async._checks import check_count, check_delay, check_statuses, check_wait
from horay_async._record import FrozenRecord
from horay_async._suggestions import naming_options
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    InsufficientBalanceError,
    StreamError,
    StreamTruncatedError,
)


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
    """Seconds: the longest `Retry-After` that is waited for. Where the server asks for more, the error is raised at
    once. Rate limits of this family are commonly counted by the minute: 120 s is two of these."""
    statuses: frozenset[int] = attrs.field(
        default=frozenset({408, 409, 429}), converter=check_statuses
    )
    """Retried statuses below 500; those from 500 on always are."""
    safe_statuses: frozenset[int] = attrs.field(
        default=frozenset({429, 503}), converter=check_statuses
    )
    """Statuses by which the server promises that it didn't run the request."""
    retry_unknown: bool = True
    """Whether to try again when it isn't known whether the request was run, so that its tokens may be paid for twice. Requests
    that only read are always tried again; for images `retry_unknown_images` decides."""
    retry_unknown_images: bool = False
    """The same for images, each of which is paid for."""

    def delay(
        self, error: APIError, *, retries: int, billed_per_run: bool, random: Callable[[], float]
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up and raise `error`.

        `retries` counts the retries already made; with `max_retries=0` it isn't called. `billed_per_run` says that each run is paid for, as with
        images. `random` gives a number from 0 up to 1.

        Backoff is exponential with full jitter: a random part of a bound that doubles, as the AWS
        architecture blog's "Exponential Backoff And Jitter" measures to be best. A wait that the server
        asked for is kept to, plus up to a tenth of it and at least a quarter of a second, so that callers
        who were told the same don't come back as one.
        """
        if retries >= self.max_retries or not self.retryable(error, billed_per_run=billed_per_run):
            return None
        asked = error.retry_after if isinstance(error, APIStatusError | StreamError) else None
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
        if isinstance(error, InsufficientBalanceError) and error.status_code == 429:
            return False  # which is no matter of time there
        if isinstance(error, APIStatusError):
            if error.status_code not in self.statuses and error.status_code < 500:
                return False
            safe = error.repeatable or error.status_code in self.safe_statuses
        elif isinstance(error, APIConnectionError | StreamError | StreamTruncatedError):
            if isinstance(error, APIConnectionError) and not error.transient:
                return False
            if isinstance(error, APITimeoutError) and error.clock in ("queue", "total"):
                return False
            safe = error.repeatable or error.execution == "not_sent"
        else:
            return False
        return safe or (self.retry_unknown_images if billed_per_run else self.retry_unknown)


def retry_delay(policy: RetryPolicy, error: APIError, **known: Any) -> float | None:
    """What `policy.delay` returns, or None where there are to be no retries, of which a subclass's `delay` needn't know. Raises
    `ConfigurationError` where it returns no number of seconds.
    """
    delay = policy.delay(error, **known) if policy.max_retries else None
    if delay is not None:
        check_delay(policy, delay)
    return delay
