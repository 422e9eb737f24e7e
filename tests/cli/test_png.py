"""Shrinking PNG files: every filter, every kind of pixel, and what is left alone."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from horay_async.cli.png import CHANNELS, SIGNATURE, shrunk


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    width: int, height: int, lines: bytes, colour: int = 2, depth: int = 8, interlaced: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    half = len(lines) // 2
    packed = zlib.compress(lines)
    # The data can be spread over several chunks, and others can stand between.
    return (
        SIGNATURE
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", packed[:half])
        + chunk(b"IDAT", packed[half:])
        + chunk(b"IEND", b"")
    )


def filtered(line: bytes, above: bytes, kind: int, step: int) -> bytes:
    """The line as the standard's table says that a filter makes it (PNG, 9.2)."""
    out = bytearray([kind])
    for at, value in enumerate(line):
        left = line[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        up = above[at]
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda near: abs(guess - near))
        foretold = (0, left, up, (left + up) // 2, nearest)[kind]
        out.append((value - foretold) % 256)
    return bytes(out)


@pytest.mark.parametrize("colour", CHANNELS)
@pytest.mark.parametrize("kind", range(5))
def test_filters(kind: int, colour: int) -> None:
    """Whatever the filter and the kind of pixel, every pixel comes back as it was."""
    width, height, step = 7, 5, CHANNELS[colour]
    chance = random.Random(kind)
    rows = [chance.randbytes(width * step) for _ in range(height)]
    above = [bytes(width * step), *rows]
    lines = b"".join(
        filtered(row, over, kind, step) for row, over in zip(rows, above, strict=False)
    )
    picked = (0, 1, 2) if step > 2 else (0, 0, 0)
    expected = [[tuple(row[x * step + at] for at in picked) for x in range(width)] for row in rows]
    assert shrunk(png(width, height, lines, colour), width) == expected


def test_shrinks() -> None:
    """Neighbours become their mean; a row stands for those around it."""
    row = bytes([0, 10, 20, 10, 20, 40, 255, 255, 255, 1, 1, 1])
    lines = (b"\0" + row) * 4
    small = [(5, 15, 30), (128, 128, 128)]
    assert shrunk(png(4, 4, lines), 2) == [small, small]


def test_never_grows() -> None:
    """A picture that is narrower than the terminal stays as wide as it is."""
    assert shrunk(png(1, 1, b"\0\1\2\3"), 60) == [[(1, 2, 3)]]


GOOD = png(1, 1, b"\0\1\2\3")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8 a JPEG file",
        GOOD[:20],
        GOOD[:-20],
        SIGNATURE,
        png(1, 1, b"\0\1\2\3", depth=16),
        png(1, 1, b"\0\1\2\3", colour=3),
        png(1, 1, b"\0\1\2\3", interlaced=1),
        png(1, 1, b"\7\1\2\3"),
        png(0, 1, b""),
        png(1, 2, b"\0\1\2\3"),
        png(4000, 4000, b""),
    ],
)
def test_what_cannot_be_read(data: bytes) -> None:
    """Other formats, rarer kinds, pictures that are too large or broken: no preview, and no failure."""
    assert shrunk(data, 60) is None
