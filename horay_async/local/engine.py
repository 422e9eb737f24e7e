"""The model engine: llama.cpp in a process of its own, restarted when it dies.

llama.cpp ends its process on requests that it doesn't foresee, by a signal or an uncaught exception.
Here that costs the requests under way a 500, and neither the local server nor the user's program
that it runs in. `worker` is the other end of the pipes, and says what goes over them.

Everything here runs in the server's event loop, but for two threads that read and write the pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self

from horay_async._extras import missing_extra
from horay_async._json import is_object

from . import worker
from .errors import ApiProblem, LocalServerError

Kind = Literal["completions", "chat_completions", "embeddings", "metrics"]
Event = dict[str, Any]

# Prompt tokens read between two looks at whether the client is still there: about 0.4 s of two
# slow cores for a model of this size.
BATCH: Final = 128
# Tokens of the longest text to embed: pooled text is read in one batch, whose memory grows with it.
MAX_EMBEDDED: Final = 2048
# More threads gain a model of this size nothing, and machines often grant fewer than they show.
MAX_THREADS: Final = 4
# Cores left to the clients and to whatever else runs. llama.cpp's threads wait for each other many
# times a token, spinning, and one that has to share its core holds up all: on two busy cores, two
# threads gave 4 tokens a second and one thread 60; on two idle ones, 107 and 65.
SPARE_CORES: Final = 1
# Bytes that the process may take beyond the loaded model: twenty times what the tests need. The
# rest is for the stacks of threads, 8 MiB each on Linux.
HEADROOM: Final = 1 << 30
HEADROOM_PER_SLOT: Final = 16 << 20
# Seconds without a message from a process that has jobs, until it counts as hung. It is silent longest
# over a batch of `MAX_EMBEDDED` tokens: up to 30 s on one busy core.
HUNG_AFTER: Final = 120.0
# Seconds to wait for a thread whose pipe is closed already.
_JOIN: Final = 2.0


def default_threads() -> int:
    """All but `SPARE_CORES` of the cores that this process may use, 1 to `MAX_THREADS`."""
    has_own = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_own else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cores - SPARE_CORES))


@dataclass(frozen=True)
class EngineOptions:
    """What an engine is started with; `context` is tokens of a request, prompt and text together."""

    slots: int
    context: int
    threads: int | None = None
    verbose: bool = False
    embedding: bool = False
    """Whether it embeds texts, one at a time, instead of generating."""

    @property
    def longest(self) -> int:
        """Tokens of the longest request."""
        return min(self.context, MAX_EMBEDDED) if self.embedding else self.context

    def config(self, path: Path, chat_template: str) -> Event:
        """The worker's configuration."""
        return asdict(self) | {
            "path": os.fspath(path),
            "context": self.longest,
            # A text to embed is read in one batch, any other in small ones.
            "batch": self.longest if self.embedding else max(BATCH, self.slots),
            "threads": self.threads or default_threads(),
            "chat_template": chat_template,
            "headroom": HEADROOM + self.slots * HEADROOM_PER_SLOT,
        }


