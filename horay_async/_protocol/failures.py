"""Making sense of the failures that servers of this family report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from horay_async import errors
from horay_async._protocol.retry import parse_retry_after
from horay_async.errors import APIResponseError, APIStatusError, StreamError

__all__ = ["bad_response", "envelope_failure", "status_error", "stream_error"]

BODY_SHOWN = 500
"""How many characters of an undecipherable body an error carries."""

MASK = b"[API key]"
"""What stands in an error wherever a server echoed the key."""

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

_STATUS_OF_WORD: dict[str, int] = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_balance": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "server_error": 500,
    "overloaded_error": 503,
    "service_unavailable": 503,
}
"""What servers of this family put into an error event's `code` or `type`, as HTTP statuses."""

_STATUS_OF_CODE: dict[int, int] = {20012: 400, 50505: 503}
"""The API's own codes seen so far."""

_BALANCE = re.compile(r"\bbalance\b|\bquota\b|\binsufficient (funds|credit)", re.IGNORECASE)


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
    decoded = _decode(body.replace(key.encode(), MASK))
    words = _words(decoded)
    message = words.pop("message") or reason or "no explanation was sent"
    if 300 <= status < 400:
        message = (
            f"redirected to {headers.get('Location', 'an unnamed place')}; redirects aren't followed, so "
            "that the key stays with the host it was meant for: set base_url if the API has moved"
        )
    return _class_for(status, message)(
        f"{status} from {label}: {message}",
        status_code=status,
        retry_after=parse_retry_after(headers, now=now),
        request_id=request_id,
        body=decoded,
        **words,
    )


def envelope_failure(
    body: bytes, *, label: str, key: str, request_id: str | None
) -> APIStatusError:
    """The error for an answer that reports a failure under HTTP status 200."""
    decoded = _decode(body.replace(key.encode(), MASK))
    words = _words(decoded)
    message = words.pop("message") or "no explanation was sent"
    status = _status_of(words) or 200
    code = words.get("code")
    return _class_for(status, message)(
        f"{label} failed{'' if code is None else f' with code {code}'}: {message}",
        status_code=status,
        body=decoded,
        request_id=request_id,
        **words,
    )


def stream_error(data: bytes, *, label: str, key: str) -> APIStatusError | StreamError:
    """The error for an error event inside a stream: a status class where its code or type maps to
    one, else `StreamError`.
    """
    decoded = _decode(data.replace(key.encode(), MASK))
    words = _words(decoded)
    message = words.pop("message") or "no explanation was sent"
    status = _status_of(words)
    text = f"the server reported an error in the stream of {label}: {message}"
    if status is None:
        return StreamError(text, body=decoded, **words)
    return _class_for(status, message)(text, status_code=status, body=decoded, **words)


def bad_response(
    what: str, body: bytes, *, status: int | None, label: str, key: str, request_id: str | None
) -> APIResponseError:
    """The error for an answer that isn't what the protocol says; `what` completes "the answer ..."."""
    # A character takes up to four bytes; the masking must see the key whole, wherever it stands.
    shown = body[: 4 * BODY_SHOWN + len(key)].replace(key.encode(), MASK)
    return APIResponseError(
        f"the answer to {label} {what}",
        body=shown.decode("utf-8", "replace")[:BODY_SHOWN],
        status_code=status,
        execution="executed" if status is not None else "unknown",
        request_id=request_id,
    )


def _class_for(status: int, message: str) -> type[APIStatusError]:
    if status == 403 and _BALANCE.search(message):
        return errors.InsufficientBalanceError
    default = errors.InternalServerError if status >= 500 else APIStatusError
    return _CLASSES.get(status, default)


def _decode(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _words(decoded: Any) -> dict[str, Any]:
    """`message`, `type`, `code` and `param` from any of the shapes that failure bodies have."""
    if isinstance(decoded, str):
        return {"message": _from_text(decoded)}
    if not isinstance(decoded, dict):
        return {"message": None}
    fields = cast("dict[str, Any]", decoded)
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = cast("dict[str, Any]", inner)
    message = fields.get("message") or (inner if isinstance(inner, str) else None)
    if message is None and "detail" in fields:
        message = _from_detail(fields["detail"])
    code = fields.get("code")
    return {
        "message": None if message is None else str(message),
        "type": _string(fields.get("type")),
        "code": code if isinstance(code, str | int) else None,
        "param": _string(fields.get("param")),
    }


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _from_text(text: str) -> str:
    """Plain text as it is; of an HTML page the title, since the rest is markup."""
    if not text.lstrip().startswith("<"):
        return text[:BODY_SHOWN]
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    name = " ".join(title.group(1).split()) if title else "without a title"
    return f"an HTML page, {name[:BODY_SHOWN]!r}" if title else f"an HTML page {name}"


def _from_detail(detail: Any) -> str:
    """`detail` is text, or a list of complaints that each name the place they are about."""
    if not isinstance(detail, list):
        return detail if isinstance(detail, str) else msgspec.json.encode(detail).decode()
    complaints: list[str] = []
    for entry in cast("list[Any]", detail):
        if isinstance(entry, dict):
            fields = cast("dict[str, Any]", entry)
            place = fields.get("loc")
            path = ".".join(map(str, cast("list[Any]", place))) if isinstance(place, list) else ""
            text = str(fields.get("msg") or "not valid")
            complaints.append(f"{path}: {text}" if path else text)
        else:
            complaints.append(str(entry))
    return "; ".join(complaints)


def _status_of(words: Mapping[str, Any]) -> int | None:
    for given in (words.get("code"), words.get("type")):
        word = int(given) if isinstance(given, str) and given.isdecimal() else given
        if isinstance(word, str) and (status := _STATUS_OF_WORD.get(word)):
            return status
        if isinstance(word, int):
            if 400 <= word <= 599:
                return word
            if status := _STATUS_OF_CODE.get(word):
                return status
    return None
