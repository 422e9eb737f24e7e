"""The decoder of Server-Sent Events: named vectors, and streams that hypothesis makes up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horay_async._protocol.wire.sse import EventTooLarge, NamedEvent, SSEDecoder, begins_events

VECTORS = Path(__file__).parents[2] / "vectors" / "sse.toml"

Event = tuple[str, bytes]
"""Name, empty where there is none, and data."""


@attrs.frozen
class Vector:
    """A stream and the events in it."""

    name: str
    wire: bytes
    events: list[Event]
    last: list[Event]


def vectors() -> list[Vector]:
    """The vectors of the file."""

    def event(given: Any, encoding: str) -> Event:
        name, data = ("", given) if isinstance(given, str) else given
        return name, data.encode(encoding)

    found: list[Vector] = []
    for entry in tomllib.loads(VECTORS.read_text(encoding="utf-8"))["vector"]:
        encoding = entry.get("encoding", "utf-8")
        events = [event(given, encoding) for given in entry["events"]]
        last = [event(given, encoding) for given in entry.get("last", [])]
        found.append(Vector(entry["name"], entry["wire"].encode(encoding), events, last))
    return found


EACH = pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)


def told(events: Iterable[bytes]) -> list[Event]:
    """Events by name and data."""
    return [(e.name if isinstance(e, NamedEvent) else "", bytes(e)) for e in events]


def decoded(pieces: Iterable[bytes]) -> tuple[list[Event], list[Event]]:
    """The events of a stream that comes in `pieces`, and those that its end completes."""
    decoder = SSEDecoder(max_event_bytes=1 << 20)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    named = any(isinstance(event, NamedEvent) for event in events)
    assert decoder.named or not named
    return told(events), told(decoder.flush())


@EACH
def test_whole(vector: Vector) -> None:
    """Fed in one piece, a stream gives its events."""
    assert decoded([vector.wire]) == (vector.events, vector.last)


@EACH
def test_split_at_every_byte(vector: Vector) -> None:
    """Split in two anywhere, it gives the same."""
    for at in range(len(vector.wire) + 1):
        pieces = [vector.wire[:at], vector.wire[at:]]
        assert decoded(pieces) == (vector.events, vector.last), at


@EACH
def test_byte_by_byte(vector: Vector) -> None:
    """Fed byte by byte, with reads that give nothing in between, it gives the same."""
    pieces = [piece for byte in vector.wire for piece in (bytes([byte]), b"")]
    assert decoded(pieces) == (vector.events, vector.last)


@settings(max_examples=500)
@given(st.sampled_from(vectors()), st.data())
def test_split_at_random(vector: Vector, data: st.DataObject) -> None:
    """Split in any number of pieces, it gives the same."""
    pieces = data.draw(splits(vector.wire))
    assert decoded(pieces) == (vector.events, vector.last)


@EACH
def test_cut_anywhere(vector: Vector) -> None:
    """A stream that is cut gives no event that the whole one doesn't have in its place."""
    everything = [*vector.events, *vector.last]
    for at in range(len(vector.wire)):
        events, last = decoded([vector.wire[:at]])
        assert events == everything[: len(events)]
        assert len(last) <= 1


@st.composite
def splits(draw: st.DrawFn, wire: bytes) -> list[bytes]:
    """`wire` in pieces."""
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    return [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]


def reference(wire: bytes) -> list[Event]:
    """The standard's algorithm, word for word and with no eye to speed; an event that the stream's end
    leaves open counts, as it does here.
    """
    text = wire.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    events: list[Event] = []
    name, data = "", ""
    for line in [*re.split("\r\n|\r|\n", text), ""]:
        if line == "":
            if data or name == "error":  # the standard passes over one without data
                shown = "" if name == "message" else name
                events.append((shown, data.removesuffix("\n").encode("utf-8", "surrogateescape")))
            name, data = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data += value + "\n"
            elif field == "event":
                name = value
    return events


FRAGMENTS = [
    "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "data", "data:", "data: ", "data: {}", "data: [DONE]",
    "event: ", "event: error", "event: message", "id: 1", "retry: 2", ":", ": ping", " ", "a", "é",
    "🌍", "\u2028", "\u0085", "\x0b", "\ufeff", "\0",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join), st.data())
def test_agrees_with_the_standard(text: str, data: st.DataObject) -> None:
    """Whatever comes, in whatever pieces, the events are those of the standard's algorithm."""
    wire = text.encode()
    events, last = decoded(data.draw(splits(wire)))
    assert events + last == reference(wire)


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@given(
    st.lists(st.lists(LINES, min_size=1, max_size=3)),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.data(),
)
def test_round_trip(events: list[list[str]], end: str, data: st.DataObject) -> None:
    """What is encoded, split and decoded again is what it was."""
    wire = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in events)
    sent = [("", "\n".join(lines).encode()) for lines in events]
    assert decoded(data.draw(splits(wire.encode()))) == (sent, [])


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
def test_nothing_is_held_up(end: str) -> None:
    """An event is there with the last byte of its empty line, or the CR that may be all of it."""
    decoder = SSEDecoder(max_event_bytes=100)
    wire = f"data: a{end}{end[0]}".encode()
    assert decoder.feed(wire[:-1]) == []
    assert decoder.feed(wire[-1:]) == [b"a"]
    rest = end[1:].encode()
    assert decoder.feed(rest + b"data: b\n\n") == [b"b"]


