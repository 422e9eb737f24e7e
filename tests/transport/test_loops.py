"""What lives as long as an event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

from horay_async._transport.loops import registry_of


class Bare:
    """A loop that takes no attributes, as a class of an extension module may have it."""

    __slots__ = ("__weakref__",)


def test_kept_as_long_as_the_loop() -> None:
    """What is kept may refer to the loop, and goes with it; it is told before anything of the loop's is finalized."""
    told: list[bool] = []

    class Owner:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop
            self.registry = registry_of(loop)
            self.registry.add(self)

        def __del__(self) -> None:
            told.append(self.registry.loop_collected)

    loop = asyncio.new_event_loop()
    owner = Owner(loop)
    assert registry_of(loop) is owner.registry
    assert not owner.registry.loop_collected
    gone = weakref.ref(loop)
    loop.close()
    del loop, owner
    gc.collect()
    assert gone() is None
    assert told == [True]


def test_loop_without_attributes() -> None:
    """One that can't keep anything is kept itself."""
    first, second = cast("Any", Bare()), cast("Any", Bare())
    assert registry_of(first) is registry_of(first)
    assert registry_of(first) is not registry_of(second)
