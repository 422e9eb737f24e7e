"""An incremental decoder of Server-Sent Events, after the WHATWG HTML standard, section 9.2.6."""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter
from typing import Self

from horay_async._protocol.wire.size_limits import BOM

ERROR = "error"
"""The name of an event that reports a failure, whatever its data, and also where it has none."""

DONE = b"[DONE]"
"""The data that ends a stream of OpenAI's family, whatever else ends it."""

NEXT_EVENT = re.compile(rb"}[ \t]*\n(?=(?:(?:event|id|retry)?:[^\n]*\n)*data: ?(?:{|\[DONE]))")
"""Where an event ends that has one line end in the place of two: no JSON goes on so."""

NEAR = 128
"""Bytes before a block that show together with it where such an event ends: the end of its line, names and ids."""

LARGE = 2**12
"""Bytes from which on an event that isn't whole yet is no comment, ping or chunk without content."""

NEARLY_DATA = re.compile(rb"\A[^{\[\"]*?data[ \t]*:[ \t]*(?=[{\[]|\Z)", re.IGNORECASE)
"""What stands before JSON on a line that isn't one of data by a trifle: capital letters, blanks, or what should be a line before it."""

_BEGINNINGS = (b":", b"data:", b"event:", b"id:", b"retry:")


def begins_events(body: bytes) -> bool | None:
    """Whether a body begins as a stream of events, with a field or a comment; None where that can't be told yet."""
    begun = body.removeprefix(BOM).lstrip()
    if begun.startswith(_BEGINNINGS):
        return True
    unknown = BOM.startswith(body) or any(start.startswith(begun) for start in _BEGINNINGS)
    return None if unknown else False


class EventTooLarge(Exception):
    """One event grew over the decoder's limit; `events` are the data of those before it."""

    def __init__(self, events: list[bytes]) -> None:
        super().__init__()
        self.events = events


class NamedEvent(bytes):
    """The data of an event that had an `event:` line other than `message`; where ids are kept, of any event."""

    name: str
    """Empty for one without a name."""
    id: str
    """The last `id:` that had come; empty where none had."""

    def __new__(cls, data: bytes, name: str, id_: str = "") -> Self:
        event = super().__new__(cls, data)
        event.name = name
        event.id = id_
        return event


