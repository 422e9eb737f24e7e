"""How many connections there may be at once: what is asked for, and never more than files can be open."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from typing import Any

import pytest

from horay_async._transport.connection_pool import MAX_LIMITS, SlotsByLimit
from horay_async._transport.open_files import SELECT_SOCKETS, SPARE_FILES, connections_allowed
from horay_async.testing import FaultServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def soft_limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what the system says of open files."""
    resource = pytest.importorskip("resource")

    def limit(files: int) -> None:
        def getrlimit(_: int) -> tuple[int, int]:
            return files, files

        monkeypatch.setattr(resource, "getrlimit", getrlimit)

    return limit


@pytest.mark.parametrize(("files", "asked", "allowed"), [(256, 1000, 224), (4096, 1000, 1000)])
async def test_stays_below_open_files(
    soft_limit: Any, files: int, asked: int, allowed: int
) -> None:
    """With macOS' soft limit fewer calls are under way at once than were asked for; with a larger one all."""
    soft_limit(files)
    slots = SlotsByLimit(asyncio.get_running_loop())
    assert slots[asked].limit == allowed


async def test_no_limit_of_files(soft_limit: Any) -> None:
    """Where the system has none, only what was asked for counts."""
    soft_limit(-1)
    assert connections_allowed(asyncio.get_running_loop()) == math.inf


async def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that waits by `select` takes 512 sockets there; another one has no limit."""
    monkeypatch.setattr(sys, "platform", "win32")
    selector = asyncio.SelectorEventLoop()
    try:
        assert connections_allowed(selector) == SELECT_SOCKETS - SPARE_FILES
    finally:
        selector.close()
    other: Any = object()
    assert connections_allowed(other) == math.inf


async def test_told_once_it_binds(
    soft_limit: Any,
    horay_server: FaultServer,
    connect: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says once that calls wait, when the first one does, and what helps; the calls are all made."""
    soft_limit(SPARE_FILES + 1)
    caplog.set_level(logging.WARNING, "horay_async")
    async with connect() as client:
        await client.completions.create(model="m", prompt="p")
        assert not caplog.records
        calls = [client.completions.create(model="m", prompt="p") for _ in range(3)]
        assert len(await asyncio.gather(*calls)) == 3
    (record,) = caplog.records
    assert "ulimit -n" in record.getMessage()


async def test_idle_limiters_are_forgotten() -> None:
    """Copies of a client that each have a `max_connections` of their own leave no more than a few slots."""
    slots = SlotsByLimit(asyncio.get_running_loop())
    held = slots[1]
    assert held.acquire_nowait()
    for limit in range(2, 10 * MAX_LIMITS):
        assert slots[limit].limit == limit
    assert len(slots) <= MAX_LIMITS + 1
    assert slots[1] is held
