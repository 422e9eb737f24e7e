"""Which models the server refuses everything for: its limits may be a model's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Container

import attrs

from horay_async._protocol.limits.shared_pause import SharedPause
from horay_async.errors import APIError

MOST = 1000
"""Most models that are remembered: whoever has a model for each request needs no more of them."""

ENOUGH = 2
"""Refusals of a model with others let through before each, behind the first one, from which on it is refused alone."""

FAR_MORE = 10
"""So many times more of the others were let through by then than refused: else a limit of all may be the reason."""


@attrs.define
class RefusedModel:
    """A model that was refused, and of which no request was let through that was sent later. Times are of the loop's clock."""

    since: float
    """When it was first refused, or last let a request through that was sent before the latest refusal."""
    error: APIError
    """What the latest refused request met."""
    latest: float
    """When that was refused."""
    asked: float = 0.0
    """Seconds that the server asked to wait in the latest refusal; 0 where it didn't."""
    not_before: float = -math.inf
    """When the server takes requests for it again, by its own word."""
    backoff: float = SharedPause.FIRST
    """Seconds to wait where it didn't ask for more. Twice as many after each refusal that comes later than that."""
    probed: float = -math.inf
    """When a request was sent for it that is to find out whether it is still refused."""
    times: int = 0
    """Refusals of requests that were sent after others had been let through, and these after the refusal before."""
    others_since: float | None = None
    """When a request for another model was let through that was sent after the latest refusal."""
    others_let_through: int = 0
    """Requests for other models that were let through, and were sent since the first refusal."""
    others_refused: int = 0
    """Other models that were refused since the first refusal, after one of their requests had been let through."""
    alone: bool = False
    """Whether the server refuses this model, and takes others: nothing but its own requests has to wait."""

    def has_low_priority(self, now: float) -> bool:
        """Whether requests for other models are sent first: for twice as long as the server asked to wait, which shows what it takes of
        the others; and for as long as nothing is sent for this model.
        """
        return now < max(self.latest + max(self.backoff, 2 * self.asked), self.resumes_at)

    @property
    def resumes_at(self) -> float:
        """When the next request may be sent for this model; at once, unless it is refused alone."""
        if not self.alone:
            return -math.inf
        return max(self.latest + max(self.asked, self.backoff), self.probed + self.backoff)


@attrs.frozen
class AllBut:
    """All models but these."""

    others: Collection[bytes]

    def __contains__(self, model: object) -> bool:
        return model not in self.others


class RefusedModels:
    """The models that are refused to all batches of a client. A model is as it is written in requests, in JSON."""

    def __init__(self) -> None:
        self._models: dict[bytes, RefusedModel] = {}
        self._taken = dict[
            bytes, None
        ]()  # those let through since they were refused, if ever; the newest last

    def get(self, model: bytes) -> RefusedModel | None:
        """What there is to know of a model; None where it isn't refused."""
        return self._models.get(model)

    def refused(
        self, model: bytes, error: APIError, now: float, *, asked: float, sent: float
    ) -> RefusedModel:
        """Notes that a request for a model was refused that was `sent` then, and that the server has asked to wait for so many seconds."""
        self._taken.pop(model, None)
        found = self._models.get(model)
        if found is None:
            for other in self._models.values():
                other.others_refused += 1
            if len(self._models) >= MOST:
                del self._models[next(iter(self._models))]
            found = self._models[model] = RefusedModel(now, error, now)
        elif not found.has_low_priority(now):
            found.backoff = min(SharedPause.MAX, 2 * found.backoff)
        if found.others_since is not None and sent >= found.others_since:
            found.times += 1
        found.error, found.latest, found.asked, found.others_since = error, now, asked, None
        if found.times >= ENOUGH and found.others_let_through >= FAR_MORE * found.others_refused:
            found.alone = True
        return found

    def let_through(self, model: bytes, now: float, *, sent: float) -> None:
        """Notes that a request for a model was let through that was `sent` then. Where that is before the latest refusal, the model may be
        refused still.
        """
        found = self._models.get(model)
        if found is not None and sent < found.latest:
            found.since = now
        else:
            self._models.pop(model, None)
            self._take(model)
        for other in self._models.values():
            other.others_let_through += sent >= other.since
            if other.others_since is None and sent >= other.latest:
                other.others_since = now

    def _take(self, model: bytes) -> None:
        """Notes a model as taken, the newest one."""
        if model not in self._taken:
            if len(self._taken) >= MOST:
                del self._taken[next(iter(self._taken))]
            self._taken[model] = None

    def mark_refused_alone(self) -> None:
        """Notes that all of them are refused alone: another model's request was let through while the server asked to wait."""
        for model in self._models.values():
            model.alone = True

    def probed(self, model: bytes, now: float) -> None:
        """Notes that a request is sent for a model; where that is refused alone, the next one waits for what becomes of this one."""
        found = self._models.get(model)
        if found is not None and found.alone:
            found.probed, found.backoff = now, min(SharedPause.MAX, 2 * found.backoff)

    def low_priority(self, now: float, *, refusing: bool) -> Container[bytes]:
        """The models whose requests are sent after those for others: while the server refuses everything (`refusing`), all but the models
        of which it has let requests through since they were refused, if ever.
        """
        if refusing and self._taken:
            return AllBut(self._taken)
        return {name for name, model in self._models.items() if model.has_low_priority(now)}
