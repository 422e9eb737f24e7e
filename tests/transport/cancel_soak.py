"""Calls cancelled at random, by the ten thousand: `python -m tests.transport.cancel_soak --calls 15000`.

Prints how many were cancelled and how many were over by then, and what they left behind, which is to be
nothing: no slot in use, no task, no descriptor, and a pool of its full size.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter

from horay_async import AsyncHoray
from horay_async.testing import FaultServer

from .test_cancellation import (
    LONGEST,
    OPERATIONS,
    SLOTS,
    WAYS,
    Baseline,
    Operation,
    Slow,
    full_size,
)

AT_ONCE = 12 * SLOTS


async def soak(calls: int, *, tls: bool) -> None:
    """Runs the whole thing and prints what came of it. Raises `TimeoutError` where something is left."""
    found: Counter[str] = Counter()
    draw = random.Random(7)

    async def noted(operation: Operation, client: AsyncHoray) -> None:
        try:
            await operation(client)
        except BaseException as error:
            found[type(error).__name__] += 1
            raise
        found["answered"] += 1

    with FaultServer(tls="good" if tls else None) as server:

        def new_client() -> AsyncHoray:
            return AsyncHoray(
                server.api_key,
                base_url=server.base_url,
                ssl_context=server.ssl_context,
                max_connections=SLOTS,
            )

        slow = Slow()
        server.always(slow)
        baseline = await Baseline.after_a_call(server, new_client())
        began = time.perf_counter()
        async with new_client() as client:
            for _ in range(calls // AT_ONCE):
                await asyncio.gather(
                    *(
                        draw.choice(WAYS)(
                            noted(draw.choice(OPERATIONS), client), draw.uniform(0, 4 * LONGEST)
                        )
                        for _ in range(AT_ONCE)
                    )
                )
            await full_size(server, slow, client)
        await baseline.restored(server)
    print(f"{dict(found)} in {time.perf_counter() - began:.1f} s; nothing left behind")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=15_000)
    parser.add_argument("--tls", action="store_true", help="over HTTPS")
    given = parser.parse_args()
    asyncio.run(soak(given.calls, tls=given.tls))


if __name__ == "__main__":
    main()
