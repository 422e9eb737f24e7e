"""Time that passes at once, and both ways of using aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from horay_async._transport import aiohttp_internals


class Jump:
    """Moves the clock of an event loop forward: whatever should have happened by then happens at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._ahead: dict[asyncio.AbstractEventLoop, float] = {}

    def __call__(self, seconds: float, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`loop` is the running one unless given; one of another thread has to be woken then."""
        loop = loop or asyncio.get_running_loop()
        if loop not in self._ahead:
            real = loop.time
            self._monkeypatch.setattr(loop, "time", lambda: real() + self._ahead[loop])
        self._ahead[loop] = self._ahead.get(loop, 0.0) + seconds


@pytest.fixture
def jump() -> Iterator[Jump]:
    """Jumps in time, undone after the test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Jump(monkeypatch)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever uses the fixture `internals` runs both ways, or the one that its marker of that name says."""
    if "internals" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("internals")
        ways = [True, False] if marker is None else [bool(marker.args[0])]
        names = ["internals" if way else "public" for way in ways]
        metafunc.parametrize("internals", ways, ids=names, indirect=True)


@pytest.fixture
def internals(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether aiohttp's undocumented parts are used."""
    monkeypatch.setattr(aiohttp_internals, "ENABLED", request.param)
    return bool(request.param)
