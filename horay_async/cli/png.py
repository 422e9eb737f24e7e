"""Reading PNG files, as far as a preview needs it: the common kinds, shrunk while they are read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import accumulate, pairwise
from operator import add
from typing import Final

__all__ = ["Pixel", "shrunk"]

Pixel = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHANNELS: Final = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type to bytes a pixel, at 8 bits a channel: grey, RGB, and both with alpha (PNG, 11.2.1)."""

LARGEST: Final = 4_000_000
"""Pixels: larger pictures would take plain Python several seconds."""


def shrunk(data: bytes, columns: int) -> list[list[Pixel]] | None:
    """The rows of a picture, made `columns` pixels wide (at most its own width); None where this can't
    read it: another format, more than 8 bits, a palette, interlacing, too large, or broken.
    """
    try:
        return _shrunk(data, columns)
    except (ValueError, IndexError, zlib.error):
        return None


def _shrunk(data: bytes, columns: int) -> list[list[Pixel]] | None:
    chunks = dict.fromkeys((b"IHDR", b"IDAT"), b"")
    for kind, content in _chunks(data):
        if kind in chunks:
            chunks[kind] += content
    header = chunks[b"IHDR"]
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, colour, _, _, interlaced = header[8:13]
    if depth != 8 or interlaced or colour not in CHANNELS or not 0 < width * height <= LARGEST:
        return None
    channels = CHANNELS[colour]
    columns = min(columns, width)
    rows = max(1, height * columns // width)
    edges = [width * column // columns for column in range(columns + 1)]
    # Which channels stand for red, green and blue.
    picked = (0, 1, 2) if channels > 2 else (0, 0, 0)
    picture: list[list[Pixel]] = []
    lines = _lines(zlib.decompress(chunks[b"IDAT"]), width * channels, channels)
    for number, line in zip(range(height), lines, strict=True):
        # One line stands for all that become one row: enough for a preview.
        if number == (2 * len(picture) + 1) * height // (2 * rows):
            picture.append(
                [
                    _mean(line, left * channels, right * channels, channels, picked)
                    for left, right in pairwise(edges)
                ]
            )
    return picture


def _mean(line: bytes, left: int, right: int, channels: int, picked: tuple[int, int, int]) -> Pixel:
    count = (right - left) // channels
    red, green, blue = (sum(line[left + at : right : channels]) // count for at in picked)
    return red, green, blue


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG file")
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += size + 12


def _lines(data: bytes, width: int, step: int) -> Iterator[bytes]:
    """The lines of bytes, their filters undone (PNG, 9.2); `step` is the distance to the left pixel."""
    above = bytes(width)
    for start in range(0, len(data), width + 1):
        line = bytearray(data[start + 1 : start + 1 + width])
        match data[start]:
            case 0:
                pass
            case 1:
                for channel in range(step):
                    line[channel::step] = bytes(
                        value & 255 for value in accumulate(line[channel::step])
                    )
            case 2:
                line = bytearray(value & 255 for value in map(add, line, above))
            case 3:
                for at in range(width):
                    left = line[at - step] if at >= step else 0
                    line[at] = (line[at] + (left + above[at]) // 2) & 255
            case 4:
                _undo_paeth(line, above, step)
            case unknown:
                raise ValueError(f"unknown filter {unknown}")
        above = bytes(line)
        yield above


def _undo_paeth(line: bytearray, above: bytes, step: int) -> None:
    for at in range(len(line)):
        left, corner = (line[at - step], above[at - step]) if at >= step else (0, 0)
        up = above[at]
        to_left, to_up, to_corner = (
            abs(up - corner),
            abs(left - corner),
            abs(left + up - 2 * corner),
        )
        nearest = (
            left
            if to_left <= to_up and to_left <= to_corner
            else up
            if to_up <= to_corner
            else corner
        )
        line[at] = (line[at] + nearest) & 255
