"""A chaos soak: thousands of mixed calls through random faults, and an account of every one.

    python -m benchmarks.soak --calls 20000 --seed 7
    python -m benchmarks.soak --minutes 60 --json --plot

With `--minutes` it goes on for that long, in 60 slices that take a second or two more each to end. Every slice records
the CPU time of a call and the memory, both of the client's process alone; the last sixth is compared with the first, and
the exit status is 1 where it takes over 1.05 times as much. How fast the machine is changes in an hour, with
what else it does: beside each slice a fixed piece of work is timed, and a call counts as a multiple of that.

A call is a completion or chat completion, whole or streamed, an image, a list of models, a batch of four, or a
completion of the blocking client in a thread.

The faults come from `horay_async.testing.Chaos`, so a seed brings the same ones again. Exit status 1 where a
response was wrong, a failure silent, an exception foreign, an image run twice, a claim about the execution false,
or a task, a socket or a descriptor left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from benchmarks.machine import describe
from benchmarks.measure import resident_bytes
from benchmarks.soak_server import KEY, soak_server
from horay_async import APIError, AsyncHoray, BatchRequest, Horay, HorayError, RetryPolicy, Timeouts
from horay_async.testing.canned import HELLO

__all__ = ["main", "soak"]

AT_ONCE = 64
TIMEOUTS = Timeouts(queue=60.0, connect=10.0, first_byte=0.5, idle=0.5)
"""Short, so that a server that hangs doesn't hold the soak up; the shortest is far above a loaded machine's
delays."""
RETRIES = RetryPolicy(initial_backoff=0.01, max_backoff=0.05)


@attrs.define
class Account:
    """What became of the calls."""

    calls: int = 0
    answered: int = 0
    raised: Counter[str] = attrs.field(factory=Counter[str])
    retried: int = 0
    wrong: list[str] = attrs.field(factory=list[str])
    """What should never be: silent losses, foreign exceptions, false claims, things left behind."""

    @property
    def lost(self) -> int:
        """Calls that neither returned nor raised."""
        return self.calls - self.answered - sum(self.raised.values())

    def rows(self, requests: int, seconds: float) -> list[tuple[str, str]]:
        """The table."""
        kinds = ", ".join(f"{name} {count}" for name, count in self.raised.most_common())
        return [
            ("calls", f"{self.calls:,}"),
            ("requests sent", f"{requests:,}"),
            ("answered, and right", f"{self.answered:,}"),
            ("raised", f"{sum(self.raised.values()):,} ({kinds})"),
            ("answered after a retry", f"{self.retried:,}"),
            ("lost", f"{self.lost:,}"),
            ("wrong", f"{len(self.wrong):,}"),
            ("seconds", f"{seconds:.0f}"),
        ]


FIGURES = Path(__file__).with_name("soak.json")
PICTURE = Path(__file__).with_name("soak.png")
"""The one in the documentation."""

SLICES = 60
"""Parts into which the time of a soak by minutes is cut; ten of them are a sixth."""

MOST_GROWTH = 1.05
"""How many times what the first sixth took the last one may take."""


@attrs.frozen
class Slice:
    """What one part of the time took."""

    minute: float
    """Its end, in minutes from the start."""
    calls: int
    cpu_us: float
    """CPU time of a call in microseconds; of the client."""
    yardstick_us: float
    """CPU time of `yardstick` in microseconds: the machine's speed at the time."""
    memory_mib: float
    """Resident memory at its end, in MiB."""

    @property
    def cost(self) -> float:
        """CPU time of a call as a multiple of the yardstick's."""
        return self.cpu_us / self.yardstick_us


NAMES = {
    "cpu_us": "CPU time of a call",
    "cost": "CPU time of a call at an even speed of the machine",
    "memory_mib": "memory",
}
"""What is compared; of the two CPU times the second counts."""


