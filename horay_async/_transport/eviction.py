"""When the unused entries of a cache are evicted: as new ones come, and not with each of them."""

from __future__ import annotations


class EvictionThreshold:
    """The number of entries from which on the unused ones are evicted: `least` to begin with, then twice as many as were
    left the last time, so that looking for them costs each new entry the same, however many there are.

    An entry is unused where a new one would do the same. So it counts as used from the moment it is handed out: who is
    given one that looks unused must use it before anything is awaited, or hold what keeps it.
    """

    __slots__ = ("_least", "at")

    def __init__(self, least: int) -> None:
        self._least = least
        self.at: int = least

    def evicted(self, left: int) -> None:
        """The unused entries were evicted; so many are `left`."""
        self.at = max(self._least, 2 * left)
