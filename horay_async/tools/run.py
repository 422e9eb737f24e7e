"""The tool loop: the model asks for tool calls, they are run, and it gets the results."""

# A run is at home among the streams' private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from horay_async._protocol.limits.token_estimate import are_believable
from horay_async._protocol.wire.finish_reasons import cut_of
from horay_async._suggestions import no_await
from horay_async._transport.log import LOG
from horay_async._transport.loops import finalize_on, running_loop
from horay_async.errors import (
    AnswerError,
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    HorayError,
)
from horay_async.models.chat import ChatChoice, ChatCompletion
from horay_async.models.events import (
    ChatEvent,
    RoundFinished,
    RoundStarted,
    ToolRunEvent,
)
from horay_async.models.usage import Usage, tokens_in, total_of
from horay_async.streaming import (
    AsyncEventStream,
    Readable,
    interrupted,
    no_end,
    read_to_end,
    warn_unread,
    without_traceback_if_own,
)

if TYPE_CHECKING:
    from horay_async._observers import RunObserver, TelemetryObserver
    from horay_async._transport.connection_pool import ConnectionPools
    from horay_async.tools._calls import ToolCaller
    from horay_async.tools.define import Approve, Tool

__all__ = ["AsyncToolRun"]

RUN_IS_OVER = (
    "the run is over: keep its events in a list, or use final(), the last response, and messages"
)
"""The error of a loop that begins once the run is over."""

RUN_STOPPED = "the run was stopped: its loop was left early, or close() was called"
"""The error of reading while the run is stopped, and afterwards."""

NEVER_READ = "run_tools(...) was never read, so nothing was sent: loop over it, or call final()"

Events = list[ToolRunEvent]
Step = Callable[["AsyncToolRun"], Awaitable[Events]]
Ask = Callable[[Sequence[Any], int, float | None], AsyncEventStream[ChatEvent, ChatCompletion]]
"""Makes the request of a round from the conversation, the round's number and the seconds left."""


@attrs.frozen(kw_only=True)
class RunSettings:
    """The settings of all rounds of a run."""

    ask: Ask
    pools: ConnectionPools
    """The client's: while tools are at work, nothing else tells that it is closed."""
    tools: Mapping[str, Tool[..., Any]]
    """Those that can be run, by name."""
    left_to_caller: frozenset[str]
    """Names of tools that have no function here."""
    approve: Approve | None
    max_rounds: int
    max_total_tokens: int | None
    seconds: float | None
    """For the whole run."""
    telemetry: TelemetryObserver | None


