"""Responses that come in pieces: the stream of chunks, and the stream of events made from it."""

# The loops and the blocking classes are at home among the streams' private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import sys
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from horay_async._protocol.wire.contents import Contents, contents_of
from horay_async._protocol.wire.decode import decoder, is_error_envelope
from horay_async._protocol.wire.errors import add_body, bad_response, reported_failure
from horay_async._protocol.wire.size_limits import MAX_BODY_BYTES
from horay_async._protocol.wire.sse import begins_events
from horay_async._suggestions import ONLY_ASYNC, no_attribute, no_await, no_copy, no_item
from horay_async._transport.headers import EVENT_STREAM
from horay_async._transport.in_thread import decoded
from horay_async._transport.loops import Waits, call_on, finalize_on, nothing, runs_here
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    ConfigurationError,
    DriftWarning,
    HorayError,
    StreamTruncatedError,
)
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

if TYPE_CHECKING:
    from horay_async._protocol.wire.accumulate import Accumulator
    from horay_async._protocol.wire.sse_reader import SSEReader
    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse


__all__ = ["AsyncEventStream", "AsyncStream"]

ChunkT = TypeVar("ChunkT", bound=Response)
ResponseT = TypeVar("ResponseT", bound=Response)
EventT = TypeVar("EventT")
ItemT = TypeVar("ItemT")
ErrorT = TypeVar("ErrorT", bound=Exception)
BaseErrorT = TypeVar("BaseErrorT", bound=BaseException)

STREAM_LEFT = "the stream is closed: its loop was left early, or close() was called"
"""The error of a later read."""


READ_TO_END = "the stream was read to its end: keep its items in a list, or use stream(...), which has final() and snapshot"
"""The error of a loop that begins after that."""


def interrupted(error: BaseException, what: str = "the stream") -> HorayError:
    """The error of later reads, once `error` has interrupted one, such as `CancelledError` or `KeyboardInterrupt`: some of
    what had come may be lost.
    """
    return HorayError(
        f"{what} is closed: {type(error).__name__} ended a reading of it before its time"
    )


def without_traceback(error: ErrorT) -> ErrorT:
    """A copy of `error` without its traceback, to keep or to raise. An object that raises an error and keeps it is in a reference cycle
    with it, since the traceback refers to the object: both stay in memory, with all that has come, until the garbage collector runs.
    """
    copy = type(error).__new__(type(error), *error.args)
    vars(copy).update(vars(error))
    return copy


def without_traceback_if_own(error: BaseErrorT) -> BaseErrorT:
    """`without_traceback` of an error of this package; an error of the caller's code as it is, since not every class can be copied."""
    return without_traceback(error) if isinstance(error, HorayError | DriftWarning) else error


def no_end(error: StopAsyncIteration) -> RuntimeError:
    """The error to raise in place of a `StopAsyncIteration` of the caller's code, which would end a loop as if all had come. Python raises
    the same error in place of a generator's.
    """
    raised = RuntimeError("a function of the caller's raised StopAsyncIteration")
    raised.__cause__ = error
    return raised


def read_elsewhere(message: str) -> HorayError:
    """The error where another task, thread or event loop reads. The stream is left as it is, and the loop that raises this doesn't end it."""
    error = HorayError(message)
    error._read_elsewhere = True
    return error


def warn_unread(message: str) -> None:
    """Warns, from a finalizer, of what was made and never read, as Python does of a coroutine that was never awaited."""
    if not sys.is_finalizing():  # when all is collected, read or not
        warnings.warn(message, RuntimeWarning, stacklevel=3)


CLIENT_CLOSED_UNREAD = (
    "the client was closed before its stream was read: read it within the client's with block"
)
"""What the error of the first reading says then."""


def closed_unread(_: ConfigurationError) -> APIConnectionError:
    """What a reading raises of a response that has begun, where its client is closed by then."""
    return APIConnectionError(CLIENT_CLOSED_UNREAD, transient=False)


BUSY = "this is being read by another task: read it in one"
"""The error of a second task that reads while the first one waits."""

OTHER_LOOP = "this belongs to another event loop than the one that runs here: read it on the loop that it was made on"
"""The error of a task that reads on another loop."""

