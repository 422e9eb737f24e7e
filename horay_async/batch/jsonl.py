"""Reading lines of JSON that anybody may have written: whatever a whole line holds, its id is found if it has one.

msgspec decodes a line fast, and gives up on what it can't hold: half a surrogate pair, a number out of range,
nesting beyond the stack. Then the line's fields are cut out of it by its strings and brackets alone, without
recursion, so that the line is still known by its id.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections.abc import Iterator

BUFFER = 2**20
"""Bytes of a file that are read at once."""


def without_mark(line: bytes, number: int) -> bytes:
    """A line of a file, by its number from 1, without the byte-order mark that some editors put before the first."""
    return line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def reason(error: Exception) -> str:
    """Why a line is one of those that can't be decoded."""
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


_TOKEN = re.compile(
    rb"""[ \t\r\n]*+ ( "[^"\\]*+(?:\\.[^"\\]*+)*+" | [{}\[\]:,] | [^ \t\r\n{}\[\]:,"]++ )""",
    re.VERBOSE | re.DOTALL,
)
"""A string, a bracket or mark, or anything else up to the next of them."""

_CLOSING = {b"{": b"}", b"[": b"]"}


class StoppedError(Exception):
    """Raised in the thread that reads a file: nobody waits for what is in it any more."""


class UnfinishedError(ValueError):
    """The text ends before its JSON object does; what there is of it may be the beginning of one."""


def fields_of(raw: bytes) -> dict[str, bytes]:
    """The fields of a JSON object, their values as they are written, of which only the brackets are looked
    at. Of a field that comes twice the last counts. Raises `ValueError` for what is no object, and `UnfinishedError` for the
    beginning of one.
    """
    return dict(_fields(raw))


def first_fields_of(raw: bytes) -> dict[str, bytes]:
    """The fields of a JSON object that may be cut off or broken, up to where it is."""
    fields: dict[str, bytes] = {}
    with contextlib.suppress(ValueError):
        fields.update(_fields(raw))
    return fields


def _fields(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The fields one by one, up to where `ValueError` is raised."""
    tokens = _tokens(raw)
    _expect(next(tokens)[2], b"{")
    mark = b","
    token = next(tokens)[2]
    if token == b"}":
        mark = token
    while mark == b",":
        if not token.startswith(b'"'):
            raise _misplaced(token, f"a field's name is missing before {_shown(token)}")
        name = text_of(token)
        _expect(next(tokens)[2], b":")
        start, end, token = next(tokens)
        if token in _CLOSING:
            end = _skip(token, tokens)
        elif token in b"}]:,":  # the end, which is empty, as well
            raise _misplaced(token, f"a value is missing before {_shown(token)}")
        mark = next(tokens)[2]
        if name is not None and mark in (b",", b"}", b""):
            yield name, raw[start:end]
        if mark == b",":
            token = next(tokens)[2]
    _expect(mark, b"}")
    _expect(next(tokens)[2], b"")


def text_of(raw: bytes) -> str | None:
    """The text of a JSON string; None for anything else, and for what isn't Unicode text."""
    if not raw.startswith(b'"'):
        return None
    try:
        text: str = json.loads(raw)
        text.encode()
    except ValueError:  # UnicodeError is one
        return None
    return text


def _tokens(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and text of each token; at the end an empty one, for ever."""
    at = 0
    while found := _TOKEN.match(raw, at):
        at = found.end()
        yield (*found.span(1), found[1])
    if raw[at:].strip():
        raise UnfinishedError("a string has no end")
    while True:
        yield at, at, b""


def _skip(token: bytes, tokens: Iterator[tuple[int, int, bytes]]) -> int:
    """Passes over the rest of an object or array; returns where it ends."""
    open_ones = [_CLOSING[token]]
    end = 0
    while open_ones:
        _, end, token = next(tokens)
        if token in _CLOSING:
            open_ones.append(_CLOSING[token])
        elif token == b"" or token in b"}]":
            _expect(token, open_ones.pop())
    return end


def _expect(token: bytes, expected: bytes) -> None:
    if token != expected:
        what = f"{expected.decode()} is missing before" if expected else "behind the object stands"
        raise _misplaced(token, f"{what} {_shown(token)}")


def _misplaced(token: bytes, complaint: str) -> ValueError:
    """The error for a token that can't stand where it does, or for the end, which is an empty one."""
    return ValueError(complaint) if token else UnfinishedError(complaint)


def _shown(token: bytes) -> str:
    return ascii(token.decode("utf-8", "replace")[:40])
