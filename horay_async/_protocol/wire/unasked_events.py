"""A stream of events in the place of a whole response, which nobody asked for: where it ends, and whether it goes on. Pure."""

from __future__ import annotations

import re

from horay_async._protocol.wire.size_limits import MAX_EVENT_BYTES
from horay_async._protocol.wire.sse import EventTooLarge, NamedEvent, SSEDecoder
from horay_async._protocol.wire.sse_reader import DONE, PINGS

LAST_EVENT = re.compile(rb"^data: ?\[DONE]", re.MULTILINE)
"""How the event begins that ends a stream."""

EMPTY = re.compile(rb'\s*(\{\s*("choices"\s*:\s*\[\s*\]\s*)?\})?\s*')
"""The data of an event that says nothing."""


class UnaskedEvents:
    """The events of such a stream, as far as they have come."""

    def __init__(self) -> None:
        self.done: bool = False
        """Whether its last event has come: such a stream may never be closed."""
        self._sse: SSEDecoder | None = SSEDecoder(max_event_bytes=MAX_EVENT_BYTES)

    def feed(self, piece: bytes) -> bool:
        """Takes in what has come; returns whether that was more than signs of life: comments, pings and empty events."""
        if self._sse is None:
            return True
        try:
            events = self._sse.feed(piece)
        except EventTooLarge:
            self._sse = None
            return True
        if DONE in map(bytes.strip, events) or LAST_EVENT.search(self._sse.held):
            self.done = True
        return not all(map(_is_sign_of_life, events))


def _is_sign_of_life(data: bytes) -> bool:
    named = isinstance(data, NamedEvent) and data.name in PINGS
    return named or EMPTY.fullmatch(data) is not None
