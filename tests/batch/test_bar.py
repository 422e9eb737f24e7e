"""The progress bar of a batch."""

from __future__ import annotations

import re
import sys
import threading
from typing import Any

import pytest

from horay_async import ConfigurationError
from horay_async.batch import AsyncBatch, BatchProgress
from horay_async.batch.bar import ProgressBar
from tests.processes import printed_by

from .conftest import Stub, lines, until
from .test_run_file import Files

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the tests run in, rich goes by what it is told here."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


async def test_nothing_is_drawn_where_nobody_looks(
    stub: Stub, batch: AsyncBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard error is a file: it stays empty."""
    async for _ in batch.run(lines(20), progress=True):
        pass
    assert capsys.readouterr() == ("", "")


async def test_outage_is_shown(
    batch: AsyncBatch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of the tokens."""
    monkeypatch.setattr(BatchProgress, "seconds_unreached", 20.4)
    async for _ in batch.run(list(lines(3)), progress="always"):
        pass
    assert "0 failed, server unreachable for 0:00:20" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [120, 60])
async def test_asked_wait_is_shown(
    stub: Stub,
    batch: AsyncBatch,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    """Without a time left, and why where there is room."""
    monkeypatch.setenv("COLUMNS", str(columns))
    pause = "the server asks to wait until 12:34:56 (429: slow [down])"
    monkeypatch.setattr(BatchProgress, "pause", pause)
    async for _ in batch.run(list(lines(3)), progress="always"):
        pass
    err = capsys.readouterr().err
    shown = (
        f"0 failed, {pause}"
        if columns == 120
        else "0 failed, the server asks to wait until 12:34:56"
    )
    assert shown in err
    assert " left" not in err


@pytest.mark.parametrize("forced", ["by the argument", "by the environment"])
async def test_bar_is_drawn(
    stub: Stub,
    batch: AsyncBatch,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    forced: str,
) -> None:
    """On standard error, with what was finished of how many."""
    if forced == "by the environment":
        monkeypatch.setenv("FORCE_COLOR", "1")
    run = batch.run(list(lines(20)), progress="always" if forced == "by the argument" else True)
    async for _ in run:
        pass
    out, err = capsys.readouterr()
    assert out == ""
    assert "20/20" in err
    assert "0 failed" in err
    assert run.progress.total == 20


async def test_time_left_is_known_at_the_end(
    stub: Stub, batch: AsyncBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is none."""
    async for _ in batch.run(list(lines(20)), progress="always"):
        pass
    last = capsys.readouterr().err.rpartition("20/20")[2]
    assert "0:00:00" in last
    assert "-:--:--" not in last


async def test_what_is_printed_goes_where_it_belongs(
    stub: Stub, batch: AsyncBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program's output into a file or a pipe isn't drawn to the terminal instead."""
    async for result in batch.run(list(lines(20)), progress="always"):
        print("line", result.index)
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == sorted(f"line {number}" for number in range(20))
    assert "line" not in err


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rich takes for a notebook."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)


@pytest.mark.usefixtures("stub", "notebook")
async def test_what_is_printed_in_a_notebook(
    batch: AsyncBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the bar is left beside it: it is overwritten with blanks, since notebooks erase no lines."""
    async for result in batch.run(list(lines(20)), progress=True):
        print(f"line {result.index}.")
    out, _ = capsys.readouterr()
    assert "\x1b[2K" not in out
    shown: list[str] = []
    for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out).split("\n"):
        screen = ""
        for part in line.split("\r"):  # each overwrites what is there
            screen = part + screen[len(part) :]
        shown.append(screen.rstrip())
    printed = [line for line in shown if line.startswith("line ")]
    assert sorted(printed) == sorted(f"line {number}." for number in range(20))
    assert "20/20" in "".join(shown)


async def test_bar_of_requests_that_arent_counted(
    stub: Stub, batch: AsyncBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many are finished is known, of how many isn't."""
    async for _ in batch.run(lines(20), progress="always"):
        pass
    assert "20/?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (100, ["━" * 40, "20/20", "0 failed, 100 tokens", "0:00:0"]),
        (60, ["━" * 10, "20/20", "0 failed, 100 tokens", "0:00:0"]),
        (40, ["20/20", "0 failed, 100 tokens", "0:00:0"]),
        (30, ["20/20", "0 failed, 100 tokens"]),
        (20, ["20/20", "0 failed"]),
        (12, ["20/20"]),
    ],
)
async def test_bar_in_a_narrow_terminal(
    stub: Stub,
    batch: AsyncBatch,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    shown: list[str],
) -> None:
    """How far it is always stands there whole, then what failed; nothing is cut."""
    monkeypatch.setenv("COLUMNS", str(columns))
    async for _ in batch.run(list(lines(20)), progress="always"):
        pass
    err = capsys.readouterr().err
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err).rstrip().split("\r")[-1]
    assert "…" not in last
    assert len(last) <= columns
    assert [text for text in shown if text not in last] == []


async def test_bar_ends_with_the_batch_however_it_ends(stub: Stub, batch: AsyncBatch) -> None:
    """No thread goes on drawing, and the terminal has its cursor again."""

    def drawing() -> bool:
        return any(type(thread).__name__ == "_RefreshThread" for thread in threading.enumerate())

    async with batch.run(lines(1000), progress="always") as run:
        await anext(run)
        assert drawing()
    await until(lambda: not drawing())
    async for _ in batch.run(lines(30), progress="always"):
        pass
    await until(lambda: not drawing())


async def test_bar_of_a_file(
    stub: Stub, batch: AsyncBatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What earlier runs finished counts."""
    files = Files(tmp_path)
    files.ask(*lines(10))
    await batch.run_file(files.requests, files.results)
    files.ask(*lines(20))
    await batch.run_file(files.requests, files.results, progress="always")
    assert "20/20" in capsys.readouterr().err


def test_bar_waits_for_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file whose lines are still being counted nothing is shown; then the time that is left has its name."""
    progress = BatchProgress()
    bar = ProgressBar(progress, "always", counted=True)
    bar.start()
    assert "0/" not in capsys.readouterr().err
    progress.total = 5
    bar.stop()
    told = capsys.readouterr().err
    assert "0/5" in told
    assert "left" in told


def test_bar_without_rich(batch: AsyncBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says at once what to install."""

    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr("horay_async._extras.find_spec", nothing)
    with pytest.raises(ImportError, match=r"pip install 'horay-async\[cli\]'"):
        batch.run([], progress=True)


def test_wrong_wish(batch: AsyncBatch) -> None:
    """Is told as such."""
    wrong: Any = "yes"
    with pytest.raises(ConfigurationError, match="progress must be True, False or"):
        batch.run([], progress=wrong)


def test_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no end of a batch."""
    bar = ProgressBar(BatchProgress(), "always")

    def broken(*args: object) -> int:
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys.stderr, "write", broken)
        bar.start()
        bar.stop()
        bar.stop()


def test_rich_is_loaded_for_a_bar_alone() -> None:
    """Neither the client nor its batches need it."""
    code = (
        "import sys, horay_async.batch.resource, horay_async.sync\n"
        "horay_async.batch.resource.AsyncBatch(None).run([])\n"
        "assert 'rich' not in sys.modules"
    )
    printed_by("-W", "error", "-c", code)


@pytest.mark.usefixtures("stub", "notebook")
async def test_in_a_notebook(batch: AsyncBatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard output, drawn anew: nothing has to be installed besides, and nothing warns."""
    async for _ in batch.run(list(lines(20)), progress=True):
        pass
    out, err = capsys.readouterr()
    assert err == ""
    assert "20/20" in out.rpartition("\r")[2]
