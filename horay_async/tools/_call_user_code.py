"""Calls user code so that it can neither block nor end what runs it.

A plain function gets a daemon thread of its own, or the caller's: tools that hang keep neither others nor the event loop's
executor nor the end of the program waiting. A coroutine gets a task of its own, so that code which cancels itself can
be told apart from code that is cancelled.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

from horay_async._transport.in_thread import Start, in_thread
from horay_async._user_code import UserCodeEnded, contain, is_main_thread

CLEANUP = 1.0
"""Seconds that a cancelled coroutine has to clean up before it isn't waited for any longer."""


async def call_user_code(
    function: Callable[[], Any], *, to_its_end: bool = False, start: Start | None = None
) -> Any:
    """What `function` returns, plain or asynchronous; one with arguments comes as a `partial`.

    Raises what it raises, but `UserCodeEnded` for what isn't an `Exception`; `KeyboardInterrupt` passes from
    a coroutine in the main thread, where it is the user's. Cancelling this cancels a coroutine; a thread
    can't be stopped, and is left to itself. With `to_its_end`, a coroutine that is cancelled, and brings a result or an error
    of its own all the same, is waited for however long that takes, and this returns or raises that; so it does where a function
    has ended by the time of the cancellation. A plain function gets a thread of its own, or `start` has it run by one
    that there is, where what isn't an `Exception` is raised.
    """
    if inspect.iscoroutinefunction(function):
        return await _in_task(function(), to_its_end=to_its_end)
    value = await _in_thread(function, to_its_end=to_its_end, start=start)
    return await _in_task(value, to_its_end=to_its_end) if inspect.isawaitable(value) else value


async def _in_task(awaitable: Awaitable[Any], *, to_its_end: bool) -> Any:
    task = asyncio.create_task(_guarded(awaitable))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        while to_its_end and not task.done():
            # Once is enough: a second cancellation would end what it does about the first one.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.done():
            await wait_for_cleanup({task})
        if task.done() and not task.cancelled():
            task.exception()  # was looked at: asyncio would report it else
        if not to_its_end or task.cancelled():
            raise
    if task.cancelled():
        raise UserCodeEnded("it cancelled itself")
    error = task.exception()
    if error is not None and not isinstance(error, Exception | KeyboardInterrupt):
        raise UserCodeEnded(f"it raised {type(error).__name__}") from error
    return task.result()


async def wait_for_cleanup(cancelled: Collection[asyncio.Task[Any]]) -> None:
    """Waits until these tasks have cleaned up; for a bounded time."""
    if cancelled:
        await asyncio.wait(cancelled, timeout=CLEANUP)


async def _guarded(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (KeyboardInterrupt, SystemExit) as error:  # which would leave the task, and end the loop
        if isinstance(error, KeyboardInterrupt) and is_main_thread():
            raise
        raise UserCodeEnded(f"it raised {type(error).__name__}") from error


async def _in_thread(
    function: Callable[[], Any],
    *,
    to_its_end: bool,
    start: Start | None,
) -> Any:
    outcomes: list[tuple[Any, Exception | None]] = []
    """What the function has returned or raised, from when it has: the loop hears of it later."""

    def run() -> None:
        try:
            outcomes.append((contain(function) if start is None else function(), None))
        except Exception as error:  # noqa: BLE001 - raised below
            outcomes.append((None, error))

    try:
        await in_thread(run, name="horay-tool", start=start)
    except asyncio.CancelledError:
        # A coroutine that it has returned isn't begun any more.
        if not to_its_end or not outcomes or inspect.isawaitable(outcomes[0][0]):
            raise
    value, error = outcomes.pop()
    if isinstance(error, StopIteration):  # which a coroutine can't raise
        raise RuntimeError("it raised StopIteration") from error
    if error is not None:
        raise error
    return value


def message_of(error: BaseException) -> str:
    """The error's kind and text, or its kind alone where its text can't be made."""
    try:
        text = contain(str, error)
    except Exception:  # noqa: BLE001 - its own `__str__` may raise anything
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
