"""The blocking client: the asynchronous one, run in a thread of its own. No logic of its own.

The properties of an asynchronous class that aren't here are made by `BlockingWrapper`.
"""

# The blocking classes are at home among the streams' private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, Unpack

from horay_async._argument_errors import named
from horay_async._bridge.blocking_iterator import BlockingIterator, BlockingReader, Prefetcher
from horay_async._bridge.thread import LoopHandle
from horay_async._bridge.wrapper import BlockingWrapper, blocking
from horay_async._class_attributes import Group, own_attributes
from horay_async._keys import KeyFunction
from horay_async._signatures import with_signatures
from horay_async._suggestions import no_copy, no_setting
from horay_async.batch import AsyncBatch, AsyncBatchRun, BatchResult
from horay_async.batch.run import NEVER_READ as BATCH_NEVER_READ
from horay_async.batch.run import READ_TO_END as BATCH_READ_TO_END
from horay_async.batch.runner import BATCH_CLOSED
from horay_async.client import AsyncHoray
from horay_async.errors import HorayError
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.events import ToolRunEvent
from horay_async.options import ClientParams
from horay_async.resources.chat import AsyncChat, AsyncChatCompletions
from horay_async.resources.completions import AsyncCompletions
from horay_async.resources.embeddings import AsyncEmbeddings
from horay_async.resources.images import AsyncImages
from horay_async.resources.models import AsyncModels
from horay_async.resources.user import AsyncUser
from horay_async.streaming import (
    READ_TO_END,
    STREAM_LEFT,
    AsyncEventStream,
    AsyncStream,
    Select,
    all_of,
    warn_unread,
)
from horay_async.tools.run import RUN_IS_OVER, RUN_STOPPED, AsyncToolRun

__all__ = ["BatchRun", "EventStream", "Horay", "Stream", "ToolRun"]


ChunkT = TypeVar("ChunkT", bound=Response)
ResponseT = TypeVar("ResponseT", bound=Response)
ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)
EventT = TypeVar("EventT")
ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)


