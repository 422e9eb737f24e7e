"""How responses differed from what the API describes, counted."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping

import attrs

from horay_async._record import Record
from horay_async.errors import DriftKind

__all__ = ["Drift", "DriftCounts"]

MAX_PATHS = 1000
"""Most paths that are counted: a server with other field names in each response would fill the memory."""

OTHERS = "$…"
"""What further paths are counted as."""


@attrs.frozen(eq=False, repr=False)
class DriftCounts(Record):
    """How often fields at one path differed from the API's description."""

    unknown: int = 0
    """The field isn't described."""
    missing: int = 0
    """The field is described as always sent, and wasn't."""
    retyped: int = 0
    """The field had a value of another type."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.unknown + self.missing + self.retyped

    def __str__(self) -> str:
        counts = attrs.asdict(self)
        return ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count)


LOCK = threading.RLock()
"""Held for a few assignments, and while this process forks: a child would wait for ever for another thread. One for all
objects; an interrupted thread may take it twice."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release
    )


class Drift(Mapping[str, DriftCounts]):
    """Response fields that differed from what the API describes: counts by path, true where there are any.

    A path such as `$.choices[].message.mood` stands for the field in every item of the list. It gives the
    place in the JSON that the server sent, any envelope around the response included. Counted are the
    responses and chunks of every operation, from the moment that the client was made or `clear` was called;
    what `request(...)` returns isn't, since nothing is described of it. May be read from any thread.
    """

    def __init__(self) -> None:
        self._counts: dict[str, dict[DriftKind, int]] = {}

    def add(
        self, found: Iterable[tuple[str, DriftKind]], times: int = 1
    ) -> list[tuple[str, DriftKind]]:
        """Counts each path and kind of `found`, `times` over; gives what they were counted as."""
        counted: list[tuple[str, DriftKind]] = []
        with LOCK:
            for path, kind in found:
                known = path in self._counts or len(self._counts) < MAX_PATHS
                place = path if known else OTHERS
                counts = self._counts.setdefault(place, {})
                counts[kind] = counts.get(kind, 0) + times
                counted.append((place, kind))
        return counted

    def clear(self) -> None:
        """Removes all counts."""
        with LOCK:
            self._counts.clear()

    def to_dict(self) -> dict[str, dict[DriftKind, int]]:
        """Counts by path and kind; kinds that didn't occur are left out."""
        with LOCK:
            return {path: {**counts} for path, counts in self._counts.items()}

    def __getitem__(self, path: str) -> DriftCounts:
        with LOCK:
            return DriftCounts(**self._counts[path])

    def __iter__(self) -> Iterator[str]:
        with LOCK:
            return iter([*self._counts])

    def __len__(self) -> int:
        return len(self._counts)

    def __str__(self) -> str:
        return "\n".join(f"{path}: {counts}" for path, counts in self.items()) or "no drift"

    def __repr__(self) -> str:
        return f"Drift({self.to_dict()})"