Select = Callable[[Iterator[Any] | None], Iterator[ItemT]]
"""Makes the items of a loop from the chunks that are ready; from None, what is left to hand out at the end."""


class AsyncReadable(ABC):
    """What is read with `async for`, best within an `async with` block, which closes it."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute
        __getitem__ = no_item
        __enter__ = ONLY_ASYNC
        __reduce__ = no_copy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection, unless the stream was read to its end. Closing twice is fine."""
        self._close_nowait()

    @abstractmethod
    def _close_nowait(self) -> None:
        """Closes without awaiting, from any thread."""

    def _unsent(self, error: ConfigurationError) -> HorayError:
        """What is raised of `error`, which says that nothing was sent: another one where something was, and may be paid for."""
        return error


class Readable(AsyncReadable, Generic[ItemT]):
    """Items that one task at a time reads, list by list: a stream of chunks, or a run of tools.

    Reading on returns what is ready, else raises the failure that has ended it, else that it was closed.
    """

    _what = "the stream"
    _left_early = STREAM_LEFT
    _read_to_end = READ_TO_END
    """How errors name it, and the errors once its loop was left or it was read to its end."""

    def __init__(self) -> None:
        self._ready: Iterator[ItemT] = iter(())  # what has come and wasn't handed out yet
        self._failure: Exception | None = None  # what reading on raises again
        self._interrupted_by: type[BaseException] | None = None  # what ended a reading from outside
        self._exhausted = False  # once the last item was handed out: no further loop may begin
        self._closed = False  # once it was left early
        self._reading = False  # while a task is in `_wait_for_items`
        self._iterators = 0  # loops that may go on: what `final` reads is left for them, too

    def __aiter__(self) -> AsyncIterator[ItemT]:
        return StreamIterator(self, all_of)

    @abstractmethod
    def _drop(self) -> None:
        """Closes when it, or a loop over it, is collected; see `finalize_on`."""

    @abstractmethod
    def _own_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that it belongs to; None before it belongs to one."""

    @abstractmethod
    async def _receive_items(self) -> list[ItemT]:
        """The next items, waiting for at least one; none at the end."""

    @abstractmethod
    async def _fail(self, error: BaseException) -> None:
        """Ends it after `error` of `_receive_items`, so that reading on raises `_failure`. May raise another error in its place."""

    @abstractmethod
    def _end(self, error: BaseException | None = None) -> None:
        """Tells observers that it is over; only the first time counts."""

    async def _wait_for_items(self) -> bool:
        """Waits until items are in `_ready`; false at the end."""
        if self._failure is not None or self._exhausted:
            if self._have_ready():  # what `final` has read, where a loop goes on
                return True
            if self._failure is not None:
                raise without_traceback_if_own(self._failure)
        if self._closed:
            raise HorayError(self._left_early)
        if self._exhausted:
            return False
        if self._reading:
            raise read_elsewhere(BUSY)
        if (loop := self._own_loop()) is not None and not runs_here(loop):
            raise read_elsewhere(OTHER_LOOP)
        self._reading = True
        try:
            items = await self._receive_items()
            self._exhausted = not items
            self._ready = iter(items)
        except BaseException as error:
            await self._fail(error)
            if isinstance(error, StopAsyncIteration):
                raise no_end(error) from error
            raise
        finally:
            self._reading = False
        return not self._exhausted

    def _leave(self) -> None:
        """Makes reading on raise."""
        self._closed = True
        self._ready = iter(())

    def _interrupt(self, error: BaseException) -> None:
        """Makes reading on raise after an exception of a signal handler. It came between two steps of reading, when items may have been
        taken and not handed out: what follows would stand behind a gap, or the end would look complete.
        """
        if self._failure is None:
            self._failure, self._interrupted_by = interrupted(error, self._what), type(error)
            self._end(error)
            deque(self._ready, maxlen=0)  # which every loop goes through
            self._close_nowait()

    def _have_ready(self) -> bool:
        """Whether items are in `_ready` that another reader has received and not handed out. They stay in the same iterator, which
        several loops may share; a list's iterator knows how many are left.
        """
        return length_hint(self._ready) > 0

    async def _next_items(self) -> list[ItemT]:
        """The items that have come, waiting for at least one; none at the end."""
        more = self._have_ready() or await self._wait_for_items()
        return list(self._ready) if more else []


class AsyncStream(Readable[ChunkT]):
    """The chunks of one response, as they come.

    Iterate over it, best within a `with` block: leaving the loop or the block early closes the
    connection at once; reading to the end gives it back for the next request. Iteration raises
    `StreamTruncatedError` when the response ends before it is complete, `StreamError` or a status class
    when the server reports a failure in the middle, and `APITimeoutError` when a timeout runs out. Until
    the first chunk has been handed out, failures are retried as those of any other call.
    """

    def __init__(
        self,
        call: Call,
        response: RawResponse,
        read: Callable[[RawResponse], SSEReader[ChunkT]],
        whole: type[Response] | None = None,
    ) -> None:
        super().__init__()
        self._call = call
        self._whole = whole  # what a response is that isn't streamed
        self._read = read  # makes the reader of one response
        self._handed_out = False  # from the first chunk on: no failure is retried any more
        self._opening: Waits | None = None  # what ends the wait for the first chunk
        # Seconds since the last content, those in the caller's own code left out.
        self._waited = 0.0
        self._begin(response)

    @property
    def meta(self) -> ResponseMeta:
        """How the response came about; its later times are filled in as they pass."""
        return self._response.meta

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice (index 0) has ended: `stop`, or `length` where `max_tokens` cut it; None while it hasn't, and where
        nothing describes the events.
        """
        choices: Iterable[Any] = getattr(self._merged(), "choices", ())
        return next((choice.finish_reason for choice in choices if choice.index == 0), None)

    async def __anext__(self) -> ChunkT:
        try:
            while True:
                for chunk in self._ready:
                    return chunk
                if not await self._wait_for_items():
                    raise StopAsyncIteration
        except (StopAsyncIteration, HorayError):
            raise
        except BaseException as error:
            self._interrupt(error)
            raise

    def text(self) -> AsyncIterator[str]:
        """The text alone, of the first choice (index 0), piece by piece."""
        return StreamIterator(self, self._texts_of)

    def _texts_of(self, chunks: Iterator[Any] | None) -> Iterator[str]:
        """The text of the first choice, where there is some."""
        return filter(None, (chunk.text for chunk in all_of(chunks)))

    def __repr__(self) -> str:
        if not hasattr(self, "_response"):
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} of {self._call.request.label}: {self._state()}>"

    def _state(self) -> str:
        """How far it is, as text."""
        if self._interrupted_by is not None:
            name = self._interrupted_by.__name__
            return "cancelled" if name == "CancelledError" else f"interrupted by {name}"
        if self._failure is not None:
            return f"ended by {type(self._failure).__name__}"
        if self._closed:
            return "closed"
        if self._exhausted:
            return "read to its end"
        return "open: loop over it" if not self._handed_out else "being read"

    def __del__(self) -> None:
        if hasattr(self, "_response"):  # __init__ may have failed before
            self._drop()

    def _drop(self) -> None:
        """Closes when the stream, or a loop over it, is collected."""
        if not self._exhausted:
            self._leave()
            finalize_on(self._response.loop, self._close_nowait)

    def _close_nowait(self) -> None:
        """Closes without awaiting, from any thread."""
        if not self._exhausted:
            self._leave()
            # First, since the first word on a call counts: on its loop, the call may see the connection
            # close before this thread goes on.
            # A signal's handler may raise anywhere in it.
            try:
                self._end()
            finally:
                self._response.close_soon()
                if (opening := self._opening) is not None:
                    call_on(self._response.loop, opening.end, if_closed=nothing)

    def _merged(self) -> Any:
        """The response, merged, as far as it has come."""
        return self._reader.result()

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        return self._response.loop

    async def _receive_items(self) -> list[ChunkT]:
        if self._handed_out:
            chunks = await self._receive()
        else:
            chunks = await self._receive_first()
        if chunks:
            if (observers := self._call.observers) is not None:
                observers.on_chunks(chunks)
            self._handed_out = True
        return chunks

    async def _receive_first(self) -> list[ChunkT]:
        """The first chunks, over as many attempts as it takes. Closing the stream ends this, so that nothing more is sent."""
        was_closed = self._call.client_closed
        self._opening = opening = Waits()
        receive = partial(self._call.run, self._open, self._response)
        try:
            return await opening.unless_ended(receive, partial(HorayError, STREAM_LEFT))
        except StreamTruncatedError as error:
            if was_closed:
                error.__notes__ = [CLIENT_CLOSED_UNREAD]
            raise
        finally:
            self._opening = None

    async def _fail(self, error: BaseException) -> None:
        if isinstance(error, HorayError | DriftWarning):
            self._failure = without_traceback(error)
        else:
            self._failure, self._interrupted_by = interrupted(error), type(error)
        if isinstance(error, APIError) and self._handed_out:
            self._call.fail(error)
        self._end(error)
        if not isinstance(error, APIError):  # after which the response is over
            self._close_nowait()

    def _end(self, error: BaseException | None = None) -> None:
        self._call.end(error, self._reader.partial)

    def _unsent(self, error: ConfigurationError) -> HorayError:
        return closed_unread(error)

    async def _open(self, response: RawResponse) -> list[ChunkT]:
        """The first chunks of `response`: this one's, or another attempt's."""
        if self._closed:  # by another task, between two attempts
            response.close()
            raise HorayError(STREAM_LEFT)
        if response is not self._response:
            self._begin(await require_event_stream(response, self._whole))
        return await self._receive()

    def _begin(self, response: RawResponse) -> None:
        self._waited = 0.0
        self._reader = self._read(response)
        self._response = response

    async def _receive(self) -> list[ChunkT]:
        """The next chunks, at least one; none at the end of a complete stream."""
        # Each piece of bytes goes to the reader. What comes of that:
        #
        #   chunks                             they are returned
        #   none, and there may be more        the next piece is waited for
        #   no more bytes                      the last chunks are returned (`_cut`); the next call raises where that
        #                                      wasn't all
        #   an error                           see `_after`
        #
        # Once the reader is done, see `_finish`.
        response, reader = self._response, self._reader
        if not reader.done:
            clock = response.loop.time
            response.waiting_since = clock() - self._waited
            reader.has_content = False
            try:
                while not reader.done:
                    # A flood of small events takes long to decode: others, and the timeouts, have their turn in between.
                    if response.buffered:
                        await asyncio.sleep(0)
                    piece = await response.next_piece()
                    if chunks := reader.feed(piece):
                        response.execution = "executed"
                        if reader.has_content and response.meta.first_token is None:
                            response.meta.first_token = self._call.since_attempt()
                        return chunks
                    if not piece:
                        if chunks := self._cut("the response ended without its last event", None):
                            return chunks
                        break
                    # A large event takes its time to come.
                    if reader.is_progress(piece):
                        response.waiting_since = clock()
                    # Bytes without a chunk can go on without end: let the timeouts and other tasks run.
                    await asyncio.sleep(0)
            except APIError as error:
                if last := self._after(error):
                    return last
            finally:
                self._waited = 0.0 if reader.has_content else clock() - response.waiting_since
                response.waiting_since = None
        await self._finish()
        return []

    def _after(self, error: APIError) -> list[ChunkT]:
        """The last chunks after `error`, which has ended the reading. The reader decides whether the stream was
        complete.
        """
        # What it is, and what is raised behind these chunks:
        #
        #   another task has closed the stream            that, at once
        #   the connection failed                         that the stream was cut, unless all had come
        #   time is up, or what comes is no HTTP          the error, unless every choice is finished: then that was all, and the server
        #                                                 just doesn't say so
        if self._closed:
            raise HorayError(STREAM_LEFT) from None
        if isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError):
            return self._cut(error.message.removeprefix(self._call.request.incomplete), error)
        return self._reader.stop(error.with_traceback(None))

    async def _finish(self) -> None:
        """Ends the call: raises the reader's error, or else releases the connection."""
        response, reader = self._response, self._reader
        if failure := reader.take_failure():
            response.close()
            if isinstance(failure, APIError):
                await self._add_unstreamed(failure, reader.body)
            try:
                raise failure
            finally:
                del failure  # it knows this frame
        if not response.finished:
            await response.drain()
        self._call.succeed(response.meta, reader.partial)
        self._end()

    async def _add_unstreamed(self, error: APIError, body: bytes) -> None:
        """Sets `error.partial` to the response of a server that doesn't stream, unless it is set already."""
        if body and error.partial is None:
            meta = self._response.meta
            error.partial = await decoded(
                body, lambda: unstreamed(body, self._whole, meta), broken=True
            )
            if error.partial is not None:
                error.execution = "executed"
            if not hasattr(error.partial, "_raw"):
                add_body(error, body, context=self._response.context)

    def _cut(self, reason: str, cause: APIConnectionError | None) -> list[ChunkT]:
        """The last chunks, once the bytes have ended. The reader decides whether the stream was complete."""
        return self._reader.end(
            reason, keep_truncated=self._call.request.keep_truncated, cause=cause
        )


