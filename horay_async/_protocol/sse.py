"""An incremental decoder of Server-Sent Events, after the WHATWG HTML standard, section 9.2.6."""

from __future__ import annotations

from typing import Self

__all__ = ["EventTooLarge", "NamedEvent", "SSEDecoder"]

BOM = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """One event grew over the decoder's limit."""


class NamedEvent(bytes):
    """The data of an event that had an `event:` line other than `message`."""

    name: str

    def __new__(cls, data: bytes, name: str) -> Self:
        event = super().__new__(cls, data)
        event.name = name
        return event


class SSEDecoder:
    """Fed the bytes of a stream in pieces of any size, gives the data of each event as it completes.

    An event's data is `bytes`, or a `NamedEvent` where the event has a name. Comments, `id:` and
    `retry:` lines are passed over: this API uses none of them. Only LF, CRLF and CR end a line.

    `max_event_bytes` bounds the undelivered part of the stream.
    """

    __slots__ = ("_after_cr", "_at_start", "_held", "_held_bytes", "_max_event_bytes")

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._held: list[bytes] = []  # the beginning of an event, line ends normalised to LF
        self._held_bytes = 0
        self._at_start = True  # until a byte-order mark is ruled out
        self._after_cr = False  # the last piece ended in CR: an LF that comes next belongs to it

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes, in order.

        Raises `EventTooLarge` once an event is over the limit.
        """
        if self._at_start:
            piece = self._strip_bom(piece)
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # An event ends at an empty line. Looking for it in the new piece alone, and keeping the
        # pieces apart until then, makes an event that comes in many pieces cost linear time.
        end = piece.rfind(b"\n\n") + 2
        if end == 1:
            closes_line = piece.startswith(b"\n") and self._held and self._held[-1].endswith(b"\n")
            end = 1 if closes_line else 0
        if end == 0:
            self._hold(piece)
            return []
        whole = piece[:end]
        if self._held:
            whole = b"".join((*self._held, whole))
            self._held.clear()
            self._held_bytes = 0
        if len(piece) > end:
            self._hold(piece[end:])
        return _events(whole)

    def flush(self) -> list[bytes]:
        """The last event, where the stream ended without the blank line that should close it."""
        rest = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return _events(rest + b"\n\n") if rest.strip(b"\n") else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)
            self._held_bytes += len(piece)
        if self._held_bytes > self._max_event_bytes:
            raise EventTooLarge

    def _strip_bom(self, piece: bytes) -> bytes:
        start = b"".join(self._held) + piece
        self._held.clear()
        self._held_bytes = 0
        if len(start) < len(BOM) and BOM.startswith(start):
            self._hold(start)
            return b""
        self._at_start = False
        return start.removeprefix(BOM)


def _events(text: bytes) -> list[bytes]:
    """The events of `text`, which is whole lines, closed by an empty one."""
    if text.startswith(b"data: "):
        # Nearly all that is ever sent: events of one data line. Two line ends for each event and
        # nothing between them but the next event's "data: " is the proof.
        datas = text[6:].rstrip(b"\n").split(b"\n\ndata: ")
        if text.count(b"\n") == 2 * len(datas):
            return datas
    events: list[bytes] = []
    datas = []
    name = ""
    for line in text.split(b"\n"):
        if not line:
            if datas:
                data = b"\n".join(datas)
                events.append(NamedEvent(data, name) if name else data)
            datas = []
            name = ""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            datas.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
            if name == "message":  # the standard's name for the unnamed
                name = ""
    return events
