"""The lines of an output file, in the form of OpenAI's batch output files."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

import msgspec

from horay_async._json import whole_characters
from horay_async._protocol.wire.clean import well_formed
from horay_async._protocol.wire.contents import contents_of
from horay_async._protocol.wire.decode import MALFORMED, decoder
from horay_async.batch.jsonl import fields_of, first_fields_of, text_of
from horay_async.batch.request_lines import LINE_FIELDS
from horay_async.batch.results import BatchResult, response_in
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    Clock,
    Execution,
    HorayError,
)
from horay_async.models._base import Response
from horay_async.models._dump import dump
from horay_async.resources._base import new_idempotency_key

_encode = msgspec.json.encode
_decode = msgspec.json.decode

HEAD = b'{"id":"batch_req_'
"""What lines that were written here begin with, as OpenAI's do."""

FAILED = 400
"""The first HTTP status that is a failure."""

EVENTS_STATUS = 200
"""The HTTP status of events that nobody asked for, of which a text is left: others are failures, and aren't read as events."""

KEPT: dict[str, Callable[[object], bool]] = {
    "execution": get_args(Execution).__contains__,
    "status_code": lambda value: type(value) is int,
    "clock": get_args(Clock).__contains__,
    "retry_after": lambda value: type(value) in {int, float},
}
"""Attributes of an error, where it has them, that its line keeps beside its class and its message; and whether a value is one."""

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
        return not self.has_response or bytes(self.error) not in (b"", b"null")

    @property
    def has_response(self) -> bool:
        """Whether it has a response, or what came of one, that may have been paid for."""
        return isinstance(self.response, _Status) and 200 <= self.response.status_code < 300


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
    except MALFORMED:
        with contextlib.suppress(RecursionError):
            json.loads(raw, parse_int=str, parse_float=str)


def _read_result_line(raw: bytes) -> ResultLine:
    try:
        return _decode_result_line(raw)
    except MALFORMED as error:
        try:
            fields = fields_of(raw)
        except ValueError:
            names = first_fields_of(raw).keys()
            # A result's piece may have one of them, and its own body within `response`.
            asks = len(names & LINE_FIELDS) > 1 and not names & {"response", "error"}
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
    return _Status(status_in(fields_of(response)))


def status_in(response: Mapping[str, bytes]) -> int:
    """The HTTP status in the fields of a response, also as other tools write the number: `200.0` or `"200"`. 0 where there is none."""
    found = re.fullmatch(rb'"?(\d{3})(?:\.0+)?"?', response.get("status_code", b""))
    return int(found[1]) if found else 0


def line_of(result: BatchResult[Any]) -> bytes:
    """The line for a result. The server's response stands in it as the server wrote it, beside its error, if it has one; what came of
    one that broke off as far as it can be read. What the error says of its execution is kept.

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
    except (*MALFORMED, ValueError):
        return False
    kept = found.failed or result.error is None
    return found.custom_id == result.custom_id and line.find(b"\n") == len(line) - 1 and kept


def _line_of(result: BatchResult[Any]) -> bytes:
    response, error = result.response, result.error
    sent = response_in(error) if response is None else response
    if sent is not None:
        body, apart = _body_of(sent, error)
        told = b"null" if error is None else _described(error, _message(error), apart)
        return _joined(result.custom_id, _sent(sent.meta.status, sent.meta.request_id, body), told)
    if isinstance(error, APIError) and isinstance(text := error.partial, str):
        came = _sent(EVENTS_STATUS, error.request_id, _encode(well_formed(text)))
        return _joined(result.custom_id, came, _described(error, _message(error)))
    if isinstance(error, APIStatusError) and error.execution == "not_sent":
        # It has another's refusal, and says why in a note.
        notes = ": ".join([_message(error), *getattr(error, "__notes__", ())])
        return _failed_line(result.custom_id, error, notes)
    if isinstance(error, APIStatusError) and (
        error.status_code >= FAILED or isinstance(error.body, dict)
    ):
        failure, as_sent = _failure(error)
        # By a status of success alone, the line would be that of a success.
        alone = error.status_code >= FAILED and error.execution == "unknown"
        says_all = alone and as_sent is None and error.retry_after is None
        told = b"null" if says_all else _described(error, _message(error), as_sent)
        return _joined(result.custom_id, _sent(error.status_code, error.request_id, failure), told)
    if isinstance(error, APIResponseError) and error.status_code is not None and error.body:
        # A text that may have been paid for: it is nowhere else.
        body = _encode(well_formed(error.body))
        failure = _sent(error.status_code, error.request_id, body)
        return _joined(result.custom_id, failure, _described(error, _message(error)))
    return _failed_line(result.custom_id, error, "" if error is None else _message(error))


def _failed_line(custom_id: str, error: HorayError | None, message: str) -> bytes:
    told = error.body if isinstance(error, APIConnectionError | APIResponseError) else ""
    body = _encode(well_formed(told)) if told else None
    request_id = error.request_id if isinstance(error, APIError) else None
    return _joined(custom_id, b"null", _described(error, message, body, request_id))


def _message(error: HorayError) -> str:
    """What an error says, without the request's id, which stands beside the response."""
    return error.message if isinstance(error, APIError) else str(error)


