"""The error for each way in which a server can fail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from horay_async import errors
from horay_async._protocol.limits.retry import parse_retry_after
from horay_async._protocol.wire.error_body import ErrorBody, masked, read, status_of, without_key
from horay_async.errors import APIResponseError, APIStatusError, StreamError

__all__ = ["bad_response", "envelope_failure", "status_error", "stream_error"]

_CLASSES: dict[int, type[APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.InsufficientBalanceError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
    503: errors.ServiceOverloadedError,
}

_BALANCE = r"\bbalance\b|\bquota\b|\binsufficient (funds|credit)"


def status_error(
    status: int,
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    label: str,
    key: str,
    now: float,
    request_id: str | None,
) -> APIStatusError:
    """The error for an answer with a failing status.

    `label` names the call, `key` is the API key, which a server may have echoed: it is masked
    wherever it stands. `now` is Unix time in seconds, for a `Retry-After` that is a date.
    """
    words = read(body, key)
    message = words.message or without_key(reason, key) or "no explanation was sent"
    if 300 <= status < 400:
        place = without_key(headers.get("Location", "an unnamed place"), key)
        message = (
            f"redirected to {place}; redirects aren't followed, so that the key stays with the host "
            "it was meant for: set base_url if the API has moved"
        )
    return _status_class(status, words)(
        f"{status} from {label}: {message}",
        status_code=status,
        retry_after=parse_retry_after(headers, now=now),
        request_id=_id(request_id, key),
        **words.fields,
    )


def envelope_failure(
    body: bytes, *, label: str, key: str, request_id: str | None
) -> APIStatusError:
    """The error for an answer that reports a failure under HTTP status 200."""
    words = read(body, key)
    status = status_of(words) or 200
    code = "" if words.code is None else f" with code {words.code}"
    return _status_class(status, words)(
        f"{label} failed{code}: {words.message or 'no explanation was sent'}",
        status_code=status,
        request_id=_id(request_id, key),
        **words.fields,
    )


def stream_error(
    data: bytes, *, label: str, key: str, request_id: str | None
) -> APIStatusError | StreamError:
    """The error for an error event inside a stream: a status class where its code or type maps to
    one, else `StreamError`.
    """
    words = read(data, key)
    message = words.message or "no explanation was sent"
    text = f"the server reported an error in the stream of {label}: {message}"
    known: dict[str, Any] = {"request_id": _id(request_id, key), **words.fields}
    status = status_of(words)
    if status is None:
        return StreamError(text, **known)
    return _status_class(status, words)(text, status_code=status, **known)


def bad_response(
    what: str, body: bytes, *, status: int | None, label: str, key: str, request_id: str | None
) -> APIResponseError:
    """The error for an answer that isn't what the protocol says; `what` completes "the answer ..."."""
    return APIResponseError(
        f"the answer to {label} {without_key(what, key)}",
        body=masked(body, key),
        status_code=status,
        execution="executed" if status is not None else "unknown",
        request_id=_id(request_id, key),
    )


def _id(request_id: str | None, key: str) -> str | None:
    return None if request_id is None else without_key(request_id, key)


def _status_class(status: int, words: ErrorBody) -> type[APIStatusError]:
    if status == 403:
        exhausted = re.search(_BALANCE, words.message or "", re.IGNORECASE)
        if exhausted or status_of(words) == 402:
            return errors.InsufficientBalanceError
    default = errors.InternalServerError if status >= 500 else APIStatusError
    return _CLASSES.get(status, default)
