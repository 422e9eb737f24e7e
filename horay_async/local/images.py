"""Images computed by rule: a colour gradient that follows from the prompt and the seed.

There is no diffusion model behind it. A client needs a real PNG of the requested size, the same one
for the same request, at a URL of its own; a gradient is enough for that.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import zlib
from collections import OrderedDict


def render(prompt: str, seed: int, width: int, height: int) -> bytes:
    """The PNG of `width` by `height` pixels that belongs to this prompt and seed."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode(errors="replace")).digest()
    # Each channel goes from `left` to `right` along a row, at most 127, and gains up to 127 from the
    # first row to the last. One `bytes.translate` a row and channel keeps large sizes fast.
    left, right, gain = digest[:3], digest[3:6], digest[6:9]
    ramps = [
        bytes((start + (end - start) * x // width) // 2 for x in range(width))
        for start, end in zip(left, right, strict=True)
    ]
    rows = bytearray()
    for y in range(height):
        row = bytearray(1 + 3 * width)  # PNG's filter byte (0, none), then three bytes a pixel
        for channel, ramp in enumerate(ramps):
            added = (64 + gain[channel] // 4) * y // height
            row[1 + channel :: 3] = ramp.translate(bytes(range(added, 128 + added)).ljust(256))
        rows += row
    return _png(width, height, rows)


def _png(width: int, height: int, rows: bytes | bytearray) -> bytes:
    """The smallest PNG there is, 8 bits a channel, and a note on what made it (PNG, 3rd ed.)."""
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    note = b"Software\0horay_async.local: computed by rule, no diffusion model"
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
