"""Requests that met an error which may be every request's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from horay_async import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    HorayError,
    InsufficientBalanceError,
)
from horay_async.batch.outcomes import is_of_setup, is_refused_key
from horay_async.batch.preparer import Preparer
from horay_async.batch.unconfirmed import MIN_REFUSED, UnconfirmedFailures
from horay_async.batch.work_item import WorkItem
from horay_async.options import ClientOptions

from .conftest import line

NOW = 10.0


def work() -> WorkItem:
    return Preparer(ClientOptions.of("a-key-for-nothing")).prepare(line("a"), 0)


def refused() -> HorayError:
    return AuthenticationError("no", status_code=401)


def exhausted() -> HorayError:
    return InsufficientBalanceError("no", status_code=402)


def away() -> HorayError:
    return APIConnectionError("away", execution="not_sent")


def no_key() -> HorayError:
    return ConfigurationError("the api_key function raised")


def filled(*errors: HorayError) -> UnconfirmedFailures:
    """One that holds a request for each error."""
    unconfirmed = UnconfirmedFailures(is_of_setup)
    for error in errors:
        one = work()
        assert unconfirmed.takes(one, error, NOW, reached=False)
        unconfirmed.add(one, error, NOW)
    return unconfirmed


def test_errors_that_end_no_batch_arent_taken() -> None:
    """Which those are is said when it is made; with None there is none."""
    assert not UnconfirmedFailures(None).takes(work(), refused(), NOW, reached=False)
    assert not UnconfirmedFailures(is_refused_key).takes(work(), away(), NOW, reached=False)
    other = BadRequestError("no", status_code=400)
    assert not UnconfirmedFailures(is_of_setup).takes(work(), other, NOW, reached=False)


def test_errors_that_others_got_past_arent_taken() -> None:
    """A server that responds may refuse the key of all; one whose key was accepted shows that it isn't so."""
    unconfirmed = UnconfirmedFailures(is_of_setup)
    assert unconfirmed.takes(work(), refused(), NOW, reached=True)
    assert not unconfirmed.takes(work(), away(), NOW, reached=True)
    assert not unconfirmed.takes(work(), no_key(), NOW, reached=True)
    unconfirmed.key_accepted = True
    assert not unconfirmed.takes(work(), refused(), NOW, reached=True)


def test_success_of_a_later_request_gets_past_an_exhausted_balance() -> None:
    """One that was sent before may have used it up; an accepted key says nothing of it."""
    unconfirmed = filled(exhausted())
    unconfirmed.key_accepted = True
    unconfirmed.note_success(work(), NOW - 1)
    assert unconfirmed.pop_passed(reached=True) == []
    assert unconfirmed.takes(work(), exhausted(), NOW, reached=True)
    unconfirmed.note_success(work(), NOW)
    (passed,) = unconfirmed.pop_passed(reached=True)
    # What it meets after that is its own.
    assert not unconfirmed.takes(passed, exhausted(), NOW + 1, reached=True)
    assert unconfirmed.takes(work(), exhausted(), NOW + 1, reached=True)


def another(model: str) -> WorkItem:
    """A request that asks for `model`."""
    item = line("b", body={"model": model, "prompt": "p"})
    return Preparer(ClientOptions.of("a-key-for-nothing")).prepare(item, 1)


@pytest.mark.parametrize("model", ["m", "other"])
def test_model_that_is_refused_alone(model: str) -> None:
    """Another one's request got past its refusal: what it meets from then on is each request's own, until one succeeds."""
    unconfirmed = filled(exhausted(), exhausted())
    assert unconfirmed.models_out_of_balance == {b'"m"'}
    unconfirmed.note_success(another(model), NOW + 2)
    assert len(unconfirmed.pop_passed(reached=True)) == 2
    assert unconfirmed.takes(work(), exhausted(), NOW + 3, reached=True) == (model == "m")
    assert unconfirmed.takes(another(model), exhausted(), NOW + 3, reached=True)
    unconfirmed.add(another("third"), exhausted(), NOW + 3)
    refused_alone = {b'"m"'} if model == "other" else set[bytes]()
    assert unconfirmed.models_out_of_balance == {b'"third"'} | refused_alone
    unconfirmed.note_success(work(), NOW + 1)
    assert unconfirmed.models_out_of_balance == {b'"third"'}
    assert unconfirmed.takes(work(), exhausted(), NOW + 3, reached=True)
    assert filled(exhausted(), refused()).models_out_of_balance == {b'"m"'}
    assert filled(refused()).models_out_of_balance == set()
    assert filled(exhausted(), away()).models_out_of_balance == set()


def test_model_that_has_succeeded_isnt_refused_alone() -> None:
    """A single request of it may have asked for more than was left."""
    unconfirmed = UnconfirmedFailures(is_of_setup)
    unconfirmed.note_success(work(), NOW - 1)
    unconfirmed.add(work(), exhausted(), NOW)
    unconfirmed.note_success(another("other"), NOW + 1)
    assert len(unconfirmed.pop_passed(reached=True)) == 1
    assert unconfirmed.takes(work(), exhausted(), NOW + 2, reached=True)


def test_refused_key_doesnt_make_a_request_too_expensive() -> None:
    """What got past a refused key says nothing of the balance, which may end later."""
    unconfirmed = filled(refused())
    unconfirmed.key_accepted = True
    (passed,) = unconfirmed.pop_passed(reached=True)
    assert unconfirmed.takes(passed, exhausted(), NOW + 1, reached=True)
    assert not unconfirmed.takes(passed, refused(), NOW + 1, reached=True)


def test_one_that_cant_be_sent_stops_sending() -> None:
    """Nothing is known of the server then."""
    assert not filled().stops_sending
    assert filled(away()).stops_sending
    assert filled(no_key()).stops_sending


def test_a_few_refused_keys_stop_sending() -> None:
    """A single one doesn't, except beside a request that can't be sent."""
    assert not filled(*(refused() for _ in range(MIN_REFUSED - 1))).stops_sending
    assert filled(*(refused() for _ in range(MIN_REFUSED))).stops_sending
    assert filled(refused(), away()).stops_sending


def test_a_response_lets_those_go_that_found_no_server() -> None:
    """Refused keys stay until one is accepted."""
    unconfirmed = filled(refused(), away(), refused(), no_key())
    assert unconfirmed.pop_passed(reached=False) == []
    assert len(unconfirmed.pop_passed(reached=True)) == 2
    assert len(unconfirmed.failures) == 2
    assert not unconfirmed.stops_sending
    unconfirmed.key_accepted = True
    assert len(unconfirmed.pop_passed(reached=True)) == 2
    assert not unconfirmed.failures


def test_all_can_be_taken_out_with_their_errors() -> None:
    """To become results."""
    errors = [refused(), away()]
    unconfirmed = filled(*errors)
    assert [one.error for one in unconfirmed.pop_all()] == errors
    assert not unconfirmed.failures


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (refused, "the server refused the key of the first 2 requests"),
        (exhausted, "the balance didn't suffice for 2 requests, and none sent later succeeded"),
        (away, "none of its first 2 requests reached the server"),
    ],
)
def test_error_of_all(make: Callable[[], HorayError], told: str) -> None:
    """It is the latest, with a note that says how many met it."""
    last = make()
    assert filled(make(), last).error_of_all() is last
    assert told in last.__notes__[0]
