"""What a contender is made to do in a process of its own, and the CPU time that it takes.

Each workload warms up, checks that the responses are right, and gives CPU seconds a unit: a call, a chunk,
a client made or a body decoded. `datasets` and `first_tokens` give wall-clock seconds, `held` gives bytes.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from benchmarks import canned
from benchmarks.measure import cpu_seconds, resident_bytes

__all__ = ["WORKLOADS", "Job", "Reading", "WrongResponse"]

Found = TypeVar("Found")

Job = dict[str, Any]
"""`contender`, `workload`, `base_url`, and what the workload takes."""


Reading = dict[str, float]
"""`unit`, what a unit of the workload takes; what else it gives has a name of its own, as `worst`."""

QUIET: Final = 0.1
"""Seconds between two looks at whether a process still has something to do."""


class WrongResponse(Exception):
    """A client returned something else than the server sent."""


def responses(kind: Any, job: Job) -> float:
    """Whole responses: `calls` of them, `at_once` at a time, each of `connections` in use. `collector` says how garbage is
    collected: `{"freeze": True}`, `{"threshold": 50_000}`, which is never if 0, or both.
    """

    async def run() -> float:
        client = kind(job["base_url"], job.get("connections", job["at_once"]))
        collector = job.get("collector", {})
        if "threshold" in collector:
            gc.set_threshold(collector["threshold"], *gc.get_threshold()[1:])
        if collector.get("freeze"):
            # As a service would: what is loaded by now stays to the end.
            await client.call(canned.RESPONSE)
            gc.collect()
            gc.freeze()
        expected = canned.response_text(canned.RESPONSE)

        async def call() -> None:
            if (text := await client.call(canned.RESPONSE)) != expected:
                raise WrongResponse(text)

        try:
            calls: int = job["calls"]
            return await _fan_out(call, calls, job["at_once"]) / calls
        finally:
            await client.close()

    return _run(job, run)


def batches(kind: Any, job: Job) -> float:
    """Whole responses to a batch of `calls`, `at_once` at a time: by the client's `fan_out`, or else as it is
    commonly written, a task for each under a semaphore.
    """

    async def run() -> float:
        client = kind(job["base_url"], job["at_once"])
        expected = canned.response_text(canned.RESPONSE)

        async def gathered(model: str, calls: int, at_once: int) -> list[str]:
            turns = asyncio.Semaphore(at_once)

            async def call() -> str:
                async with turns:
                    text: str = await client.call(model)
                    return text

            return await asyncio.gather(*[call() for _ in range(calls)])

        fan_out = getattr(client, "fan_out", gathered)
        try:
            calls: int = job["calls"]
            at_once: int = job["at_once"]
            await fan_out(canned.RESPONSE, max(at_once, calls // 8), at_once)  # to warm up
            before = cpu_seconds()
            texts = await fan_out(canned.RESPONSE, calls, at_once)
            seconds = cpu_seconds() - before
            if texts != [expected] * calls:
                raise WrongResponse(f"{texts.count(expected)} of {calls}")
            return seconds / calls
        finally:
            await client.close()

    return _run(job, run)


def datasets(kind: Any, job: Job) -> float:
    """Whole responses for the rows of a Ray dataset: wall-clock seconds a row, since the work is spread over
    processes. What it takes to start is the same for any number of rows, and left out: from the time for
    `calls` rows, that for a quarter of them is taken off.
    """
    expected = canned.response_text(canned.RESPONSE)
    with kind(job["base_url"]) as cluster:

        def seconds(rows: int) -> float:
            before = time.perf_counter()
            texts = cluster.responses(canned.RESPONSE, rows)
            took = time.perf_counter() - before
            if texts != [expected] * rows:
                raise WrongResponse(f"{texts.count(expected)} of {rows}")
            return took

        calls: int = job["calls"]
        few = calls // 4
        seconds(few)
        return (seconds(calls) - seconds(few)) / (calls - few)


def streams(kind: Any, job: Job) -> float:
    """Streams of `chunks`, written `burst` at a time, `pace` times a second: `streams` of them, `at_once` at a time, read
    through the client's method `by`.
    """

    async def run() -> float:
        client = kind(job["base_url"], job["at_once"])
        read = getattr(client, job.get("by", "stream"))
        model = canned.stream(job["chunks"], job["burst"], job.get("pace", 0))
        expected = canned.response_text(model)

        async def call() -> None:
            chunks, text = await read(model)
            if text != expected or chunks not in (0, job["chunks"]):
                raise WrongResponse(f"{chunks} chunks of {job['chunks']}, {len(text)} characters")

        try:
            seconds = await _fan_out(call, job["streams"], job["at_once"])
            chunks: int = job["streams"] * job["chunks"]
            return seconds / chunks
        finally:
            await client.close()

    return _run(job, run)


def first_tokens(kind: Any, job: Job) -> Reading:
    """`at_once` streams asked for in the same moment, over connections that are open already: wall-clock seconds until
    the first text of each. `unit` is the median of the streams and `worst` the last of them, each in the quickest of
    `times` turns: whatever else the machine does only makes a turn slower. The server responds at once.
    """

    async def run() -> Reading:
        client = kind(job["base_url"], job["at_once"])
        model = canned.stream(job["chunks"], job["burst"])
        expected = canned.response_text(model)

        async def call(begun: float) -> float:
            first = 0.0
            texts: list[str] = []
            async for text in client.texts(model):
                first = first or time.perf_counter() - begun
                texts.append(text)
            if (text := "".join(texts)) != expected:
                raise WrongResponse(text)
            return first

        async def turn() -> list[float]:
            begun = time.perf_counter()
            return await asyncio.gather(*[call(begun) for _ in range(job["at_once"])])

        try:
            for _ in range(max(1, job["times"] // 8)):  # opens the connections
                await turn()
            turns = [await turn() for _ in range(job["times"])]
            return {
                "unit": min(map(statistics.median, turns)),
                "worst": min(map(max, turns)),
            }
        finally:
            await client.close()

    return _run(job, run)


def held(kind: Any, job: Job) -> float:
    """`at_once` requests of which the server sends the first `events` and no more: bytes of resident memory that each
    takes while it waits, with its task and its connection. Without events they are calls that wait for a response.
    """

    async def run() -> float:
        client = kind(job["base_url"], job["at_once"])
        events: int = job["events"]
        model = canned.held(events)
        texts = 0

        async def wait() -> None:
            nonlocal texts
            if not events:
                await client.call(model)
            async for _ in client.texts(model):
                texts += 1

        # What is made once for all of them isn't counted.
        short = canned.stream(8, 4)
        for _ in range(8):
            await client.call(canned.RESPONSE)
            "".join([text async for text in client.texts(short)])
        gc.collect()
        before = resident_bytes()
        tasks = [asyncio.create_task(wait()) for _ in range(job["at_once"])]
        await _quiet()
        taken = resident_bytes() - before
        if texts != (expected := len(tasks) * max(0, events - 1)):  # the first event holds the role
            raise WrongResponse(f"{texts} texts of {expected} came")
        if ended := sum(task.done() for task in tasks):
            raise WrongResponse(f"{ended} requests didn't wait")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        return taken / len(tasks)

    return _run(job, run)


async def _quiet() -> None:
    """Returns once this process has had next to nothing to do for some time."""
    quiet = 0
    for _ in range(1000):
        before = cpu_seconds()
        await asyncio.sleep(QUIET)
        quiet = quiet + 1 if cpu_seconds() - before < QUIET / 10 else 0
        if quiet == 3:
            return
    raise WrongResponse("never came to rest")


def blocking_responses(kind: Any, job: Job) -> float:
    """Whole responses from a blocking client, one after another."""
    client = kind(job["base_url"])
    expected = canned.response_text(canned.RESPONSE)

    def call() -> None:
        if (text := client.call(canned.RESPONSE)) != expected:
            raise WrongResponse(text)

    try:
        return _repeat(call, job["calls"])
    finally:
        client.close()


def blocking_streams(kind: Any, job: Job) -> float:
    """Streams from a blocking client, one after another."""
    client = kind(job["base_url"])
    model = canned.stream(job["chunks"], job["burst"])
    expected = canned.response_text(model)

    def call() -> None:
        chunks, text = client.stream(model)
        if text != expected or chunks != job["chunks"]:
            raise WrongResponse(f"{chunks} chunks of {job['chunks']}, {len(text)} characters")

    try:
        chunks_each: int = job["chunks"]
        return _repeat(call, job["streams"]) / chunks_each
    finally:
        client.close()


def first_response(kind: Any, job: Job) -> float:
    """One response, with nothing warmed up: the whole process is what is measured."""

    async def run() -> float:
        client = kind(job["base_url"], 1)
        text = await client.call(canned.RESPONSE)
        if text != canned.response_text(canned.RESPONSE):
            raise WrongResponse(text)
        await client.close()
        return 0.0

    return _run(job, run)


def decode(kind: Any, job: Job) -> float:
    """The large response's body made into objects, `times` over, without a network."""
    body = canned.large_body()
    return _repeat(lambda: kind.decode(body), job["times"])


