"""The connections of a client: a pool for each event loop, closed with its loop.

A pool's sockets belong to the loop they were opened on. So a client that is used from several loops, be
it one `asyncio.run` after another or a loop a thread, has a pool on each; and since an event loop closes
its asynchronous generators before it closes, a generator that closes the pool in its `finally` makes
the pool end in time, whoever forgets it. A loop may be forgotten as well, without being closed: so a pool is kept by its
loop, and clients know it weakly.

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
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from weakref import WeakSet, WeakValueDictionary

import aiohttp

from horay_async._transport.aiohttp_internals import HEAD_LIMITS, DirectSender, is_of_another_loop
from horay_async._transport.connection import Connector
from horay_async._transport.connection_slots import CLIENT_CLOSED, ConnectionSlots
from horay_async._transport.deadline_timer import DeadlineTimer
from horay_async._transport.eviction import EvictingDict
from horay_async._transport.loops import PerLoop, Waits, call_soon, nothing, registry_of
from horay_async._transport.open_files import connections_allowed, log_waiting
from horay_async.errors import ConfigurationError
from horay_async.options import ClientOptions

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

KEEPALIVE_SECONDS = 15.0
"""How long an idle connection is kept: aiohttp's own default, below what servers commonly allow."""

DNS_CACHE_SECONDS = 60
"""How long an address is used without asking again: what API gateways commonly set as time to live."""

_NO_TIMER = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


MAX_CLOSING_TURNS = 8
"""Turns of a loop by which connections that were aborted are closed: two with TLS, one without."""

MAX_UNUSED = 16
"""Pools that are kept on a loop, for `KEEPALIVE_SECONDS` at most, though no copy of the client uses them any more: the
next copy with the same options finds the connections of the one before it."""

MAX_LIMITS = 64
"""Limits whose slots are kept though nobody holds one: copies of a client seldom differ in `max_connections`."""


OTHER_LOOP = (
    "the session belongs to another event loop than the one that runs here: use its client there, "
    "or make a client for each loop with a session of its own"
)
"""What is wrong with a caller's own session."""


class SlotsByLimit(EvictingDict[int, ConnectionSlots]):
    """The slots for each limit, made when it is first asked for; none lets more in than there can be files.

    One that nobody holds or waits for may be forgotten as soon as another one is asked for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(MAX_LIMITS)
        self._loop = loop

    def __missing__(self, limit: int) -> ConnectionSlots:
        self.evict(lambda _, slots: not slots.in_use)
        allowed = connections_allowed(self._loop)
        if limit <= allowed:
            return self.setdefault(limit, ConnectionSlots(limit))
        return self.setdefault(limit, ConnectionSlots(int(allowed), on_full=log_waiting))

    def end_waits_soon(self) -> None:
        """Ends the waits for all slots, from any thread."""
        call_soon(self._loop, self._end_waits, if_closed=nothing)

    def _end_waits(self) -> None:
        for slots in self.values():
            slots.end_waits()


class PoolKey(NamedTuple):
    """What the requests of a client that share a pool have in common."""

    loop: int
    """Their event loop, by its `id`, which no other has as long as there is a pool of it."""
    session: aiohttp.ClientSession | None
    """A caller's own."""
    tcp_keepalive: float | None
    ssl_context: ssl.SSLContext | None


def pool_key(loop: asyncio.AbstractEventLoop, options: ClientOptions, *, external: bool) -> PoolKey:
    """The key of a request's pool. A caller's own session can carry headers of its own, which are no business of `external`
    hosts.
    """
    session = None if external else options.session
    return PoolKey(id(loop), session, options.tcp_keepalive, options.ssl_context)


