"""A response whose head has come: its body in pieces."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

import aiohttp
from multidict import istr

from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.content_coding import AnyUnpacker, coding_in, unpacker_for
from horay_async._protocol.wire.errors import ErrorContext, add_body, bad_response
from horay_async._protocol.wire.size_limits import DRAIN_BYTES, DRAIN_SECONDS, MAX_BLOCK_BYTES
from horay_async._protocol.wire.sse import begins_events
from horay_async._protocol.wire.unasked_events import UnaskedEvents
from horay_async._transport.aiohttp_internals import (
    HTTPResponse,
    available,
    failure_of,
    take_unread_body,
)
from horay_async._transport.connection import (
    CLOSED_HERE,
    FINISHED,
    ConnectionProtocol,
    PendingRequest,
    abort,
)
from horay_async._transport.connection_pool import ConnectionPool
from horay_async._transport.failures import chain, map_read_exception, timed_out
from horay_async._transport.headers import EVENT_STREAM
from horay_async._transport.loops import call_on
from horay_async._transport.timed_reader import TimedReader
from horay_async._transport.wait_for_connection import Reservation
from horay_async.errors import APIError, Execution
from horay_async.models.meta import ResponseMeta

CONTENT_ENCODING = istr("Content-Encoding")
CONTENT_LENGTH = istr("Content-Length")
CONTENT_TYPE = istr("Content-Type")
TRANSFER_ENCODING = istr("Transfer-Encoding")


BEHIND_HEAD = re.compile(rb"\A.*?\r?\n\r?\n", re.DOTALL)
"""The head of a response, with the empty line behind it."""

BEGINNING = 64
"""Bytes that tell what a body is, by and large."""


def _begins_json(body: bytes) -> bool:
    """Whether a body begins as an object or an array does."""
    return body.lstrip().startswith((b"{", b"["))


@lru_cache(maxsize=64)
def _media_type(header: str) -> str:
    """The media type in a `Content-Type`, in lower case and without parameters."""
    return header.partition(";")[0].strip().lower()


class RawResponse(TimedReader):
    """A response whose head has come.

    `deadline` is that of the call, on the loop's clock. Its `reservation` is released when the connection is free again or
    closed.
    """

    def __init__(
        self,
        raw: HTTPResponse,
        meta: ResponseMeta,
        clean: Cleaner,
        pending: PendingRequest,
        *,
        deadline: float | None,
        pool: ConnectionPool,
        reservation: Reservation,
    ) -> None:
        request = pending.request
        super().__init__(pool.timer, idle=request.timeouts.idle, deadline=deadline)
        self.meta = meta
        self.content_type: str = _media_type(meta.headers.get(CONTENT_TYPE, ""))
        """The media type, in lower case and without parameters; empty where none was sent."""
        self.execution: Execution = "unknown"
        """What an error in reading says of the execution."""
        self._raw = raw
        self.content: aiohttp.StreamReader = raw.content
        """The body, as aiohttp receives it and as it was sent: what is in it comes after what is `buffered`, which is unpacked."""
        self._request = request
        # What another host has sent, such as a picture, is taken as it is.
        packed = CONTENT_ENCODING in meta.headers and not request.external
        self._unpacker = unpacker_for(coding_in(meta.headers)) if packed else None
        self._clean = clean
        self._pool = pool
        self._reservation = reservation
        self._cut_off = b""  # what had come when `read` raised
        self._refused = b""  # the body, where it was read apart from its connection
        # What the connection was lost by, where its loss closed it.
        self._lost: BaseException | None = None
        connection = pending.connection
        if connection is None:
            # Of a caller's own session; what it does with the connection afterwards is its business.
            transport = None if raw.connection is None else raw.connection.transport
            if transport is not None and not transport.is_closing():
                self._connection = ConnectionProtocol.of(transport)
                self._connection.reader = self
        elif connection.unparsed is not None:  # it was read apart from its connection, now closed
            self._refused = BEHIND_HEAD.sub(b"", connection.unparsed)
        else:
            self._connection = connection
            # Where the body came with the head, the connection may be used for the next request by now.
            if connection.requests == pending.number:
                connection.reader = self
        # Where the loop was busy, the deadline may have passed before the head was handed on.
        if pending.late or (deadline is not None and self.loop.time() >= deadline):
            self._note_unread()

    @property
    def context(self) -> ErrorContext:
        """What the errors about this response say beside what went wrong."""
        return ErrorContext(
            label=self._request.label,
            clean=self._clean,
            status=self.meta.status,
            request_id=self.meta.request_id,
        )

    def read_nowait(self, limit: int) -> tuple[bytes, bool] | None:
        """What `read` returns, where the body is there: it came with the head, or soon after; None where it isn't."""
        content = self.content
        if (
            not content.is_eof()
            or content.exception() is not None
            or self.buffered
            or self._unpacker
        ):
            return None
        body = content.read_nowait()
        self._finish()
        return body[: limit + 1], len(body) > limit

    async def read(self, limit: int) -> tuple[bytes, bool]:
        """The whole body, and whether it is over `limit` bytes: then only its beginning. Where it raises, `take_cut_off` gives what had come."""
        if (ready := self.read_nowait(limit)) is not None:
            return ready
        pieces: list[bytes] = []
        try:
            over = await self._read_pieces(pieces, limit)
        except (APIError, asyncio.CancelledError):  # by who gives it less time than the call has
            self._cut_off = b"".join(pieces)
            raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), over

    def take_cut_off(self) -> bytes:
        """What had come when `read` raised: of a body that is cut, it may be all that matters. It isn't kept here."""
        cut_off, self._cut_off = self._cut_off, b""
        return cut_off

    async def _read_pieces(self, pieces: list[bytes], limit: int) -> bool:
        """Adds all of the body to `pieces`; returns whether it is over `limit` bytes."""
        content = self.content
        self.waiting_since = began = self.loop.time()
        # Some servers send blank lines for as long as they work on the response, which so far hasn't begun.
        begins_by = began + (self._request.timeouts.first_byte or math.inf)
        blank = True
        # Of a stream that nobody asked for, whose signs of life are no progress.
        events: UnaskedEvents | None = None
        size, start = 0, b""
        while piece := await self.next_piece():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                self.close()
                return True
            if not self.buffered and content.at_eof() and self._unpacker is None:
                self._finish()
                break
            if len(start) < BEGINNING:
                start += piece[:BEGINNING]
                by_name = self.content_type == EVENT_STREAM and not _begins_json(start)
                if events is None and (by_name or begins_events(start) is True):
                    events, piece = UnaskedEvents(), b"".join(pieces)
            progress = not piece.isspace() if events is None else events.feed(piece)
            if events is not None and events.done:
                self.close()
                break
            now = self.loop.time()
            blank = blank and piece.isspace()
            if progress or (blank and now < begins_by):
                self.waiting_since = now
        return False

    async def take_what_was_read(self) -> None:
        """Takes over the body where a middleware of a caller's own session has read it before."""
        if isinstance(self._raw, aiohttp.ClientResponse) and self.content.at_eof():
            try:
                self._buffer(await self._raw.read())
            except aiohttp.ClientError:  # it has let go of it
                pass
            except BaseException:
                self.close()
                raise

    async def peek(self, enough: Callable[[bytes], bool]) -> bytes:
        """How the body begins, waiting for as much as is `enough`, or for its end. Reading begins there all the same."""
        self.waiting_since = self.loop.time()
        begun = b""
        while (
            not enough(begun)
            and len(begun) < MAX_BLOCK_BYTES
            and (piece := await self.next_piece())
        ):
            begun += piece
        self.buffered[:0] = begun
        self.waiting_since = None
        return begun

    async def next_piece(self) -> bytes:
        """What has come of the body, `MAX_BLOCK_BYTES` at most, waiting for some; empty at its end."""
        if self.buffered:
            if self._unpacker is not None:
                await self._yield_to_others()
            if self._ends_buffered():
                raise self._failure(TimeoutError())
            return self._next_of_buffered()
        unpacker = self._unpacker
        piece = await (self._receive() if unpacker is None else self._receive_packed(unpacker))
        # Something may have been saved when the connection was lost, while this waited.
        if self.buffered or len(piece) > MAX_BLOCK_BYTES:
            self.buffered.extend(piece)
            return self._next_of_buffered()
        if not piece:
            self._finish()
        return piece

    async def _receive_packed(self, unpacker: AnyUnpacker) -> bytes:
        """What comes of the next data of a compressed body; empty at its end, or where something was saved when the connection was lost."""
        while not unpacker.complaint:
            try:
                received = await self._receive()
            except APIError:
                if not self.expired and (rest := unpacker.finish()):
                    return rest
                raise
            if self.buffered and not received:
                return b""
            # Nothing may come of what was received, and something may be left at the body's end.
            unpacked = unpacker.feed(received) if received else unpacker.finish()
            if unpacked or self.buffered or not (received or unpacker.complaint):
                return unpacked
        self.close()
        raise bad_response(self.problem, unpacker.unread, context=self.context)

    async def _receive(self) -> bytes:
        """What has come of the body as it was sent, waiting for some; empty at its end, or where something was saved when the connection
        was lost.
        """
        content = self.content
        # This is left out where nothing has to be waited for: responses mostly come in one piece.
        if not self._timed and not content.is_eof():
            self._begin_timeouts(self.loop.time())
            if self._connection is not None and self._connection.lost:
                self.loop.call_soon(self.after_loss, None)  # told before the head was seen
        failure: APIError | None = None
        try:
            while not isinstance(piece := available(content), bytes):
                if (read := await piece) is not None:
                    piece = read
                    break
        except Exception as error:  # noqa: BLE001 - whatever the libraries beneath raise is mapped
            # What had come by then counts; reading on raises the same error again.
            piece = take_unread_body(content)
            if not piece and not self.buffered:
                failure = self._failure(error)
                self._add_refused(failure)
            self.close()
        except BaseException:
            self.close()
            raise
        if not piece and not self.buffered and failure is None and (lost := self._broken_by()):
            failure = self._failure(lost)
            self.close()
        if failure is not None:
            # Out here, since what is raised there would carry the library's own error along.
            try:
                raise failure
            finally:
                del failure  # it knows this frame
        if piece and self._unread is not None and self._ends_late():
            raise self._failure(TimeoutError())
        return piece

    def _add_refused(self, failure: APIError) -> None:
        """Adds the body to the error that says that it can't be read, where none of it could be: a gateway may have unpacked its
        chunks, and left the header on.
        """
        refused = self._refused if self._connection is None else self._connection.refused
        if refused and not self.content.total_bytes and self._unpacker is None:
            add_body(failure, refused, context=self.context)
            failure.execution = "executed"

    def _broken_by(self) -> Exception | None:
        """What a connection was lost by whose end alone tells the body's: aiohttp takes any for that of the body."""
        connection, headers = self._connection, self.meta.headers
        if connection is None or CONTENT_LENGTH in headers or TRANSFER_ENCODING in headers:
            return None
        if connection.broken_by is None and self._pool.closed and not connection.ended:
            return ConnectionAbortedError(CLOSED_HERE)
        return connection.broken_by

    def _next_of_buffered(self) -> bytes:
        piece = bytes(self.buffered[:MAX_BLOCK_BYTES])
        del self.buffered[:MAX_BLOCK_BYTES]
        if not self.buffered and self._unpacker is not None and not self._is_overdue():
            self.buffered.extend(self._unpacker.feed(b""))
        return piece

    async def _yield_to_others(self) -> None:
        """Lets other tasks and the timeouts run: next to nothing may unpack to a lot."""
        try:
            await asyncio.sleep(0)
        except BaseException:
            self.close()
            raise

    def _buffer(self, received: bytes) -> None:
        self.buffered.extend(received if self._unpacker is None else self._unpacker.feed(received))

    async def drain(self) -> None:
        """Reads the last few bytes, so that the connection can be used again; closes it if they don't
        come soon.
        """
        read = len(self.buffered)
        self.buffered.clear()
        try:
            with suppress(Exception):  # the response itself was whole
                async with asyncio.timeout(DRAIN_SECONDS):
                    while read <= DRAIN_BYTES and (piece := await self.content.readany()):
                        read += len(piece)
                if self.content.at_eof():
                    self._finish()
        finally:
            self.close()

    def close(self) -> None:
        """Closes the connection, unless the response is read to its end."""
        if not self.finished:
            connection = self._raw.connection
            transport = None if connection is None else connection.transport
            self._close_raw()
            if transport is not None:
                abort(transport)
            self._finish()

    def _close_raw(self) -> None:
        """Closes the response, and wakes who reads with an exception of its own: aiohttp has one for all responses, whose
        traceback would keep the frames of everyone it woke.
        """
        if self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
        self._raw.close()

    def close_soon(self) -> None:
        """The same from any thread: at once on the loop's own, else on its next turn."""
        if not self.finished:
            call_on(self.loop, self.close, if_closed=self._close_without_loop)

    def _close_without_loop(self) -> None:
        """Nothing can be closed on a loop that is closed, but its sockets go with what holds them."""
        connection = self._raw.connection
        for close in (self._close_raw, connection and connection.close, self._finish):
            with suppress(RuntimeError):
                if close:
                    close()

    def _finish(self) -> None:
        if self.finished:
            return
        self._finish_reading()
        if self._connection is not None and self._connection.reader is self:
            self._connection.reader = FINISHED
        self._reservation.release(whole=self.content.is_eof())

    @property
    def problem(self) -> str:
        """What is wrong with the body's compression, once all that could be unpacked was read, to complete "the response ..."; empty
        where nothing is.
        """
        if self._unpacker is None or not self._unpacker.complaint:
            return ""
        return f"has a compressed body that can't be decoded: {self._unpacker.complaint}"

    def _failure(self, error: Exception) -> APIError:
        cause = self._lost or error
        if self.expired:
            failure = timed_out(self.expired, self._request, self.execution)
        else:
            failure = map_read_exception(
                cause,
                self._request,
                self._clean,
                execution=self.execution,
                closed=self._pool.closed,
            )
            chain(failure, cause, self._clean)
        failure.request_id = self.meta.request_id
        return failure

    # The connection's loss

    def is_whole(self) -> bool:
        return self.content.is_eof()

    def before_loss(self) -> None:
        """Keeps what has come and wasn't read: aiohttp's reader hides it behind the error."""
        content = self.content
        if not self.finished and content.exception() is None and not content.is_eof():
            with suppress(RuntimeError):  # somebody waits for data: there is none
                self._buffer(content.read_nowait())

    def after_loss(self, error: BaseException | None) -> None:
        """Wakes the reader where aiohttp doesn't: after bytes in the middle that aren't HTTP."""
        content = self.content
        if self.finished or content.is_eof() or content.exception() is not None:
            return
        inner = None if self._connection is None else failure_of(self._connection.inner)
        self._lost = inner or error or aiohttp.ClientPayloadError("the connection was lost")
        self._close_raw()
