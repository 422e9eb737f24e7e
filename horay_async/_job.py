"""A coroutine at work in another thread, for a caller that waits for it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio

__all__ = ["MAX_WAIT", "CalledOff", "Job", "Place"]

R = TypeVar("R")

MAX_WAIT: float | None = 0.2 if sys.platform == "win32" else None
"""Seconds that a caller waits for the other thread at a time. On Windows Ctrl-C doesn't wake a thread that
waits for a lock, and is noticed between two waits; elsewhere one wait without an end does."""


class Place(Protocol):
    """Where jobs are done."""

    loop: asyncio.AbstractEventLoop
    ending: bool
    """Whether the end has begun: nothing is started any more."""
    jobs: set[Job[Any]]
    """What is submitted and not done."""


class CalledOff(Exception):
    """A job was cancelled, or the thread ended under it."""


class Job(Generic[R]):
    """A coroutine function to be run in the thread, in the context of the caller that submits it.

    It can be called off at any moment, by any thread, also before it is submitted. This is what
    `BlockingPortal.start_task_soon` does for one caller, at a third of the cost: a task group and a cancel
    scope for each call aren't needed here.
    """

    __slots__ = ("_done", "_func", "_off", "_task", "_thread")

    def __init__(self, func: Callable[[], Awaitable[R]]) -> None:
        self._func = func
        self._off = False
        self._task: asyncio.Task[R] | None = None
        self._thread: Place | None = None
        self._done = threading.Lock()  # released once there is something to tell
        self._done.acquire()

    def result(self) -> R:
        """Waits for what the function gives or raises; raises `CalledOff` if it was cancelled."""
        while not self._done.acquire(timeout=-1 if MAX_WAIT is None else MAX_WAIT):
            pass
        try:
            if self._task is None or not self._task.done() or self._task.cancelled():
                raise CalledOff
            return self._task.result()
        finally:
            # An exception knows this frame, which must not know the task that knows the exception.
            del self

    def cancel(self) -> None:
        """Cancels what runs, or keeps it from starting."""
        self._off = True
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # the thread's loop is closed
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def begin(self, thread: Place) -> None:
        """Starts the function; to be called in the thread."""
        self._thread = thread
        if self._called_off() or thread.ending:
            self.give_up()
            return
        self._task = thread.loop.create_task(self._work())
        self._task.add_done_callback(self._end)
        if self._called_off():  # in the same moment, by another thread that saw no task yet
            self._task.cancel()

    async def _work(self) -> R:
        return await self._func()

    def _called_off(self) -> bool:
        return self._off

    def give_up(self) -> None:
        """Tells who waits that nothing will come."""
        if self._thread is not None:
            self._thread.jobs.discard(self)
        self._done.release()

    def _end(self, task: asyncio.Task[R]) -> None:
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more
        self.give_up()