class ConnectionPool:
    """The connections of one client on one event loop; those of a caller's own session, where `key` has one."""

    def __init__(self, key: PoolKey, group: _PoolsOfLoop) -> None:
        session = key.session
        if session is not None and is_of_another_loop(session):
            raise ConfigurationError(OTHER_LOOP)
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.owned: bool = session is None
        """Whether the session was made here, and so is closed here."""
        self._closing = False  # once it is being closed by `close_nowait`
        self._connector: Connector | None = None  # of the session that was made here
        self.direct: DirectSender | None = None
        """Sends past the session; never past a caller's."""
        if session is None:
            # How many connections there are is the business of `ConnectionSlots`, and the wait for one that of `wait_for_connection`.
            self._connector = Connector(
                tcp_keepalive=key.tcp_keepalive,
                limit=0,
                keepalive_timeout=KEEPALIVE_SECONDS,
                ttl_dns_cache=DNS_CACHE_SECONDS,
            )
            session = aiohttp.ClientSession(
                connector=self._connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_NO_TIMER,
                **HEAD_LIMITS,
            )
            self.direct = DirectSender(session)
        self.session: aiohttp.ClientSession = session
        self.timer: DeadlineTimer = DeadlineTimer(self.loop)
        """Keeps the timeouts of all requests on this loop."""
        self.slots: SlotsByLimit = group.slots
        """The slots for requests under way, by `max_connections`: copies of a client may differ in it. The pools of a
        client on this loop share them.
        """
        self.group: _PoolsOfLoop = group
        """What it has in common with others, which they keep."""
        self.key: PoolKey = key
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
        hooks = sys.get_asyncgen_hooks()
        # A loop that is collected would make a coroutine to close the generator, which nobody would await.
        sys.set_asyncgen_hooks(finalizer=None)
        try:
            await anext(self._end)  # waits for nothing
        finally:
            sys.set_asyncgen_hooks(*hooks)

    async def close(self) -> None:
        """Closes the connections, unless that has begun: the loop may be closing its generators right now."""
        if self._end is not None:
            await self._end.aclose()

    def close_nowait(self, turns: int = MAX_CLOSING_TURNS) -> None:
        """Closes the connections on the loop's own thread, or when it is closed, without a task that waits for their ends: a
        loop that stops now would leave it pending. `turns` of the loop are waited for that at most.
        """
        self._closing = True
        if turns and not self.loop.is_closed() and self._connector and self._connector.abort_all():
            self.loop.call_soon(self.close_nowait, turns - 1)
            return
        closing = self.close()
        with contextlib.suppress(StopIteration, RuntimeError):  # another thread may be at it
            for _ in range(9):
                closing.send(None)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        _live[id(self)] = self
        registry = registry_of(self.loop)
        registry.add(self)
        try:
            yield
        finally:
            if not registry.loop_collected:
                self._end = None  # who closes it a second time would be told that it runs already
                _live.pop(id(self), None)
                registry.discard(self)
                self.timer.close()
                if self.owned:
                    self._closing = True
                    if self._connector is not None:
                        self._connector.abort_unsent()
                    await self.session.close()

    @property
    def closed(self) -> bool:
        """Whether its connections were closed, with the client."""
        return self.owned and (self._closing or self.session.closed)

    @property
    def open(self) -> bool:
        """Whether it holds connections that need closing."""
        return self.owned and not self.closed and not self.loop.is_closed()


_live: WeakValueDictionary[int, ConnectionPool] = WeakValueDictionary()
"""The pools that aren't closed, by their `id`. A client finds its own among them: weak references of its own are cleared before
it is told that it is collected.
"""


def _live_pools() -> list[ConnectionPool]:
    return [pool for known in _live.valuerefs() if (pool := known()) is not None]


_inherited: list[ConnectionPool] = []
"""In a forked child, the parent's pools. Their sockets and their loop's selector are shared with the
parent, so they can be neither used nor closed here."""