class _Reading(BlockingWrapper):
    """What the blocking streams share: a prefetcher, and the `with` block."""

    _prefetcher: Prefetcher[Any]
    _read_to_end: ClassVar[str] = READ_TO_END
    _left_early: ClassVar[str] = STREAM_LEFT

    if not TYPE_CHECKING:
        __reduce__ = no_copy

    def _iterate(self, select: Select[ItemT]) -> BlockingIterator[ItemT]:
        if self._prefetcher.over:
            raise HorayError(self._read_to_end)
        return BlockingIterator(self._prefetcher, select, self._drop)

    def _close_nowait(self) -> None:
        try:
            self._wrapped._close_nowait()
        finally:
            self._prefetcher.stop(HorayError(self._left_early))

    def _drop(self) -> None:
        """Closes when this, or a loop over it, is collected: in any thread, also in that of the event loop."""
        try:
            self._wrapped._drop()
        finally:
            self._prefetcher.stop(HorayError(self._left_early))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection, unless the stream was read to its end. Closing twice is fine."""
        self._close_nowait()


class _ChunkReading(_Reading):
    """What both streams of a response share."""

    def text(self) -> Iterator[str]:
        """The text alone, of the first choice (index 0), piece by piece."""
        return self._iterate(self._wrapped._texts_of)


class _NextReading(BlockingReader[ItemT_co], _Reading):
    """One that is an iterator itself, and is closed when it is dropped."""

    _max_prefetched: int | None = None
    """Most lists of items that are read ahead; None is the usual number."""

    def __init__(self, wrapped: Any, handle: LoopHandle, made_in: object = None) -> None:
        prefetcher = Prefetcher(
            handle,
            wrapped._next_items,
            close=wrapped._close_nowait,
            made_in=made_in,
            unsent=wrapped._unsent,
            max_prefetched=self._max_prefetched,
        )
        super().__init__(prefetcher, all_of)
        BlockingWrapper.__init__(self, wrapped, handle)

    def __iter__(self) -> Iterator[ItemT_co]:
        return self._iterate(all_of)

    def __del__(self) -> None:
        # The task that reads holds the asynchronous stream, whose own end would come too late.
        if hasattr(self, "_wrapped"):  # __init__ may have failed before
            self._drop()


class Stream(_ChunkReading, _NextReading[ChunkT], Generic[ChunkT], of=AsyncStream):
    """The chunks of one response, as they come: the blocking form of `AsyncStream`.

    Iterate over it, best within a `with` block: leaving the loop or the block early closes the connection at once.
    """

    _wrapped: AsyncStream[ChunkT]

    def __init__(self, wrapped: AsyncStream[ChunkT], handle: LoopHandle) -> None:
        # Of the process that the call was made in, whose connection this is.
        super().__init__(wrapped, handle, made_in=handle.shared)


class EventStream(_ChunkReading, Generic[EventT, ResponseT], of=AsyncEventStream):
    """What happens while a response is generated, event by event, and the whole response at the end, `final()`: the
    blocking form of `AsyncEventStream`. To be used in a `with` block, which sends the request.
    """

    _wrapped: AsyncEventStream[EventT, ResponseT]
    _chunks: Stream[Any] | None = None

    def __init__(self, wrapped: AsyncEventStream[EventT, ResponseT], handle: LoopHandle) -> None:
        super().__init__(wrapped, handle)
        wrapped._block = "a with block"

    @property
    def chunks(self) -> Stream[Any]:
        """The stream of chunks behind the events; raises `HorayError` outside a `with` block."""
        if self._chunks is None:
            self._chunks = Stream(self._wrapped.chunks, self._handle)
        return self._chunks

    def _iterate(self, select: Select[ItemT]) -> BlockingIterator[ItemT]:
        return self.chunks._iterate(select)  # one prefetcher for the events and their chunks

    def _close_nowait(self) -> None:
        if self._chunks is None:
            self._wrapped._close_nowait()
        else:
            self._chunks.close()

    def __enter__(self) -> Self:
        self._handle.run(self._wrapped.__aenter__)
        _ = self.chunks
        return self

    def __iter__(self) -> Iterator[EventT]:
        return self._iterate(self._wrapped._events_of)

    def final(self) -> ResponseT:
        """The whole response. Reads what is left of the stream; raises as iteration does."""
        self._wrapped._finishing = True
        self.chunks._prefetcher.exhaust()
        return self._wrapped._merged()


class ToolRun(_Reading, of=AsyncToolRun):
    """A conversation in which the model calls tools until it responds without: the blocking form of `AsyncToolRun`.

    `final()` is that response; iterate to see each step. The tools don't run in the caller's thread.
    """

    _wrapped: AsyncToolRun
    _read_to_end = RUN_IS_OVER
    _left_early = RUN_STOPPED

    def __init__(self, wrapped: AsyncToolRun, handle: LoopHandle) -> None:
        super().__init__(wrapped, handle)
        self._prefetcher: Prefetcher[Any] = Prefetcher(
            handle, wrapped._next_items, close=wrapped._close_nowait, unsent=wrapped._unsent
        )
        wrapped._start_approve = self._prefetcher.run_by_reader

    def __iter__(self) -> Iterator[ToolRunEvent]:
        return self._iterate(all_of)

    def close(self) -> None:
        """Stops the run, unless it is over. Closing twice is fine."""
        self._close_nowait()
        self._handle.wait_for(self._wrapped.close)

    def final(self) -> ChatCompletion:
        """The response that calls no more tools. Goes through what is left; raises as iteration does."""
        self._wrapped._unread = False  # also where the client is closed
        self._prefetcher.exhaust()
        return self._wrapped._merged()


class BatchRun(_NextReading[BatchResult[ResponseT_co]], Generic[ResponseT_co], of=AsyncBatchRun):
    """The results of a batch, as they come: the blocking form of `AsyncBatchRun`.

    Iterate over it: that starts the batch, and leaving the loop early cancels what is under way.
    """

    _wrapped: AsyncBatchRun[ResponseT_co]
    _read_to_end = BATCH_READ_TO_END
    _left_early = BATCH_CLOSED
    # A list has all results that there are: how many there may be is the batch's own bound, which more lists would multiply. Others would be
    # sent, and paid for, that a loop which is left never reads.
    _max_prefetched = 1

    def __del__(self) -> None:
        if hasattr(self, "_wrapped") and self._prefetcher.unread:
            warn_unread(BATCH_NEVER_READ)
        super().__del__()

    def close(self) -> None:
        """Cancels what is under way; results that weren't read are dropped: `progress.stop_sending()` keeps them. Closing twice is fine."""
        self._close_nowait()
        self._handle.wait_for(self._wrapped.close)


