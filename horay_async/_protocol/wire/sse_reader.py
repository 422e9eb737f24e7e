"""What all readers of event streams do alike: find the events, and tell how the stream ended. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from horay_async._json import fields_of, only_of
from horay_async._protocol.wire.content_coding import BEGINNING, coding_in, is_text
from horay_async._protocol.wire.decode import (
    ErrorInBody,
    InvalidBody,
    is_error_envelope,
    is_json,
    parsed,
    unwrapped,
)
from horay_async._protocol.wire.errors import ErrorContext, add_body, bad_response, stream_error
from horay_async._protocol.wire.size_limits import BOM, MAX_PIECE_BYTES
from horay_async._protocol.wire.sse import NEARLY_DATA, EventTooLarge, SSEDecoder, begins_events
from horay_async.errors import APIError, DriftWarning, StreamTruncatedError
from horay_async.models.meta import ResponseMeta

PINGS = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
"""Names of events that keep a connection alive and are no progress."""
BEFORE_DONE = re.compile(rb"[\r\n]+data: ?\[DONE]")
"""What parts a body that is no event from the event that a gateway has put behind it."""
COMMENTS = re.compile(rb"\A(?::[^\r\n]*[\r\n]+|\s+)+")
"""The comments at the beginning of a stream."""

OPENING = 2**14
"""Bytes that are kept of a body without an event: an error that was sent as one is hardly longer."""

T = TypeVar("T")


class SSEReader(ABC, Generic[T]):
    """Fed the bytes of one stream, returns what a derived class makes of its events.

    `context` is what its errors say beside what went wrong.
    """

    def __init__(
        self,
        *,
        meta: ResponseMeta,
        context: ErrorContext,
        max_event_bytes: int,
        keep_ids: bool = False,
    ) -> None:
        self.done = False
        """Whether the end has come, or a failure: nothing after it counts."""
        self.has_content: bool = False
        """Whether the newest events were more than signs of life."""
        self._failure: APIError | None = None
        self._sse = SSEDecoder(max_event_bytes=max_event_bytes, keep_ids=keep_ids)
        self._meta = meta
        self._context = context
        self._max_event_bytes = max_event_bytes
        self._opening: bytes | None = b""  # how the body begins, until an event has come
        self._kept_of_opening = OPENING
        self._has_chunk = False  # whether what came before the first event is one
        self._cut = b""  # what has come of the event in which the bytes have ended
        self._cut_data = b""  # its data
        self.body: bytes = b""
        """What has come in the place of an event, or before the first one: it may be a response, as JSON."""

    def feed(self, data: bytes) -> list[T]:
        """What is made of the events that `data` completes; nothing once the stream is done."""
        if self.done:
            return []
        try:
            datas = self._sse.feed(data)
        except EventTooLarge as overrun:
            before = self._read_in_order(overrun.events)
            if not self.done:  # what came before the event may have been the end
                problem = f"has an event of more than {self._max_event_bytes:,} bytes"
                self._fail(self._bad(problem, self._sse.held[:MAX_PIECE_BYTES] or data))
            return before
        made: list[T] = []
        if datas:
            self._events_began(data)
            in_order = self._sse.strays or self.done
            made = self._read_in_order(datas) if in_order else self._read(datas)
        elif self._opening is not None and len(self._opening) < self._kept_of_opening:
            self._opening += data
            # Of what is no stream of events all is kept: it can be a whole response.
            if begins_events(_without_comments(self._opening[:OPENING])) is False:
                self._kept_of_opening = self._max_event_bytes
        if self._sse.strays:
            self._read_in_order([])
        return made

    def _read_in_order(self, datas: list[bytes]) -> list[T]:
        """What is made of the data of events, up to a failure; lines between them that are no event's are looked at where they
        stand.
        """
        strays, self._sse.strays = self._sse.strays, []
        made: list[T] = []
        begun = 0
        for at, stray in [*strays, (len(datas), b"")]:
            if not self.done and (before := datas[begun:at]):
                made += self._read(before)
                begun = at
            if stray:
                self._check_stray(stray)
        return made

    def _events_began(self, data: bytes) -> None:
        """Keeps what came before the first events, which are completed by `data`, where that is none."""
        if self._opening is not None:
            opening = _without_comments(self._opening + data)
            if begins_events(opening) is False:
                self.body = BEFORE_DONE.split(opening)[0]
                if self._has_chunk:
                    self._fail(self._bad("isn't an event stream", self.body))
        self._opening = None

    def _unread(self) -> bytes:
        """What has come of a body without an event so far, or of what is none behind an event: it may be JSON."""
        texts = map(_without_comments, (self._opening or b"", self._sse.held))
        return next((text for text in texts if begins_events(text[:OPENING]) is False), b"")

    @property
    def complete(self) -> bool:
        """Whether all that is known of the response to come has come, though its last event hasn't."""
        return False

    def partial(self) -> Any:
        """The response, merged, as far as it has come; None where nothing has, and where no response is made of events
        that nothing describes.
        """
        return None

    def result(self) -> Any:
        """The same, but an empty response where nothing has come."""
        return None

    @abstractmethod
    def take_failure(self) -> APIError | DriftWarning | None:
        """What to raise once all before it is delivered, with what has come in it; None where the stream ended well. To be asked
        for once: the reader doesn't keep what is raised.
        """

    def end(self, reason: str, *, keep_truncated: bool, cause: APIError | None = None) -> list[T]:
        """The bytes have ended, for `reason`: decodes what is left, and notes a failure where the stream wasn't complete.
        `cause` is the error that ended it, if one did.
        """
        if self.done:
            return []
        made = self._read_held()
        if self._cut:
            reason = f"{reason}, in the middle of an event"
        may_end_here = (keep_truncated or self._ends_anywhere) and cause is None and not self._cut
        self._check_complete(reason, complete=self.complete or may_end_here, cause=cause)
        return made

    def stop(self, error: APIError) -> list[T]:
        """Reading has ended with `error`, though more might have come: decodes what is left, and notes the error, unless that
        was all: some servers don't say so.
        """
        made = self._read_held()
        if not self.done:
            if self.complete:
                self.done = True
            else:
                self._fail_in_event(error)
        return made

    def _read_held(self) -> list[T]:
        """What is made of events that lack the blank line behind them, as far as they are whole."""
        held, unread = self._sse.held, self._unread()
        rest = self._sse.flush()
        if not rest or self._opening is not None:
            self.body = self.body or unread
        is_cut = bool(rest) and not self._is_whole(rest[-1], ended=held.endswith(b"\n"))
        if is_cut or (not rest and _has_field(held)):
            self._cut = held
        if is_cut:
            self._cut_data = rest.pop()
            if rest:  # events with one line end each: those before it are whole
                self._cut = self._cut_data
        if rest:
            self._events_began(b"")
        return self._read_in_order(rest)

    def _add_cut(self) -> APIError | None:
        """Takes in what can be read of the event in which the bytes have ended: the stream has failed, and this is for its error. Returns
        the error that the event reports.
        """
        return None

    @property
    @abstractmethod
    def _ends_anywhere(self) -> bool:
        """Whether a stream is complete where its bytes end between two events."""

    @abstractmethod
    def _is_whole(self, data: bytes, *, ended: bool) -> bool:
        """Whether an event that lacks its blank line was cut there, and not in its middle; `ended` says whether its last
        line has an end.
        """

    @abstractmethod
    def _read(self, datas: list[bytes]) -> list[T]:
        """What is made of the data of events, at least one."""

    def _check_complete(self, reason: str, *, complete: bool, cause: APIError | None) -> None:
        """Decides what becomes of the stream when its bytes have ended."""
        if self.done:
            return
        opening = self._opening or self.body
        problem = self._misnamed(opening)
        if problem is None and self._has_chunk:
            problem = self._bad("isn't an event stream", opening)
        if problem is not None:
            self._fail(problem)
        elif complete:
            self.done = True
        else:
            failure = StreamTruncatedError(
                f"the stream of {self._context.label} is incomplete: {reason}",
                reason=reason,
                request_id=self._meta.request_id,
            )
            failure.__cause__ = cause
            self._fail_in_event(failure)

    def _fail_in_event(self, error: APIError) -> None:
        """Fails with `error`, or what an event reports in which it was cut. The error has the data of that event."""
        reported = self._add_cut()
        if reported is None:
            add_body(error, self._cut_data, context=self._context)
        self._fail(reported or error)

    def _check_stray(self, stray: bytes) -> None:
        """Fails with an error that was sent as JSON between the events, unless one came before it; or with one that says that
        a chunk was sent so: the stream would go on behind a gap.
        """
        # Behind [DONE] it counts where nothing has come before that.
        if self._failure is None and (not self.done or self.partial() is None):
            self._read_stray(stray)
        if self._failure is not None and not self.body:
            # It may be a response, or hold one; so may what came before it.
            self.body = self._unread() or stray.removeprefix(BOM).lstrip()

    def _read_stray(self, stray: bytes) -> None:
        """Looks at lines that are no event's: one of them may be data, or all together."""
        begun = self._opening is None or begins_events(self._opening)
        no_stream = bool(self.body)  # what came before the first event is none
        reports_error = self._reports_error if begun and not no_stream else is_error_envelope
        where = "isn't an event stream" if no_stream else "has a chunk on a line that is no event's"
        datas = [_data_of(text) for text in (stray, *stray.split(b"\n"))]
        for data in datas:
            if reports_error(data):
                no_events = self._has_chunk and not begun
                self._fail(
                    self._bad("isn't an event stream", self._opening or b"")
                    if no_events
                    else stream_error(data, context=self._context)
                )
                return
            if not begun:
                self._has_chunk = self._has_chunk or _is_chunk(data)
            elif _is_chunk(data):
                self._fail(self._bad(where, stray))
                return
        whole, *lines = datas
        if begun and not is_json(whole) and any(map(_is_broken, lines)):
            self._fail(self._bad("has a line that is no event's, and no JSON", stray))

    def _reports_error(self, data: bytes) -> bool:
        """Whether an event with these data would report an error."""
        return is_error_envelope(data)

    def _misnamed(self, body: bytes) -> APIError | None:
        """What a body is that was sent as an event stream and isn't one: JSON, a page, or no text."""
        opening = body.removeprefix(BOM).lstrip()
        if not is_text(opening[:BEGINNING]):
            coding = coding_in(self._meta.headers)
            packed = f"has a Content-Encoding that isn't decoded here, {coding!r}"
            return self._bad(packed if coding else "isn't an event stream", opening)
        if not opening.startswith((b"{", b"[", b"<", b'"')):
            return None
        if is_error_envelope(opening):
            return stream_error(opening, context=self._context)
        return self._bad("isn't an event stream", opening)

    def _bad(self, what: str, data: bytes) -> APIError:
        return bad_response(what, data, context=self._context, whole_body=True)

    def _fail(self, error: APIError) -> None:
        self.done = True
        self._failure = error


def _data_of(line: bytes) -> bytes:
    """What a line may have for its event, with or without the field's name."""
    return NEARLY_DATA.sub(b"", line.removeprefix(BOM).lstrip(), count=1).strip()


def _is_broken(data: bytes) -> bool:
    """Whether a line isn't JSON, though there is a choice or an error in it."""
    return (b'"choices"' in data or b'"error"' in data) and not is_json(data)


def _is_chunk(data: bytes) -> bool:
    """Whether these are the data of a chunk."""
    try:
        held = unwrapped(parsed(data))
    except (InvalidBody, ErrorInBody):
        return False
    return bool(fields_of(only_of(held)).get("choices"))


def _without_comments(opening: bytes) -> bytes:
    """How a stream begins behind a byte-order mark and comments."""
    return COMMENTS.sub(b"", opening.removeprefix(BOM))


def _has_field(held: bytes) -> bool:
    """Whether there is anything of an event but comments."""
    return any(line.strip() and not line.startswith(b":") for line in held.split(b"\n"))
