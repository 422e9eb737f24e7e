"""The server of the soak, in a process of its own: its record of every request isn't the client's memory.

    python -m benchmarks.soak_server SEED

prints its URL and deals out faults until a line comes: `open` or `closed`, by whether clients keep connections. It
prints what it has seen, as JSON, and ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from horay_async.testing import Chaos, FaultServer

__all__ = ["KEY", "Seen", "SoakServer", "soak_server"]

KEY = "test-key"


@attrs.frozen
class Seen:
    """What the server has seen."""

    requests: int
    """How many requests came."""
    twice: list[str]
    """The idempotency keys of images that were run more than once: each run is paid for."""
    left_open: int
    """Connections that clients left open when they said that they had closed all."""


class SoakServer:
    """A server that runs, as the client's process sees it."""

    def __init__(self, process: asyncio.subprocess.Process, base_url: str) -> None:
        self._process = process
        self.base_url = base_url
        """For clients."""

    async def end(self, *, closed: bool) -> Seen:
        """Ends it; `closed` says that no connection should be open any more."""
        told, _ = await self._process.communicate(b"closed\n" if closed else b"open\n")
        return Seen(**json.loads(told))


@asynccontextmanager
async def soak_server(seed: int) -> AsyncGenerator[SoakServer]:
    """Starts a server; it ends with the block at the latest."""
    command = [sys.executable, "-m", "benchmarks.soak_server", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=Path(__file__).parent.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield SoakServer(process, (await process.stdout.readline()).decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def serve(seed: int) -> None:
    """Serves until it is told to end, and prints what it has seen."""
    chaos = Chaos(seed)
    left_open = 0
    with FaultServer(api_key=KEY) as server:
        server.always(chaos)
        print(server.base_url, flush=True)
        if sys.stdin.readline().strip() == "closed":
            try:
                server.wait(lambda: server.open_connections == 0)
            except TimeoutError:
                left_open = server.open_connections
        twice = [
            key
            for key, dealt in chaos.by_key().items()
            if key
            and sum(
                each.request.executed for each in dealt if each.request.path == "/image/generations"
            )
            > 1
        ]
        seen = Seen(len(server.requests), twice, left_open)
    print(json.dumps(attrs.asdict(seen)))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
