"""What the resources share: sending a request, and decoding the response."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from horay_async._argument_errors import naming_caller
from horay_async._checks import is_true
from horay_async._protocol.wire.content_coding import coding_in, unpacker_for
from horay_async._protocol.wire.contents import Contents, contents_of
from horay_async._protocol.wire.decode import BodyDecoder, decoder
from horay_async._protocol.wire.errors import add_body, bad_response, reported_failure
from horay_async._protocol.wire.request import Operation, Request, build
from horay_async._protocol.wire.size_limits import BOM
from horay_async._protocol.wire.sse import begins_events
from horay_async._signatures import with_signatures
from horay_async._suggestions import no_attribute
from horay_async._transport.in_thread import decoded
from horay_async.errors import APIError, DriftError, DriftWarning
from horay_async.models._base import Response

if TYPE_CHECKING:
    from horay_async._protocol.wire.accumulate import Accumulator
    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse
    from horay_async._transport.transport import Transport
    from horay_async.models.meta import ResponseMeta
    from horay_async.streaming import AsyncEventStream, AsyncStream

ResponseT = TypeVar("ResponseT", bound=Response)

JSON_TYPES = frozenset({"application/json", "text/json"})
"""Media types of JSON, beside those that end in `+json`."""

ACCEPTED_TYPES = JSON_TYPES | {"", "text/plain"}
"""Media types under which JSON is accepted: some gateways name it plain text, or not at all."""

MEDIA_OF_FILES = ("audio/", "font/", "image/", "video/")
"""Beginnings of media types that no server gives JSON by mistake."""


class Resource:
    """A group of operations."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        with_signatures(cls)

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._transport.options.base_url}>"

    def _request(
        self,
        operation: Operation[Any],
        params: Mapping[str, Any],
        *,
        stream: bool = False,
        part: int | None = None,
    ) -> Request:
        """A request, or `part` of a call that sends several. What it raises for a parameter names the method that was called."""
        options, key = self._transport.options, new_idempotency_key()
        try:
            request = build(operation, params, options, new_idempotency_key=key, stream=stream)
        except (TypeError, ValueError) as error:
            naming_caller(error, self)
            raise
        if part is not None:
            request.be_part(part)
        return request

    def _response(
        self, operation: Operation[ResponseT], params: Mapping[str, Any]
    ) -> Awaitable[ResponseT]:
        """Sends a request and returns the whole response."""
        request = self._request(operation, params)
        return fetch(self._transport, request, decoder(operation.response))

    async def _create(
        self, operation: Operation[ResponseT], params: Mapping[str, Any], *, stream: object
    ) -> ResponseT | AsyncStream[Any]:
        """Sends a request and returns the whole response, or with `stream` the stream of its chunks."""
        if stream is False or not is_true("stream", stream):
            return await self._response(operation, params)
        request = self._request(operation, params, stream=True)
        from horay_async.resources._streams import open_stream  # noqa: PLC0415 - for streams alone

        return await open_stream(self._transport, request)

    def _typed_events(
        self,
        operation: Operation[Any],
        params: Mapping[str, Any],
        events: Callable[[], Accumulator[Any, Any]] | None = None,
        finish: Callable[[Any], Any] | None = None,
        part: int | None = None,
    ) -> AsyncEventStream[Any, Any]:
        """A stream of events, made by `events` where it is given. Parameters that can't be sent are refused here,
        where the mistake is; the request is sent when the stream is entered. `part` is as for `_request`.
        """
        request = self._request(operation, params, stream=True, part=part)
        from horay_async.resources._streams import STREAMED, open_stream  # noqa: PLC0415 - for streams alone
        from horay_async.streaming import AsyncEventStream  # noqa: PLC0415 - see above

        return AsyncEventStream(
            lambda: open_stream(self._transport, request),
            events or (lambda: STREAMED[operation.path].merge(1)),
            finish,
        )


def new_idempotency_key() -> str:
    """A new idempotency key: 128 random bits, as a version 4 UUID holds, whose module loads slowly."""
    return os.urandom(16).hex()


def fetch(
    transport: Transport,
    request: Request,
    into: BodyDecoder[ResponseT],
    *,
    started: float | None = None,
    without_content: Callable[[], ResponseT] | None = None,
) -> Awaitable[ResponseT]:
    """Sends a request, as often as the policy says, and decodes the response. The deadline counts from `started`, on
    the loop's clock; from now on unless given. `without_content` makes the response to HEAD or with status 204 or 205;
    unless given, that is an error.
    """
    call = transport.call(request, started=started)

    return call.run(partial(decode_response, call, into, without_content=without_content))


def is_json_body(media: str, body: bytes) -> bool:
    """Whether a body is read as JSON: by its media type, or as an object or a list that a gateway names something
    else, such as HTML.
    """
    if media in ACCEPTED_TYPES or media.endswith("+json"):
        return True
    begins_json = body.removeprefix(BOM).lstrip().startswith((b"{", b"["))
    return begins_json and not media.startswith(MEDIA_OF_FILES)


