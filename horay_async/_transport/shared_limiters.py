"""The limiters of a client and its copies: which of them share one, and how long it is kept."""

from __future__ import annotations

import asyncio
import contextlib
from weakref import WeakValueDictionary

from horay_async._transport.limiter import Limiter
from horay_async.options import ClientOptions, Limits

__all__ = ["Membership", "SharedLimiters"]

MAX_UNUSED = 16
"""Limiters that are kept though no client has their limits any more: one that is made anew for each request is to
find what the one before it has used up."""


class Membership:
    """Held by a client for as long as it lives: nothing that it shares with its copies is forgotten meanwhile."""

    __slots__ = ("__weakref__", "key")

    def __init__(self, key: tuple[str, Limits | None]) -> None:
        self.key = key
        """The server, and the limits for it."""


class SharedLimiters:
    """A limiter for each event loop, server and limits, made when it is first asked for.

    Once no client has its limits any more, it is forgotten when a new one would do the same: nothing is under way, and
    nothing would have to wait.
    """

    def __init__(self) -> None:
        self._limiters: dict[
            tuple[asyncio.AbstractEventLoop, tuple[str, Limits | None]], Limiter
        ] = {}
        self._members: WeakValueDictionary[tuple[str, Limits | None], Membership] = (
            WeakValueDictionary()
        )
        self._most = MAX_UNUSED  # from how many on the unused ones are looked for

    def join(self, options: ClientOptions) -> Membership:
        """What a client with these options has to hold."""
        key = (options.base_url, options.limits)
        return self._members.get(key) or self._members.setdefault(key, Membership(key))

    def get(self, options: ClientOptions) -> Limiter:
        """The running loop's limiter for a client with these options."""
        loop = asyncio.get_running_loop()
        key = (loop, (options.base_url, options.limits))
        limiter = self._limiters.get(key)
        if limiter is None:
            self._forget_unused(loop)
            limiter = self._limiters[key] = Limiter(options)
        return limiter

    def _forget_unused(self, here: asyncio.AbstractEventLoop) -> None:
        look = len(self._limiters) >= self._most
        now = here.time()
        for (loop, key), limiter in list(self._limiters.items()):
            # Another running loop may be using its own at this moment, and looks itself.
            unused = look and loop is here and key not in self._members and limiter.is_idle(now)
            if unused or loop.is_closed():
                self._limiters.pop((loop, key), None)  # another thread may have been first
        if look:
            self._most = max(MAX_UNUSED, 2 * len(self._limiters))

    def close(self) -> None:
        """Ends all waits, on every loop."""
        here = asyncio.get_running_loop()
        for (loop, _), limiter in list(self._limiters.items()):
            if loop is here:
                limiter.close()
            else:
                with contextlib.suppress(RuntimeError):  # it is closed, and nobody waits on it
                    loop.call_soon_threadsafe(limiter.close)
