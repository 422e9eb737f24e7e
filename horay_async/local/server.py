"""`LocalServer`: a server in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from dataclasses import replace
from typing import Any, Self

from . import weights
from .engine import Engine, EngineOptions
from .errors import LocalServerError
from .hosts import DEFAULT_API_KEY
from .templates import CHATML_WITH_TOOLS

# Where a listening address stands for every interface, clients here reach it over loopback.
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
# How long stopping waits for responses under way; their jobs are stopped first, so this is a guard.
_SHUTDOWN_TIMEOUT = 2.0


class LocalServer:
    """A Horay-compatible server on a real model, as `with LocalServer() as server` or `async with`.

    It responds from its own thread and event loop, so it also serves a caller who blocks. `model`
    is a GGUF file; without it `HORAY_LOCAL_MODEL` counts, then the cached SmolLM2-135M-Instruct,
    which is fetched once (98 MB) where it is missing. Port 0 takes a free one. `threads` defaults
    to all but one of the cores this process may use, 1 to 4; `context` is the tokens of one
    request, prompt and generated text together; `slots` is how many generate at the same time,
    while more wait in line. `verbose` lets llama.cpp report on standard error.

    Whatever model name a request carries, the loaded model generates and gives its own name, except
    that names of image models are refused for text; `GET /models/{id}` goes by the same rule. Unset
    sampling fields mean temperature 0.2, top_p 0.9, top_k 40 and at most 256 tokens.
    `response_format` and tool calls are held to their schemas by llama.cpp's grammar.

    llama.cpp runs in a process of its own. Where that dies, the requests under way end with a 500, a
    new process takes its place, and neither this server nor the program around it is touched; on
    Linux it also has a memory limit. It ends with the server, and with a program that is killed.

    With the default `api_key`, which everybody knows, the server responds only where `Host` is an IP
    address, localhost or `host`, so that no web page reaches it under a name of its own (DNS
    rebinding).

    Starting raises `LocalServerError`: no usable weights, a port in use, a missing extra. A stopped
    server can be started again.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str = DEFAULT_API_KEY,
        threads: int | None = None,
        context: int = 2048,
        slots: int = 8,
        verbose: bool = False,
    ) -> None:
        lowest = {"context": (context, 16), "slots": (slots, 1), "threads": (threads, 1)}
        for name, (value, low) in lowest.items():
            if value is not None and value < low:
                raise LocalServerError(f"{name} must be at least {low}, got {value}.")
        if not 0 <= port <= 65535:
            raise LocalServerError(f"port must be from 0 to 65535, got {port}.")
        if not api_key.strip() or not api_key.isascii() or not api_key.isprintable():
            raise LocalServerError("api_key must be printable ASCII text and not empty.")
        self.api_key = api_key
        """The key that requests must carry."""
        self._model, self._host, self._port = model, host, port
        self._options = EngineOptions(
            slots=slots, context=context, threads=threads, verbose=verbose
        )
        self._thread: _ServerThread | None = None

    @property
    def base_url(self) -> str:
        """The URL for a client's `base_url`, ending in `/v1`; `LocalServerError` unless running."""
        return self._started().ready.result()[0]

    @property
    def model(self) -> str:
        """The loaded model's name, as responses give it; `LocalServerError` unless running."""
        return self._started().ready.result()[1]

    def _started(self) -> _ServerThread:
        if self._thread is None:
            raise LocalServerError("The local server is not running.")
        return self._thread

    def _start(self) -> _ServerThread:
        if self._thread is not None:
            raise LocalServerError("The local server is running already.")
        self._thread = _ServerThread(self._serve)
        return self._thread

    def __enter__(self) -> Self:
        thread = self._start()
        try:
            thread.ready.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        thread, self._thread = self._started(), None
        if thread.pid != os.getpid():
            return  # in a process forked from the one that runs the server, which goes on there
        thread.stop()
        thread.join()
        thread.over.result()

    async def __aenter__(self) -> Self:
        thread = self._start()
        try:
            await asyncio.wrap_future(thread.ready)
        except BaseException as failure:
            # A cancelled caller doesn't wait: the thread ends by itself once it is told to stop.
            self._thread = None
            thread.stop()
            if isinstance(failure, Exception):
                thread.join()  # the failure is the thread's own, and its end
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        thread, self._thread = self._started(), None
        thread.stop()
        await asyncio.wrap_future(thread.over)
        thread.join()  # its last line has run: this is a matter of microseconds

    async def _serve(self, thread: _ServerThread) -> None:
        stopping = asyncio.ensure_future(asyncio.wrap_future(thread.stopping))
        with _listening(self._host, self._port) as listener, contextlib.ExitStack() as engines:

            def make_engine(options: EngineOptions) -> Engine:
                return engines.enter_context(contextlib.closing(Engine(options)))

            @functools.cache
            def embedding_engine() -> Engine:
                # Texts are embedded one at a time: several at once take as long, and more memory.
                engine = make_engine(replace(self._options, slots=1, embedding=True))
                engine.load(path)
                return engine

            engine = make_engine(self._options)
            path = weights.find(self._model, cancelled=thread.stopping.done)
            engine.load(path, CHATML_WITH_TOOLS if path.name == weights.FILE_NAME else "")
            # aiohttp takes as long to load as the model, which another process loads meanwhile.
            from aiohttp import web  # noqa: PLC0415 - see above

            from .app import HTTP_LOG, Service  # noqa: PLC0415 - see above

            service = Service(
                engine=engine,
                embedding_engine=embedding_engine,
                host=self._host,
                model=path.stem,
                api_key=self.api_key,
            )
            runner = web.AppRunner(
                service.app(),
                handle_signals=False,
                handler_cancellation=True,
                access_log=None,
                logger=HTTP_LOG,
                shutdown_timeout=_SHUTDOWN_TIMEOUT,
            )
            loading = asyncio.ensure_future(engine.loaded())
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                loading.cancel()
                raise LocalServerError(weights.CANCELLED)
            await loading
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                thread.ready.set_result((_url(self._host, listener), path.stem))
                await stopping
            finally:
                engine.interrupt()
                if embedding_engine.cache_info().currsize:
                    embedding_engine().interrupt()
                await runner.cleanup()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens before anything is loaded, so that a taken port is an error at once. Connections wait
    until the server is ready.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, dualstack_ipv6=both)
    except OSError as error:
        problem = f"The server can't listen on {host}:{port}: {error.strerror or error}."
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {port} on {host} is in use; choose another port."
        raise LocalServerError(problem) from error


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    name = _UNSPECIFIED.get(host, host)
    return f"http://[{name}]:{port}/v1" if ":" in name else f"http://{name}:{port}/v1"


class _ServerThread(threading.Thread):
    """The thread of one start to stop, and three promises between it and the caller."""

    def __init__(self, serve: Callable[[_ServerThread], Coroutine[Any, Any, None]]) -> None:
        # A daemon, so that a server that was never left doesn't keep the interpreter from ending.
        super().__init__(name="horay-local-server", daemon=True)
        self._serve = serve
        self.ready: Future[tuple[str, str]] = Future()
        """Base URL and model name, or why it didn't start."""
        self.stopping: Future[None] = Future()
        self.over: Future[None] = Future()
        for promise in (self.ready, self.stopping, self.over):
            # From here on a waiter that gives up can't cancel what others rely on.
            promise.set_running_or_notify_cancel()
        self.pid: int = os.getpid()
        self.start()

    def stop(self) -> None:
        """Ask the thread to end; any thread may, any number of times."""
        with contextlib.suppress(InvalidStateError):
            self.stopping.set_result(None)

    def run(self) -> None:
        try:
            asyncio.run(self._serve(self))
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits
            if self.ready.done():
                self.over.set_exception(failure)
                return
            self.ready.set_exception(failure)
        self.over.set_result(None)