def has_no_content(method: str, meta: ResponseMeta) -> bool:
    """Whether a response never has a body: to HEAD, or with status 204 or 205 (RFC 9110, sections 9.3.2, 15.3.5 and
    15.3.6).
    """
    return method == "HEAD" or meta.status in (204, 205)


async def decode_response(
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    *,
    without_content: Callable[[], ResponseT] | None = None,
) -> ResponseT:
    """The response in the body of `response`."""
    outcome = await _outcome(call, into, response, without_content)
    if isinstance(outcome, Response):
        return cast("ResponseT", outcome)
    # Raised here, since the traceback keeps the variables of its frames, and this one has no body. It must not have the error
    # either, which would be in a cycle with its traceback.
    try:
        raise outcome
    finally:
        del outcome


class _ReceivedBody(NamedTuple):
    """A response's body, as far as it was received."""

    data: bytes
    is_over: bool = False
    """Whether it is larger than the limit."""
    cut_by: APIError | None = None
    """What ended the reading before the body's end."""


async def _outcome(
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    without_content: Callable[[], ResponseT] | None,
) -> Response | APIError | DriftWarning:
    """The response in the body, or the error to raise."""
    if not call.request.is_safe:
        response.execution = "executed"
    body = await _read(response, call.request.max_body_bytes)
    try:
        return await _outcome_of(body, call, into, response, without_content)
    finally:
        del body  # from Python 3.12 on, the traceback of what cut it leads to this frame, too


async def _outcome_of(
    body: _ReceivedBody,
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    without_content: Callable[[], ResponseT] | None,
) -> Response | APIError | DriftWarning:
    contents = await _contents(call, into, response, body, without_content)
    found = contents.response
    if found is not None:
        found.meta = response.meta
        # Compressed data may have a fault behind JSON that is whole.
        if contents.is_response and (body.cut_by is None or response.problem):
            return _succeeded(call, found, response)
    failure = _failure(call, response, body, contents)
    if found is not None:
        failure.partial = found
    # Events above the limit would take seconds to read.
    if body.is_over or not begins_events(body.data):
        return failure
    from horay_async.resources._streams import unasked_stream  # noqa: PLC0415 - seldom needed

    decode = partial(unasked_stream, call, response, body.data, failure)
    return await decoded(body.data, decode, broken=True)


async def _read(response: RawResponse, limit: int) -> _ReceivedBody:
    """Receives the body, up to `limit` bytes, or as much as came before an error."""
    try:
        return _ReceivedBody(*response.read_nowait(limit) or await response.read(limit))
    except APIError as error:
        return _ReceivedBody(response.take_cut_off(), cut_by=error)


async def _contents(
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    body: _ReceivedBody,
    without_content: Callable[[], ResponseT] | None,
) -> Contents:
    """What the body contains, decoded also where it was cut."""
    request, media = call.request, response.content_type
    if not body.data and without_content and has_no_content(request.method, response.meta):
        return Contents(without_content())
    if body.is_over:
        return Contents(problem=f"is over {request.max_body_bytes:,} bytes")
    if not is_json_body(media, body.data):
        return Contents(problem=f"isn't JSON, but {media}")
    decode = partial(contents_of, into, body.data, request.max_objects)
    return await decoded(body.data, decode, broken=body.cut_by is not None)


def _failure(
    call: Call, response: RawResponse, body: _ReceivedBody, contents: Contents
) -> APIError:
    """The error for a body that isn't a whole response."""
    # The first row that is true:
    #
    #   it reports a failure                           that failure, with what stands beside it
    #   it was cut, which a fault in compressed        the error that cut it, with the text that came where no response
    #   data only is where nothing could be unpacked   could be read of it; even where its JSON is whole
    #   it can't be used                               `APIResponseError` that says why, with its text
    context, found = response.context, contents.response
    is_text = not body.is_over and not response.content_type.startswith(MEDIA_OF_FILES)
    whole_body = is_text and not hasattr(found, "_raw")
    if contents.reports_error:
        call.error_body = body.data
        return reported_failure(body.data, found, context=context)
    if body.cut_by is not None and not (response.problem and body.data):
        if whole_body:
            add_body(body.cut_by, body.data, context=context)
        return body.cut_by
    problem = response.problem or contents.problem
    coding = coding_in(response.meta.headers)
    if coding and not body.is_over and unpacker_for(coding) is None:
        problem = f"has a Content-Encoding that isn't decoded here, {coding!r}"
    return bad_response(problem, body.data, context=context, whole_body=whole_body)


def _succeeded(
    call: Call, made: Response, response: RawResponse
) -> Response | DriftError | DriftWarning:
    """Ends the call with `made`; returns it, or the error to raise for its drift."""
    call.succeed(response.meta, lambda: made)
    if drifts := getattr(made, "_drift", None):
        return call.drift.note(drifts, made, context=response.context) or made
    return made
