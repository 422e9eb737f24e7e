"""The services: they stream on to the browser, stop when it leaves, and are stopped without a loss."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import pytest

from horay_async.testing import FaultServer, Gate, Hang, error

from .conftest import Command

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="stopped by POSIX's signals"),
]

PATIENCE = 60
"""Seconds for what is expected to take a moment."""


class Service:
    """One of the examples as a running process."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self._printed = ""
        self.url = url

    async def until(self, words: str) -> None:
        """Waits until a line with these words is printed; a service that ends without it fails the test."""
        assert self._process.stdout is not None
        while words not in (line := await asyncio.to_thread(self._process.stdout.readline)):
            assert line, f"the service ended without saying {words!r}, but: {self._printed}"
            self._printed += line

    def stop(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    async def ended(self) -> None:
        """Waits for the end; whatever a service complains of fails the test."""
        assert self._process.stdout is not None
        self._printed += await asyncio.to_thread(self._process.stdout.read)
        # uvicorn ends by the signal that it was sent; supervisors know both.
        assert self._process.wait(PATIENCE) in (0, -signal.SIGTERM)
        assert not re.search("warn|error|traceback|exception", self._printed, re.IGNORECASE)


Start = Callable[..., Service]
"""Starts the service; `seconds` is what responses under way are given when it stops."""


@contextmanager
def free_port() -> Generator[int]:
    """A port that nobody else is handed as long as the block runs."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))  # bound, not listening: the service can still listen there
        port: int = holder.getsockname()[1]
        yield port


@pytest.fixture(params=["service.py", "service_starlette.py"])
def start(
    request: pytest.FixtureRequest, command: Command, environment: dict[str, str], tmp_path: Path
) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(server: FaultServer | None, seconds: int = 10) -> Service:
            if server is not None:
                environment["HORAY_API_KEY"] = server.api_key
                environment["HORAY_BASE_URL"] = server.base_url
            port = stack.enter_context(free_port())
            process = stack.enter_context(
                subprocess.Popen(
                    command(request.param, str(port), str(seconds)),
                    cwd=tmp_path,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                )
            )
            stack.callback(process.kill)
            return Service(process, f"http://127.0.0.1:{port}/answer?question=?")

        yield started


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_on_the_real_model(start: Start, browser: aiohttp.ClientSession) -> None:
    """Without a key the local model responds to the page's question, piece by piece."""
    service = start(None)
    await service.until("a small model on this machine")
    await service.until("Running on")
    async with browser.get(service.url.partition("answer")[0]) as response:
        assert response.content_type == "text/html"
        assert "/answer?" in await response.text()
    async with browser.get(service.url) as response:
        assert response.status == 200
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert len(await response.text()) > 10
    service.stop(signal.SIGINT)
    await service.ended()


async def test_browser_leaves(
    start: Start, browser: aiohttp.ClientSession, fault_server: FaultServer
) -> None:
    """The connection to the API is closed when the browser's is, be it before the first word or after."""
    service = start(fault_server)
    await service.until("Running on")
    never = Gate()
    fault_server.stream(["on and ", never])
    async with browser.get(service.url) as response:
        assert await response.content.readexactly(7) == b"on and "
        assert fault_server.connections[0].closed_at is None
        response.close()
    await service.until("The browser left: generation stopped.")
    await fault_server.until_closed(1)

    fault_server.reply("never", Hang())
    leaving = asyncio.ensure_future(browser.get(service.url))
    await fault_server.until_requests(2)
    leaving.cancel()
    await service.until("The browser left: generation stopped.")
    await fault_server.until_closed(2)

    fault_server.add(error(404, "no such model"))
    async with browser.get(service.url) as response:
        assert (response.status, "no such model" in await response.text()) == (502, True)
    service.stop(signal.SIGTERM)
    await service.ended()


async def test_stops_when_responses_have_ended(
    start: Start, browser: aiohttp.ClientSession, fault_server: FaultServer
) -> None:
    """On SIGTERM nobody new is let in; a response under way goes on to its end."""
    service = start(fault_server, 1000)
    await service.until("Running on")
    gate = Gate()
    fault_server.stream(["Ber", gate, "lin"])
    async with browser.get(service.url) as response:
        assert await response.content.readexactly(3) == b"Ber"
        service.stop(signal.SIGTERM)
        await service.until("Stopping: responses under way have 1000 s.")
        with pytest.raises(aiohttp.ClientConnectorError):
            await browser.get(service.url)
        gate.open()
        assert await response.text() == "lin"
    await service.ended()


async def test_stops_when_the_time_is_up(
    start: Start, browser: aiohttp.ClientSession, fault_server: FaultServer
) -> None:
    """A response that takes longer than that is cut: its reader is told, its generation stopped."""
    service = start(fault_server, 0)
    await service.until("Running on")
    fault_server.stream(["on and ", Gate()])
    async with browser.get(service.url) as response:
        assert await response.content.readexactly(7) == b"on and "
        service.stop(signal.SIGTERM)
        assert await response.text() == "\n[The response broke off: the service stops]"
    await fault_server.until_closed(1)
    await service.ended()
