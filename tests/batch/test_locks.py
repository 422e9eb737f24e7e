"""One run at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from horay_async.batch import BatchFileError, locks
from horay_async.batch.locks import FileLock
from tests.processes import unmeasured


def test_second_run_is_refused(tmp_path: Path) -> None:
    """As long as the first is there."""
    path = tmp_path / "out.jsonl"
    with FileLock(path):
        with pytest.raises(
            BatchFileError, match=r"out\.jsonl: another run is writing it"
        ) as caught:
            FileLock(path).__enter__()
        assert caught.value.path == str(path)
    with FileLock(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_lock_file_that_was_left_behind_locks_nothing(tmp_path: Path) -> None:
    """A file of that name is none of ours, and is left alone."""
    (tmp_path / "out.jsonl.lock").write_text("mine")
    with FileLock(tmp_path / "out.jsonl"):
        pass
    assert (tmp_path / "out.jsonl.lock").read_text() == "mine"


def test_lock_of_a_file_that_is_gone_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between our opening its file and locking it may take the file with it."""
    path = tmp_path / "out.jsonl"
    real, times = os.open, list[Path]()

    def open_and_lose(name: Path, *args: int) -> int:
        handle = real(name, *args)
        if not times:
            name.unlink()
        times.append(name)
        return handle

    monkeypatch.setattr(os, "open", open_and_lose)
    with FileLock(path):
        assert len(times) == 2
        assert path.exists()


@pytest.mark.posix
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_process_has_no_part_in_it(tmp_path: Path) -> None:
    """Neither while the run goes on, nor at its end; leaving the block in that process touches nothing."""
    path = tmp_path / "out.jsonl"
    reading, writing = os.pipe()
    lock = FileLock(path)
    with lock:
        child = os.fork()
        if child == 0:
            os.close(writing)
            lock.__exit__(None, None, None)
            os._exit(0 if lock.handle < 0 and path.exists() and not os.read(reading, 1) else 1)
        os.close(reading)
        with pytest.raises(BatchFileError, match="another run is writing it"):
            FileLock(path).__enter__()
        lock.keep = True
    with FileLock(path):  # though the other process still lives
        pass
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0


KILLED = """
import os, sys
from pathlib import Path
from horay_async.batch.locks import FileLock
with FileLock(Path(sys.argv[1])):
    if os.fork():
        os._exit(9)
    print(flush=True)
    sys.stdin.read()
"""


@pytest.mark.posix
def test_worker_of_a_run_that_was_killed(tmp_path: Path) -> None:
    """Doesn't hold up the next run, however long it lives."""
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"\n"
        assert killed.wait(20) == 9
        with FileLock(path):
            pass


KILLED_WHILE_REWRITING = """
import os, signal, sys
from pathlib import Path
from horay_async.batch.locks import FileLock

def lines():
    yield b"one\\n"
    os.kill(os.getpid(), signal.SIGKILL)

with FileLock(Path(sys.argv[1])) as lock:
    lock.rewrite(lines())
"""


@pytest.mark.posix
def test_what_a_killed_run_leaves_is_removed(tmp_path: Path) -> None:
    """By the next run on the same file, which is as it was; what others may be at work on stays."""
    path, other = tmp_path / "out.jsonl", tmp_path / "other.jsonl"
    for file in (path, other):
        file.write_bytes(b"one\ntwo\n")
        for _ in range(2):
            command = [sys.executable, "-c", KILLED_WHILE_REWRITING, str(file)]
            assert subprocess.run(command, env=unmeasured(), check=False).returncode == -9
    left = {file.name for file in tmp_path.iterdir()} - {path.name, other.name}
    assert len(left) == 2  # each start has removed what the one before had left
    with FileLock(path):
        pass
    assert path.read_bytes() == b"one\ntwo\n"
    assert len(left & {file.name for file in tmp_path.iterdir()}) == 1
    with FileLock(other):
        pass
    assert set(tmp_path.iterdir()) == {path, other}


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told as such: there is no other run."""

    def fail(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", fail)
    with pytest.raises(BatchFileError, match="can't be locked: No locks available"):
        FileLock(tmp_path / "out.jsonl").__enter__()
