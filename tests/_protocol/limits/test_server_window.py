"""The rest of a server's window."""

from __future__ import annotations

from horay_async._protocol.limits.server_window import MAX_HOLD, ServerWindow, ServerWindows
from horay_async.models.rate_limits import RateLimit, RateLimits


def test_without_word_nothing_waits() -> None:
    """A server needn't tell."""
    window = ServerWindow()
    window.update(RateLimit(remaining=None, reset=10.0), taken=0, now=0.0)
    window.update(RateLimit(remaining=0, reset=None), taken=0, now=0.0)
    window.update(RateLimit(remaining=0, reset=0.0), taken=0, now=0.0)
    assert window.wait(1.0, 0.0) == 0.0


def test_holds_until_the_reset() -> None:
    """Once nothing is left; afterwards it asks the server."""
    window = ServerWindow()
    window.update(RateLimit(remaining=0, reset=10.0), taken=0, now=100.0)
    assert window.wait(1.0, 104.0) == 6.0
    assert window.wait(1.0, 110.0) == 0.0


def test_counts_what_the_server_has_not_seen_yet() -> None:
    """Two went after the request whose response says that three are left."""
    window = ServerWindow()
    window.take(1.0)
    taken = window.taken
    window.take(1.0)
    window.take(1.0)
    window.update(RateLimit(remaining=3, reset=10.0), taken=taken, now=0.0)
    window.take(1.0)
    assert window.wait(1.0, 0.0) == 10.0
    window.take(-1.0)
    assert window.wait(1.0, 0.0) == 0.0


def test_what_is_left_has_to_cover_the_request() -> None:
    """Of tokens, a large request needs many."""
    window = ServerWindow()
    window.update(RateLimit(remaining=100, reset=10.0), taken=0, now=0.0)
    assert window.wait(100.0, 0.0) == 0.0
    assert window.wait(101.0, 0.0) == 10.0


def test_a_reset_that_is_far_off_is_not_waited_for() -> None:
    """A request asks anew after two minutes."""
    window = ServerWindow()
    window.update(RateLimit(remaining=0, reset=86_400.0), taken=0, now=0.0)
    assert window.wait(1.0, 0.0) == MAX_HOLD


def test_next_window_admits_as_much_as_the_limit() -> None:
    """Not everything that waits: what is over the limit would be refused."""
    window = ServerWindow()
    window.update(RateLimit(limit=2, remaining=0, reset=10.0), taken=0, now=0.0)
    for now in (10.0, 25.0):  # the server may take longer than a window to tell of it
        for _ in range(2):
            assert window.wait(1.0, now) == 0.0
            window.take(1.0)
        assert window.wait(1.0, now) == 10.0
    window.update(RateLimit(limit=2, remaining=1, reset=9.0), taken=window.taken, now=26.0)
    assert window.wait(1.0, 26.0) == 0.0
    window.take(1.0)
    assert window.wait(1.0, 26.0) == 9.0


def test_next_window_without_a_limit_admits_one() -> None:
    """Which finds out; if it doesn't, as it may never be answered, nothing waits any more."""
    window = ServerWindow()
    window.update(RateLimit(remaining=0, reset=10.0), taken=0, now=0.0)
    assert window.wait(5.0, 10.0) == 0.0
    window.take(5.0)
    assert window.wait(5.0, 10.0) == 10.0
    for _ in range(2):
        assert window.wait(5.0, 20.0) == 0.0
        window.take(5.0)


def test_window_that_was_not_used_up() -> None:
    """Where the limit isn't known either, there is no reason to wait for the first response."""
    window = ServerWindow()
    window.update(RateLimit(remaining=3, reset=10.0), taken=0, now=0.0)
    for now in (10.0, 20.0):
        for _ in range(5):
            assert window.wait(1.0, now) == 0.0
            window.take(1.0)


def test_larger_than_the_limit() -> None:
    """An estimate can be wrong; the server says so where it isn't."""
    window = ServerWindow()
    window.update(RateLimit(limit=100, remaining=0, reset=10.0), taken=0, now=0.0)
    assert window.wait(300.0, 10.0) == 0.0


def test_server_that_tells_no_more() -> None:
    """Nothing waits for a word that doesn't come with the response."""
    window = ServerWindow()
    window.update(RateLimit(limit=1, remaining=0, reset=10.0), taken=0, now=0.0)
    assert window.wait(1.0, 10.0) == 0.0
    window.take(1.0)
    assert window.wait(1.0, 10.0) == 10.0
    window.update(RateLimit(), taken=window.taken, now=11.0)
    for now in (11.0, 100.0):
        for _ in range(3):
            assert window.wait(1.0, now) == 0.0
            window.take(1.0)


def test_is_idle_once_the_windows_are_over() -> None:
    """Only until then is there something to go by."""
    windows = ServerWindows()
    assert windows.is_idle(0.0)
    windows.update(RateLimits(tokens=RateLimit(remaining=5, reset=10.0)), (0.0, 0.0), 0.0)
    assert not windows.is_idle(9.0)
    assert windows.is_idle(10.0)
    assert windows.wait(100.0, 10.0) == 0.0


def test_both_windows() -> None:
    """Of requests and of tokens; a limit of 0 is what some servers say where nothing is limited."""
    windows = ServerWindows()
    taken = windows.take(50.0)
    assert taken == (1.0, 50.0)
    nothing = RateLimit(limit=0, remaining=0, reset=10.0)
    tokens = RateLimit(limit=100, remaining=40, reset=5.0)
    windows.update(RateLimits(requests=nothing, tokens=tokens), taken, 0.0)
    assert windows.wait(40.0, 0.0) == 0.0
    assert windows.wait(41.0, 0.0) == 5.0
    assert not windows.is_idle(0.0)
    windows.take(1.0)
    assert windows.wait(40.0, 0.0) == 5.0
    windows.give_back(1.0)
    assert windows.wait(40.0, 0.0) == 0.0
