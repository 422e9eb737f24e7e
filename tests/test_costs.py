"""What a call costs, where it can be counted: modules, tasks and hops between threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from horay_async import AsyncHoray, Horay
from horay_async.testing import FaultServer

HEAVY = {"aiohttp", "anyio", "asyncio", "attrs", "cattrs", "msgspec", "rich", "typer", "xllamacpp"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded after `code` ran in a fresh interpreter."""
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_import_loads_nothing_heavy() -> None:
    """Importing the package loads none of the libraries that it stands on."""
    assert not loaded_by("import horay_async") & HEAVY


@pytest.mark.parametrize("name", ["AsyncHoray", "Horay"])
def test_naming_a_client_loads_no_transport(name: str) -> None:
    """Naming a client loads neither aiohttp nor anyio, nor cattrs; making one does."""
    assert not loaded_by(f"from horay_async import {name}") & {"aiohttp", "anyio", "cattrs"}


@pytest.mark.anyio
async def test_no_task_of_our_own(horay_server: FaultServer, horay_client: AsyncHoray) -> None:
    """Neither a call nor a stream makes a task: what runs is the caller's task, and aiohttp's writer."""
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
        made.append(coroutine.cr_code.co_filename)
        return asyncio.Task(coroutine, loop=loop)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        horay_server.stream(["Ber", "lin"])
        async for _ in await horay_client.completions.create(model="m", prompt="p", stream=True):
            pass
        await horay_client.completions.create(model="m", prompt="p")
    finally:
        loop.set_task_factory(None)
    assert not [name for name in made if "horay_async" in name]


@pytest.mark.parametrize("chunks", [10, 2000])
def test_hops_do_not_grow_with_chunks(
    horay_server: FaultServer,
    blocking_horay_client: Horay,
    monkeypatch: pytest.MonkeyPatch,
    chunks: int,
) -> None:
    """A blocking stream enters the other thread twice, to open it and to start reading, however long."""
    entered: list[Any] = []
    real = BlockingPortal.start_task_soon

    def counted(self: BlockingPortal, func: Any, *args: Any, **options: Any) -> Any:
        entered.append(func)
        return real(self, func, *args, **options)

    monkeypatch.setattr(BlockingPortal, "start_task_soon", counted)
    horay_server.stream(["x"] * chunks)
    stream = blocking_horay_client.completions.create(model="m", prompt="p", stream=True)
    assert "".join(stream.text()) == "x" * chunks
    assert len(entered) == 2
