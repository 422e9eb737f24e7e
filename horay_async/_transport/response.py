"""An answer whose head has come: its body in pieces, under the clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import aiohttp
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import istr

from horay_async._protocol.wire.bounds import DRAIN_BYTES, DRAIN_SECONDS, MAX_PIECE_BYTES
from horay_async._protocol.wire.request import Request
from horay_async._transport.faults import FOREIGN, Unanswered, timed_out, told, translate_read
from horay_async._transport.watch import Watch
from horay_async.errors import APIError, Clock, Execution
from horay_async.models.meta import ResponseMeta

__all__ = ["ClientResponse", "Exchange", "RawResponse", "exchange"]


class Exchange:
    """One request on its way to an answer's head: what the clocks and the timeline need to know.

    `timer` is there where the wait for a connection has to end in time as well; without one, the clock
    for the first byte is kept by `watch`.
    """

    __slots__ = (
        "_watch",
        "clock",
        "dispatched_at",
        "expired",
        "first_byte",
        "timer",
        "transport",
    )

    def __init__(
        self, watch: Watch, timer: asyncio.Timeout | None, first_byte: float | None
    ) -> None:
        self.timer: asyncio.Timeout | None = timer
        self.first_byte: float | None = first_byte
        self.dispatched_at: float | None = None
        self.transport: asyncio.Transport | None = None
        """Where the request is being written."""
        self.clock: Clock = "total"
        """The clock that runs."""
        self.expired: bool = False
        """Whether it ran out on the watch."""
        self._watch = watch

    def dispatched(self, now: float) -> None:
        """A connection is there and the request is being written: the wait for the answer begins."""
        self.dispatched_at = now
        if self.first_byte is None:
            return
        due = now + self.first_byte
        if self.timer is None:
            self.clock = "first_byte"
            self._watch.add(self, now=now, due=due)
            return
        deadline = self.timer.when()
        if deadline is None or due < deadline:
            self.clock = "first_byte"
            self.timer.reschedule(due)

    def look(self, now: float) -> None:
        """The clock has run out: breaking the connection off wakes who waits for the answer."""
        self.expired = True
        self.abort()

    def over(self) -> None:
        """The answer's head has come, or none will."""
        self._watch.discard(self)

    def abort(self) -> None:
        """Gives the request up, what isn't written yet included: closing would wait for that."""
        if self.transport is not None:
            self.transport.abort()


exchange: ContextVar[Exchange] = ContextVar("exchange")


