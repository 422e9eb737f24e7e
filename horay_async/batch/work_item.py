"""A request on its way through a batch, from its preparation to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import attrs

from horay_async._attempt import execution_of
from horay_async._protocol.limits.request_size import RequestSize
from horay_async._protocol.wire.decode import BodyDecoder
from horay_async._protocol.wire.request import Request
from horay_async._retry_policy import RetryPolicy, retry_delay
from horay_async.batch.outcomes import is_overloaded
from horay_async.batch.results import BatchResult
from horay_async.errors import APIConnectionError, APIError, HorayError
from horay_async.models._base import Response
from horay_async.models.meta import Attempt

NOT_FINISHED = "the batch ended before this request was finished"


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkItem:
    """A request on its way through a batch. Times are on the loop's clock, in seconds."""

    index: int
    custom_id: str
    item: Any
    request: Request
    into: BodyDecoder[Any]
    model: bytes
    """What is asked for, as JSON; empty where that isn't told."""
    policy: RetryPolicy
    """The caller's; the request's own leaves refusals to the batch."""
    size: RequestSize
    """What its tokens are estimated from."""
    parse: Callable[..., Any] | None = None
    """See `BatchRequest`."""
    tokens: float = 0.0
    """Estimated for the request and its response, when it was sent last."""
    attempts: list[Attempt] = attrs.field(factory=list[Attempt])
    """Of all times that it was sent; none where the function for the API key raised."""
    started: float | None = None
    """When it was first sent."""
    deferred_since: float | None = None
    """When it was first deferred because the server was too busy for it or couldn't be reached."""
    pause: float = 0.0
    """Seconds that it is to wait, where the server asked that of it alone when it was sent last."""
    too_expensive: bool = False
    """Whether it was refused for the balance, and others that were sent later weren't: it may ask for more than is left."""
    last_error: APIError | None = None
    """What it met when it was sent last."""

    @property
    def deadline(self) -> float | None:
        """When its timeout `total` passes, counted from when it was first sent; None before that, and without one."""
        total = self.request.timeouts.total
        return None if total is None or self.started is None else self.started + total

    def is_late(self, now: float) -> bool:
        """Whether its deadline has passed."""
        return (deadline := self.deadline) is not None and now >= deadline

    def begin(self, now: float) -> None:
        """Notes that it is sent, for the first time or again: then the time since its last attempt was that one's back-off."""
        self.pause = 0.0
        if self.started is None:
            self.started = now
            return
        self.last_error = None  # what it meets now isn't known
        if self.attempts:
            last = self.attempts[-1]
            last.backoff = now - self.started - last.started - (last.seconds or 0.0)

    def record(self, attempts: Iterable[Attempt], began: float) -> None:
        """Adds the attempts of what began at `began`: from now on they count from when the request was first sent."""
        assert self.started is not None
        offset = began - self.started
        for attempt in attempts:
            attempt.started += offset
            self.attempts.append(attempt)

    def may_go_again(self, error: APIError) -> bool:
        """Whether the policy lets the request be sent again after it was deferred. How often is the batch's
        business, so it is asked as for the first time.
        """
        billed = self.request.billed_per_run
        known = {"retries": 0, "billed_per_run": billed, "random": lambda: 0.5}
        return retry_delay(self.policy, error, **known) is not None

    def unfinished(self, now: float) -> BatchResult[Any]:
        """Its result where the batch ends before it is finished: what it met when it was sent last; where it is under way, an error that says
        that it may be run.
        """
        error: HorayError = HorayError(NOT_FINISHED)
        if self.last_error is not None:
            error = copy(self.last_error)
            error.__notes__ = [NOT_FINISHED]
        elif self.started is not None:
            error = APIConnectionError(NOT_FINISHED, execution="unknown")
        return self.result(now, error=error)

    def result(
        self, now: float, *, response: Response | None = None, error: HorayError | None = None
    ) -> BatchResult[Any]:
        """Its result at its end: a response or an error, which gets the attempts too."""
        attempts = tuple(self.attempts)
        self.last_error = None  # its traceback leads back here
        if isinstance(error, APIError):
            error.attempts = attempts
            error.execution = execution_of(error.execution, attempts)
        return BatchResult(
            index=self.index,
            custom_id=self.custom_id,
            request=self.item,
            response=response,
            error=error,
            attempts=attempts,
            seconds=0.0 if self.started is None else now - self.started,
        )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DeferredPolicy(RetryPolicy):
    """Leaves refusals to the batch, which defers the request, and all else to the caller's policy."""

    policy: RetryPolicy

    def delay(self, error: APIError, **known: Any) -> float | None:
        return None if is_overloaded(error) else retry_delay(self.policy, error, **known)
