"""Reading a file of requests in the form of OpenAI's batch files: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal, Protocol

from horay_async.batch.errors import BatchFileError
from horay_async.batch.ids import LISTED, IdTable
from horay_async.batch.jsonl import BUFFER
from horay_async.batch.lines import Line, ResultLineError, parse_line

__all__ = ["InputFile", "index_input", "read"]

BOM = b"\xef\xbb\xbf"


class InputFile(Protocol):
    """A `Path`, or what stands for a file that can be read only once."""

    def open(self, mode: Literal["rb"], buffering: int) -> BinaryIO: ...


def index_input(path: InputFile, ids: IdTable) -> int:
    """Reads the whole file and marks its ids; returns how many there are.

    Raises `BatchFileError` for a line that is no JSON object with a `custom_id`, one whose id was there before, and a
    result. Nothing has been sent by then.
    """
    total = 0
    for number, line in _requests(path):
        if ids.mark(line.custom_id, LISTED) & LISTED:
            first = next(n for n, other in _requests(path) if other.custom_id == line.custom_id)
            raise BatchFileError(
                f"{path}, line {number}: the custom_id {line.custom_id!r} was in line {first} already",
                path=str(path),
                line=number,
            )
        total += 1
    return total


def read(path: InputFile, ids: IdTable) -> Iterator[Line]:
    """The requests that aren't finished, of a file that was indexed.

    What was appended to it since is left to the next start, whose index will have it. Raises `BatchFileError`
    as `index_input` does, should the file have changed otherwise.
    """
    for _, line in _requests(path):
        if ids.mark(line.custom_id, 0) == LISTED:
            yield line


def _requests(path: InputFile) -> Iterator[tuple[int, Line]]:
    """The requests with the numbers of their lines, from 1; blank lines are left out."""
    with path.open("rb", BUFFER) as file:
        for number, raw in enumerate(file, 1):
            text = raw.removeprefix(BOM) if number == 1 else raw
            if text.isspace():
                continue
            try:
                line = parse_line(text)
            except ResultLineError as error:
                raise BatchFileError(
                    f"{path}, line {number}: this is a file of results, which has nothing to send: "
                    "pass the file of requests that they are of",
                    path=str(path),
                    line=number,
                ) from error
            except ValueError as error:
                raise BatchFileError(
                    f"{path}, line {number}: not a JSON object with a custom_id: {error}",
                    path=str(path),
                    line=number,
                ) from error
            yield number, line