def compared(slices: list[Slice]) -> dict[str, float]:
    """How many times what the first sixth took the last sixth takes."""
    sixth = max(1, len(slices) // 6)
    first, last = slices[:sixth], slices[-sixth:]
    return {
        name: statistics.median(getattr(each, name) for each in last)
        / statistics.median(getattr(each, name) for each in first)
        for name in ("cpu_us", "cost", "memory_mib")
    }


def yardstick() -> float:
    """CPU seconds of a piece of work that is always the same: the least of some turns."""
    document = {"choices": [{"index": place, "text": "a" * place} for place in range(100)]}
    least = math.inf
    for _ in range(20):
        before = time.thread_time()
        for _ in range(5):
            json.loads(json.dumps(document))
        least = min(least, time.thread_time() - before)
    return least / 5


async def soak(calls: int, seed: int) -> tuple[Account, int]:
    """Makes the calls; gives the account and how many requests the server got."""
    account = Account()
    numbers = iter(range(calls))
    descriptors = _descriptors()
    with _blocking_client() as blocking:
        async with _client() as client:
            requests = await _through_chaos(client, blocking, numbers, seed, account, last=True)
    if (more := _descriptors() - descriptors) > 0:
        account.wrong.append(f"{more} descriptors were left behind")
    return account, requests


async def soak_for(minutes: float, seed: int) -> tuple[Account, int, list[Slice]]:
    """Makes calls for so long, with one client. Each slice has a server of its own, which remembers every request."""
    account = Account()
    slices: list[Slice] = []
    requests = 0
    descriptors = _descriptors()
    begun = time.monotonic()
    counted = itertools.count()
    with _blocking_client() as blocking:
        async with _client() as client:
            for place in range(SLICES):
                before, cpu = account.calls, time.process_time()
                # From its own start: one cut short by the last calls of another would be its server's start alone.
                numbers = _until(time.monotonic() + minutes * 60 / SLICES, counted)
                last = place == SLICES - 1
                requests += await _through_chaos(
                    client, blocking, numbers, seed + place, account, last=last
                )
                calls = account.calls - before
                taken = (time.process_time() - cpu) / max(1, calls)
                minute = (time.monotonic() - begun) / 60
                memory = resident_bytes() / 2**20
                slices.append(Slice(minute, calls, taken * 1e6, yardstick() * 1e6, memory))
    if (more := _descriptors() - descriptors) > 0:
        account.wrong.append(f"{more} descriptors were left behind")
    return account, requests, slices


def _until(end: float, numbers: Iterator[int]) -> Iterator[int]:
    """`numbers`, until it is `end` on the monotonic clock."""
    return itertools.takewhile(lambda _: time.monotonic() < end, numbers)


def _client() -> AsyncHoray:
    return AsyncHoray(KEY, timeout=TIMEOUTS, retry=RETRIES)


def _blocking_client() -> Horay:
    return Horay(KEY, timeout=TIMEOUTS, retry=RETRIES)


async def _through_chaos(
    client: AsyncHoray,
    blocking: Horay,
    numbers: Iterator[int],
    seed: int,
    account: Account,
    *,
    last: bool,
) -> int:
    """Makes the calls of these numbers to a server of its own, and closes the clients after the last; gives how many
    requests the server got.
    """
    async with soak_server(seed) as server:
        copies = (
            client.with_options(base_url=server.base_url),
            blocking.with_options(base_url=server.base_url),
        )
        tasks = len(asyncio.all_tasks())

        async def work() -> None:
            for number in numbers:
                await _one(copies, number, account)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        if last:
            await client.close()
            await asyncio.to_thread(blocking.close)
        seen = await server.end(closed=last)
        if (left := len(asyncio.all_tasks()) - tasks) > 0:
            account.wrong.append(f"{left} tasks were left behind")
        if seen.left_open:
            account.wrong.append(f"{seen.left_open} connections were left open")
        account.wrong += [
            f"the image with the idempotency key {key} was run twice" for key in seen.twice
        ]
        return seen.requests


async def _one(clients: tuple[AsyncHoray, Horay], number: int, account: Account) -> None:
    """One call, of the kind that its number says."""
    client, blocking = clients
    if (kind := number % (len(KINDS) + 2)) == len(KINDS):
        await _batch(client, number, account)
        return
    account.calls += 1
    try:
        if kind > len(KINDS):
            problem, attempts = await asyncio.to_thread(_blocking, blocking, number)
        else:
            problem, attempts = await KINDS[kind](client, number)
    except Exception as error:  # noqa: BLE001 - a foreign exception is what is looked for
        _raised(error, number, account)
    else:
        _answered(problem, attempts, number, account)


def _raised(error: Exception, number: int, account: Account) -> None:
    account.raised[type(error).__name__] += 1
    if not isinstance(error, HorayError):
        account.wrong.append(f"call {number}: {error!r} is foreign")
    elif isinstance(error, APIError) and not error.attempts:
        account.wrong.append(f"call {number}: {error!r} has no attempts on record")


def _answered(problem: Any, attempts: int, number: int, account: Account) -> None:
    account.answered += 1
    account.retried += attempts > 1
    if problem is not None:
        account.wrong.append(f"call {number}: {problem!r} is not the response")


async def _batch(client: AsyncHoray, number: int, account: Account) -> None:
    """A batch, each of whose requests counts as a call."""
    account.calls += BATCH
    requests = [BatchRequest.completion(model="m", prompt=f"{number} {n}") for n in range(BATCH)]
    try:
        async for result in client.batch.run(requests, concurrency=BATCH):
            if result.response is None:
                _raised(result.error or TypeError("neither response nor error"), number, account)
            else:
                problem = _unless(result.response.choices[0].text)
                _answered(problem, len(result.attempts), number, account)
    except Exception as error:  # noqa: BLE001 - a batch raises for none of its requests
        account.wrong.append(f"batch {number}: {error!r}")


def _unless(text: str | None) -> str | None:
    return None if text == HELLO else f"{text}"


async def _chat(client: AsyncHoray, number: int) -> tuple[Any, int]:
    response = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"{number}"}]
    )
    return _unless(response.choices[0].message.content), len(response.meta.attempts)


