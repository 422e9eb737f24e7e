"""Reading a file of results: one `BatchResult` for each line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar, cast, overload

import msgspec

from horay_async import errors
from horay_async._json import is_object, whole_characters
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.contents import contents_of
from horay_async._protocol.wire.decode import MALFORMED, decoder, is_json
from horay_async._protocol.wire.error_body import read
from horay_async._protocol.wire.errors import (
    ErrorContext,
    bad_response,
    reported_failure,
    status_error,
)
from horay_async._protocol.wire.sse import begins_events
from horay_async._transport.log import LOG
from horay_async.batch.errors import BatchFileError, InvalidRequestError
from horay_async.batch.jsonl import BUFFER, fields_of, text_of, without_mark
from horay_async.batch.result_lines import KEPT, RequestLineError, read_result_line, status_in
from horay_async.batch.results import BatchResult
from horay_async.errors import (
    AnswerError,
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    DriftError,
    HorayError,
    StreamError,
)
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.embeddings import EmbeddingResponse
from horay_async.models.parsed import ParsedCompletion

__all__ = ["read_results"]

T = TypeVar("T")
ResponseT = TypeVar("ResponseT", bound=Response)


@overload
def read_results(path: str | os.PathLike[str]) -> Iterator[BatchResult[ChatCompletion]]: ...


@overload
def read_results(
    path: str | os.PathLike[str], *, response_format: type[T]
) -> Iterator[BatchResult[ParsedCompletion[T]]]: ...


@overload
def read_results(
    path: str | os.PathLike[str], *, response_type: type[ResponseT]
) -> Iterator[BatchResult[ResponseT]]: ...


def read_results(
    path: str | os.PathLike[str],
    *,
    response_type: type[Response] = ChatCompletion,
    response_format: Any = None,
) -> Iterator[BatchResult[Any]]:
    """The results in a file that `run_file` or `horay batch` has written, one by one, as `run` gives them: a `BatchResult` a line, with
    `response` or `error`. OpenAI's files of results are read as well.

    With a class as `response_format` the texts are parsed into it, as by `chat.completions.parse`: a response is a `ParsedCompletion`,
    and where it doesn't fit, the `error` is an `AnswerError`, which has it in `completion`. A result has no `request` and no `attempts`, and
    its `index` is that of its line, from 0. An error has the class that it had, where its line names one of this package's, else that
    of its status; with `execution` as it was, and `partial` what had come of the response.

    Blank lines, and those that were damaged or cut, give nothing, as `BatchProgress.unreadable` says: their requests have another line,
    or are sent again at the next start. Where a run with `retry_failed` was killed, a request may have two results, of which the later
    counts. Raises `TypeError` at once for a class that can't be one of responses, or that no schema can describe. When the first result is
    asked for: `OSError` for a file that can't be opened, and `BatchFileError` for one of requests, or of something else.

    Args:
        path: The file of results.
        response_type: The class of the responses: `Completion`, `EmbeddingResponse` or `ImageResponse` for requests of these operations.
        response_format: A class to parse the texts of chat completions into.
    """
    given = cast(object, response_type)
    if not (isinstance(given, type) and issubclass(given, Response)):
        raise TypeError(f"response_type must be a class of responses, not {response_type!r}")
    parse: Callable[[Any], Response] | None = None
    if response_format is not None:
        if response_type is not ChatCompletion:
            raise TypeError("response_format is for chat completions: leave response_type out")
        from horay_async.resources.chat import parser_of  # noqa: PLC0415 - loads cattrs

        parse = partial(parser_of({"response_format": response_format}), clean=Cleaner())
    return _results(os.fspath(path), response_type, parse)


class _Sent(msgspec.Struct):
    """The field `response` of a line, of which the body is read later."""

    status_code: int = 0
    request_id: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    response: _Sent | None = None
    error: Any = None


_KINDS = {
    kind.__name__: kind
    for kind in (InvalidRequestError, *map(vars(errors).get, errors.__all__))
    if isinstance(kind, type) and issubclass(kind, HorayError)
}
"""The classes of errors by their names, which lines of failures have as `code`."""

_decode_line = msgspec.json.Decoder(_Line).decode


def _results(
    path: str, response_type: type[Response], parse: Callable[[Any], Response] | None
) -> Iterator[BatchResult[Any]]:
    found = other = False
    with open(path, "rb", BUFFER) as lines:
        for index, line in enumerate(lines):
            raw = without_mark(line, index + 1)
            if not raw.strip(b"\0 \t\r\n"):
                continue
            try:
                custom_id = read_result_line(raw).custom_id
            except RequestLineError as error:
                problem = f"{path}, line {index + 1}: not a line of a batch's results: {error}"
                raise BatchFileError(problem, path=path, line=index + 1) from error
            except ValueError as error:
                LOG.warning("%s, line %d is left out: %s", path, index + 1, error)
                # A line that was cut begins as JSON does, and isn't.
                other = other or not raw.startswith(b"{") or is_json(raw)
                continue
            found = True
            label = f"request {custom_id!r}"
            response, failure = _outcome(_line(raw), label, response_type, parse)
            yield BatchResult(
                index=index, custom_id=custom_id, request=None, response=response, error=failure
            )
    if other and not found:
        raise BatchFileError(f"{path} isn't a file of results: none of its lines is one", path=path)


def _line(raw: bytes) -> _Line:
    """A line that is known to be one of results, though msgspec may not be able to decode it."""
    try:
        return _decode_line(raw)
    except MALFORMED:
        fields = fields_of(whole_characters(raw))
    told = fields.get("error", b"null")
    line = _Line(error=text_of(told) if told.startswith(b'"') else _decoded(told))
    sent = fields.get("response", b"")
    if sent.startswith(b"{"):
        held = fields_of(sent)
        line.response = _Sent(
            status_in(held),
            text_of(held.get("request_id", b"")),
            msgspec.Raw(held.get("body", b"null")),
        )
    return line


def _decoded(raw: bytes) -> Any:
    """A JSON value; what can't be decoded, as text."""
    try:
        return msgspec.json.decode(raw)
    except MALFORMED:
        return raw.decode("utf-8", "replace")


