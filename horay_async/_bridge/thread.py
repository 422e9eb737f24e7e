"""The event loop's thread, which all blocking clients of a process share, and a client's handle on it."""

from __future__ import annotations

import _thread
import asyncio
import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from horay_async._transport.connection_slots import CLIENT_CLOSED
from horay_async._transport.loops import BLOCKED_THREAD
from horay_async.errors import ConfigurationError, HorayError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from anyio.from_thread import BlockingPortal

R = TypeVar("R")

CLIENT_CLOSED_MEANWHILE = "the client was closed while the call was under way"
EXITED_MEANWHILE = "the program ended while the call was under way"
OWN_THREAD = (
    "a blocking client can't be called on the thread that runs its calls, where it would wait for itself: "
    "use AsyncHoray in hooks and async tools, or hand the call to another thread"
)
FORKED = (
    "this process was forked after the call began, and its connection belongs to the parent: "
    "make the call in the process that reads the response"
)
NO_THREAD = "the thread that runs the calls of blocking clients isn't running"

MAX_WAIT = 0.2 if sys.platform == "win32" else 1.0
"""Seconds that a caller waits for the other thread at a time. On Windows Ctrl-C doesn't wake a thread that
waits for a lock, and is noticed between two waits. Elsewhere it does, unless it comes in the moment between
CPython's last look for signals and the wait."""

CANCEL_TIMEOUT = 5.0
"""Seconds that a caller who is interrupted, as by Ctrl-C, waits for the end of the call that it cancels: a tool
or a hook may catch the cancellation and go on. The same as `EXIT_TIMEOUT`, for the same reason."""

CANCEL_POLL = 0.05
"""Seconds within that time from one look at what is waited for to the next, in case nothing wakes the caller."""

EXIT_TIMEOUT = 5.0
"""Seconds for which the end of the program, and the closing of the last client, wait for the thread: user code may hold it
for ever."""


