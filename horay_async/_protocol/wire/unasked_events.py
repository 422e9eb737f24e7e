"""A stream of events in the place of a whole response, which nobody asked for: where it ends, and whether it goes on. Pure."""

from __future__ import annotations

import re

from horay_async._json import is_array, is_object
from horay_async._protocol.wire.decode import InvalidBody, has_error_field, parsed
from horay_async._protocol.wire.size_limits import MAX_EVENT_BYTES
from horay_async._protocol.wire.sse import DONE, EventTooLarge, NamedEvent, SSEDecoder
from horay_async._protocol.wire.sse_reader import PINGS

LAST_EVENT = re.compile(rb"^data: ?\[DONE]", re.MULTILINE)
"""How the event begins that ends a stream."""

SAYS_NOTHING = frozenset(
    {
        "created",
        "finish_reason",
        "id",
        "index",
        "model",
        "object",
        "role",
        "service_tier",
        "system_fingerprint",
        "type",
        "usage",
    }
)
"""Fields of a chunk that aren't generated, and may come without end."""


class UnaskedEvents:
    """The events of such a stream, as far as they have come."""

    def __init__(self) -> None:
        self.done: bool = False
        """Whether its last event has come, or an error: such a stream may never be closed."""
        self._sse: SSEDecoder | None = SSEDecoder(max_event_bytes=MAX_EVENT_BYTES)

    def feed(self, block: bytes) -> bool:
        """Takes in what has come; returns whether that was more than signs of life: comments, pings and events without content."""
        if self._sse is None:
            return True
        try:
            events = self._sse.feed(block)
        except EventTooLarge:
            self._sse = None
            return True
        if LAST_EVENT.search(self._sse.held) or any(map(_is_last, events)):
            self.done = True
        return self._sse.is_progress(block) or not all(map(_is_sign_of_life, events))


def _is_last(data: bytes) -> bool:
    named = isinstance(data, NamedEvent)
    return data.strip() == DONE or (b'"error"' in data and has_error_field(data, named=named))


def _is_sign_of_life(data: bytes) -> bool:
    if isinstance(data, NamedEvent) and data.name in PINGS:
        return True
    try:
        return not data.strip() or not _says_something([parsed(data)])
    except InvalidBody:
        return False


def _says_something(value: object) -> bool:
    """Whether there is a text, a number or the like in JSON that may be generated."""
    unread = [value]
    while unread:
        value = unread.pop()
        if is_object(value):
            unread += [held for name, held in value.items() if name not in SAYS_NOTHING]
        elif is_array(value):
            unread += value
        elif value:
            return True
    return False
