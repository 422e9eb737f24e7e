"""A line of a file of requests. Whatever else it holds, a line with an id is a request."""

from __future__ import annotations

from typing import Any

import msgspec

from horay_async.batch.jsonl import UNREADABLE, id_of

__all__ = ["Line", "parse_line"]


class Line(msgspec.Struct):
    """A line of a batch file. Its fields are as they were found, its body in the bytes that it is written in."""

    custom_id: str
    method: Any = None
    url: Any = None
    body: msgspec.Raw = msgspec.Raw(b"null")
    problem: str | None = None
    """Why it can't be sent, where it can't be read; its other fields are not set then."""


class _Fields(msgspec.Struct):
    """A line of which only the id is decoded; the rest of it is skipped, not built."""

    custom_id: str
    method: msgspec.Raw = msgspec.Raw(b"null")
    url: msgspec.Raw = msgspec.Raw(b"null")
    body: msgspec.Raw = msgspec.Raw(b"null")


_fields = msgspec.json.Decoder(_Fields).decode
_any = msgspec.json.Decoder().decode


def parse_line(raw: bytes) -> Line:
    """The request that a line holds; one that can't be read further than its id has a `problem`.

    Raises `ValueError` for a line of which no `custom_id` can be told.
    """
    try:
        fields = _fields(raw)
    except UNREADABLE as error:
        custom_id = id_of(raw)
        if custom_id is None:
            raise ValueError(str(error)) from error
        return Line(custom_id, problem=f"the line can't be read: {error}")
    try:
        return Line(fields.custom_id, _any(fields.method), _any(fields.url), fields.body)
    except UNREADABLE as error:
        return Line(fields.custom_id, problem=f"method or url can't be read: {error}")
