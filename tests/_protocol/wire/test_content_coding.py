"""Bodies that are compressed, faulty, or not compressed at all: however they are cut, the same is read."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from horay_async._protocol.wire import content_coding
from horay_async._protocol.wire.content_coding import (
    BEGINNING,
    MAX_KEPT,
    MAX_UNPACKED,
    SLICE,
    coding_in,
    library_for,
    unpacker_for,
)


def raw_deflate(data: bytes) -> bytes:
    """Without the header and the checksum, as many servers send it."""
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


PACK: dict[str, Any] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw": raw_deflate,
    "br": library_for("br").compress,
    "zstd": library_for("zstd").compress,
}
"""What packs data in each form."""

JSON = b'{"choices": [{"index": 0, "text": "Berlin and more"}]}'
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "Berlin"}}]}\n\n'


def header(form: str) -> str:
    """The `Content-Encoding` of what is packed in a form."""
    return "deflate" if form == "raw" else form


def read(coding: str, pieces: list[bytes]) -> tuple[bytes, str, bytes]:
    """What comes of a body in pieces, what is wrong with it, and what was left of it."""
    unpacker = unpacker_for(coding)
    assert unpacker is not None
    found = bytearray()
    for piece in pieces:
        part = unpacker.feed(piece)
        while part:
            found += part
            part = unpacker.feed(b"")
    while part := unpacker.finish():
        found += part
    assert unpacker.finish() == b""
    return bytes(found), unpacker.complaint, unpacker.unread


@pytest.mark.parametrize("size", [1, 50, 10**6])
@pytest.mark.parametrize("codings", ["gzip, gzip", "br, gzip", "deflate, zstd, gzip"])
@pytest.mark.parametrize("text", [b"{}", JSON, b"x" * 1_000_000], ids=["least", "short", "long"])
def test_several_codings(codings: str, size: int, text: bytes) -> None:
    """In the order in which they were applied."""
    body = text
    for coding in codings.split(", "):
        body = PACK[coding](body)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert read(codings, pieces) == (text, "", b"")


def test_fault_in_several_codings() -> None:
    """It is told of the one whose data are faulty."""
    body = gzip.compress(b"\x1f\x8b" + noise(300))
    assert read("gzip, gzip", [body])[1].startswith("its gzip data is faulty")
    assert read("br, gzip", [noise(300)])[1:] == (read("gzip", [noise(300)])[1], noise(300))
    assert unpacker_for("gzip, own") is None


@pytest.mark.parametrize(
    ("sent", "coding"),
    [
        ([], ""),
        (["identity"], ""),
        (["X-GZIP"], "gzip"),
        ([" gzip , identity,"], "gzip"),
        (["br", "gzip"], "br, gzip"),
        (["own"], "own"),
    ],
)
def test_header(sent: list[str], coding: str) -> None:
    """It is a list, in one header or several."""
    assert coding_in(CIMultiDict([("content-encoding", each) for each in sent])) == coding
    assert coding_in({"Content-Encoding": ", ".join(sent)}) == coding


def noise(size: int) -> bytes:
    """Bytes that can't be compressed, the same each time."""
    return random.Random(size).randbytes(size)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A coding and a body in it, or nearly."""
    form = draw(st.sampled_from(sorted(PACK)))
    text = draw(st.sampled_from([b"", JSON, EVENT * 9, noise(300), b"x" * 200_000]))
    packed = PACK[form](text)
    kind = draw(st.sampled_from(["whole", "text", "tail", "cut", "fault", "members", "noise"]))
    if kind == "text":
        packed = text
    elif kind == "tail":
        packed += draw(
            st.sampled_from([b"\0" * 8, b"\r\n", b"<!-- x -->", b"x", b"upstream error"])
        )
    elif kind == "cut":
        packed = packed[: draw(st.integers(0, len(packed)))]
    elif kind == "fault":
        at = draw(st.integers(0, len(packed) - 1))
        packed = packed[:at] + bytes([packed[at] ^ draw(st.integers(1, 255))]) + packed[at + 1 :]
    elif kind == "members":
        packed += PACK[form](b"more")
    elif kind == "noise":
        packed = draw(st.binary())
    return header(form), packed


def assert_same(coding: str, pieces: list[bytes]) -> None:
    """The same is read of the pieces as of the whole; what can't be read is told as far as it has come by then."""
    found, complaint, unread = read(coding, [b"".join(pieces)])
    here, told, left = read(coding, pieces)
    assert (here, told) == (found, complaint)
    assert unread.startswith(left)


