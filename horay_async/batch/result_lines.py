"""The lines of an output file, in the form of OpenAI's batch output files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, cast

import msgspec

from horay_async._protocol.wire.characters import whole_characters
from horay_async.batch.jsonl import UNREADABLE, fields_of, first_fields_of, text_of
from horay_async.batch.results import BatchResult, response_in
from horay_async.errors import APIResponseError, APIStatusError, HorayError
from horay_async.models._base import Response
from horay_async.resources._base import new_idempotency_key

_encode = msgspec.json.encode
_decode = msgspec.json.decode

HEAD = b'{"id":"batch_req_'
"""What lines that were written here begin with, as OpenAI's do."""

REQUEST_FIELDS = frozenset({"body", "custom_id", "method", "url"})
"""What a line of requests has."""

FAILED = 400
"""The first HTTP status that is a failure."""

_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
"""In JSON they can only stand between tokens, where a space means the same."""


class _Status(msgspec.Struct):
    status_code: int = 0


class ResultLine(msgspec.Struct):
    """A line of a file of results, of which only the outcome is of interest: the response itself is skipped, not built."""

    custom_id: str
    response: _Status | msgspec.UnsetType | None = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"")
    url: msgspec.Raw = msgspec.Raw(b"")
    body: msgspec.Raw = msgspec.Raw(b"")

    @property
    def is_request(self) -> bool:
        """Whether the line is one of a file of requests: it says what to send, and nothing of what came of it."""
        told = isinstance(self.response, _Status) or bytes(self.error) not in (b"", b"null")
        return not told and bool(bytes(self.url) or bytes(self.body))

    @property
    def is_result(self) -> bool:
        """Whether the line says what came of a request: it has an object for `response` or `error`, or both fields."""
        error = bytes(self.error)
        return (
            isinstance(self.response, _Status)
            or error.startswith(b"{")
            or (self.response is None and bool(error))
        )

    @property
    def failed(self) -> bool:
        """Whether the request failed."""
        if not isinstance(self.response, _Status) or bytes(self.error) not in (b"", b"null"):
            return True
        return not 200 <= self.response.status_code < 300


class RequestLineError(ValueError):
    """A line is a request, not a result. No interrupted write makes one, so the file isn't one of results."""

    def __init__(self) -> None:
        super().__init__("it is a request")


_decode_result_line = msgspec.json.Decoder(ResultLine).decode

_WRITING = (UnicodeError, ValueError, TypeError, OverflowError, RecursionError)
"""What making a line can raise: text that isn't Unicode, numbers out of range, nesting beyond the stack."""


def read_result_line(raw: bytes) -> ResultLine:
    """The outcome that a line of results holds. Raises `ValueError` for a line that is damaged, of which no id can be told, or
    that says nothing of a result, and `RequestLineError` for a request, even one that is cut off.

    A line that msgspec can't decode is read by its brackets and strings; without a status it has failed.
    """
    outcome = _read_result_line(raw)
    if outcome.is_request and not raw.startswith(HEAD):
        raise RequestLineError
    if not outcome.is_result:
        raise ValueError("it has neither a `response` nor an `error` as results have")
    _check_json(raw)
    return outcome


def _check_json(raw: bytes) -> None:
    """Raises `ValueError` for a line that is no JSON, which what is skipped within it doesn't show. Numbers that msgspec can't
    hold, half a surrogate pair and any depth are JSON.
    """
    try:
        _decode(raw)
    except UNREADABLE:
        with contextlib.suppress(RecursionError):
            json.loads(raw, parse_int=str, parse_float=str)


def _read_result_line(raw: bytes) -> ResultLine:
    try:
        return _decode_result_line(raw)
    except UNREADABLE as error:
        try:
            fields = fields_of(raw)
        except ValueError:
            names = first_fields_of(raw).keys()
            # A result's piece may have one of them, and its own body within `response`.
            asks = len(names & REQUEST_FIELDS) > 1 and not names & {"response", "error"}
            if asks and not raw.startswith(HEAD):
                raise RequestLineError from error
            raise
        custom_id = text_of(fields.get("custom_id", b""))
        if custom_id is None:
            raise ValueError(str(error)) from error
        return ResultLine(
            custom_id,
            _status_of(fields.get("response", b"")),
            *(msgspec.Raw(fields.get(name, b"")) for name in ("error", "url", "body")),
        )


