"""Reading a file of requests in the form of OpenAI's batch files: one JSON object a line."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, cast

from horay_async._transport.log import LOG
from horay_async.batch.errors import BatchFileError, InvalidRequestError
from horay_async.batch.ids import LISTED, IdTable
from horay_async.batch.jsonl import BUFFER, StoppedError, without_mark
from horay_async.batch.misspelt import SHOWN, doubts
from horay_async.batch.preparer import check_line
from horay_async.batch.request_lines import (
    RequestLine,
    ResultLineError,
    is_unfinished,
    parse_request_line,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHECKED = 10_000
"""Lines that are looked at for mistakes: a program that writes a file makes them early. It takes some 5 µs a line."""

FAILING = "can't be sent, and will fail"
DOUBTFUL = "may have a mistake, but will be sent as written"
"""What becomes of lines with a mistake."""

NAMED = 10
"""Lines that are no requests that an error names, each with what is wrong."""

COUNTED = 10_000
"""Such lines after which the file is read no further: it is no file of requests, and may be one of millions of lines."""

EXAMPLE = (
    '{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", '
    '"body": {"model": "...", "messages": [{"role": "user", "content": "Hi"}]}}'
)
"""A request, for whose file begins with something else."""


class InputFile(Protocol):
    """A `Path`, or what stands for a file that can be read only once."""

    def open(self, mode: Literal["rb"], buffering: int) -> BinaryIO: ...


class RequestFile:
    """The requests of a file, as they were when it was indexed.

    What is read later is compared with that block by block, before any line of the block is sent, and a block once more where size or time
    of change differ before another of its lines is sent. They alone wouldn't do: a file that is written anew can have both as before, and
    one that is appended to, as a log is, has neither, though all that was indexed is still there.
    """

    def __init__(self, path: InputFile, ids: IdTable) -> None:
        self._path = path
        self._ids = ids
        self._blocks: list[Block] = []
        self._stopped = False
        self.unfinished_line: int | None = None
        """The number of the last line, if it breaks off: whoever writes it isn't done, so it is no request yet."""
        self._mistakes: dict[str, list[tuple[str, str]]] = {FAILING: [], DOUBTFUL: []}
        """The ids of lines with a mistake, with their numbers and what it is, by what becomes of them."""

    def index(self) -> int:
        """Reads the whole file, once, and marks its ids; returns how many there are.

        Raises `BatchFileError` for lines that are no JSON objects with a `custom_id`, or whose id was there before, for
        a result, and where objects don't have a line each. Nothing has been sent by then.
        """
        total = bad = 0
        # The first that are no requests, by their numbers.
        named: dict[int, RequestLine | ValueError] = {}
        for number, raw, line in self._lines(_Recorder(self._path, self._blocks)):
            if isinstance(line, ValueError) or self._ids.mark(line.custom_id, LISTED) & LISTED:
                bad += 1
                if bad <= NAMED:
                    named[number] = line
                if bad == COUNTED:
                    break
                continue
            if total < CHECKED:
                fate, told = _mistake(line, raw)
                if told is not None:
                    self._mistakes[fate].append((line.custom_id, f"line {number}: {told}"))
            total += 1
        if bad:
            raise self._no_requests(named, bad)
        if self.unfinished_line is not None:
            LOG.warning(
                "%s: the last line, %d, is unfinished: it isn't sent now, but by the next start",
                self._path,
                self.unfinished_line,
            )
        return total

    def log_mistakes(self, total: int) -> None:
        """Logs those of the first lines that can't be sent, or may have a mistake; not those that are finished."""
        for fate, mistakes in self._mistakes.items():
            told = [told for custom_id, told in mistakes if self._ids.is_unfinished(custom_id)]
            if told:
                LOG.warning(
                    "%s: %d of the %s%d lines %s: %s%s",
                    self._path,
                    len(told),
                    "first " if total > CHECKED else "",
                    min(total, CHECKED),
                    fate,
                    "; ".join(told[:SHOWN]),
                    " ..." if len(told) > SHOWN else "",
                )

    def stop(self) -> None:
        """Has what reads the file raise `StoppedError`; from any thread."""
        self._stopped = True

    def unfinished(self) -> Iterator[RequestLine]:
        """The requests that aren't finished, once the file was indexed.

        What was appended to it since is left to the next start, whose index will have it. Raises `BatchFileError`
        where it has changed otherwise.
        """
        blocks = _Comparer(self._path, self._blocks)
        for number, line in self._read(blocks):
            if self._ids.is_unfinished(line.custom_id):
                blocks.check()
                line.number = number
                yield line

    def _no_requests(
        self, named: dict[int, RequestLine | ValueError], count: int
    ) -> BatchFileError:
        """The error for so many lines, of which some are named, with the error or the id that was there before."""
        ids = {line.custom_id for line in named.values() if isinstance(line, RequestLine)}
        first: dict[str, int] = {}
        for number, line in self._read(_Comparer(self._path, self._blocks)) if ids else ():
            if line.custom_id in ids:
                first.setdefault(line.custom_id, number)
        told = [
            f"line {number}: {line}"
            if isinstance(line, ValueError)
            else f"line {number}: the custom_id {line.custom_id!r} was in line {first[line.custom_id]} already"
            for number, line in named.items()
        ]
        lines = f"{count:,} lines{' and maybe more' if count == COUNTED else ''}"
        if count == 1:
            told[0] = f"{self._path}, {told[0]}"
        else:
            told.insert(0, f"{self._path}: {lines} are no requests, nothing was sent:")
        if count > NAMED:
            told.append(f"and {count - NAMED:,} more")
        if isinstance(named.get(1), ValueError):
            told.append(f"a request is {EXAMPLE}")
        return BatchFileError("\n".join(told), path=str(self._path), line=min(named))

    def _read(self, blocks: _Comparer) -> Iterator[tuple[int, RequestLine]]:
        """The requests with the numbers of their lines, once the file was indexed."""
        for number, _, line in self._lines(blocks):
            if isinstance(line, RequestLine):
                yield number, line

    def _lines(self, blocks: _Blocks) -> Iterator[tuple[int, bytes, RequestLine | ValueError]]:
        """The numbers of the lines, from 1, the lines themselves, and the requests that they are, or what is wrong with them;
        blank lines are left out, and so is an unfinished one. Raises `BatchFileError` for a result, and where the first line
        begins an array, or an object that takes several lines.
        """
        path, first = self._path, True
        self.unfinished_line = None
        with io.BufferedReader(blocks, BUFFER) as file:
            for number, raw in enumerate(file, 1):
                if self._stopped:
                    raise StoppedError
                text = without_mark(raw, number)
                if text.isspace():
                    continue
                if not raw.endswith(b"\n") and is_unfinished(text):
                    self.unfinished_line = number
                    return
                line: RequestLine | ValueError
                try:
                    line = parse_request_line(text)
                except ResultLineError as error:
                    raise BatchFileError(
                        f"{path}, line {number}: this is a file of results, which has nothing to send: "
                        "pass the file of requests that they are of",
                        path=str(path),
                        line=number,
                    ) from error
                except ValueError as error:
                    if first and (form := _other_form(text)):
                        raise BatchFileError(
                            f"{path}: {form}", path=str(path), line=number
                        ) from error
                    line = error
                first = False
                yield number, text, line


