"""What an error of a request means for it, and for its batch."""

from __future__ import annotations

import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    HorayError,
    InsufficientBalanceError,
    InternalServerError,
    RateLimitError,
    ServiceOverloadedError,
)
from horay_async.batch.outcomes import Outcome, accepts_key, as_error, is_unreachable, outcome_of
from horay_async.models.meta import Attempt

AWAY = APIConnectionError("", execution="not_sent")
BUSY = RateLimitError("", status_code=429)
CLOSED_TO_ALL = AuthenticationError("", status_code=401)


@pytest.mark.parametrize(
    ("error", "reached", "may_be_all", "outcome"),
    [
        (BUSY, False, False, "deferred"),
        (BUSY, True, True, "deferred"),
        (ServiceOverloadedError("", status_code=503), False, False, "deferred"),
        (AWAY, True, False, "deferred"),
        (AWAY, False, True, "unconfirmed"),
        (AWAY, False, False, "failed"),
        (CLOSED_TO_ALL, True, True, "unconfirmed"),
        (InsufficientBalanceError("", status_code=429), True, True, "unconfirmed"),
        (InsufficientBalanceError("", status_code=429), True, False, "failed"),
        (CLOSED_TO_ALL, True, False, "failed"),
        (ConfigurationError("no key"), False, True, "unconfirmed"),
        (ConfigurationError("no key"), True, False, "failed"),
        (InternalServerError("", status_code=500), True, False, "failed"),
        (APIConnectionError("", execution="unknown"), True, False, "failed"),
    ],
)
def test_outcomes(error: HorayError, reached: bool, may_be_all: bool, outcome: Outcome) -> None:
    """Those of a server that is busy or away are deferred, those that may be every request's are unconfirmed, and the rest are results."""
    assert outcome_of(error, reached=reached, may_be_all=may_be_all) == outcome


def test_what_cant_be_reached() -> None:
    """No connection was made; neither a deadline that is over nor a response that broke off is that."""
    assert is_unreachable(APIConnectionError("", execution="not_sent"))
    assert is_unreachable(APITimeoutError("", clock="connect", execution="not_sent"))
    assert not is_unreachable(APITimeoutError("", clock="total", execution="not_sent"))
    assert not is_unreachable(APIConnectionError("", execution="unknown"))
    assert not is_unreachable(BadRequestError("", status_code=400, execution="not_sent"))


@pytest.mark.parametrize(
    ("kind", "status", "accepted"),
    [
        (BadRequestError, 400, True),
        (AuthenticationError, 401, False),
        (RateLimitError, 429, False),
        (InternalServerError, 500, False),
    ],
)
def test_statuses_that_show_that_the_key_is_accepted(
    kind: type[APIStatusError], status: int, accepted: bool
) -> None:
    """A fault of the server's own, or a refusal for its load, says nothing of the key."""
    error = kind("", status_code=status, attempts=(Attempt(started=0.0, status=status),))
    assert accepts_key(error) is accepted


def test_failures_without_a_response_say_nothing_of_the_key() -> None:
    """Neither before the first attempt nor after the last one."""
    lost = APIConnectionError("", attempts=(Attempt(started=0.0, status=None),))
    assert accepts_key(lost) is None
    assert accepts_key(APIError("")) is None


def test_what_is_no_error_of_ours_becomes_one() -> None:
    """A result holds nothing else; an error of ours stays as it is."""
    deep = RecursionError()
    error = as_error(deep, lambda body: body)
    assert isinstance(error, APIResponseError)
    assert error.__cause__ is deep
    assert as_error(BUSY, lambda body: body) is BUSY
