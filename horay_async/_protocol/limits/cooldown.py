"""How long a limit stays as it is after refusals, before more is tried."""

from __future__ import annotations

import math

import attrs


@attrs.define
class Cooldown:
    """A number of responses and a time, both in proportion to what the refusals cost. It is over from the start."""

    PER_REFUSAL = 150
    """Responses for each refusal: so refusals stay below 1 in 100."""
    PER_PAUSE = 20.0
    """Times the pause: so pauses take 1/20 of the time."""
    MAX = 300.0
    """Seconds: after five minutes of any length of pause it is worth another try."""

    responses: float = 0
    """Responses that are still to come; counts down below 0."""
    until: float = -math.inf
    """When the cooldown is over at the earliest."""
    at_most_until: float = math.inf
    """When the cooldown is over whatever `responses` says: where few come, those would take long."""

    def is_over(self, now: float) -> bool:
        """Whether more may be tried."""
        return now >= self.until and (self.responses <= 0 or now >= self.at_most_until)
