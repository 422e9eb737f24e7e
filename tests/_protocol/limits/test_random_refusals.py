"""Refusals that follow from what is sent, and others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from horay_async._protocol.limits import random_refusals
from horay_async._protocol.limits.consecutive import PROBE_AFTER
from horay_async._protocol.limits.random_refusals import RandomRefusals, RefusalFinding


class Requests:
    """What requests meet, one after the other; before a trial, each refusal begins an episode."""

    def __init__(self, *, in_flight: int = 1, explained: bool = True) -> None:
        self.refusals = RandomRefusals()
        self.serial = 0
        self.in_flight = in_flight
        self.explained = explained

    def send(self, refused: Iterable[bool]) -> list[RefusalFinding]:
        """Sends requests; returns what they showed."""
        findings: list[RefusalFinding] = []
        for outcome in refused:
            self.serial += 1
            finding = self.refusals.record(self.serial, refused=outcome)
            findings += [] if finding is None else [finding]
            if outcome:
                self.refusals.episode_began(self.serial, self.in_flight, explained=self.explained)
        return findings

    def until_trial(self, one_in: int, most: int = 200) -> int:
        """Sends until a trial begins, of which one in so many is refused; returns how many were."""
        for count in range(1, most):
            self.send([False] * (one_in - 1) + [True])
            if self.refusals.assumed:
                return count
        return most

    def until_random(self, one_in: int) -> None:
        """Sends until refusals were found to be random."""
        self.until_trial(one_in)
        assert self.send(every(one_in, random_refusals.TRIAL)) == [RefusalFinding.RANDOM]


def every(one_in: int, requests: int) -> list[bool]:
    """One in so many of these requests is refused."""
    return [number % one_in == 0 for number in range(1, requests + 1)]


def test_one_episode_after_the_other_begins_a_trial() -> None:
    """Each has lowered what is sent, and was followed by the next all the same."""
    requests = Requests()
    assert requests.until_trial(1) == random_refusals.MAX_EPISODES
    assert requests.refusals.assumed


@pytest.mark.parametrize(("one_in", "trial"), [(5, True), (50, True), (120, False)])
def test_episodes_now_and_then_dont(one_in: int, trial: bool) -> None:
    """They are forgotten as fast as they come, as those of a limit that was found are."""
    assert (Requests().until_trial(one_in) < 200) is trial


@pytest.mark.parametrize(("one_in", "trial"), [(120, True), (700, True), (1200, False)])
def test_unexplained_ones_now_and_then(one_in: int, trial: bool) -> None:
    """They are forgotten ten times more slowly."""
    assert (Requests(explained=False).until_trial(one_in) < 200) is trial


@pytest.mark.parametrize("one_in", [2, 5, 20, 50])
def test_as_much_refused_as_before_is_random(one_in: int) -> None:
    """To send less had not helped."""
    requests = Requests()
    requests.until_random(one_in)
    assert requests.send(every(one_in, 1000)) == []
    assert requests.refusals.assumed


def test_requests_sent_before_a_trial_dont_count_for_it() -> None:
    """They were slowed."""
    requests = Requests()
    requests.until_trial(5)
    serial = requests.serial
    assert all(requests.refusals.record(serial, refused=True) is None for _ in range(100))
    assert requests.refusals.assumed


def test_trial_is_longer_where_more_may_be_under_way() -> None:
    """Refusals come sooner than responses."""
    requests = Requests(in_flight=100)
    requests.until_trial(5)
    assert requests.send(every(5, 299)) == []
    assert requests.send([False]) == [RefusalFinding.RANDOM]


def test_more_refused_than_before_is_not_random() -> None:
    """To send less had helped; a trial comes later each time, up to a bound."""
    requests = Requests()
    episodes: list[int] = []
    for _ in range(7):
        episodes.append(requests.until_trial(20))
        while not (found := requests.send([True])):
            assert requests.refusals.assumed
        assert found == [RefusalFinding.NOT_RANDOM]
        assert not requests.refusals.assumed
    assert episodes == sorted(episodes)
    assert episodes[-1] == episodes[-2] > 5 * episodes[0]


def test_some_more_later_are_too_many() -> None:
    """Besides random ones there are others, for what is under way; if fewer don't help, it is something else."""
    requests = Requests()
    requests.until_random(10)
    found = 0
    while requests.refusals.assumed:
        found += len(requests.send([False, True]))
    assert found == random_refusals.MAX_EXCEEDED  # one is forgotten meanwhile


def test_too_many_now_and_then() -> None:
    """Limits are tried time and again; what comes in between shows that they are kept."""
    requests = Requests()
    requests.until_random(10)
    for _ in range(20):
        assert requests.send(every(2, 30)) == [RefusalFinding.TOO_MANY]
        assert requests.send(every(10, 500)) == []
    assert requests.refusals.assumed


def test_nearly_all_refused_is_not_random() -> None:
    """It is a window that is used up, or an outage, however much was refused before."""
    requests = Requests()
    requests.until_random(2)
    requests.send(itertools.repeat(True, 1000))
    assert not requests.refusals.assumed


def test_refusals_that_have_ended() -> None:
    """The next ones may have a reason; and if they haven't, that is found as soon as the first time."""
    requests = Requests()
    first = requests.until_trial(10)
    requests.send(every(10, random_refusals.TRIAL))
    requests.send(itertools.repeat(False, 2000))
    assert not requests.refusals.assumed
    assert requests.until_trial(10) == first


def test_longest_row() -> None:
    """The more is refused at random, the longer are the rows of refusals that are no outage."""
    assert RandomRefusals().longest_row == PROBE_AFTER
    rows: list[int] = []
    for one_in, part in ((10, 0.1), (3, 1 / 3), (2, 0.5)):
        requests = Requests()
        requests.until_random(one_in)
        rows.append(requests.refusals.longest_row)
        assert part ** rows[-1] < 0.02
    assert rows == sorted(rows)
    assert rows[0] == PROBE_AFTER < rows[-1]


@pytest.mark.parametrize(("one_in", "doubtful"), [(10, False), (2, True)])
def test_doubtful_where_much_is_refused(one_in: int, doubtful: bool) -> None:
    """Long before there were many episodes."""
    requests = Requests()
    requests.send(every(one_in, 10))
    assert requests.refusals.doubtful is doubtful
