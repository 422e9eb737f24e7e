"""The event loop's thread, which all blocking clients of a process share, and a client's handle on it."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from horay_async.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio

    from anyio.from_thread import BlockingPortal

__all__ = ["LoopHandle"]

R = TypeVar("R")

CLOSED = "the client is closed: make a new one"
CLOSED_MEANWHILE = "the client was closed while the call was under way"
OWN_THREAD = (
    "a blocking client can't be called on the thread that runs its calls, where it would wait for itself: "
    "use AsyncHoray in hooks and async tools, or hand the call to another thread"
)
FORKED = (
    "this process was forked after the call began, and its connection belongs to the parent: "
    "make the call in the process that reads the response"
)
NO_THREAD = "the thread that runs the calls of blocking clients isn't running"

MAX_WAIT: float | None = 0.2 if sys.platform == "win32" else None
"""Seconds that a caller waits for the other thread at a time. On Windows Ctrl-C doesn't wake a thread that
waits for a lock, and is noticed between two waits; elsewhere one wait without an end does."""

CANCEL_TIMEOUT = 5.0
"""Seconds that a caller who leaves early, as by Ctrl-C, waits for the end of the call that it cancels: a tool
or a hook may catch the cancellation and go on. The same as `EXIT_TIMEOUT`, for the same reason."""

CANCEL_POLL = 0.05
"""Seconds of that between two looks whether anything is left to wait for, should nothing wake the caller."""

LAST_TURNS = 100
"""Turns of the loop, a millisecond each, for calls that were handed over while the thread was ending."""

EXIT_TIMEOUT = 5.0
"""Seconds for which the end of the program waits for the thread: user code may hold it for ever."""


class _Raised:
    """What a call raised. It crosses the portal as a result: the portal would let a `SystemExit` end the
    loop, and its own frames in the traceback would keep the exception alive.
    """

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class BlockingCall(Generic[R]):
    """A coroutine function on its way through the portal. It can be cancelled at any moment, by any thread.

    The portal's own future can't be cancelled before it is handed out, and then cancels again and again
    until the task is over, so that cleaning up can't await anything.
    """

    __slots__ = ("_cancelled", "_done", "_func", "_loop", "_on_end", "_task", "_thread", "lost")

    def __init__(
        self,
        func: Callable[[], Awaitable[R]],
        on_end: Callable[[], object] | None = None,
    ) -> None:
        """`on_end` is called when it is over, however that came, on the loop's thread mostly."""
        self._func = func
        self._on_end = on_end
        self.lost: bool = False
        """Whether it runs in another process: this one was forked meanwhile."""
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None  # once it runs
        self._task: asyncio.Task[Any] | None = None  # while it runs
        self._thread: LoopThread | None = None  # once it is submitted to one
        # Waiting for the portal's future would hold a lock for a moment that the loop's thread needs. A
        # signal handler that calls in that moment would wait for ever.
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self) -> None:
        """Waits until it is over."""
        while not self._done.acquire(timeout=-1 if MAX_WAIT is None else MAX_WAIT):
            pass

    def submitted_to(self, thread: LoopThread) -> None:
        """Notes the thread that is to run it."""
        self._thread = thread
        thread.calls.add(self)

    def ended(self, _: object = None) -> None:
        """Wakes who waits."""
        if self._thread is not None:
            self._thread.calls.discard(self)
        self._done.release()
        if self._on_end is not None:
            self._on_end()

    def lose(self) -> None:
        """In a forked child: its loop has no thread here, so nobody but this would wake who waits."""
        self.lost = True
        self.ended()

    async def run(self) -> R | _Raised:
        """Runs the function, on the thread's loop. Cancelled if it is cancelled or the thread ends."""
        import asyncio  # noqa: PLC0415 - loaded by now

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        try:
            if self._called_off():
                raise asyncio.CancelledError
            return await self._func()
        except asyncio.CancelledError as error:
            if self._called_off():
                raise
            return _Raised(error)  # user code's own
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            return _Raised(error)
        finally:
            self._task = None

    def cancel(self) -> None:
        """Cancels what runs, or keeps it from starting."""
        self._cancelled = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not self.lost:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(task.cancel)

    def cancel_and_wait(self) -> None:
        """Cancels it, and waits until what it runs has ended: files are closed then, and nothing more is written.

        Waits for `CANCEL_TIMEOUT` at most, and never for what can't end: a closed loop's task, or the parent's
        in a forked child. A second Ctrl-C ends the wait at once.
        """
        self.cancel()
        due = time.monotonic() + CANCEL_TIMEOUT
        # What hasn't begun to run never will. `ended` wakes who waits here, unless Ctrl-C came before it was
        # registered, or just after `wait` had seen it.
        while (
            self._task is not None
            and self._loop is not None
            and not self._loop.is_closed()
            and not self.lost
            and (left := due - time.monotonic()) > 0
            and not self._done.acquire(timeout=min(left, CANCEL_POLL))
        ):
            pass

    def cancel_if_running(self) -> None:
        """`cancel` for the loop's thread. A task that hasn't begun sees by itself that the thread ends."""
        if self._task is not None:
            self._task.cancel()

    def _called_off(self) -> bool:
        return self._cancelled or (self._thread is not None and self._thread.ending)


