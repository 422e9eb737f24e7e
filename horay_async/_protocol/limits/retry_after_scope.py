"""Whether a server's `Retry-After` is meant for all requests, or for the refused one alone."""

from __future__ import annotations

import attrs

ENOUGH = 3
"""Waits that were contradicted, from which on those that the server asks for are for the refused requests alone."""

MOST = 6
"""Most contradicted waits that count. Each wait that was confirmed makes it one less, and at 0 they are for all again."""


@attrs.define
class _Sample:
    """Requests that were sent after a refused one, and before its refusal was known."""

    after: int
    """Serial number of the refused request."""
    until: int
    """Serial number of the newest request when the refusal was known."""
    refused: int = 1
    """How many were refused, the first one included."""
    let_through: int = 0
    """How many were let through."""
    over: bool = False
    """Whether a later request was let through: by then it is known of nearly all whether they were refused."""

    @property
    def contradicts(self) -> bool:
        """Whether the server took other requests while it refused these."""
        return self.let_through >= self.refused

    @property
    def confirms(self) -> bool:
        """Whether the server took no request while it refused these."""
        return self.refused > 1 and not self.let_through


class RetryAfterScope:
    """Finds out whom a `Retry-After` is meant for.

    A server whose limit is used up refuses every request until that has room again, and asks all to wait. One that refuses at
    random, such as one with a broken instance behind its load balancer, or for what others send, says the same, and takes the next request: to
    have all wait for each refusal would leave most of what it allows unused. Which of the two it is, is told by the
    requests that were under way behind the refused one. Requests are told apart by serial numbers, in the order in which
    they are sent. Sans-I/O, and without a clock.
    """

    def __init__(self) -> None:
        self.refused_alone: bool = False
        """Whether a `Retry-After` is meant for the refused request alone."""
        self._sample: _Sample | None = None
        """The requests behind the latest refusal that came when the sample before was over."""
        self._contradicted = 0
        """Waits that were contradicted, less those that were confirmed."""

    @property
    def contradicted(self) -> bool:
        """Whether what is known of the requests behind the latest refusal contradicts it."""
        return self._sample is not None and self._sample.contradicts

    def refused(self, serial: int, newest: int) -> None:
        """Counts a request that was refused with a `Retry-After`, when `newest` was the newest one."""
        sample = self._sample
        if sample is None or sample.over:
            self._sample = _Sample(serial, newest)
        elif serial <= sample.until:
            sample.refused += 1

    def let_through(self, serial: int) -> None:
        """Counts a request that wasn't refused."""
        sample = self._sample
        if sample is None or sample.over or serial <= sample.after:
            return
        if serial <= sample.until:
            sample.let_through += 1
            return
        sample.over = True
        if sample.contradicts:
            self._contradicted = min(MOST, self._contradicted + 1)
            self.refused_alone = self.refused_alone or self._contradicted >= ENOUGH
        elif sample.confirms:
            self._contradicted = max(0, self._contradicted - 1)
            self.refused_alone = self.refused_alone and self._contradicted > 0

    def found_random(self) -> None:
        """Refusals were found to be random otherwise: a `Retry-After` is meant for the refused requests alone."""
        self._contradicted = MOST
        self.refused_alone = True
