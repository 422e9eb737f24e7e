"""Whom a `Retry-After` is meant for."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.retry_after_scope import ENOUGH, MOST, RetryAfterScope


class Requests:
    """Numbered requests of which the server refuses some."""

    def __init__(self) -> None:
        self.scope = RetryAfterScope()
        self.newest = 0

    def flight(self, outcomes: str) -> None:
        """One that is refused, others sent behind it that are let through (`.`) or refused (`x`), and then one that is let through."""
        first = self.newest + 1
        self.newest += 1 + len(outcomes)
        self.scope.refused(first, self.newest)
        for serial, outcome in enumerate(outcomes, first + 1):
            if outcome == "x":
                self.scope.refused(serial, self.newest)
            else:
                self.scope.let_through(serial)
        self.newest += 1
        self.scope.let_through(self.newest)


@pytest.mark.parametrize(
    ("outcomes", "alone"), [(".", True), ("x..", True), ("x.", False), ("xx", False), ("", False)]
)
def test_who_is_meant(outcomes: str, alone: bool) -> None:
    """The refused one alone where as many others are let through as refused, a few times."""
    requests = Requests()
    for _ in range(ENOUGH - 1):
        requests.flight(outcomes)
        assert not requests.scope.refused_alone
    requests.flight(outcomes)
    assert requests.scope.refused_alone is alone


def test_it_is_meant_for_all_again() -> None:
    """Where nothing is let through as often as something was; what has nothing behind it tells nothing."""
    requests = Requests()
    for _ in range(2 * MOST):
        requests.flight(".")
    for _ in range(MOST - 1):
        requests.flight("x")
        requests.flight("")
        assert requests.scope.refused_alone
    requests.flight("x")
    assert not requests.scope.refused_alone
    requests.flight("x")
    assert not requests.scope.refused_alone


def test_known_before_the_flight_is_over() -> None:
    """Whether others were let through can be asked at once."""
    scope = RetryAfterScope()
    assert not scope.contradicted
    scope.let_through(1)
    scope.refused(2, 3)
    scope.let_through(1)  # sent before it
    assert not scope.contradicted
    scope.let_through(3)
    assert scope.contradicted


def test_refused_later_doesnt_count() -> None:
    """Such a one was sent when the first refusal was known: what it meets says nothing of that."""
    scope = RetryAfterScope()
    scope.refused(1, 2)
    scope.refused(3, 3)
    scope.let_through(2)
    assert scope.contradicted


def test_found_random() -> None:
    """Then it is meant for the refused ones at once."""
    requests = Requests()
    requests.scope.found_random()
    assert requests.scope.refused_alone
    for _ in range(MOST):
        assert requests.scope.refused_alone
        requests.flight("x")
    assert not requests.scope.refused_alone
