"""One limit for the whole cluster: an actor that hands out slices of time, and passes on the server's pauses."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from horay_async.integrations.ray.slices import Allotment

LISTEN_SECONDS = 20.0
"""How long a worker's question for the next pause is kept: what a worker that has died has asked is forgotten."""

SAME = 0.5
"""Seconds by which a pause has to end later than the latest to be a new one."""


def start_allotment_actor() -> Any:
    """Starts the actor, on the node where this is called: it lives as long as the dataset's driver. Returns the handle of the
    actor, which ends when nobody holds it any more.
    """
    here = ray.get_runtime_context().get_node_id()
    actor = ray.remote(_AllotmentActor).options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    )
    return actor.remote()


class _AllotmentActor:
    """An `Allotment` behind a clock. A worker asks it a few times a second, not for each request."""

    # An asynchronous actor runs its methods on one event loop, any number at once: most wait in `next_pause`.

    def __init__(self) -> None:
        self._allotment = Allotment()
        self._until = 0.0  # when the latest pause ends
        self._pauses = 0  # how many there were
        self._paused = asyncio.Event()  # set by the next one, which makes another

    async def take(self, seconds: float) -> float:
        """See `Allotment.take`."""
        return self._allotment.take(seconds, time.monotonic())

    async def pause(self, seconds: float) -> None:
        """Pauses the cluster: the server has asked one worker to come back after so many seconds."""
        now = time.monotonic()
        # Refusals that were under way with the first one say the same.
        if now + seconds <= self._until + SAME:
            return
        self._until = now + seconds
        self._allotment.pause(seconds, now)
        self._pauses += 1
        self._paused.set()
        self._paused = asyncio.Event()

    async def next_pause(self, known: int) -> tuple[int, float]:
        """Waits for a pause after the `known` ones, for a while: how many there were, and the seconds that the latest
        still takes.
        """
        if known == self._pauses:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._paused.wait(), LISTEN_SECONDS)
        return self._pauses, max(0.0, self._until - time.monotonic())