def make(kind: Any, job: Job) -> float:
    """Clients made after the first, `times` of them, that share what TLS contexts there are."""
    clients = [kind.make(job["base_url"])]
    contexts = _tls_contexts()
    seconds = _repeat(lambda: clients.append(kind.make(job["base_url"])), job["times"])
    if (made := _tls_contexts() - contexts) > 0:
        raise WrongResponse(f"{made} TLS contexts more for {len(clients)} clients")
    return seconds


def _tls_contexts() -> int:
    return sum(isinstance(thing, ssl.SSLContext) for thing in gc.get_objects())


WORKLOADS: Final[dict[str, Callable[[Any, Job], float | Reading]]] = {
    "responses": responses,
    "batches": batches,
    "datasets": datasets,
    "streams": streams,
    "first_tokens": first_tokens,
    "held": held,
    "blocking_responses": blocking_responses,
    "blocking_streams": blocking_streams,
    "first_response": first_response,
    "decode": decode,
    "make": make,
}


async def _fan_out(call: Callable[[], Awaitable[None]], count: int, at_once: int) -> float:
    """CPU seconds for `count` calls, `at_once` at a time, after as many in a first turn to warm up."""

    async def worker(calls: int) -> None:
        for _ in range(calls):
            await call()

    # Enough to open every connection and to have the interpreter specialise what runs often.
    warm_up = max(1, count // at_once // 8)
    await asyncio.gather(*[worker(warm_up) for _ in range(at_once)])
    before = cpu_seconds()
    await asyncio.gather(*[worker(count // at_once) for _ in range(at_once)])
    return cpu_seconds() - before


def _repeat(call: Callable[[], object], count: int) -> float:
    """CPU seconds a call, after some to warm up."""
    for _ in range(max(1, count // 8)):
        call()
    before = cpu_seconds()
    for _ in range(count):
        call()
    return (cpu_seconds() - before) / count


def _run(job: Job, main: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    factory = None
    if job.get("uvloop"):
        import uvloop  # noqa: PLC0415 - an optional package, wanted by some contenders alone

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())
