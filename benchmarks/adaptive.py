"""How well `concurrency="auto"` keeps to a limit that nobody told it, against the best fixed setting.

    python -m benchmarks.adaptive --seconds 60
    python -m benchmarks.adaptive --minutes 6

A server on the loopback interface takes `AT_ONCE` requests at a time and refuses the rest with 429. First one
fixed setting after the other runs against each of the limits, then a single batch with `"auto"`, while the limit
changes beneath it. With `--minutes` the limit is one of requests a minute instead, and the best that any setting
can do is to use it up. What counts is the second half of each phase; the first is for finding the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import attrs

from benchmarks.machine import describe
from horay_async import AsyncHoray

__all__ = ["main"]

AT_ONCE = (37, 74, 20)
"""The limits, one after another."""
A_MINUTE = (1200, 2400)
FIXED = (0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
"""Settings that are tried, in multiples of the limit."""
LATENCY = 0.25
SPREAD = 0.2
"""How far a response's latency lies from that, at most, as a share of it."""

BODY = b'{"choices":[{"index":0,"text":"Berlin","finish_reason":"stop"}]}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n%b\r\n"


@attrs.define
class Limited:
    """A server with a limit of requests under way, or of requests in each minute; or both."""

    at_once: int | None = None
    a_minute: int | None = None
    answered: int = 0
    refused: int = 0
    _under_way: int = 0
    _minute: int = 0
    _used: int = 0
    _random: random.Random = attrs.field(factory=lambda: random.Random(7))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        """Serves; gives its base URL."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=4096)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(
                    int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                )
                writer.write(await self._response())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            writer.close()

    async def _response(self) -> bytes:
        now = asyncio.get_running_loop().time()
        if self.at_once is not None and self._under_way >= self.at_once:
            self.refused += 1
            return REFUSAL % b""
        if self.a_minute is not None:
            if now // 60 != self._minute:
                self._minute, self._used = int(now // 60), 0
            if self._used >= self.a_minute:
                self.refused += 1
                return REFUSAL % (b"Retry-After: %d\r\n" % (60 - now % 60 + 1))
            self._used += 1
        self._under_way += 1
        try:
            await asyncio.sleep(LATENCY * self._random.uniform(1 - SPREAD, 1 + SPREAD))
        finally:
            self._under_way -= 1
        self.answered += 1
        return RESPONSE


@attrs.frozen
class GCRA:
    """What came of a phase: responses a second, and the share of requests that were refused."""

    a_second: float
    refused: float


async def course(
    server: Limited, limits: tuple[dict[str, int], ...], seconds: float, concurrency: int | None
) -> list[GCRA]:
    """One batch, during which each of `limits` holds for so many seconds; concurrency None is "auto"."""
    rates: list[GCRA] = []

    async def watch() -> None:
        for limit in limits:
            server.at_once, server.a_minute = limit.get("at_once"), limit.get("a_minute")
            await asyncio.sleep(seconds / 2)
            answered, refused = server.answered, server.refused
            await asyncio.sleep(seconds / 2)
            answered, refused = server.answered - answered, server.refused - refused
            rates.append(GCRA(answered / (seconds / 2), refused / max(1, answered + refused)))

    async def prompts() -> AsyncIterator[dict[str, object]]:
        for number in itertools.count():
            if watching.done():
                return
            yield {
                "custom_id": f"{number}",
                "method": "POST",
                "url": "/v1/completions",
                "body": {"model": "m", "prompt": "p"},
            }

    async with (
        server.running() as base_url,
        AsyncHoray("key-for-the-stub", base_url=base_url) as client,
    ):
        watching = asyncio.create_task(watch())
        async for result in client.batch.run(prompts(), concurrency=concurrency or "auto"):
            if result.error is not None:
                print(f"lost: {result.error}", file=sys.stderr)
        await watching
    return rates


async def under_way(seconds: float) -> list[tuple[str, float, str, GCRA]]:
    """Rows: the limit, the best fixed setting's responses a second, which it was, and what "auto" came to."""
    best: list[tuple[float, str]] = []
    for limit in AT_ONCE:
        tried: list[tuple[float, str]] = []
        for share in FIXED:
            level = round(limit * share)
            # A fixed setting needs no time to find anything; a few seconds tell its rate.
            (rate,) = await course(Limited(), ({"at_once": limit},), min(seconds, 8.0), level)
            tried.append((rate.a_second, f"{level}, {rate.refused:.1%} refused"))
        best.append(max(tried))
    rates = await course(Limited(), tuple({"at_once": n} for n in AT_ONCE), seconds, None)
    return [
        (f"{limit} at once", rate, setting, found)
        for limit, (rate, setting), found in zip(AT_ONCE, best, rates, strict=True)
    ]


async def each_minute(minutes: float) -> list[tuple[str, float, str, GCRA]]:
    """The same for limits of requests a minute, of which the best to be had is all of it."""
    limits = tuple({"a_minute": n} for n in A_MINUTE)
    rates = await course(Limited(), limits, minutes * 60, None)
    return [
        (f"{limit:,} a minute", limit / 60, "all of it", found)
        for limit, found in zip(A_MINUTE, rates, strict=True)
    ]


def _time(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be more than 0 and finite; got {text}")
    return value


def main() -> int:
    """Runs the comparison and prints its table; exit status 1 below 85 % or above 2 % refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=_time, default=60.0, help="of each phase")
    parser.add_argument("--minutes", type=_time, help="of each phase, with limits a minute")
    options = parser.parse_args()
    rows = asyncio.run(
        each_minute(options.minutes) if options.minutes else under_way(options.seconds)
    )
    print("| limit | best fixed setting | `auto` | of the best | refused |\n|---|---|---|---|---|")
    for limit, best, setting, found in rows:
        print(
            f"| {limit} | {best:.0f} a second ({setting}) | {found.a_second:.0f} a second "
            f"| {found.a_second / best:.0%} | {found.refused:.1%} |"
        )
    print(f"\n{', '.join(f'{name} {what}' for name, what in describe().items())}")
    return int(any(f.a_second < 0.85 * best or f.refused > 0.02 for _, best, _, f in rows))


if __name__ == "__main__":
    sys.exit(main())
