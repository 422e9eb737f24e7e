"""Which event loop runs here."""

from __future__ import annotations

import asyncio

__all__ = ["runs_here"]


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` is the one that runs in this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
