"""Blocking faces over asynchronous classes: one event loop in one thread, shared by all of them."""

# `blocking` makes the methods of `Facade`, so it is at home among its private names:
# pyright: reportPrivateUsage=false

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import partial, wraps
from queue import Empty, SimpleQueue
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Never,
    ParamSpec,
    TypeVar,
    cast,
    overload,
)

from horay_async import _job
from horay_async._job import CalledOff, Job
from horay_async.errors import ConfigurationError, HorayError
from horay_async.models._base import Model
from horay_async.streaming import LEFT, Mirrored, Select

if TYPE_CHECKING:
    import asyncio

    from anyio.from_thread import BlockingPortal
    from typing_extensions import TypeVar as TypeVarWithDefault

    S = TypeVarWithDefault("S", default=Never)
    M = TypeVarWithDefault("M", bound=Model, default=Never)

__all__ = ["Facade", "Lease", "Pump", "answering", "blocking"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

AHEAD = 64
"""Bursts that a stream reads ahead of a slow caller, a network read each: enough to keep a fast
caller from ever waiting for the other thread, and at 32 KiB a read at most 2 MiB."""


class _Thread:
    """The thread with the event loop. It runs from the first lease to the last."""

    def __init__(self) -> None:
        # Loading anyio takes as long as loading all the rest, and awaiting callers never need it.
        import anyio  # noqa: PLC0415
        from anyio.from_thread import BlockingPortal  # noqa: PLC0415

        started: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()

        async def serve() -> None:
            import asyncio  # noqa: PLC0415 - loaded by now

            async with BlockingPortal() as portal:
                started.set_result((portal, asyncio.get_running_loop()))
                await portal.sleep_until_stopped()

        self.leases = 0
        self.ending = False
        self.jobs: set[Job[Any]] = set()
        self._thread = threading.Thread(
            target=anyio.run, args=(serve,), name="horay-blocking", daemon=True
        )
        self._thread.start()
        self._portal, self.loop = started.result()

    def submit(self, job: Job[Any]) -> None:
        """Has the job done. Raises `RuntimeError` once the thread is stopped."""
        self.jobs.add(job)
        try:
            self.loop.call_soon_threadsafe(job.begin, self)
        except RuntimeError:
            self.jobs.discard(job)
            raise

    def stop(self) -> None:
        """Ends the loop and waits for the thread; what still runs is cancelled."""
        self.ending = True
        self._portal.call(self._portal.stop, True)
        self._thread.join()
        # Submitted after the loop's last turn, and never begun.
        for job in list(self.jobs):
            job.give_up()


class _Shared:
    """What the leases of this process share. A forked child begins anew."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: _Thread | None = None


_shared = _Shared()

_inherited: list[_Shared] = []
"""In a forked child, what the parent had. Its loop has no thread here, so it is left as it is."""


def _after_fork_in_child() -> None:
    global _shared  # noqa: PLW0603 - one a process, and this is another process
    _inherited.append(_shared)
    _shared = _Shared()


def _at_exit() -> None:
    # Ended with its loop, a pool that was never closed still closes its sockets.
    if _shared.thread is not None:
        _shared.thread.stop()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Lease:
    """A client's share in the thread, taken with its first call and given back by closing it."""

    def __init__(self) -> None:
        self._closed = False
        self._in: _Shared | None = None

    def start(self, func: Callable[[], Awaitable[R]]) -> Job[R]:
        """Starts a coroutine function in the thread. Raises `ConfigurationError` once the lease is given
        back.
        """
        job = Job(func)
        self._submit(job)
        return job

    def _submit(self, job: Job[Any]) -> None:
        try:
            self._borrowed().submit(job)
        except RuntimeError as error:  # given back by another thread in this very moment
            raise ConfigurationError("the client is closed: make a new one") from error

    def _borrowed(self) -> _Thread:
        shared = _shared
        thread = shared.thread
        if self._in is shared and thread is not None:
            return thread
        with shared.lock:
            if self._closed:
                raise ConfigurationError("the client is closed: make a new one")
            if shared.thread is None:
                shared.thread = _Thread()
            if self._in is not shared:
                self._in = shared
                shared.thread.leases += 1
            return shared.thread

    def run(self, func: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Runs a coroutine function in the thread. Leaving early, as by Ctrl-C, cancels it."""
        job = Job(partial(func, *args))
        try:
            self._submit(job)
            return job.result()
        except CalledOff as error:
            raise ConfigurationError(
                "the client was closed while the call was under way"
            ) from error
        except BaseException:
            job.cancel()
            raise

    def close(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `farewell` in the thread, if this lease ever ran anything, and gives the lease back."""
        if self._closed:
            return
        if self._in is _shared:
            with contextlib.suppress(ConfigurationError):  # another thread closes it, too
                self.run(farewell)
        shared = _shared
        with shared.lock:
            self._closed = True
            if self._in is not shared or shared.thread is None:
                return
            self._in = None
            shared.thread.leases -= 1
            if shared.thread.leases:
                return
            ending, shared.thread = shared.thread, None
        ending.stop()


class Pump(Generic[T]):
    """Brings what an asynchronous source gives, burst by burst, to a blocking caller.

    One task pulls, so that timeouts and cancel scopes that span several bursts stay in one piece; and
    what is there already is handed over without waking anybody.
    """

    def __init__(self, lease: Lease, pull: Callable[[], Coroutine[Any, Any, list[T]]]) -> None:
        self._lease = lease
        self._pull = pull
        self._task: Job[None] | None = None
        self._bursts: SimpleQueue[list[T] | BaseException] = SimpleQueue()
        self._go_on: Callable[[], object] | None = None
        self._over = False
        self._failure: BaseException | None = None
        self.ready: Iterator[T] = iter(())
        """What has come and wasn't handed out yet."""

    def advance(self) -> bool:
        """Waits until something is `ready`; false at the end of the source.

        Raises what the source raised, and `HorayError` once it is stopped, each time anew.
        """
        if self._failure is not None:
            raise self._failure
        if self._over:
            return False
        if self._task is None:
            self._task = self._lease.start(self._run)
        try:
            burst = self._next_burst()
        except BaseException:
            self.stop()
            raise
        if (go_on := self._go_on) is not None and self._bursts.qsize() < AHEAD // 2:
            self._go_on = None
            go_on()
        if isinstance(burst, BaseException):
            self._failure = burst
            raise burst
        self._over = not burst
        self.ready = iter(burst)
        return not self._over

    def _next_burst(self) -> list[T] | BaseException:
        while True:
            with contextlib.suppress(Empty):
                return self._bursts.get(timeout=_job.MAX_WAIT)

    def stop(self) -> None:
        """Cancels the pulling, unless the source has come to its end."""
        if not self._over and self._failure is None:
            self._failure = HorayError(LEFT)
            self.ready = iter(())
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        import asyncio  # noqa: PLC0415 - loaded by now

        loop = asyncio.get_running_loop()
        put = self._bursts.put
        try:
            while burst := await self._pull():
                put(burst)
                if self._bursts.qsize() >= AHEAD:
                    turn = asyncio.Event()
                    self._go_on = partial(loop.call_soon_threadsafe, turn.set)
                    # The caller may have emptied the queue before it could see this.
                    if self._bursts.qsize() >= AHEAD // 2:
                        await turn.wait()
        except asyncio.CancelledError:
            put(ConfigurationError("the stream was closed while it was being read"))
            raise
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            put(error)
        else:
            put([])


class Loop(Generic[T]):
    """One `for` over a pump. When it is dropped before the end, `abandon` is called."""

    __slots__ = ("_abandon", "_items", "_pump", "_select")

    def __init__(self, pump: Pump[Any], select: Select[T], abandon: Callable[[], None]) -> None:
        self._pump = pump
        self._select = select
        self._abandon = abandon
        self._items = select(pump.ready)

    def __iter__(self) -> Loop[T]:
        return self

    def __next__(self) -> T:
        while True:
            for item in self._items:
                return item
            if not self._pump.advance():
                raise StopIteration
            self._items = self._select(self._pump.ready)

    def __del__(self) -> None:
        self._abandon()


class Facade:
    """A blocking face: its methods run those of an asynchronous twin in the thread."""

    _faces: ClassVar[dict[type, type[Facade]]] = {}

    def __init_subclass__(cls, *, of: type | None = None, **kwargs: Any) -> None:
        """`of` names the asynchronous class whose instances this one stands for."""
        super().__init_subclass__(**kwargs)
        if of is not None:
            Facade._faces[of] = cls

    def __init__(self, twin: Any, lease: Lease) -> None:
        self._twin = twin
        self._lease = lease

    def _faced(self, value: Any) -> Any:
        """The blocking face of `value`, where its class has one."""
        face = Facade._faces.get(value.__class__)
        return value if face is None else face(value, self._lease)


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, Mirrored[S] | M]],
) -> Callable[Concatenate[Facade, P], S | M]: ...


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade, P], R]: ...


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Mirrored[S]],
) -> Callable[Concatenate[Facade, P], S]: ...


def blocking(method: Callable[..., Any]) -> Callable[..., Any]:
    """The blocking twin of a method of an asynchronous class, with its signature and docstring.

    A method that is no coroutine function makes a mirrored object without waiting for anything.
    """
    # `inspect` would load much more for the same answer; overloads end in the implementation.
    if not method.__code__.co_flags & CO_COROUTINE:

        @wraps(method)
        def make(self: Facade, /, *args: Any, **kwargs: Any) -> Any:
            return self._faced(method(self._twin, *args, **kwargs))

        return make

    @wraps(method)
    def call(self: Facade, /, *args: Any, **kwargs: Any) -> Any:
        return self._faced(self._lease.run(partial(method, self._twin, *args, **kwargs)))

    return call


def answering(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade, P], R]:
    """`blocking` for a method with a type variable of its own, which mypy loses among those overloads."""
    twin: Any = blocking
    return cast("Callable[Concatenate[Facade, P], R]", twin(method))


CO_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`."""
