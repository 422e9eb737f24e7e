"""A chaos soak: thousands of mixed calls through random faults, and an account of every one.

    python -m benchmarks.soak --calls 20000 --seed 7

The faults come from `horay_async.testing.Chaos`, so a seed brings the same ones again. Exit status 1 where an
answer was wrong, a failure silent, an exception foreign, an image run twice, a claim about the execution false,
or a task, a socket or a descriptor left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from benchmarks.machine import describe
from horay_async import APIError, AsyncHoray, HorayError, RetryPolicy, Timeouts
from horay_async.testing import Chaos, FaultServer
from horay_async.testing.canned import HELLO

__all__ = ["main", "soak"]

AT_ONCE = 64
CLOCKS = Timeouts(queue=60.0, connect=10.0, first_byte=0.5, idle=0.5)
"""Short, so that a server that hangs doesn't hold the soak up; the shortest is far above a loaded machine's
delays."""


@attrs.define
class Account:
    """What became of the calls."""

    calls: int = 0
    answered: int = 0
    raised: Counter[str] = attrs.field(factory=Counter[str])
    retried: int = 0
    wrong: list[str] = attrs.field(factory=list[str])
    """What should never be: silent losses, foreign exceptions, false claims, things left behind."""

    def rows(self, requests: int, seconds: float) -> list[tuple[str, str]]:
        """The table."""
        kinds = ", ".join(f"{name} {count}" for name, count in self.raised.most_common())
        lost = self.calls - self.answered - sum(self.raised.values())
        return [
            ("calls", f"{self.calls:,}"),
            ("requests sent", f"{requests:,}"),
            ("answered, and right", f"{self.answered:,}"),
            ("raised", f"{sum(self.raised.values()):,} ({kinds})"),
            ("answered after a retry", f"{self.retried:,}"),
            ("lost", f"{lost:,}"),
            ("wrong", f"{len(self.wrong):,}"),
            ("seconds", f"{seconds:.0f}"),
        ]


async def soak(calls: int, seed: int) -> tuple[Account, int]:
    """Makes the calls; gives the account and how many requests the server got."""
    account = Account()
    chaos = Chaos(seed)
    descriptors = _descriptors()
    with FaultServer() as server:
        server.always(chaos)
        client = AsyncHoray(
            server.api_key,
            base_url=server.base_url,
            timeout=CLOCKS,
            retry=RetryPolicy(initial_backoff=0.01, max_backoff=0.05),
        )
        tasks = len(asyncio.all_tasks())
        numbers = iter(range(calls))

        async def work() -> None:
            for number in numbers:
                await _one(client, number, account)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        await client.close()
        await server.until(lambda: server.open_connections == 0, what="the last connection's end")
        left = len(asyncio.all_tasks()) - tasks
        if left:
            account.wrong.append(f"{left} tasks were left behind")
        _check_images(chaos, account)
        requests = len(server.requests)
    if (more := _descriptors() - descriptors) > 0:
        account.wrong.append(f"{more} descriptors were left behind")
    return account, requests


async def _one(client: AsyncHoray, number: int, account: Account) -> None:
    """One call, of the kind that its number says."""
    account.calls += 1
    kinds: tuple[Callable[[AsyncHoray, int], Awaitable[tuple[Any, int]]], ...] = (
        _chat,
        _chat_stream,
        _completion,
        _completion_stream,
        _image,
        _models,
    )
    try:
        problem, attempts = await kinds[number % len(kinds)](client, number)
    except HorayError as error:
        account.raised[type(error).__name__] += 1
        if isinstance(error, APIError) and not error.attempts:
            account.wrong.append(f"call {number}: {error!r} has no attempts on record")
    except Exception as error:  # noqa: BLE001 - a foreign exception is what is looked for
        account.raised[type(error).__name__] += 1
        account.wrong.append(f"call {number}: {error!r} is foreign")
    else:
        account.answered += 1
        account.retried += attempts > 1
        if problem is not None:
            account.wrong.append(f"call {number}: {problem!r} is not the answer")


def _unless(text: str | None) -> str | None:
    return None if text == HELLO else f"{text}"


async def _chat(client: AsyncHoray, number: int) -> tuple[Any, int]:
    answer = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"{number}"}]
    )
    return _unless(answer.choices[0].message.content), len(answer.meta.attempts)


async def _chat_stream(client: AsyncHoray, number: int) -> tuple[Any, int]:
    chunks = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"{number}"}], stream=True
    )
    return _unless("".join([text async for text in chunks.text()])), len(chunks.meta.attempts)


async def _completion(client: AsyncHoray, number: int) -> tuple[Any, int]:
    answer = await client.completions.create(model="m", prompt=f"{number}")
    return _unless(answer.choices[0].text), len(answer.meta.attempts)


async def _completion_stream(client: AsyncHoray, number: int) -> tuple[Any, int]:
    async with client.completions.stream(model="m", prompt=f"{number}") as events:
        answer = await events.final()
        return _unless(answer.choices[0].text), len(events.meta.attempts)


async def _image(client: AsyncHoray, number: int) -> tuple[Any, int]:
    answer = await client.images.generate(model="m", prompt=f"{number}", image_size="768x512")
    return (None if answer.images else answer), len(answer.meta.attempts)


async def _models(client: AsyncHoray, number: int) -> tuple[Any, int]:
    answer = await client.models.list(extra_query={"number": number})
    return (None if len(answer) else answer), len(answer.meta.attempts)


def _check_images(chaos: Chaos, account: Account) -> None:
    """No image may be run twice: each run is paid for."""
    for key, dealt in chaos.by_key().items():
        images = [each for each in dealt if each.request.path == "/image/generations"]
        if key and sum(each.request.executed for each in images) > 1:
            account.wrong.append(f"the image with the idempotency key {key} was run twice")


def _descriptors() -> int:
    """The open file descriptors of this process; 0 where the system doesn't list them."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def main() -> int:
    """Runs the soak and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    begun = time.perf_counter()
    account, requests = asyncio.run(soak(options.calls, options.seed))
    print("| | |\n|---|---|")
    for name, value in account.rows(requests, time.perf_counter() - begun):
        print(f"| {name} | {value} |")
    print(
        f"\nSeed {options.seed}. {', '.join(f'{name} {what}' for name, what in describe().items())}"
    )
    for problem in account.wrong[:20]:
        print(problem, file=sys.stderr)
    return 1 if account.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
