"""Requests that come through a pipe: kept in a temporary file, since they are read more than once."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from horay_async._descriptors import DescriptorReader
from horay_async._transport.in_thread import in_thread, run_in_thread
from horay_async.batch.errors import BatchFileError
from horay_async.batch.request_file import InputFile

STDIN = 0
"""The descriptor of standard input."""


class Spool:
    """What came through a pipe, or an open file. It is shown by the pipe's name."""

    def __init__(self, source: Path | int) -> None:
        self._source = source
        self._reader = DescriptorReader()
        self._filling = False
        """Whether `fill` is at work, in a thread of its own: then it lets go of all at its end, once `close` was called."""
        self._closed = False
        try:
            # Without a buffer, which would be written once more when it is closed.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            self._reader.close()
            raise self._not_kept(error) from error

    def __str__(self) -> str:
        if self._source in (STDIN, _descriptor_of_stdin()):
            return "standard input"
        is_open = isinstance(self._source, int)
        return f"file descriptor {self._source}" if is_open else str(self._source)

    def fill(self) -> None:
        """Reads the pipe to its end, or until `close`. Raises `OSError` that names it, or the temporary folder."""
        self._filling = True
        try:
            with self._opened() as handle:
                chunks = self._reader.read(handle)
                while chunk := self._next(chunks):
                    self._write(chunk)
        finally:
            self._filling = False
            if self._closed:
                self._let_go()

    def close(self) -> None:
        """Lets go of what came. Nothing is read any more: what comes then is for whoever reads the pipe next."""
        self._closed = True
        self._reader.stop()
        if not self._filling:
            self._let_go()

    def _let_go(self) -> None:
        self._reader.close()
        self._file.close()

    def open(self, mode: Literal["rb"], buffering: int) -> BinaryIO:
        file = os.fdopen(os.dup(self._file.fileno()), mode, buffering)
        file.seek(0)
        return file

    @contextlib.contextmanager
    def _opened(self) -> Generator[int]:
        if isinstance(self._source, int):
            yield self._source
            return
        with open(self._source, "rb", buffering=0) as pipe:
            yield pipe.fileno()

    def _next(self, chunks: Iterator[bytes]) -> bytes:
        try:
            return next(chunks, b"")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self)) from error

    def _write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._not_kept(error) from error

    def _not_kept(self, error: OSError) -> OSError:
        """The error for a temporary file that can't be made or written."""
        folder = tempfile.tempdir or "none of the usual folders"
        return OSError(
            error.errno,
            f"{self} has to be kept in a temporary file, which can't be written in {folder}: {error.strerror}; "
            "the variable TMPDIR names another folder",
        )


def _descriptor_of_stdin() -> int | None:
    """The descriptor of Python's standard input; another one than usual where that was closed when the program began."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or one without a descriptor
        return None


@contextlib.asynccontextmanager
async def input_file(source: Path | int) -> AsyncGenerator[InputFile]:
    """The file of requests at a path, or what came through the pipe there, once it was closed at its other end; or what
    an open file's descriptor gives up to its end, whatever it is: what starts a program can hand it a socket too.

    Raises `BatchFileError` for what is neither, and `OSError` for what can't be opened.
    """
    if isinstance(source, Path):
        mode = (await run_in_thread(source.stat, name="horay-batch-file")).st_mode
        if stat.S_ISREG(mode):
            yield source
            return
        if not stat.S_ISFIFO(mode):
            kinds = {stat.S_IFDIR: "a directory", stat.S_IFSOCK: "a socket"}
            kind = kinds.get(stat.S_IFMT(mode), "a device")
            raise BatchFileError(
                f"{source} is {kind}: the requests must come in a file or through a pipe",
                path=str(source),
            )
    with contextlib.closing(Spool(source)) as spool:
        # A thread that holds up nobody: opening and reading a pipe wait for its other end.
        _, error = await in_thread(spool.fill, name="horay-batch-spool")
        if error is not None:
            raise error
        yield spool