async def _chat_stream(client: AsyncHoray, number: int) -> tuple[Any, int]:
    chunks = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"{number}"}], stream=True
    )
    return _unless("".join([text async for text in chunks.text()])), len(chunks.meta.attempts)


async def _completion(client: AsyncHoray, number: int) -> tuple[Any, int]:
    response = await client.completions.create(model="m", prompt=f"{number}")
    return _unless(response.choices[0].text), len(response.meta.attempts)


async def _completion_stream(client: AsyncHoray, number: int) -> tuple[Any, int]:
    async with client.completions.stream(model="m", prompt=f"{number}") as events:
        response = await events.final()
        return _unless(response.choices[0].text), len(events.meta.attempts)


async def _image(client: AsyncHoray, number: int) -> tuple[Any, int]:
    response = await client.images.generate(model="m", prompt=f"{number}", image_size="768x512")
    return (None if response.images else response), len(response.meta.attempts)


async def _models(client: AsyncHoray, number: int) -> tuple[Any, int]:
    response = await client.models.list(extra_query={"number": number})
    return (None if len(response) else response), len(response.meta.attempts)


KINDS: tuple[Callable[[AsyncHoray, int], Awaitable[tuple[Any, int]]], ...] = (
    _chat,
    _chat_stream,
    _completion,
    _completion_stream,
    _image,
    _models,
)
BATCH = 4
"""Requests of a batch."""


def _blocking(client: Horay, number: int) -> tuple[Any, int]:
    response = client.completions.create(model="m", prompt=f"{number}")
    return _unless(response.choices[0].text), len(response.meta.attempts)


def _descriptors() -> int:
    """The open file descriptors of this process; 0 where the system doesn't list them."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def plot(slices: list[Slice], path: Path) -> None:
    """Draws CPU time and memory over time. Needs matplotlib, which only the extra `bench` installs."""
    module: Any = import_module("matplotlib.figure")
    figure = module.Figure(figsize=(6.0, 3.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    minutes = [each.minute for each in slices]
    usual = statistics.median(each.yardstick_us for each in slices)
    upper.plot(minutes, [each.cpu_us for each in slices], alpha=0.4, label="as measured")
    upper.plot(
        minutes, [each.cost * usual for each in slices], label="at an even speed of the machine"
    )
    upper.set_ylabel("CPU of a call, µs")
    upper.legend(loc="lower left", fontsize=8, frameon=False)
    lower.plot(minutes, [each.memory_mib for each in slices])
    lower.set_ylabel("memory, MiB")
    lower.set_xlabel("minutes")
    for axes in (upper, lower):
        axes.set_ylim(0, 1.2 * axes.dataLim.ymax)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=80)


def _report(slices: list[Slice], account: Account, to: Path | None, picture: Path | None) -> None:
    """Prints, writes and draws what the slices say; growth goes among what is wrong."""
    growth = compared(slices)
    for name, factor in growth.items():
        print(f"last sixth / first sixth, {NAMES[name]}: {factor:.3f}")
        if factor > MOST_GROWTH and name != "cpu_us":
            account.wrong.append(f"{name} grew {factor:.3f} times")
    if to is not None:
        rows = [attrs.asdict(each) for each in slices]
        to.write_text(
            json.dumps({"growth": growth, "machine": describe(), "slices": rows}, indent=1)
        )
    if picture is not None:
        plot(slices, picture)


def main() -> int:
    """Runs the soak and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, help="go on for so long, and compare its sixths")
    parser.add_argument(
        "--json",
        type=Path,
        nargs="?",
        const=FIGURES,
        metavar="FILE",
        help="write the slices of the time, to benchmarks/soak.json unless a file is given",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        nargs="?",
        const=PICTURE,
        metavar="FILE.png",
        help="draw them, as benchmarks/soak.png unless a file is given (matplotlib)",
    )
    options = parser.parse_args()
    if options.plot is not None and find_spec("matplotlib") is None:
        parser.error(
            "--plot needs matplotlib"
        )  # now, not after an hour; loaded, it would be half of the memory
    begun = time.perf_counter()
    slices: list[Slice] = []
    if options.minutes is None:
        account, requests = asyncio.run(soak(options.calls, options.seed))
    else:
        account, requests, slices = asyncio.run(soak_for(options.minutes, options.seed))
    if account.lost:
        account.wrong.append(f"{account.lost} calls were lost")
    print("| | |\n|---|---|")
    for name, value in account.rows(requests, time.perf_counter() - begun):
        print(f"| {name} | {value} |")
    print(
        f"\nSeed {options.seed}. {', '.join(f'{name} {what}' for name, what in describe().items())}"
    )
    if slices:
        _report(slices, account, options.json, options.plot)
    for problem in account.wrong[:20]:
        print(problem, file=sys.stderr)
    return 1 if account.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