class AsyncToolRun(Readable[ToolRunEvent]):
    """A conversation in which the model calls tools until it responds without.

    `final()` is that response. Iterate to see each step: the events of every response as it streams in, what
    came of each tool call, and where the rounds begin and end. Leaving the loop or a `with` block early
    stops everything; a plain function that is at work in its thread can't be stopped, but isn't waited
    for. `final()` and iteration raise what a stream of events does, `AnswerError` where the model still asks for tools after
    the last round or with all tokens spent, or was cut while it asked, `APITimeoutError`
    when time is up, and what `approve` raises.
    """

    # A run takes one step after the other. Each is a method that returns the events to hand out, and sets `_next`:
    #
    #   step           what it does                                       the step after it
    #   _begin_round   checks the limits, and counts the round            _send
    #   _send          sends the conversation                             _receive
    #   _receive       waits for the next pieces of the response          _receive
    #                  at its end: adds the model's message, and
    #                  - starts the tools that it calls                  _await_tools
    #                  - or there are none to run here                   none: the run is complete
    #   _await_tools   waits for the next tools that end                  _await_tools
    #                  when all have ended: adds their messages           _begin_round; none where the model also
    #                                                                     called a tool without a function here
    #
    # What else ends a run, and what reading it raises from then on:
    #
    #   max_rounds or max_total_tokens is reached       AnswerError, reason "rounds" or "tokens": `_check_limits`
    #   the model was cut while it asked for tools      AnswerError with the reason of the cut: `_take_message`
    #   the time is up                                  APITimeoutError: `_timed_out`
    #   a step raises: the request, or `approve`        that
    #   the task that reads is cancelled, or alike      HorayError that names what ended it: `interrupted`
    #   the client is closed                            APIConnectionError; ConfigurationError before the first response
    #   close(), or a loop was left or collected        HorayError(RUN_STOPPED)
    #
    # All of these end it the same way: `_halt` ends what is under way, from any thread; `_clean_up` waits until the tools
    # have ended too, where something can wait; `_end` tells the observer.

    if not TYPE_CHECKING:
        __await__ = no_await

    _what = "the run"
    _left_early = RUN_STOPPED
    _read_to_end = RUN_IS_OVER
    _unread = False
    _start_approve: Callable[[Callable[[], None]], None] | None = None
    """Has a plain `approve` run by the thread that reads this, where a blocking client does; None for a thread of its own."""
    """Whether nobody has begun to read it; not where the constructor has raised."""

    def __init__(
        self, settings: RunSettings, messages: Sequence[Any], first_body: bytes | None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._messages = list(messages)
        """The conversation, without the tools' messages of a round that isn't over."""
        self._response: ChatCompletion | None = None
        """The newest whole response."""
        self._usages: list[Usage | None] = []
        """The usage of each whole response."""
        self._caller: ToolCaller | None = None
        """Runs the calls; made at the first one."""

        # Where the run is.
        self._next: Step | None = AsyncToolRun._begin_round
        """The step to take, unbound, since a bound method would be in a cycle with the run; None once the run is complete, not where it ended otherwise."""
        self._round = 0
        """The number of the round; 0 before the first."""
        self._stream: AsyncEventStream[ChatEvent, ChatCompletion] | None = None
        """The response that is being received; None but from `_send` to the end of `_receive`."""
        self._last_round = False
        """Whether the run is complete with this round's tools: the model also called one that has no function here."""

        # What bounds it; set when the first step is taken, on whichever loop that is.
        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop that the run belongs to."""
        self._deadline: float | None = None
        """When time is up, by that loop's clock; None without a limit."""
        self._limit: asyncio.Timeout | None = None
        """What bounds the step that is being taken; None between steps."""

        # For telemetry.
        self._first_body = first_body
        """What the first request sends, until the observer has it."""
        self._observer: RunObserver | None = None
        """Observes the run from its first step to its end; None outside, and without telemetry."""
        self._inference_calls = 0
        """Requests that were sent."""
        self._unread = True

    def __del__(self) -> None:
        if self._unread and not self._closed:
            warn_unread(NEVER_READ)

    def __repr__(self) -> str:
        if self._next is None:
            state = "over"
        elif self._failure is not None:
            state = f"ended by {type(self._failure).__name__} in round {self._round}"
        elif self._closed:
            state = "closed"
        elif self._round:
            state = f"in round {self._round}"
        else:
            state = "not begun, read it in a loop or call final()"
        return f"<{type(self).__name__}: {state}>"

    @property
    def messages(self) -> list[Any]:
        """The conversation so far: the messages given, the model's, and the tools'."""
        if self._caller is None:
            return [*self._messages]
        return [*self._messages, *self._caller.messages(stopped=self._closed)]

    @property
    def usage(self) -> Usage | None:
        """The tokens of all responses so far together, without details; None where one came without counts, as they do unless
        `stream_options={"include_usage": True}` or `max_total_tokens` asks for them.
        """
        return total_of(self._usages)

    async def final(self) -> ChatCompletion:
        """The response that calls no more tools. Goes through what is left; raises as iteration does."""
        await read_to_end(self)
        return self._merged()

    def _merged(self) -> ChatCompletion:
        """The newest response; raises `HorayError` where there is none yet."""
        if self._response is None:
            raise HorayError("the run has no response yet")
        return self._response

    def _own_loop(self) -> asyncio.AbstractEventLoop | None:
        return self._loop

    async def _receive_items(self) -> Events:
        if self._loop is None:
            self._start(running_loop())
        events: Events = []
        while not events and (step := self._next) is not None:
            with nullcontext() if self._observer is None else self._observer.activate():
                events = await self._take_step(step)
            if self._next is None:
                self._end()
        return events

    async def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopAsyncIteration):
            error = no_end(error)
        if isinstance(error, Exception):
            self._failure = without_traceback_if_own(error)
        else:
            self._failure = interrupted(error, self._what)
        self._halt()
        try:
            await self._clean_up()
        finally:
            self._end(error)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._unread = loop, False
        if self._settings.seconds is not None:
            self._deadline = loop.time() + self._settings.seconds
        if self._settings.telemetry is not None:
            self._observer = self._settings.telemetry.run(self._first_body)
            self._first_body = None

    async def _take_step(self, step: Step) -> Events:
        """The events of a step. Raises `APITimeoutError` when time is up, and `HorayError` where the run is stopped meanwhile."""
        if step is AsyncToolRun._send and self._time_is_up():
            raise self._timed_out()  # without a request, which may be paid for
        # A request has the time that is left as its own timeout: its error tells what came of it.
        asks = step in (AsyncToolRun._send, AsyncToolRun._receive)
        self._limit = limit = asyncio.timeout_at(None if asks else self._deadline)
        try:
            async with limit:
                events = await step(self)
        except Exception as error:
            if self._closed:  # by another task, which ends what this one waits for
                raise HorayError(RUN_STOPPED) from None
            if isinstance(error, TimeoutError) and limit.expired():
                raise self._timed_out() from error
            if asks and isinstance(error, APITimeoutError) and error.clock == "total":
                raise self._timed_out(error) from error
            if isinstance(error, ConfigurationError) and (asks or self._settings.pools.closed):
                raise self._unsent(error) from error.__cause__
            raise
        finally:
            self._limit = None
        if self._closed:
            raise HorayError(RUN_STOPPED)
        return events

    def _time_is_up(self) -> bool:
        return self._deadline is not None and running_loop().time() >= self._deadline

    def _timed_out(self, of_request: APITimeoutError | None = None) -> APITimeoutError:
        """The error when time is up; `of_request` is that of the request under way, whose attributes it has."""
        message = f"the run of tools wasn't over after {self._settings.seconds:g} s"
        failure = APITimeoutError(message, clock="total", execution="not_sent")
        if of_request is not None:
            vars(failure).update(vars(of_request), message=message)
        if self._response is not None:  # of an earlier round
            failure.execution = "executed"
        return failure

    def _unsent(self, error: ConfigurationError) -> HorayError:
        if self._response is None:
            return error
        told = f"the run of tools has ended: {error}"
        return APIConnectionError(told, execution="executed", transient=False)

    # The steps

    async def _begin_round(self) -> Events:
        self._check_limits()
        for tool in self._settings.tools.values():
            if tool._check is not None:
                tool._check()
        self._round += 1
        self._next = AsyncToolRun._send
        return [RoundStarted(self._round)]

    async def _send(self) -> Events:
        left = None
        if self._deadline is not None:
            # A little at least, since 0 is no timeout.
            left = max(0.001, self._deadline - running_loop().time())
        self._inference_calls += 1
        stream = self._settings.ask(self._messages, self._round, left)
        self._stream = await stream.__aenter__()
        self._next = AsyncToolRun._receive
        return []

    async def _receive(self) -> Events:
        stream = cast("AsyncEventStream[ChatEvent, ChatCompletion]", self._stream)
        if chunks := await stream._next_items():
            return list(stream._events_of(iter(chunks)))
        self._stream = self._next = None
        self._response = response = stream._merged()
        self._usages.append(response.usage)
        if response.choices:
            self._take_message(response.choices[0])
        return [*stream._events_of(None), RoundFinished(self._round, response)]

    async def _await_tools(self) -> Events:
        caller = cast("ToolCaller", self._caller)
        results: Events = [*await self._settings.pools.wait(caller.next_results)]
        if not caller.waiting:
            self._messages += caller.pop_messages()
            self._next = None if self._last_round else AsyncToolRun._begin_round
        return results

    # What they decide

    def _check_limits(self) -> None:
        """Raises `AnswerError` where no other round may begin."""
        most = self._settings.max_total_tokens
        # One in which nothing can be read is as good as none.
        counts = [tokens for usage in self._usages if usage and (tokens := tokens_in(usage))]
        reason: Literal["rounds", "tokens"] = "tokens"
        if self._round == self._settings.max_rounds:
            rounds = "1 round" if self._round == 1 else f"{self._round} rounds"
            problem = f"the model still asks for tools after {rounds}, which is all that max_rounds allows"
            reason = "rounds"
        elif most is None:
            return
        elif len(counts) < len(self._usages) or not are_believable(*counts):
            problem = (
                "the server doesn't send its token counts, so max_total_tokens can't be kept to"
            )
        elif (tokens := sum(counts)) >= most:
            problem = f"the model still asks for tools after {tokens:,} tokens of {most:,}"
        else:
            return
        raise AnswerError(problem, reason=reason, completion=self._response)

    def _take_message(self, choice: ChatChoice) -> None:
        """Takes in the model's message, and starts its calls of tools that can be run here. Raises `AnswerError`
        where it was cut.
        """
        # A copy: what the reader of the run does with the response changes neither what is sent nor what is run.
        message = deepcopy(choice.message)
        self._messages.append(message)
        calls = message.tool_calls
        if not calls:
            return
        if cut := cut_of(choice.finish_reason):
            raise AnswerError(
                f"the model was asking for tools, none of which was run, when {cut.problem}",
                reason=cut.reason,
                text=calls[-1].function.arguments,
                completion=self._response,
            )
        from horay_async.tools._calls import ToolCaller, tool_name, with_own_ids  # noqa: PLC0415 - loads cattrs, for calls alone

        # By the messages before it, which may be of runs before this one.
        number = len(self._messages) - 1
        message.tool_calls = calls = with_own_ids(
            calls, lambda place: f"call_{number}_{place}", before=self._messages[:-1]
        )
        choice.message.tool_calls = deepcopy(calls)
        settings = self._settings
        ours = [call for call in calls if tool_name(call) not in settings.left_to_caller]
        self._last_round = len(ours) < len(calls)
        if self._last_round:
            LOG.warning(
                "the run of tools ends here: the model called %s, which was given without a function; run it "
                "yourself and go on from `run.messages`, or give run_tools a tool that can be run",
                ", ".join(sorted(settings.left_to_caller.intersection(map(tool_name, calls)))),
            )
        if ours:
            if self._caller is None:
                self._caller = ToolCaller(
                    settings.tools,
                    settings.approve,
                    settings.telemetry,
                    start_approve=self._start_approve,
                )
            self._caller.start(ours)
            self._next = AsyncToolRun._await_tools

    # How it ends

    async def close(self) -> None:
        """Stops the run, unless it is over. Closing twice is fine."""
        self._close_nowait()
        await self._clean_up()

    def _close_nowait(self) -> None:
        """Stops without awaiting, from any thread."""
        self._halt()
        self._end()

    def _drop(self) -> None:
        """Stops when a loop over the run is collected."""
        if self._next is not None:
            self._leave()
        finalize_on(self._loop, self._close_nowait)

    def _halt(self) -> None:
        """Ends what is under way, from any thread: the response at once, the step and the tools on the run's loop."""
        if self._next is None:
            return
        self._leave()
        if self._stream is not None:
            self._stream._close_nowait()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_step)

    def _stop_step(self) -> None:
        """Ends the step that another task takes, and the tools."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(-math.inf)
        if self._caller is not None:
            self._caller.cancel()

    async def _clean_up(self) -> None:
        """Cancels the tools that run, and waits a bounded time until they have cleaned up. The result of one that
        ends later is among the messages from then on.
        """
        if self._caller is not None:
            await self._caller.stop()

    def _end(self, error: BaseException | None = None) -> None:
        """Tells the observer that the run is over; only the first time counts."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        from horay_async._observers import RunEnded  # noqa: PLC0415 - seldom needed

        observer.on_end(
            RunEnded(
                inference_calls=self._inference_calls,
                tool_calls=0 if self._caller is None else self._caller.runs,
                usages=tuple(self._usages),
                response=self._response,
                error=error,
                complete=error is None and self._next is None,
            )
        )
