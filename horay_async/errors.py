"""Every exception that this package raises of its own accord.

- `HorayError`
  - `ConfigurationError`: no key, a key with a line break, a URL that isn't one, a closed client ...
  - `APIError`: a call failed; says whether the request was executed and what each attempt met
    - `APIConnectionError`: no response came, or it broke off
      - `APITimeoutError`: one of the five timeouts passed; `clock` says which
    - `APIStatusError`: the server responded with a failing status
      - `BadRequestError` (400), `AuthenticationError` (401), `InsufficientBalanceError` (402, or a
        403 that speaks of the balance), `PermissionDeniedError` (403), `NotFoundError` (404),
        `ConflictError` (409), `UnprocessableEntityError` (422), `RateLimitError` (429)
      - `InternalServerError` (500 and above)
        - `ServiceOverloadedError` (503)
    - `APIResponseError`: the bytes weren't what the protocol says, or over a limit
    - `StreamError`: the server reported a failure in the middle of a stream
    - `StreamTruncatedError`: a stream ended before it was complete
    - `AnswerError`: the response has come, but isn't what was asked for: it doesn't fit the class, the
      model declined or was cut, or it still asks for tools after the last round
    - `DriftError`: the response is whole, but has other fields than the API describes, and the client was
      made with `strict="raise"`

Two more of the kind are in `horay_async.batch`: `InvalidRequestError` and `BatchFileError`. With
`strict="warn"` drift is a warning instead, `DriftWarning`. Misuse in the calling code, such as a parameter of
the wrong name or type, raises Python's own `TypeError`. `asyncio.CancelledError` and `KeyboardInterrupt` pass
through untouched; everything else that the libraries beneath raise is turned into one of these, with the
cause chained.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, dataclass_transform

from horay_async._attempt import Attempt, Execution
from horay_async._suggestions import no_attribute

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerError",
    "AnswerFault",
    "AuthenticationError",
    "BadRequestError",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "DriftError",
    "DriftKind",
    "DriftWarning",
    "Execution",
    "HorayError",
    "InsufficientBalanceError",
    "InternalServerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServiceOverloadedError",
    "StreamError",
    "StreamTruncatedError",
    "UnprocessableEntityError",
]

Clock = Literal["queue", "connect", "first_byte", "idle", "total"]
"""The five timeouts of `Timeouts`."""

AnswerFault = Literal[
    "mismatch", "refusal", "length", "content_filter", "failed", "rounds", "tokens"
]
"""What is wrong with the model's answer: it doesn't fit the class; the model declined; the token limit or the
server's filter cut it; the server broke it off; the model still asks for tools after the last round, or with all tokens
spent."""

DriftKind = Literal["unknown", "missing", "retyped"]
"""How a field of a response differs from the API's description: it isn't described; it is described as
always sent, and wasn't; it has a value of another type."""


class HorayError(Exception):
    """The root of the tree."""

    _read_elsewhere: bool = False
    """Whether it says that another task, thread or event loop reads a stream."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute


class ConfigurationError(HorayError):
    """The client can't be made or used as it is set up. Nothing was sent."""


def _by_position(*, kw_only: Literal[False] = False) -> Any:
    """The field that is a positional argument, for type checkers: all others are keyword arguments."""


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(_by_position,))
class _ErrorWithAttributes(HorayError):
    """An error whose attributes are its keyword arguments: each is declared once, with its default."""

    def __init__(self, message: str, **known: Any) -> None:
        # One positional argument: an exception is unpickled as cls(*args), then gets its __dict__.
        super().__init__(message)
        for name in known:
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no attribute {name!r}")
        vars(self).update(known, message=message)


class APIError(_ErrorWithAttributes):
    """A call that failed.

    `str()` of it is the message and, in brackets, the request id and the number of attempts. Its other attributes, and
    those of the classes below it, are keyword arguments of their class.
    """

    message: str = _by_position(kw_only=False)
    """What went wrong, as the server says it, where it does."""
    execution: Execution = "unknown"
    """Whether the last attempt's request was run by the server: `"not_sent"`, it never left, nor did those before it;
    `"executed"`, its result began to arrive; `"unknown"`, anything between, a failing status included (of those,
    `status_code` says more). Where it never left, what is known of those before it."""
    request_id: str | None = None
    """The server's id of the last attempt's response, where it sent one."""
    attempts: tuple[Attempt, ...] = ()
    """One record an attempt, newest last."""
    repeatable: bool = False
    """Whether the request only reads, as a GET does: then it can be sent again, whatever `execution` says."""
    partial: Any = None
    """What had come of a streamed response, merged (a `Completion` or a `ChatCompletion`), or of embeddings (an
    `EmbeddingResponse`), or of `request(...)` (a `JSONResponse`), or a text where events came that no class describes and
    weren't asked for; None where nothing had."""

    def __str__(self) -> str:
        notes: list[str] = []
        if self.request_id:
            notes.append(f"request id {self.request_id}")
        if len(self.attempts) > 1:
            notes.append(f"{len(self.attempts)} attempts")
        if self.repeatable and isinstance(self, APIConnectionError) and self.transient:
            notes.append("safe to repeat")
        return f"{self.message} ({', '.join(notes)})" if notes else self.message


