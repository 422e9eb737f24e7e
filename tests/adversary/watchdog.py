"""What makes a hang a failure that says where, and what collects complaints that would pass unseen."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

R = TypeVar("R")

PATIENCE = 30.0
"""Seconds that one step may take, on however busy a machine; none takes one."""

LAST_RESORT = 240.0
"""Seconds after which a test that doesn't even come to its own checks ends the process, with all stacks."""


class Hung(BaseException):
    """Something takes for ever. No `Exception`, so that nothing takes it for an outcome."""


@contextlib.contextmanager
def watched() -> Generator[None]:
    """Ends the process, with the stacks of all threads, where the block never ends."""
    faulthandler.dump_traceback_later(LAST_RESORT, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def stacks_of_threads() -> str:
    """The stack of each thread."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )


def stacks_of_tasks(loop: asyncio.AbstractEventLoop) -> str:
    """Each task of a loop and the places where it waits."""
    return "\n".join(
        f"{task!r}\n{''.join(f'  {frame}' + chr(10) for frame in task.get_stack())}"
        for task in asyncio.all_tasks(loop)
    )


async def in_time(work: Coroutine[Any, Any, R]) -> R:
    """Awaits `work`; raises `Hung`, with the stacks of all tasks, where it takes for ever."""
    task = asyncio.ensure_future(work)
    _, pending = await asyncio.wait({task}, timeout=PATIENCE)
    if pending:
        raise Hung(stacks_of_tasks(asyncio.get_running_loop()))
    return task.result()


def join(thread: threading.Thread) -> None:
    """Waits for a thread; raises `Hung`, with the stacks of all threads, where it takes for ever."""
    thread.join(PATIENCE)
    if thread.is_alive():
        raise Hung(stacks_of_threads())


def becomes(condition: Callable[[], bool], what: str) -> None:
    """Waits until a condition holds that nothing tells of; fails, with all stacks, where it never does."""
    due = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < due, f"{what}\n{stacks_of_threads()}"
        time.sleep(0.001)


def descriptors() -> int:
    """How many file descriptors are open; 0 where the system doesn't list them."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


class Complaints:
    """Warnings, exceptions that nobody could raise, and what loops and threads report to their hooks."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextlib.contextmanager
    def heard(self) -> Generator[None]:
        """Collects them while the block runs."""
        unraisable, in_thread = sys.unraisablehook, threading.excepthook
        sys.unraisablehook = lambda said: self.found.append(
            f"{said.exc_value!r} in {said.object!r}"
        )
        threading.excepthook = lambda said: self.found.append(f"{said.exc_value!r} ended a thread")
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                # Newer Pythons warn of any fork beside a thread.
                warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)
                yield
                gc.collect()
            self.found += [str(each.message) for each in warned]
        finally:
            sys.unraisablehook, threading.excepthook = unraisable, in_thread

    def of_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A loop's exception handler."""
        self.found.append(f"{context.get('message')}: {context.get('exception')!r}")

    def check(self) -> None:
        """Fails where there are any."""
        gc.collect()
        found, self.found = self.found, []
        assert not found, found
