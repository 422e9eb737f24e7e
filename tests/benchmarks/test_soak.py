"""The soak: its account, its server, and what it compares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.soak import BATCH, MOST_GROWTH, Account, Slice, compared, main, soak
from benchmarks.soak_server import KEY, soak_server
from horay_async import AsyncHoray

pytestmark = pytest.mark.anyio


async def test_every_call_is_accounted_for() -> None:
    """Through faults, each returns or raises, and the server got a request for each that was sent."""
    account, requests = await soak(200, 7)
    # A number that is a batch's counts as so many calls.
    assert 200 <= account.calls <= BATCH * 200
    assert (account.lost, account.wrong) == (0, [])
    assert account.raised
    assert requests >= account.answered


@pytest.mark.parametrize("closed", [True, False])
async def test_server_tells_what_it_saw(closed: bool) -> None:
    """How many requests came, and that no connection is open when the client says so."""
    async with soak_server(7) as server, AsyncHoray(KEY, base_url=server.base_url) as client:
        await client.models.list(max_retries=9)
        if closed:
            await client.close()
        seen = await server.end(closed=closed)
    assert seen.requests >= 1
    assert (seen.twice, seen.left_open) == ([], 0)


async def test_server_tells_of_open_connections() -> None:
    """One that is still open though the client says that it has closed all is reported."""
    async with soak_server(7) as server, AsyncHoray(KEY, base_url=server.base_url) as client:
        await client.models.list(max_retries=9)
        assert (await server.end(closed=True)).left_open == 1


def slices(*memory: float) -> list[Slice]:
    """Slices that differ in memory alone."""
    return [Slice(place, 1, 100.0, 50.0, mib) for place, mib in enumerate(memory)]


def test_growth_is_that_of_the_last_sixth() -> None:
    """Over the first; what lies between counts for nothing."""
    assert compared(slices(100, 300, 300, 300, 300, 110))["memory_mib"] == pytest.approx(1.1)
    assert compared(slices(*[100] * 12))["cost"] == 1.0


def test_growth_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Memory that grew by more than is allowed is exit status 1, and named."""
    grown = slices(100, *[101] * 4, 100 * MOST_GROWTH + 1)

    async def soak_for(minutes: float, seed: int) -> tuple[Account, int, list[Slice]]:
        return Account(), 0, grown

    monkeypatch.setattr("benchmarks.soak.soak_for", soak_for)
    monkeypatch.setattr(sys, "argv", ["soak", "--minutes", "1", "--json", str(tmp_path / "s.json")])
    assert main() == 1
    assert "memory_mib grew 1.060 times" in capsys.readouterr().err
    grown[-1] = slices(100)[0]
    assert main() == 0


def test_plot_needs_matplotlib(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it, `--plot` is refused before the first call."""

    def find_none(name: str) -> None:
        """No module is installed."""

    monkeypatch.setattr("benchmarks.soak.find_spec", find_none)
    monkeypatch.setattr(sys, "argv", ["soak", "--plot"])
    with pytest.raises(SystemExit):
        main()
    assert "--plot needs matplotlib" in capsys.readouterr().err