class Batch(BlockingWrapper, of=AsyncBatch):
    """Sends any number of requests at the pace that the server can take."""

    @blocking(AsyncBatch.run)
    def run(self) -> Any: ...

    @blocking(AsyncBatch.run_file)
    def run_file(self) -> Any: ...


class User(BlockingWrapper, of=AsyncUser):
    """The account behind the key."""

    @blocking(AsyncUser.info)
    def info(self) -> Any: ...


class Models(BlockingWrapper, of=AsyncModels):
    """The models on offer."""

    @blocking(AsyncModels.list)
    def list(self) -> Any: ...

    @blocking(AsyncModels.retrieve)
    def retrieve(self) -> Any: ...


class ChatCompletions(BlockingWrapper, of=AsyncChatCompletions):
    """Responds to a conversation."""

    @blocking(AsyncChatCompletions.create)
    def create(self) -> Any: ...

    @blocking(AsyncChatCompletions.stream)
    def stream(self) -> Any: ...

    @blocking(AsyncChatCompletions.parse)
    def parse(self) -> Any: ...

    @blocking(AsyncChatCompletions.run_tools)
    def run_tools(self) -> Any: ...


class Chat(BlockingWrapper, of=AsyncChat):
    """The chat operations."""

    completions = Group(ChatCompletions)


class Completions(BlockingWrapper, of=AsyncCompletions):
    """Continues a text."""

    @blocking(AsyncCompletions.create)
    def create(self) -> Any: ...

    @blocking(AsyncCompletions.stream)
    def stream(self) -> Any: ...


class Images(BlockingWrapper, of=AsyncImages):
    """Draws pictures."""

    @blocking(AsyncImages.generate)
    def generate(self) -> Any: ...

    @blocking(AsyncImages.save)
    def save(self) -> Any: ...


class Embeddings(BlockingWrapper, of=AsyncEmbeddings):
    """Makes vectors of texts."""

    @blocking(AsyncEmbeddings.create)
    def create(self) -> Any: ...


@with_signatures
class Horay(BlockingWrapper, of=AsyncHoray):
    """A blocking client of the Horay API: `AsyncHoray` with the same methods, called without `await`.

    It works in scripts, threads and notebooks. In a coroutine a call holds up the event loop until it returns: use `AsyncHoray` there.
    All blocking clients of a process share one thread. Interrupting a call, as with Ctrl-C, cancels its
    request. Takes and raises what `AsyncHoray` does.
    """

    _wrapped: AsyncHoray

    if not TYPE_CHECKING:
        __setattr__ = no_setting

    def __init__(
        self, api_key: str | KeyFunction | None = None, **options: Unpack[ClientParams]
    ) -> None:
        """Takes the key and the options, each by its name.

        Args:
            api_key: From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it
                and the seconds that it is good for.
        """
        try:
            wrapped = AsyncHoray(api_key, **options)
        except TypeError as error:
            raise named(error, type(self).__name__) from error.__cause__
        super().__init__(wrapped, LoopHandle())

    user = Group(User)
    models = Group(Models)
    chat = Group(Chat)
    completions = Group(Completions)
    images = Group(Images)
    embeddings = Group(Embeddings)
    batch = Group(Batch)
    """Any number of requests, at the pace that the server can take; see `AsyncBatch`."""

    def with_options(self, **options: Unpack[ClientParams]) -> Self:
        """A copy with some options changed, on the same connections: closing one closes both.

        Cheap enough to make one for each request; a derived class's own attributes are its too. Raises as making a client does.
        """
        try:
            wrapped = self._wrapped.with_options(**options)
        except TypeError as error:
            called = f"{type(self).__name__}.with_options"
            raise named(error, called) from error.__cause__
        copy = object.__new__(type(self))
        vars(copy).update(own_attributes(self))
        BlockingWrapper.__init__(copy, wrapped, self._handle)
        return copy

    @blocking(AsyncHoray.request)
    def request(self) -> Any: ...

    def close(self) -> None:
        """Closes the connections, those of `with_options` copies included. Closing twice is fine.

        A call that is under way raises `APIConnectionError`, one that wasn't sent `ConfigurationError`.
        """
        if "_wrapped" in vars(self):  # else the constructor has raised
            self._handle.close(self._wrapped.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
