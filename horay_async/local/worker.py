"""llama.cpp's process: jobs come in as lines of JSON on standard input, events go out the same way.

`engine` starts this file by its path, without the package: it imports the standard library and the
binding, nothing else, so that the process is there quickly and holds nothing of the user's program.

Of the two ways into llama.cpp, calling its handlers and proxying to its own HTTP server, this is
the first. Both stream tokens as they are sampled, but only a handler's callback, asked for progress
events, can stop a job within one batch while a long prompt is still being read; the HTTP server
notices a closed connection only when it writes the first token. The binding starts that HTTP server
all the same, on a free loopback port. A random key that nobody is told closes it.

Messages to the process: `{"config": {...}}` once, then `{"id", "kind", "job"}` and `{"cancel": id}`.
Messages from it: `{"ready": true}` once, or `{"failed": reason}`, then `{"id", "event"}` for each of llama.cpp's events, and
`{"id", "done": true}` after a job's last one.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Final

Json = dict[str, Any]
Send = Callable[[Json], None]

NO_START: Final = "The model engine can't be started"
# llama.cpp's levels: below 0 nothing at all, 3 its usual report on each request.
QUIET: Final = -1
VERBOSE: Final = 3
# From linux/prctl.h: the signal that a process gets when the thread that started it ends.
PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Serve jobs until standard input ends, as it does when the parent process ends."""
    # llama.cpp and its libraries may print; standard output belongs to the protocol alone.
    output = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    parent, sys.path[:] = json.loads(sys.argv[1])
    end_with_parent(parent)
    lock = Lock()

    def send(message: Json) -> None:
        line = json.dumps(message)
        try:
            with lock:
                output.write(line + "\n")
                output.flush()
        except OSError:  # the parent process is gone
            os._exit(0)

    try:
        # Before the configuration comes: both take a while.
        binding = importlib.import_module("xllamacpp")
    except ImportError as missing:
        send({"failed": f"{NO_START}: the engine can't be imported: {missing}"})
        return
    lines = map(json.loads, sys.stdin)
    first: Json | None = next(lines, None)
    if first is None:
        return  # the server was stopped before there was anything to load
    config: Json = first["config"]
    try:
        llama = load(binding, config)
        limit_memory(config["headroom"])
    except RuntimeError as refused:
        causes = "it is damaged, of an unknown kind, or too large for this machine's memory"
        send({"failed": f"llama.cpp can't load {config['path']}: {causes} ({refused})"})
        return
    send({"ready": True})
    work(llama, config["slots"], lines, send)
    os._exit(0)  # jobs under way have nobody left to send their events to


def end_with_parent(parent: int) -> None:
    """Let the kernel end this process with the thread that started it (Linux).

    Standard input ends too, everywhere, but not while a process that the parent forked holds the
    other end of the pipe.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - of no use elsewhere

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before that
            os._exit(1)


def limit_memory(headroom: int) -> None:
    """Refuse this process more than `headroom` bytes beyond what it has now (Linux)."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - Unix alone has it

        with open("/proc/self/status", encoding="ascii") as status:
            sizes = dict(line.split(":", 1) for line in status)
        used = int(sizes["VmData"].split()[0]) * 1024
        # The data limit counts what is written to, and not, as the address space's does, weights
        # mapped from their file and room that malloc reserves for each thread.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = used + headroom if hard == resource.RLIM_INFINITY else min(used + headroom, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        # A crash must not leave a file of the process's size in the user's folder.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def load(binding: Any, config: Json) -> Any:
    """llama.cpp's server with the model loaded and its loop running; `RuntimeError` if it can't."""
    params = binding.CommonParams()
    params.model.path = config["path"]
    params.chat_template = config["chat_template"]
    params.verbosity = VERBOSE if config["verbose"] else QUIET
    params.n_parallel = config["slots"]
    params.n_ctx = config["context"] * config["slots"]
    params.n_batch = params.n_ubatch = config["batch"]
    params.cpuparams.n_threads = config["threads"]
    # Waiting threads sleep: the clients and the local server share the cores with the model.
    params.cpuparams.poll = 0
    params.api_keys = [secrets.token_urlsafe()]
    params.ui = False
    params.endpoint_metrics = True
    # No trial run, no fitting to a GPU, no store of old prompts: they only slow the start.
    params.warmup = params.fit_params = False
    params.cache_ram_mib = 0
    if config["embedding"]:
        params.embedding = True
        params.pooling_type = binding.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    llama = binding.Server(params)
    llama.handle_metrics()  # a response shows that llama.cpp's loop runs
    return llama


def work(llama: Any, slots: int, messages: Iterable[Json], send: Send) -> None:
    """Run the jobs that `messages` ask for, `slots` at once, until there are no more messages."""
    left: set[int] = set()  # jobs to stop at their next event
    running: set[int] = set()

    def run(number: int, kind: str, job: Json) -> None:
        def take(event: object) -> bool:
            if number not in left:
                send({"id": number, "event": event})
            return number in left

        if number not in left:
            run_job(llama, kind, job, take)
        running.discard(number)
        left.discard(number)
        send({"id": number, "done": True})

    with ThreadPoolExecutor(slots) as pool:
        for message in messages:
            if "cancel" in message:
                left.update(running & {message["cancel"]})
            else:
                running.add(message["id"])
                pool.submit(run, message["id"], message["kind"], message["job"])
        pool.shutdown(wait=False, cancel_futures=True)


def run_job(llama: Any, kind: str, job: Json, take: Callable[[object], bool]) -> None:
    """Run one job; `take` gets each event of it and says whether to stop."""
    handler = getattr(llama, f"handle_{kind}")
    try:
        if kind == "metrics":
            take({"metrics": handler()})
        elif kind == "embeddings":  # has no events: one response, as text
            take(json.loads(handler(json.dumps(job).encode())))
        else:

            def callback(raw: bytes) -> bool:
                return take(json.loads(raw))

            handler(json.dumps(job).encode(), callback)
    except (RuntimeError, ValueError) as refused:
        # llama.cpp throws for requests it can't take, such as an image for a text model.
        take({"error": {"code": 400, "message": str(refused)}})


if __name__ == "__main__":
    main()
