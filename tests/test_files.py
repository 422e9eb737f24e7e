"""Where a path leads to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from horay_async._files import resolved


def test_file_that_others_replace_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its name all along, however many files take it one after the other."""
    path = tmp_path / "image.png"
    path.write_bytes(b"0")
    stat = Path.stat

    def stat_once(self: Path, **how: bool) -> os.stat_result:
        found = stat(self, **how)
        other = tmp_path / "other"
        other.write_bytes(b"1")  # while the first is there, so that it has another inode
        os.replace(other, path)
        return found

    monkeypatch.setattr(Path, "stat", stat_once)
    assert resolved(path) == path.resolve()


@pytest.mark.posix
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
@pytest.mark.parametrize("another", [False, True])
def test_file_that_was_deleted(tmp_path: Path, another: bool) -> None:
    """Its name is no file's, or another one's."""
    path = tmp_path / "out"
    with path.open("wb") as opened:
        link = Path(f"/proc/self/fd/{opened.fileno()}")
        assert resolved(link) == path.resolve()
        path.unlink()
        if another:
            (tmp_path / "out (deleted)").write_bytes(b"")
        with pytest.raises(FileNotFoundError, match="Its name can't be told"):
            resolved(link)


def test_name_like_that_of_a_deleted_file(tmp_path: Path) -> None:
    """It is a name like any other."""
    path = tmp_path / "out (deleted)"
    assert resolved(path) == path.resolve()
    path.write_bytes(b"")
    assert resolved(path) == path.resolve()
