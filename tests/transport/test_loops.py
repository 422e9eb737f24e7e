"""What lives as long as an event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

import pytest

from horay_async._transport.loops import PerLoop, registry_of
from horay_async.testing import FaultServer, Stall, raw
from tests.processes import printed_by, unmeasured


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


def test_value_of_each_loop() -> None:
    """It ends with its loop, though it refers to it, and with its owner, though the loop goes on."""
    owner: PerLoop[list[object]] = PerLoop(list)
    loop = asyncio.new_event_loop()
    value = owner.get_or_make(loop)
    assert owner.get_or_make(loop) is value
    assert owner.items() == [(loop, value)]
    value.append(loop)
    gone = weakref.ref(loop)
    loop.close()
    del loop, value
    gc.collect()
    assert gone() is None
    assert owner.items() == []

    class Held:
        pass

    loop, held = asyncio.new_event_loop(), Held()
    owner.get_or_make(loop).append(held)
    gone_too = weakref.ref(held)
    del owner, held
    gc.collect()
    assert gone_too() is None
    assert not registry_of(loop)
    loop.close()


def test_values_of_closed_loops_are_forgotten() -> None:
    """When the next loop comes: a closed one can be kept by whoever likes."""
    owner: PerLoop[list[object]] = PerLoop(list)
    closed, loop = asyncio.new_event_loop(), asyncio.new_event_loop()
    owner.get_or_make(closed)
    closed.close()
    owner.get_or_make(loop)
    assert owner.items() == [(loop, [])]
    loop.close()


FORGETTING = """
import asyncio, gc, sys, weakref
from horay_async import AsyncHoray, BatchRequest, Limits

what, key, base_url = sys.argv[1:]
asked = dict(model="m", prompt="p")
client = AsyncHoray(key, base_url=base_url, limits=Limits(concurrency=1))

async def begin():
    if what == "batch":
        run = client.batch.run([BatchRequest.completion(**asked) for _ in range(3)])
        kept = [asyncio.ensure_future(anext(run))]
    else:
        kept = [asyncio.ensure_future(client.completions.create(**asked)) for _ in range(3)]
    while not client._transport.limiter().overload.in_flight:
        await asyncio.sleep(0)

loop = asyncio.new_event_loop()
loop.run_until_complete(begin())
gone = weakref.ref(loop)
del loop
gc.collect()
print(gone() is None)
"""


@pytest.mark.parametrize("what", ["calls", "batch"])
def test_forgotten_loop_with_what_waits(fault_server: FaultServer, what: str) -> None:
    """A loop that is dropped while calls wait for the limits, or a batch is under way, is collected."""
    fault_server.always(raw(Stall()))
    given = ("-c", FORGETTING, what, fault_server.api_key, fault_server.base_url)
    assert printed_by(*given, env=unmeasured()) == "True\n"
