"""The connections of a client: a pool for each event loop, closed with its loop.

A pool's sockets belong to the loop they were opened on. So a client that is used from several loops, be
it one `asyncio.run` after another or a loop a thread, has a pool on each; and since an event loop closes
its asynchronous generators before it closes, a generator that closes the pool in its `finally` makes
the pool end in time, whoever forgets it.

Copies of a client that differ in how connections are made have pools of their own. A copy may be made for each call, so
a pool that nobody can use any more is closed before the client is: see `ConnectionPools`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import warnings
import weakref
from collections.abc import AsyncGenerator
from weakref import WeakSet

import aiohttp

from horay_async._transport.aiohttp_internals import DirectSender
from horay_async._transport.connection import Connector
from horay_async._transport.connection_slots import CLOSED, ConnectionSlots
from horay_async._transport.deadline_timer import DeadlineTimer
from horay_async._transport.open_files import connections_allowed, log_waiting
from horay_async._transport.sweep import SweepMark
from horay_async.errors import ConfigurationError
from horay_async.options import ClientOptions

__all__ = ["ConnectionPool", "ConnectionPools"]

KEEPALIVE_SECONDS = 15.0
"""How long an idle connection is kept: aiohttp's own default, below what servers commonly allow."""

DNS_CACHE_SECONDS = 60
"""How long an address is used without asking again: what API gateways commonly set as time to live."""

_NO_TIMER = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


MAX_UNUSED = 16
"""Pools that are kept on a loop, for `KEEPALIVE_SECONDS` at most, though no copy of the client uses them any more: the
next copy with the same options finds the connections of the one before it."""

MAX_LIMITS = 64
"""Limits whose slots are kept though nobody holds one: copies of a client seldom differ in `max_connections`."""


class SlotsByLimit(dict[int, ConnectionSlots]):
    """The slots for each limit, made when it is first asked for; none lets more in than there can be files.

    One that nobody holds or waits for may be forgotten as soon as another one is asked for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._sweep = SweepMark(MAX_LIMITS)

    def __missing__(self, limit: int) -> ConnectionSlots:
        if len(self) >= self._sweep.at:
            for other in [other for other, slots in self.items() if not slots.in_use]:
                del self[other]
            self._sweep.swept(len(self))
        allowed = connections_allowed(self._loop)
        if limit <= allowed:
            return self.setdefault(limit, ConnectionSlots(limit))
        return self.setdefault(limit, ConnectionSlots(int(allowed), on_full=log_waiting))


class ConnectionPool:
    """The connections of one client on one event loop; those of `session`, where a caller gave one."""

    def __init__(
        self,
        session: aiohttp.ClientSession | None,
        *,
        tcp_keepalive: float | None,
        slots: SlotsByLimit,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.owned: bool = session is None
        """Whether the session was made here, and so is closed here."""
        self.session: aiohttp.ClientSession = session or aiohttp.ClientSession(
            # The number of connections is the business of `ConnectionSlots`; `Call` bounds the wait for one by the timeout `queue`.
            connector=Connector(
                tcp_keepalive=tcp_keepalive,
                limit=0,
                keepalive_timeout=KEEPALIVE_SECONDS,
                ttl_dns_cache=DNS_CACHE_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMER,
        )
        self.direct: DirectSender | None = DirectSender(self.session) if self.owned else None
        """Sends past the session; never past a caller's."""
        self.timer: DeadlineTimer = DeadlineTimer(self.loop)
        """Keeps the timeouts of all requests on this loop."""
        self.slots: SlotsByLimit = slots
        """The slots for requests under way, by `max_connections`: copies of a client may differ in it. The pools of a
        client on this loop share them.
        """
        self.users: WeakSet[object] = WeakSet()
        """Who has sent by these connections and may do so again."""
        self.joined: float = -math.inf
        """When the newest of them came, on the loop's clock."""
        # Runs until the loop closes its asynchronous generators, or `close` does; None until `start`, and from
        # the beginning of its end.
        self._end: AsyncGenerator[None, None] | None = None

    def join(self, user: object) -> None:
        """Makes `user` one of the users."""
        self.users.add(user)
        self.joined = self.loop.time()

    async def start(self) -> None:
        """Ties the pool to its loop."""
        self._end = self._close_with_loop()
        await anext(self._end)

    async def close(self) -> None:
        """Closes the connections, unless that has begun: the loop may be closing its generators right now."""
        if self._end is not None:
            await self._end.aclose()

    def close_without_loop(self) -> None:
        """Closes what was left open when the loop was closed: nothing has to be waited for any more, so that a coroutine
        runs to its end in a few steps. The sockets go with what holds them.
        """
        closing = self.close()
        with contextlib.suppress(StopIteration, RuntimeError):  # another thread may be at it
            for _ in range(9):
                closing.send(None)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        _live.add(self)
        try:
            yield
        finally:
            self._end = None  # who closes it a second time would be told that it runs already
            _live.discard(self)
            self.timer.close()
            if self.owned:
                await self.session.close()

    @property
    def closed(self) -> bool:
        """Whether its connections were closed, with the client."""
        return self.owned and self.session.closed

    @property
    def open(self) -> bool:
        """Whether it holds connections that need closing."""
        return self.owned and not self.session.closed and not self.loop.is_closed()