class LoopThread:
    """A thread with an event loop and a portal into it. It ends with the last client that uses it."""

    loop: asyncio.AbstractEventLoop
    """Set once the thread is ready, as are the next two."""
    _end: asyncio.Event
    _tasks: set[asyncio.Task[None]]

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._ready: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(target=self._run, name="horay-blocking", daemon=True)
        self._started_by = threading.get_ident()
        self._started = False
        self._futures: set[Future[Any]] = set()
        self.handles: set[int] = set()
        """The ids of those that use it. Themselves it doesn't hold: a client may be forgotten unclosed."""
        self.calls: set[BlockingCall[Any]] = set()
        """What is submitted and not over."""
        self.ending: bool = False
        """Whether the end has begun: nothing is started any more."""

    @property
    def usable(self) -> bool:
        """Whether to submit calls to it. Until it is started, other threads wait for it; a signal handler
        that came before the start can't: what it interrupted goes on only after it.
        """
        return not self.ending and (self._started or self._started_by != threading.get_ident())

    def start(self) -> None:
        """Starts the thread. Raises `RuntimeError` where that can't be."""
        try:
            if sys.is_finalizing():  # a thread started now would never say that it runs
                raise RuntimeError("the interpreter is shutting down")
            self._thread.start()
            self._started = True
        except BaseException as error:  # Ctrl-C among them: nobody is to wait for this thread
            self.ending = True
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):
            self._ready.set_exception(RuntimeError(f"{NO_THREAD}: {error!r}"))

    def submit(self, call: BlockingCall[R]) -> Future[R | _Raised]:
        """Hands a call over. Raises `RuntimeError` where the thread doesn't run."""
        portal = self._ready.result()
        call.submitted_to(self)
        try:
            if self.ending:
                raise RuntimeError(NO_THREAD)
            future = portal.start_task_soon(call.run)
        except BaseException:
            self.calls.discard(call)
            raise
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def spawn(self, func: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts a coroutine function as soon as the loop runs, without waiting for it."""

        def begin() -> None:
            task = self.loop.create_task(func())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._ready.add_done_callback(lambda _: self.loop.call_soon_threadsafe(begin))

    def end(self, timeout: float | None = None) -> None:
        """Cancels what still runs and ends the thread. Waits for its end, except on the thread itself."""
        self.ending = True
        with contextlib.suppress(RuntimeError):  # it has ended, or never started
            self._ready.result(timeout)
            self.loop.call_soon_threadsafe(self._end.set)
            if self._thread is not threading.current_thread():
                self._thread.join(timeout)

    def _run(self) -> None:
        # Loaded here, where nobody's lock is held: anyio takes as long as all the rest, and awaiting
        # callers never need it.
        import asyncio  # noqa: PLC0415 - see above

        ident = threading.get_ident()
        self._shared.threads[ident] = self
        failure: BaseException | None = None
        try:
            self._end = asyncio.Event()
            self._tasks = set()
            with asyncio.Runner() as runner:
                self.loop = runner.get_loop()
                self._turn(self._serve())
                for _ in range(LAST_TURNS):
                    if not self.calls:
                        break
                    self._turn(asyncio.sleep(0.001))
        except BaseException as error:  # noqa: BLE001 - nobody is above this; who waits is told below
            failure = error
        finally:
            self.ending = True
            self._fail(failure or RuntimeError("it has ended"))
            for future in tuple(self._futures):  # none, unless the loop broke
                future.cancel()
            self._shared.threads.pop(ident, None)

    def _turn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs the loop until `work` is done. User code in another task may end the loop with a
        `SystemExit`, which that task's caller gets, or may stop it: neither is the other callers' end.
        """
        task = self.loop.create_task(work)
        while not task.done():
            try:
                self.loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt):
                continue
            except RuntimeError:  # "Event loop stopped before Future completed"
                if self.loop.is_closed():
                    raise
        task.result()

    async def _serve(self) -> None:
        from anyio.from_thread import BlockingPortal  # noqa: PLC0415 - see `_run`

        async with BlockingPortal() as portal:
            self._ready.set_result(portal)
            await self._end.wait()
            for call in tuple(self.calls):
                call.cancel_if_running()