async def require_event_stream(
    response: RawResponse, whole: type[Response] | None = None
) -> RawResponse:
    """Returns `response` if it is a stream of events, by its media type or by how it begins: some gateways name it
    plain text. Raises an error for anything else; where that is an instance of `whole`, of a server that doesn't
    stream, it is the error's `partial`.
    """
    media = response.content_type
    if media in ("", EVENT_STREAM):
        return response
    beginning = await response.peek(lambda begun: begins_events(begun) is not None)
    if begins_events(beginning):
        return response
    if beginning.strip():  # as of a response that isn't streamed: it has begun, and is paid for
        response.execution = "executed"
    broken: APIError | None = None
    try:
        body, _ = await response.read(MAX_BODY_BYTES)
    except APIError as error:
        broken, body = error, response.take_cut_off()
    failure = await decoded(body, lambda: _no_stream(response, body, whole), broken=True)
    is_whole = hasattr(failure.partial, "_raw")
    if broken is not None and isinstance(failure, APIResponseError) and not is_whole:
        add_body(broken, body, context=response.context)
        broken.partial = failure.partial
        failure = broken
    try:
        raise failure
    finally:
        del failure, broken  # it knows this frame


def _no_stream(response: RawResponse, body: bytes, whole: type[Response] | None) -> APIError:
    """The error for a body that is no stream: the error that it reports, or else an `APIResponseError`."""
    context = response.context
    if whole is None:
        held = Contents(reports_error=is_error_envelope(body))
    else:
        held = contents_of(decoder(whole), body)
    found = held.response
    if found is not None:
        found.meta = response.meta
    if held.reports_error:
        return reported_failure(body, found, context=context)
    problem = f"isn't an event stream, but {response.content_type}"
    whole_body = not hasattr(found, "_raw")
    failure = bad_response(problem, body, context=context, whole_body=whole_body)
    failure.partial = found
    return failure