def _described(
    error: HorayError | None,
    message: str,
    body: bytes | None = None,
    request_id: str | None = None,
) -> bytes:
    """An error as the field `error`, with its body, as JSON, and the request's id, where the field `response` hasn't got them."""
    code = "APIResponseError" if error is None else type(error).__name__
    kept = {name: getattr(error, name, None) for name in KEPT}
    told = {name: value for name, value in kept.items() if value is not None}
    if request_id:
        told["request_id"] = well_formed(request_id)
    if body is not None:
        told["body"] = msgspec.Raw(body)
    elif isinstance(error, APIResponseError) and not error.body:
        told["body"] = ""  # or the response's would be taken for it
    return _encode({"code": code, "message": well_formed(message), **told})


def _body_of(response: Response, error: HorayError | None) -> tuple[bytes, bytes | None]:
    """A response as JSON on one line: in the server's bytes, where it came as a body of JSON, else as its error has the body, else
    anew from its fields. Beside the last the error's own body, as JSON, if it has one.
    """
    raw: bytes | None = getattr(response, "_raw", None)
    if raw is not None:
        return str(raw, "utf-8", "replace").encode().strip().translate(_LINE_ENDS), None
    body = _dumped(response)
    told: object = getattr(error, "body", None)
    as_sent: bytes | None = None
    if told:
        with contextlib.suppress(*_WRITING):
            as_sent = _encode(well_formed(told) if isinstance(told, str) else told)
    if as_sent is None:
        return body, None
    text = well_formed(told).encode() if isinstance(told, str) else as_sent
    found = contents_of(decoder(type(response)), text).response
    if found is not None and _dumped(found) == body:
        return as_sent, None
    return body, as_sent


def _dumped(response: Response) -> bytes:
    """The fields of a response, also those that its class doesn't know."""
    return _encode(dump(response, mode="json", unknown=True))


def _failure(error: APIStatusError) -> tuple[bytes, bytes | None]:
    """What the server said of a failure as the body of an error, which is a JSON object. Where it said that otherwise, the same in the
    usual form, and beside it the body as it was sent.
    """
    body = cast(object, error.body)
    as_sent = b"null"
    with contextlib.suppress(*_WRITING):
        as_sent = _encode(well_formed(body) if isinstance(body, str) else body)
        if isinstance(body, dict):
            return as_sent, None
    told = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    shown = {
        name: well_formed(value) if isinstance(value, str) else value
        for name, value in told.items()
    }
    return _encode({"error": shown}), as_sent


def _sent(status: int, request_id: str | None, body: bytes) -> bytes:
    """What the server sent, as the field `response`."""
    encoded = _encode(well_formed(request_id or ""))
    return b'{"status_code":%d,"request_id":%b,"body":%b}' % (status, encoded, body)


def _joined(custom_id: str, response: bytes, error: bytes) -> bytes:
    return b'%b%b","custom_id":%b,"response":%b,"error":%b}\n' % (
        HEAD,
        new_idempotency_key().encode(),
        _encode(well_formed(custom_id)),
        response,
        error,
    )
