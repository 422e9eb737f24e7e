"""A line of a file of requests. Whatever else it holds, a whole line with an id is a request, unless it is a result."""

from __future__ import annotations

from typing import Any

import msgspec

from horay_async._protocol.wire.decode import MALFORMED
from horay_async.batch.jsonl import UnfinishedError, fields_of, reason, text_of

LINE_FIELDS = frozenset({"custom_id", "method", "url", "body"})
"""What a request has."""


class RequestLine(msgspec.Struct):
    """A line of a file of requests. Its fields are as they were found, its body in the bytes that it is written in."""

    custom_id: str
    method: Any = None
    url: Any = None
    body: msgspec.Raw = msgspec.Raw(b"null")
    problem: str | None = None
    """Why it can't be sent, where it can't be read; its other fields are not set then."""
    number: int = 0
    """That of the line in its file, from 1; 0 where it is of none."""


class _Fields(msgspec.Struct):
    """A line of which only the id is decoded; the rest of it is skipped, not built."""

    custom_id: str
    method: msgspec.Raw = msgspec.Raw(b"null")
    url: msgspec.Raw = msgspec.Raw(b"null")
    body: msgspec.Raw = msgspec.Raw(b"null")
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def is_result(self) -> bool:
        """Whether the line says what came of a request, and nothing of what to send."""
        sent = (self.method, self.url, self.body)
        result = bytes(self.response) != b"null" or bytes(self.error) != b"null"
        return result and all(bytes(field) == b"null" for field in sent)


class ResultLineError(ValueError):
    """A line is a result, not a request, so the file isn't one of requests."""


_fields = msgspec.json.Decoder(_Fields).decode
_any = msgspec.json.Decoder().decode


def parse_request_line(raw: bytes) -> RequestLine:
    """The request that a line holds; one with a value that can't be read has a `problem`.

    Raises `ValueError` that says what is wrong with a line that is no whole JSON object with a `custom_id`, and
    `ResultLineError` for a result.
    """
    try:
        fields = _fields(raw)
    except MALFORMED as error:
        return RequestLine(_custom_id(raw), problem=f"the line can't be read: {reason(error)}")
    if fields.is_result:
        raise ResultLineError("it is a result")
    try:
        return RequestLine(fields.custom_id, _any(fields.method), _any(fields.url), fields.body)
    except MALFORMED as error:
        return RequestLine(
            fields.custom_id, problem=f"method or url can't be read: {reason(error)}"
        )


def _custom_id(raw: bytes) -> str:
    """The id of a line that can't be read otherwise. Raises `ValueError` where it can't be had."""
    if not raw.lstrip().startswith(b"{"):
        raise ValueError("not a JSON object")
    try:
        value = fields_of(raw).get("custom_id")
    except UnfinishedError as error:
        raise ValueError("cut off, or a } is missing") from error
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from error
    if value is None:
        raise ValueError("custom_id is missing")
    custom_id = text_of(value)
    if custom_id is None:
        what = "valid Unicode text" if value.startswith(b'"') else "a string"
        raise ValueError(f"custom_id must be {what}")
    return custom_id


def is_unfinished(raw: bytes) -> bool:
    """Whether what stands at the end of a file may be the beginning of a request: an object that isn't closed. What is
    malformed before its end isn't.
    """
    try:
        fields_of(raw)
    except UnfinishedError:
        return raw.lstrip().startswith(b"{")
    except ValueError:
        pass
    return False


def line_number(item: object) -> int | None:
    """The number of the line that a request stands in; None where it isn't of a file."""
    return (isinstance(item, RequestLine) and item.number) or None
