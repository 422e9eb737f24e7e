"""Reading HTTP/1.1 requests off the wire."""

from __future__ import annotations

import attrs

from horay_async.testing._server_connection import ServerConnection
from horay_async.testing.records import Headers

TLS_HANDSHAKE = 0x16
"""What a client that speaks TLS sends first (RFC 8446, section 5.1). It would wait for more than this server understands."""


class BadRequest(Exception):
    """What came isn't HTTP/1.1."""


@attrs.frozen
class Head:
    """A request's first line and headers."""

    method: str
    target: str
    version: str
    headers: Headers

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return self.headers.get("Expect", "").lower() == "100-continue"

    @property
    def closes(self) -> bool:
        """Whether the client wants the connection closed after the response."""
        wish = self.headers.get("Connection", "").lower()
        return "close" in wish or (self.version == "HTTP/1.0" and "keep-alive" not in wish)


async def read_head(wire: ServerConnection) -> Head:
    """The next request's head. Raises `BadRequest`."""
    if await wire.first_byte() == TLS_HANDSHAKE:
        raise BadRequest("TLS, which this server doesn't speak at an http:// address")
    lines = (await wire.read_until(b"\r\n\r\n")).decode("latin-1").strip("\r\n").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(f"not a request line: {lines[0][:100]!r}")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise BadRequest(f"not a header: {line[:100]!r}")
        headers.append((name, value.strip()))
    method, target, version = parts
    return Head(method, target, version, Headers(headers))


async def read_body(wire: ServerConnection, head: Head, into: bytearray, most: int | None) -> bool:
    """Reads the body, or `most` bytes of it; says whether that was all. Raises `BadRequest`."""
    if "chunked" in head.headers.get("Transfer-Encoding", "").lower():
        return await _read_chunks(wire, into, most)
    size = _number(head.headers.get("Content-Length", "0"), 10)
    await _read(wire, into, size if most is None else min(size, most))
    return len(into) == size


async def _read_chunks(wire: ServerConnection, into: bytearray, most: int | None) -> bool:
    while most is None or len(into) < most:
        size = _number((await wire.read_until(b"\r\n")).partition(b";")[0].decode("latin-1"), 16)
        if size == 0:
            while await wire.read_until(b"\r\n") != b"\r\n":
                pass  # trailers
            return True
        left = size if most is None else min(size, most - len(into))
        await _read(wire, into, left)
        if left == size and await wire.read_until(b"\r\n") != b"\r\n":
            raise BadRequest("a chunk is longer than its size")
    return False


async def _read(wire: ServerConnection, into: bytearray, size: int) -> None:
    due = len(into) + size
    while len(into) < due:
        into += await wire.read_some(due - len(into))


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise BadRequest(f"not a length: {text[:100]!r}")
    return number
