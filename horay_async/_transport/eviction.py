"""What caches forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

MAX_KEPT = 64
"""URLs, paths, hosts and timeouts of which something is kept that takes long to make: more than a program uses again and
again."""


def keep(cache: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> ValueT:
    """Puts a value into a cache, and returns it. A full cache is emptied before: keys that come once are neither to fill the
    memory nor to keep others out. Several threads may use it.
    """
    if len(cache) >= MAX_KEPT:
        cache.clear()
    cache[key] = value
    return value


class EvictingDict(dict[KeyT, ValueT]):
    """A cache whose unused entries are evicted from so many entries on: `least` to begin with, then twice as many as were
    left the last time, so that looking for them costs each new entry the same, however many there are.

    An entry is unused where a new one would do the same. So it counts as used from the moment it is handed out: who is
    given one that looks unused must use it before anything is awaited, or hold what keeps it.
    """

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = self._evict_at = least

    def evict(self, is_unused: Callable[[KeyT, ValueT], bool]) -> None:
        """Before a new entry comes: evicts the unused ones, if it is time."""
        if len(self) >= self._evict_at:
            for key in [key for key, value in self.items() if is_unused(key, value)]:
                del self[key]
            self._evict_at = max(self._least, 2 * len(self))
