"""A client that is a plain socket."""

from __future__ import annotations

import json
import socket
from typing import Any, Self
from urllib.parse import urlsplit

from horay_async.testing import Ending, FaultServer

PATIENCE = 5.0


class RawClient:
    """One connection, byte by byte, that knows nothing of `horay_async`."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        parts = urlsplit(server.origin)
        self.socket = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self._ahead = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def request(
        self, path: str = "/v1/chat/completions", body: Any = None, method: str = "POST", *more: str
    ) -> None:
        """Sends a request with a JSON body."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {self.server.api_key}",
            f"Content-Length: {len(content)}",
            *more,
        ]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    def some(self) -> bytes:
        """What one read brings; empty at the end."""
        ahead, self._ahead = self._ahead, b""
        return ahead or self.socket.recv(2**20)

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        while len(self._ahead) < count:
            self._read_ahead()
        data, self._ahead = self._ahead[:count], self._ahead[count:]
        return data

    def until(self, mark: bytes) -> bytes:
        """The bytes up to and with `mark`."""
        while mark not in self._ahead:
            self._read_ahead()
        return self.exactly(self._ahead.index(mark) + len(mark))

    def _read_ahead(self) -> None:
        piece = self.socket.recv(2**20)
        assert piece, f"ended after {self._ahead!r}"
        self._ahead += piece

    def to_the_end(self) -> tuple[bytes, Ending]:
        """All bytes to come, and how the server ended the connection."""
        data = b""
        try:
            while piece := self.some():
                data += piece
        except ConnectionResetError:
            return data, "rst"
        return data, "fin"

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body, decoded from chunks, of one response."""
        start, *lines = self.until(b"\r\n\r\n").decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (ln.partition(": ") for ln in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size)
                self.exactly(2)
            self.exactly(2)
        else:
            body = self.exactly(int(headers.get("content-length", "0")))
        return int(start.split(" ")[1]), headers, body