class BlockingCall(Generic[R]):
    """A coroutine function that runs on the loop's thread, for a caller on another one. Any thread may cancel it at
    any moment.
    """

    def __init__(
        self,
        func: Callable[[], Awaitable[R]],
        on_end: Callable[[], object] | None = None,
    ) -> None:
        """`on_end` is called when it is over, however that came, on the loop's thread mostly; maybe twice."""
        self._func = func
        self._on_end = on_end
        self.forked_away: bool = False
        """Whether it runs in another process: this one was forked meanwhile."""
        self._caller = threading.get_ident()
        self._cancelled = False
        self._result: tuple[R] | None = None  # once it has returned
        self._error: BaseException | None = None  # what it raised
        self._task: asyncio.Task[Any] | None = None  # while it runs
        self._thread: LoopThread | None = None  # once it is submitted to one
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self, timeout: float | None = None) -> None:
        """Waits until it is over, for so many seconds at most."""
        while (
            not self._done.acquire(timeout=MAX_WAIT if timeout is None else timeout)
            and timeout is None
        ):
            pass

    def submitted_to(self, thread: LoopThread) -> None:
        """Notes the thread that is to run it."""
        self._thread = thread
        thread.calls.add(self)

    def finish(self) -> None:
        """Wakes who waits."""
        if self._thread is not None:
            self._thread.calls.discard(self)
        try:  # noqa: SIM105 - a caller's thread may be here too, and Ctrl-C comes to it after any call, that of `suppress` too
            self._done.release()
        except RuntimeError:  # two threads have told its end at once
            pass
        if self._on_end is not None:
            self._on_end()

    def abandon_after_fork(self) -> None:
        """In a forked child: its loop has no thread here, so nobody but this would wake who waits."""
        self.forked_away = True
        self.finish()

    async def run(self) -> None:
        """Runs the function, on the thread's loop. Raises nothing: the error would end the calls beside it."""
        BLOCKED_THREAD.set(self._caller)
        self._task = asyncio.current_task()
        try:
            if not self._is_cancelled:
                self._result = (await self._func(),)
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            # A cancellation that nobody here asked for is user code's own.
            if not (isinstance(error, asyncio.CancelledError) and self._is_cancelled):
                self._error = error
        finally:
            self._task = None
            self.finish()

    def result(self) -> R:
        """What it returned, once it is over. Raises what it raised, and where it was kept from its end `ConfigurationError`, or
        `HorayError` at the end of the program.
        """
        if self.forked_away:
            raise ConfigurationError(FORKED)
        if self._result is not None:
            return self._result[0]
        error, self._error = self._error, None
        if error is None:
            failure = None if self._thread is None else self._thread.failure
            if failure is not None:
                error = ConfigurationError(f"{NO_THREAD}: {failure!r}")
            else:
                error = cut_off(CLIENT_CLOSED_MEANWHILE)
        try:
            raise error
        finally:
            del error  # it knows this frame

    def cancel(self) -> None:
        """Cancels what runs, or keeps it from starting."""
        self._cancelled = True
        if (task := self._task) is not None and not self.forked_away:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)

    def cancel_on_interrupt(self) -> None:
        """After Ctrl-C, or another interrupt of the caller: cancels it, and waits until what it runs has ended, when
        files are closed and nothing more is written.

        Waits for `CANCEL_TIMEOUT` at most, and never for what can't end: a closed loop's task, or the parent's
        in a forked child. A second Ctrl-C ends the wait at once.
        """
        self.cancel()
        due = time.monotonic() + CANCEL_TIMEOUT
        # What hasn't begun to run never will. `finish` wakes who waits here, unless Ctrl-C came just after `wait`
        # had seen it.
        while (
            (task := self._task) is not None
            and not task.get_loop().is_closed()
            and not self.forked_away
            and (left := due - time.monotonic()) > 0
            and not self._done.acquire(timeout=min(left, CANCEL_POLL))
        ):
            pass

    @property
    def _is_cancelled(self) -> bool:
        """Whether it is cancelled, or its thread ends."""
        return self._cancelled or (self._thread is not None and self._thread.ending)


