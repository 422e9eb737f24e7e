"""A process's first calls, made by several threads at once: `python -m tests.adversary.first_calls SECONDS awaited|forks`.

`SECONDS` is how often Python switches between threads. `forks` forks meanwhile; each child calls, too. A fault ends the
process by a signal, and what hangs by the watchdog.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import warnings

from horay_async import AsyncHoray, Horay, MessageDict
from horay_async.testing import FaultServer, chat
from tests.adversary.watchdog import join, watched

THREADS = 6
CHILDREN = 4

MESSAGES: list[MessageDict] = [{"role": "user", "content": "Hi"}]


def awaited(server: FaultServer) -> None:
    """Each thread has a loop and a client of its own."""
    begin = threading.Barrier(THREADS)
    texts: list[str | None] = []

    async def call() -> None:
        async with AsyncHoray(server.api_key, base_url=server.base_url) as client:
            begin.wait()
            response = await client.chat.completions.create(model="m", messages=MESSAGES)
            texts.append(response.choices[0].message.content)

    threads = [threading.Thread(target=lambda: asyncio.run(call())) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)
    assert texts == ["Hello"] * THREADS


def forks(server: FaultServer) -> None:
    """All threads have one client, and so have the children."""
    warnings.simplefilter("ignore", DeprecationWarning)
    texts: list[str | None] = []
    with Horay(server.api_key, base_url=server.base_url) as client:

        def call() -> None:
            texts.append(
                client.chat.completions.create(model="m", messages=MESSAGES)
                .choices[0]
                .message.content
            )

        threads = [threading.Thread(target=call) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        children: list[int] = []
        for _ in range(CHILDREN):
            child = os.fork()
            if not child:
                signal.alarm(60)  # the watchdog has no thread here
                texts.clear()
                call()
                os._exit(0 if texts == ["Hello"] else 1)
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for thread in threads:
            join(thread)
    assert texts == ["Hello"] * THREADS


if __name__ == "__main__":
    sys.setswitchinterval(float(sys.argv[1]))
    with watched(), FaultServer() as started:
        started.always(chat("Hello"))
        {"awaited": awaited, "forks": forks}[sys.argv[2]](started)