class ClientResponse(aiohttp.ClientResponse):
    """aiohttp's response, which tells when the request goes out: `start` is called at that moment."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        under_way = exchange.get()
        under_way.dispatched(self._loop.time())
        under_way.transport = connection.transport
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # Of these two, aiohttp would send a GET once more by itself, on nobody's record.
            raise Unanswered(told(error)) from error


CONTENT_TYPE = istr("Content-Type")


class RawResponse:
    """An answer whose head has come.

    `release` is called once, when the connection is free again or closed.
    """

    def __init__(
        self,
        raw: aiohttp.ClientResponse,
        meta: ResponseMeta,
        request: Request,
        *,
        deadline: float | None,
        watch: Watch,
        release: Callable[[], None],
    ) -> None:
        self.meta = meta
        self.execution: Execution = "unknown"
        """What an error in reading says of the execution."""
        self.waiting_since: float | None = None
        """When the wait for content began, on the loop's clock; None while nobody waits."""
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._raw = raw
        self._request = request
        self._idle = request.timeouts.idle
        self._deadline = deadline
        self._watch = watch
        self._release = release
        self._finished = False
        self._expired: Clock | None = None
        self._watching = False
        self._lost: asyncio.Future[None] | None = None

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; empty where none was sent."""
        return self.meta.headers.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()

    @property
    def finished(self) -> bool:
        """Whether the connection is back in the pool, or closed."""
        return self._finished

    async def read(self, limit: int) -> tuple[bytes, bool]:
        """The whole body, and whether it is over `limit` bytes: then only its beginning."""
        self.waiting_since = self.loop.time()
        pieces: list[bytes] = []
        size = 0
        while piece := await self.next_piece():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                self.close()
                return b"".join(pieces), True
            if self._raw.content.at_eof():
                self._finish()
                break
            if not piece.isspace():  # some gateways send blanks while they wait for the answer
                self.waiting_since = self.loop.time()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), False

    async def next_piece(self) -> bytes:
        """What has come of the body, waiting for some; empty at its end."""
        content = self._raw.content
        # This is left out where nothing has to be waited for: answers mostly come in one piece.
        if not self._watching and not content.is_eof():
            self._guard()
        try:
            if content is not EMPTY_PAYLOAD:  # which has nothing of what is looked at here
                if _is_bare(content):
                    await content._wait("readany")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see `_join`
                _join(content)
            piece = await content.read(MAX_PIECE_BYTES)
        except FOREIGN as error:
            # What had come by then counts; reading on raises the same error again.
            if piece := _left_behind(content):
                return piece
            self.close()
            raise self._failure(error) from error
        except BaseException:
            self.close()
            raise
        if not piece:
            self._finish()
        return piece

    async def drain(self) -> None:
        """Reads the last few bytes, so that the connection can be used again; closes it if they don't
        come soon.
        """
        read = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while read <= DRAIN_BYTES and (piece := await self._raw.content.readany()):
                    read += len(piece)
        except FOREIGN:
            self.close()  # the answer itself was whole
            return
        except BaseException:
            self.close()
            raise
        if self._raw.content.at_eof():
            self._finish()
        else:
            self.close()

    def close(self) -> None:
        """Closes the connection, unless the answer is read to its end."""
        if not self._finished:
            connection = self._raw.connection
            transport = None if connection is None else connection.transport
            self._raw.close()
            # A polite end would wait: with TLS for the server's farewell, for which the loop may not run
            # long enough, and with a request that the server doesn't read, for ever.
            if transport is not None and (
                transport.get_write_buffer_size() or transport.get_extra_info("sslcontext")
            ):
                transport.abort()
            self._finish()

    def close_soon(self) -> None:
        """The same from any thread: at once on the loop's own, else on its next turn."""
        if self._finished:
            return
        try:
            here = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            here = False
        if here:
            self.close()
            return
        try:
            self.loop.call_soon_threadsafe(self.close)
        except RuntimeError:
            # The loop is closed, and its sockets with it; what is left are claims to them.
            connection = self._raw.connection
            self._raw.close()
            if connection is not None:
                connection.close()

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._watch.discard(self)
        if self._lost is not None:
            self._lost.remove_done_callback(self._on_loss)
            self._lost = None
        self._release()

    def _failure(self, error: Exception) -> APIError:
        if self._expired:
            timeouts = self._request.timeouts
            seconds = timeouts.total if self._expired == "total" else timeouts.idle
            failure = timed_out(self._expired, seconds, self._request.label, self.execution)
        else:
            failure = translate_read(error, label=self._request.label, execution=self.execution)
        failure.request_id = self.meta.request_id
        return failure

    def _guard(self) -> None:
        """Sees to it that waiting for the body has an end."""
        self._watching = True
        now = self.loop.time()
        if (due := self._due(now)) is not None:
            self._watch.add(self, now=now, due=due)
        connection = self._raw.connection
        if connection is None or (protocol := connection.protocol) is None:
            return  # ended already, and the reader knows
        self._lost = protocol.closed
        if self._lost is None:
            self.loop.call_soon(self._on_loss, None)
        else:
            # Once on each connection, which outlives this answer: a loss that nobody asks for is no error.
            self._lost.remove_done_callback(_noted)
            self._lost.add_done_callback(_noted)
            self._lost.add_done_callback(self._on_loss)

    def _on_loss(self, _: asyncio.Future[None] | None) -> None:
        """Wakes the reader where aiohttp doesn't: after bytes in the middle that aren't HTTP."""
        content = self._raw.content
        connection = self._raw.connection
        if self._finished or content.is_eof() or content.exception() is not None:
            return
        protocol = None if connection is None else connection.protocol
        failure = None if protocol is None else protocol.exception()
        content.set_exception(failure or aiohttp.ClientPayloadError("the connection was lost"))

    def _due(self, now: float) -> float | None:
        """When the earlier of the two clocks that can run out has to be looked at."""
        if self._idle is None:
            return self._deadline
        # While nobody waits, the idle clock stands still: look again after a whole period.
        due = (now if self.waiting_since is None else self.waiting_since) + self._idle
        return due if self._deadline is None else min(due, self._deadline)

    def look(self, now: float) -> float | None:
        """Closes the connection if a clock has run out by `now`; gives when to look again."""
        if self._deadline is not None and now >= self._deadline:
            self._expire("total")
        elif (
            self._idle is not None
            and self.waiting_since is not None
            and now >= self.waiting_since + self._idle
        ):
            self._expire("idle")
        else:
            return self._due(now)
        return None

    def _expire(self, clock: Clock) -> None:
        self._expired = clock
        self.close()  # wakes the reader with an error


def _noted(lost: asyncio.Future[None]) -> None:
    """Looks at how a connection was lost."""
    if not lost.cancelled():
        lost.exception()


def _is_bare(content: aiohttp.StreamReader) -> bool:
    """Whether reading has to wait."""
    return not content._buffer and not content._eof and content._exception is None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see `_join`


def _join(content: aiohttp.StreamReader) -> None:
    """Makes one piece of all that has come.

    A stream's every event comes in an HTTP chunk of its own. aiohttp keeps them apart, and taking them one
    by one, as reading does, costs more than all the parsing of them; there is no public way around it.
    """
    buffer = content._buffer  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
    if len(buffer) > 1:
        whole = b"".join(buffer)
        buffer.clear()
        buffer.append(whole)


def _left_behind(content: aiohttp.StreamReader) -> bytes:
    """What had come before the answer broke off and wasn't read yet: aiohttp's reader would hide it."""
    # There is no public way past the error that it holds.
    return content._read_nowait(-1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
