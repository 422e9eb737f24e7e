"""What standard output can't take is kept in a file, whatever ends the command."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from horay_async.cli.exit_codes import CommandError
from horay_async.cli.kept_output import check_stdout_open, keep, kept_where_lost


class Failing(io.StringIO):
    """A stream that fails from the second text on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.calls = 0

    def write(self, text: str) -> int:
        self.calls += 1
        if self.calls > 1:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def failing(monkeypatch: pytest.MonkeyPatch, number: int) -> Failing:
    stream = Failing(number)
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


@kept_where_lost()
def write(*texts: str, ending: BaseException | None = None) -> None:
    for text in texts:
        sys.stdout.write(text)
    if ending is not None:
        raise ending


def test_all_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The block goes on, and the file has all of it, what was written before included."""
    stream = failing(monkeypatch, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device: 'standard output'"):
        write("a", "b\ud83d", "c")
    assert (stream.getvalue(), stream.calls) == ("a", 2)
    (file,) = folder.iterdir()
    assert file.read_text(encoding="utf-8") == "ab?c"
    assert f"what had come is kept in {file}\n" in capsys.readouterr().err
    assert sys.stdout is stream


@pytest.mark.parametrize("ending", [CommandError("no"), KeyboardInterrupt()])
def test_what_ends_the_block_is_raised(
    ending: BaseException, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells more than the output's own failure."""
    failing(monkeypatch, errno.ENOSPC)
    with pytest.raises(type(ending)):
        write("a", "b", ending=ending)
    (file,) = folder.iterdir()
    assert file.read_text(encoding="utf-8") == "ab"


def test_reader_that_has_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends the block at once; nothing is kept."""
    failing(monkeypatch, errno.EPIPE)
    with pytest.raises(BrokenPipeError):
        write("a", "b", ending=AssertionError("it went on"))
    assert not list(folder.iterdir())


def test_no_room_for_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told that nothing is kept."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "none"))
    keep("x", "it")
    assert capsys.readouterr().err == "it can't be kept: No such file or directory\n"


def test_no_room_for_all_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written of it doesn't stay behind unnamed."""
    named: Any = NamedTemporaryFile

    def opened(*args: Any, **options: Any) -> Any:
        file = named(*args, **options)
        write = file.write

        def fail(text: str) -> None:
            write(text[:1])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.write = fail
        return file

    monkeypatch.setattr("horay_async.cli.kept_output.NamedTemporaryFile", opened)
    keep("all of it", "it")
    assert not list(folder.iterdir())
    assert capsys.readouterr().err == "it can't be kept: No space left on device\n"


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can tell how standard output is open, it is found out by writing."""
    monkeypatch.setattr("horay_async.cli.kept_output.fcntl", None)
    check_stdout_open()


def test_interrupted_writing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a pipe that is read late hasn't taken when a signal comes is kept, too."""

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        write("all of it")
    (kept,) = folder.iterdir()
    assert kept.read_text() == "all of it"
    assert f"didn't take all; what had come is kept in {kept}" in capsys.readouterr().err


@pytest.mark.posix
def test_output_that_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would drop what it doesn't take at once, without an error."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading, "rb"), open(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        check_stdout_open()
        assert os.get_blocking(writing)
        monkeypatch.undo()
