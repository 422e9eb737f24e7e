"""Where the requests of a batch come from: read one by one, and never far ahead.

What is read ahead is prepared at once, in the task or thread that reads: as soon as an iterable is asked for its next item,
it may change the one that it gave before, such as a list of messages that it uses again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextvars import copy_context
from types import GeneratorType
from typing import Any

from horay_async.errors import ConfigurationError, HorayError

PENDING = object()
"""Nothing is there yet."""
ENDED = object()
"""There is no more."""

Prepare = Callable[[Any], Any]
"""Makes of an item what `poll` returns, once for each, in their order."""

CANCELLED = (
    "the iterable of requests raised CancelledError: something that it awaited was cancelled. The requests before it "
    "were sent, and there may be more"
)

MAX_PREFETCHED = 64
"""Items that are read ahead where reading is a task or a thread of its own: enough that the batch seldom
waits for it, and few enough to be no burden."""


class Source:
    """Items, one at a time."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        """What ends it early: raised by the caller's iterable, or set by `fail`. Once it is there, no more is read."""

    def poll(self) -> Any:
        """The next item, prepared, `PENDING` or `ENDED`. Raises `KeyboardInterrupt` alone: that ends the batch at once."""
        if self.error is None:
            try:
                return self._poll()
            except asyncio.CancelledError as error:
                # Passed on as it is, it would look as if whoever reads the results had been cancelled.
                self.error = HorayError(CANCELLED)
                self.error.__cause__ = error
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - an iterable can raise anything, `sys.exit` included
                self.error = error
        return ENDED

    def fail(self, error: BaseException) -> None:
        """Reads no more, as if the caller's iterable had raised `error`. Only the first error counts."""
        self.error = self.error or error

    def stop(self) -> None:
        """Reads no more. Only the first time counts."""
        raise NotImplementedError

    async def close(self) -> None:
        """Reads no more, and waits for what the caller's asynchronous iterable does at its end, such as in a `finally`."""
        self.stop()

    def _poll(self) -> Any:
        """The next item, as `poll` returns it. Raises what the iterable raised."""
        raise NotImplementedError


def source_of(
    items: Iterable[Any] | AsyncIterable[Any],
    prepare: Prepare,
    changed: Callable[[], None],
    *,
    threaded: bool,
) -> Source:
    """The source for an iterable; `changed` is called on the running loop when something has come.

    `prepare` is called for each item before the next is asked for. `threaded` reads a plain iterable in a thread of its own,
    where its code can wait for whatever it likes without holding up the loop. Raises `TypeError` for what can't be iterated over.
    """
    if isinstance(items, AsyncIterable):
        return _AsyncSource(items, prepare, changed)
    if threaded:
        return _ThreadSource(items, prepare, changed)
    return _Inline(items, prepare)


class _Inline(Source):
    """A plain iterable, read on the loop."""

    def __init__(self, items: Iterable[Any], prepare: Prepare) -> None:
        super().__init__()
        self._items: Any = map(prepare, items)

    def _poll(self) -> Any:
        item = next(self._items, ENDED)
        if item is ENDED:
            self.stop()  # an iterator that has ended may go on later, such as a file's
        return item

    def stop(self) -> None:
        self._items = iter(())


class _AsyncSource(Source):
    """An asynchronous iterable, read by a task."""

    def __init__(
        self, items: AsyncIterable[Any], prepare: Prepare, changed: Callable[[], None]
    ) -> None:
        super().__init__()
        # The task holds one more while it waits for room.
        self._ready: asyncio.Queue[Any] = asyncio.Queue(MAX_PREFETCHED - 1)
        """Items that were read ahead, prepared."""
        self._prepare = prepare
        self._changed = changed
        self._error: BaseException | None = None
        """What the iterable raised after those items."""
        self._task = asyncio.create_task(self._read(aiter(items)))
        self._task.add_done_callback(lambda _: changed())
        self._stopped = False
        """Whether the task was cancelled: a second time would cut off the iterable's own end."""

    def _poll(self) -> Any:
        if not self._ready.empty():
            return self._ready.get_nowait()
        if not self._task.done():
            return PENDING
        if self._error is not None:
            raise self._error
        return self._task.result()

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._task.cancel()

    async def close(self) -> None:
        self.stop()
        if asyncio.current_task() is not self._task:  # the iterable can close its own batch
            await asyncio.wait([self._task])

    async def _read(self, items: AsyncIterator[Any]) -> object:
        try:
            async for item in items:
                await self._ready.put(self._prepare(item))
                self._changed()
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - not raised in this task: a `SystemExit` would end the loop
            self._error = error
        finally:
            # A generator that is merely dropped is closed at some later time.
            if isinstance(items, AsyncGenerator):
                await items.aclose()
        return ENDED


class _ThreadSource(Source):
    """A plain iterable, read by a thread."""

    def __init__(self, items: Iterable[Any], prepare: Prepare, changed: Callable[[], None]) -> None:
        super().__init__()
        self._ready: deque[Any] = deque()
        """Items that were read ahead, prepared, and `ENDED` at their end."""
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(MAX_PREFETCHED)
        """How many more may be read ahead; acquired by the thread, released by the loop."""
        self._stopped = False
        """Whether the thread is to end at its next item."""
        self._error: BaseException | None = None
        """What the iterable raised after those items; set before `ENDED` is put there."""
        self._asked = False
        """Whether the loop has found nothing and waits to be told: set by the loop, taken back by the thread."""
        # A daemon: the caller's code may be waiting for something that never comes. It sees the caller's context.
        thread = threading.Thread(
            target=copy_context().run,
            args=(self._read, items, map(prepare, items)),
            name="horay-batch-source",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise ConfigurationError(
                f"the batch needs a thread to read its requests: {error}"
            ) from error

    def _poll(self) -> Any:
        self._asked = True  # before looking: what the thread puts there from now on, it tells
        if not self._ready:
            return PENDING
        self._asked = False
        if self._ready[0] is ENDED:
            if self._error is not None:
                raise self._error
            return ENDED
        self._room.release()
        return self._ready.popleft()

    def stop(self) -> None:
        self._stopped = True
        self._room.release()

    def _read(self, items: Iterable[Any], prepared: Iterable[Any]) -> None:
        try:
            try:
                for item in prepared:
                    self._room.acquire()
                    if self._stopped:
                        return
                    self._put(item)
            finally:
                # One that is merely dropped is closed at some later time, in any thread.
                if isinstance(items, GeneratorType):
                    items.close()
        except BaseException as error:  # noqa: BLE001 - raised where the batch is iterated over
            self._error = error
        self._put(ENDED)

    def _put(self, item: Any) -> None:
        self._ready.append(item)
        if self._asked:
            self._asked = False
            try:
                self._loop.call_soon_threadsafe(self._changed)
            except RuntimeError:  # the loop has closed, and with it the batch
                self._stopped = True
