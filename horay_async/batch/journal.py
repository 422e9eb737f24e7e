"""The file of answers as the record of what is done: only ever appended to, one line a request."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from horay_async.batch.errors import BatchFileError
from horay_async.batch.ids import FINISHED, LISTED, IdTable
from horay_async.batch.inputs import BUFFER, UNREADABLE
from horay_async.batch.outputs import Answer, line_of
from horay_async.batch.results import BatchResult

__all__ = ["Finished", "Journal"]

_answer = msgspec.json.Decoder(Answer).decode


class Finished(NamedTuple):
    """How many requests were finished before, and how many of those had failed."""

    total: int
    failed: int


class Journal:
    """A file of answers. All methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        self._size = 0
        self._unsynced = False

    def open(self, ids: IdTable, *, retry_failed: bool) -> Finished:
        """Marks what is finished, and gives how many of the listed ids are.

        Cuts off a line that was being written when its run was killed, and with `retry_failed` takes out
        the failures. Raises `BatchFileError` for what isn't a file of answers.
        """
        finished = Finished(0, 0)
        if self._path.exists():
            finished, dropped = self._scan(ids, retry_failed=retry_failed)
            if dropped:
                self._drop_failed()
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._size = os.fstat(self._handle).st_size
        return finished

    def append(self, results: Iterable[BatchResult[Any]]) -> None:
        """Writes a line for each result. Raises `BatchFileError` where there is no room; the file then
        ends in a whole line.
        """
        data = b"".join(map(line_of, results))
        written = 0
        try:
            while written < len(data):
                written += os.write(self._handle, memoryview(data)[written:])
        except OSError as error:
            whole = data.rfind(b"\n", 0, written) + 1
            with contextlib.suppress(OSError):  # the next start cuts it off as well
                os.ftruncate(self._handle, self._size + whole)
            raise self._failure(error) from error
        self._size += len(data)
        self._unsynced = True

    def sync(self) -> None:
        """Waits until the disk has what was written. Raises `BatchFileError` where it can't."""
        if self._unsynced:
            self._unsynced = False
            try:
                os.fsync(self._handle)
            except OSError as error:
                raise self._failure(error) from error

    def close(self) -> None:
        """Closes the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _failure(self, error: OSError) -> BatchFileError:
        return BatchFileError(
            f"{self._path}: can't be written: {error.strerror}. What it holds is whole: start again to go "
            "on from there",
            path=str(self._path),
        )

    def _scan(self, ids: IdTable, *, retry_failed: bool) -> tuple[Finished, int]:
        """Marks what is finished; gives how many of the listed ids are, and how many failures to drop."""
        finished = failed = dropped = size = 0
        with self._path.open("r+b", buffering=BUFFER) as file:
            for number, raw in enumerate(file, 1):
                whole = raw.endswith(b"\n")
                if not raw.isspace():
                    try:
                        answer = _answer(raw)
                    except UNREADABLE as error:
                        if not whole and _torn(raw):
                            file.truncate(size)
                            break
                        raise self._foreign(number, error) from error
                    if retry_failed and answer.failed:
                        dropped += 1
                    elif ids.mark(answer.custom_id, FINISHED) == LISTED:
                        finished += 1
                        failed += answer.failed
                size += len(raw)
                if not whole:
                    file.seek(size)
                    file.write(b"\n")
        return Finished(finished, failed), dropped

    def _foreign(self, number: int, error: Exception) -> BatchFileError:
        return BatchFileError(
            f"{self._path}, line {number}: not a line of a batch's answers: {error}; to leave that file as "
            "it is, write to another one",
            path=str(self._path),
            line=number,
        )

    def _drop_failed(self) -> None:
        """Writes the file anew without the failures, and puts it in place of the old one at once."""
        beside = self._path.with_name(f"{self._path.name}.new")
        with self._path.open("rb", buffering=BUFFER) as old, beside.open("wb", BUFFER) as new:
            new.writelines(raw for raw in old if raw.isspace() or not _answer(raw).failed)
            new.flush()
            os.fsync(new.fileno())
        os.replace(beside, self._path)


def _torn(raw: bytes) -> bool:
    """Whether a last line is the beginning of one of ours, or what a file system makes of it that was cut
    off from power: zeros.
    """
    return raw.startswith(b"{") or not raw.strip(b"\0")
