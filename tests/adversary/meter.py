"""What a client's process holds after N calls of each operation, and after four times as many more.

Run as `python -m tests.adversary.meter URL KEY N async|blocking`, beside a server in another process; prints JSON. Each
call has a text of its own, and those of `own_options` whatever else a client may remember.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any, cast

from horay_async import AsyncHoray, Horay, tool
from horay_async.options import ClientParams
from tests.adversary.echo import Echo
from tests.adversary.operations import (
    OPERATIONS,
    OPTIONS,
    Client,
    Operation,
    checked,
    done,
    driven,
    messages,
)
from tests.adversary.watchdog import PATIENCE, becomes, descriptors, watched

Held = dict[str, Any]


async def own_options(client: Client, token: str, _: Echo) -> None:
    """A call with options, a model, a query and a tool that no other call has."""
    number = token.partition("-")[2]
    copy = client.with_options(
        default_headers={"X-Number": number}, max_connections=5 + int(number)
    )

    def repeat(word: str) -> str:
        """Repeats a word."""
        return word

    repeat.__name__ = f"repeat_{number}"
    await done(
        copy.chat.completions.create(
            model=token, messages=messages(token), tools=[tool(repeat)], tool_choice="none"
        )
    )
    await done(copy.request("POST", "/echo", body={"token": token}, extra_query={token: token}))


KINDS: list[Operation] = [*OPERATIONS, own_options]


def entries() -> dict[str, int]:
    """How many entries each cache and each container of this package's modules has."""
    found: dict[str, int] = {}
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper):
            cache = cast(Any, each)
            name = f"{getattr(cache, '__module__', '')}.{getattr(cache, '__qualname__', '')}"
            if name.startswith("horay_async"):
                found[f"{name}()"] = cache.cache_info().currsize
    for name, module in list(sys.modules.items()):
        if not name.startswith("horay_async"):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, dict | set | list) or "Weak" in type(value).__name__:
                found[f"{name}.{key}"] = len(cast("list[Any]", value))
    return found


def held(tasks: int) -> Held:
    """What is held now."""
    for _ in range(3):
        gc.collect()
    return {
        "memory": tracemalloc.get_traced_memory()[0],
        "objects": len(gc.get_objects()),
        "descriptors": descriptors(),
        "tasks": tasks,
        "threads": threading.active_count(),
        "entries": json.dumps(entries()),  # one object, whatever is in it
    }


async def drop_cancelled_timers() -> None:
    """asyncio keeps a cancelled timer, and its context, until its time comes or more than half of all are cancelled."""
    loop = asyncio.get_running_loop()
    for timer in [loop.call_later(PATIENCE, int) for _ in range(1000)]:
        timer.cancel()
    await asyncio.sleep(0)


def measured(work: Callable[[int], None], tasks: Callable[[], int], n: int) -> list[Held]:
    """What is held after `n` calls, and after four times as many more."""
    tracemalloc.start(1)
    work(n)
    first = held(tasks())
    work(4 * n)
    found = [first, held(tasks())]
    tracemalloc.stop()
    return found


def warm_up(kind: Operation, n: int) -> int:
    """Calls after which every cache with a bound is full: the largest holds 256."""
    return 300 if kind is own_options else n


def blocking(client: Horay, n: int) -> dict[str, list[Held]]:
    """Measures each operation on a blocking client."""
    echo = Echo()
    found: dict[str, list[Held]] = {}
    client.models.list(extra_query={"token": "token-0"})
    thread = client._handle.thread
    assert thread is not None
    loop = thread.loop
    assert loop is not None

    def tasks() -> int:
        """Two are the thread's own: the portal's, and the one that starts the calls."""
        return len(asyncio.all_tasks(loop)) - 2

    for kind in KINDS:

        def work(count: int, kind: Operation = kind) -> None:
            for _ in range(count):
                driven(checked(kind, client, echo.new_token(None), echo))
            client.models.list(extra_query={"token": "token-0"})
            gc.collect()
            asyncio.run_coroutine_threadsafe(drop_cancelled_timers(), loop).result()
            becomes(lambda: not thread.calls and not tasks(), "what was left early isn't over")

        print(kind.__name__, file=sys.stderr)
        work(warm_up(kind, n))
        found[kind.__name__] = measured(work, tasks, n)
    return found


def awaited(client: AsyncHoray, n: int) -> dict[str, list[Held]]:
    """Measures each operation on an asynchronous client."""
    echo = Echo()
    found: dict[str, list[Held]] = {}
    with asyncio.Runner() as runner:

        async def calls(kind: Operation, count: int) -> None:
            for _ in range(count):
                await checked(kind, client, echo.new_token(None), echo)
            await client.models.list(extra_query={"token": "token-0"})
            await drop_cancelled_timers()
            for _ in range(round(PATIENCE / 0.001)):
                if len(asyncio.all_tasks()) == 1:
                    break
                await asyncio.sleep(0.001)

        for kind in KINDS:

            def work(count: int, kind: Operation = kind) -> None:
                runner.run(calls(kind, count))

            print(kind.__name__, file=sys.stderr)
            work(warm_up(kind, n))
            found[kind.__name__] = measured(
                work, lambda: len(asyncio.all_tasks(runner.get_loop())), n
            )
        runner.run(client.close())
    return found


def main(url: str, key: str, n: int, wanted: str) -> None:
    """Prints what was measured."""
    options: ClientParams = {**OPTIONS, "base_url": url}
    with watched():
        if wanted == "blocking":
            with Horay(key, **options) as client:
                found = blocking(client, n)
        else:
            found = awaited(AsyncHoray(key, **options), n)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
