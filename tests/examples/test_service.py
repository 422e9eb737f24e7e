"""The service handler: it streams on to the browser, and stops when the browser leaves."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from .conftest import Command

pytestmark = pytest.mark.anyio


class Service:
    """The example as a running process."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    async def line(self, words: str) -> str:
        """The next line printed that has these words in it; a test that waits in vain fails."""
        assert self.process.stdout is not None
        while words not in (line := await asyncio.to_thread(self.process.stdout.readline)):
            assert line, f"the service ended without saying {words!r}"
        return line


@pytest.fixture
def port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free: int = listener.getsockname()[1]
    return free


@contextmanager
def running(
    command: list[str], environment: dict[str, str], folder: Path, port: int
) -> Generator[Service]:
    """Runs the service, and checks that Ctrl-C ends it without a complaint."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield Service(process, f"http://127.0.0.1:{port}")
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.read() == ""
            assert process.wait(60) == 0
        finally:
            process.kill()


async def test_on_the_real_model(
    command: Command, environment: dict[str, str], tmp_path: Path, port: int
) -> None:
    """Without a key the local model answers the page's question, piece by piece."""
    with running(command("service.py", str(port)), environment, tmp_path, port) as service:
        assert "a small model on this machine" in await service.line("HORAY_API_KEY")
        await service.line("Running on")
        async with aiohttp.ClientSession(service.url) as session:
            async with session.get("/") as response:
                assert response.content_type == "text/html"
                assert "/answer?" in await response.text()
            params = {"question": "Name three fruits."}
            async with session.get("/answer", params=params) as response:
                assert response.status == 200
                assert response.headers["Transfer-Encoding"] == "chunked"
                assert len(await response.text()) > 10


class Api:
    """An API whose answers never end, and that knows when they are left."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.refusing = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Words without end, or a refusal."""
        if self.refusing:
            return web.json_response({"error": {"message": "no such model"}}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        choice = {"index": 0, "delta": {"content": "on and "}, "finish_reason": None}
        event = json.dumps({"object": "chat.completion.chunk", "choices": [choice]})
        await response.write(f"data: {event}\n\n".encode())
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return response


async def test_browser_leaves(
    command: Command, environment: dict[str, str], tmp_path: Path, port: int
) -> None:
    """The API's connection is closed as soon as the browser's is; a refusal is passed on."""
    api = Api()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", api.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    environment["HORAY_API_KEY"] = "key-of-the-service"
    environment["HORAY_BASE_URL"] = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    with running(command("service.py", str(port)), environment, tmp_path, port) as service:
        await service.line("Running on")
        async with aiohttp.ClientSession(service.url) as session:
            async with session.get("/answer", params={"question": "?"}) as response:
                assert await response.content.readexactly(7) == b"on and "
                assert not api.left.is_set()
                response.close()
            async with asyncio.timeout(60):
                await api.left.wait()
            await service.line("The browser left: generation stopped.")
            api.refusing = True
            async with session.get("/answer", params={"question": "?"}) as response:
                assert response.status == 502
                assert "no such model" in await response.text()
    await runner.cleanup()
