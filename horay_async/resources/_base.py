"""What the resources share: sending a request and making the response of what comes back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

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
"""How media types begin that nobody gives JSON by mistake."""


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
        """A request, or `part` of a call that sends several."""
        options, key = self._transport.options, new_idempotency_key()
        request = build(operation, params, options, new_idempotency_key=key, stream=stream)
        if part is not None:
            request.be_part(part)
        return request

    def _response(
        self, operation: Operation[ResponseT], params: Mapping[str, Any]
    ) -> Awaitable[ResponseT]:
        """Sends a request and returns the whole response."""
        request = self._request(operation, params)
        return fetch(self._transport, request, decoder(operation.response))

    async def _stream(
        self, operation: Operation[Any], params: Mapping[str, Any]
    ) -> AsyncStream[Any]:
        """Sends a request for a streamed response."""
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
    """Whether a body is to be read as JSON: also an object or a list that a gateway calls something else, such as HTML."""
    if media in ACCEPTED_TYPES or media.endswith("+json"):
        return True
    begins_json = body.removeprefix(BOM).lstrip().startswith((b"{", b"["))
    return begins_json and not media.startswith(MEDIA_OF_FILES)


def has_no_content(method: str, meta: ResponseMeta) -> bool:
    """Whether a response has no body by what it is (RFC 9110, sections 9.3.2, 15.3.5 and 15.3.6)."""
    return method == "HEAD" or meta.status in (204, 205)


async def decode_response(
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    *,
    without_content: Callable[[], ResponseT] | None = None,
) -> ResponseT:
    """What `response` holds."""
    made, failure = await _outcome(call, into, response, without_content)
    if failure is None:
        return cast("ResponseT", made)
    # Out here, where no body is, which the error's traceback would keep; and it knows this frame.
    try:
        raise failure
    finally:
        del failure


async def _outcome(
    call: Call,
    into: BodyDecoder[ResponseT],
    response: RawResponse,
    without_content: Callable[[], ResponseT] | None,
) -> tuple[ResponseT | None, APIError | DriftWarning | None]:
    """What `response` holds; or what is raised in its place."""
    # What there is in the body, and what becomes of it:
    #
    #   a response                          it is returned; raised with its drift under `strict`
    #   the report of a failure             that is raised, with what stands beside it
    #   what can't be used                  `APIResponseError` that says why, with what can be read of it
    #   a body that is cut                  the error of the connection, or the failure that it reports; with what has come, which isn't
    #                                       taken for a response, even where its JSON is whole, and with the text of what isn't whole
    #   compressed data with a fault        the response, where its JSON was whole by then; else `APIResponseError`, with what could be
    #                                       unpacked
    #   events, which nobody asked for      one of these, with what they merge to; or the failure that they report
    if not call.request.is_safe:
        response.execution = "executed"
    limit = call.request.max_body_bytes
    broken: APIError | None = None
    try:
        body, over = response.read_nowait(limit) or await response.read(limit)
    except APIError as error:
        broken, body, over = error, response.take_cut_off(), False
    meta, media = response.meta, response.content_type
    held: Contents
    if not body and without_content is not None and has_no_content(call.request.method, meta):
        held = Contents(without_content())
    elif over:
        held = Contents(problem=f"is over {limit:,} bytes")
    elif not is_json_body(media, body):
        held = Contents(problem=f"isn't JSON, but {media}")
    else:
        most = call.request.max_objects
        held = await decoded(body, lambda: contents_of(into, body, most))
    found = held.response
    if found is not None:
        found.meta = meta
    if held.is_response and (broken is None or response.problem):
        return _succeeded(call, cast("ResponseT", found), response)
    is_text = not over and not media.startswith(MEDIA_OF_FILES)
    whole_body = is_text and not hasattr(found, "_raw")
    if held.reports_error:
        call.error_body = body
        failure: APIError = reported_failure(body, found, context=response.context)
    elif broken is not None and not (response.problem and body):
        failure = broken
        if whole_body:
            add_body(failure, body, context=response.context)
    else:
        problem = response.problem or held.problem
        coding = coding_in(meta.headers)
        if coding and not over and unpacker_for(coding) is None:
            problem = f"has a Content-Encoding that isn't decoded here, {coding!r}"
        failure = bad_response(problem, body, context=response.context, whole_body=whole_body)
    if found is not None:
        failure.partial = found
    if begins_events(body) and not over:  # which would take seconds to read
        from horay_async.resources._streams import unasked_stream  # noqa: PLC0415 - seldom needed

        failure = await decoded(body, partial(unasked_stream, call, response, body, failure))
    try:
        return None, failure
    finally:
        del failure, broken  # what broke off knows this frame


def _succeeded(
    call: Call, made: ResponseT, response: RawResponse
) -> tuple[ResponseT | None, DriftError | DriftWarning | None]:
    """`made`; or what is raised in its place for how it drifts."""
    call.succeed(response.meta, lambda: made)
    if drifts := getattr(made, "_drift", None):
        drift_error = call.drift.note(drifts, made, context=response.context)
        if drift_error is not None:
            return None, drift_error
    return made, None
