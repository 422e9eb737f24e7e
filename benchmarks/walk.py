"""The path of a request through the package: files entered, and moves from one file to another.

    python -m benchmarks.walk

Counts, by `sys.setprofile`, which files of this package a call, a chunk, a blocking call and a batch of three
lines enter, and how often the thread of execution moves between them. Fewer moves are fewer detours for a reader.
Everything is warmed up: what is done once for each client isn't counted. A call and a chunk count in the thread
that makes them; a blocking call and a batch in all threads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import horay_async
from horay_async import AsyncHoray, Horay
from horay_async.testing import FaultServer, Gate

__all__ = ["Walk", "main", "walks"]

PACKAGE = str(Path(horay_async.__file__).parent)
OUTSIDE = str(Path(PACKAGE) / "testing")
"""The test server runs in the same process, and isn't part of the way."""


class Walk:
    """What was counted."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.moves = 0
        self.ended = False
        """Whether no more is counted: a thread keeps its profile function for as long as it runs."""
        self._here = threading.local()

    def see(self, frame: FrameType, event: str, _: object) -> None:
        """Takes note of a step; a profile function."""
        if event not in ("call", "return") or self.ended:
            return
        name = frame.f_code.co_filename
        if event == "return" and frame.f_back is not None:
            name = frame.f_back.f_code.co_filename
        if not name.startswith(PACKAGE) or name.startswith(OUTSIDE):
            return
        self.files.add(name)
        if getattr(self._here, "file", name) != name:
            self.moves += 1
        self._here.file = name


@contextmanager
def walking(*, all_threads: bool = False) -> Generator[Walk]:
    """Counts within the block."""
    walk = Walk()
    if all_threads:
        threading.setprofile(walk.see)
        if sys.version_info >= (3, 12):
            threading.setprofile_all_threads(walk.see)
    sys.setprofile(walk.see)
    try:
        yield walk
    finally:
        walk.ended = True
        sys.setprofile(None)
        threading.setprofile(None)
        if all_threads and sys.version_info >= (3, 12):
            threading.setprofile_all_threads(None)


async def _awaited(server: FaultServer) -> dict[str, Walk]:
    counted: dict[str, Walk] = {}
    async with AsyncHoray(server.api_key, base_url=server.base_url) as client:

        async def call() -> None:
            await client.completions.create(model="m", prompt="p")

        for _ in range(2):
            await call()
        with walking() as counted["a call"]:
            await call()
        gates = [Gate(), Gate(), Gate()]
        server.stream(["a", gates[0], "b", gates[1], "c", gates[2]])
        async with await client.completions.create(model="m", prompt="p", stream=True) as chunks:
            iterator = aiter(chunks)
            await anext(iterator)
            for gate in gates[:2]:
                gate.open()
                with walking() as counted["a chunk"]:
                    await anext(iterator)
            gates[2].open()
        with tempfile.TemporaryDirectory() as folder:
            for number in range(2):
                source, target = Path(folder, f"{number}.in"), Path(folder, f"{number}.out")
                body: dict[str, Any] = {"model": "m", "prompt": "p"}
                lines = [
                    {
                        "custom_id": str(line),
                        "method": "POST",
                        "url": "/v1/completions",
                        "body": body,
                    }
                    for line in range(3)
                ]
                text = "".join(json.dumps(line) + "\n" for line in lines)
                source.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - nothing else runs
                with walking(all_threads=True) as counted["run_file, three lines"]:
                    await client.batch.run_file(source, target)
    return counted


def walks() -> dict[str, Walk]:
    """The four walks, by name."""
    with FaultServer() as server:
        counted = asyncio.run(_awaited(server))
        with Horay(server.api_key, base_url=server.base_url) as client:
            # The client's thread has to start with the profile function.
            with walking(all_threads=True) as walk:
                for _ in range(2):
                    client.completions.create(model="m", prompt="p")
                walk.files.clear()
                walk.moves = 0
                client.completions.create(model="m", prompt="p")
            counted["a blocking call"] = walk
    return counted


def main() -> None:
    """Prints the counts."""
    for name, walk in walks().items():
        print(f"{name}: {len(walk.files)} files, {walk.moves} moves")


if __name__ == "__main__":
    main()