class Process:
    """One worker process. `receive` gets each of its messages in the event loop, then None.

    Making one raises `OSError` where the system can't start it.
    """

    def __init__(self, receive: Callable[[Event | None], None], *, verbose: bool) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        arguments = json.dumps([os.getpid(), sys.path])
        # Isolated and without site: the parent's sys.path is all that it needs. By its path: the
        # package's own __init__ would load the web server.
        command = [sys.executable, "-I", "-S", "-W", "ignore", worker.__file__, arguments]
        self.popen: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose and sys.stderr is not None else subprocess.DEVNULL,
            # A Ctrl-C in the terminal is for the user's program, which stops this process.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            # llama.cpp would start a debugger to print where it failed.
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},
        )
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=target, name=f"horay-local-{name}", daemon=True)
            for target, name in ((self._read, "reader"), (self._write, "writer"))
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Event) -> None:
        """Send a message, without waiting; one to a process that died is dropped."""
        self._to_send.put(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """End the process and both threads, and wait for that; `receive` hears nothing more."""
        self._receive = _ignore
        self.popen.kill()
        self._to_send.put(None)
        self.popen.wait()
        for thread in self._threads:
            # With an end: a process that the user's program forked while this one was started can
            # hold its pipes open.
            thread.join(_JOIN)

    def ending(self) -> str:
        """How the process ended, as text; it must have."""
        status = self.popen.wait()
        try:
            return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        except ValueError:  # a real-time signal
            return f"by signal {-status}"

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            for line in lines:
                self._deliver(json.loads(line))
        self._deliver(None)

    def _deliver(self, message: Event | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(lambda: self._receive(message))

    def _write(self) -> None:
        assert self.popen.stdin is not None
        # A process that has died takes nothing more: the reader notices that.
        with contextlib.suppress(OSError), self.popen.stdin as pipe:
            while (line := self._to_send.get()) is not None:
                pipe.write(line)
                pipe.flush()


def _ignore(_: Event | None) -> None:
    """Receives nothing."""


@dataclass(eq=False)
class Job:
    """One job of a `Run`, waiting or in the process."""

    kind: Kind
    fields: Event
    receive: Callable[[Event | None], None]
    """Gets each event; None after the last one."""
    number: int = field(default_factory=itertools.count(1).__next__, init=False)
    """What it is called in messages to and from the process."""


class Engine:
    """A model in a process of its own with `slots` requests at work at once; more wait in line.

    Make it in a running event loop. The process starts at once, and has its libraries loaded by the
    time that `start` names the model. Where it dies, jobs under way end with a 500 and a new process
    goes on with the line; where that doesn't come up, all jobs end so, and the next job tries again.
    """

    def __init__(self, options: EngineOptions) -> None:
        if missing := missing_extra("The local server", "local", "xllamacpp", "jsonschema"):
            raise LocalServerError(missing)
        self.options = options
        """What it was made with."""
        self._config: Event | None = None
        """Tells which model to load; None until `load`."""
        self._waiting: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._ready = False
        self._start_failed: str | None = None
        """Why the last process never came up, as a sentence without its full stop; else None."""
        self._started = asyncio.Event()
        """Set once the first process is ready, or can't be."""
        self.closing: bool = False
        self._watch: asyncio.TimerHandle | None = None
        """Ends a process that stays silent over its jobs."""
        self._process: Process | None = None
        self._spawn()

    def load(self, path: Path, chat_template: str = "") -> None:
        """Begin to load the model; jobs wait in line until then.

        `chat_template` (Jinja) replaces the model's own; empty keeps that.
        """
        self._config = self.options.config(path, chat_template)
        self._send_config()

    async def loaded(self) -> None:
        """Wait until the model is loaded; raises `LocalServerError` if it can't be."""
        await self._started.wait()
        if self._start_failed is not None:
            raise LocalServerError(f"{self._start_failed}.")

    def run(self, kind: Kind, jobs: Sequence[Event]) -> Run:
        """Queue one job per choice; use it as `async with` around an `async for`."""
        return Run(self, kind, jobs)

    def submit(self, job: Job) -> None:
        """Queue one job."""
        self._waiting.append(job)
        if self._process is None:
            self._spawn()
        self._fill()

    def cancel(self, job: Job) -> None:
        """Stop a job, waiting or at its next event; it hears nothing more."""
        job.receive = _ignore
        if job in self._waiting:
            self._waiting.remove(job)
        if job.number in self._running and self._process is not None:
            self._process.send({"cancel": job.number})

    def interrupt(self) -> None:
        """Stop all jobs now; their streams end with a 503."""
        self.closing = True
        self._end_jobs(_stopping(), waiting=True)

    def close(self) -> None:
        """Stop all jobs and end the process."""
        self.interrupt()
        if self._process is not None:
            self._process.close()
            self._process = None

    def _spawn(self) -> None:
        self._ready, self._start_failed = False, None
        try:
            self._process = Process(self._receive, verbose=self.options.verbose)
        except OSError as error:
            self._not_started(f"{worker.NO_START}: {error.strerror or error}")
        else:
            self._send_config()

    def _send_config(self) -> None:
        if self._config is not None and self._process is not None:
            self._process.send({"config": self._config})

    def _receive(self, message: Event | None) -> None:
        self._watch_anew()
        match message:
            case None:
                self._died()
            case {"ready": True}:
                self._ready = True
                self._started.set()
                self._fill()
            case {"failed": reason}:
                self._start_failed = reason
            case {"id": number, "done": True} if number in self._running:
                self._running.pop(number).receive(None)
                self._fill()
            case {"id": number, "event": event} if number in self._running and is_object(event):
                self._running[number].receive(event)
            case _:
                pass  # of a job that was ended

    def _died(self) -> None:
        """The process ended by itself, or because it hung."""
        assert self._process is not None
        ending = self._process.ending()
        self._process.close()
        self._process = None
        if self.closing:
            return
        if self._ready:
            problem = _failed(f"the model engine ended {ending}; it is restarted")
            self._end_jobs(problem, waiting=False)
            self._spawn()
        else:
            self._not_started(
                self._start_failed or f"{worker.NO_START}: its process ended {ending}"
            )

    def _not_started(self, reason: str) -> None:
        self._start_failed = reason
        self._started.set()
        self._end_jobs(_failed(reason), waiting=True)

    def _end_jobs(self, problem: ApiProblem, *, waiting: bool) -> None:
        """End the jobs that run, and those that wait, too."""
        ended = [*self._running.values(), *(self._waiting if waiting else ())]
        self._running.clear()
        if waiting:
            self._waiting.clear()
        self._watch_anew()
        for job in ended:
            job.receive({"problem": problem})

    def _fill(self) -> None:
        """Send the process as many jobs as it has free slots."""
        while self._ready and self._waiting and len(self._running) < self.options.slots:
            job = self._waiting.popleft()
            self._running[job.number] = job
            assert self._process is not None  # it is ready
            self._process.send({"id": job.number, "kind": job.kind, "job": job.fields})
        self._watch_anew()

    def _watch_anew(self) -> None:
        """Count the seconds of silence from now on, as long as there are jobs."""
        if self._watch is not None:
            self._watch.cancel()
        if self._running and self._process is not None:
            # `_receive` hears of its end.
            end = self._process.popen.kill
            self._watch = asyncio.get_running_loop().call_later(HUNG_AFTER, end)


class Run:
    """The jobs of one request; iterating gives `(index of the choice, llama.cpp's event)`.

    Leaving the context stops what is still running. Iterating raises `ApiProblem`: with llama.cpp's
    status and message when it refuses a job, 500 when its process dies, 503 when the server stops.
    """

    def __init__(self, engine: Engine, kind: Kind, jobs: Sequence[Event]) -> None:
        self._engine = engine
        self._events: asyncio.Queue[tuple[int, Event | None]] = asyncio.Queue()
        self._jobs = [Job(kind, job, partial(self._take, index)) for index, job in enumerate(jobs)]

    async def __aenter__(self) -> Self:
        if self._engine.closing:
            raise _stopping()
        for job in self._jobs:
            self._engine.submit(job)
        return self

    async def __aexit__(self, *_: object) -> None:
        for job in self._jobs:
            self._engine.cancel(job)

    async def __aiter__(self) -> AsyncIterator[tuple[int, Event]]:
        running = len(self._jobs)
        while running:
            index, event = await self._events.get()
            if event is None:
                running -= 1
            elif "problem" in event:
                raise event["problem"]
            elif "error" in event:
                raise _problem(event["error"])
            else:
                yield index, event

    def _take(self, index: int, event: Event | None) -> None:
        self._events.put_nowait((index, event))


def _stopping() -> ApiProblem:
    return ApiProblem(503, "the local server is stopping", type="server_error")


def _failed(message: str) -> ApiProblem:
    return ApiProblem(500, message, type="server_error", code="engine_failed")


ADVICE: Final = {
    ", try increasing it": ": `horay serve --context N` sets it, and LocalServer(context=N)",
    " - hint: if this is unexpected, you may need to provide the mmproj": ": the model takes text alone",
}
"""What llama.cpp advises, and what there is here."""


def _problem(error: Event) -> ApiProblem:
    status = error.get("code", 500)
    kind = error.get("type", "invalid_request_error")
    message = str(error.get("message", "the model engine failed"))
    for theirs, ours in ADVICE.items():
        message = message.replace(theirs, ours)
    return ApiProblem(status, message, type=kind)
