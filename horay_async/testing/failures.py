"""Canned failures: error bodies of every shape, rate limits, and responses that no client should trust."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, Literal, Unpack, get_args

from horay_async.testing.records import Request
from horay_async.testing.responses import (
    MessageOptions,
    ScriptedResponse,
    check_word,
    defaulted,
    is_number,
    json_response,
    respond,
    sse,
)
from horay_async.testing.steps import Pause, Step

__all__ = [
    "ErrorShape",
    "RetryForm",
    "decompression_bomb",
    "error",
    "error_event",
    "pings",
    "rate_limits",
    "redirect",
]

ErrorShape = Literal[
    "nested",
    "text",
    "detail",
    "details",
    "code",
    "limit",
    "envelope",
    "string",
    "plain",
    "html",
    "empty",
]
"""The shapes that failure bodies have: `{"error": {…}}`, `{"error": "…"}`, `{"detail": "…"}`,
`{"detail": [{…}]}`, `{"code", "message", "data"}`, `{"message", "data"}`, the user envelope, a bare JSON
string, plain text, an HTML page, nothing."""

RetryForm = Literal["seconds", "date", "ms", "both", "garbage", "none"]
"""How a server says when to come back: `Retry-After` in seconds or as an HTTP date; `retry-after-ms`;
that and a `Retry-After` of a minute, which it overrides; something unreadable; nothing."""

MAX_WAIT = 10**9
"""Seconds: some thirty years. A date further away is none on some systems."""

RETRY_FORMS: tuple[RetryForm, ...] = get_args(RetryForm)


def error(
    status: int,
    message: str = "made up by the test server",
    *,
    shape: ErrorShape = "nested",
    type: str = "test_error",
    code: str | int | None = None,
    param: str | None = None,
    retry_after: float | None = None,
    form: RetryForm = "seconds",
    **options: Unpack[MessageOptions],
) -> ScriptedResponse:
    """A failure. `retry_after`, in seconds, is sent in `form`; a date counts from now and, as HTTP dates
    are whole seconds, is rounded up, and so are seconds. A status of 200 is taken: some servers report failures so.
    """
    check_word("shape", shape, get_args(ErrorShape))
    _check_retry(retry_after, form)
    headers = {} if retry_after is None else _retry_headers(retry_after, form)
    media, body = _error_body(shape, message, type, code, param)
    name = f"error {status}"
    settled = defaulted(options, headers=headers, content_type=media, name=name)
    return respond(body, status, **settled)


def _check_retry(retry_after: float | None, form: RetryForm) -> None:
    """Raises `ValueError` for a wait that no server can ask for, and for a form that there isn't."""
    if retry_after is not None and not (is_number(retry_after) and 0 <= retry_after <= MAX_WAIT):
        raise ValueError(
            f"retry_after must be a number of seconds from 0 to {MAX_WAIT:,}; got {retry_after!r}"
        )
    check_word("form", form, RETRY_FORMS)


def _error_body(
    shape: ErrorShape, message: str, type_: str, code: str | int | None, param: str | None
) -> tuple[str, str]:
    """Media type and body."""
    texts: dict[ErrorShape, tuple[str, str]] = {
        "plain": ("text/plain", message),
        "html": ("text/html", f"<html><head><title>{message}</title></head></html>"),
        "empty": ("", ""),
    }
    if shape in texts:
        return texts[shape]
    number = 20012 if code is None else code
    values: dict[ErrorShape, Any] = {
        "nested": {"error": {"message": message, "type": type_, "param": param, "code": code}},
        "text": {"error": message},
        "detail": {"detail": message},
        "details": {"detail": [{"loc": ["body", param or "model"], "msg": message}]},
        "code": {"code": number, "message": message, "data": None},
        "limit": {"message": message, "data": "rate limited"},
        "envelope": {"code": number, "message": message, "status": False, "data": None},
        "string": message,
    }
    return "application/json", json.dumps(values[shape], ensure_ascii=False)


def _retry_headers(seconds: float, form: RetryForm) -> dict[str, str]:
    milliseconds = {"retry-after-ms": f"{seconds * 1000:g}"}
    forms: dict[RetryForm, dict[str, str]] = {
        "seconds": {"Retry-After": str(math.ceil(seconds))},
        "date": {"Retry-After": formatdate(math.ceil(time.time() + seconds), usegmt=True)},
        "ms": milliseconds,
        "both": {**milliseconds, "Retry-After": "60"},
        "garbage": {"Retry-After": "soon"},
        "none": {},
    }
    return forms[form]


def rate_limits(
    count: int, *, retry_after: float = 0.0, forms: Sequence[RetryForm] = RETRY_FORMS
) -> list[Callable[[Request], ScriptedResponse]]:
    """So many 429 responses, which go through the `forms` of Retry-After in turn. Dates count from the moment
    of the response.
    """
    message = "Request was rejected due to rate limiting. Details: TPM limit reached."

    def one(form: RetryForm) -> Callable[[Request], ScriptedResponse]:
        return lambda _: error(
            429, message, shape="limit", retry_after=retry_after, form=form, name=f"429 {form}"
        )

    if count < 0:
        raise ValueError(f"count must be 0 or more; got {count!r}")
    if isinstance(forms, str) or not forms:
        raise ValueError(f"forms must be a list of {', '.join(RETRY_FORMS)}; got {forms!r}")
    for form in forms:
        _check_retry(retry_after, form)
    return [one(forms[number % len(forms)]) for number in range(count)]


def error_event(
    message: str = "made up by the test server",
    *,
    type: str | None = "server_error",
    code: str | int | None = None,
    named: bool = False,
) -> bytes:
    """A failure within a stream, to be put among the pieces: `data: {"error": …}`, behind `event: error` if
    `named`.
    """
    body = {"error": {"message": message, "type": type, "code": code}}
    return sse(body, "error" if named else "")


def pings(count: int = 1, gap: float = 0.0) -> list[bytes | Step]:
    """Comments that keep a connection alive, to be put among a stream's pieces; `gap` seconds after each."""
    return [b": ping\n\n", Pause(gap)] * count


def redirect(
    location: str, status: int = 307, **options: Unpack[MessageOptions]
) -> ScriptedResponse:
    """Sends the client elsewhere."""
    settled = defaulted(options, headers={"Location": location}, name="redirect")
    return json_response({}, status, **settled)


def decompression_bomb(size: int, **options: Unpack[MessageOptions]) -> ScriptedResponse:
    """A JSON string of `size` spaces, compressed to about a thousandth, by gzip unless `coding` says otherwise."""
    block = b" " * 2**20
    count, rest = divmod(size, len(block))
    settled = defaulted(options, name="decompression_bomb", coding="gzip")
    return respond([b'"', *[block] * count, block[:rest], b'"'], **settled)
