"""When a cache is swept: its unused entries are looked for as new ones come, and not each time."""

from __future__ import annotations

__all__ = ["EvictionThreshold"]


class EvictionThreshold:
    """From how many entries on the unused ones are looked for: `least` to begin with, then twice as many as were left
    the last time, so that looking costs each new one the same, however many there are.

    Unused is what a new entry would do the same as. So an entry counts as used from the moment it is handed out: who is
    given one that looks unused must use it before anything is awaited, or hold what keeps it.
    """

    __slots__ = ("_least", "at")

    def __init__(self, least: int) -> None:
        self._least = least
        self.at: int = least

    def evicted(self, left: int) -> None:
        """The unused entries were removed; so many are `left`."""
        self.at = max(self._least, 2 * left)
