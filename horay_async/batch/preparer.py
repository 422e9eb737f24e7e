"""From an item of a batch to a request that is ready to send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, cast

import attrs
import msgspec

from horay_async._protocol.limits.request_size import RequestSize, size_of
from horay_async._protocol.wire.check_parameters import required_parameters
from horay_async._protocol.wire.decode import MALFORMED, BodyDecoder, decoder
from horay_async._protocol.wire.embeddings import prepare
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async._protocol.wire.request import (
    Operation,
    Request,
    build,
    build_request,
    check_path,
    encode,
    may_be_billed,
)
from horay_async._suggestions import about_batch_item
from horay_async._transport.log import LOG
from horay_async.batch.batch_request import BatchRequest
from horay_async.batch.errors import InvalidRequestError
from horay_async.batch.misspelt import SHOWN, doubts
from horay_async.batch.operations import OPERATIONS, path_below_version
from horay_async.batch.request_lines import LINE_FIELDS, RequestLine
from horay_async.batch.results import BatchResult
from horay_async.batch.work_item import DeferredPolicy, WorkItem
from horay_async.errors import ConfigurationError
from horay_async.options import ClientOptions
from horay_async.resources import embeddings
from horay_async.resources._base import new_idempotency_key

UNUSABLE = (TypeError, ValueError, OverflowError, RecursionError, ConfigurationError)
"""What building a request raises where an item's values can't be sent."""

UNREADABLE_ITEM = (Exception, asyncio.CancelledError)
"""What an item of the caller's own class can raise where it is read. Nothing is awaited there, so that a `CancelledError` is
none of the batch.
"""


class _Body(msgspec.Struct):
    """What has to be known of a body, each as it is written there, or empty."""

    stream: msgspec.Raw = msgspec.Raw(b"")
    model: msgspec.Raw = msgspec.Raw(b"")
    messages: msgspec.Raw = msgspec.Raw(b"")
    prompt: msgspec.Raw = msgspec.Raw(b"")
    image_size: msgspec.Raw = msgspec.Raw(b"")
    input: msgspec.Raw = msgspec.Raw(b"")


_body_of = msgspec.json.Decoder(_Body).decode


class Preparer:
    """Makes work items of what the caller passes, with the client's options."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._deferred = DeferredPolicy(policy=options.retry)
        self._doubtful = 0  # mappings with a mistake that was logged
        self._count = 0  # of the items that `prepare_next` has had

    def prepare_next(self, item: object) -> WorkItem | BatchResult[Any]:
        """The work item for the next of the caller's items, or its result where it can't be sent."""
        index = self._count
        self._count += 1
        try:
            return self.prepare(item, index)
        except InvalidRequestError as error:
            name = name_of(item, index)
            return BatchResult(index=index, custom_id=name, request=item, error=error)

    def prepare(self, item: object, index: int) -> WorkItem:
        """The work item for what the caller passed. Raises `InvalidRequestError` that names what is wrong with it."""
        try:
            work = self._prepare(item, index)
        except InvalidRequestError:
            raise
        except UNUSABLE as error:
            raise InvalidRequestError(str(error)) from error
        except UNREADABLE_ITEM as error:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            raise InvalidRequestError(f"reading it raised {what}") from error
        if work.policy is not self._deferred.policy:  # mostly it is the client's
            self._deferred = DeferredPolicy(policy=work.policy)
        work.request.retry = self._deferred
        # A batch waits for its limits as long as it takes.
        if work.request.timeouts.queue is not None:
            work.request.timeouts = attrs.evolve(work.request.timeouts, queue=None)
        return work

    def _prepare(self, item: object, index: int) -> WorkItem:
        if isinstance(item, RequestLine):
            return _from_line(item, item, index, self._options)
        if isinstance(item, BatchRequest):
            return _from_request(cast("BatchRequest[Any]", item), index, self._options)
        if isinstance(item, Mapping):
            fields = cast("Mapping[str, Any]", item)
            line = _as_line(fields)
            if self._doubtful < SHOWN and (doubt := next(doubts(line, fields), None)):
                self._doubtful += 1
                told = "request %d, %r: %s (it is sent as it is)"
                LOG.warning(told, index, line.custom_id, doubt)
            return _from_line(line, cast(object, item), index, self._options)
        raise InvalidRequestError(not_taken(item))


TAKEN = "a batch takes BatchRequest objects, or mappings with custom_id, method, url and body"


def not_taken(item: object) -> str:
    """What is wrong with an item that is no request."""
    return f"{TAKEN}; got a value of type {type(item).__qualname__}: {about_batch_item(item)}"


