"""The scripted server: a real socket on loopback, served by a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Self, Unpack, get_args

from horay_async._suggestions import no_attribute
from horay_async.testing._connection import BASE_PATH, RequestHandler
from horay_async.testing._server_connection import ConnectFault, ConnectionGone, ServerConnection
from horay_async.testing.canned import Piece, Reply, ScriptedCall, picture_url
from horay_async.testing.recorder import Recorder
from horay_async.testing.records import Connection
from horay_async.testing.responses import Fault, MessageOptions, check_word
from horay_async.testing.script import Planned, Script, Scripted, check_scripted
from horay_async.testing.tls import TLSKind, certificates

__all__ = ["FaultServer"]

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel has an upper bound of its own."""


class FaultServer(Recorder):
    """A scripted Horay server, as `with FaultServer() as server` or `async with`.

    Responses that were put in line serve one request each; then what `always` says counts; and otherwise
    every documented operation has a canned response. What came is on record (see `Recorder`).

    It serves from its own thread, so a test can block, await on any event loop, or fork. Requests to the
    API must carry `api_key`, or are answered 401 without using up a response; `check_key=False` lets all
    through. The path of an operation that isn't below `/v1` is answered 404 in the same way. `tls` serves HTTPS, with a certificate that is good or wrong in one way; `ssl_context` is
    for clients, then.

    An exception in a handler is answered with 500 and raised again where the `with` block ends.
    """

    def __init__(
        self,
        *,
        api_key: str = "test-key",
        check_key: bool = True,
        tls: TLSKind | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__()
        self.api_key = api_key
        """The key for clients."""
        self._check_key = check_key
        found = None if tls is None else certificates(tls)
        # asyncio closes without the alert that a client should hear, so this one is played by hand.
        self._always_on_connect: ConnectFault | None = "old_tls" if tls == "old" else None
        self._tls = None if found is None else found.server
        self.ssl_context: ssl.SSLContext | None = None if found is None else found.client
        """For clients: trusts the server's certificate authority. None without TLS."""
        self._script = Script()
        self._problems: list[BaseException] = []
        self._bind_to = (host, port)
        self._origin = ""
        self._thread: threading.Thread | None = None
        self._stop: Future[None] = Future()
        self._pid = os.getpid()

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    # Where it is.

    @property
    def origin(self) -> str:
        """Scheme, host and port, such as `"http://127.0.0.1:4321"`. Raises `RuntimeError` before the start;
        after the end it names a port that refuses connections.
        """
        if not self._origin:
            raise RuntimeError("the test server isn't running: use it in a with block")
        return self._origin

    @property
    def base_url(self) -> str:
        """The URL for a client's `base_url`. Raises as `origin` does."""
        return self.origin + BASE_PATH

    @property
    def picture_url(self) -> str:
        """Where a picture can be fetched, on another host than the API's. Raises as `origin` does."""
        return picture_url(self.origin)

    # What it responds.

    def reply(
        self,
        text: str,
        *faults: Fault,
        finish_reason: str | None = "stop",
        **options: Unpack[MessageOptions],
    ) -> None:
        """Puts a text in line, for the next request of a completion or chat, streamed or whole. With
        `finish_reason="length"` it is one that the server has cut.
        """
        self.add(Reply(text, faults=faults, finish_reason=finish_reason, options=options))

    def stream(
        self,
        pieces: Sequence[Piece] | str,
        *faults: Fault,
        done: bool = True,
        finish_reason: str | None = "stop",
        **options: Unpack[MessageOptions],
    ) -> None:
        """Puts a text in line, as `reply` does, and sets how it is streamed: each text of `pieces` is one chunk.
        Without `done` there is no `[DONE]`, without a finish reason no chunk that has one. A request that asks for no
        stream gets the whole text, with this finish reason.
        """
        self.add(
            Reply(pieces, faults=faults, done=done, finish_reason=finish_reason, options=options)
        )

    def call_tools(self, *calls: ScriptedCall, **options: Unpack[MessageOptions]) -> None:
        """Puts calls of tools in line, for the next request of a chat, streamed or whole: `call_tools(("weather", {"city": "Rome"}))`."""
        if not calls:
            raise TypeError('call_tools takes the calls: call_tools(("weather", {"city": "Rome"}))')
        self.add(Reply("", calls=calls, options=options))

    def add(self, *responses: Scripted, method: str | None = None, path: str | None = None) -> None:
        """Puts responses in line, each for one request: of this method and path, where they are given, and of
        any else. The path is one below the base URL, such as `"/models"`.
        """
        _check_path(path)
        for response in responses:
            check_scripted(response, "add takes")
        self._script.line.extend(Planned(response, method, path) for response in responses)

    def always(
        self, response: Scripted, *, method: str | None = None, path: str | None = None
    ) -> None:
        """Responds to all requests so that find nothing in line; later rules come before earlier ones."""
        _check_path(path)
        check_scripted(response, "always takes")
        self._script.rules.insert(0, Planned(response, method, path))

    def on_connect(self, fault: ConnectFault, *, times: int = 1) -> None:
        """Turns away the next connections."""
        check_word("fault", fault, get_args(ConnectFault))
        self._script.connect_faults.extend(fault for _ in range(times))

    def clear(self) -> None:
        """Drops the responses that are in line, as between two scenarios with one server. What `always` says stays, and so does the record."""
        self._script.line.clear()

    @property
    def waiting(self) -> int:
        """How many responses are still in line: `assert server.waiting == 0` at a test's end says that all were used."""
        return len(self._script.line)

    # Its life.

    def __repr__(self) -> str:
        where = self._origin or "not started"
        return f"<FaultServer {where}: {len(self.requests)} requests, {self.waiting} responses in line>"

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("a test server is used once: make a new one")
        family = socket.AF_INET6 if ":" in self._bind_to[0] else socket.AF_INET
        listener = socket.create_server(self._bind_to, family=family, backlog=BACKLOG)
        _sockets.add(listener)
        host, port = listener.getsockname()[:2]
        named = f"[{host}]" if ":" in host else host
        self._origin = f"{'http' if self._tls is None else 'https'}://{named}:{port}"
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(listener),), name="horay-test-server", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, kind: object = None, error: object = None, *_: object) -> None:
        if self._thread is None or os.getpid() != self._pid:
            return  # in a forked child there is no thread to end
        if not self._stop.done():
            self._stop.set_result(None)
        self._thread.join()
        if self._problems and error is None:
            raise self._problems[0]

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        # Connections are cut, not waited for, so this is over at once.
        self.__exit__(*error)

    async def _serve(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        accepting = asyncio.ensure_future(self._accept(listener))
        stop = asyncio.wrap_future(self._stop)
        with listener:
            await asyncio.wait((accepting, stop), return_when=asyncio.FIRST_COMPLETED)
            accepting.cancel()
            await asyncio.wait((accepting,))
        self._look_into(accepting)
        # `asyncio.run` cancels what is left, and that is the connections.

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly

        def end(accepted: socket.socket, task: asyncio.Task[None]) -> None:
            under_way.discard(task)
            # A task that is cancelled before its first step, since the server ends, never got to do so itself.
            accepted.close()
            self._look_into(task)

        while True:
            accepted, _ = await loop.sock_accept(listener)
            # asyncio does so for sockets of its own making. Otherwise small pieces are held back until the
            # client's kernel acknowledges earlier ones, and a reset throws them away.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _sockets.add(accepted)
            task = loop.create_task(self._connection(accepted, self._recording.opened()))
            under_way.add(task)
            task.add_done_callback(partial(end, accepted))

    def _look_into(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._problems.append(problem)

    async def _connection(self, accepted: socket.socket, record: Connection) -> None:
        wire = ServerConnection(lambda who: self._recording.closed(record, who))
        faults = self._script.connect_faults
        fault = faults.pop(0) if faults else self._always_on_connect
        handler = RequestHandler(
            wire=wire,
            record=record,
            recording=self._recording,
            script=self._script,
            origin=self._origin,
            key=self.api_key if self._check_key else None,
            problems=self._problems,
        )
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: wire, accepted, ssl=self._tls if fault is None else None
            )
            await (handler.run() if fault is None else wire.on_connect(fault))
        except ConnectionGone:
            pass
        except OSError as error:
            wire.connection_lost(error)  # the client broke off the TLS handshake
        finally:
            wire.abort()


def _check_path(path: str | None) -> None:
    """Raises `ValueError` for a path that no request can have."""
    if path is not None and (not path.startswith("/") or path.startswith(f"{BASE_PATH}/")):
        below = "/" + path.removeprefix(f"{BASE_PATH}/").lstrip("/")
        raise ValueError(f"path is counted from the base URL: write {below!r}, not {path!r}")


_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
"""All that servers of this process listen or serve on."""


def _after_fork_in_child() -> None:
    # A connection ends when the last process that has it closes it: leave that to the parent.
    for inherited in list(_sockets):
        inherited.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
