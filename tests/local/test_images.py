"""The pictures: real, seeded, and kept within bounds."""

from __future__ import annotations

import struct
import zlib

import pytest

from horay_async.local.images import ImageStore, render
from horay_async.local.validation import IMAGE_SIZES


def decode(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and pixel rows of an 8-bit RGB PNG; every checksum is checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data = 8, b""
    found: list[bytes] = []
    width = height = 0
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", png, place + 8 + length)
        assert crc == zlib.crc32(kind + body)
        found.append(kind)
        if kind == b"IHDR":
            width, height, depth, colours, *rest = struct.unpack(">2I5B", body)
            assert (depth, colours, rest) == (8, 2, [0, 0, 0])
        elif kind == b"IDAT":
            data += body
        place += 12 + length
    assert found == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]
    raw, stride = zlib.decompress(data), 1 + 3 * width
    assert len(raw) == stride * height
    rows = [raw[start : start + stride] for start in range(0, len(raw), stride)]
    assert {row[0] for row in rows} == {0}
    return width, height, [row[1:] for row in rows]


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_sizes(size: str) -> None:
    """Each documented size gives a PNG of that size, with more than a few colours in it."""
    width, height = map(int, size.split("x"))
    got_width, got_height, rows = decode(render("an island", 7, width, height))
    assert (got_width, got_height) == (width, height)
    assert len({row[:3] for row in rows}) > 50


def test_same_request_same_picture() -> None:
    """The picture follows from the prompt and the seed, and from nothing else."""
    one = render("a lighthouse", 7, 64, 48)
    assert render("a lighthouse", 7, 64, 48) == one
    assert render("a lighthouse", 8, 64, 48) != one
    assert render("a harbour", 7, 64, 48) != one


@pytest.mark.parametrize("seed", range(1, 40))
def test_any_seed(seed: int) -> None:
    """No seed leads out of the picture or off the colour scale."""
    decode(render("s", seed, 40, 40))


def test_says_what_made_it() -> None:
    """The file itself tells that no diffusion model was at work."""
    assert b"no diffusion model" in render("p", 1, 8, 8)


def test_image_store_is_bounded() -> None:
    """The oldest picture goes first, and unknown names give nothing."""
    image_store = ImageStore(capacity=2)
    names = [image_store.add(bytes([number])) for number in range(3)]
    assert len(set(names)) == 3
    assert [image_store.get(name) for name in names] == [None, b"\1", b"\2"]
    assert image_store.get("other.png") is None