def unstreamed(body: bytes, whole: type[Response] | None, meta: ResponseMeta) -> Response | None:
    """The response of a server that doesn't stream, as an instance of `whole`; None where its body is something else."""
    found = None if whole is None else contents_of(decoder(whole), body).response
    if found is not None:
        found.meta = meta
    return found


class StreamIterator(Generic[ItemT]):
    """One `async for` over a stream. When it is dropped before the end, the stream is closed. One that begins after the
    end raises `HorayError`, as it would look like an empty response.
    """

    __slots__ = ("_items", "_rejected", "_select", "_stream")

    if not TYPE_CHECKING:
        __getitem__ = no_item
        __await__ = no_await
        __reduce__ = no_copy

    def __init__(self, stream: Readable[Any], select: Select[ItemT]) -> None:
        self._stream = stream
        stream._iterators += 1
        # Whether it may not read: then the stream is not its to end.
        self._rejected = stream._exhausted
        if stream._exhausted:
            raise HorayError(stream._read_to_end)
        self._select = select
        self._items = select(stream._ready)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        try:
            more = True
            while True:
                for item in self._items:
                    return item
                if not more:
                    raise StopAsyncIteration
                self._rejected = False
                more = self._stream._have_ready() or await self._stream._wait_for_items()
                self._items = self._select(self._stream._ready if more else None)
        except StopAsyncIteration:
            raise
        except HorayError as error:
            self._rejected = error._read_elsewhere
            raise
        except BaseException as error:
            self._stream._interrupt(error)
            raise

    def __del__(self) -> None:
        self._stream._iterators -= 1
        if not self._rejected:
            self._stream._drop()


