"""From the bytes of a stream to its events, for operations that have no class of their own. Pure."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from horay_async._protocol.wire.decode import reports_error
from horay_async._protocol.wire.errors import ErrorContext, bad_response, stream_error
from horay_async._protocol.wire.sse import EventTooLarge, NamedEvent, SSEDecoder
from horay_async._protocol.wire.stream_marks import DONE, ERROR, OPENING, misnamed
from horay_async.errors import APIError, StreamTruncatedError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta
from horay_async.models.raw import ServerSentEvent

__all__ = ["EventReader", "NothingMerged"]

PINGS = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
"""Names of events that keep a connection alive and are no progress."""


class _Typed(msgspec.Struct):
    """The one field by which servers of several families say what an event is."""

    type: str = ""


_typed = msgspec.json.Decoder(_Typed).decode


class NothingMerged:
    """What stands for the whole response: none is made of events that nothing describes."""

    empty = True
    complete = False

    def result(self) -> ServerSentEvent:
        """Never asked for."""
        raise NotImplementedError


class EventReader:
    """Fed the bytes of one stream, returns its events.

    `ends_with` names the last event: by its name, by the `type` in its JSON, or as its data. Without it, a stream
    is complete where its bytes end between two events. `[DONE]` ends it too, and is no event.
    """

    def __init__(
        self,
        *,
        ends_with: Collection[str],
        meta: ResponseMeta,
        context: ErrorContext,
        max_event_bytes: int,
    ) -> None:
        self.merged = NothingMerged()
        self.partial: None = None
        self.done = False
        """Whether the last event has come, or a failure: nothing after it counts."""
        self.failure: APIError | None = None
        """What to raise once the events before it are delivered."""
        self.content = False
        """Whether the newest events were more than signs of life."""
        self._ends_with = frozenset(ends_with)
        self._sse = SSEDecoder(max_event_bytes=max_event_bytes, keep_ids=True)
        self._meta = meta
        self._context = context
        self._max_event_bytes = max_event_bytes
        self._opening: bytes | None = b""  # how the body begins, until an event has come

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events that `piece` completes; none once the stream is done."""
        if self.done:
            return []
        try:
            datas = self._sse.feed(piece)
        except EventTooLarge as overrun:
            events = self._events(overrun.events)
            if not self.done:
                what = f"has an event of more than {self._max_event_bytes:,} bytes"
                self._fail(bad_response(what, piece, context=self._context))
            return events
        if datas:
            self._opening = None
            return self._events(datas)
        if self._opening is not None and len(self._opening) < OPENING:
            self._opening += piece
        return []

    def end(
        self, reason: str, *, keep_truncated: bool, cause: APIError | None = None
    ) -> list[ServerSentEvent]:
        """The last event of a stream whose bytes ended, for `reason`; a `failure` where it wasn't complete.
        `cause` is the error that ended it, if one did.
        """
        if self.done:
            return []
        # An event that lacks its blank line counts where it surely is whole: its last line has an end, or its data
        # says by itself where it ends.
        held = self._sse.held
        rest = self._sse.flush()
        ended = held.endswith(b"\n")
        whole = [data for data in rest if ended or self._is_last(data) or _is_closed(data)]
        torn = whole != rest or (not rest and _has_field(held))
        if torn:
            reason = f"{reason}, in the middle of an event"
        events = self._events(whole)
        may_end_here = keep_truncated or not self._ends_with
        self._judge(reason, complete=may_end_here and cause is None and not torn, cause=cause)
        return events

    def _judge(self, reason: str, *, complete: bool, cause: APIError | None) -> None:
        """Whether the stream was complete when its bytes ended."""
        if self.done:
            return
        if problem := misnamed(self._opening, self._context):
            self._fail(problem)
            return
        if complete:
            self.done = True
            return
        failure = StreamTruncatedError(
            f"the stream of {self._context.label} is incomplete: {reason}",
            reason=reason,
            request_id=self._meta.request_id,
        )
        failure.__cause__ = cause
        self._fail(failure)

    def _events(self, datas: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        content = False
        for data in datas:
            name = data.name if isinstance(data, NamedEvent) else ""
            if name == ERROR or (b'"error"' in data and reports_error(data)):
                self._fail(stream_error(data, context=self._context))
                break
            last = self._is_last(data)
            if not last and data.strip() == DONE:
                self.done = True
                break
            event = ServerSentEvent(
                event=name,
                data=data.decode("utf-8", "replace"),
                id=data.id if isinstance(data, NamedEvent) else "",
            )
            made: Response = event
            made.meta = self._meta
            events.append(event)
            content = content or (name not in PINGS and bool(data.strip()))
            if last:
                self.done = True
                break
        self.content = content
        return events

    def _is_last(self, data: bytes) -> bool:
        """Whether the caller named this event as the last one."""
        if not self._ends_with:
            return False
        if isinstance(data, NamedEvent) and data.name in self._ends_with:
            return True
        if data.startswith(b"{"):
            try:
                return _typed(data).type in self._ends_with
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return False
        return data.strip().decode("utf-8", "replace") in self._ends_with

    def _fail(self, error: APIError) -> None:
        self.done = True
        self.failure = error


def _is_closed(data: bytes) -> bool:
    """Whether data is JSON that no more could follow: a number could go on."""
    if data.strip() == DONE:
        return True
    if not data.lstrip().startswith((b"{", b"[", b'"')):
        return False
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _has_field(held: bytes) -> bool:
    """Whether there is anything of an event but comments."""
    return any(line.strip() and not line.startswith(b":") for line in held.split(b"\n"))
