"""llama.cpp's process from the inside, with a stand-in for the binding."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from horay_async.local import worker

from .wire import Json


class Llama:
    """Stands in for llama.cpp's server: a job is the events that it has, or the error."""

    def __init__(self, params: Any = None) -> None:
        self.params = params
        self.stopped: list[Json] = []

    def handle_completions(self, raw: bytes, callback: Callable[[bytes], bool]) -> None:
        job = json.loads(raw)
        if "refused" in job:
            raise RuntimeError(job["refused"])
        for event in job["events"]:
            if callback(json.dumps(event).encode()):
                self.stopped.append(job)
                return

    def handle_embeddings(self, raw: bytes) -> bytes:
        return b'{"data": []}'

    def handle_metrics(self) -> str:
        return "counters"


def job(number: int, kind: str = "completions", **fields: Any) -> Json:
    """The message that asks for a job."""
    return {"id": number, "kind": kind, "job": fields}


def test_jobs() -> None:
    """Each job sends its events in order, then that it is done."""
    sent: list[Json] = []
    done = threading.Semaphore(0)

    def send(message: Json) -> None:
        sent.append(message)
        if "done" in message:
            done.release()

    def messages() -> Iterator[Json]:
        for one in jobs:
            yield one
            assert done.acquire(timeout=60)  # the end of the messages stops what still runs

    jobs = [
        job(1, events=[{"n": 1}, {"n": 2}]),
        job(2, refused="no images"),
        job(3, "embeddings"),
        job(4, "metrics"),
    ]
    worker.work(Llama(), 1, messages(), send)
    assert sent == [
        {"id": 1, "event": {"n": 1}},
        {"id": 1, "event": {"n": 2}},
        {"id": 1, "done": True},
        {"id": 2, "event": {"error": {"code": 400, "message": "no images"}}},
        {"id": 2, "done": True},
        {"id": 3, "event": {"data": []}},
        {"id": 3, "done": True},
        {"id": 4, "event": {"metrics": "counters"}},
        {"id": 4, "done": True},
    ]


def test_cancelled() -> None:
    """A job that is cancelled stops at its next event; one that never was there is no matter."""
    llama, sent = Llama(), list[Json]()
    begun, cancelled, done = threading.Event(), threading.Event(), threading.Semaphore(0)

    def send(message: Json) -> None:
        sent.append(message)
        if "event" in message:
            begun.set()
            assert cancelled.wait(60)
        else:
            done.release()

    def messages() -> Iterator[Json]:
        yield {"cancel": 9}
        yield job(1, events=[{"n": 1}, {"n": 2}, {"n": 3}])
        assert begun.wait(60)
        yield {"cancel": 1}
        cancelled.set()  # the message above was read, as this one is asked for
        assert done.acquire(timeout=60)
        yield job(2, events=[])
        assert done.acquire(timeout=60)

    worker.work(llama, 1, messages(), send)
    assert sent == [
        {"id": 1, "event": {"n": 1}},
        {"id": 1, "done": True},
        {"id": 2, "done": True},
    ]
    assert len(llama.stopped) == 1


CONFIG: Json = {
    "path": "model.gguf",
    "slots": 2,
    "context": 64,
    "batch": 128,
    "threads": 1,
    "chat_template": "",
    "verbose": False,
    "embedding": False,
}


@pytest.mark.parametrize("embedding", [False, True])
def test_load(embedding: bool) -> None:
    """The model gets the context of all slots, and pooling where it embeds."""
    pooling = SimpleNamespace(LLAMA_POOLING_TYPE_MEAN="mean")

    def params() -> SimpleNamespace:
        return SimpleNamespace(
            model=SimpleNamespace(), cpuparams=SimpleNamespace(), pooling_type=None
        )

    binding = SimpleNamespace(CommonParams=params, Server=Llama, llama_pooling_type=pooling)
    loaded = worker.load(binding, CONFIG | {"embedding": embedding}).params
    assert (loaded.n_ctx, loaded.n_parallel, loaded.n_batch) == (128, 2, 128)
    assert loaded.verbosity == worker.QUIET
    assert loaded.pooling_type == ("mean" if embedding else None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of the parent's end")
def test_parent_is_gone() -> None:
    """A process whose parent ended before it could say that it wants to know ends at once."""
    no_parent = 0
    done = subprocess.run(
        [sys.executable, "-I", "-S", worker.__file__, json.dumps([no_parent, sys.path])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
