"""A server in a thread that does what a test tells it to, also while the test's event loop is busy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator

__all__ = ["Script", "ScriptedServer", "chunk", "scripted", "whole"]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n"


def whole(body: bytes, *more: bytes) -> bytes:
    """A response with a JSON body; `more` are lines of its head."""
    lines = b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *more))
    return HEAD % (b"application/json", lines) + body


def chunk(data: bytes) -> bytes:
    """One HTTP chunk; the last one where it is empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n")


class ScriptedServer:
    """Serves connections one after another in a thread of its own."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if tls is None else "https"
        self.base_url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.heads: list[bytes] = []
        self._tls = tls
        self._go = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._over = threading.Event()
        self.requested = threading.Event()
        """Set once a request has come."""

    def serve(self, script: Script) -> None:
        """Runs `script` for each connection, until the test is over."""
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(plain, script), daemon=True).start()

    def _serve_one(self, plain: socket.socket, script: Script) -> None:
        with contextlib.suppress(OSError, EOFError), plain:
            plain.settimeout(20)
            wire = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            with wire:
                script(self, wire)

    def read_request(self, wire: socket.socket) -> bytes:
        """The next request's head; its body is read and dropped."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := wire.recv(2**16)):
                raise EOFError
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        missing = int(length or 0) - len(body)
        while missing > 0:
            missing -= len(wire.recv(2**16))
        self.heads.append(head)
        self.requested.set()
        return head

    # The test's side: while it waits for these, its event loop stands still.

    def do_now(self) -> None:
        """Lets the script go on from `wait`, and waits until it has come to `done`."""
        self._go.release()
        assert self._done.acquire(timeout=20)

    def wait(self) -> None:
        """In a script: waits for the test."""
        assert self._go.acquire(timeout=20)

    def done(self) -> None:
        """In a script: what the test waits for has been sent."""
        self._done.release()

    def hold(self) -> None:
        """In a script: keeps the connection open until the test is over."""
        self._over.wait(20)

    def close(self) -> None:
        """Ends the scripts."""
        self._over.set()
        # A blocked `accept` isn't ended by closing its socket.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


Script = Callable[[ScriptedServer, socket.socket], None]


@contextlib.contextmanager
def scripted(script: Script, tls: ssl.SSLContext | None = None) -> Generator[ScriptedServer]:
    """A running server."""
    server = ScriptedServer(tls)
    thread = threading.Thread(target=server.serve, args=(script,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(20)
