"""The output file as the record of what is done: only ever appended to, one line a request."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from horay_async._transport.log import LOG
from horay_async.batch.errors import BatchFileError
from horay_async.batch.ids import FAILED, LISTED, SUCCEEDED, IdTable
from horay_async.batch.jsonl import BUFFER, StoppedError, without_mark
from horay_async.batch.locks import FileLock
from horay_async.batch.request_lines import is_unfinished
from horay_async.batch.result_lines import (
    HEAD,
    RequestLineError,
    ResultLine,
    line_of,
    read_result_line,
)
from horay_async.batch.results import BatchResult

BLANK = b" \t\r\n\0"
"""The bytes that a blank line may consist of. A file system that was cut off from power may leave zeros."""


ROOM = 2**16
"""Bytes that there must be room for before anything is sent: the results of dozens of requests that are under way."""


class FinishedCounts(NamedTuple):
    """How many requests were finished before, and how many of those had failed."""

    total: int
    failed: int


class ResultFile:
    """An output file, locked from here on until `close`. All methods block. Raises as `FileLock` does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path).__enter__()
        self.unreadable: list[int] = []
        """Numbers of the lines that can't be read, from 1; set by `open`, and again where `drop_superseded` takes out lines before them."""
        self._unsynced = False
        self._stopped = False
        self._size = 0  # bytes that the file has at least, unless something else has truncated it
        # Of what is listed: the places of the failures that no line of the same id takes the place of, by whether they have something of
        # a response; and of those that are to be taken out. What has it stays until another line has, too: it was paid for.
        self._failures: dict[bool, dict[str, int]] = {False: {}, True: {}}
        self._superseded: dict[int, str] = {}

    def open(self, ids: IdTable, *, retry_failed: bool) -> FinishedCounts:
        """Marks what is finished, and returns how many of the listed ids are.

        Cuts off a line that was being written when its run was killed. With `retry_failed` failures aren't finished: each stays until
        there is a new line of its request, and is taken out by `drop_superseded`. A line that can't be read, in a file that has lines
        of ours, costs its own id at most: it stays, and its request is sent again. Raises `BatchFileError` for what isn't an output
        file: one without a line of ours, or with a request.
        """
        ids.retries = retry_failed
        try:
            finished = self._scan(ids)
            if (
                any(self._failures.values())
                and retry_failed
                and os.fstat(self._lock.handle).st_nlink > 1
            ):
                raise BatchFileError(
                    f"{self._path} has other names (hard links), which would keep the failures that are taken "
                    "out of it: remove those names, or write to a copy",
                    path=str(self._path),
                )
        except BaseException:
            self.close()
            raise
        self._lock.keep = True
        self._size = os.fstat(self._lock.handle).st_size
        return finished

    def stop(self) -> None:
        """Has `open` raise `StoppedError`, from any thread: the file is then as it was."""
        self._stopped = True

    def check_room(self) -> None:
        """Raises `BatchFileError` where there is no room for results: what is sent then is paid for and lost.

        Writes zeros and cuts them off again. Where it is killed in between, the next start cuts them off.
        """
        handle, size = self._lock.handle, self._kept()
        zeros = memoryview(bytes(ROOM))
        with self._failing():
            try:
                while zeros:
                    zeros = zeros[os.write(handle, zeros) :]
            finally:
                os.ftruncate(handle, size)

    def append(self, results: Iterable[BatchResult[Any]]) -> None:
        """Writes a line for each result; not for a failure without anything of a response where an earlier one has that. Raises
        `BatchFileError` where there is no room, and the file then ends in a whole line; and where the file was removed or truncated
        meanwhile. Where others have appended to the file, a line begins behind what they wrote.
        """
        lines = list(filter(self._says_more, map(line_of, results)))
        data = b"".join(lines)
        if not data:
            return
        handle, written = self._lock.handle, 0
        size = self._kept()
        with self._failing():
            try:
                if size > self._size and not self._ends_in_a_line(size):  # others have written
                    data = b"\n" + data
                while written < len(data):
                    written += os.write(handle, memoryview(data)[written:])
            except OSError:
                begun = written - (data.rfind(b"\n", 0, written) + 1)  # of a line without an end
                if begun:
                    with contextlib.suppress(OSError):  # the next start cuts it off as well
                        os.ftruncate(handle, os.fstat(handle).st_size - begun)
                self._size = size + written - begun
                raise
        self._size = size + written
        self._unsynced = True
        for line in lines if any(self._failures.values()) else ():
            self._supersede(read_result_line(line))

    def sync(self) -> None:
        """Waits until the disk has what was written. Raises `BatchFileError` where it can't, and where the file
        was removed or truncated meanwhile.
        """
        self._kept()
        if self._unsynced:
            self._unsynced = False
            with self._failing():
                os.fsync(self._lock.handle)

    def close(self) -> None:
        """Closes the file. Closing twice is fine."""
        self._lock.__exit__()

    def sync_name(self) -> None:
        """Waits until the disk knows the file by its name."""
        self._lock.sync_name()

    def _kept(self) -> int:
        """The file's size. Raises `BatchFileError` where the file doesn't hold any more what was written to it."""
        # Before the file is looked at, since another thread may append meanwhile.
        written = self._size
        with self._failing():
            found = os.fstat(self._lock.handle)
            named = self._lock.is_named()
        if not named:
            raise self._lost(
                "it was removed meanwhile, or renamed, or another file was put in its place"
            )
        if found.st_size < written:
            raise self._lost(f"it was truncated meanwhile, to {found.st_size} of {written} bytes")
        return found.st_size

    def _lost(self, what: str) -> BatchFileError:
        return BatchFileError(
            f"{self._path}: {what}. Results are gone: start again, which sends the requests of those once more",
            path=str(self._path),
        )

    @contextlib.contextmanager
    def _failing(self) -> Generator[None]:
        """Raises `BatchFileError` in the place of `OSError`."""
        try:
            yield
        except OSError as error:
            raise BatchFileError(
                f"{self._path}: can't be written: {error.strerror}. What it holds is whole: start again to go "
                "on from there",
                path=str(self._path),
            ) from error

    def _scan(self, ids: IdTable) -> FinishedCounts:
        """Marks what has succeeded or failed; returns how many of the listed ids are finished."""
        finished = size = 0
        ours = found = False  # whether a line was written here, and whether one is a result
        not_a_result: BatchFileError | None = None
        raw = b"\n"
        for number, line in enumerate(self._lines(), 1):
            raw = without_mark(line, number)
            begins_as_ours = raw.startswith(HEAD)
            ours |= begins_as_ours
            outcome = None
            # 1. A request stands in no file of results.
            # 2. A line that breaks off at the end is cut off. In a file without any result it may be the beginning of something
            #    else, unless it begins as ours do.
            # 3. Any other line that can't be read stays, if there are lines of ours.
            # 4. Zeros are what a loss of power has left, and are cut off.
            # 5. Blank lines stay.
            # 6. What is left are results, which `_count` counts.
            try:
                outcome = _result_line(raw)
            except RequestLineError as error:
                raise self._not_a_result_error(number, error) from error
            except ValueError as error:
                if _torn(raw) and (found or begins_as_ours or HEAD.startswith(raw)):
                    break
                not_a_result = not_a_result or self._not_a_result_error(number, error)
                self.unreadable.append(number)
            if outcome is None and not raw.strip(b"\0"):
                break
            size += len(line)
            if outcome is not None:
                found = True
                finished += self._count(outcome, number, ids)
        if not_a_result is not None and not ours:
            raise not_a_result
        self._end_in_a_line(size, raw)
        failed = sum(map(len, self._failures.values()))
        if ids.retries:
            finished, failed = finished - failed, 0
        return FinishedCounts(finished, failed)

    def _count(self, outcome: ResultLine, number: int, ids: IdTable) -> bool:
        """Marks the request that a line is for: a success counts, wherever it stands; a failure, as long as there is no success. Returns whether
        that request is listed, and had no line before.
        """
        name = outcome.custom_id
        marks = ids.mark(name, FAILED if outcome.failed else SUCCEEDED)
        # A line of a request that isn't listed stays as it is, with the response that it may hold.
        if marks & SUCCEEDED or not marks & LISTED:
            return False
        self._supersede(outcome)
        if not outcome.has_response and name in self._failures[True]:
            self._superseded[number] = name
        elif outcome.failed:
            self._failures[outcome.has_response][name] = number
        return not marks & FAILED

    def _says_more(self, line: bytes) -> bool:
        """Whether a new line is to be written: not where its request failed with something of a response before, and now without."""
        if not self._failures[True]:
            return True
        outcome = read_result_line(line)
        return outcome.has_response or outcome.custom_id not in self._failures[True]

    def _supersede(self, outcome: ResultLine) -> None:
        """Notes that there is a line that takes the place of the failures of its id, if it has some."""
        for has_response, places in self._failures.items():
            if outcome.has_response or not has_response:
                place = places.pop(outcome.custom_id, None)
                if place is not None:
                    self._superseded[place] = outcome.custom_id

    def _end_in_a_line(self, size: int, last: bytes) -> None:
        """Cuts off what is beyond `size`, and ends the last line where it lacks just its end."""
        handle = self._lock.handle
        if os.fstat(handle).st_size > size:
            os.ftruncate(handle, size)
        elif not last.endswith(b"\n"):
            os.write(handle, b"\n")

    def _ends_in_a_line(self, size: int) -> bool:
        """Whether the last byte of the file, which has `size`, ends a line."""
        handle = self._lock.handle
        os.lseek(handle, size - 1, os.SEEK_SET)  # appending ignores the position
        return os.read(handle, 1) == b"\n"

    def _lines(self) -> Iterator[bytes]:
        with open(self._lock.handle, "rb", BUFFER, closefd=False) as file:
            file.seek(0)
            for raw in file:
                if self._stopped:
                    raise StoppedError
                yield raw

    def _not_a_result_error(self, number: int, error: Exception) -> BatchFileError:
        return BatchFileError(
            f"{self._path}, line {number}: not a line of a batch's results: {error}; take that line out to go "
            "on with the rest, or write to another file",
            path=str(self._path),
            line=number,
        )

    def drop_superseded(self) -> None:
        """Writes the file anew without the failures that have a line of the same request behind them, where there are any. Where that
        can't be done the file stays as it was, which the log says, and the next run tries again.
        """
        if not self._superseded:
            return
        try:
            if os.fstat(self._lock.handle).st_nlink > 1:
                raise OSError(None, "it has other names, hard links")
            taken_out: list[int] = []
            self._lock.rewrite(self._current_lines(taken_out))
        except OSError as error:
            LOG.warning(
                "%s: can't be written anew, and so %d failures stay beside the later lines of their requests: %s",
                self._path,
                len(self._superseded),
                error.strerror,
            )
        else:
            self._size = os.fstat(self._lock.handle).st_size
            self._superseded.clear()
            self.unreadable = [place - bisect(taken_out, place) for place in self.unreadable]

    def _current_lines(self, taken_out: list[int]) -> Iterator[bytes]:
        """The lines but for those to be taken out, whose places are added to `taken_out`."""
        for place, raw in enumerate(self._lines(), 1):
            if self._is_superseded(place, raw):
                taken_out.append(place)
            else:
                yield raw

    def _is_superseded(self, place: int, raw: bytes) -> bool:
        """Whether a line is to be taken out; not where something else has put another one in its place."""
        name = self._superseded.get(place)
        if name is None:
            return False
        try:
            outcome = _result_line(without_mark(raw, place))
        except ValueError:
            return False
        return outcome is not None and outcome.failed and outcome.custom_id == name


def _result_line(raw: bytes) -> ResultLine | None:
    """The outcome in a line, None for a blank one. Raises `ValueError` for what is no line of results."""
    return read_result_line(raw) if raw.strip(BLANK) else None


def _torn(raw: bytes) -> bool:
    """Whether a line that can't be read is the last one, and the beginning of a result. What is whole isn't."""
    return not raw.endswith(b"\n") and is_unfinished(raw)