def all_of(chunks: Iterator[ItemT] | None) -> Iterator[ItemT]:
    """The chunks themselves."""
    return chunks or iter(())


async def read_to_end(stream: Readable[Any]) -> None:
    """Reads what is left, for `final`. A loop that is under way, in whichever task, still gets all of it."""
    if stream._exhausted and stream._failure is None:
        return
    begun = stream._ready  # which a loop may be handing out; what comes later is behind it
    left: list[Any] = []
    try:
        while await stream._wait_for_items():
            if stream._iterators:
                left.extend(stream._ready)
            stream._ready = iter(())
    finally:
        if left:
            stream._ready = iter([*begun, *left])


class AsyncEventStream(AsyncReadable, Generic[EventT, ResponseT]):
    """What happens while a response is generated, event by event, and the whole response at the end.

    To be used in a `with` block, which sends the request on entry and closes the connection on exit,
    unless the stream was read to its end. Iteration raises what that of a stream of chunks does.
    """

    _block = "an async with block"
    """What messages call the block, another of the blocking client's."""

    def __init__(
        self,
        start: Callable[[], Awaitable[AsyncStream[Any]]],
        merge: Callable[[], Accumulator[Any, ResponseT]],
        finish: Callable[[Any], ResponseT] | None = None,
    ) -> None:
        self._start = start
        self._finish = finish
        self._stream: AsyncStream[Any] | None = None
        self._so_far = merge()
        self._finishing = False  # once `final` reads, without events

    if not TYPE_CHECKING:
        __await__ = no_await

    @property
    def chunks(self) -> AsyncStream[Any]:
        """The stream of chunks behind the events; raises `HorayError` outside a `with` block."""
        if self._stream is None:
            raise HorayError(f"the request isn't sent yet: use the stream in {self._block}")
        return self._stream

    @property
    def meta(self) -> ResponseMeta:
        """How the response came about; its later times are filled in as they pass."""
        return self.chunks.meta

    @property
    def snapshot(self) -> ResponseT:
        """The response merged from the events, or texts, handed out so far; from all that has come, once `final` was called. Merging
        takes time linear in its length: ask for it when it is needed, not at every event.
        """
        if self._finishing:
            return self._so_far.shaped(self.chunks._merged())
        return self._so_far.result()

    async def __aenter__(self) -> Self:
        if self._stream is not None:
            raise HorayError("the stream was used already: make a new one for each request")
        self._stream = await self._start()
        return self

    def __aiter__(self) -> AsyncIterator[EventT]:
        return StreamIterator(self.chunks, self._events_of)

    def text(self) -> AsyncIterator[str]:
        """The text alone, of the first choice (index 0), piece by piece."""
        return StreamIterator(self.chunks, self._texts_of)

    async def final(self) -> ResponseT:
        """The whole response. Reads what is left of the stream; raises as iteration does."""
        chunks, self._finishing = self.chunks, True
        await read_to_end(chunks)
        return self._merged()

    def _merged(self) -> ResponseT:
        """The response, merged, as far as it has come."""
        response: ResponseT = self.chunks._merged()
        return response if self._finish is None else self._finish(response)

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.__dict__.get("_stream") is None:
            return f"<{name}: not sent yet, use it in {self._block}>"
        return f"<{name} of {self.chunks._call.request.label}: {self.chunks._state()}>"

    def _close_nowait(self) -> None:
        """Closes without awaiting, from any thread."""
        if self._stream is not None:
            self._stream._close_nowait()

    def _drop(self) -> None:
        """Closes when what read it is collected."""
        if self._stream is not None:
            self._stream._drop()

    async def _next_items(self) -> list[Any]:
        """The chunks that have come, waiting for at least one; none at the end of the stream."""
        return await self.chunks._next_items()

    def _texts_of(self, chunks: Iterator[Any] | None) -> Iterator[str]:
        """The text of the first choice in chunks, all of which count for the snapshot."""
        for chunk in all_of(chunks):
            self._so_far.add(chunk, [])
            if chunk.text:
                yield chunk.text

    def _events_of(self, chunks: Iterator[Any] | None) -> Iterator[EventT]:
        """The events that chunks mean; or that their end does."""
        events: list[EventT] = []
        if chunks is None:
            try:
                self._so_far.end(events)
            finally:  # those of other choices, where one fails
                yield from events
            return
        for chunk in chunks:
            events = []
            self._so_far.add(chunk, events)
            yield from events