def _outcome(
    line: _Line,
    label: str,
    response_type: type[Response],
    parse: Callable[[Any], Response] | None,
) -> tuple[Response | None, HorayError | None]:
    """The response of a line, or its error, which may hold a response."""
    sent = line.response
    if sent is None:
        return None, _error_of(line.error, label)
    request_id = sent.request_id or None
    context = ErrorContext(
        label=label, clean=Cleaner(), status=sent.status_code, request_id=request_id
    )
    body = bytes(sent.body)
    if line.error:
        return None, _error_with(line.error, body, response_type, context)
    if not 200 <= sent.status_code < 300:
        return None, status_error("", {}, body, context=context, now=0.0)
    held = contents_of(decoder(response_type), body)
    found = held.response
    if held.is_response and not (isinstance(found, EmbeddingResponse) and not found.data):
        return _parsed(found, parse)
    if held.reports_error:
        return None, reported_failure(body, found, context=context)
    problem = held.problem or "has no vectors"
    failure = bad_response(problem, body, context=context, whole_body=True)
    failure.partial = found
    return None, failure


def _error_with(
    told: Any, body: bytes, response_type: type[Response], context: ErrorContext
) -> HorayError:
    """The error of a line that has a response, too, with this `body`: with what that holds."""
    failure = _error_of(told, context.label)
    if not isinstance(failure, APIError):
        return failure
    text = text_of(body)  # of what is no JSON
    sent = body if text is None else text.encode()
    found = contents_of(decoder(response_type), sent).response
    failure.request_id = context.request_id or failure.request_id
    failure.partial = text if found is None and begins_events(sent) else found
    has_own = is_object(told) and "body" in told
    if isinstance(failure, APIResponseError):
        failure.body = failure.body if has_own else sent.decode("utf-8", "replace")
    elif isinstance(failure, APIConnectionError):
        failure.body = failure.body or text or ""
    elif isinstance(failure, DriftError):
        failure.response = found
    elif isinstance(failure, APIStatusError | StreamError):
        report = msgspec.json.encode(told["body"]) if has_own else sent
        vars(failure).update(read(report, context.clean).fields)
    return failure


def _parsed(
    found: Any, parse: Callable[[Any], Response] | None
) -> tuple[Response | None, AnswerError | None]:
    if parse is None:
        return found, None
    try:
        return parse(found), None
    except AnswerError as error:
        return None, error.with_traceback(None)


def _error_of(told: Any, label: str) -> HorayError:
    """What a line says of a failure, as an error of the class that it names."""
    fields = told if is_object(told) else {"message": told}
    code = fields.get("code")
    message = fields.get("message") or code or f"{label} failed: no explanation was written"
    failure = _KINDS.get(str(code), APIError)(str(message))
    for name, is_valid in KEPT.items():
        if hasattr(failure, name) and is_valid(fields.get(name)):
            setattr(failure, name, fields[name])
    if isinstance(failure, APIError) and isinstance(request_id := fields.get("request_id"), str):
        failure.request_id = request_id
    if isinstance(failure, APIConnectionError | APIResponseError):
        body = fields.get("body")
        failure.body = body if isinstance(body, str) else ""
    return failure