class _Shared:
    """What the blocking clients of this process share. A forked child begins anew."""

    def __init__(self) -> None:
        # Held for a few assignments alone. A signal handler or the garbage collector can run in between, on
        # the same thread, so it is one that a thread may take twice.
        self._lock = threading.RLock()
        self.thread: LoopThread | None = None
        self.threads: dict[int, LoopThread] = {}
        """By their idents, the threads on which nothing may wait."""
        self.submitting: set[int] = set()
        """The threads that are handing a call over, and may hold locks that the loop's thread needs."""

    def join(self, handle: LoopHandle) -> LoopThread:
        """Gives the handle a thread. Raises `RuntimeError` where none can be started."""
        while True:
            with self._lock:
                if handle.closed:
                    raise ConfigurationError(CLOSED)
                before = handle.thread
                if before is not None and before.usable and handle.shared is self:
                    return before  # another thread's call was quicker
                thread, new = self.thread, None
                if thread is None or not thread.usable:
                    thread = new = LoopThread(self)
                # A signal handler's call may have come up to here, and what it did holds. None comes
                # between these lines, which call nothing.
                if handle.thread is before and not handle.closed and not thread.ending:
                    if new is not None:
                        self.thread = new
                    handle.thread = thread
                    handle.shared = self
                    thread.handles.add(id(handle))
                    break
        if new is not None:
            try:
                new.start()
            finally:
                # One may also have come before the start, and has a thread of its own, or closed the client.
                if handle.thread is not new:
                    self._leave(new, handle)
        return handle.thread or thread

    def release(self, handle: LoopHandle) -> None:
        """Takes the thread from the handle. The last one ends it."""
        if threading.get_ident() in self.threads:
            # Who holds the lock may be waiting for this very thread.
            if not self._lock.acquire(blocking=False):
                if handle.thread is not None:
                    handle.thread.loop.call_later(0.001, self.release, handle)
                return
            self._lock.release()
        thread, handle.thread = handle.thread, None
        if thread is not None:
            self._leave(thread, handle)

    def _leave(self, thread: LoopThread, handle: LoopHandle) -> None:
        with self._lock:
            thread.handles.discard(id(handle))
            if thread.handles:
                return
            thread.ending = True
            if self.thread is thread:
                self.thread = None
        thread.end()


_shared = _Shared()


def this_process() -> object:
    """An object of this process alone: a forked child has another one."""
    return _shared


_inherited: list[_Shared] = []
"""In a forked child, what the parent had. Its loop has no thread here, so it is left as it is."""


def _after_fork_in_child() -> None:
    global _shared
    _inherited.append(_shared)
    before, _shared = _shared, _Shared()
    for thread in before.threads.values():
        for call in tuple(thread.calls):
            call.lose()


