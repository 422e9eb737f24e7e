"""Requests that come through a pipe: kept in a temporary file, since they are read more than once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, Literal, cast

from horay_async.batch.errors import BatchFileError
from horay_async.batch.inputs import InputFile

__all__ = ["input_file"]


class Spool:
    """What came through a pipe. It is shown by the pipe's name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed by `close`

    def __str__(self) -> str:
        return str(self._path)

    def fill(self) -> None:
        """Reads the pipe to its end."""
        with self._path.open("rb") as pipe:
            shutil.copyfileobj(pipe, self._file)
        self._file.flush()

    def close(self) -> None:
        """Lets go of what came."""
        self._file.close()

    def open(self, mode: Literal["rb"], buffering: int) -> BinaryIO:
        file = os.fdopen(os.dup(self._file.fileno()), mode, buffering)
        file.seek(0)
        return file


@contextlib.asynccontextmanager
async def input_file(path: Path) -> AsyncGenerator[InputFile]:
    """The file of requests at `path`, or what came through the pipe there, once it was closed at its other end.

    Raises `BatchFileError` for what is neither, and `OSError` for what can't be opened.
    """
    mode = (await asyncio.to_thread(path.stat)).st_mode
    if stat.S_ISREG(mode):
        yield path
        return
    if not stat.S_ISFIFO(mode):
        kinds = {stat.S_IFDIR: "a directory", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise BatchFileError(
            f"{path} is {kind}: the requests must come in a file or through a pipe", path=str(path)
        )
    spool = Spool(path)
    await _fill_in_daemon(spool)
    try:
        yield spool
    finally:
        spool.close()


async def _fill_in_daemon(spool: Spool) -> None:
    """Fills a spool in a thread that holds up nobody: opening and reading a pipe wait for its other end."""
    loop = asyncio.get_running_loop()
    filled: asyncio.Future[None] = loop.create_future()

    def tell(error: OSError | None) -> None:
        if filled.done():  # nobody waits any more
            spool.close()
        elif error is None:
            filled.set_result(None)
        else:
            spool.close()
            filled.set_exception(error)

    def fill() -> None:
        failure = None
        try:
            spool.fill()
        except OSError as error:
            failure = error
        try:
            loop.call_soon_threadsafe(tell, failure)
        except RuntimeError:  # the loop has closed
            spool.close()

    threading.Thread(target=fill, name="horay-batch-spool", daemon=True).start()
    await filled
