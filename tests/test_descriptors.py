"""Reading descriptors to their end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from horay_async._descriptors import DescriptorReader

pytestmark = pytest.mark.posix


@pytest.fixture
def reader() -> Iterator[DescriptorReader]:
    reader = DescriptorReader()
    yield reader
    reader.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_end_of_a_terminal_is_its_first(reader: DescriptorReader) -> None:
    """Ctrl-D is pressed once."""
    master, slave = os.openpty()
    os.write(master, b"{}\n\x04more\n\x04")
    assert list(reader.read(slave)) == [b"{}\n"]
    assert list(reader.read(slave)) == [b"more\n"]
    os.close(slave)
    os.close(master)


def test_other_reader_that_is_quicker(
    reader: DescriptorReader, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken what was there: the next is waited for."""
    reading, writing = pipe
    os.set_blocking(reading, False)
    os.write(writing, b"first")
    real = os.read

    def read_late(handle: int, size: int) -> bytes:
        monkeypatch.setattr(os, "read", real)
        assert real(handle, size) == b"first"
        os.write(writing, b"second")
        raise BlockingIOError

    monkeypatch.setattr(os, "read", read_late)
    assert next(reader.read(reading)) == b"second"


def test_stopped_reader_takes_nothing(reader: DescriptorReader, pipe: tuple[int, int]) -> None:
    """Whether it was waiting or not, and even if there is something; stopping and closing twice are fine."""
    reading, writing = pipe
    found = list[bytes]()
    thread = threading.Thread(target=lambda: found.extend(reader.read(reading)))
    thread.start()
    reader.stop()
    thread.join(20)
    assert not thread.is_alive()
    os.write(writing, b"later")
    assert [*found, *reader.read(reading)] == []
    reader.stop()
    reader.close()
    reader.close()
    reader.stop()
    assert os.read(reading, 100) == b"later"


def test_reader_that_is_stopped_between_waiting_and_reading(
    reader: DescriptorReader, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes nothing either."""
    reading, writing = pipe
    os.write(writing, b"later")

    def stop(handle: int) -> None:
        assert handle == reading
        reader.stop()

    monkeypatch.setattr(reader, "_wait_for", stop)
    assert list(reader.read(reading)) == []
    assert os.read(reading, 100) == b"later"


def test_what_cant_be_read(reader: DescriptorReader) -> None:
    """Is the operating system's error."""
    handle = os.open(os.devnull, os.O_WRONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        next(reader.read(handle))
    os.close(handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        next(reader.read(handle))