def _status_of(response: bytes) -> _Status | msgspec.UnsetType | None:
    """What the field `response` says, where msgspec can't decode it; nothing, where it is neither an object nor null."""
    if not response.startswith(b"{"):
        return None if response == b"null" else msgspec.UNSET
    status = fields_of(response).get("status_code", b"")
    return _Status(int(status) if status.isdigit() and len(status) == 3 else 0)


def line_of(result: BatchResult[Any]) -> bytes:
    """The line for a result. The server's response stands in it as the server wrote it.

    It is read back before it is given out. Where that shows that it couldn't be read at the next start, it is
    written otherwise: with U+FFFD for half a surrogate pair, and if that isn't enough, as a failure.
    """
    try:
        line = _line_of(result)
        if _reads_back(line, result, _decode_result_line):
            return line
        line = whole_characters(line)
        if _reads_back(line, result, read_result_line):
            return line
    except _WRITING:
        pass
    return _failed_line(result.custom_id, result.error, "it can't be written as a line of JSON")


def _reads_back(line: bytes, result: BatchResult[Any], read: Callable[[bytes], ResultLine]) -> bool:
    """Whether the next start finds the same outcome."""
    try:
        found = read(line)
    except (*UNREADABLE, ValueError):
        return False
    kept = found.failed or result.error is None
    return found.custom_id == result.custom_id and line.find(b"\n") == len(line) - 1 and kept


def _line_of(result: BatchResult[Any]) -> bytes:
    response, error = result.response, result.error
    sent = response_in(error) if response is None else response
    if sent is not None and (body := _body_of(sent)) is not None:
        told = b"null" if error is None else _described(error, str(error))
        return _joined(result.custom_id, _sent(sent.meta.status, sent.meta.request_id, body), told)
    if isinstance(error, APIStatusError) and (
        error.status_code >= FAILED or isinstance(error.body, dict)
    ):
        # A failure in a response with what is paid for beside it has the status of that.
        status = error.status_code if sent is None else sent.meta.status
        failure = _sent(status, error.request_id, _failure(error))
        # By a status of success alone, the line would be that of a success.
        told = b"null" if status >= FAILED else _described(error, str(error))
        return _joined(result.custom_id, failure, told)
    if isinstance(error, APIResponseError) and error.status_code is not None and error.body:
        # A text that may have been paid for: it is nowhere else.
        body = _encode(_clean(error.body))
        failure = _sent(error.status_code, error.request_id, body)
        return _joined(result.custom_id, failure, _described(error, str(error)))
    message = "the response isn't valid UTF-8" if error is None else str(error)
    return _failed_line(result.custom_id, error, message)


def _failed_line(custom_id: str, error: HorayError | None, message: str) -> bytes:
    return _joined(custom_id, b"null", _described(error, message))


def _described(error: HorayError | None, message: str) -> bytes:
    code = "APIResponseError" if error is None else type(error).__name__
    return _encode({"code": code, "message": _clean(message)})


def _clean(text: str) -> str:
    """Text that can be written: of what a server sent in its headers, not all need be Unicode."""
    return text.encode("utf-8", "replace").decode()


def _body_of(response: Response) -> bytes | None:
    """The response in the server's bytes, on one line; None where it isn't of one body, or they would spoil the file."""
    raw: bytes | None = getattr(response, "_raw", None)
    if raw is None:
        return None
    try:
        str(raw, "utf-8")
    except UnicodeDecodeError:
        return None
    return raw.strip().translate(_LINE_ENDS)


def _failure(error: APIStatusError) -> bytes:
    """What the server said of a failure, if it was a JSON object, else the same in the usual form."""
    body = cast(object, error.body)
    if isinstance(body, dict):
        with contextlib.suppress(*_WRITING):
            return _encode(cast("dict[str, Any]", body))
    told = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    shown = {
        name: _clean(value) if isinstance(value, str) else value for name, value in told.items()
    }
    return _encode({"error": shown})


def _sent(status: int, request_id: str | None, body: bytes) -> bytes:
    """What the server sent, as the field `response`."""
    encoded = _encode(_clean(request_id or ""))
    return b'{"status_code":%d,"request_id":%b,"body":%b}' % (status, encoded, body)


def _joined(custom_id: str, response: bytes, error: bytes) -> bytes:
    return b'%b%b","custom_id":%b,"response":%b,"error":%b}\n' % (
        HEAD,
        new_idempotency_key().encode(),
        _encode(_clean(custom_id)),
        response,
        error,
    )
