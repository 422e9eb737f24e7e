"""One run at a time on a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from horay_async.batch.errors import BatchFileError

__all__ = ["FileLock"]


class FileLock:
    """Holds a file beside `path` locked, for as long as the process lives at most.

    The operating system lets go of the lock whichever way the process ends, so a lock file that is left
    behind locks nothing. Raises `BatchFileError` where another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.lock")

    def __enter__(self) -> Self:
        while True:
            handle = os.open(self._beside, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(handle)
            except OSError as error:
                os.close(handle)
                raise BatchFileError(
                    f"{self._path}: another run is writing it", path=str(self._path)
                ) from error
            # The run before may have removed the file between our opening and locking it.
            if _same(handle, self._beside):
                self._handle = handle
                return self
            os.close(handle)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if sys.platform != "win32":  # where an open file can't be removed, and stays
            self._beside.unlink(missing_ok=True)
        os.close(self._handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