def _at_exit() -> None:
    # Ended with its loop, a pool that was never closed still closes its sockets.
    if _shared.thread is not None:
        with contextlib.suppress(TimeoutError):
            _shared.thread.end(EXIT_TIMEOUT)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class LoopHandle:
    """A client's hold on the loop's thread, taken with its first call and released by closing it."""

    def __init__(self) -> None:
        self.closed: bool = False
        self.shared: _Shared | None = None
        self.thread: LoopThread | None = None

    def submit(self, call: BlockingCall[R]) -> Future[R | _Raised]:
        """Hands a call to the thread. Raises `ConfigurationError` once the client is closed, and on the
        loop's own thread.
        """
        self.check_thread()
        submitting, ident = _shared.submitting, threading.get_ident()
        submitting.add(ident)
        try:
            try:
                future = self._thread().submit(call)
            except RuntimeError:
                # Closed by another thread in this very moment; or the thread has died, and is replaced.
                future = self._thread().submit(call)
            future.add_done_callback(call.ended)
        except RuntimeError as error:
            raise ConfigurationError(str(error)) from error
        finally:
            submitting.discard(ident)
        return future

    def check_thread(self) -> None:
        """Raises `ConfigurationError` on the loop's own thread, where waiting would never end."""
        if threading.get_ident() in _shared.threads:
            raise ConfigurationError(OWN_THREAD)

    def _thread(self) -> LoopThread:
        thread = self.thread
        if self.closed or thread is None or self.shared is not _shared or not thread.usable:
            return _shared.join(self)
        return thread

    def run(self, func: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Runs a coroutine function on the thread. Leaving early, as by Ctrl-C, cancels it and waits for its end."""
        call = BlockingCall(partial(func, *args) if args else func)
        try:
            if threading.get_ident() in _shared.submitting:
                outcome = self._run_aside(call)
            else:
                outcome = self._run_in_loop(call)
        except CancelledError as error:
            raise ConfigurationError(CLOSED_MEANWHILE) from error
        except BaseException:
            call.cancel_and_wait()
            raise
        if isinstance(outcome, _Raised):
            try:
                raise outcome.error
            finally:
                # The exception knows this frame, which must not know what knows the exception.
                del outcome
        return outcome

    def _run_in_loop(self, call: BlockingCall[R]) -> R | _Raised:
        future = self.submit(call)
        call.wait()
        if call.lost:
            raise ConfigurationError(FORKED)
        return future.result()

    def _run_aside(self, call: BlockingCall[R]) -> R | _Raised:
        """Runs a call of a signal handler, or of a `__del__`, that came while this thread was handing another
        one over: in a loop of its own, since the shared one may wait for this thread to go on.
        """
        import asyncio  # noqa: PLC0415 - loaded by now

        if self.closed:
            raise ConfigurationError(CLOSED)
        outcomes: list[R | _Raised] = []
        thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(call.run())))
        thread.start()
        thread.join()
        return outcomes.pop()

    def close(self, on_close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `on_close` on the thread, if this handle ever ran anything, and releases the thread. Where
        waiting would never end, as on the loop's own thread, both are done soon after.
        """
        if self.closed:
            return
        shared, thread = _shared, self.thread
        if thread is None or self.shared is not shared or not thread.usable:
            self.closed, self.thread = True, None
        elif threading.get_ident() in shared.threads.keys() | shared.submitting:
            self.close_soon(on_close)
        else:
            with contextlib.suppress(ConfigurationError):  # another thread closes it, too
                self.run(on_close)
            self.closed = True
            shared.release(self)

    def close_soon(self, on_close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does the same from any thread without waiting: what a garbage collector can do."""
        shared, thread = _shared, self.thread
        if self.closed:
            return
        self.closed = True
        if thread is not None and self.shared is shared and thread.usable:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile, and its pools with it
                thread.spawn(partial(self._close_soon, on_close, shared))

    async def _close_soon(
        self, on_close: Callable[[], Coroutine[Any, Any, None]], shared: _Shared
    ) -> None:
        try:
            await on_close()
        finally:
            shared.release(self)
