"""Which event loop runs here, and what lives as long as a loop."""

from __future__ import annotations

import asyncio
import sys
import weakref

__all__ = ["Kept", "kept_by", "runs_here", "this_task"]

_KEPT = "_kept_by_horay_async"


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` is the one that runs in this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def this_task() -> object:
    """The task that runs in this thread; None outside of tasks."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class Kept(set[object]):
    """What lives as long as an event loop, and no longer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._gone: list[bool] = []
        # Python calls this before it finalizes anything of the loop's.
        weakref.finalize(loop, self._gone.append, True).atexit = False
        self._finalizing = sys.is_finalizing  # modules lose their names before that ends

    @property
    def gone(self) -> bool:
        """Whether the loop is being collected, or the process ends: what is open ends with what holds it."""
        return bool(self._gone) or self._finalizing()


def kept_by(loop: asyncio.AbstractEventLoop) -> Kept:
    """An attribute of the loop: what is kept elsewhere, and refers to the loop, would keep a loop for ever that is forgotten
    without being closed.
    """
    kept: Kept | None = getattr(loop, _KEPT, _kept.get(loop))
    if kept is None:
        kept = Kept(loop)
        # Not by way of its `__dict__`: CPython 3.11 looks up all of a loop's attributes more slowly once that was asked for.
        try:
            setattr(loop, _KEPT, kept)
        except AttributeError:
            kept = _kept.setdefault(loop, kept)
    return kept


_kept: dict[asyncio.AbstractEventLoop, Kept] = {}
"""By the loop, for those whose class lets them take no attributes: they are kept for ever."""