class _PoolsOfLoop:
    """What the pools of a client on one event loop have in common."""

    __slots__ = ("__weakref__", "close_unused_at", "owner", "pools", "slots")

    def __init__(self, owner: object, loop: asyncio.AbstractEventLoop) -> None:
        self.owner: object = owner
        """Stands for the client."""
        self.slots: SlotsByLimit = SlotsByLimit(loop)
        self.pools: int = 0
        """How many there are."""
        self.close_unused_at: int = 2 * MAX_UNUSED
        """How many there are when the unused ones are closed: twice as many as were left the last time, so that looking for them
        costs each new one the same, however many there are."""


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
        self._token = object()
        self._pools: WeakValueDictionary[PoolKey, ConnectionPool] = WeakValueDictionary()
        # By the loop's `id`, as in `PoolKey`.
        self._loops: WeakValueDictionary[int, _PoolsOfLoop] = WeakValueDictionary()
        self._waits: PerLoop[Waits] = PerLoop(Waits)  # those that `close` ends
        _all.add(self)

    def get(self, key: PoolKey, user: object) -> ConnectionPool | None:
        """The pool of the running loop that has this key, if there is one. `user` keeps the pool, as long as it lives.

        Raises `ConfigurationError` once the client is closed.
        """
        if self.closed:
            raise ConfigurationError(CLIENT_CLOSED)
        pool = self._pools.get(key)
        if pool is not None and user not in pool.users:
            pool.join(user)
        return pool

    async def create(self, key: PoolKey, user: object) -> ConnectionPool:
        """A new pool for the running loop."""
        here = asyncio.get_running_loop()
        known = self._loops.get(id(here))
        if known is None:
            self._forget_closed_loops()
            known = self._loops[id(here)] = _PoolsOfLoop(self._token, here)
        elif known.pools >= known.close_unused_at:
            self._close_unused(known, keep=MAX_UNUSED)
        pool = ConnectionPool(key, known)
        pool.join(user)
        self._pools[key] = pool
        known.pools += 1
        await pool.start()
        if self.closed:  # by another thread, which may not have seen this one
            self._pools.pop(key, None)
            await pool.close()
            raise ConfigurationError(CLIENT_CLOSED)
        if known.pools == 2:  # with more of them, it is being looked at already
            _look_later(self, here)
        return pool

    def look_again(self, here: asyncio.AbstractEventLoop) -> None:
        """Closes what has been unused for long, time and again as long as `here` has more than one pool."""
        known = self._loops.get(id(here))
        if known is not None and not self.closed:
            self._close_unused(known, before=here.time() - KEEPALIVE_SECONDS)
            if known.pools > 1:
                _look_later(self, here)

    def live_pools(self) -> list[ConnectionPool]:
        """The pools that aren't closed."""
        return [pool for pool in _live_pools() if pool.group.owner is self._token]

    def _forget_closed_loops(self) -> None:
        for known in self._pools.valuerefs():
            pool = known()
            if pool is not None and pool.loop.is_closed():
                self._pools.pop(pool.key, None)  # another thread may have been first
                pool.close_nowait()

    def _close_unused(
        self, known: _PoolsOfLoop, *, keep: int = 0, before: float = math.inf
    ) -> None:
        """Closes a loop's pools whose last user has gone and came `before` some time, but for the `keep` newest of them."""
        mine = [pool for pool in self.live_pools() if pool.group is known]
        unused = [pool for pool in mine if not pool.users and pool.joined <= before]
        unused.sort(key=lambda pool: pool.joined, reverse=True)
        for pool in unused[keep:]:
            if self._pools.pop(pool.key, None) is not None:
                pool_close_soon(pool)
        known.pools = len(mine) - len(unused[keep:])
        known.close_unused_at = 2 * max(MAX_UNUSED, known.pools)

    async def wait(self, wait: Callable[[], Awaitable[T]]) -> T:
        """What `wait` returns; raises `ConfigurationError` as soon as the client is closed."""
        if self.closed:
            raise ConfigurationError(CLIENT_CLOSED)
        waits = self._waits.get_or_make(asyncio.get_running_loop())
        return await waits.unless_ended(wait, partial(ConfigurationError, CLIENT_CLOSED))

    async def close(self) -> None:
        """Closes the pools of every loop; a loop that isn't running has closed, or will close, its own."""
        self.closed = True
        here = asyncio.get_running_loop()
        for loop, waits in self._waits.items():
            call_soon(loop, waits.end, if_closed=nothing)
        for known in list(self._loops.values()):
            known.slots.end_waits_soon()
        self._pools.clear()
        for pool in self.live_pools():
            if pool.loop is here:
                await pool.close()
            else:
                pool_close_soon(pool)

    def close_soon(self) -> None:
        """Closes them too, from any thread and without waiting: what a garbage collector can do."""
        self.closed = True
        self._pools.clear()
        for pool in self.live_pools():
            pool_close_soon(pool)

    def detach(self) -> None:
        """In a forked child: leaves the parent's pools alone."""
        self._pools.clear()
        self._loops.clear()

    # Modules lose their names before the interpreter has ended.
    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():
            return
        pools = self.live_pools()
        unclosed = not self.closed and any(pool.open for pool in pools)
        for pool in pools:
            pool_close_soon(pool)
        if unclosed:
            warnings.warn(
                f"the Horay client made at {self._made_at} was not closed: use it in a with block, or "
                "call close()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )


def _look_later(pools: ConnectionPools, here: asyncio.AbstractEventLoop) -> None:
    # Known weakly, since a client that is forgotten is to be closed, and to warn, at once.
    known = weakref.ref(pools)

    def look() -> None:
        if (found := known()) is not None:
            found.look_again(here)

    here.call_later(KEEPALIVE_SECONDS, look)


def pool_close_soon(pool: ConnectionPool) -> None:
    """Closes a pool on its own loop, from any thread, without waiting for it."""
    call_soon(pool.loop, pool.close_nowait)


_all: WeakSet[ConnectionPools] = WeakSet()


def _after_fork_in_child() -> None:
    _inherited.extend(_live_pools())
    _live.clear()
    for pools in _all:
        pools.detach()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
