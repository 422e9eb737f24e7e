"""The timeouts under which a response's body is read: `idle` and `total`.

`idle` runs while somebody waits for content, and begins anew with each piece of it. `total` is the call's deadline, and runs in the
caller's own time as well. What counts is what the system had received when a timeout passed, however late a busy loop hands it on:

1. The deadline passes in the caller's own time: the connection is closed at once, and reading on raises.
2. A timeout passes while somebody waits: the wait goes on, turn by turn of the loop, until what had come by then is read
   (`UnreadData`). Then the connection is closed, which wakes who waits.
3. Meanwhile content came in time, from which `idle` begins anew: the wait goes on as before.
4. What is read after a timeout has passed, and came later than it, doesn't count: reading it raises.
"""

from __future__ import annotations

import asyncio

from horay_async._transport.connection import ConnectionProtocol, Reader, UnreadData
from horay_async._transport.deadline_timer import DeadlineTimer
from horay_async.errors import Clock

MAX_LATE = 5.0
"""Seconds for which what had come when a timeout passed is unpacked, from when that is noticed: next to nothing may unpack to a lot."""


class TimedReader(Reader):
    """Who reads a body under its timeouts. The times are the loop's, in seconds; `deadline` is that of `total`."""

    def __init__(self, timer: DeadlineTimer, *, idle: float | None, deadline: float | None) -> None:
        self.loop: asyncio.AbstractEventLoop = timer.loop
        self.waiting_since: float | None = None
        """When the wait for content began; None while nobody waits."""
        self.buffered: bytearray = bytearray()
        """What had come with the last piece and is more than it holds: the next one is there without waiting."""
        self.finished: bool = False
        """Whether the connection is in the pool again, or closed."""
        self.expired: Clock | None = None
        """The timeout that closed the connection."""
        self._timer = timer
        self._idle = idle
        self._deadline = deadline
        self._connection: ConnectionProtocol | None = None  # while the body isn't whole
        self._timed = False  # once `check_deadline` is called when a timeout is due
        # While a timeout has passed, and what had come by then may not be read yet; and since when that is known.
        self._unread: UnreadData | None = None
        self._unread_since = 0.0

    def close(self) -> None:
        """Closes the connection, unless the body is read to its end; wakes who waits, with an error."""
        raise NotImplementedError

    def _begin_timeouts(self, now: float) -> None:
        self._timed = True
        if (due := self._due(now)) is not None:
            self._timer.add(self, now=now, due=due)

    def _finish_reading(self) -> None:
        self.finished = True
        self._unread = None
        if self._timed:
            self._timer.discard(self)

    def _due(self, now: float) -> float | None:
        """When the earlier of the two timeouts has to be looked at."""
        if self._idle is None:
            return self._deadline
        # While nobody waits, the idle timeout doesn't run: look again after a whole period.
        due = (now if self.waiting_since is None else self.waiting_since) + self._idle
        return due if self._deadline is None else min(due, self._deadline)

    def _passed(self, now: float) -> Clock | None:
        """The timeout that has passed by `now`."""
        if self._deadline is not None and now >= self._deadline:
            return "total"
        idle, since = self._idle, self.waiting_since
        return "idle" if idle is not None and since is not None and now >= since + idle else None

    def _is_overdue(self) -> bool:
        """Whether it was noticed so long ago that a timeout has passed that nothing more is unpacked."""
        return self._unread is not None and self.loop.time() >= self._unread_since + MAX_LATE

    def _waited_before_deadline(self) -> bool:
        """Whether the deadline has passed while somebody waited, and not in the caller's own time."""
        since, deadline = self.waiting_since, self._deadline
        return since is not None and deadline is not None and since < deadline

    def check_deadline(self, now: float) -> float | None:
        """Ends the wait if a timeout has passed by `now`, or sees to that; returns when to look again."""
        clock = self._passed(now)
        if clock is None:
            self._unread = None
            return self._due(now)
        if self._unread is not None:
            self.loop.call_soon(self._check_again)
        elif clock == "total" and not self._waited_before_deadline():
            self._expire("total")
        else:
            self._await_unread()
        return None

    def _await_unread(self) -> None:
        """A timeout has passed: what is there already is read first."""
        self._note_unread()
        self.loop.call_soon(self._check_again)

    def _note_unread(self) -> None:
        self._unread, self._unread_since = UnreadData(self._connection), self.loop.time()

    def _check_again(self) -> None:
        """Ends the wait once all that had come when a timeout passed is read."""
        if self.finished or self._unread is None:
            return
        now = self.loop.time()
        clock = self._passed(now)
        reads_on = self.buffered and self.waiting_since is not None
        if clock is not None and not reads_on and not self._unread.remains():
            self._expire(clock)
        elif (due := self.check_deadline(now)) is not None:
            self._timer.add(self, now=now, due=due)

    def _ends_buffered(self) -> bool:
        """Whether the deadline has passed for what is buffered, which can take long to decode: then it is dropped.

        `idle` is another matter: what has come in time counts, however late it is read.
        """
        if self._deadline is None or self.loop.time() < self._deadline:
            return False
        if self._unread is None and self._waited_before_deadline():
            self._await_unread()
        if self._unread is not None:
            return False
        self.buffered.clear()
        self._expire("total")
        return True

    def _ends_late(self) -> bool:
        """Whether a timeout has passed, and what was just read came later: to be asked at each reading."""
        if self._unread is None or self._unread.may_count():
            return False
        clock = self._passed(self.loop.time())
        if clock is not None:
            self._expire(clock)
        return clock is not None

    def _expire(self, clock: Clock) -> None:
        self.expired = clock
        self.close()
