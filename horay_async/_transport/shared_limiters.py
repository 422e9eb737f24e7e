"""The limiters of a client and its copies: which of them share one, and how long it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from horay_async._transport.eviction import EvictingDict
from horay_async._transport.loops import PerLoop, call_on, nothing, running_loop
from horay_async.options import ClientOptions, Limits

if TYPE_CHECKING:
    from horay_async._transport.request_limiter import RequestLimiter

ServerLimits = tuple[str, Limits | None]
"""The URL of a server, and the limits for it."""

MAX_UNUSED = 16
"""Limiters that are kept though no client has their limits any more: one that is made anew for each request is to
find what the one before it has used up."""


class Membership:
    """Held by a client and by its calls for as long as they live: nothing that they share is forgotten meanwhile."""

    __slots__ = ("__weakref__",)


class SharedLimiters:
    """A limiter for each event loop, server and limits, made when it is first asked for.

    Once no client has its limits any more, it is forgotten when a new one would do the same: nothing is under way, and
    nothing would have to wait.
    """

    def __init__(self) -> None:
        self._loops: PerLoop[EvictingDict[ServerLimits, RequestLimiter]] = PerLoop(
            lambda: EvictingDict(MAX_UNUSED)
        )
        self._members: WeakValueDictionary[ServerLimits, Membership] = WeakValueDictionary()

    def join(self, options: ClientOptions) -> Membership:
        """What a client with these options has to hold."""
        key = (options.base_url, options.limits)
        return self._members.get(key) or self._members.setdefault(key, Membership())

    def get(self, options: ClientOptions) -> RequestLimiter:
        """The running loop's limiter for a client with these options."""
        loop = running_loop()
        limiters = self._loops.get_or_make(loop)
        key = (options.base_url, options.limits)
        limiter = limiters.get(key)
        if limiter is None:
            from horay_async._transport.request_limiter import RequestLimiter  # noqa: PLC0415 - for limits and batches alone

            now = loop.time()
            limiters.evict(lambda key, limiter: key not in self._members and limiter.is_idle(now))
            limiter = limiters[key] = RequestLimiter(options)
        return limiter

    def close(self) -> None:
        """Ends all waits, on every loop. Raises `ConfigurationError` where none of asyncio's runs."""
        running_loop()
        for loop, limiters in self._loops.items():
            for limiter in list(limiters.values()):
                call_on(loop, limiter.close, if_closed=nothing)
