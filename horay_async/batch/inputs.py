"""Reading a file of requests in the form of OpenAI's batch files: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from horay_async.batch.errors import BatchFileError
from horay_async.batch.ids import FINISHED, LISTED, IdTable
from horay_async.batch.requests import Line

__all__ = ["BUFFER", "UNREADABLE", "index_input", "read"]

BUFFER = 2**20
"""Bytes of a file that are read at once."""

BOM = b"\xef\xbb\xbf"

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoding of a line can raise."""


class _Named(msgspec.Struct):
    """A line of which only the id is of interest; the rest of it is skipped, not built."""

    custom_id: str


_named = msgspec.json.Decoder(_Named).decode
_line = msgspec.json.Decoder(Line).decode


def index_input(path: Path, ids: IdTable) -> int:
    """Reads the whole file and marks its ids; gives how many there are.

    Raises `BatchFileError` for a line that is no JSON object with a `custom_id`, or one whose id was there
    before. Nothing has been sent by then.
    """
    total = 0
    with path.open("rb", buffering=BUFFER) as file:
        for number, raw in _lines(file):
            try:
                custom_id = _named(raw).custom_id
            except UNREADABLE as error:
                raise BatchFileError(
                    f"{path}, line {number}: not a JSON object with a custom_id: {error}",
                    path=str(path),
                    line=number,
                ) from error
            if ids.mark(custom_id, LISTED) & LISTED:
                raise BatchFileError(
                    f"{path}, line {number}: the custom_id {custom_id!r} was in line "
                    f"{_first(path, custom_id)} already",
                    path=str(path),
                    line=number,
                )
            total += 1
    return total


def read(path: Path, ids: IdTable) -> Iterator[Line]:
    """The requests that aren't finished, of a file that was surveyed."""
    with path.open("rb", buffering=BUFFER) as file:
        for _, raw in _lines(file):
            if not ids.mark(_named(raw).custom_id, LISTED) & FINISHED:
                yield _line(raw)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1; blank ones are left out."""
    for number, raw in enumerate(file, 1):
        line = raw.removeprefix(BOM) if number == 1 else raw
        if not line.isspace():
            yield number, line


def _first(path: Path, custom_id: str) -> int:
    """The number of the first line with an id."""
    with path.open("rb", buffering=BUFFER) as file:
        return next(number for number, raw in _lines(file) if _named(raw).custom_id == custom_id)
