"""A client that leaves stops its generation: shown by what llama.cpp itself counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from horay_async.local import LocalServer, LocalServerError, weights, worker
from horay_async.local import engine as engine_module
from horay_async.local import server as server_module
from horay_async.local.engine import Engine, EngineOptions, Process, Run, default_threads
from horay_async.local.errors import ApiProblem

from .wire import Json, Wire

# Far more than any of these tests lets be generated.
LONG: Json = {"model": "any", "prompt": "Once upon a time", "max_tokens": 1500, "ignore_eos": True}
SHORT: Json = {"prompt": "One", "max_tokens": 2}


class Llama:
    """The engine behind a server of one slot, and llama.cpp's counters in it."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []
        self.loops: list[asyncio.AbstractEventLoop] = []

    def engine(self, options: EngineOptions) -> Engine:
        """Stands in for the class, and keeps what it makes."""
        self.engines.append(Engine(options))
        self.loops.append(asyncio.get_running_loop())
        return self.engines[-1]

    async def counted(self, name: str) -> int:
        """One of llama.cpp's counters, told once the slot is free."""

        async def ask() -> str:
            async with self.engines[0].run("metrics", [{}]) as events:
                return "".join([event["metrics"] async for _, event in events])

        asked = asyncio.run_coroutine_threadsafe(ask(), self.loops[0])
        found = re.search(
            rf"^llamacpp:{name} (\d+)$", await asyncio.wrap_future(asked), re.MULTILINE
        )
        assert found is not None
        return int(found[1])

    def pid(self) -> int:
        """The engine's process."""
        process = self.engines[0]._process
        assert process is not None
        return process.popen.pid


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
    before = await llama.counted("n_decode_total")
    async with wire.session.post(wire.url + "/completions", json=LONG | {"stream": True}) as left:
        assert (await left.content.readline()).startswith(b"data: {")
        left.close()
    await wire.post("/completions", **SHORT)  # answered only when the slot is free
    assert await llama.counted("n_decode_total") - before < 700
    assert await llama.counted("requests_processing") == 0


