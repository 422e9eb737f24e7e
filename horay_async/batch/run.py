"""The results of a batch, as they come."""

# The loop over a run is at home among its private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import WeakSet

from horay_async._suggestions import no_await, no_copy
from horay_async._transport.loops import this_task
from horay_async.batch.results import BatchProgress, BatchResult
from horay_async.batch.runner import BATCH_CLOSED, BatchRunner
from horay_async.errors import HorayError
from horay_async.models._base import Response
from horay_async.streaming import AsyncReadable, no_end, warn_unread

READ_TO_END = "the results of the batch were read to their end: keep them in a list"
"""What a loop says that begins after that."""

NEVER_READ = "batch.run(...) was never read, so nothing was sent: loop over it"
"""What is warned of where nobody has begun to."""

T = TypeVar("T")
ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)


class AsyncBatchRun(AsyncReadable, Generic[ResponseT_co]):
    """The results of a batch, in the order in which they come, or that of the requests with `ordered`.

    Iterate over it: that starts the batch, and leaving the loop early cancels what is under way. The
    requests are read as they are needed. Iteration raises what iterating over the requests raised, and
    `HorayError` in the place of `CancelledError`; `ConfigurationError` when the client is closed meanwhile;
    `AuthenticationError` or `InsufficientBalanceError` where all of the first requests meet it; and what a retry policy of your own raises: each once the requests under way are done and their results were
    handed out. `progress.stop_sending()` ends it once those under way are done, without an error. With `fail_fast` it raises the error of the first failure
    at once, and what is under way is cancelled.

    Several tasks may iterate over one run, or take from it with `anext`: each result goes to one of them. Where one leaves
    its loop early, or is cancelled in it, the run ends for all; a task that begins its loop after the last result finds none.
    Waiting with `anext` can be given up, and another task goes on.
    """

    _runner: BatchRunner | None = (
        None  # of the class, since `__del__` asks for it even where no constructor ran
    )

    def __init__(self, start: Callable[[bool], BatchRunner], progress: BatchProgress) -> None:
        self._start = start
        self._left = False
        self._exhausted = False
        """Whether the last result was handed out: no further loop may begin then in the tasks that had one, and"""
        self._readers = WeakSet[Any]()
        """these are they. A worker that comes too late in a task of its own finds nothing, as with a queue."""
        self._progress = progress

    if not TYPE_CHECKING:
        __await__ = no_await

    def __repr__(self) -> str:
        so_far = self._progress
        of = "" if so_far.total is None else f" of {so_far.total:,}"
        return f"<{type(self).__name__}: {so_far.done:,}{of} done, {so_far.failed:,} failed>"

    @property
    def progress(self) -> BatchProgress:
        """How far the batch has come."""
        return self._progress

    def __aiter__(self) -> AsyncIterator[BatchResult[ResponseT_co]]:
        task = this_task()
        if self._exhausted and task in self._readers:
            raise HorayError(READ_TO_END)
        if task is not None:
            self._readers.add(task)
        return _ResultIterator(self)

    async def __anext__(self) -> BatchResult[ResponseT_co]:
        result = await self._take(BatchRunner.get_one, threaded=False)
        if result is None:
            self._exhausted = True
            raise StopAsyncIteration
        return result

    async def _next_items(self) -> list[BatchResult[ResponseT_co]]:
        """The results that are there, waiting for at least one; none at the end. For the blocking client:
        the requests are read in a thread of their own, since their code may wait for the loop that this
        runs on.
        """
        return await self._take(BatchRunner.get, threaded=True)

    async def _take(self, get: Callable[[BatchRunner], Awaitable[T]], *, threaded: bool) -> T:
        if self._left:
            raise HorayError(BATCH_CLOSED)
        if self._runner is None:
            self._runner = self._start(threaded)
        try:
            return await get(self._runner)
        except StopAsyncIteration as error:
            raise no_end(error) from error

    async def close(self) -> None:
        """Cancels what is under way; results that weren't read are dropped: `progress.stop_sending()` keeps them. Closing twice is fine."""
        self._close_nowait()
        if self._runner is not None:
            await self._runner.close()

    def _close_nowait(self) -> None:
        """Cancels what is under way without awaiting, from any thread."""
        self._left = True
        if self._runner is not None:
            self._runner.stop_soon()

    _drop = _close_nowait  # the same when a loop over the results is collected

    def __del__(self) -> None:
        if self._runner is None and not vars(self).get("_left", True):
            warn_unread(NEVER_READ)
        self._close_nowait()


class _ResultIterator(Generic[ResponseT_co]):
    """One `async for` over a batch. When it is dropped before the end, the batch is stopped."""

    __slots__ = ("_ended", "_run")

    if not TYPE_CHECKING:
        __reduce__ = no_copy

    def __init__(self, run: AsyncBatchRun[ResponseT_co]) -> None:
        self._run = run
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BatchResult[ResponseT_co]:
        try:
            return await anext(self._run)
        except StopAsyncIteration:
            self._ended = True
            raise
        except BaseException as error:
            # Cancelled, for one: whoever keeps the error keeps this loop too, and the batch would go on.
            if not isinstance(error, Exception):
                self._run._close_nowait()
            raise

    def __del__(self) -> None:
        if not self._ended:
            self._run._drop()
