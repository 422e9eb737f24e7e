"""What an attempt of a call passes where there are limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class AttemptPermit(Protocol):
    """What one attempt holds of the limits, from when it is admitted until its connection is free again."""

    def received(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head has come."""
        ...

    def complete(self, response: object) -> None:
        """The response is whole."""
        ...

    def unsent(self) -> None:
        """The attempt was given up before its request went out."""
        ...

    def release(self, *, whole: bool) -> None:
        """The attempt is over; `whole` is whether all of its response had come. Only the first time counts."""
        ...


class AttemptLimiter(Protocol):
    """What admits the attempts of a call."""

    def acquire_nowait(self, body: bytes | None, *, bulk: bool) -> AttemptPermit | None:
        """Admits an attempt that sends `body`; None where it has to wait."""
        ...

    async def acquire(self, body: bytes | None, *, bulk: bool) -> AttemptPermit:
        """Waits until an attempt is admitted for which `acquire_nowait` returned None."""
        ...

    async def back_off(self, seconds: float) -> None:
        """Waits between two attempts."""
        ...
