"""The error for each way in which a server can fail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from horay_async import errors
from horay_async._protocol.limits.retry_after import parse_retry_after
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.decode import holds_content
from horay_async._protocol.wire.error_body import ErrorBody, beginning, read, status_of
from horay_async._record import Record
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    StreamError,
    StreamTruncatedError,
)
from horay_async.models._base import Response

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

_VERSION = r"/v[0-9]+[a-z0-9]*$"
"""The end of a base URL that leads to one version of an API."""

_OPERATION = r"(/chat)?/completions$|/chat$|/embeddings$|/models$|/images?/generations$"
"""The end of a URL that leads to one operation, which some other software takes in the place of a base URL."""

_BALANCE = r"\bbalance\b|\bquota\b|\binsufficient (funds|credit)"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorContext(Record):
    """What every error of a call says beside what went wrong."""

    label: str
    """Method and path, as messages name the call."""
    clean: Cleaner
    """Cleans what is quoted of the server's."""
    status: int | None = None
    """The HTTP status of the response; None where its head couldn't be read."""
    request_id: str | None = None
    """The server's id of the response, cleaned."""


def status_error(
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    context: ErrorContext,
    now: float,
    base_url: str | None = None,
    key_source: str | None = None,
) -> APIStatusError:
    """The error for a response with a failing status, which the context has.

    `now` is Unix time in seconds, for a `Retry-After` that is a date; `base_url` is the client's, where that was used; `key_source`
    says where the key comes from, where one was sent.
    """
    status = context.status or 0
    parsed = read(body, context.clean)
    message = parsed.message or context.clean(reason) or "no explanation was sent"
    if status == 304:
        # No request asks whether something has changed.
        message = f"{message}: a proxy or cache sent this, which was asked for no such thing"
    elif 300 <= status < 400:
        place = context.clean(headers.get("Location", "an unnamed place"))
        message = (
            f"redirected to {place}; redirects aren't followed, so that the key stays with the host "
            "it was meant for: set base_url if the API has moved"
        )
    elif status in (404, 405) and base_url and (path := re.search(_OPERATION, base_url)):
        message = (
            f"{message.rstrip('.')}; base_url {base_url!r} ends too late: the path of the call is put behind it, so leave "
            f"{path[0]!r} out"
        )
    elif (
        status in (404, 405)
        and base_url
        and not re.search(_VERSION, base_url)
        and not _is_of_model(parsed)
    ):
        message = f"{message.rstrip('.')}; is /v1 missing at the end of base_url {base_url!r}?"
    elif status == 401 and key_source:
        message = f"{message.rstrip('.')} ({key_source})"
    retry_after = parse_retry_after(headers, now=now)
    if retry_after:
        message = f"{message.rstrip('.')}{asked_to_wait(retry_after)}"
    return _status_class(status, parsed)(
        f"{status} from {context.label}: {message}",
        status_code=status,
        retry_after=retry_after,
        request_id=context.request_id,
        **parsed.fields,
    )


def asked_to_wait(seconds: float) -> str:
    """The end of an error's message where the server asks for a wait."""
    return f"; the server asks to wait for {seconds:g} s"


def _is_of_model(parsed: ErrorBody) -> bool:
    """Whether it is a model that wasn't found, and so the path was."""
    told = f"{parsed.message} {parsed.code}".lower()
    return "model" in told.replace("/models", "")  # of which the path speaks


def envelope_failure(body: bytes, *, context: ErrorContext) -> APIStatusError:
    """The error for a response that reports a failure under HTTP status 200."""
    parsed = read(body, context.clean)
    status = status_of(parsed) or 200
    code = "" if parsed.code is None else f" with code {parsed.code}"
    return _status_class(status, parsed)(
        f"{context.label} failed{code}: {parsed.message or 'no explanation was sent'}",
        status_code=status,
        request_id=context.request_id,
        **parsed.fields,
    )


def reported_failure(
    body: bytes, beside: Response | None, *, context: ErrorContext
) -> APIStatusError:
    """The error that a body reports, with what was generated beside it."""
    failure = envelope_failure(body, context=context)
    failure.partial = beside
    if beside is not None and holds_content(beside):
        failure.execution = "executed"
    return failure


def stream_error(data: bytes, *, context: ErrorContext) -> APIStatusError | StreamError:
    """The error for an error event inside a stream: a status class where its code or type maps to
    one, else `StreamError`.
    """
    parsed = read(data, context.clean)
    message = parsed.message or "no explanation was sent"
    text = f"the server reported an error in the stream of {context.label}: {message}"
    known: dict[str, Any] = {"request_id": context.request_id, **parsed.fields}
    status = status_of(parsed)
    if status is None:
        return StreamError(text, **known)
    return _status_class(status, parsed)(text, status_code=status, **known)


def bad_response(
    what: str, body: bytes, *, context: ErrorContext, whole_body: bool = False
) -> APIResponseError:
    """The error for a response that isn't what the protocol says; `what` completes "the response ...". With `whole_body` it has
    the body as it was sent, with the API key masked: a text that may have been paid for, and is nowhere else. Else it has the
    body's beginning.
    """
    clean = context.clean
    return APIResponseError(
        f"the response to {context.label} {clean(what)}",
        body=_masked(body, clean) if whole_body else beginning(body, clean),
        status_code=context.status,
        execution="executed" if context.status is not None else "unknown",
        request_id=context.request_id,
    )


def add_body(failure: APIError, body: bytes, *, context: ErrorContext) -> None:
    """Puts what has come of a body, or of a stream's event, with the API key masked, into the error that it broke off with."""
    if not isinstance(failure, APIConnectionError | APIResponseError | StreamTruncatedError):
        return
    if not failure.body:
        failure.body = _masked(body, context.clean)


def _masked(body: bytes, clean: Cleaner) -> str:
    return clean.mask(body.decode("utf-8", "replace"))


def _status_class(status: int, parsed: ErrorBody) -> type[APIStatusError]:
    if status == 403:
        exhausted = re.search(_BALANCE, parsed.message or "", re.IGNORECASE)
        if exhausted or status_of(parsed) == 402:
            return errors.InsufficientBalanceError
    if status == 429 and status_of(parsed) == 402:  # OpenAI's `insufficient_quota`
        return errors.InsufficientBalanceError
    default = errors.InternalServerError if status >= 500 else APIStatusError
    return _CLASSES.get(status, default)
