"""Refusals that follow from what is sent, and others."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits import random_refusals
from horay_async._protocol.limits.consecutive import PROBE_AFTER
from horay_async._protocol.limits.random_refusals import RandomRefusals


def assumed() -> RandomRefusals:
    """Refusals that were just taken for random ones."""
    refusals = RandomRefusals()
    while not refusals.episode_began():
        assert not refusals.assumed
    return refusals


def record(refusals: RandomRefusals, part: float, *, slowed: bool = True) -> None:
    """What a hundred requests met, of which so large a part was refused, spread evenly."""
    for number in range(100):
        refused = int((number + 1) * part) > int(number * part)
        refusals.record(refused=refused, slowed=slowed)


def test_one_episode_after_the_other_is_random() -> None:
    """Each has lowered the rate, and was followed by the next all the same."""
    refusals = RandomRefusals()
    began = [(refusals.episode_began(), refusals.assumed) for _ in range(12)]
    assert began == [(False, False)] * 11 + [(True, True)]


@pytest.mark.parametrize(("responses", "random"), [(10, True), (20, False)])
def test_episodes_now_and_then_are_not(responses: int, random: bool) -> None:
    """They are forgotten as fast as they come, as those of a limit that was found are."""
    refusals = RandomRefusals()
    for _ in range(100):
        refusals.episode_began()
        for _ in range(responses):
            refusals.succeeded()
        if refusals.assumed:
            break
    assert refusals.assumed is random


def test_tried_anew_after_so_many_responses() -> None:
    """The server may be well again, or count what is sent; then the episodes are counted from none."""
    refusals = assumed()
    seen: list[bool] = []
    for _ in range(random_refusals.RESPONSES):
        seen.append(refusals.assumed)
        assert not refusals.episode_began()  # none counts meanwhile
        refusals.succeeded()
    assert all(seen)
    assert not refusals.assumed
    assert [refusals.episode_began() for _ in range(12)] == [False] * 11 + [True]


def test_tried_anew_more_and_more_seldom() -> None:
    """Each time that slower sending doesn't help, they are taken for random ones for twice as long; at first again once they
    weren't for as long.
    """
    refusals = RandomRefusals()

    def lasts() -> int:
        while not refusals.episode_began():
            pass
        responses = 0
        while refusals.assumed:
            refusals.succeeded()
            responses += 1
        return responses

    first = random_refusals.RESPONSES
    assert [lasts() for _ in range(7)] == [first * by for by in (1, 2, 4, 8, 16, 16, 16)]
    for _ in range(first * 16 + 1):
        refusals.succeeded()
    assert lasts() == first


def test_longest_row() -> None:
    """The more is refused at random, the longer are the rows of refusals that are no outage."""
    assert RandomRefusals().longest_row == PROBE_AFTER
    refusals = assumed()
    assert refusals.longest_row == PROBE_AFTER
    rows: list[int] = []
    for part in (0.3, 0.6, 0.75):
        record(refusals, part)
        rows.append(refusals.longest_row)
    assert rows == sorted(rows)
    assert 0.75 ** rows[-1] < 0.05
    record(refusals, 1.0)
    assert refusals.longest_row == PROBE_AFTER


@pytest.mark.parametrize(("part", "random"), [(0.3, True), (0.7, True), (0.95, False)])
@pytest.mark.parametrize("slowed", [True, False])
def test_nearly_all_refused_is_not_random(part: float, random: bool, slowed: bool) -> None:
    """It is a window that is used up, or an outage; while refusals are taken for random, all requests tell."""
    refusals = assumed()
    record(refusals, part, slowed=slowed)
    assert refusals.assumed is random


def test_what_nothing_has_slowed_tells_nothing() -> None:
    """Too much is sent at once at first, and refused."""
    refusals = RandomRefusals()
    record(refusals, 1.0, slowed=False)
    assert not refusals.doubtful


@pytest.mark.parametrize(("part", "doubtful"), [(0.1, False), (0.8, True)])
def test_doubtful_where_much_is_refused_however_slowly_it_is_sent(
    part: float, doubtful: bool
) -> None:
    """Long before there were many episodes."""
    refusals = RandomRefusals()
    record(refusals, part)
    assert refusals.doubtful is doubtful
    assert not refusals.assumed