class SSEDecoder:
    """Fed the bytes of a stream in blocks of any size, gives the data of each event as it completes.

    An event's data is `bytes`, or a `NamedEvent` where the event has a name, or with `keep_ids`. One without data is passed
    over, as the standard has it, unless it is named `error`. Comments and
    `retry:` lines are passed over, and without `keep_ids` the `id:` lines too: this API uses none of them.
    Only LF, CRLF and CR end a line. Servers that put one line end behind an event, in the place of two, are understood where
    each event is an object, or `[DONE]`: as lines of one event these would be no JSON. Not with `keep_ids`.

    `max_event_bytes` bounds the text of one event, its comments included, whether it is waited for or
    has come in one block.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_held",
        "_held_bytes",
        "_id",
        "_keep_ids",
        "_max_event_bytes",
        "named",
        "strays",
    )

    def __init__(self, *, max_event_bytes: int, keep_ids: bool = False) -> None:
        self.named = False
        """Whether any event so far had a name."""
        self.strays: list[tuple[int, bytes]] = []
        """Lines that are no field of an event, but may be an error or a chunk that was sent as no event. They begin as JSON does,
        or as a field behind blanks or a byte-order mark. All such lines before a blank line, or between two events, are one item, with
        the number of events of this block that stand before it. The field `error`, which llama.cpp's server sends, is here as a JSON
        body with that field. Nothing is removed here: who reads the items does that.
        """
        self._keep_ids = keep_ids
        self._id = ""  # the last that has come
        self._max_event_bytes = max_event_bytes
        self._held: list[bytes] = []  # the beginning of an event, line ends normalised to LF
        self._held_bytes = 0
        self._at_start = True  # until a byte-order mark is ruled out
        self._after_cr = False  # the last block ended in CR: an LF that comes next belongs to it

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes, in order.

        Raises `EventTooLarge` once an event is over the limit; nothing can be fed after that.
        """
        if self._at_start:
            data = self._strip_bom(data)
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            # A CR ends its line at once, so that an event isn't held up by waiting for an LF.
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # An event ends at an empty line. Looking for it in the new data alone, and keeping the
        # blocks apart until then, makes an event that comes in many blocks cost linear time.
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            closes_line = data.startswith(b"\n") and self._held and self._held[-1].endswith(b"\n")
            end = 1 if closes_line else 0
        if end == 0:
            return self._feed_lines(data)
        whole = data[:end]
        if self._held:
            whole = self._take_held() + whole
        events = self._bounded(whole) if len(whole) > self._max_event_bytes else self._events(whole)
        if len(data) > end:
            self._hold(data[end:], events)
        return events

    def _feed_lines(self, data: bytes) -> list[bytes]:
        """The events that `data` completes where no empty line has come: those that have one line end, which the next one shows."""
        events: list[bytes] = []
        if not self._keep_ids:
            near = self._latest(NEAR) + data
            if ends := [found.end() for found in NEXT_EVENT.finditer(near)]:
                come = self._take_held() + data
                at = len(come) - len(near) + ends[-1]
                events = self._events(come[:at] + b"\n")
                data = come[at:]
        self._hold(data, events)
        return events

    def _latest(self, most: int) -> bytes:
        """The last bytes of what is held: `most`, or a few more."""
        latest = b""
        for block in reversed(self._held):
            latest = block[-most:] + latest
            if len(latest) >= most:
                break
        return latest

    def is_progress(self, data: bytes) -> bool:
        """Whether `data`, fed last, goes on with an event that is larger than any sign of life: a picture's takes its time to come."""
        return self._held_bytes >= LARGE and not data.isspace() and not data.startswith(b":")

    @property
    def held(self) -> bytes:
        """What has come of the next event."""
        return b"".join(self._held)

    def flush(self) -> list[bytes]:
        """The last event, where the stream ended without the blank line that should close it."""
        return self._events(self._take_held() + b"\n\n")

    def _take_held(self) -> bytes:
        held = self.held
        self._held.clear()
        self._held_bytes = 0
        return held

    def _hold(self, data: bytes, events: list[bytes]) -> None:
        """Keeps the beginning of an event; `events` are those that are to be delivered before it."""
        if data:
            self._held.append(data)
            self._held_bytes += len(data)
        if self._held_bytes > self._max_event_bytes:
            raise EventTooLarge(events)

    def _strip_bom(self, data: bytes) -> bytes:
        start = self._take_held() + data
        if len(start) < len(BOM) and BOM.startswith(start):
            self._hold(start, [])
            return b""
        self._at_start = False
        return start.removeprefix(BOM)

    def _bounded(self, text: bytes) -> list[bytes]:
        """The events of a text that is over the limit as a whole, if each keeps to it."""
        start = 0
        while (end := text.find(b"\n\n", start)) >= 0:
            # Fed byte by byte, an event would be held up to its last line's end.
            if end + 1 - start > self._max_event_bytes:
                raise EventTooLarge(self._events(text[:start]))
            start = end + 2
        return self._events(text)

    def _events(self, text: bytes) -> list[bytes]:
        """The events of `text`, which is whole lines, closed by an empty one."""
        if text.startswith(b"data: ") and not self._keep_ids:
            # Nearly all that is ever sent: events of one data line. Two line ends for each event and
            # nothing between them but the next event's "data: " is the proof.
            datas = text[6:-2].split(b"\n\ndata: ")
            if text.count(b"\n") == 2 * len(datas):
                return datas
        events: list[bytes] = []
        lines: list[bytes] = []
        for line in text.split(b"\n"):
            if line:
                lines.append(line)
            elif lines:
                events += self._events_of(lines, len(events))
                lines.clear()
        return events

    def _events_of(self, lines: list[bytes], before: int) -> list[bytes]:
        """The event of the lines between two empty ones, or several that have one line end each. `before` are the events before them."""
        datas: list[list[bytes]] = []  # the lines of data of each event
        names: list[str] = []
        unknown: list[tuple[int, bytes]] = []  # with how many of these events stand before them
        name = ""  # of the next event
        for line in lines:
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                if datas and (self._keep_ids or not _are_apart(datas[-1][-1], value)):
                    datas[-1].append(value)
                else:
                    datas.append([value])
                    names.append(name)
                    name = ""
            elif field == b"event":
                name = value.decode("utf-8", "replace")
                if name == "message":  # the standard's name for the unnamed
                    name = ""
                else:
                    self.named = True
            elif field == b"id":
                if self._keep_ids and b"\0" not in value:
                    self._id = value.decode("utf-8", "replace")
            elif field or NEARLY_DATA.match(line):  # a comment has none
                unknown.append((len(datas), line))
        for position, group in groupby(unknown, key=itemgetter(0)):
            if stray := _json_in([line for _, line in group]):
                self.strays.append((before + position, stray))
        if name == ERROR and not datas:
            datas.append([])
            names.append(name)
        elif name and datas:  # behind the data
            names[-1] = name
        events: list[bytes] = []
        for data, named in zip(map(b"\n".join, datas), names, strict=True):
            keep = named or self._keep_ids
            events.append(NamedEvent(data, named, self._id) if keep else data)
        return events


def _json_in(lines: list[bytes]) -> bytes:
    """What stands as JSON, or as another event, in lines that are no field of an event; empty where nothing does."""
    for at, line in enumerate(lines):
        if line.startswith(b"error:") and line[6:].lstrip().startswith(b"{"):
            return b'{"error":%b}' % line[6:]
        begun = line.removeprefix(BOM).lstrip()
        if begun.startswith((b"{", b"[", b"data:")) or NEARLY_DATA.match(begun):
            return b"\n".join(lines[at:])
    return b""


def _are_apart(line: bytes, following: bytes) -> bool:
    """Whether two lines of data are of two events: behind the end of an object neither another one nor a list, nor `[DONE]`, begins in JSON."""
    return line.rstrip().endswith((b"}", DONE)) and following.lstrip().startswith((b"{", b"["))
