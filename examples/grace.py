"""What the two services share: they stop gracefully, and show the same page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

PAGE = Path(__file__).with_name("ask.html").read_text(encoding="utf-8")


class Stopping(Exception):
    """The service stops, and the time that it gave to responses under way is up."""


class Grace:
    """Lets responses under way go on for some `seconds` after the service is told to stop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline: float | None = None
        self._running: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        """From now on the time counts. To be called in the loop's thread."""
        print(f"Stopping: responses under way have {self.seconds:g} s.", flush=True)
        self._deadline = asyncio.get_running_loop().time() + self.seconds
        for limit in self._running:
            limit.reschedule(self._deadline)

    @asynccontextmanager
    async def given(self) -> AsyncGenerator[None]:
        """Raises `Stopping` within the block once the time is up."""
        limit = asyncio.timeout_at(self._deadline)
        try:
            async with limit:
                self._running.add(limit)
                try:
                    yield
                finally:
                    self._running.discard(limit)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Stopping("the service stops") from None
