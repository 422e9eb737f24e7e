"""One limit for the whole cluster: an actor that hands out slices of time."""

from __future__ import annotations

import time
from typing import Any

import attrs
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from horay_async.integrations.ray.slices import Allotment

__all__ = ["ClusterLimits"]


@attrs.frozen(kw_only=True)
class ClusterLimits:
    """The rates of the cluster as a whole, each None for no limit, and who hands them out."""

    rpm: float | None
    tpm: float | None
    limiter: Any = attrs.field(repr=False)
    """The handle of the actor; it ends when nobody holds it any more."""

    @classmethod
    def start(cls, rpm: float | None, tpm: float | None) -> ClusterLimits:
        """Starts the limiter, on the node where this is called: it lives as long as the dataset's driver."""
        here = ray.get_runtime_context().get_node_id()
        limiter = ray.remote(_Limiter).options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
        )
        return cls(rpm=rpm, tpm=tpm, limiter=limiter.remote())


class _Limiter:
    """An `Allotment` behind a clock. A worker asks it a few times a second, not for each request."""

    def __init__(self) -> None:
        self._allotment = Allotment()

    def take(self, seconds: float) -> float:
        """See `Allotment.take`."""
        return self._allotment.take(seconds, time.monotonic())
