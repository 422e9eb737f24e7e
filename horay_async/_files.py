"""Putting a new file in the place of an old one: whole or not at all, and with nobody else's file in the way."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Generator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO


def is_regular(path: Path) -> bool:
    """Whether there is a file of the usual kind, or none. Raises `OSError` where that can't be told."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


DELETED = " (deleted)"
"""How Linux ends the name of a deleted file that is open, where `/proc` leads to it (proc(5))."""


def resolved(path: Path) -> Path:
    """The file that a path leads to through symbolic links, whether it exists or not.

    Raises `OSError` for what isn't a file of the usual kind: a directory, pipe, socket or device.
    """
    if not is_regular(path):
        kind = errno.EISDIR if path.is_dir() else errno.EINVAL
        reason = os.strerror(kind) if path.is_dir() else "Not a regular file"
        raise OSError(kind, reason, str(path))
    real = path.resolve()
    # Two looks at one file differ where another one takes its place between them: so only names that may be false are compared.
    if path.exists() and not (
        real.exists() and (not real.name.endswith(DELETED) or real.samefile(path))
    ):
        raise OSError(errno.ENOENT, "Its name can't be told", str(path))
    return real


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Generator[BinaryIO]:
    """A new file, which takes the place of `path` when the block ends without an exception.

    It is made beside `path` under a name that begins as `remove_leftovers` knows it, exclusively. Where there is a file at `path` already, the new
    one has its permissions and its owner; else those that the process gives new files. Raises `OSError`. With `overwrite`, a file
    whose owner can't be given another one is written over where it stands.
    """
    beside = path.with_name(_prefix(path) + secrets.token_hex(8))
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(beside, flags, 0o666)  # less what the process's umask takes away
    except OSError as error:
        error.filename = str(path)  # what the caller asked for
        raise
    try:
        with open(handle, "r+b") as file:
            replaces = _take_over(path, beside, optional=overwrite)
            yield file
            file.flush()
        if replaces:
            os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if not replaces:
        _copy_over(beside, path)


def _copy_over(new: Path, old: Path) -> None:
    """Writes `old` over with what `new` holds, and removes that. If this fails, `new` stays, as nothing else may have it whole."""
    try:
        shutil.copyfile(new, old)
    except OSError as error:
        reason = f"{error.strerror}: what was to be written there is in {new}"
        raise OSError(error.errno, reason, str(old)) from error
    new.unlink()


def remove_leftovers(path: Path) -> None:
    """Removes the new files that processes have left which were killed before they took the place of `path`, where that
    can be done. For who alone may replace `path`.
    """
    prefix = _prefix(path)
    with contextlib.suppress(OSError), os.scandir(path.parent) as found:
        for entry in found:
            if entry.name.startswith(prefix):
                with contextlib.suppress(OSError):
                    os.unlink(entry)


def _prefix(path: Path) -> str:
    # Of a fixed length, so that a name of any length can be replaced.
    return f".horay-{blake2b(os.fsencode(path.name), digest_size=8).hexdigest()}-"


def sync_folder(path: Path) -> None:
    """Waits until the disk knows of the names in the folder that `path` is in, where that can be had."""
    # There is no such thing on Windows, nor on some file systems.
    with contextlib.suppress(OSError):
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _take_over(old: Path, new: Path, *, optional: bool) -> bool:
    """Gives `new` the owner and the permissions of `old`, if there is one. Returns False where that is `optional`, and not allowed."""
    try:
        before = old.stat()
    except FileNotFoundError:
        return True
    made = new.stat()
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.chown(new, before.st_uid, before.st_gid)
        except PermissionError as error:
            if optional:
                return False
            reason = "It belongs to somebody else, to whom no new file can be given"
            raise PermissionError(error.errno, reason, str(old)) from error
    os.chmod(new, stat.S_IMODE(before.st_mode))  # after the owner, whose change takes some away
    return True