def test_named_is_told() -> None:
    """The decoder says whether any event had a name."""
    decoder = SSEDecoder(max_event_bytes=100)
    decoder.feed(b"event: message\ndata: a\n\n")
    assert not decoder.named
    decoder.feed(b"event: ping\ndata: a\n\n")
    assert decoder.named


LIMIT = 50


def fits(size: int) -> bytes:
    """An event whose text, up to its last line's end, is `size` bytes."""
    return b"data: " + b"x" * (size - 7) + b"\n\n"


def overrun(pieces: Iterable[bytes]) -> tuple[list[bytes], bool]:
    """The events of a stream up to the one over the limit, and whether there was one."""
    decoder = SSEDecoder(max_event_bytes=LIMIT)
    events: list[bytes] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
    except EventTooLarge as error:
        return events + error.events, True
    return events, False


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("over", [0, 1, 5000])
def test_limit_is_exact(over: int, end: bytes) -> None:
    """An event over the limit is refused, in one piece, behind others or byte by byte, and the events
    before it aren't lost.
    """
    wire = (fits(20) + b": ping\n\n" + fits(LIMIT + over) + fits(20)).replace(b"\n", end)
    whole = [b"x" * 13, b"x" * (LIMIT - 7), b"x" * 13]
    expected = (whole[:1], True) if over else (whole, False)
    assert overrun([wire]) == expected
    assert overrun(wire[i : i + 1] for i in range(len(wire))) == expected
    assert overrun([wire[:30], wire[30:]]) == expected


@pytest.mark.parametrize(
    "before",
    [b"", b"\n\n", b"\xef\xbb\xbf", b": ping\n\n"],
    ids=["nothing", "blank", "BOM", "comment"],
)
@pytest.mark.parametrize("over", [0, 1])
def test_limit_of_the_first_event(before: bytes, over: int) -> None:
    """The first event has the same limit, whatever stands before it."""
    wire = before + fits(LIMIT + over)
    expected: tuple[list[bytes], bool] = ([], True) if over else ([b"x" * (LIMIT - 7)], False)
    assert overrun([wire]) == expected
    assert overrun(wire[i : i + 1] for i in range(len(wire))) == expected


def test_limit_counts_what_waits() -> None:
    """What isn't complete is bounded too, behind complete events as well, and comments with it."""
    assert overrun([fits(20) + b"data: " + b"x" * LIMIT]) == ([b"x" * 13], True)
    assert overrun([b": " + b"x" * LIMIT]) == ([], True)
    assert overrun([b": ping\n"] * 10) == ([], True)
    assert overrun([b": ping\n\n"] * 1000) == ([], False)


def test_limit_is_an_event_s() -> None:
    """A piece of many events may be as long as it likes."""
    assert overrun([fits(20) * 100]) == ([b"x" * 13] * 100, False)


@given(st.lists(st.integers(7, 80), max_size=8), st.data())
def test_limit_doesn_t_depend_on_the_split(sizes: list[int], data: st.DataObject) -> None:
    """However a stream is split, the same event is over the limit."""
    wire = b"".join(map(fits, sizes))
    good = next((i for i, size in enumerate(sizes) if size > LIMIT), len(sizes))
    expected = [b"x" * (size - 7) for size in sizes[:good]], good < len(sizes)
    assert overrun(data.draw(splits(wire))) == expected


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        (b"data: {}\n\n", True),
        (b"\xef\xbb\xbf: hello\n\n", True),
        (b"\r\n event:x", True),
        (b"id:1", True),
        (b"retry: 3", True),
        (b"", None),
        (b"\xef\xbb", None),
        (b"\n  ", None),
        (b"dat", None),
        (b"data was lost", False),
        (b'{"data": 1}', False),
        (b"<html>", False),
    ],
)
def test_how_a_body_begins(body: bytes, begins: bool | None) -> None:
    """As events, as something else, or too short to tell."""
    assert begins_events(body) is begins


def test_lines_are_one_event_where_they_can_be() -> None:
    """What isn't an object on each line, and all where ids are kept, is as the standard has it."""
    assert decoded([b'data: {"a":\ndata: {}}\n\n'])[0] == [("", b'{"a":\n{}}')]
    assert decoded([b"data: {}\ndata: a\n\n"])[0] == [("", b"{}\na")]
    decoder = SSEDecoder(max_event_bytes=100, keep_ids=True)
    assert decoder.feed(b"data: {}\n") == []
    assert told(decoder.feed(b"data: {}\n\n")) == [("", b"{}\n{}")]
