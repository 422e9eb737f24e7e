"""llama.cpp in this process: one worker thread per slot, and events handed to an event loop.

Of the two ways into the engine, calling its handlers and proxying to its own HTTP server, this is
the first. Both stream tokens as they are sampled, but only a handler's callback, asked for progress
events, can stop a job within one batch while a long prompt is still being read; the HTTP server
notices a closed connection only when it writes the first token.

The binding starts that HTTP server all the same, on a free loopback port. A random key that nobody
is told closes it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self

from .errors import ApiProblem, LocalServerError
from .validation import is_object

Kind = Literal["completions", "chat_completions"]
Event = dict[str, Any]

# Prompt tokens read between two looks at whether the client is still there: about 0.4 s of two
# slow cores for a model of this size.
BATCH: Final = 128
# More threads gain a model of this size nothing, and machines often grant fewer than they show.
MAX_THREADS: Final = 4
# Cores left to the clients and to whatever else runs. llama.cpp's threads wait for each other many
# times a token, spinning, and one that has to share its core holds up all: on two busy cores, two
# threads gave 4 tokens a second and one thread 60; on two idle ones, 107 and 65.
SPARE_CORES: Final = 1
# llama.cpp's levels: below 0 nothing at all, 3 its usual report on each request.
QUIET: Final = -1
VERBOSE: Final = 3


def default_threads() -> int:
    """All but `SPARE_CORES` of the cores that this process may use, 1 to `MAX_THREADS`."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cores - SPARE_CORES))


class Engine:
    """A loaded model with `slots` requests at work at once; further ones wait in line.

    `context` is the tokens of one request, prompt and generated text together. Loading blocks the calling
    thread, and for most of that time (0.3 s for the default model) the binding also holds
    the interpreter's lock. `chat_template` (Jinja) replaces the model's own; empty keeps that.
    Raises `LocalServerError` for a file that isn't a usable model.
    """

    def __init__(
        self,
        path: Path,
        *,
        slots: int,
        context: int,
        threads: int | None = None,
        chat_template: str = "",
        verbose: bool = False,
    ) -> None:
        try:
            binding = importlib.import_module("xllamacpp")
        except ImportError as missing:
            raise LocalServerError(
                "The local server's model engine is missing; "
                "install it with: pip install 'horay-async[local]'"
            ) from missing
        params = binding.CommonParams()
        params.model.path = os.fspath(path)
        params.chat_template = chat_template
        params.verbosity = VERBOSE if verbose else QUIET
        params.n_parallel = slots
        params.n_ctx = context * slots
        params.n_batch = params.n_ubatch = max(BATCH, slots)
        params.cpuparams.n_threads = threads or default_threads()
        # Waiting threads sleep: the clients and this server share the cores with the model.
        params.cpuparams.poll = 0
        params.api_keys = [secrets.token_urlsafe()]
        params.ui = False
        params.endpoint_metrics = True
        # No trial run, no fitting to a GPU, no store of old prompts: they only slow the start.
        params.warmup = params.fit_params = False
        params.cache_ram_mib = 0
        try:
            self._llama = binding.Server(params)
        except RuntimeError as refused:
            raise LocalServerError(
                f"llama.cpp can't load {path}: it is damaged, of an unknown kind, or too large "
                "for this machine's memory."
            ) from refused
        # A response shows that llama.cpp's loop runs. Stopped before that, it would start afterwards
        # and never end, nor would the wait for it.
        self._llama.handle_metrics()
        self.closing: bool = False
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="horay-local-engine")

    def run(self, kind: Kind, jobs: Sequence[Event]) -> Run:
        """Queue one job per choice; use it as `async with` around an `async for`."""
        return Run(self, kind, jobs)

    def submit(self, kind: Kind, job: Event, take: Callable[[Event], bool]) -> Future[None]:
        """Queue one job; a worker calls `take` with each event, and stops when that says true."""
        return self._pool.submit(_work, getattr(self._llama, f"handle_{kind}"), job, take)

    def interrupt(self) -> None:
        """Stop all jobs, now or at their next event; their streams end with a 503."""
        self.closing = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Stop all jobs, wait for the worker threads, and unload the model."""
        self.interrupt()
        self._pool.shutdown()
        # The only reference: the binding stops its threads when the object goes.
        del self._llama


class Run:
    """The jobs of one request; iterating gives `(index of the choice, llama.cpp's event)`.

    Leaving the context stops what is still running. Iterating raises `ApiProblem` with
    llama.cpp's status and words when it refuses a job, or 503 when the engine stops.
    """

    def __init__(self, engine: Engine, kind: Kind, jobs: Sequence[Event]) -> None:
        self._engine = engine
        self._kind: Kind = kind
        self._jobs = jobs
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[int, Event | None]] = asyncio.Queue()
        self._futures: list[Future[None]] = []
        self._left = False

    async def __aenter__(self) -> Self:
        if self._engine.closing:
            raise _stopping()
        for index, job in enumerate(self._jobs):
            future = self._engine.submit(self._kind, job, partial(self._take, index))
            future.add_done_callback(partial(self._done, index))
            self._futures.append(future)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left = True
        for future in self._futures:
            future.cancel()

    async def __aiter__(self) -> AsyncIterator[tuple[int, Event]]:
        running = len(self._jobs)
        while running:
            index, event = await self._events.get()
            if event is None:
                if self._engine.closing:
                    raise _stopping()
                running -= 1
            elif "error" in event:
                raise _problem(event["error"])
            else:
                yield index, event

    def _take(self, index: int, event: Event) -> bool:
        """Called in a worker thread with each event; true stops the job."""
        if self._left or self._engine.closing:
            return True
        self._loop.call_soon_threadsafe(self._events.put_nowait, (index, event))
        return False

    def _done(self, index: int, _: Future[None]) -> None:
        # Nobody reads on after leaving, and by then the loop may be closed.
        if not self._left:
            self._loop.call_soon_threadsafe(self._events.put_nowait, (index, None))


def _work(
    handler: Callable[[bytes, Callable[[bytes], bool]], None],
    job: Event,
    take: Callable[[Event], bool],
) -> None:
    def callback(raw: bytes) -> bool:
        event: object = json.loads(raw)
        return is_object(event) and take(event)

    try:
        handler(json.dumps(job).encode(), callback)
    except (RuntimeError, ValueError) as refused:
        # llama.cpp throws for requests it can't take, such as an image for a text model.
        take({"error": {"code": 400, "message": str(refused)}})


def _stopping() -> ApiProblem:
    return ApiProblem(503, "the local server is stopping", type="server_error")


def _problem(error: Event) -> ApiProblem:
    status = error.get("code", 500)
    kind = error.get("type", "invalid_request_error")
    return ApiProblem(status, str(error.get("message", "the model engine failed")), type=kind)
