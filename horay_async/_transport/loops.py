"""Which event loop runs here, and what lives as long as a loop."""

from __future__ import annotations

import asyncio

__all__ = ["kept_by", "runs_here"]

_KEPT = "_kept_by_horay_async"


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` is the one that runs in this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def kept_by(loop: asyncio.AbstractEventLoop) -> set[object]:
    """What lives as long as `loop`, and no longer: an attribute of the loop, since what is kept elsewhere, and refers to the
    loop, would keep a loop for ever that is forgotten without being closed.
    """
    try:
        kept: set[object] = loop.__dict__.setdefault(_KEPT, set())
    except AttributeError:  # of a class whose instances take none
        kept = _kept.setdefault(loop, set())
    return kept


_kept: dict[asyncio.AbstractEventLoop, set[object]] = {}