def name_of(item: object, index: int) -> str:
    """The id of an item, as far as it has a usable one."""
    name: object = None
    with contextlib.suppress(*UNREADABLE_ITEM):
        if isinstance(item, Mapping):
            name = cast("Mapping[str, Any]", item).get("custom_id")
        else:
            name = getattr(item, "custom_id", None)
    return name if isinstance(name, str) else f"request-{index}"


def _from_request(item: BatchRequest[Any], index: int, options: ClientOptions) -> WorkItem:
    params = item.params
    if item.custom_id is not None:
        _check_id(item.custom_id)
    if item.operation is embeddings.CREATE:
        params = prepare(params)
    request = build(item.operation, params, options, new_idempotency_key=new_idempotency_key())
    most = params.get("max_completion_tokens", params.get("max_tokens"))
    return WorkItem(
        index=index,
        custom_id=name_of(item, index),
        item=item,
        request=request,
        policy=request.retry,
        into=_decoder(item.operation, request, params),
        model=msgspec.json.encode(str(params["model"])),
        size=RequestSize(len(request.body or b""), most, request.choices),
        parse=item.parse,
    )


def _check_id(custom_id: object) -> None:
    if not isinstance(custom_id, str):
        raise InvalidRequestError(f"custom_id must be a string; {_got(custom_id)}")


def _as_line(item: Mapping[str, Any]) -> RequestLine:
    custom_id = item.get("custom_id")
    if custom_id is None and not item.keys() & LINE_FIELDS:
        raise InvalidRequestError(f"{TAKEN}; got a mapping without these: {about_batch_item(item)}")
    _check_id(custom_id)
    body = item.get("body")
    raw = encode(dict(cast("Mapping[str, Any]", body)) if isinstance(body, Mapping) else body)
    return RequestLine(cast(str, custom_id), item.get("method"), item.get("url"), msgspec.Raw(raw))


def check_line(line: RequestLine) -> tuple[str, bytes]:
    """The path that a line asks for, percent-encoded, and the model, as JSON. Raises `InvalidRequestError` that names what is wrong with a line that
    can't be sent.
    """
    if line.problem is not None:
        raise InvalidRequestError(line.problem)
    if line.method != "POST":
        raise InvalidRequestError(f'method must be "POST"; {_got(line.method)}')
    if not isinstance(line.url, str) or not line.url.startswith("/"):
        raise InvalidRequestError(
            f'url must be a path such as "/v1/chat/completions"; {_got(line.url)}'
        )
    path = path_below_version(line.url)
    operation = OPERATIONS.get(path)
    raw = bytes(line.body)
    try:
        shown = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"body must be UTF-8: {error}") from error
    try:
        body = _body_of(raw)
    except MALFORMED as error:
        given = "it is missing" if raw == b"null" else f"got {shown:.80}"
        raise InvalidRequestError(f"body must be a JSON object; {given}") from error
    if bytes(body.stream) == b"true":
        raise InvalidRequestError("body.stream must be false: a batch takes whole responses")
    if operation is not None:
        for name in sorted(required_parameters(operation.params)):
            if not bytes(getattr(body, name)):
                raise InvalidRequestError(f"body.{name} is missing")
    try:
        return check_path("POST", path), bytes(body.model)
    except ConfigurationError as error:
        raise InvalidRequestError(str(error)) from error


def _from_line(line: RequestLine, item: object, index: int, options: ClientOptions) -> WorkItem:
    (path, model), raw = check_line(line), bytes(line.body)
    operation = OPERATIONS.get(path)
    request = build_request(
        "POST",
        path,
        {},
        options,
        new_idempotency_key=new_idempotency_key(),
        billed_per_run=may_be_billed("POST", path),
    )
    request.body = raw
    return WorkItem(
        index=index,
        custom_id=line.custom_id,
        item=item,
        request=request,
        policy=request.retry,
        into=_decoder(operation, request, raw),
        model=model,
        size=size_of(raw),
    )


def _decoder(
    operation: Operation[Any] | None, request: Request, asked: Mapping[str, Any] | bytes
) -> BodyDecoder[Any]:
    """What makes a response of what comes back for `request`, which was `asked` for by parameters or in JSON."""
    if operation is None:
        return JSONDecoder()
    if operation is not embeddings.CREATE:
        return decoder(operation.response)
    if not isinstance(asked, Mapping):
        asked = cast("Mapping[str, Any]", msgspec.json.decode(asked))
    return embeddings.decoder_of(request, asked)


def _got(value: object) -> str:
    """The end of a complaint about a value."""
    if value is None:
        return "it is missing"
    try:
        return f"got {value!r:.80}"
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists in lists
        return f"got a value of type {type(value).__name__}"
