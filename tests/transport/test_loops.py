"""What lives as long as an event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

from horay_async._transport.loops import kept_by


class Bare:
    """A loop that takes no attributes, as a class of an extension module may have it."""

    __slots__ = ("__weakref__",)


def test_kept_as_long_as_the_loop() -> None:
    """What is kept may refer to the loop, and goes with it; it is told before anything of the loop's is finalized."""
    told: list[bool] = []

    class Owner:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop
            self.kept = kept_by(loop)
            self.kept.add(self)

        def __del__(self) -> None:
            told.append(self.kept.gone)

    loop = asyncio.new_event_loop()
    owner = Owner(loop)
    assert kept_by(loop) is owner.kept
    assert not owner.kept.gone
    gone = weakref.ref(loop)
    loop.close()
    del loop, owner
    gc.collect()
    assert gone() is None
    assert told == [True]


def test_loop_without_attributes() -> None:
    """One that can't keep anything is kept itself."""
    first, second = cast("Any", Bare()), cast("Any", Bare())
    assert kept_by(first) is kept_by(first)
    assert kept_by(first) is not kept_by(second)