@given(bodies(), st.data())
def test_cuts_make_no_difference(body: tuple[str, bytes], data: st.DataObject) -> None:
    """In whatever pieces a body comes, the same is read, and the same complaint told."""
    coding, packed = body
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=8)))
    pieces = [packed[a:b] for a, b in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    assert_same(coding, pieces)


@given(bodies())
def test_single_bytes_make_no_difference(body: tuple[str, bytes]) -> None:
    """Nor does it where each byte comes alone."""
    coding, packed = body
    assert_same(coding, [packed[at : at + 1] for at in range(len(packed))])


@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize("text", [b"x", JSON, EVENT * 1000, noise(10**6), b"x" * 10**6])
@pytest.mark.parametrize("tail", [b"", b"\0" * 8, b"\r\n", b"<!-- x -->", b"x" * 9000])
def test_whole(form: str, text: bytes, tail: bytes) -> None:
    """All is read; what stands behind the end is passed over."""
    assert read(header(form), [PACK[form](text) + tail]) == (text, "", b"")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize(
    "text",
    [b"", b"{}", JSON, EVENT * 1000, b"\xef\xbb\xbf" + JSON, b"<!DOCTYPE html><title>Oops</title>"]
    + ["错误：余额不足，请充值后重试。".encode()[:end] for end in range(1, 45)],
)
def test_text_is_taken_as_it_is(coding: str, text: bytes) -> None:
    """One that was unpacked on its way, in any language."""
    assert read(coding, [text]) == (text, "", b"")


@pytest.mark.parametrize("form", ["gzip", "deflate", "zstd"])
def test_members(form: str) -> None:
    """Each event may be compressed by itself."""
    assert read(header(form), [PACK[form](EVENT) * 500]) == (EVENT * 500, "", b"")


@pytest.mark.parametrize("form", PACK)
def test_fault_in_the_data(form: str) -> None:
    """What stands before it comes out, and some of what the fault is in."""
    packed = PACK[form](EVENT * 20 + noise(3000).hex().encode())
    at = len(packed) // 2
    found, complaint, unread = read(header(form), [packed[:at] + b"\xff" * 60 + packed[at + 60 :]])
    if form in ("gzip", "deflate", "raw"):
        assert found.startswith(EVENT * 20)
    if form in ("gzip", "deflate"):  # which have a checksum
        assert complaint.startswith(f"its {header(form)} data is faulty (")
        assert "\n" not in complaint
    assert unread == b""


@pytest.mark.parametrize("length", [40, MAX_KEPT // 2, 2 * MAX_KEPT])
def test_text_behind_what_was_flushed(length: int) -> None:
    """The events that a gateway had packed are whole, whatever it puts behind them, and however long the stream was."""
    packing = zlib.compressobj(wbits=31)
    events = [b"data: %b\n\n" % noise(at + 1)[:60].hex().encode() for at in range(length // 40)]
    packed = b"".join(
        packing.compress(event) + packing.flush(zlib.Z_SYNC_FLUSH) for event in events
    )
    found, complaint, unread = read("gzip", [packed + b"upstream error\n"])
    assert (found, unread) == (b"".join(events), b"")
    assert complaint.startswith("its gzip data is faulty (")


@pytest.mark.parametrize("form", ["br", "zstd"])
def test_fault_far_behind(form: str) -> None:
    """Where the data before it aren't kept, a slice is lost at most."""
    text = noise(2 * MAX_KEPT)
    packed = PACK[form](text)
    fault = packed[:-9000] + b"\xff" * 9000
    found, _, unread = read(form, [fault])
    assert len(found) >= len(text) - 9000 - SLICE - 2**17  # zstd has blocks of 128 KiB
    assert unread == b""


@pytest.mark.parametrize("form", PACK)
def test_end_that_is_missing(form: str) -> None:
    """No complaint: some servers leave it out, and what is missing of a body shows in what it is."""
    packed = PACK[form](JSON * 20)
    for cut in range(1, len(packed) - 1):
        found, complaint, unread = read(header(form), [packed[:-cut]])
        assert (JSON * 20).startswith(found)
        assert (complaint, unread) == ("", b"")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_neither_packed_nor_text(coding: str) -> None:
    """Where nothing can be read, all of it is handed back."""
    body = b"\x89PNG\r\n\x1a\n" + bytes(100)
    found, complaint, unread = read(coding, [body, body])
    assert (found, unread) == (b"", body)
    assert complaint


@pytest.mark.parametrize("form", PACK)
def test_bombs(form: str) -> None:
    """No more is unpacked in one go than was asked for, and what is left comes later."""
    unpacker = unpacker_for(header(form))
    assert unpacker is not None
    size = 2**23
    packed = PACK[form](bytes(size))
    count = 0
    part = unpacker.feed(packed) or unpacker.finish()
    while part:
        assert len(part) < 2 * MAX_UNPACKED + 2**15
        count += len(part)
        part = unpacker.feed(b"") or unpacker.finish()
    assert count == size


def test_nothing_waits_for_long() -> None:
    """A text is told as soon as it has begun, and then goes through piece by piece."""
    unpacker = unpacker_for("gzip")
    assert unpacker is not None
    assert unpacker.feed(EVENT[: BEGINNING - 1]) == b""
    assert unpacker.feed(EVENT[BEGINNING - 1 : BEGINNING]) == EVENT[:BEGINNING]
    assert unpacker.feed(EVENT[BEGINNING:]) == EVENT[BEGINNING:]


@pytest.mark.parametrize("coding", ["utf-8", "", "snappy", "gzip, snappy"])
def test_what_is_not_unpacked(coding: str) -> None:
    """Other codings are taken as they are."""
    assert unpacker_for(coding) is None


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_without_its_library(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coding whose library is missing is one of those."""
    content_coding.library_for.cache_clear()
    monkeypatch.setitem(content_coding.LIBRARIES, coding, ("no_such_module", "nor_this"))
    try:
        assert unpacker_for(coding) is None
    finally:
        content_coding.library_for.cache_clear()
