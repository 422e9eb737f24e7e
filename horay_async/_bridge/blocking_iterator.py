"""Reading an asynchronous source ahead of a blocking caller."""

# An error tells by a private name, which users don't see, that something else reads:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from horay_async._bridge import thread
from horay_async._bridge.thread import FORKED, BlockingCall, LoopHandle
from horay_async._suggestions import no_copy
from horay_async.errors import ConfigurationError, HorayError
from horay_async.streaming import (
    STREAM_LEFT,
    Select,
    interrupted,
    read_elsewhere,
    without_traceback_if_own,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_PREFETCHED = 64
"""Lists of items that are read ahead of a slow caller, a network read each: enough to keep a fast
caller from ever waiting for the other thread, and at 32 KiB a read at most 2 MiB."""

CLOSED = "this was closed while it was being read"

BUSY = "this is being read by another thread: read it in one"
"""The error of a second thread that reads while the first one waits, and of a signal handler that does."""


class Prefetcher(Generic[T]):
    """Brings the items of an asynchronous source, list by list, to a blocking caller. One task reads, so that
    timeouts and cancel scopes can span several lists. Items that have come already are returned without waking
    another thread.
    """

    def __init__(
        self,
        handle: LoopHandle,
        read: Callable[[], Coroutine[Any, Any, list[T]]],
        *,
        close: Callable[[], object] | None = None,
        made_in: object = None,
        unsent: Callable[[ConfigurationError], HorayError] | None = None,
        max_prefetched: int | None = None,
    ) -> None:
        """`close` ends the source, from any thread; it may be called after its end. `made_in` is the process that the source
        belongs to, where it is a response that has begun; else it belongs to the one that reads first. `unsent` makes the error that
        is raised of one that says that nothing was sent, where something may have been. `max_prefetched` is the most lists that are read
        ahead, `MAX_PREFETCHED` unless given.
        """
        self._max_prefetched = max_prefetched or MAX_PREFETCHED
        self._handle = handle
        self._made_in = made_in
        self._unsent = unsent
        self._read = read
        self._close = close
        self._call: BlockingCall[None] | None = None
        # What has come, the failure behind it, and what the thread that reads is to run: see `run_by_reader`.
        self._lists: SimpleQueue[list[T] | BaseException | Callable[[], None]] = SimpleQueue()
        self._resume: Callable[[], object] | None = None
        self.over: bool = False
        """Whether the source came to its end, and all items were handed out."""
        self._failure: BaseException | None = None
        self._reading = Lock()  # held while a thread waits
        self.iterators: int = 0
        """Loops that may go on: what `exhaust` reads is left for them, too."""
        self.ready: Iterator[T] = iter(())
        """The items that have come and weren't returned yet."""

    @property
    def unread(self) -> bool:
        """Whether nobody has begun to read it, nor stopped it."""
        return self._made_in is None and self._failure is None

    def advance(self) -> bool:
        """Waits until something is `ready`; false at the end of the source.

        Raises what the source raised, and `HorayError` once it is stopped, at each call; and `read_elsewhere`, at once, while
        another thread waits.
        """
        if self._failure is not None or self.over:
            if self._is_ready():  # what `exhaust` has read, where a loop goes on
                return True
            if self._failure is not None:
                raise without_traceback_if_own(self._failure)
            return False
        self._acquire()
        try:
            # Another thread may have come to the end just now.
            return self._is_ready() if self.over else self._receive()
        finally:
            self._reading.release()

    def _acquire(self) -> None:
        if not self._reading.acquire(blocking=False):
            # A forked child inherits the lock as the parent's thread held it.
            raise read_elsewhere(BUSY) if self._is_own() else ConfigurationError(FORKED)

    def _is_own(self) -> bool:
        return self._made_in in (None, thread.this_process())

    def exhaust(self) -> None:
        """Reads to the end. A loop that is under way, in whichever thread, still gets all items. Raises as `advance`
        does.
        """
        if self._failure is not None:
            raise without_traceback_if_own(self._failure)
        left: list[T] = []
        try:
            self._acquire()
            try:
                while not self.over and self._receive():
                    if self.iterators:
                        left.extend(self.ready)
                    self.ready = iter(())
            finally:
                self.ready = chain(self.ready, left)
                self._reading.release()
        except HorayError:
            raise
        except BaseException as error:
            self.over = False  # what was read for the loops may be lost
            self.interrupt(error)
            raise

    def _is_ready(self) -> bool:
        """Whether an item is ready."""
        items = list(self.ready)
        self.ready = iter(items)
        return bool(items)

    def _receive(self) -> bool:
        if self._is_ready():  # by another thread, which has let go of the lock just now
            return True
        self._handle.check_thread()
        if self._call is None:
            if not self._is_own():
                raise ConfigurationError(FORKED)
            self._made_in = thread.this_process()
            # However the task ends, also before it has begun: nobody waits for it then.
            self._call = BlockingCall(self._run, on_end=self._ended)
            try:
                self._handle.submit(self._call)
            except (
                ConfigurationError
            ) as error:  # the client is closed: nobody runs it, whoever asks again
                self._call = None
                raise self._as_sent(error) from None
        items = self._next()
        if self._failure is not None:  # another thread, or a signal handler, has stopped it
            raise without_traceback_if_own(self._failure)
        if (resume := self._resume) is not None and self._has_room():
            self._resume = None
            resume()
        if isinstance(items, BaseException):
            self._failure = without_traceback_if_own(items)
            try:
                raise items
            finally:
                del items  # it knows this frame
        self.over = not items
        self.ready = iter(items)
        return not self.over

    def _has_room(self) -> bool:
        """Whether few enough lists are left for the reading to go on, once it has stopped for too many."""
        return self._lists.qsize() <= (self._max_prefetched - 1) // 2

    def _next(self) -> list[T] | BaseException:
        while True:
            try:
                come = self._lists.get(timeout=thread.MAX_WAIT)
            except Empty:
                continue
            if isinstance(come, list | BaseException):
                return cast("list[T] | BaseException", come)
            come()

    @property
    def run_by_reader(self) -> Callable[[Callable[[], None]], None]:
        """Has a function run by the thread that reads, as soon as that waits for the source. There it can be interrupted, as by Ctrl-C
        while it reads what somebody types; it may raise nothing else. The source may keep this: it doesn't lead back here.
        """
        return self._lists.put

    def stop(self, error: HorayError | None = None) -> None:
        """Cancels the reading, unless the source has come to its end; reading on raises `error`, in the thread that waits too."""
        if not self.over and self._failure is None:
            self._failure = error or HorayError(STREAM_LEFT)
            deque(self.ready, maxlen=0)  # which every loop goes through
        if self._call is not None:
            self._call.cancel()

    def interrupt(self, error: BaseException) -> None:
        """Stops after `error`, which came from outside, such as `KeyboardInterrupt`, and waits until the source has
        been closed.
        """
        self.stop(interrupted(error))
        if self._call is not None:
            self._call.cancel_on_interrupt()
        if self._close is not None:  # a call that hadn't begun doesn't
            self._close()

    def _ended(self) -> None:
        forked_away = self._call is not None and self._call.forked_away
        self._lists.put(ConfigurationError(FORKED) if forked_away else self._cut_off())

    def _cut_off(self) -> HorayError:
        """The error of a reading that the end of the thread has kept from its own."""
        return self._as_sent(thread.cut_off(CLOSED))

    def _as_sent(self, error: HorayError) -> HorayError:
        if self._unsent is not None and isinstance(error, ConfigurationError):
            return self._unsent(error)
        return error

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        put = self._lists.put
        try:
            while items := await self._read():
                put(items)
                if self._lists.qsize() >= self._max_prefetched:
                    room = asyncio.Event()
                    self._resume = partial(loop.call_soon_threadsafe, room.set)
                    # The caller may have emptied the queue before it could see this.
                    if not self._has_room():
                        await room.wait()
        except asyncio.CancelledError:
            put(self._cut_off())
            raise
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            put(error)
        else:
            put([])


class BlockingReader(Generic[T_co]):
    """Hands out item by item what a prefetcher brings. Every blocking loop, and `next` of a stream, is this `__next__`.

    Ctrl-C and other exceptions of signal handlers can come between any two steps, when items may have been taken and not
    handed out. Then the source is stopped, and reading on raises, instead of going on behind a gap or looking complete.
    So no step after the first lies outside `try`, and none may be left to a generator, which would just end.
    """

    __slots__ = ("_items", "_prefetcher", "_rejected", "_select")

    if not TYPE_CHECKING:
        __reduce__ = no_copy

    def __init__(self, prefetcher: Prefetcher[Any], select: Select[T_co]) -> None:
        self._prefetcher = prefetcher
        self._select = select
        self._items = select(prefetcher.ready)
        # Whether it met another thread's reading, which is then not its to end.
        self._rejected = False

    def __iter__(self) -> Iterator[T_co]:
        return self

    def __next__(self) -> T_co:
        try:
            more = True
            while True:
                for item in self._items:
                    return item
                if not more:
                    raise StopIteration
                more = self._prefetcher.advance()
                self._rejected = False
                self._items = self._select(self._prefetcher.ready if more else None)
        except StopIteration:
            raise
        except HorayError as error:
            self._on_error(error)
            raise
        except BaseException as error:
            self._prefetcher.interrupt(error)
            raise

    def _on_error(self, error: HorayError) -> None:
        """Is called before `error` is raised, and may raise another one."""
        self._rejected = error._read_elsewhere


class BlockingIterator(BlockingReader[T_co]):
    """One `for` over a stream. When it is dropped before the end, `drop` is called."""

    __slots__ = ("_drop",)

    def __init__(
        self, prefetcher: Prefetcher[Any], select: Select[T_co], drop: Callable[[], None]
    ) -> None:
        self._drop = drop
        prefetcher.iterators += 1
        super().__init__(prefetcher, select)

    def __del__(self) -> None:
        if hasattr(self, "_prefetcher"):
            self._prefetcher.iterators -= 1
        if not getattr(self, "_rejected", True):  # __init__ may have been interrupted
            self._drop()
