"""The life of a server: starts, stops, restarts, and the starts that fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from horay_async.local import LocalServer, LocalServerError, weights
from horay_async.local import server as server_module
from tests.processes import printed_by, run_python, unmeasured


def complete(server: LocalServer, **body: object) -> str:
    """The text of a completion, asked for by a caller who blocks."""
    request = urllib.request.Request(
        server.base_url + "/completions",
        json.dumps({"model": "any", "prompt": "One", "max_tokens": 1, **body}).encode(),
        {"Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.urlopen(request) as response:
        text: str = json.load(response)["choices"][0]["text"]
    return text


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


FORKS = ("-W", "ignore:This process:DeprecationWarning")
"""From Python 3.12 on a fork beside threads is warned of, and with `-W error` 3.15 doesn't fork."""

LONG = {"model": "any", "prompt": "One", "max_tokens": 2000, "ignore_eos": True, "stream": True}


def engines() -> set[int]:
    """The processes of the engines that this process has."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {
        int(child)
        for file in children
        for child in file.read_text().split()
        if b"worker.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


Threads = Callable[[], list[threading.Thread]]


@pytest.fixture
def threads() -> Threads:
    """Tells which threads have come since the test began, and are running."""
    before = set(threading.enumerate())

    def new() -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in before and "horay-local" in thread.name
        ]

    return new


def test_with(threads: Threads) -> None:
    """A blocking caller is served inside the block, on the port asked for, and again in another."""
    port = free_port()
    server = LocalServer(port=port, api_key="own", slots=2, threads=1)
    with pytest.raises(LocalServerError, match="is not running"):
        _ = server.base_url
    for _round in range(2):
        with server as entered:
            assert entered is server
            assert server.base_url == f"http://127.0.0.1:{port}/v1"
            assert server.model == Path(weights.FILE_NAME).stem
            assert complete(server)
            assert (
                len(threads()) == 3
            )  # the server's, and two for the pipes of the engine's process
            with pytest.raises(LocalServerError, match="running already"):
                server.__enter__()
        assert threads() == []
        with pytest.raises(LocalServerError, match="is not running"):
            _ = server.model
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.anyio
async def test_async_with(threads: Threads) -> None:
    """It starts and stops within a running loop too; a stream under way is told that it ends."""
    server = LocalServer(threads=1)
    long = {"model": "any", "prompt": "One", "max_tokens": 2000, "ignore_eos": True, "stream": True}
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with server:
            response = await session.post(server.base_url + "/completions", json=long)
            assert (await response.content.readline()).startswith(b"data: {")
        assert threads() == []
        *_, last = (await response.text()).strip().split("\n\n")
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error["message"] == "the local server is stopping"


def test_several_at_once() -> None:
    """Servers don't get into each other's way."""
    with LocalServer(threads=1) as one, LocalServer(threads=1, api_key="other") as other:
        assert one.base_url != other.base_url
        assert complete(one)
        assert complete(other)
        assert other.api_key == "other"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": 65536}, "port must be from 0 to 65535"),
        ({"context": 15}, "context must be at least 16"),
        ({"slots": 0}, "slots must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"api_key": " "}, "api_key must be printable ASCII"),
        ({"api_key": "schlüssel"}, "api_key must be printable ASCII"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    """An option that can't work is refused before anything starts."""
    with pytest.raises(LocalServerError, match=words):
        LocalServer(**options)


def test_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken port is named, before the model is looked for."""
    monkeypatch.setattr(weights, "find", pytest.fail)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServerError, match=rf"^Port {port} on 127\.0\.0\.1 is in use"):
            LocalServer(port=port).__enter__()


def test_port_is_taken_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may bind a port, and one listens: that is the server, which nobody can be quicker than while it loads."""
    rival = socket.socket()
    rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    find = weights.find

    def slow_find(*args: Any, **options: Any) -> Path:
        with pytest.raises(OSError, match="in use"):
            rival.listen()
        return find(*args, **options)

    monkeypatch.setattr(weights, "find", slow_find)
    with rival:
        rival.bind(("127.0.0.1", 0))
        port = rival.getsockname()[1]
        with LocalServer(port=port, slots=1) as server:
            assert server.base_url == f"http://127.0.0.1:{port}/v1"


