"""What a batch gives: one result a request, and how far it has come."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

import attrs

from horay_async._protocol.limits.token_estimate import are_believable
from horay_async._record import Record
from horay_async._suggestions import no_attribute
from horay_async.batch.errors import InvalidRequestError
from horay_async.batch.sending_stop import SendingStop
from horay_async.errors import AnswerError, ConfigurationError, DriftError, HorayError
from horay_async.models._base import Response
from horay_async.models.meta import Attempt
from horay_async.models.usage import Usage

MAX_ERRORS = 100
"""Different texts of errors that are counted; the text may name what is the request's alone."""

TOLD_AFTER = 5.0
"""Seconds without a connection after which that is told: less may be the restart of a server. Shorter waits that the server asks
for aren't told either.
"""

ShowProgress: TypeAlias = bool | Literal["always"]
"""Whether to draw a bar: True where standard error is a terminal, or in a notebook; `"always"` elsewhere too."""

ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)


@attrs.define(kw_only=True, eq=False, repr=False)
class BatchResult(Record, Generic[ResponseT_co]):
    """What became of one request: `response` or `error` is set, the other is None."""

    index: int
    """Its place among the requests, from 0."""
    custom_id: str
    """The id it was given, else `"request-"` and its index."""
    request: Any
    """The request as it was passed in; None where the result was read from a file."""
    response: ResponseT_co | None = None
    """The response; None if the request failed."""
    error: HorayError | None = None
    """Why there is no response; None if there is one."""
    attempts: tuple[Attempt, ...] = ()
    """One record an attempt, newest last, also of those that an overloaded server refused. `started` counts from when the
    request was first sent."""
    seconds: float = 0.0
    """From when it was first sent to its end, waits between attempts included."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    @property
    def usage(self) -> Usage | None:
        """The tokens that the request has used, as its response says; also of a response that came with the `error`, such as one that
        doesn't fit the class. None where the server said nothing.
        """
        response = response_in(self.error) if self.response is None else self.response
        return getattr(response, "usage", None)

    def unwrap(self) -> ResponseT_co:
        """The response; raises the error where there is none."""
        if self.response is None:
            raise self.error or HorayError("the result has neither a response nor an error")
        return self.response


def response_in(error: HorayError | None) -> Response | None:
    """The response that a request failed with, where one came, and is paid for: with fields that `strict="raise"` refuses, or
    with something in it that can't be used.
    """
    found = getattr(error, "partial", None)
    if isinstance(error, DriftError):
        found = error.response
    elif isinstance(error, AnswerError):
        found = error.completion
    return found if isinstance(found, Response) else None


@attrs.define(eq=False, repr=False)
class BatchProgress(Record):
    """How far a batch has come. It can be read at any time and from any thread."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    total: int | None = None
    """Requests in all, where that is known: for a file, or a list."""
    skipped: int = 0
    """Requests of a file that were finished before."""
    skipped_failed: int = 0
    """Those of them that had failed."""
    unreadable: tuple[int, ...] = ()
    """Numbers of the lines in a file of results that can't be read, from 1, as the file is at the end of the run, and until
    then as it was at the start: they stay there, and their requests are sent again. A reader of the file has to leave them out."""
    unfinished_line: int | None = None
    """Number of the last line in a file of requests, from 1, if it is unfinished, without a line end: it isn't counted as a
    request, and the next start sends it."""
    done: int = 0
    """Requests that succeeded in this run."""
    failed: int = 0
    """Requests that failed for good in this run."""
    invalid: int = 0
    """Those of them that can't be sent, for a mistake in the request itself."""
    in_flight: int = 0
    """Requests under way."""
    refused: int = 0
    """How often a request has to be sent again later, because the server was overloaded (429, 503) or couldn't be
    reached."""
    prompt_tokens: int = 0
    """Tokens of the prompts in this run, as far as the responses say. What an earlier run of a file has used is in its lines."""
    completion_tokens: int = 0
    """Tokens that the responses of this run report."""
    _stop: SendingStop | None = attrs.field(default=None, init=False, repr=False, eq=False)
    _started: float | None = attrs.field(default=None, init=False, repr=False)
    _ended: float | None = attrs.field(default=None, init=False, repr=False)
    _unreached_since: float | None = attrs.field(default=None, init=False, repr=False, eq=False)
    _pause: str = attrs.field(default="", init=False, repr=False, eq=False)
    _paused_until: float = attrs.field(default=-math.inf, init=False, repr=False, eq=False)
    _errors: Counter[str] = attrs.field(factory=Counter[str], init=False, repr=False, eq=False)

    def __str__(self) -> str:
        """The totals, such as `24 of 200 finished, 0 failed`."""
        finished = self.skipped + self.done + self.failed
        of = "" if self.total is None else f" of {self.total:,}"
        earlier = f" ({self.skipped:,} in earlier runs)" if self.skipped else ""
        return f"{finished:,}{of} finished{earlier}, {self.skipped_failed + self.failed:,} failed"

    @property
    def seconds(self) -> float:
        """Since the start, up to the end; 0 before the start."""
        if self._started is None:
            return 0.0
        return (time.monotonic() if self._ended is None else self._ended) - self._started

    @property
    def main_error(self) -> str | None:
        """What the most requests of this run have failed with, as the first of them said it; None where none has failed."""
        return self._errors.most_common(1)[0][0] if self._errors else None

    @property
    def main_error_count(self) -> int:
        """How many requests of this run have failed with `main_error`."""
        return self._errors.most_common(1)[0][1] if self._errors else 0

    @property
    def seconds_unreached(self) -> float:
        """How long ago the first attempt failed to connect since the server last responded; 0 up to 5 seconds, and while it
        responds. The batch goes on trying for `give_up_after`.
        """
        since = self._unreached_since
        seconds = 0.0 if since is None or self._ended is not None else time.monotonic() - since
        return seconds if seconds >= TOLD_AFTER else 0.0

    @property
    def pause(self) -> str | None:
        """Until when nothing is sent because the server asks for that, and why, such as `"the server asks to wait until 12:34:56
        (429 from POST /completions: slow down)"`; None without such a wait, or where it is of less than 5 seconds.
        """
        paused = self._ended is None and time.monotonic() < self._paused_until
        return self._pause if paused else None

    @property
    def total_tokens(self) -> int:
        """Tokens that the responses report, of prompts and completions."""
        return self.prompt_tokens + self.completion_tokens

    def stop_sending(self) -> bool:
        """Has the run send no more requests. Those under way are waited for, and then the run ends as at its end: `run_file` has
        written their results, and returns; the loop over a `run` ends after them. It can be called from any thread, from a signal
        handler, and more than once.

        A request that waits to be sent, or to be sent again, isn't waited for. It has no result, and the next `run_file` sends it.
        In a `run` that is `ordered`, one before others that have a result has a `HorayError` in its place; and what was refused for the key or
        the balance has that error as its result, unless it waits to be sent once more.

        Returns:
            Whether a run is going on. Before and after it, and while `run_file` still reads its files, this does nothing.
        """
        stop = self._stop
        return stop is not None and stop.stop()

    def _start(self, stop: SendingStop | None = None) -> None:
        """Starts the clock, unless it runs or has run. `stop` is what ends the run's sending."""
        self._stop = stop
        if self._started is None:
            self._started = time.monotonic()

    def _restart(self) -> None:
        """Forgets an earlier run, and starts the clock. Raises `ConfigurationError` while one goes on."""
        if self._started is not None and self._ended is None:
            raise ConfigurationError(
                "progress is that of a run that still goes on: each run needs a BatchProgress of its own"
            )
        for name, fresh in attrs.asdict(BatchProgress(), recurse=False).items():
            setattr(self, name, fresh)
        self._start()

    def _end(self) -> None:
        """Stops the clock. There is nothing to stop any more."""
        self._stop = None
        if self._ended is None:
            self._ended = time.monotonic()

    def _set_reached(self, reached: bool) -> None:
        """Notes that the server has responded, or that an attempt couldn't connect to it."""
        if reached:
            self._unreached_since = None
        elif self._unreached_since is None:
            self._unreached_since = time.monotonic()

    def _set_pause(self, seconds: float, reason: str) -> None:
        """Notes that the server asks to send nothing for so many seconds."""
        self._paused_until = time.monotonic() + seconds
        until = datetime.now().astimezone() + timedelta(seconds=seconds)
        shown = "".join(filter(str.isprintable, " ".join(reason.split())))
        self._pause = f"the server asks to wait until {until:%H:%M:%S} ({shown})"

    def _count(self, response: Response | None, error: HorayError | None = None) -> None:
        """Counts a request that has ended, with None and its error for a failed one."""
        if response is None:
            self.failed += 1
            self.invalid += isinstance(error, InvalidRequestError)
            told = getattr(error, "message", str(error))
            if error is not None and (told in self._errors or len(self._errors) < MAX_ERRORS):
                self._errors[told] += 1
            response = response_in(error)
        else:
            self.done += 1
        usage = getattr(response, "usage", None)
        if isinstance(usage, Usage) and are_believable(
            usage.prompt_tokens, usage.completion_tokens
        ):
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens
