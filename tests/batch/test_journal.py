"""The file of answers as a record."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from horay_async import RateLimitError
from horay_async.batch import BatchFileError, BatchResult
from horay_async.batch.ids import FINISHED, LISTED, IdTable
from horay_async.batch.journal import Journal


def written(*names: str, failing: tuple[str, ...] = ()) -> bytes:
    """Lines of answers, some of them failures."""
    return b"".join(
        json.dumps(
            {
                "id": "x",
                "custom_id": name,
                "response": {"status_code": 500 if name in failing else 200},
            }
        ).encode()
        + b"\n"
        for name in names
    )


def result(name: str) -> BatchResult[Any]:
    error = RateLimitError("too much", status_code=429)
    return BatchResult(index=0, custom_id=name, request=None, error=error)


def names_in(path: Path) -> list[str]:
    """The ids of a file that holds whole lines alone."""
    data = path.read_bytes()
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(raw)["custom_id"] for raw in data.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def opened(path: Path, *listed: str, retry_failed: bool = False) -> tuple[Journal, int, list[str]]:
    """A journal, how many of the listed are finished, and which."""
    ids = IdTable()
    for name in listed:
        ids.mark(name, LISTED)
    journal = Journal(path)
    finished = journal.open(ids, retry_failed=retry_failed)
    return journal, finished.total, [name for name in listed if ids.mark(name, LISTED) & FINISHED]


def test_new_file(path: Path) -> None:
    """Begins empty; what is appended is there at once."""
    journal, finished, _ = opened(path, "a")
    assert finished == 0
    journal.append([result("a"), result("b")])
    assert names_in(path) == ["a", "b"]
    journal.append([])
    journal.close()
    journal.close()


def test_existing_file_is_gone_on_with(path: Path) -> None:
    """What it holds is finished, failures included; what isn't asked for doesn't count."""
    path.write_bytes(written("a", "other", "c", failing=("c",)))
    journal, finished, names = opened(path, "a", "b", "c")
    assert (finished, names) == (2, ["a", "c"])
    journal.append([result("b")])
    assert names_in(path) == ["a", "other", "c", "b"]
    journal.close()


def test_failures_can_be_taken_out(path: Path) -> None:
    """To be sent again; everything else stays as it was."""
    path.write_bytes(written("a", "b") + b"\n" + written("c", "d", failing=("c",)))
    journal, finished, names = opened(path, "a", "b", "c", "d", retry_failed=True)
    assert (finished, names) == (3, ["a", "b", "d"])
    assert path.read_bytes() == written("a", "b") + b"\n" + written("d")
    journal.append([result("c")])
    journal.close()
    assert sorted(path.parent.iterdir()) == [path]


def test_nothing_is_rewritten_without_need(path: Path) -> None:
    """Where there are no failures the file stays the same one."""
    path.write_bytes(written("a"))
    before = path.stat().st_ino
    opened(path, "a", retry_failed=True)[0].close()
    assert path.stat().st_ino == before


@pytest.mark.parametrize("cut", range(1, len(written("b"))))
def test_torn_last_line_is_cut_off(path: Path, cut: int) -> None:
    """Wherever it was torn; a line that lacks nothing but its end is kept."""
    path.write_bytes(written("a") + written("b")[:cut])
    journal, finished, names = opened(path, "a", "b")
    whole = cut == len(written("b")) - 1
    assert names == (["a", "b"] if whole else ["a"])
    assert finished == len(names)
    assert path.read_bytes() == written(*names)
    journal.append([result("c")])
    journal.close()
    assert names_in(path) == [*names, "c"]


def test_zeros_at_the_end_are_cut_off(path: Path) -> None:
    """As some file systems leave them after a loss of power."""
    path.write_bytes(written("a") + bytes(100))
    journal, _, names = opened(path, "a")
    journal.close()
    assert names == ["a"]
    assert path.read_bytes() == written("a")


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"name,value\n1,2\n", 1),
        (written("a") + b"{}\n" + written("b"), 2),
        (written("a") + b'{"custom_id": "b"\n', 2),
        (written("a") + b"dear diary", 2),
        (b"\xff\xfe", 1),
    ],
)
def test_foreign_file_is_left_alone(path: Path, data: bytes, number: int) -> None:
    """It is no record of a batch, and nothing is cut off from it."""
    path.write_bytes(data)
    with pytest.raises(BatchFileError, match=rf"out\.jsonl, line {number}: not a line") as caught:
        opened(path, "a")
    assert (caught.value.path, caught.value.line) == (str(path), number)
    assert path.read_bytes() == data


def test_full_disk_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What there was no room for is cut off, and the error says how to go on."""
    journal, _, _ = opened(path)
    journal.append([result("a")])
    size = path.stat().st_size
    room = [size + size // 2]
    real = os.write

    def write(handle: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(handle, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(BatchFileError, match=r"No space left on device.*start again") as caught:
        journal.append([result("b"), result("c"), result("d")])
    assert caught.value.path == str(path)
    assert names_in(path) == ["a", "b"]
    journal.close()


def test_file_that_cant_be_cut_is_cut_by_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first error is the one that counts."""

    def fail(*args: object) -> int:
        raise OSError(errno.EIO, "broken")

    journal, _, _ = opened(path)
    monkeypatch.setattr(os, "write", fail)
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(BatchFileError, match="broken"):
        journal.append([result("a")])
    journal.close()


def test_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where something was written since; a disk that fails is told of."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal, _, _ = opened(path)
    journal.sync()
    journal.append([result("a")])
    journal.sync()
    journal.sync()
    assert len(synced) == 1

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    journal.append([result("b")])
    with pytest.raises(BatchFileError, match="broken"):
        journal.sync()
    journal.close()


def test_earlier_failures_are_counted(path: Path) -> None:
    """Among what is listed and finished; those that are taken out again aren't finished."""
    path.write_bytes(written("a", "b", "c", "gone", failing=("b", "gone")))
    for retry_failed, expected in ((False, (3, 1)), (True, (2, 0))):
        ids = IdTable()
        for name in ("a", "b", "c", "d"):
            ids.mark(name, LISTED)
        journal = Journal(path)
        assert journal.open(ids, retry_failed=retry_failed) == expected
        journal.close()
