"""One stream, and several tasks that read, finish, close or cancel it in any order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from horay_async import AsyncHoray, Horay, HorayError
from horay_async.testing import FaultServer, Pause, Piece, stream
from tests.adversary.draws import draws
from tests.adversary.operations import slots_in_use, with_clients
from tests.adversary.watchdog import in_time

STREAMS = 300

PIECES = [f"{number} " for number in range(30)]

WHOLE = "".join(PIECES)

ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}


class Shared:
    """A stream of chunks or of events, and what came of it."""

    def __init__(self, source: Any, draw: random.Random) -> None:
        self._source = source
        self._draw = draw
        self.handed_out: list[str] = []
        self.finals: list[str] = []
        self.read_to_end = False
        self.outcomes: Counter[str] = Counter()

    async def take_part(self, what: str) -> None:
        """Does one thing with it; what it raises of its own is fine."""
        try:
            match what:
                case "final":
                    response = await self._source.final()
                    self.finals.append(response.choices[0].message.content)
                case "close":
                    await self._turns()
                    await self._source.close()
                case _:
                    items = self._source.text() if what == "text" else self._source
                    await self._read(items, self._draw.choice([None, None, 3, 10]))
        except HorayError:
            self.outcomes["refused"] += 1
        else:
            self.outcomes[what] += 1

    async def _read(self, items: Any, most: int | None) -> None:
        number = 0
        async for item in items:
            if isinstance(item, str):
                self.handed_out.append(item)
            elif getattr(item, "type", "text") == "text":
                self.handed_out.append(item.text or "")
            number += 1
            if number == most:
                return
            await self._turns()
        self.read_to_end = True

    async def _turns(self) -> None:
        for _ in range(self._draw.choice([0, 0, 1, 4])):
            await asyncio.sleep(0)

    async def used(self) -> None:
        """Lets some tasks loose on it."""
        draw = self._draw
        kinds = ["loop", "loop", "text", "close"]
        if hasattr(self._source, "final"):
            kinds += ["final", "final"]
        tasks: list[asyncio.Task[None]] = []
        for _ in range(draw.randint(1, 4)):
            tasks.append(asyncio.create_task(self.take_part(draw.choice(kinds))))
            await self._turns()
            if draw.random() < 0.15:
                draw.choice(tasks).cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, asyncio.CancelledError):
                self.outcomes["cancelled"] += 1
            elif result is not None:
                raise result


def test_any_order() -> None:
    """Each piece is handed out once and in its order; a loop that ends, and a final response, have all of it."""
    outcomes: Counter[str] = Counter()

    async def check(server: FaultServer, client: AsyncHoray, _: Horay) -> None:
        completions: Any = client.chat.completions
        for draw in draws("orders", STREAMS):
            pieces: list[Piece] = []
            for piece in PIECES:
                pieces += [piece, Pause(0.0)] if draw.random() < 0.15 else [piece]
            server.always(stream(pieces))
            if draw.random() < 0.5:
                manager = await completions.create(**ASKED, stream=True)
            else:
                manager = completions.stream(**ASKED)
            async with manager as source:
                shared = Shared(source, draw)
                await in_time(shared.used())
            handed_out = "".join(shared.handed_out)
            assert WHOLE.startswith(handed_out), draw
            assert set(shared.finals) <= {WHOLE}, draw
            assert handed_out == WHOLE or not shared.read_to_end, draw
            outcomes.update(shared.outcomes)
        assert not slots_in_use(client)

    with_clients(check)
    assert min(outcomes[each] for each in ("loop", "text", "final", "close", "cancelled")) > 3
    assert outcomes["refused"] > 20