class LoopThread:
    """A thread with an event loop and anyio's blocking portal. It ends with the last client that uses it.

    A caller may be interrupted between any two steps, by Ctrl-C or by a signal handler that calls, too. So no
    caller may hold a lock that this thread takes: those of `Future`, `Event` and `Thread.start` are such, and the portal's
    `start_task_soon` waits for a `Future`. So

    - another thread, which no signal interrupts, starts this one, gives its portal one coroutine, `_serve`, and ends;
    - a caller puts its call into `_inbox`, wakes `_serve`, which takes no lock, and waits for the call's own, `_done`.
    """

    def __init__(self, shared: _Shared) -> None:
        self.shared: _Shared = shared
        """What the blocking clients of its process share."""
        self._thread = threading.Thread(
            target=self._guarded, args=(self._run,), name="horay-blocking", daemon=True
        )
        self._start_once = threading.Lock()
        self._started = False  # whether there is somebody who starts it
        self._inbox: SimpleQueue[tuple[Context, BlockingCall[Any]]] = SimpleQueue()
        self._portal: Future[BlockingPortal] = Future()
        self._woken: asyncio.Event  # set before `loop`
        self.loop: asyncio.AbstractEventLoop | None = None
        """Once it takes calls from the inbox."""
        self.handles: set[int] = set()
        """The ids of the handles that use it. The handles themselves it doesn't keep: a client may be forgotten unclosed."""
        self.calls: set[BlockingCall[Any]] = set()
        """What is submitted and not over."""
        self.ending: bool = False
        """Whether the end has begun: nothing is started any more."""
        self.failure: BaseException | None = None
        """What it has ended by, where that was no closing."""
        self._stopped = False

    @property
    def accepts_calls(self) -> bool:
        """Whether it doesn't end, and belongs to this process."""
        return not self.ending and self.shared is _shared

    def submit(self, call: BlockingCall[Any]) -> None:
        """Hands a call over. Where the thread can't run, the call is over at once."""
        call.submitted_to(self)
        self._inbox.put((copy_context(), call))
        self._wake()
        if self._stopped:  # it may have missed this one
            call.finish()
        if self.shared is not _shared:  # forked since the handle gave this thread
            call.abandon_after_fork()

    def end_soon(self) -> None:
        """Cancels what still runs and ends the thread."""
        self.ending = True
        self._wake()

    def join(self, timeout: float | None = None) -> None:
        """Waits for its end, if that has begun, for up to so many seconds twice; except on a thread of this kind, which would wait for itself."""
        if not self.ending or threading.get_ident() in self.shared.threads:
            return
        # First for the end of its loop, as `_finish` tells it: the thread may never have started. A call that is submitted and never begun
        # is over then.
        last = BlockingCall(self._open_portal)
        last.submitted_to(self)
        if not self._stopped:
            last.wait(timeout)
        # All that is left to the thread is to end, which takes no time.
        with contextlib.suppress(RuntimeError):  # it never started
            self._thread.join(timeout)

    def _wake(self) -> None:
        """Has the loop look at the inbox and at `ending`, as it does by itself when it begins."""
        if (loop := self.loop) is None:
            self._start()
            return
        try:
            loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            if not loop.is_closed():
                raise

    def _start(self) -> None:
        if self._started:
            return
        try:
            if sys.is_finalizing():  # a thread started now would never run
                raise RuntimeError("the interpreter is shutting down")
            _thread.start_new_thread(self._guarded, (self._start_serving,))
            self._started = True
        except RuntimeError as error:
            if not self._started:
                self._finish(error)

    # On threads that no signal interrupts

    def _guarded(self, run: Callable[[], None]) -> None:
        """Runs what a thread is for, on which no call may wait; and where that fails, nothing will run any more."""
        ident = threading.get_ident()
        self.shared.threads[ident] = self
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised where callers wait
            self._finish(error)
        finally:
            self.shared.threads.pop(ident, None)

    def _start_serving(self) -> None:
        """Starts the loop's thread, and has its portal run `_serve`."""
        if self._start_once.acquire(blocking=False):
            self._started = True
            with _loading:
                self._thread.start()
                portal = self._portal.result()
            portal.start_task_soon(self._serve, portal)

    def _run(self) -> None:
        """What the loop's thread does."""
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            task = loop.create_task(self._open_portal())
            # User code may end the loop with a `SystemExit` in a callback, or may stop it, which is a `RuntimeError`
            # here: neither is the callers' end.
            while not task.done() and not loop.is_closed():
                with contextlib.suppress(SystemExit, KeyboardInterrupt, RuntimeError):
                    loop.run_until_complete(task)
            task.result()
        self._finish(None)

    async def _open_portal(self) -> None:
        # Loaded here, where nobody's lock is held: it takes as long as all the rest, and awaiting callers never need it.
        from anyio.from_thread import BlockingPortal  # noqa: PLC0415 - see above

        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()

    async def _serve(self, portal: BlockingPortal) -> None:
        """Starts what is in the inbox, until the end; then cancels what still runs."""
        from anyio import create_task_group  # noqa: PLC0415 - see `_open_portal`

        woken = self._woken = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        try:
            async with create_task_group() as group:
                while not self.ending:
                    self._start_calls(group)
                    await woken.wait()
                    woken.clear()
                for call in tuple(self.calls):
                    call.cancel()
        finally:
            await portal.stop()

    def _start_calls(self, group: TaskGroup) -> None:
        """Starts each in its caller's context. Nothing of them is held afterwards."""
        sniffio = sys.modules.get("sniffio")
        while not self._inbox.empty():
            context, call = self._inbox.get_nowait()
            if sniffio is not None:
                # Where trio called, its context says so, and anyio would believe it.
                context.run(sniffio.current_async_library_cvar.set, None)
            context.run(group.start_soon, call.run)

    def _finish(self, failure: BaseException | None) -> None:
        """Wakes who waits: nothing will run any more."""
        if not self._stopped:
            self.failure = failure
        self.ending = self._stopped = True
        self._portal.cancel()
        for call in tuple(self.calls):
            call.finish()