def test_unknown_host() -> None:
    """An address that isn't this machine's is one plain sentence."""
    with pytest.raises(
        LocalServerError, match=r"^The server can't listen on 192\.0\.2\.1:0: .*\.$"
    ):
        LocalServer(host="192.0.2.1").__enter__()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:{}/v1"),
        ("", "http://127.0.0.1:{}/v1"),
        ("::", "http://[::1]:{}/v1"),
        ("localhost", "http://localhost:{}/v1"),
    ],
)
def test_url(host: str, url: str) -> None:
    """A server on every interface is reached over loopback; IPv6 addresses are in brackets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert server_module._url(host, listener) == url.format(listener.getsockname()[1])


@pytest.mark.anyio
async def test_start_cancelled(monkeypatch: pytest.MonkeyPatch, threads: Threads) -> None:
    """A start that is given up lets go of its caller at once, and of everything else soon."""
    begun, ended = threading.Event(), threading.Event()

    def slow_find(_: object, *, cancelled: Callable[[], bool]) -> Path:
        begun.set()
        while not cancelled():
            pass
        ended.set()
        raise LocalServerError("The start of the local server was cancelled.")

    monkeypatch.setattr(weights, "find", slow_find)
    server = LocalServer()
    starting = asyncio.create_task(server.__aenter__())
    assert await asyncio.to_thread(begun.wait, 60)
    (thread,) = (thread for thread in threads() if thread.name == "horay-local-server")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await asyncio.to_thread(ended.wait, 60)
    await asyncio.to_thread(thread.join, 60)
    assert threads() == []
    monkeypatch.undo()
    async with server:  # and it can be started as if nothing had been
        assert await asyncio.to_thread(complete, server)


@pytest.mark.anyio
async def test_failed_start(tmp_path: Path, threads: Threads) -> None:
    """A start that fails raises in both forms, and leaves nothing running."""
    server = LocalServer(tmp_path / "missing.gguf")
    with pytest.raises(LocalServerError, match=r"missing\.gguf can't be read"):
        await server.__aenter__()
    with pytest.raises(LocalServerError, match=r"missing\.gguf can't be read"):
        server.__enter__()
    assert threads() == []


def test_never_stopped() -> None:
    """A script that forgets to stop its server, even in mid-stream, ends as it should."""
    script = """
import json, urllib.request
from horay_async.local import LocalServer
server = LocalServer(threads=1).__enter__()
body = {"model": "any", "prompt": "One", "max_tokens": 2000, "ignore_eos": True, "stream": True}
headers = {"Authorization": "Bearer local"}
request = urllib.request.Request(server.base_url + "/completions", json.dumps(body).encode(), headers)
with urllib.request.urlopen(request) as response:
    print(response.readline().decode()[:6])
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "data: \n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc, and forks")
@pytest.mark.parametrize("fork", [False, True])
def test_killed(fork: bool) -> None:
    """A program that is killed takes its engine along, also while a process forked from it lives."""
    script = f"""
import os, signal, sys
from horay_async.local import LocalServer
with LocalServer(threads=1, slots=1) as server:
    with open(f"/proc/self/task/{{server._thread.native_id}}/children") as file:
        children = file.read()
    if {fork} and os.fork() == 0:
        sys.stdout.close()
        os.close(1)
        signal.pause()
    print(children, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-W", "error", *FORKS, "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        engine = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        try:
            assert select.select([engine], [], [], 60)[0]  # it has ended
        finally:
            os.close(engine)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the forked process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fork() -> None:
    """A process forked inside the block leaves it at once, and the server runs on in the other."""
    script = """
import os, sys, urllib.request
from horay_async.local import LocalServer
with LocalServer(threads=1, slots=1) as server:
    forked = os.fork()
    if forked:
        assert os.waitpid(forked, 0)[1] == 0
        request = urllib.request.Request(server.base_url + "/models")
        request.add_header("Authorization", "Bearer local")
        print(urllib.request.urlopen(request).status)
"""
    command = [sys.executable, *FORKS, "-c", script]
    done = subprocess.run(
        command, env=unmeasured(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_crash() -> None:
    """A blocking program survives its engine: one 500, then everything works as before."""
    others = engines()
    with LocalServer(threads=1, slots=1) as server:
        assert complete(server)
        for _ in range(3):
            request = urllib.request.Request(
                server.base_url + "/completions",
                json.dumps(LONG).encode(),
                {"Authorization": f"Bearer {server.api_key}"},
            )
            with urllib.request.urlopen(request) as response:
                response.readline()
                (engine,) = engines() - others
                os.kill(engine, signal.SIGSEGV)
                assert "engine_failed" in response.read().decode()
            assert complete(server)


def test_web_server_loads_beside_the_model() -> None:
    """The package alone doesn't load it: the model's process is started first."""
    code = "import horay_async.local.server, sys; sys.exit('aiohttp' in sys.modules)"
    printed_by("-c", code)
