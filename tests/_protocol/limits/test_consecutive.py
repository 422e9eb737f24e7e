"""Refusals in a row, and what is held back because of them."""

from __future__ import annotations

import pytest

from horay_async._protocol.limits.consecutive import (
    PROBE_AFTER,
    ConsecutiveRefusals,
    Halt,
)


def refuse(refusals: ConsecutiveRefusals, serial: int) -> None:
    """Refuses an informed request, and takes it back."""
    refusals.ended(serial)
    refusals.refused(serial)


def test_what_was_sent_before_a_refusal_was_known_is_not_informed() -> None:
    """Its own refusal says nothing new."""
    refusals = ConsecutiveRefusals()
    before = [refusals.sent() for _ in range(3)]
    assert all(map(refusals.is_informed, before))
    refuse(refusals, before[1])
    after = refusals.sent()
    assert not any(map(refusals.is_informed, before))
    assert refusals.is_informed(after)


def test_first_request_after_a_refusal_is_next() -> None:
    """No other one is, and none is before the first refusal."""
    refusals = ConsecutiveRefusals()
    serials = [refusals.sent()]
    assert not refusals.is_next(serials[0])
    refuse(refusals, serials[0])
    serials += [refusals.sent() for _ in range(2)]
    assert [refusals.is_next(serial) for serial in serials] == [False, True, False]


def test_row() -> None:
    """Each refusal of the next request counts, that of a later one begins anew."""
    refusals = ConsecutiveRefusals()
    counts: list[int] = []
    for _ in range(3):
        refuse(refusals, refusals.sent())
        counts.append(refusals.count)
    refusals.sent()
    refuse(
        refusals, refusals.sent()
    )  # the one before was let through, though its response isn't there yet
    counts.append(refusals.count)
    assert counts == [1, 2, 3, 1]


def test_one_probe_after_a_few() -> None:
    """It is under way until it ends or is refused; what was sent before doesn't count."""
    refusals = ConsecutiveRefusals()
    slow = refusals.sent()
    seen: list[bool] = []
    for _ in range(PROBE_AFTER):
        serial = refusals.sent()
        seen.append(refusals.probe_in_flight)
        refuse(refusals, serial)
    seen.append(refusals.probe_in_flight)
    probe = refusals.sent()
    for serial in (slow, probe):
        seen.append(refusals.probe_in_flight)
        refusals.ended(serial)
    assert [*seen, refusals.probe_in_flight] == [False, False, False, False, True, True, False]


@pytest.mark.parametrize(("latency", "seconds"), [(0.0, 0.5), (2.0, 2.0), (90.0, 16.0)])
def test_halt_lasts_as_long_as_a_request_mostly_takes(latency: float, seconds: float) -> None:
    """Within the bounds of a pause; and only while it is on, or a probe is under way."""
    halt = Halt()
    halt.extend(10.0, latency)
    assert halt.wait(10.0, probe_in_flight=False) == 0.0
    assert halt.wait(10.0, probe_in_flight=True) == seconds
    halt.on = True
    assert halt.wait(10.0, probe_in_flight=False) == seconds
    assert halt.wait(11.0 + seconds, probe_in_flight=False) == 0.0
