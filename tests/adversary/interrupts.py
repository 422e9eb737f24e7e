"""Ctrl-C and forks at random moments, in a process of its own: `python -m tests.adversary.interrupts calls|awaited|file|forks SEED`.

Prints what came of it as JSON; exits with a traceback where something was wrong, hung or left.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import os
import random
import signal
import sys
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

from horay_async import AsyncHoray, Horay
from horay_async.testing import FaultServer
from tests.adversary import operations
from tests.adversary.echo import Echo, echo_server, text_for
from tests.adversary.operations import OPERATIONS, chat, checked, driven, options_for
from tests.adversary.watchdog import Complaints, becomes, descriptors, join, watched

ROUNDS = 60
"""Interrupted calls; and a sixth as many forks."""

LONGEST = 0.012
"""Seconds within which the interrupt comes: longer than most calls take."""


@contextlib.contextmanager
def interrupted_within(seconds: float) -> Generator[None]:
    """Sends this process a SIGINT after that, unless the block is over by then."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def works(client: Horay, echo: Echo) -> None:
    """Fails where a client no longer responds."""
    assert driven(checked(chat, client, echo.new_token([]), echo)) in ("right", "APITimeoutError")


def let_coroutines_go() -> None:
    """Takes no warning of the tests' own coroutines, which an interrupt may keep from beginning when they were just made."""
    holders = (operations, operations.Block, operations.each)
    functions = [each for holder in holders for each in vars(holder).values()]
    names = "|".join(each.__qualname__ for each in functions if inspect.iscoroutinefunction(each))
    warnings.filterwarnings("ignore", rf"coroutine '({names})' was never awaited", RuntimeWarning)


def calls(server: FaultServer, echo: Echo, draw: random.Random) -> Counter[str]:
    """Every operation, interrupted; the client goes on."""
    found: Counter[str] = Counter()
    let_coroutines_go()
    with Horay(server.api_key, **options_for(server)) as client:
        works(client, echo)
        for _ in range(ROUNDS):
            operation, token = draw.choice(OPERATIONS), echo.new_token([("late", 0)])
            try:
                with interrupted_within(draw.uniform(0.0005, LONGEST)):
                    found[driven(checked(operation, client, token, echo))] += 1
            except KeyboardInterrupt:
                found["interrupted"] += 1
        for _ in range(5):
            works(client, echo)
    return found


def file(server: FaultServer, echo: Echo, draw: random.Random) -> Counter[str]:
    """A batch file, interrupted and begun again until it is done: each request has one line, its own."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        requests, results = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        tokens = [echo.new_token([("late", 0)]) for _ in range(400)]
        requests.write_text("".join(json.dumps(_line(token)) + "\n" for token in tokens), "utf-8")
        with Horay(server.api_key, **options_for(server)) as client:
            for _ in range(ROUNDS):
                try:
                    with interrupted_within(draw.uniform(0.003, 0.03)):
                        client.batch.run_file(requests, results, concurrency=2)
                except KeyboardInterrupt:
                    found["interrupted"] += 1
                    written = results.stat().st_size if results.exists() else 0
                    works(client, echo)
                    assert written == (results.stat().st_size if results.exists() else 0)
            client.batch.run_file(requests, results, concurrency=4)
        lines = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    assert sorted(line["custom_id"] for line in lines) == sorted(tokens)
    for line in lines:
        assert line["error"] is None, line
        content = line["response"]["body"]["choices"][0]["message"]["content"]
        assert content == text_for(line["custom_id"]), line
    found["lines"] = len(lines)
    return found


def _line(token: str) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": token}]}
    return {"custom_id": token, "method": "POST", "url": "/v1/chat/completions", "body": body}


def awaited(server: FaultServer, echo: Echo, draw: random.Random) -> Counter[str]:
    """Every operation, interrupted under `asyncio.run`, which cancels it."""
    found: Counter[str] = Counter()

    async def call() -> str:
        operation, token = draw.choice(OPERATIONS), echo.new_token([("late", 0)])
        async with AsyncHoray(server.api_key, **options_for(server)) as client:
            # Begun here, since asyncio's own start and end don't stand every interrupt.
            with interrupted_within(draw.uniform(0.0005, LONGEST)):
                return await checked(operation, client, token, echo)

    for _ in range(ROUNDS):
        try:
            found[asyncio.run(call())] += 1
        except KeyboardInterrupt:
            found["interrupted"] += 1
    return found


def forks(server: FaultServer, echo: Echo, draw: random.Random) -> Counter[str]:
    """Forks while other threads call: the child's client works, and so does the parent's."""
    found: Counter[str] = Counter()
    with Horay(server.api_key, **options_for(server)) as client:
        for _ in range(ROUNDS // 6):
            threads = [
                threading.Thread(
                    target=lambda: found.update(
                        [driven(checked(chat, client, echo.new_token([("late", 0)]), echo))]
                    )
                )
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            token = echo.new_token([])  # the child's copy of the script says nothing to the server
            child = os.fork()
            if not child:
                _in_child(client, token, echo)
            for thread in threads:
                join(thread)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            found["children"] += 1
            works(client, echo)
    return found


def _in_child(client: Horay, token: str, echo: Echo) -> None:
    """Calls, closes, and ends the process."""
    try:
        signal.alarm(
            60
        )  # the parent's watchdog has no thread here, and one of faulthandler's own would wait for it
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert driven(checked(chat, client, token, echo)) in ("right", "APITimeoutError")
        client.close()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - no way out of here but one
        sys.stderr.write(f"in the child: {error!r}\n")
        sys.stderr.flush()
        os._exit(1)


def _interrupt(*_: object) -> None:
    """What SIGALRM does."""
    signal.raise_signal(signal.SIGINT)


def main(what: str, seed: int) -> None:
    """Does it, and prints what came of it."""
    signal.signal(signal.SIGALRM, _interrupt)
    complaints = Complaints()
    echo = Echo()
    with watched(), complaints.heard(), echo_server(echo) as server:
        works_before = Horay(server.api_key, **options_for(server))
        works(works_before, echo)
        # Python's own import doesn't stand every interrupt: its lock may stay held, or a file open. So all is imported now.
        for operation in OPERATIONS:
            driven(checked(operation, works_before, echo.new_token([]), echo))
        works_before.close()
        server.wait(lambda: not server.open_connections, what="the end of the connections")
        threads, open_before = set(threading.enumerate()), descriptors()
        found = {"calls": calls, "awaited": awaited, "file": file, "forks": forks}[what](
            server, echo, random.Random(seed)
        )
        gc.collect()
        server.wait(lambda: not server.open_connections, what="the end of the connections")
        becomes(lambda: set(threading.enumerate()) <= threads, "a thread is left")
        becomes(lambda: descriptors() <= open_before, "a descriptor is left")
    # Python can't raise Ctrl-C out of a weak reference's callback or a `__del__`, and tells of it instead.
    complaints.found = [
        each for each in complaints.found if not each.startswith("KeyboardInterrupt() in ")
    ]
    complaints.check()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