_live: set[ConnectionPool] = set()
"""Keeps pools alive until they are closed, or known to be of a loop that was closed without them: collected before, they
couldn't close their sockets.
"""

_inherited: list[ConnectionPool] = []
"""In a forked child, the parent's pools. Their sockets and their loop's selector are shared with the
parent, so they can be neither used nor closed here."""


class _PoolsOfLoop:
    """What the pools of a client on one event loop have in common."""

    __slots__ = ("loop", "pools", "slots", "sweep")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.slots = SlotsByLimit(loop)
        self.pools = 0
        """How many there are."""
        self.sweep = SweepMark(2 * MAX_UNUSED)


class ConnectionPools:
    """The pools of a client and its `with_options` copies: on each event loop one for each way to connect.

    A pool is kept as long as one of its users lives, which a call under way keeps alive. After that it is closed: when
    others are made and more than `MAX_UNUSED` are left, or within twice `KEEPALIVE_SECONDS`. Nothing happens at the moment when
    the last user goes, since it may be collected on any thread.

    `made_at` is the place in the caller's code that a warning names.
    """

    def __init__(self, made_at: str) -> None:
        self.closed: bool = False
        """Whether the client was closed: no request is sent any more."""
        self._made_at = made_at
        self._pools: dict[tuple[object, ...], ConnectionPool] = {}  # by what `_key_of` returns
        self._loops: dict[asyncio.AbstractEventLoop, _PoolsOfLoop] = {}
        _all.add(self)

    def get(
        self,
        here: asyncio.AbstractEventLoop,
        options: ClientOptions,
        user: object,
        *,
        external: bool,
    ) -> ConnectionPool | None:
        """The pool of the running loop, `here`, for these options, if there is one. A caller's own session can carry headers of
        its own, which are no business of `external` hosts. `user` keeps the pool, as long as it lives.

        Raises `ConfigurationError` once the client is closed.
        """
        if self.closed:
            raise ConfigurationError(CLOSED)
        pool = self._pools.get(_key_of(here, options, external=external))
        if pool is not None and user not in pool.users:
            pool.join(user)
        return pool

    async def create(
        self,
        here: asyncio.AbstractEventLoop,
        options: ClientOptions,
        user: object,
        *,
        external: bool,
    ) -> ConnectionPool:
        """A new pool for the running loop, `here`."""
        known = self._loops.get(here)
        if known is None:
            self._forget_closed_loops()
            known = self._loops[here] = _PoolsOfLoop(here)
        elif known.pools >= known.sweep.at:
            self._close_unused(known, keep=MAX_UNUSED)
        pool = ConnectionPool(
            None if external else options.session,
            tcp_keepalive=options.tcp_keepalive,
            slots=known.slots,
        )
        pool.join(user)
        key = _key_of(here, options, external=external)
        self._pools[key] = pool
        known.pools += 1
        await pool.start()
        if self.closed:  # by another thread, which may not have seen this one
            self._pools.pop(key, None)
            await pool.close()
            raise ConfigurationError(CLOSED)
        if known.pools == 2:  # with more of them, it is being looked at already
            _look_later(self, here)
        return pool

    def look_again(self, here: asyncio.AbstractEventLoop) -> None:
        """Closes what has been unused for long, time and again as long as `here` has more than one pool."""
        known = self._loops.get(here)
        if known is not None and not self.closed:
            self._close_unused(known, before=here.time() - KEEPALIVE_SECONDS)
            if known.pools > 1:
                _look_later(self, here)

    def _forget_closed_loops(self) -> None:
        for key, pool in list(self._pools.items()):
            if pool.loop.is_closed():
                self._pools.pop(key, None)  # another thread may have been first
                pool.close_without_loop()
        for loop in list(self._loops):
            if loop.is_closed():
                self._loops.pop(loop, None)

    def _close_unused(
        self, known: _PoolsOfLoop, *, keep: int = 0, before: float = math.inf
    ) -> None:
        """Closes a loop's pools whose last user has gone and came `before` some time, but for the `keep` newest of them."""
        mine = [each for each in list(self._pools.items()) if each[1].loop is known.loop]
        unused = [each for each in mine if not each[1].users and each[1].joined <= before]
        unused.sort(key=lambda each: each[1].joined, reverse=True)
        for key, pool in unused[keep:]:
            if self._pools.pop(key, None) is not None:
                pool_close_soon(pool)
        known.pools = len(mine) - len(unused[keep:])
        known.sweep.swept(known.pools)

    async def close(self) -> None:
        """Closes the pools of every loop; a loop that isn't running has closed, or will close, its own."""
        self.closed = True
        here = asyncio.get_running_loop()
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            if pool.loop is here:
                await pool.close()
            else:
                pool_close_soon(pool)

    def close_soon(self) -> None:
        """Closes them too, from any thread and without waiting: what a garbage collector can do."""
        self.closed = True
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            pool_close_soon(pool)

    def detach(self) -> None:
        """In a forked child: leaves the parent's pools alone."""
        _inherited.extend(self._pools.values())
        self._pools.clear()
        self._loops.clear()

    def __del__(self) -> None:
        if sys.is_finalizing():
            return
        unclosed = [pool for pool in self._pools.values() if pool.open]
        for pool in list(self._pools.values()):
            pool_close_soon(pool)
        if unclosed:
            warnings.warn(
                f"the Horay client made at {self._made_at} was not closed: use it in a with block, or "
                "call close()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )


def _key_of(
    loop: asyncio.AbstractEventLoop, options: ClientOptions, *, external: bool
) -> tuple[object, ...]:
    """What the requests that share a pool have in common."""
    session = None if external else options.session
    return loop, session, options.tcp_keepalive, options.ssl_context


def _look_later(pools: ConnectionPools, here: asyncio.AbstractEventLoop) -> None:
    # Known weakly, since a client that is forgotten is to be closed, and to warn, at once.
    known = weakref.ref(pools)

    def look() -> None:
        if (found := known()) is not None:
            found.look_again(here)

    here.call_later(KEEPALIVE_SECONDS, look)


def pool_close_soon(pool: ConnectionPool) -> None:
    """Closes a pool on its own loop, from any thread, without waiting for it."""

    def close() -> None:
        task = pool.loop.create_task(pool.close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    try:
        pool.loop.call_soon_threadsafe(close)
    except RuntimeError:  # the loop is closed
        pool.close_without_loop()


_closing: set[asyncio.Task[None]] = set()
"""Keeps the tasks that close pools alive: a loop holds its tasks weakly."""

_all: WeakSet[ConnectionPools] = WeakSet()


def _after_fork_in_child() -> None:
    _inherited.extend(_live)
    _live.clear()
    for pools in _all:
        pools.detach()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
