"""Telling random refusals from those that follow from what is sent."""

from __future__ import annotations

import math

from horay_async._protocol.limits.consecutive import PROBE_AFTER
from horay_async._protocol.limits.leaky_bucket import LeakyBucket

MAX_EPISODES = 12.0
"""Episodes of refusals at a lowered rate, less what is forgotten of them, after which refusals are taken for random ones."""

EPISODE_LIFETIME = 20
"""Responses after which one is forgotten: of a limit that was found, fewer than 1 in 50 requests are refused."""

RARE = 0.01
"""How likely a row of refusals is that is no outage."""

MAX_REFUSED = 0.9
"""The part of the requests up to which they are: a window that is used up refuses nearly all."""

DOUBTFUL = 0.4
"""The part of them from which on the server may be out of order."""

WEIGHT = 0.05
"""Of the newest outcome in that part, a running mean."""

RESPONSES = 200
"""Responses for which they are taken for random ones; then it is tried anew whether it helps to be slower. Where it doesn't, they are
for twice as many, and so on."""

MAX_RESPONSES = 16 * RESPONSES
"""Most such: to try anew costs about a minute, and so many take about as long where 50 come in a second."""


class RandomRefusals:
    """Whether refusals follow from what is sent, or come at random.

    A server that is asked for too much refuses less when less is sent. One that refuses at random, such as one with a broken
    instance behind its load balancer, refuses the same part of whatever is sent: to be slower is no use there, and nothing
    can be learnt. Which of the two it is, is told by what happens once a rate was learnt, and sending is slower because of it:

    | what happens | what it is taken for |
    |---|---|
    | refusals in fewer than 1 of 50 requests | the rate is right: they are forgotten faster than they come |
    | one episode of refusals after the other | random: each has lowered the rate, and that helped no more than the time before |
    | the same, but nearly all is refused | not random: a window that is used up, or an outage |
    | at least DOUBTFUL of what was slowed is refused | not decided yet, but doubtful: a rate that is set now may be far too low |

    Episodes that begin with a `Retry-After` don't count: a server that knows when to come back knows why it refuses.
    Sans-I/O, and without a clock.
    """

    def __init__(self) -> None:
        self._episodes = LeakyBucket(MAX_EPISODES, EPISODE_LIFETIME)
        """Episodes that began although sending was slowed."""
        self._responses_left = 0
        """Responses for which refusals are still taken for random ones; set when there are too many episodes, and counts down
        below 0."""
        self._responses = RESPONSES
        """For how many they are taken so the next time; begun anew where for as many they weren't."""
        self._refused = 0.0
        """Running mean of the part that was refused of the requests that something had slowed. While refusals are taken for
        random ones, of all requests. Set by `record`."""

    @property
    def assumed(self) -> bool:
        """Whether refusals are taken for random ones."""
        return self._responses_left > 0 and self._refused <= MAX_REFUSED

    @property
    def doubtful(self) -> bool:
        """Whether so much is refused, however slowly it is sent, that they may be random."""
        return self._refused > DOUBTFUL

    @property
    def longest_row(self) -> int:
        """Refusals in a row that are no outage: of random ones, as many as come once in a hundred times."""
        if not self.assumed:
            return PROBE_AFTER
        return max(PROBE_AFTER, math.ceil(math.log(RARE) / math.log(max(self._refused, RARE))))

    def record(self, *, refused: bool, slowed: bool) -> None:
        """Records whether a request was refused, and whether something had slowed it: the rate, a pause or the wait for the end
        of another request.
        """
        if slowed or self.assumed:
            self._refused += WEIGHT * (refused - self._refused)

    def succeeded(self) -> None:
        """Counts a response."""
        self._responses_left -= 1
        if self._responses_left < -self._responses:
            self._responses = RESPONSES
        self._episodes.leak()

    def episode_began(self) -> bool:
        """Counts an episode of refusals that began although the rate had slowed sending; returns whether that was one too many, so
        that refusals are taken for random ones from now on, and what was learnt of a rate is wrong.
        """
        if self.assumed or not self._episodes.add():
            return False
        self._responses_left = self._responses
        self._responses = min(MAX_RESPONSES, 2 * self._responses)
        return True
