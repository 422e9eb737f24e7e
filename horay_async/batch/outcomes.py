"""What an error of a request means for it, and for its batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from horay_async import errors
from horay_async._transport.request_limiter import FIRST_UNKNOWN_STATUS, OVERLOAD_STATUSES
from horay_async.errors import APIConnectionError, APIError, APIStatusError, HorayError

Outcome = Literal["deferred", "unconfirmed", "failed"]
"""What becomes of a request that met an error, after the retries that its policy allows: deferred, it is sent again when the server
is back, for as long as `give_up_after` and its own timeout allow; unconfirmed, its failure waits until it is known whether other
requests get past the error; failed, it has the error as its result.
"""


def outcome_of(error: HorayError, *, reached: bool, may_be_all: bool) -> Outcome:
    """What becomes of a request that met `error`. `reached` is whether the server has ever responded, `may_be_all` whether
    every request may meet this error, for all that is known (`UnconfirmedFailures.takes`).

    1. The server is overloaded: all of the batch slows down, and the request is sent again.
    2. No connection could be made to a server that has responded before: it will come back, so that this is the same.
    3. No connection could be made to one that has never responded, or it refuses the key or its balance, or there is no key:
       where that can end the batch, its failure is unconfirmed.
    4. Anything else is this request's own: other requests can fare better, but this one hardly. What can pass is retried by
       its policy before it comes here.
    """
    if isinstance(error, APIError) and (
        is_overloaded(error) or (is_unreachable(error) and reached)
    ):
        return "deferred"
    return "unconfirmed" if may_be_all else "failed"


def is_overloaded(error: APIError) -> bool:
    """Whether the server is overloaded, so that it is the whole batch that has to wait."""
    overloaded = isinstance(error, APIStatusError) and error.status_code in OVERLOAD_STATUSES
    return overloaded and not is_refused_key(error)


def is_unreachable(error: APIError) -> bool:
    """Whether no connection could be made, by the last attempt."""
    if not isinstance(error, APIConnectionError):
        return False
    late = isinstance(error, errors.APITimeoutError) and error.clock == "total"
    last = error.attempts[-1].execution if error.attempts else error.execution
    return last == "not_sent" and not late


def is_refused_key(error: HorayError) -> bool:
    """Whether the server refused the key or its balance, so that no other request would fare better. With a 403 another one
    may: it can be of the model, or of what is in the request.
    """
    return isinstance(error, errors.AuthenticationError | errors.InsufficientBalanceError)


def is_of_setup(error: HorayError) -> bool:
    """Whether the server can't be reached, or refuses the key, or there is no key: nothing about the request itself."""
    return not isinstance(error, APIError) or is_unreachable(error) or is_refused_key(error)


def was_refused(error: HorayError) -> bool:
    """Whether the server refused the request before it ran, so that it took no tokens."""
    return isinstance(error, APIStatusError) and error.status_code < FIRST_UNKNOWN_STATUS


def accepts_key(error: APIError) -> bool | None:
    """Whether the server takes the key, as a failure shows it; None where it didn't respond. A refusal for its load and a fault
    of its own say nothing of the key.
    """
    status = error.attempts[-1].status if error.attempts else None
    if status is None:
        return None
    return not (is_refused_key(error) or is_overloaded(error) or status >= 500)


def as_error(
    raised: HorayError | RecursionError | errors.DriftWarning, masked: Callable[[bytes], bytes]
) -> HorayError:
    """What sending a request has raised, as an error for its result. `masked` masks the API key in a response."""
    if isinstance(raised, HorayError):
        return raised
    if isinstance(raised, RecursionError):  # a response is nested to the edge of the stack
        failure: APIError = errors.APIResponseError("the response is nested too deep")
    else:  # the program makes errors of warnings: then it is as with `strict="raise"`
        response = raised.response
        failure = errors.DriftError(
            str(raised),
            path=raised.path,
            kind=raised.kind,
            drifts=((raised.path, raised.kind),),
            body=masked(response._raw).decode("utf-8", "replace"),  # noqa: SLF001 - as it was sent
            response=response,
            request_id=response.meta.request_id,
            attempts=response.meta.attempts,
        )
    failure.__cause__ = raised
    return failure
