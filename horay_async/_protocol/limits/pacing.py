"""Sending no faster than was asked for: requests and tokens a minute."""

from __future__ import annotations

import math

__all__ = ["GCRA", "MAX_TOKENS", "RateLimiter", "TokenEstimate", "are_believable"]

BURST_SECONDS = 0.1
"""How much of a rate may go at once, in addition to one: timers fire late by some milliseconds, and what was
missed is caught up with."""

MAX_TOKENS = 10_000_000
"""Of one request, its prompt and its responses: the longest context of a model that is served."""

MAX_COMPLETION_TOKENS = 2**18
"""Of one choice: twice the longest response that models commonly give."""

MAX_LINKED_TOKENS = 100_000
"""Of a prompt, beyond the bytes of the request: images and the like that it names by their URL."""

MAX_CHOICES = 128
"""Of one request: what the OpenAI API allows."""

MINUTE = 60.0
"""Seconds."""


class GCRA:
    """Spaces out what it lets go, `per_second` units each second.

    The generic cell rate algorithm of ATM networks, in its virtual-scheduling form: no more than
    `per_second * seconds + burst` go in any `seconds`, a last one that goes over it included.
    """

    __slots__ = ("_burst", "_due", "per_second")

    def __init__(self, per_second: float, burst: float = 1.0) -> None:
        self.per_second = per_second
        self._burst = burst
        self._due = -math.inf  # when all that was let go would be through at the exact rate

    def wait(self, now: float) -> float:
        """Seconds until the next may go."""
        return max(0.0, self._due - (self._burst - 1) / self.per_second - now)

    def is_idle(self, now: float) -> bool:
        """Whether all that was let go is through, so that it is as good as new."""
        return now >= self._due

    def take(self, units: float, now: float) -> None:
        """Lets go `units`, or takes some back where it is negative."""
        self._due = max(self._due, now) + units / self.per_second


class RateLimiter:
    """Keeps within `rpm` requests and `tpm` tokens a minute, each None for no limit.

    They go evenly spaced: what a server allows a minute, it mostly enforces over shorter times. Times are
    passed in, in seconds of one steady clock.
    """

    def __init__(self, rpm: float | None = None, tpm: float | None = None) -> None:
        self._requests = _per_minute(rpm)
        self._tokens = _per_minute(tpm)

    def wait(self, now: float) -> float:
        """Seconds until the next request may go, whatever its size."""
        return max(self._requests.wait(now), self._tokens.wait(now))

    def is_idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        return self._requests.is_idle(now) and self._tokens.is_idle(now)

    def take(self, tokens: float, now: float) -> None:
        """Counts a request of about so many tokens."""
        self._requests.take(1.0, now)
        self._tokens.take(tokens, now)

    def correct(self, tokens: float, now: float) -> None:
        """Counts tokens in addition: what a response took beyond its estimate, negative for less."""
        self._tokens.take(tokens, now)

    def give_back(self, tokens: float, now: float) -> None:
        """Takes back what `take` counted: the request wasn't sent."""
        self._requests.take(-1.0, now)
        self._tokens.take(-tokens, now)


def _per_minute(units: float | None) -> GCRA:
    """At most `units` in any minute: the burst is taken off the rate. None is an infinite rate, which holds nothing."""
    if units is None:
        return GCRA(math.inf)
    extra = units / MINUTE * BURST_SECONDS
    return GCRA((units - extra) / MINUTE, 1 + extra)


def are_believable(*counts: object, most: int = MAX_TOKENS) -> bool:
    """Whether token counts that a server reports can be true, so that something may be steered by them."""
    for count in counts:  # noqa: SIM110 - `all` costs twice as much, and each response comes here
        if not (isinstance(count, int) and 0 <= count <= most):
            return False
    return True


class TokenEstimate:
    """Guesses what a request will take before it is sent, and learns from what the responses took."""

    TOKENS_PER_BYTE = 0.25
    """To begin with: four bytes a token are usual for English text."""
    COMPLETION_TOKENS = 256.0
    """To begin with, for a choice of a request without `max_tokens`."""
    WEIGHT = 0.05
    """Of the newest response in the running means."""

    def __init__(self) -> None:
        self._per_byte = self.TOKENS_PER_BYTE
        self._per_choice = self.COMPLETION_TOKENS

    def of(self, size: int, most: int | None, choices: int) -> float:
        """Tokens of a request with a body of `size` bytes, for `choices` of `most` tokens each; None is
        no maximum.
        """
        per_choice = self._per_choice if most is None else min(most, MAX_COMPLETION_TOKENS)
        return min(MAX_TOKENS, size * self._per_byte + per_choice * min(choices, MAX_CHOICES))

    @staticmethod
    def most(size: int, most: int | None, choices: int) -> int:
        """Tokens that such a request can have taken; what a server reports beyond it isn't believed."""
        per_choice = MAX_COMPLETION_TOKENS if most is None else max(most, MAX_COMPLETION_TOKENS)
        return min(MAX_TOKENS, size + MAX_LINKED_TOKENS + per_choice * min(choices, MAX_CHOICES))

    def learn(self, size: int, choices: int, *, prompt: int, completion: int) -> None:
        """Takes in the token counts of a response."""
        self._per_byte += self.WEIGHT * (prompt / max(1, size) - self._per_byte)
        self._per_choice += self.WEIGHT * (completion / max(1, choices) - self._per_choice)
