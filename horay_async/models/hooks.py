"""The events that the hooks of a client get: `on_request`, `on_retry` and `on_response`.

A call makes one or more attempts. For each one, `on_request` is called just before it is sent. After one that
failed, either `on_retry` is called, before the wait for the next, or the call is over. `on_response` is called
once for each call that has sent something, or tried to, when it is over: the response is whole, it has failed for
good, it was cancelled, or its stream was left early.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from horay_async._record import Record
from horay_async._suggestions import no_attribute
from horay_async.errors import APIError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

__all__ = ["CallEvent", "RequestEvent", "ResponseEvent", "RetryEvent"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CallEvent(Record):
    """The fields of every hook's event."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    call: int
    """The number of the call in this process, from 1; the same in all events of one call."""
    label: str
    """Method and path, such as `"POST /chat/completions"`."""
    method: str
    """Such as `"POST"`."""
    url: str
    """Without its query, and without a password."""
    stream: bool
    """Whether a streamed response was asked for."""
    attempt: int
    """Which attempt it is about, from 1; the newest, once the call is over."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RequestEvent(CallEvent):
    """An attempt is about to be sent."""

    headers: Mapping[str, str]
    """What is sent, in a copy. The values of headers that hold keys, tokens or cookies are masked."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RetryEvent(CallEvent):
    """An attempt has failed, and another one will be made."""

    error: APIError
    """What ended the attempt."""
    status: int | None
    """The HTTP status of the attempt's response; None where none came."""
    seconds: float
    """How long the attempt took."""
    delay: float
    """Seconds to wait before the next attempt."""


def _kind_of(response: Response | None) -> str:
    """What the `repr` of an event shows of its response: not what the model wrote, since events are logged."""
    return "None" if response is None else f"<{type(response).__name__}>"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseEvent(CallEvent):
    """A call is over."""

    error: BaseException | None
    """What ended the call: an `APIError`, or what cancelled it. None where the response came whole, and where a
    stream was left early."""
    complete: bool
    """Whether the whole response came."""
    status: int | None
    """The HTTP status of the last attempt's response; None where none came."""
    seconds: float
    """How long the call took, over all its attempts and waits; with a stream, until it was read to its end or
    left."""
    meta: ResponseMeta | None
    """How the response came about, with the time to its first byte and, of a stream, its first token; None where
    no response came."""
    response: Response | None = attrs.field(repr=_kind_of)
    """The response; of a stream, merged from the chunks that have come. None where there is none, and for
    downloads."""
