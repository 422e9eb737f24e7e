"""How many tokens a request will take, and which reports of a server on that are believed."""

from __future__ import annotations

from horay_async._protocol.limits.request_size import RequestSize

MAX_TOKENS = 10_000_000
"""Of one request, its prompt and its responses: the longest context of a model that is served."""

MAX_COMPLETION_TOKENS = 2**18
"""Of one choice: twice the longest response that models commonly give."""

MAX_LINKED_TOKENS = 100_000
"""Of a prompt, beyond the bytes of the request: images and the like that it names by their URL."""

MAX_CHOICES = 128
"""Of one request: what the OpenAI API allows."""


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

    def of(self, size: RequestSize) -> float:
        """Tokens of a request."""
        most = size.max_tokens
        per_choice = self._per_choice if most is None else min(most, MAX_COMPLETION_TOKENS)
        choices = min(size.choices, MAX_CHOICES)
        return min(MAX_TOKENS, size.length * self._per_byte + per_choice * choices)

    @staticmethod
    def most(size: RequestSize) -> int:
        """Tokens that a request can have taken; what a server reports beyond it isn't believed."""
        per_choice = max(size.max_tokens or 0, MAX_COMPLETION_TOKENS)
        choices = min(size.choices, MAX_CHOICES)
        return min(MAX_TOKENS, size.length + MAX_LINKED_TOKENS + per_choice * choices)

    def learn(self, size: RequestSize, *, prompt: int, completion: int) -> None:
        """Takes in the token counts of a response to a request."""
        self._per_byte += self.WEIGHT * (prompt / max(1, size.length) - self._per_byte)
        self._per_choice += self.WEIGHT * (completion / max(1, size.choices) - self._per_choice)
