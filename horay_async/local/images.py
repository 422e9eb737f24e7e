"""Pictures drawn by rule: a landscape whose every line follows from the prompt and the seed.

No diffusion model stands behind it. What it gives is what a client needs to be developed against:
a real PNG of the asked size, the same for the same request, from a URL of its own.

A row of the picture is a row of layer numbers (sky, sun, ridges, water). Going down, each column
changes its layer only a few times; the colours of a row are then one table lookup per channel
(`bytes.translate`), which keeps pure Python at a few hundred milliseconds for the largest size.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import secrets
import struct
import zlib
from collections import OrderedDict
from random import Random
from typing import Final

Colour = tuple[float, float, float]

_SKY: Final = 0
_GLOW_RINGS: Final = 24  # layers 1 to 24, from the halo's rim to the sun's disc
_RIDGES: Final = 4
_FIRST_RIDGE: Final = _GLOW_RINGS + 1
_WATER: Final = _FIRST_RIDGE + _RIDGES
_GLINT: Final = _WATER + 1


def render(prompt: str, seed: int, width: int, height: int) -> bytes:
    """The PNG of `width` by `height` pixels that belongs to this prompt and seed."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode(errors="replace")).digest()
    return _png(width, height, _Scene(Random(digest), width, height).rows())


class _Scene:
    def __init__(self, random: Random, width: int, height: int) -> None:
        self.random, self.width, self.height = random, width, height
        cold, warm = random.uniform(0.48, 0.8), random.uniform(-0.08, 0.13)
        self.zenith = _hsv(cold, 0.6, random.uniform(0.35, 0.8))
        self.horizon = _hsv(warm, 0.45, 0.98)
        self.sun = _hsv(warm + 0.04, 0.12, 1.0)
        self.near = _hsv(cold + random.uniform(-0.08, 0.08), 0.55, 0.22)
        self.shore = int(height * random.uniform(0.68, 0.8))
        self.sun_x = int(width * random.uniform(0.2, 0.8))
        self.sun_y = int(height * random.uniform(0.22, 0.5))
        self.sun_radius = min(width, height) * random.uniform(0.05, 0.09)

    def rows(self) -> bytearray:
        """All rows as PNG wants them: a filter byte, then three bytes a pixel."""
        width = self.width
        changes = self._changes()
        layers = bytearray(width)
        out = bytearray()
        for y in range(self.height):
            for x, layer in changes.get(y, ()):
                layers[x] = max(layers[x], layer)
            row = self._water(y) if y >= self.shore else self._with_sun(bytes(layers), y)
            tables = self._tables(y)
            line = bytearray(1 + 3 * width)
            for channel, table in enumerate(tables):
                line[1 + channel :: 3] = row.translate(table)
            out += line
        return out

    def _changes(self) -> dict[int, list[tuple[int, int]]]:
        """At which row which column passes from the sky, or a farther ridge, to a nearer one."""
        changes: dict[int, list[tuple[int, int]]] = {}
        for ridge in range(_RIDGES):
            depth = (ridge + 1) / _RIDGES
            middle = self.shore - self.height * (0.3 * (1 - depth) + 0.03)
            waves = [
                (
                    self.height * 0.06 * (1.15 - 0.5 * depth) / octave,
                    octave * self.random.uniform(0.7, 1.4) * math.tau / self.width,
                    self.random.uniform(0, math.tau),
                )
                for octave in (1, 2, 4, 8, 21)
            ]
            for x in range(self.width):
                top = middle - sum(a * math.sin(f * x + shift) for a, f, shift in waves)
                changes.setdefault(max(0, int(top)), []).append((x, _FIRST_RIDGE + ridge))
        return changes

    def _with_sun(self, row: bytes, y: int) -> bytes:
        """The row with the sun and its halo over what is still sky."""
        distance = abs(y - self.sun_y)
        for ring in range(_GLOW_RINGS):
            radius = self.sun_radius * (1 + 3.2 * (1 - (ring + 1) / _GLOW_RINGS) ** 1.5)
            if distance >= radius:
                break
            half = math.sqrt(radius * radius - distance * distance)
            left, right = max(0, int(self.sun_x - half)), int(self.sun_x + half) + 1
            under = _SKY if ring == 0 else ring
            row = (
                row[:left]
                + row[left:right].replace(bytes([under]), bytes([ring + 1]))
                + row[right:]
            )
        return row

    def _water(self, y: int) -> bytes:
        """Still water, with the sun's path as glints that widen towards the viewer."""
        row = bytearray([_WATER]) * self.width
        near = (y - self.shore) / (self.height - self.shore)
        if y % max(2, self.height // 200) == 0:
            for _ in range(3 + int(9 * near)):
                middle = self.random.gauss(self.sun_x, self.sun_radius * (0.4 + 1.6 * near))
                half = self.random.uniform(0.1, 0.5) * self.sun_radius
                left = min(self.width, max(0, int(middle - half)))
                right = min(self.width, max(left, int(middle + half)))
                row[left:right] = bytes([_GLINT]) * (right - left)
        return bytes(row)

    def _tables(self, y: int) -> tuple[bytes, bytes, bytes]:
        """Each layer's colour in row `y`, one 256-byte table a channel."""
        sky = _mix(self.zenith, self.horizon, min(1.0, y / self.shore) ** 1.3)
        mirrored = min(1.0, max(0.0, 1 - 2.2 * (y - self.shore) / self.height))
        water = _mix(self.zenith, self.horizon, mirrored * 0.8)
        colours = [sky]
        colours += [
            _mix(sky, self.sun, 0.55 * (ring / _GLOW_RINGS) ** 1.6)
            for ring in range(1, _GLOW_RINGS)
        ]
        colours.append(self.sun)
        for ridge in range(_RIDGES):
            haze = _mix(self.horizon, self.near, 0.25 + 0.75 * (ridge + 1) / _RIDGES)
            colours.append(_mix(haze, self.horizon, 0.3 * y / self.shore))
        water = _mix(water, self.near, 0.35)
        colours += [water, _mix(water, self.sun, 0.6)]
        red, green, blue = (bytes(int(255 * c[i]) for c in colours) for i in range(3))
        return red.ljust(256, b"\0"), green.ljust(256, b"\0"), blue.ljust(256, b"\0")


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1, saturation, value)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a `share` of `other`, 0 to 1."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def _png(width: int, height: int, rows: bytes | bytearray) -> bytes:
    """The smallest PNG there is, 8 bits a channel, and a note on what made it (PNG, 3rd ed.)."""
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    note = b"Software\0horay_async.local: drawn by rule, no diffusion model"
    parts = ((b"IHDR", header), (b"tEXt", note), (b"IDAT", zlib.compress(rows, 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


class ImageStore:
    """The last pictures made, in memory, each under a name that can't be guessed."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def add(self, picture: bytes) -> str:
        """Keep a picture, dropping the oldest beyond the capacity; gives its name."""
        name = f"{secrets.token_urlsafe(16)}.png"
        self._pictures[name] = picture
        while len(self._pictures) > self._capacity:
            self._pictures.popitem(last=False)
        return name

    def get(self, name: str) -> bytes | None:
        """The picture of that name, or None when there was none or it had to go."""
        return self._pictures.get(name)
