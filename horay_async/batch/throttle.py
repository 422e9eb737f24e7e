"""The throttle that all requests of a client's batches pass, one throttle for each event loop."""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from horay_async._protocol.limits.admission import Admission, Permit
from horay_async._protocol.limits.concurrency import Concurrency
from horay_async._protocol.limits.pacing import RateLimiter, TokenEstimate
from horay_async.batch.notifier import Notifier
from horay_async.batch.options import Settings
from horay_async.errors import ConfigurationError
from horay_async.options import ClientOptions

if TYPE_CHECKING:
    from horay_async._transport import Transport

__all__ = ["Pacer", "Throttle", "throttle_of", "unbound"]

START = 16
"""Requests that are sent at once to begin with: what small servers take without complaint."""

MOST = 4096
"""Most requests under way that `"auto"` tries; a connection each."""

OPEN_FILES = 0.75
"""Part of the files that the process may have open which `"auto"` uses for connections."""

SPARE_FILES = 32
"""Files beside connections that the process may still want to open: for looking up hosts, for certificates, its
event loops and its own files."""

NO_LIMIT = 2**31
"""As `max_connections`: the number under way is decided here."""


TICK = 0.001
"""Seconds that a request may go early: event loops' timers are no finer. asyncio would wait too long, and
uvloop, whose clock stands still in between, would be asked again and again. A rate still counts from when a
request was due, so that nothing adds up.
"""


class Pacer(Protocol):
    """What keeps requests to a rate; `RateLimiter` says what its methods do."""

    def wait(self, now: float) -> float: ...
    def take(self, tokens: float, now: float) -> None: ...
    def correct(self, tokens: float, now: float) -> None: ...


class Throttle:
    """Lets requests go when concurrency, rate and pauses allow it."""

    def __init__(self, options: ClientOptions) -> None:
        self.admission: Admission = Admission(random.random)
        self.estimate: TokenEstimate = TokenEstimate()
        self.reached: bool = False
        """Whether the server has ever answered: then one that can't be reached will come back."""
        self._session_limit = _session_limit(options)
        self._auto = Concurrency(start=START, ceiling=_most(options))
        self._pacers: dict[tuple[float | None, float | None], RateLimiter] = {}
        self.released: Notifier = Notifier()
        """Those who wait to be let go; to be woken when a permit was given back."""

    def level(self, settings: Settings) -> Concurrency:
        """The limit that a batch keeps to. Raises `ConfigurationError` where it can't be reached."""
        fixed = settings.concurrency
        if fixed == "auto":
            return self._auto
        most = self._session_limit
        if most is not None and fixed > most:
            raise ConfigurationError(
                f"concurrency={fixed} can't be reached: the connector of the session that was passed "
                f"in allows {most} connections"
            )
        free = _free_files()
        if fixed > free:
            raise ConfigurationError(
                f"concurrency={fixed} can't be reached: each request takes a connection, and the process may "
                f"open {max(0, int(free))} more (see `ulimit -n`)"
            )
        return Concurrency(start=fixed, floor=fixed, ceiling=fixed)

    def pacer(self, settings: Settings) -> RateLimiter:
        """What keeps a batch to its `rpm` and `tpm`; batches with the same ones share it."""
        key = (settings.rpm, settings.tpm)
        return self._pacers.setdefault(key, RateLimiter(*key))

    async def acquire(self, level: Concurrency, pacer: Pacer, tokens: float) -> Permit:
        """Waits until a request of about so many tokens may go."""
        clock = asyncio.get_running_loop().time
        while True:
            now = clock()
            delay = max(self.admission.wait(level, now), pacer.wait(now))
            if delay <= TICK:
                pacer.take(tokens, now)
                return self.admission.begin(level, now)
            await self.released.wait(delay)


def unbound(transport: Transport) -> Transport:
    """A transport on the same connections that leaves their number to the throttle."""
    return transport.changed(transport.options.changed(max_connections=NO_LIMIT))


def _session_limit(options: ClientOptions) -> int | None:
    """Most connections of the session that the caller passed in; None where there is no such limit."""
    # 0 is none, as for aiohttp's connectors; other kinds of session may not tell.
    return getattr(getattr(options.session, "connector", None), "limit", None) or None


def _most(options: ClientOptions) -> int:
    """Most requests under way that `"auto"` tries."""
    return max(1, int(min(_session_limit(options) or MOST, MOST, _file_limit() * OPEN_FILES)))


def _free_files() -> float:
    """How many connections the process may open beside the files that it has open."""
    limit = _file_limit()
    if limit == math.inf:
        return limit
    try:
        opened = len(os.listdir("/dev/fd"))
    except OSError:  # a system, or a jail, without it
        opened = SPARE_FILES
    return limit - opened - SPARE_FILES


def _file_limit() -> float:
    """How many files the process may have open at once, connections included."""
    if sys.platform == "win32":
        return math.inf
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # No limit is -1 up to Python 3.14, and the greatest number of its type from 3.15 on.
    return soft if soft >= 0 else math.inf


_throttles: WeakKeyDictionary[Any, WeakKeyDictionary[Any, dict[tuple[str, str], Throttle]]] = (
    WeakKeyDictionary()
)
"""By the pools that a client and its copies share, by loop, and by server and key."""


def throttle_of(transport: Transport) -> Throttle:
    """The running loop's throttle for a client, shared by its copies that have the same server and key."""
    options = transport.options
    loops = _throttles.setdefault(transport.pools, WeakKeyDictionary())
    throttles = loops.setdefault(asyncio.get_running_loop(), {})
    key = (options.base_url, str(options.api_key))
    if key not in throttles:
        throttles[key] = Throttle(options)
    return throttles[key]
