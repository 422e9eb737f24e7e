"""What all readers of event streams do alike: find the events, and tell how the stream ended. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import Enum, auto
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
from horay_async._protocol.wire.size_limits import BOM, MAX_BLOCK_BYTES
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

NO_EVENTS = "isn't an event stream"
"""What is wrong with a response that isn't one, as its error says it."""

T = TypeVar("T")


class BodyKind(Enum):
    """What a body is, by the bytes that have come. At first it is `UNDECIDED`; it is `EVENTS` from the first event on, even where it
    was `OTHER` before.
    """

    UNDECIDED = auto()
    """No event has come: nothing has, or only comments, or what may be the beginning of an event."""
    OTHER = auto()
    """No event has come, and behind any comments stands what begins no event: JSON, a page, or what is no text."""
    EVENTS = auto()
    """An event has come."""


UNDECIDED, OTHER, EVENTS = BodyKind
"""Names of their own: to read a member of its class takes Python 3.11 three times as long, and each block is asked for it."""


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
        self.body: bytes = b""
        """What has come in the place of an event, or before the first one: it may be a response, as JSON. Empty until that is sure,
        when an event has come, or a failure on a line that is no event's, or the end.
        """
        self._kind = UNDECIDED
        # How the body begins, comments too; of `EVENTS` empty. Of `UNDECIDED` little more than `OPENING` bytes are kept; of `OTHER` all,
        # as it can be a whole response.
        self._opening = b""
        # Whether a line was a chunk, of those before which no event, field or comment has come. If so, this is no event stream, whatever
        # follows.
        self._has_chunk = False
        # Set at the end, where the bytes end in the middle of an event: its lines, and its data, which may be empty.
        self._cut = b""
        self._cut_data = b""

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
                self._fail(self._bad(problem, self._sse.held[:MAX_BLOCK_BYTES] or data))
            return before
        made: list[T] = []
        if datas:
            if self._kind is not EVENTS:
                self._begin_events(data)
            in_order = self._sse.strays or self.done
            made = self._read_in_order(datas) if in_order else self._read(datas)
        elif self._kind is not EVENTS:
            most = self._max_event_bytes if self._kind is OTHER else OPENING
            if len(self._opening) < most:
                self._add_to_opening(data)
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

    def _add_to_opening(self, data: bytes) -> None:
        """Adds to the beginning of the body, and decides by it whether the body can be a stream of events."""
        self._opening += data
        if self._kind is UNDECIDED and _is_other(_without_comments(self._opening)):
            self._kind = OTHER

    def _begin_events(self, data: bytes) -> None:
        """The first events have come, completed by `data`: keeps what stands before them, where that is none."""
        self._add_to_opening(data)
        if self._kind is OTHER:
            self.body = BEFORE_DONE.split(_without_comments(self._opening))[0]
            if self._has_chunk:
                self._fail(self._bad(NO_EVENTS, self.body))
        self._kind, self._opening = EVENTS, b""

    def _unread(self) -> bytes:
        """What has come of a body without an event so far, or of what is none behind an event: it may be JSON."""
        is_other = self._kind is OTHER
        text = _without_comments(self._opening if is_other else self._sse.held)
        return text if is_other or _is_other(text) else b""

    def is_progress(self, data: bytes) -> bool:
        """Whether `data`, fed last, goes on with a large event, or with a body in the place of events, and isn't just a sign of life."""
        return self._sse.is_progress(data)

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
        if not rest or self._kind is not EVENTS:
            self.body = self.body or unread
        if rest and not self._is_whole(rest[-1], ended=held.endswith(b"\n")):
            self._cut_data = rest.pop()
            # Events before it have one line end each, and are whole.
            self._cut = self._cut_data if rest else held
        elif not rest and _has_field(held):
            self._cut = held
        if rest and self._kind is not EVENTS:
            self._begin_events(b"")
        return self._read_in_order(rest)

    @abstractmethod
    def _add_cut(self) -> APIError | None:
        """Takes in what can be read of the event in which the bytes have ended: the stream has failed, and this is for its error. Returns
        the error that the event reports.
        """

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
            problem = self._bad(NO_EVENTS, opening)
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
        datas = [_data_of(text) for text in (stray, *stray.split(b"\n"))]
        if self._kind is EVENTS or begins_events(self._opening):
            self._read_among_events(stray, datas)
        else:
            self._read_before_events(datas)

    def _read_before_events(self, datas: list[bytes]) -> None:
        """Looks at lines before which neither an event nor a field or a comment has come: the body may be no event stream
        at all. An error fails it at once. A chunk fails it once all that stands before the first event has come.
        """
        for data in datas:
            if is_error_envelope(data):
                no_events = self._bad(NO_EVENTS, self._opening) if self._has_chunk else None
                self._fail(no_events or stream_error(data, context=self._context))
                return
            self._has_chunk = self._has_chunk or _is_chunk(data)

    def _read_among_events(self, stray: bytes, datas: list[bytes]) -> None:
        """Looks at lines in an event stream, or in what was sent as one and began otherwise: `body` has that beginning then."""
        reports_error = is_error_envelope if self.body else self._reports_error
        for data in datas:
            if reports_error(data):
                self._fail(stream_error(data, context=self._context))
                return
            if _is_chunk(data):
                has_chunk = "has a chunk on a line that is no event's"
                self._fail(self._bad(NO_EVENTS if self.body else has_chunk, stray))
                return
        whole, *lines = datas
        if not is_json(whole) and any(map(_is_broken, lines)):
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
            return self._bad(packed if coding else NO_EVENTS, opening)
        if not opening.startswith((b"{", b"[", b"<", b'"')):
            return None
        if is_error_envelope(opening):
            return stream_error(opening, context=self._context)
        return self._bad(NO_EVENTS, opening)

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


def _is_other(opening: bytes) -> bool:
    """Whether a body without its comments is sure to begin with no event."""
    return begins_events(opening[:OPENING]) is False


def _without_comments(opening: bytes) -> bytes:
    """How a stream begins behind a byte-order mark and comments."""
    return COMMENTS.sub(b"", opening.removeprefix(BOM))


def _has_field(held: bytes) -> bool:
    """Whether there is anything of an event but comments."""
    return any(line.strip() and not line.startswith(b":") for line in held.split(b"\n"))
