"""Which models the server refuses everything for: its limits may be a model's own."""

from __future__ import annotations

import attrs

from horay_async._protocol.limits.shared_pause import SharedPause

MOST = 1000
"""Most models that are remembered: whoever has a model for each request needs no more of them."""


@attrs.define
class RefusedModel:
    """A model that all requests were refused for since one was let through. Times are of the loop's clock."""

    since: float
    """When the first of them was."""
    latest: float
    """When the latest one was."""
    hold: float = SharedPause.FIRST
    """Seconds for which requests for other models go first. Twice as many after each refusal that comes later than that."""

    def is_held(self, now: float) -> bool:
        """Whether those for other models go first."""
        return now < self.latest + self.hold


class RefusedModels:
    """Those of all batches of a client. A model is as it is written in requests, in JSON."""

    def __init__(self) -> None:
        self._models: dict[bytes, RefusedModel] = {}

    def get(self, model: bytes) -> RefusedModel | None:
        """What there is to know of a model; None where it isn't refused."""
        return self._models.get(model)

    def refused(self, model: bytes, now: float, *, asked: float) -> None:
        """A request for it was refused, and the server has asked to wait for so many seconds: twice as long, those for others go first,
        so that what it takes of these is seen.
        """
        found = self._models.get(model)
        if found is None:
            if len(self._models) >= MOST:
                del self._models[next(iter(self._models))]
            found = self._models[model] = RefusedModel(now, now)
        elif not found.is_held(now):
            found.hold = min(SharedPause.MAX, 2 * found.hold)
        found.hold = max(found.hold, 2 * asked)
        found.latest = now

    def let_through(self, model: bytes) -> None:
        """One was let through."""
        self._models.pop(model, None)

    def held(self, now: float) -> frozenset[bytes]:
        """Those that others go before."""
        return frozenset(name for name, model in self._models.items() if model.is_held(now))