class APIConnectionError(APIError):
    """The server couldn't be reached, or the connection broke before the response was whole."""

    transient: bool = True
    """Whether trying again can help; it can't where the server's certificate isn't trusted."""
    body: str = ""
    """What had come of a body that is no stream, as `APIResponseError` has it; empty where `partial` has the whole response. Of a
    stream, see `StreamTruncatedError`."""


class APITimeoutError(APIConnectionError):
    """One of the timeouts ran out."""

    clock: Clock = "total"
    """The timeout that ran out."""


class _ReportedError(APIError):
    """What the failure bodies of this family of servers have in common."""

    type: str | None = None
    """The server's name for the kind of failure, e.g. `"invalid_request_error"`."""
    code: str | int | None = None
    """The server's code for the failure, e.g. `20012` or `"model_not_found"`."""
    param: str | None = None
    """The request field that the server complains of."""
    body: Any = None
    """The body that was sent: decoded where it was JSON, else text; None where it was empty."""
    retry_after: float | None = None
    """Seconds that the server asked to wait, from `retry-after-ms` or `Retry-After`."""
    headers: Mapping[str, str] = MappingProxyType({})
    """The response's headers, cleaned of the key; names are looked up without regard to case."""


class APIStatusError(_ReportedError):
    """The server responded with a failing status."""

    status_code: int = 0
    """The HTTP status; for a failure reported inside a stream or an envelope, what it maps to."""


class BadRequestError(APIStatusError):
    """400: a field is missing, of the wrong type or out of its range."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or revoked."""


class InsufficientBalanceError(APIStatusError):
    """402, a 403 that speaks of the balance, or a 429 with the code `insufficient_quota`: the account is exhausted."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such path or model."""


class ConflictError(APIStatusError):
    """409: the request collides with another one."""


class UnprocessableEntityError(APIStatusError):
    """422: the body is well formed, but the server can't act on it."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens; `retry_after` says how long to wait, where it is known."""


class InternalServerError(APIStatusError):
    """500 and above: the server or a gateway before it failed."""


class ServiceOverloadedError(InternalServerError):
    """503: the model's service has no room; the request wasn't run."""


class APIResponseError(APIError):
    """The response wasn't what the protocol says: bad JSON, bad UTF-8, another content type, a limit."""

    body: str = ""
    """The body, with the API key masked and bytes that can't be decoded replaced. Whole, if it is a text that may have been paid
    for; else the first 500 characters, as of a picture, or where `partial` has the response. Where the response isn't valid HTTP, what had come
    of it, its head included."""
    status_code: int | None = None
    """The HTTP status of the response, where its head could be read."""


class StreamError(_ReportedError):
    """The server reported a failure inside a stream that no class for a status fits."""


class StreamTruncatedError(APIError):
    """A stream ended without `[DONE]` and without a finish reason for every choice.

    `partial` holds what had come, merged.
    """

    reason: str = ""
    """How it ended."""
    body: str = ""
    """The data of the event in which it was cut, as far as they came, with the API key masked. What is sure of them is in
    `partial`, too; empty where it ended between two events."""


class AnswerError(APIError):
    """The response came, but isn't what was asked for: it can't be parsed, or still asks for tools after the last round."""

    execution: Execution = "executed"
    """See `APIError`: the response is there."""
    reason: AnswerFault = "mismatch"
    """What kind of mismatch it is."""
    text: str = ""
    """The model's text as it came; if a tool call doesn't fit, its arguments."""
    path: str | None = None
    """The first place that doesn't fit, such as `$.lines[2].price`; None unless `reason` is `"mismatch"`."""
    errors: tuple[tuple[str, str], ...] = ()
    """Every path that doesn't fit, and what is wrong there."""
    completion: Any = None
    """The response as a whole (a `ChatCompletion`); None where just a text was parsed."""


class DriftError(APIError):
    """The response came, but has other fields than the API describes. Raised with `strict="raise"` alone."""

    execution: Execution = "executed"
    """See `APIError`: the response is there."""
    path: str = "$"
    """The first such field, such as `$.choices[].message.mood`."""
    kind: DriftKind = "unknown"
    """How it differs."""
    drifts: tuple[tuple[str, DriftKind], ...] = ()
    """Path and kind of every such field, each once; of a streamed response, those of the first chunk that
    has some."""
    body: str = ""
    """The body as it was sent, with the API key masked; of a streamed response, that chunk's."""
    response: Any = None
    """The response as it would have been returned without `strict`. You get all of a stream before this is raised; here it is
    again, merged."""


class DriftWarning(UserWarning):
    """A response has a field that differs from what the API describes. Given with `strict="warn"` alone."""

    path: str
    """The field, such as `$.choices[].message.mood`."""
    kind: DriftKind
    """How it differs."""
    response: Any
    """If the program turns warnings into errors, so that this is raised: the response as it would have been returned. You get all
    of a stream before that; here it is again, merged. None otherwise."""

    def __init__(self, message: str, *, path: str = "$", kind: DriftKind = "unknown") -> None:
        # One positional argument, as for the errors.
        super().__init__(message)
        self.path = path
        self.kind = kind
        self.response = None
