"""The allotment of a cluster without Ray around it."""

from __future__ import annotations

from types import SimpleNamespace

from horay_async.integrations.ray import allotment_actor


class LocalActor:
    """The actor without Ray: its methods are called as an actor's are."""

    def __init__(self) -> None:
        actor = allotment_actor._AllotmentActor()
        for name in ("take", "pause", "next_pause"):
            setattr(self, name, SimpleNamespace(remote=getattr(actor, name)))
