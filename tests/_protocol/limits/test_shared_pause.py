"""Pauses."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.shared_pause import SharedPause


def pause(chance: float = 0.0) -> SharedPause:
    return SharedPause(lambda: chance)


def test_pause_lasts_as_long_as_asked() -> None:
    """A wait that the server asks for is kept."""
    pauses = pause()
    assert pauses.pause(3.0, sharers=1, now=10.0) == 3.0
    assert pauses.wait(10.0) == 3.0
    assert pauses.wait(13.0) == 0.0


def test_pause_is_drawn_out_at_random() -> None:
    """Clients that are told the same don't come back as one: up to a tenth later, a quarter second at least."""
    assert pause(0.5).pause(10.0, sharers=1, now=0.0) == 10.5
    assert pause(0.5).pause(1.0, sharers=1, now=0.0) == 1.125


def test_return_is_spread_out() -> None:
    """After a pause, one goes after the other, over a tenth of the pause."""
    pauses = pause()
    pauses.pause(10.0, sharers=4, now=0.0)
    sent, now = list[float](), 10.0
    while len(sent) < 8:
        now += pauses.wait(now)
        pauses.sent(now)
        sent.append(now)
    assert sent == pytest.approx([10.0, 10.25, 10.5, 10.75, 11.0, 11.0, 11.0, 11.0])


def test_longer_pause_wins() -> None:
    """A shorter wait asked for meanwhile changes nothing; a longer one counts by what it adds."""
    pauses = pause()
    pauses.pause(5.0, sharers=1, now=0.0)
    assert pauses.pause(2.0, sharers=1, now=1.0) == 0.0
    assert pauses.pause(6.0, sharers=1, now=1.0) == 2.0
    assert pauses.wait(1.0) == 6.0


def test_unasked_pauses_grow_where_short_ones_did_not_help() -> None:
    """Without a word from the server a pause is short for two seconds, then as long as the server has refused since, up to a
    bound.
    """
    pauses = pause(1.0)
    now, lengths = 0.0, list[float]()
    for _ in range(13):
        lengths.append(pauses.pause(None, sharers=1, now=now, refusing=now))
        now += lengths[-1]
    assert lengths == pytest.approx([0.5] * 6 + [1, 2, 4, 8, 16, 16, 16])
    assert pauses.pause(None, sharers=1, now=now) == pytest.approx(0.5)


def test_unasked_pauses_vary() -> None:
    """At random between half of it and the whole."""
    assert pause(0.0).pause(None, sharers=1, now=0.0) == 0.25


def test_request_during_a_pause_leaves_it_as_it_is() -> None:
    """One that goes to find out whether the server is back doesn't let the others go."""
    pause = SharedPause(lambda: 0.0)
    pause.pause(8.0, sharers=4, now=0.0)
    pause.sent(1.0)
    assert pause.wait(1.0) == 7.0


def test_cut_ends_what_the_server_did_not_ask_for() -> None:
    """A pause by its own word stays."""
    pause = SharedPause(lambda: 0.0)
    pause.pause(None, sharers=4, now=0.0)
    pause.shorten(0.1)
    assert pause.wait(0.1) == 0.0
    pause.pause(3.0, sharers=4, now=1.0)
    pause.shorten(2.0)
    assert pause.wait(2.0) == 2.0