@pytest.mark.anyio
async def test_leaving_a_whole_response(
    wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generation of a response that nobody waits for any more is stopped as well."""
    before, begun = await llama.counted("n_decode_total"), Signal()
    monkeypatch.setattr(Run, "_take", begun.after(Run._take))
    asking = asyncio.create_task(wire.post("/completions", **LONG))
    await begun.wait()
    asking.cancel()
    await wire.post("/completions", **SHORT)
    assert await llama.counted("n_decode_total") - before < 700


@pytest.mark.anyio
async def test_leaving_while_the_prompt_is_read(
    wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long prompt is read in batches, and no further than the client's patience."""
    before, begun = await llama.counted("n_decode_total"), Signal()
    monkeypatch.setattr(Run, "_take", begun.after(Run._take))
    tokens = 1900
    asking = asyncio.create_task(wire.post("/completions", prompt="word " * tokens))
    await begun.wait()
    asking.cancel()
    await wire.post("/completions", **SHORT)
    assert await llama.counted("n_decode_total") - before < tokens / engine_module.BATCH


@pytest.mark.anyio
async def test_leaving_the_line(
    wire: Wire, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that waits for the slot and is given up never gets it."""
    queued, send = Signal(), Process.send
    begun: list[str] = []
    monkeypatch.setattr(Engine, "submit", queued.after(Engine.submit, times=2))

    def noted(process: Process, message: Json) -> None:
        if "job" in message:
            begun.append(message["job"]["prompt"])
        send(process, message)

    monkeypatch.setattr(Process, "send", noted)
    async with wire.session.post(wire.url + "/completions", json=LONG | {"stream": True}) as first:
        await first.content.readline()
        third: Json = LONG | {"prompt": "In line"}
        waiting = asyncio.create_task(wire.post("/completions", **third))
        await queued.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # The server responds in the order in which it hears: now it knows.
        async with aiohttp.ClientSession(headers=dict(wire.session.headers)) as other:
            await Wire(other, server).get("/models")
        first.close()
    await wire.post("/completions", **SHORT)
    assert begun == [LONG["prompt"], SHORT["prompt"]]


@pytest.mark.posix
@pytest.mark.anyio
@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
async def test_crash(wire: Wire, llama: Llama, how: signal.Signals) -> None:
    """A process that dies costs the requests under way a 500, and the line goes on in a new one."""
    died = llama.pid()
    async with wire.session.post(wire.url + "/completions", json=LONG | {"stream": True}) as open_:
        assert (await open_.content.readline()).startswith(b"data: {")
        in_line = asyncio.create_task(wire.post("/completions", **SHORT))
        await wire.get("/models")  # read after the request above, on a connection of its own
        os.kill(died, how)
        *_, last = (await open_.text()).strip().split("\n\n")
    error = json.loads(last.removeprefix("data: "))["error"]
    assert f"ended by {how.name}" in error["message"]
    assert (error["type"], error["code"]) == ("server_error", "engine_failed")
    assert (await in_line)["usage"]["completion_tokens"] == 2
    assert llama.pid() != died


@pytest.mark.posix
@pytest.mark.anyio
async def test_crash_of_a_whole_response(
    wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was sent yet the response is a 500 in the API's form."""
    begun = Signal()
    monkeypatch.setattr(Run, "_take", begun.after(Run._take))
    asking = asyncio.create_task(wire.post("/completions", status=500, **LONG))
    await begun.wait()
    os.kill(llama.pid(), signal.SIGABRT)
    assert "ended by SIGABRT; it is restarted" in (await asking)["error"]["message"]
    await wire.post("/completions", **SHORT)


@pytest.mark.posix
@pytest.mark.anyio
async def test_hung(wire: Wire, llama: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says nothing any more is ended, and the request answered 500."""
    monkeypatch.setattr(engine_module, "HUNG_AFTER", 0.5)
    os.kill(llama.pid(), signal.SIGSTOP)
    refused = await wire.post("/completions", status=500, **SHORT)
    assert "ended by SIGKILL" in refused["error"]["message"]
    monkeypatch.undo()
    await wire.post("/completions", **SHORT)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data")
@pytest.mark.anyio
async def test_memory_limit(wire: Wire, llama: Llama) -> None:
    """The process can't take more than the model's memory and a fixed amount."""
    await wire.post("/completions", **SHORT)
    limit, _ = resource.prlimit(llama.pid(), resource.RLIMIT_DATA)
    assert engine_module.HEADROOM < limit < engine_module.HEADROOM + (2 << 30)


@pytest.mark.posix
@pytest.mark.anyio
async def test_restart_that_fails(tmp_path: Path) -> None:
    """Where the model is gone at a restart, jobs end with a 500 that says so, until it is back."""
    path, away = tmp_path / "model.gguf", tmp_path / "away.gguf"
    path.symlink_to(weights.find())
    engine = Engine(EngineOptions(slots=1, context=64, threads=1))
    with contextlib.closing(engine):
        engine.load(path)
        await engine.loaded()
        path.rename(away)
        assert engine._process is not None
        engine._process.popen.kill()
        for words in ("ended by SIGKILL", r"can't load .*model\.gguf", r"can't load .*model\.gguf"):
            with pytest.raises(ApiProblem, match=words) as caught:
                await run_short(engine)
            assert caught.value.status == 500
        away.rename(path)
        await run_short(engine)


async def run_short(engine: Engine) -> None:
    """A short job, run to its end."""
    async with engine.run("completions", [{**SHORT, "stream": True}]) as events:
        assert [event async for _, event in events]


@pytest.mark.anyio
async def test_closed_at_once() -> None:
    """An engine that is closed as soon as it is there, or while it loads, ends its process."""
    for loading in (False, True):
        engine = Engine(EngineOptions(slots=1, context=64, threads=1))
        assert engine._process is not None
        popen = engine._process.popen
        if loading:
            engine.load(weights.find())
        engine.close()
        assert popen.poll() is not None


@pytest.mark.anyio
async def test_process_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An interpreter that can't be run is one plain sentence."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    engine = Engine(EngineOptions(slots=1, context=64))
    with contextlib.closing(engine):
        engine.load(weights.find())
        with pytest.raises(LocalServerError, match="can't be started: No such"):
            await engine.loaded()


@pytest.mark.anyio
async def test_process_that_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a process that ends before the model is loaded."""
    monkeypatch.setattr(worker, "__file__", os.devnull)
    engine = Engine(EngineOptions(slots=1, context=64))
    with contextlib.closing(engine), pytest.raises(LocalServerError, match="ended with status 0"):
        await engine.loaded()


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


@pytest.mark.anyio
async def test_damaged_model(tmp_path: Path) -> None:
    """A file that only begins like a model is one plain sentence."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    engine = Engine(EngineOptions(slots=1, context=64))
    with contextlib.closing(engine):
        engine.load(broken)
        with pytest.raises(LocalServerError, match=r"can't load .*broken\.gguf: it is damaged"):
            await engine.loaded()


@pytest.mark.anyio
async def test_missing_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the `local` extra the error says how to install it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(LocalServerError, match=r"pip install 'horay-async\[local\]'"):
        Engine(EngineOptions(slots=1, context=64))