class _Shared:
    """What the blocking clients of this process share. A forked child begins anew."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.thread: LoopThread | None = None
        self.threads: dict[int, LoopThread] = {}
        """By their idents, the threads on which nothing may wait."""

    def attach(self, handle: LoopHandle) -> LoopThread:
        """Gives the handle a thread."""
        return self._locked(partial(self._attach, handle, id(handle), LoopThread(self)))

    def detach(self, handle: LoopHandle) -> None:
        """Takes the thread from the handle. The last one ends it."""
        here = threading.get_ident() in self.threads
        # Who holds the lock may be waiting for this very thread. So it is taken only where it is free.
        if here and not self._lock.acquire(blocking=False):
            loop = None if handle.thread is None else handle.thread.loop
            if loop is not None:
                loop.call_soon_threadsafe(loop.call_later, 0.001, self.detach, handle)
            return
        thread, handle.thread = handle.thread, None
        handle.closed = True
        is_last = thread is not None and self._locked(partial(self._leave, thread, id(handle)))
        if here:
            self._lock.release()
        if thread is not None and is_last:
            thread.end_soon()

    def _locked(self, step: Callable[[], R]) -> R:
        """Runs `step` under the lock and returns its result; it is a few assignments. A signal handler or the garbage collector can run in
        between, on the same thread, so the lock is one that a thread may take twice.
        """
        # Taken within `try`: from Python 3.14 on, Ctrl-C can come between the taking by `with` and the block.
        try:
            self._lock.acquire()
            done = step()
        finally:
            try:  # noqa: SIM105 - Ctrl-C can come after any call, that of `suppress` too
                self._lock.release()
            except RuntimeError:  # it was interrupted before it had it
                pass
        return done

    def _attach(self, handle: LoopHandle, ident: int, new: LoopThread) -> LoopThread:
        # A signal handler's call may have attached this handle just before. Nothing is called here, so that no handler
        # can run in between.
        if handle.closed:
            raise ConfigurationError(CLIENT_CLOSED)
        before = handle.thread
        if before is not None and not before.ending and before.shared is self:
            return before
        thread = self.thread
        if thread is None or thread.ending:
            self.thread = thread = new
        handle.thread = thread
        thread.handles.add(ident)
        return thread

    def _leave(self, thread: LoopThread, ident: int) -> bool:
        """Takes the handle off its thread; returns whether that ends."""
        thread.handles.discard(ident)
        if not thread.handles:
            thread.ending = True
            if self.thread is thread:
                self.thread = None
        return thread.ending


_shared = _Shared()


def this_process() -> object:
    """An object of this process alone: a forked child has another one."""
    return _shared


_inherited: list[_Shared] = []
"""In a forked child, what the parent had. Its loop has no thread here, so it is left as it is."""


def _after_fork_in_child() -> None:
    global _shared
    _after_fork()
    _inherited.append(_shared)
    before, _shared = _shared, _Shared()
    for thread in {*before.threads.values(), before.thread}:
        for call in () if thread is None else tuple(thread.calls):
            call.abandon_after_fork()


_exiting = threading.Event()
"""Whether the program is ending: then it is that which ends calls, and no client was closed."""


def cut_off(by_closing: str) -> HorayError:
    """The error of what was cut off by the closing of its client, as `by_closing` says, or by the end of the program, when its request
    may have been sent.
    """
    return HorayError(EXITED_MEANWHILE) if _exiting.is_set() else ConfigurationError(by_closing)


def _at_exit() -> None:
    _exiting.set()
    # Ended with its loop, a pool that was never closed still closes its sockets.
    if (thread := _shared.thread) is not None:
        thread.end_soon()
        thread.join(EXIT_TIMEOUT)


_loading = threading.RLock()
"""Held while a thread loads anyio, until its loop runs, and while this process forks: a child would wait for ever for
what its parent's thread was loading."""