_TABLE = re.compile(rb"[\w\"][^{}\[\]:]*[,;\t]")
"""How the first line of a table begins, as in CSV."""

_SEVERAL_LINES = re.compile(rb"(\[)\s*(?:\{|$)|\{\s*$")
"""The first line of JSON that isn't one object a line."""


def _other_form(first: bytes) -> str | None:
    """What a file is that isn't one object a line, by its first line, and what to do."""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "this is UTF-16, which Windows PowerShell's `>` writes: save it as UTF-8"
    if (form := _SEVERAL_LINES.match(first)) is None:
        if _TABLE.match(first) is None:
            return None
        return f"this isn't JSON. If it is a table (CSV), make each row a line such as {EXAMPLE}"
    what, jq = ("a JSON array", ".[]") if form[1] else ("JSON on several lines", ".")
    return f"this is {what}: write one object a line (`jq -c '{jq}'` does that)"


def _mistake(line: RequestLine, raw: bytes) -> tuple[str, str | None]:
    """What becomes of a line that has a mistake, and which, None without."""
    try:
        check_line(line)
    except InvalidRequestError as error:
        return FAILING, str(error)
    return DOUBTFUL, next(doubts(line, raw), None)


Block = tuple[int, int]
"""Length and hash of a part of a file. Python keys its hashes at random for each process."""


class _Blocks(io.RawIOBase):
    """A file that is read in blocks, which are the same ones each time."""

    def __init__(self, path: InputFile, blocks: list[Block]) -> None:
        self._path = path
        self._blocks = blocks
        self._file = cast(io.RawIOBase, path.open("rb", 0))

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        super().close()
        self._file.close()

    def _fill(self, view: memoryview) -> Block:
        """Reads as much as there is room for, or up to the file's end."""
        size = 0
        while size < len(view) and (count := self._file.readinto(view[size:])):
            size += count
        return size, hash(bytes(view[:size]))


class _Recorder(_Blocks):
    """Adds each block to the list."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        block = self._fill(memoryview(buffer))
        self._blocks.append(block)
        return block[0]


class _Comparer(_Blocks):
    """Raises `BatchFileError` for a block that isn't as it was. Ends where the listed blocks end."""

    def __init__(self, path: InputFile, blocks: list[Block]) -> None:
        super().__init__(path, blocks)
        self._expected = iter(blocks)
        self._block = NOTHING
        """The newest one that was read, whose lines are being taken, and"""
        self._begins_at = 0
        """where it begins in the file."""
        self._state: tuple[int, ...] | None = None
        """By what it is seen that the file may have been changed since a block was last compared; None of what is no file."""
        self._state = self._state_now()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._begins_at += self._block[0]
        self._block = expected = next(self._expected, NOTHING)
        self._compare(memoryview(buffer)[: expected[0]])
        return expected[0]

    def check(self) -> None:
        """Reads the newest block once more, where the file is another one than it was, or has another size or time of change."""
        if (state := self._state_now()) == self._state:
            return
        self._state = state
        self._file.close()
        self._file = cast(io.RawIOBase, self._path.open("rb", 0))
        self._file.seek(self._begins_at)
        self._compare(memoryview(bytearray(self._block[0])))

    def _state_now(self) -> tuple[int, ...] | None:
        """The state; the known one where the file isn't there, as while an editor puts another one in its place."""
        if not isinstance(self._path, Path):
            return None
        try:
            found = self._path.stat()
        except OSError:
            return self._state
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _compare(self, view: memoryview) -> None:
        """Reads a block into `view`."""
        if self._fill(view) != self._block:
            raise BatchFileError(
                f"{self._path} was changed while its requests were sent. No more of it was sent, and the results so far "
                "are kept: start again, which reads it as it is now and sends each request whose custom_id has no result",
                path=str(self._path),
            )


NOTHING: Block = (0, hash(b""))
"""The end of a file."""
