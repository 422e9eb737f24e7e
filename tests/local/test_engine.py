"""A client that leaves stops its generation: shown by what llama.cpp itself counts."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from horay_async.local import LocalServer, LocalServerError, weights
from horay_async.local import engine as engine_module
from horay_async.local import server as server_module
from horay_async.local.engine import Engine, Run, default_threads

from .wire import Json, Wire

# Far more than any of these tests lets be generated.
LONG: Json = {"model": "any", "prompt": "Once upon a time", "max_tokens": 1500, "ignore_eos": True}
SHORT: Json = {"prompt": "One", "max_tokens": 2}


class Llama:
    """The engine behind a server of one slot, and llama.cpp's counters in it."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []

    def engine(self, *args: Any, **options: Any) -> Engine:
        """Stands in for the class, and keeps what it makes."""
        self.engines.append(Engine(*args, **options))
        return self.engines[-1]

    def counted(self, name: str) -> int:
        """One of llama.cpp's counters."""
        metrics = self.engines[-1]._llama.handle_metrics()
        found = re.search(rf"^llamacpp:{name} (\d+)$", metrics, re.MULTILINE)
        assert found is not None
        return int(found[1])


@pytest.fixture(scope="module")
def llama() -> Llama:
    """The counters of this module's server."""
    return Llama()


@pytest.fixture(scope="module")
def server(llama: Llama) -> Iterator[LocalServer]:
    """A server with a single slot: whoever is next gets it only when it is free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_module, "Engine", llama.engine)
        with LocalServer(slots=1, threads=1) as running:
            yield running


class Signal:
    """Something that happens in the server's threads, for a test to wait for."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def after(self, function: Callable[..., Any], times: int = 1) -> Callable[..., Any]:
        """`function`, telling when it has been called so many times."""
        calls: list[None] = []

        def told(*args: Any) -> Any:
            result = function(*args)
            calls.append(None)
            if len(calls) == times:
                self._event.set()
            return result

        return told

    async def wait(self) -> None:
        """Returns when it has happened; a test that waits in vain fails."""
        assert await asyncio.to_thread(self._event.wait, 60)


@pytest.mark.anyio
async def test_leaving_a_stream(wire: Wire, llama: Llama) -> None:
    """A stream's first token comes while the rest is unsaid, and leaving leaves it so."""
    before = llama.counted("n_decode_total")
    async with wire.session.post(wire.url + "/completions", json=LONG | {"stream": True}) as left:
        assert (await left.content.readline()).startswith(b"data: {")
        left.close()
    await wire.post("/completions", **SHORT)  # answered only when the slot is free
    assert llama.counted("n_decode_total") - before < 700
    assert llama.counted("requests_processing") == 0


@pytest.mark.anyio
async def test_leaving_a_whole_answer(
    wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generation of a response that nobody waits for any more is stopped as well."""
    before, begun = llama.counted("n_decode_total"), Signal()
    monkeypatch.setattr(Run, "_take", begun.after(Run._take))
    asking = asyncio.create_task(wire.post("/completions", **LONG))
    await begun.wait()
    asking.cancel()
    await wire.post("/completions", **SHORT)
    assert llama.counted("n_decode_total") - before < 700


@pytest.mark.anyio
async def test_leaving_while_the_prompt_is_read(
    wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long prompt is read in batches, and no further than the client's patience."""
    before, begun = llama.counted("n_decode_total"), Signal()
    monkeypatch.setattr(Run, "_take", begun.after(Run._take))
    tokens = 1900
    asking = asyncio.create_task(wire.post("/completions", prompt="word " * tokens))
    await begun.wait()
    asking.cancel()
    await wire.post("/completions", **SHORT)
    assert llama.counted("n_decode_total") - before < tokens / engine_module.BATCH


@pytest.mark.anyio
async def test_leaving_the_line(
    wire: Wire, server: LocalServer, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that waits for the slot and is given up never gets it."""
    queued, work = Signal(), engine_module._work
    begun: list[str] = []
    monkeypatch.setattr(Engine, "submit", queued.after(Engine.submit, times=2))

    def noted(handler: Any, job: Json, take: Any) -> None:
        begun.append(job["prompt"])
        work(handler, job, take)

    monkeypatch.setattr(engine_module, "_work", noted)
    async with wire.session.post(wire.url + "/completions", json=LONG | {"stream": True}) as first:
        await first.content.readline()
        third: Json = LONG | {"prompt": "In line"}
        waiting = asyncio.create_task(wire.post("/completions", **third))
        await queued.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # The server answers in the order in which it hears: now it knows.
        async with aiohttp.ClientSession(headers=dict(wire.session.headers)) as other:
            await Wire(other, server).get("/models")
        first.close()
    await wire.post("/completions", **SHORT)
    assert begun == [LONG["prompt"], SHORT["prompt"]]


def test_stopped_at_once() -> None:
    """An engine that is closed as soon as it is there closes; llama.cpp alone hangs at times."""
    for _ in range(3):
        Engine(weights.find(), slots=1, context=64, threads=1).close()


def test_default_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One core is left to others, where there is more than one, and four are enough."""
    for cores, threads in ((1, 1), (2, 1), (3, 2), (5, 4), (64, 4)):

        def allowed(_: int, cores: int = cores) -> set[int]:
            return set(range(cores))

        monkeypatch.setattr(os, "sched_getaffinity", allowed, raising=False)
        assert default_threads() == threads
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_threads() == 1


def test_damaged_model(tmp_path: Path) -> None:
    """A file that only begins like a model is one plain sentence."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(LocalServerError, match=r"can't load .*broken\.gguf: it is damaged"):
        Engine(broken, slots=1, context=64)


def test_missing_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the `local` extra the error says how to install it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(LocalServerError, match=r"pip install 'horay-async\[local\]'"):
        Engine(tmp_path / "any.gguf", slots=1, context=64)
