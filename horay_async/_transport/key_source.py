"""The API keys that a function provides: asked for once for all who wait, and again when they expire or are refused."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

from horay_async._keys import ProvidedKeys, Secret
from horay_async._protocol.wire.clean import Cleaner
from horay_async._transport.failures import chain
from horay_async._transport.in_thread import in_thread
from horay_async._transport.loops import PerLoop
from horay_async._user_code import is_async, is_main_thread
from horay_async.errors import ConfigurationError

MARGIN = 30.0
"""Seconds before its end at which a key isn't used any more, or a tenth of its time where that is less: a request takes a
while to reach the server, and clocks differ."""

PATIENCE = 300.0
"""Seconds after which a plain function that hasn't returned is called once more, since its thread can't be ended: it may wait for
what never comes. Someone who has to log in is faster.
"""

WAITS_FOR_ITSELF = (
    "the function for the API key makes a call that asks it for the key, and would wait for itself: use a client of its own "
    "there"
)

_asking: ContextVar[tuple[object, ...]] = ContextVar("asking", default=())
"""The tasks that ask such functions, of which the running code is a part."""


class KeySource:
    """The keys of a client and its copies, on each event loop.

    A coroutine function runs on the loop, a plain function in a thread of its own, since it may block. The thread is a
    daemon: a function that never returns keeps no program from ending.
    """

    def __init__(self, provided: ProvidedKeys) -> None:
        self.clean: Cleaner = Cleaner()
        """Masks all keys that were seen; it learns of new ones."""
        self._loops: PerLoop[KeyOfLoop] = PerLoop(partial(KeyOfLoop, provided, self.clean))

    def here(self) -> KeyOfLoop:
        """The key on the running loop."""
        return self._loops.get_or_make(asyncio.get_running_loop())


class KeyOfLoop:
    """The key in use on one event loop, which runs here. Times are on the loop's clock."""

    def __init__(self, provided: ProvidedKeys, clean: Cleaner) -> None:
        self.asks: int = 0
        """How often the function was called."""
        self._provided = provided
        self._clean = clean
        self._key: Secret | None = None
        self._expires = -math.inf
        # Asks the function; None where nobody waits for it.
        self._task: asyncio.Task[Secret | BaseException] | None = None
        self._waiting = 0  # calls that wait for the task
        # What a plain function returns, or raises; kept until it does, however many stopped waiting. And when it was called.
        self._thread: asyncio.Future[tuple[Any, BaseException | None]] | None = None
        self._called = -math.inf

    def current(self) -> Secret | None:
        """The key in use; None where one has to be asked for."""
        return self._key if asyncio.get_running_loop().time() < self._expires else None

    async def get(self) -> Secret:
        """The key to use. Raises `ConfigurationError` where the function fails."""
        return self.current() or await self._ask()

    async def renew(self, refused: str, *, asks: int) -> bool:
        """Whether there is another key than the one that was `refused`, and sent when there had been so many `asks`."""
        # What was asked for since then is news already: a crowd that is refused asks once.
        if self._key in (None, refused) and (self._task is not None or self.asks == asks):
            await self._ask()
        return self._key != refused

    async def _ask(self) -> Secret:
        if self._task is not None and self._task in _asking.get():
            raise ConfigurationError(WAITS_FOR_ITSELF)
        if self._task is None:
            self._task = asyncio.create_task(self._provide())
        task = self._task
        self._waiting += 1
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError as error:
            me = asyncio.current_task()
            if not task.cancelled() or (me is not None and me.cancelling()):
                raise
            outcome = error  # the function's own
        finally:
            self._waiting -= 1
            if not self._waiting or task.done():
                task.cancel()
                if self._task is task:
                    self._task = None
        if isinstance(outcome, Secret):
            return outcome
        if isinstance(outcome, ConfigurationError):
            raise ConfigurationError(str(outcome))
        raise chain(
            ConfigurationError(f"the function for the API key raised {type(outcome).__name__}"),
            outcome,
            self._clean,
        )

    async def _provide(self) -> Secret | BaseException:
        """The function's key, or what it raised: each who waits raises an error of its own."""
        _asking.set((*_asking.get(), asyncio.current_task()))
        try:
            provided, raised = await self._returned()
            if raised is not None:
                return raised
            try:
                key, seconds = self._provided.accept(provided)
            finally:
                self._clean.learn(self._provided.seen)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_main_thread():
                raise
            return error
        self._key = key
        self._expires = self._called + seconds - min(MARGIN, seconds / 10)
        return key

    async def _returned(self) -> tuple[object, BaseException | None]:
        """What the function returned, or what it raised in a thread: there, an exception that would end this loop is just a failure."""
        function: Any = self._provided.function
        if is_async(function):
            self._note_call()
            return await function(), None
        if (thread := self._thread) is not None and thread.done() and thread.result()[1]:
            self._thread = None  # it failed when nobody waited any more: it may not now
        while True:
            if self._thread is None:
                self._note_call()
                self._thread = in_thread(function, name="horay-api-key")
            thread = self._thread
            left = self._called + PATIENCE - asyncio.get_running_loop().time()
            if (await asyncio.wait({thread}, timeout=max(0.0, left)))[0]:
                break
            self._thread = None
        result, error = thread.result()
        self._thread = None
        if inspect.isawaitable(result):
            result = await cast("Awaitable[object]", result)
        return result, error

    def _note_call(self) -> None:
        """The function is being called."""
        self.asks += 1
        self._called = asyncio.get_running_loop().time()
