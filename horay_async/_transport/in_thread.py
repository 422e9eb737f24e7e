"""Running a function beside the event loop, in a thread of its own.

The loop's executor isn't used: the program may have filled it with functions that wait for this very one, and it takes nothing more
once the main thread has ended, though others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from horay_async._protocol.wire.size_limits import LARGE_BODY, LARGE_BROKEN_BODY

T = TypeVar("T")
Start = Callable[[Callable[[], None]], None]
"""Has a function run by a thread."""


def in_thread(
    function: Callable[[], Any],
    *,
    name: str,
    start: Start | None = None,
    or_here: bool = False,
    daemon: bool = True,
) -> asyncio.Future[tuple[Any, BaseException | None]]:
    """What `function` returns, or None, and what it raised, or None; `name` is the thread's, or `start` has it run by one that there is,
    sooner or later: not where nobody waits for it any more by then. What is no `Exception` is raised there: it is that thread's, as Ctrl-C.

    Raises `RuntimeError` where the process can start no thread, or with `or_here` runs the function at once, on the loop. The process
    doesn't end before a thread that is no `daemon`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    # Once it has the error, whose traceback knows `run`, that is to know it no more.
    waiting = [future]
    context = contextvars.copy_context()

    def deliver(result: Any, error: BaseException | None) -> None:
        waits = waiting.pop()
        if not waits.done():
            waits.set_result((result, error))

    def run() -> None:
        if waiting[0].cancelled():
            return
        result, failure = None, None
        try:
            result = context.run(function)
        except BaseException as error:
            if start is not None and not isinstance(error, Exception):
                raise
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(deliver, result, failure)
        del result, failure  # whose traceback knows this frame

    if start is not None:
        start(run)
        return future
    try:
        threading.Thread(target=run, name=name, daemon=daemon).start()
    except RuntimeError:
        if not or_here:
            raise
    else:
        return future
    run()
    return future


async def run_in_thread(function: Callable[[], T], *, name: str, daemon: bool = True) -> T:
    """What `function` returns or raises, run in a thread, or on the loop where the process can start none: see `in_thread`."""
    result, error = await in_thread(function, name=name, or_here=True, daemon=daemon)
    try:
        if error is not None:
            raise error
    finally:
        del error  # it knows this frame
    return cast("T", result)


async def decoded(body: bytes, decode: Callable[[], T], *, broken: bool = False) -> T:
    """What `decode` makes of `body`, here and now; of a large one in a thread, since it would hold up the loop for long. That halves the
    longest stall: the lock of the interpreter is let go while objects are made. One that is `broken` takes longer.
    """
    if len(body) < (LARGE_BROKEN_BODY if broken else LARGE_BODY):
        return decode()
    return await run_in_thread(decode, name="horay-decode")
