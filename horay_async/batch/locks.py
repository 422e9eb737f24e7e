"""One run at a time on an output file, whatever name it is given by."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self
from weakref import WeakSet

from horay_async._files import remove_leftovers, replacing, resolved, sync_folder
from horay_async.batch.errors import BatchFileError

_open_locks: WeakSet[FileLock] = WeakSet()
"""The locks of this process."""


class FileLock:
    """Holds a file open and locked, for as long as the process lives at most.

    It is the file itself that is locked, so a second run finds it locked through any symbolic or hard link. The
    operating system releases the lock whichever way the process ends; a process that was forked from it has no part in
    the lock. The file is made where there is none, and
    removed again if it is still empty at the end, unless it was to be kept. Raises `BatchFileError` where another
    run holds it, and for what is no file of the usual kind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = path.absolute()  # the process may change its folder
        self.handle: int = -1
        """The open file; what is written to it is appended."""
        self.keep: bool = False
        """Whether the file stays even if it is empty."""
        self._made = False  # whether it was made here
        _open_locks.add(self)

    def __enter__(self) -> Self:
        try:
            self._real = resolved(self._path)
        except OSError as error:
            raise BatchFileError(
                f"{self._path}: the results need a file that can be read again at the next start: "
                f"{error.strerror}",
                path=str(self._path),
            ) from error
        self._acquire()
        remove_leftovers(self._real)  # of `rewrite`
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle < 0:  # in a process that was forked meanwhile
            return
        empty = self._made and not self.keep and not os.fstat(self.handle).st_size
        if sys.platform == "win32":  # where an open file can't be removed
            self._close()
        if empty and (self.handle < 0 or _same(self.handle, self._real)):
            with contextlib.suppress(OSError):
                self._real.unlink()
        self._close()

    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Puts a file with these lines in the place of this one, at once, with its owner and permissions; it
        stays locked. Raises `OSError`, and then this one is as it was.
        """
        held = -1
        try:
            with replacing(self._real) as new:
                new.writelines(lines)
                new.flush()
                os.fsync(new.fileno())
                if sys.platform == "win32":  # where an open file can't be replaced
                    self._close()
                else:  # locked before anybody can open it by its name
                    held = os.dup(new.fileno())
                    _lock(held)
        except BaseException:
            if held >= 0:
                os.close(held)
            raise
        finally:
            if self.handle < 0:  # closed for a moment: whoever has locked it since is the other run
                self._acquire()
        self.sync_name()
        if held >= 0:
            self._close()
            self.handle = held

    def sync_name(self) -> None:
        """Waits until the disk knows the file by its name, so that a loss of power can't take that away."""
        sync_folder(self._real)

    def is_named(self) -> bool:
        """Whether the name that was given still leads to the file: the next start finds no other. Raises `OSError`."""
        return _same(self.handle, self._name)

    def _acquire(self) -> None:
        while True:
            handle = self._open()
            try:
                _lock(handle)
            except OSError as error:
                os.close(handle)
                busy = isinstance(error, BlockingIOError | PermissionError)  # the second on Windows
                told = "another run is writing it" if busy else f"can't be locked: {error.strerror}"
                raise BatchFileError(f"{self._path}: {told}", path=str(self._path)) from error
            # The run before may have replaced or removed the file between our opening and locking it.
            if _same(handle, self._real):
                self.handle = handle
                return
            os.close(handle)

    def _open(self) -> int:
        # Without O_BINARY, Windows would write other line ends than were counted.
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(self._real, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return os.open(self._real, flags)
        self._made = True
        return handle

    def _close(self) -> None:
        if self.handle >= 0:
            _unlock(self.handle)
        self.forget()

    def forget(self) -> None:
        """Closes the file without unlocking it: in a process that was forked, the lock is the parent's."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    FAR = 2**31 - 2
    """Where the byte is that is locked. Windows keeps others from reading a locked byte, so it is one that only
    a file of 2 GiB has; further than this, `msvcrt` can't lock."""

    def _lock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        """Closing unlocks: no other process has this handle."""

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        # Closing alone would leave it locked by a process that was forked while `rewrite` was under way.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _forget_all() -> None:
        for lock in list(_open_locks):
            lock.forget()

    os.register_at_fork(after_in_child=_forget_all)
