"""The lines of a file of answers, in the form of OpenAI's batch output files."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from horay_async.batch.results import BatchResult
from horay_async.errors import APIStatusError
from horay_async.models._base import Response
from horay_async.resources._base import new_key

__all__ = ["Answer", "line_of"]

_encode = msgspec.json.encode

FAILED = 400
"""The first HTTP status that is a failure."""

_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
"""In JSON they can only stand between tokens, where a space means the same."""


class _Status(msgspec.Struct):
    status_code: int = 0


class Answer(msgspec.Struct):
    """A line of which only the outcome is of interest; the answer itself is skipped, not built."""

    custom_id: str
    response: _Status | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def failed(self) -> bool:
        """Whether the request failed."""
        if self.response is None or bytes(self.error) != b"null":
            return True
        return not 200 <= self.response.status_code < 300


def line_of(result: BatchResult[Any]) -> bytes:
    """The line for a result. The server's answer stands in it as the server wrote it."""
    response, error = result.response, result.error
    if response is not None and (body := _body_of(response)) is not None:
        meta = response.meta
        return _line(result.custom_id, meta.status, meta.request_id, body)
    if isinstance(error, APIStatusError) and error.status_code >= FAILED:
        return _line(result.custom_id, error.status_code, error.request_id, _failure(error))
    code = "APIResponseError" if error is None else type(error).__name__
    message = "the answer isn't valid UTF-8" if error is None else str(error)
    return _joined(result.custom_id, b"null", _encode({"code": code, "message": message}))


def _body_of(response: Response) -> bytes | None:
    """The answer in the server's bytes, on one line; None where they would spoil the file."""
    raw = response._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its bytes are what is asked for
    try:
        str(raw, "utf-8")
    except UnicodeDecodeError:
        return None
    return raw.strip().translate(_LINE_ENDS)


def _failure(error: APIStatusError) -> bytes:
    """What the server said of a failure, if it was a JSON object, else the same in the usual form."""
    body = cast(object, error.body)
    if isinstance(body, dict):
        return _encode(cast("dict[str, Any]", body))
    told = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return _encode({"error": told})


def _line(custom_id: str, status: int, request_id: str | None, body: bytes) -> bytes:
    head = b'{"status_code":%d,"request_id":%b,"body":' % (status, _encode(request_id or ""))
    return _joined(custom_id, b"%b%b}" % (head, body), b"null")


def _joined(custom_id: str, response: bytes, error: bytes) -> bytes:
    return b'{"id":"batch_req_%b","custom_id":%b,"response":%b,"error":%b}\n' % (
        new_key().encode(),
        _encode(custom_id),
        response,
        error,
    )
