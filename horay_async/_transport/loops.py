"""Which event loop runs here, and what lives as long as a loop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

from horay_async.errors import ConfigurationError

T = TypeVar("T")

_REGISTRY = "_horay_async_registry"

BLOCKED_THREAD: ContextVar[int | None] = ContextVar("BLOCKED_THREAD", default=None)
"""The thread that waits for what runs here, by its ident, where a blocking client has started that: its event loop can't run
meanwhile.
"""

NO_LOOP = (
    "no event loop of asyncio runs here: the asynchronous client needs one; elsewhere, as under trio, use Horay on another "
    "thread"
)


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs in this thread. Raises `ConfigurationError` where none of asyncio's does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise ConfigurationError(NO_LOOP) from error


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` is the one that runs in this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def call_soon(
    loop: asyncio.AbstractEventLoop,
    call: Callable[[], object],
    *,
    if_closed: Callable[[], object] | None = None,
) -> None:
    """Has `call` called on the next turn of `loop`, from any thread; at once, or `if_closed` in its place, where the loop is closed."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        (if_closed or call)()


def call_on(
    loop: asyncio.AbstractEventLoop,
    call: Callable[[], object],
    *,
    if_closed: Callable[[], object] | None = None,
) -> None:
    """Calls `call` at once where `loop` runs here; else as `call_soon` does."""
    if runs_here(loop):
        call()
    else:
        call_soon(loop, call, if_closed=if_closed)


def nothing() -> None:
    """For `if_closed`: what was to be called has no effect on a closed loop."""


def finalize_on(loop: asyncio.AbstractEventLoop | None, close: Callable[[], object]) -> None:
    """Calls `close`, which may be called in any thread, from a finalizer: on the next turn of `loop` where that runs here.
    The garbage collector can come between any two steps of what runs on the loop, and what it closes isn't to change that.
    """
    if loop is not None and runs_here(loop):
        loop.call_soon(close)
    else:
        close()


def this_task() -> object:
    """The task that runs in this thread; None outside of tasks."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


MAX_WRITES = 8
"""Most pictures that are written at once: each takes a thread, whose start holds up the loop while others work."""


class LoopRegistry(set[object]):
    """What lives as long as an event loop, and no longer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._collected: list[bool] = []
        # Python calls this before it finalizes anything of the loop's.
        weakref.finalize(loop, self._collected.append, True).atexit = False
        self._finalizing = sys.is_finalizing  # modules lose their names before that ends
        self.writes: asyncio.Semaphore = asyncio.Semaphore(MAX_WRITES)
        """What a picture's file is written under."""

    @property
    def loop_collected(self) -> bool:
        """Whether the loop is being collected, or the process ends: what is open ends with what holds it."""
        return bool(self._collected) or self._finalizing()


def registry_of(loop: asyncio.AbstractEventLoop) -> LoopRegistry:
    """An attribute of the loop: what is kept elsewhere, and refers to the loop, would keep a loop for ever that is forgotten
    without being closed.
    """
    registry: LoopRegistry | None = getattr(loop, _REGISTRY, _registries.get(loop))
    if registry is None:
        registry = LoopRegistry(loop)
        # Not by way of its `__dict__`: CPython 3.11 looks up all of a loop's attributes more slowly once that was asked for.
        try:
            setattr(loop, _REGISTRY, registry)
        except AttributeError:
            registry = _registries.setdefault(loop, registry)
    return registry


_registries: dict[asyncio.AbstractEventLoop, LoopRegistry] = {}
"""By the loop, for those whose class lets them take no attributes: they are kept for ever."""


class Waits:
    """Waits on one loop that can be ended, all at once."""

    def __init__(self) -> None:
        self._timeouts = set[asyncio.Timeout]()

    async def unless_ended(
        self, wait: Callable[[], Awaitable[T]], error: Callable[[], Exception]
    ) -> T:
        """What `wait` returns; raises `error` where `end` is called meanwhile."""
        until_ended = asyncio.timeout(None)
        self._timeouts.add(until_ended)
        try:
            async with until_ended:
                return await wait()
        except TimeoutError:
            if not until_ended.expired():
                raise
            raise error() from None
        finally:
            self._timeouts.discard(until_ended)

    def end(self) -> None:
        """Ends them; to be called on their loop."""
        now = asyncio.get_running_loop().time()
        for timeout in self._timeouts:
            with contextlib.suppress(RuntimeError):  # it ends in this moment
                timeout.reschedule(now)


class PerLoop(Generic[T]):
    """A value for each event loop, made when it is first asked for.

    It lives as long as this and the loop, and no longer than either, also where it refers to the loop, by a task or a future:
    so it is the loop that keeps it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        # By the loop's `id`, which no other has as long as the loop keeps the value.
        self._kept: weakref.WeakValueDictionary[int, _Kept[T]] = weakref.WeakValueDictionary()

    def get_or_make(self, loop: asyncio.AbstractEventLoop) -> T:
        """The value of `loop`, which runs here."""
        kept = self._kept.get(id(loop))
        if kept is None:
            self._forget_closed()
            kept = self._kept[id(loop)] = _Kept(loop, self._make())
        return kept.value

    def items(self) -> list[tuple[asyncio.AbstractEventLoop, T]]:
        """The loops that there are, and their values."""
        return [(loop, kept.value) for kept in list(self._kept.values()) if (loop := kept.loop())]

    def _forget_closed(self) -> None:
        for kept in list(self._kept.values()):
            loop = kept.loop()
            if loop is not None and loop.is_closed():
                kept.forget()

    def __del__(self) -> None:
        for kept in list(self._kept.values()):
            kept.forget()


class _Kept(Generic[T]):
    """What a loop's registry keeps."""

    def __init__(self, loop: asyncio.AbstractEventLoop, value: T) -> None:
        self.loop: weakref.ref[asyncio.AbstractEventLoop] = weakref.ref(loop)
        self.value: T = value
        registry_of(loop).add(self)

    def forget(self) -> None:
        """Lets go of it, in any thread."""
        if (loop := self.loop()) is not None:
            registry_of(loop).discard(self)