def _before_fork() -> None:
    _loading.acquire(timeout=EXIT_TIMEOUT)


def _after_fork() -> None:
    with contextlib.suppress(RuntimeError):  # it came too late, and another thread has it
        _loading.release()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


class LoopHandle:
    """A client's hold on the loop's thread, taken with its first call and released by closing it."""

    def __init__(self) -> None:
        self.closed: bool = False
        self.thread: LoopThread | None = None
        self._closed_in: object = None
        """Where the closing has begun, its process."""

    @property
    def shared(self) -> object:
        """Stands for the process whose thread it has, see `this_process`; for this one where it has none, as once it is closed."""
        thread = self.thread
        return _shared if thread is None else thread.shared

    def submit(self, call: BlockingCall[Any]) -> None:
        """Hands a call to the thread. Raises `ConfigurationError` once the client is closed, and on the
        loop's own thread.
        """
        self.check_thread()
        thread = self.thread
        if self.closed or thread is None or not thread.accepts_calls:
            thread = _shared.attach(self)
        thread.submit(call)

    def check_thread(self) -> None:
        """Raises `ConfigurationError` on the loop's own thread, where waiting would never end."""
        if threading.get_ident() in _shared.threads:
            raise ConfigurationError(OWN_THREAD)

    def run(self, func: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Runs a coroutine function on the thread. An interrupt cancels it and waits for its end."""
        call = BlockingCall(partial(func, *args) if args else func)
        try:
            self.submit(call)
            call.wait()
        except BaseException:  # `KeyboardInterrupt`, or another exception of a signal handler
            call.cancel_on_interrupt()
            raise
        return call.result()

    def wait_for(self, func: Callable[[], Awaitable[None]]) -> None:
        """Runs a coroutine function that ends what this handle runs on the thread, where there is such a thread and waiting for it would end.
        An interrupt ends the wait.
        """
        thread = self.thread
        here = threading.get_ident() in _shared.threads
        if here or self.closed or thread is None or not thread.accepts_calls:
            return
        with contextlib.suppress(HorayError):  # the client is being closed, or the program ends
            self.run(func)

    def close(self, on_close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `on_close` on the thread, if this handle ever ran anything, and releases the thread. Where
        waiting would never end, as on the loop's own thread, both are done soon after; so they are where the wait is interrupted.
        """
        if self.closed:
            return
        thread = self.thread
        if thread is None or not thread.accepts_calls:
            self.closed, self.thread = True, None
        elif threading.get_ident() in _shared.threads:
            self.close_soon(on_close)
        else:
            call = BlockingCall(partial(self._close, on_close, thread.shared))
            try:
                thread.submit(call)
                call.wait()
            except BaseException:  # `KeyboardInterrupt`, or another exception of a signal handler
                self.close_soon(on_close)  # once more: the call may not have been handed over
                raise
            self.closed = True
            # Another thread closes it, too, or the program ends.
            with contextlib.suppress(HorayError):
                call.result()
            thread.join(EXIT_TIMEOUT)  # a tool may ignore every cancellation

    def close_soon(self, on_close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does the same from any thread without waiting: what a garbage collector can do."""
        thread = self.thread
        if self.closed:
            return
        self.closed = True
        if thread is not None and thread.accepts_calls:
            thread.submit(BlockingCall(partial(self._close, on_close, thread.shared)))

    async def _close(
        self, on_close: Callable[[], Coroutine[Any, Any, None]], shared: _Shared
    ) -> None:
        if self._closed_in is shared:  # who closes once more has nothing to do
            return
        self._closed_in = shared
        try:
            await on_close()
        finally:
            shared.detach(self)
