"""Counting what is tolerated now and then, and not often."""

from __future__ import annotations

import attrs


@attrs.define
class LeakyBucket:
    """Counts events, and forgets them while requests are responded to: the leaky bucket, as a meter."""

    most: float
    """Events, less what is forgotten of them, that are too many."""
    lifetime: float
    """Responses after which an event is forgotten, so that one in so many is tolerated for ever."""
    level: float = 0.0
    """Events, less what is forgotten of them."""

    def add(self, *, counts_alone: bool = False) -> bool:
        """Counts an event; returns whether there are too many of them, or this one `counts_alone`. Then it counts
        anew.
        """
        self.level += 1
        if self.level < self.most and not counts_alone:
            return False
        self.level = 0.0
        return True

    def leak(self) -> None:
        """Forgets a part of an event, because of a response."""
        self.level = max(0.0, self.level - 1 / self.lifetime)
