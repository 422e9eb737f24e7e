"""Failures of a batch's requests that may be every request's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from horay_async.batch.outcomes import is_refused_key
from horay_async.batch.results import response_in
from horay_async.batch.work_item import WorkItem
from horay_async.errors import HorayError, InsufficientBalanceError

MIN_REFUSED = 3
"""Requests that the server refuses for the key or its balance before no more are sent, unless there are fewer: a single one may
have met a server that was just starting, or have asked for more than is left.
"""


class Failure(NamedTuple):
    """A request, the error that it met, and when that came, in seconds on the loop's clock."""

    work: WorkItem
    error: HorayError
    since: float


class UnconfirmedFailures:
    """Failures that may be every request's: the server refuses the key or its balance, it can't be reached, or there is no key.

    A request with such a failure has no result until it is known whether other requests get past the error:

    1. One gets past it. Then the requests here are deferred, and if they meet the same error once more, it is their own result.
    2. None does. Once enough requests are here, no more are sent (`stops_sending`). When the requests under way have ended as well, or
       the source has, the run ends with the error, and the requests here stay without results: the next run of a file sends them.
       Before a run ends for the balance, some more requests are sent one at a time, and one of each other model (`BalanceSearch`): the
       requests here may have asked for more than is left, or it may be refused for the one model alone.
    3. Nothing goes on without them: the source waits for their results, or in order all other results do. Then the error
       becomes their result.

    Where another model's request gets past an exhausted balance, and no request of this model has succeeded, the server refuses this
    model alone: then that error is its requests' own result until one succeeds.

    `may_be_all` says which errors are such; with None there are none. What gets past an error depends on it:

    | error | what gets past it |
    |---|---|
    | the key is refused | a request whose key was accepted, at any time: with some servers one model's key alone is refused |
    | the balance is exhausted | a success of a request that was sent later: what was sent before has used it up |
    | there is no key, or no connection | a response of the server, at any time, whatever it says |
    """

    def __init__(self, may_be_all: Callable[[HorayError], bool] | None) -> None:
        self.key_accepted: bool = False
        """Whether the server has accepted the key of one of this run's requests."""
        self._latest_success = -math.inf  # when the latest request that succeeded was sent
        # Models of which a request has succeeded; and models that are refused for the balance while other models' requests succeed.
        self._succeeded, self._refused_alone = set[bytes](), set[bytes]()
        self._may_be_all = may_be_all
        self.failures: list[Failure] = []
        """The latest last."""

    def takes(self, work: WorkItem, error: HorayError, now: float, *, reached: bool) -> bool:
        """Whether the failure of a request that met `error` just now is unconfirmed. `reached` is whether the server has ever responded."""
        if self._may_be_all is None or self._is_passed(Failure(work, error, now), reached):
            return False
        if isinstance(error, InsufficientBalanceError) and work.model in self._refused_alone:
            return False
        if response_in(error) is not None:  # it is paid for, and is the request's own
            return False
        return self._may_be_all(error)

    def add(self, work: WorkItem, error: HorayError, now: float) -> None:
        """Keeps a request that met `error` just now."""
        self.failures.append(Failure(work, error, now))

    def note_success(self, work: WorkItem, sent: float) -> None:
        """A request has succeeded that was sent at `sent`."""
        self._succeeded.add(work.model)
        self._refused_alone.discard(work.model)
        self._latest_success = max(self._latest_success, sent)

    def pop_passed(self, *, reached: bool) -> list[WorkItem]:
        """Takes out the requests whose error another request got past: they are to be sent again."""
        waiting = self.pop_all()
        self.failures = [one for one in waiting if not self._is_passed(one, reached)]
        passed = [one for one in waiting if self._is_passed(one, reached)]
        for work, error, _ in passed:
            work.too_expensive = isinstance(error, InsufficientBalanceError)
            if work.too_expensive and work.model not in self._succeeded:
                self._refused_alone.add(work.model)
        return [one.work for one in passed]

    def pop_all(self) -> list[Failure]:
        """Takes out all, to become results with their errors."""
        failures, self.failures = self.failures, []
        return failures

    @property
    def stops_sending(self) -> bool:
        """Whether no more requests are to be sent until one under way gets past the error: a single request that couldn't be sent is enough
        for that, and `MIN_REFUSED` of those that were refused for the key or the balance.
        """
        refused = sum(is_refused_key(one.error) for one in self.failures)
        return refused < len(self.failures) or refused >= MIN_REFUSED

    @property
    def models_out_of_balance(self) -> set[bytes]:
        """The models that are known to be refused: those of the failures here, and those that are refused alone. Empty unless one of the
        failures is for the balance, and all of them are for the balance or the key: else it isn't the balance that ends the run.
        """
        errors = [one.error for one in self.failures]
        exhausted = any(isinstance(error, InsufficientBalanceError) for error in errors)
        if exhausted and all(map(is_refused_key, errors)):
            return self._refused_alone.union(one.work.model for one in self.failures)
        return set()

    def error_of_all(self) -> HorayError:
        """The latest error, for a run of which no request got past it."""
        error = self.failures[-1].error
        count = sum(type(one.error) is type(error) for one in self.failures)
        if isinstance(error, InsufficientBalanceError):
            what = f"the balance didn't suffice for {count} request{'s' * (count > 1)}, and none sent later succeeded"
        elif is_refused_key(error):
            what = f"the server refused the key of the first {count} requests"
        else:
            what = f"none of its first {count} requests reached the server"
        error.add_note(
            f"the batch ends here: {what}. They have no results: the next run sends them"
        )
        return error

    def _is_passed(self, one: Failure, reached: bool) -> bool:
        if isinstance(one.error, InsufficientBalanceError):
            return one.work.too_expensive or self._latest_success >= one.since
        return self.key_accepted if is_refused_key(one.error) else reached
