"""The loop: the model asks for tool calls, they are run, and it is told what came of them."""

# A run is at home among the streams' private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import attrs

from horay_async._json import fields_of
from horay_async._protocol.limits.token_estimate import are_believable
from horay_async._protocol.wire.finish_reasons import cut_of
from horay_async._protocol.wire.unknown import unknown_of
from horay_async._suggestions import no_await
from horay_async._transport.log import LOG
from horay_async._transport.loops import finalize_on, running_loop, runs_here
from horay_async.errors import AnswerError, APITimeoutError, HorayError
from horay_async.models.chat import ChatChoice, ChatCompletion, ToolCall
from horay_async.models.events import (
    ChatEvent,
    RoundFinished,
    RoundStarted,
    ToolResult,
    ToolRunEvent,
)
from horay_async.streaming import AsyncEventStream, Readable, interrupted, no_end, read_to_end

if TYPE_CHECKING:
    from horay_async._observers import RunObserver, TelemetryObserver
    from horay_async.models.messages import ToolMessage
    from horay_async.models.usage import Usage
    from horay_async.tools._calls import ToolCaller
    from horay_async.tools.define import Approve, Tool

__all__ = ["AsyncToolRun"]

RUN_IS_OVER = (
    "the run is over: keep its events in a list, or use final(), the last response, and messages"
)
"""What a loop says that begins after that."""

RUN_STOPPED = "the run was stopped: its loop was left early, or close() was called"
"""What reading says during that, and after it."""

Events = list[ToolRunEvent]
Ask = Callable[[Sequence[Any], int, float | None], AsyncEventStream[ChatEvent, ChatCompletion]]
"""Makes the request of a round from the conversation, the round's number and the seconds left."""


@attrs.frozen(kw_only=True)
class RunSettings:
    """What holds for all rounds of a run."""

    ask: Ask
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
    for. Both raise what a stream of events does, `AnswerError` where the model still asks for tools after
    the last round or with all tokens spent, or was cut while it asked, `APITimeoutError`
    when time is up, and what `approve` raises.
    """

    if not TYPE_CHECKING:
        __await__ = no_await

    _what = "the run"
    _left_early = RUN_STOPPED
    _read_to_end = RUN_IS_OVER

    def __init__(
        self, settings: RunSettings, messages: Sequence[Any], first_body: bytes | None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._messages = list(messages)
        self._first_body = first_body
        """What the first request sends; for telemetry alone."""
        self._observer: RunObserver | None = None
        """Observes the run from its first step to its end; None outside, and without telemetry."""
        self._inference_calls = 0
        self._usages: list[Usage | None] = []
        """What the observer is told when the run is over; the usages are of the rounds' responses."""

        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop that the run belongs to; set at the first step."""
        self._deadline: float | None = None
        """When time is up, by that loop's clock; set at the first step."""

        self._next: Callable[[], Awaitable[Events]] | None = self._begin
        """The step to take; None when the run is over."""
        self._limit: asyncio.Timeout | None = None
        """What bounds the step that it takes; None between steps."""

        self._round = 0
        """The number of the round; 0 before the first."""
        self._stream: AsyncEventStream[ChatEvent, ChatCompletion] | None = None
        """The response that is being received in this round; None outside `_read`."""
        self._response: ChatCompletion | None = None
        """The newest whole response."""
        self._caller: ToolCaller | None = None
        """Runs the calls; made at the first one."""
        self._tasks: dict[asyncio.Task[ToolResult], ToolCall] = {}
        """The tool calls of this round that are ours, in their order, by what runs them, also once the run has ended within the
        round."""
        self._handed_out: set[asyncio.Task[ToolResult]] = set()
        """Those of these tasks whose results were handed out."""
        self._last_round = False
        """Whether the run is over when they are: the model also called a tool that has no function here."""

    def __repr__(self) -> str:
        state = (
            f"in round {self._round}"
            if self._round
            else "not begun, read it in a loop or call final()"
        )
        if self._next is None:
            state = "over"
        return f"<{type(self).__name__}: {state}>"

    @property
    def messages(self) -> list[Any]:
        """The conversation so far: the messages given, the model's, and the tools'."""
        return [*self._messages, *self._tool_messages()]

    async def final(self) -> ChatCompletion:
        """The response that calls no more tools. Goes through what is left; raises as iteration does."""
        await read_to_end(self)
        return self._merged()

    async def close(self) -> None:
        """Stops the run, unless it is over. Closing twice is fine."""
        self._close_nowait()
        await self._stop()

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
        if self._next is None:
            return
        self._leave()
        if self._stream is not None:
            self._stream._close_nowait()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_step)

    def _merged(self) -> ChatCompletion:
        """The newest response; raises `HorayError` where there is none yet."""
        if self._response is None:
            raise HorayError("the run has no response yet")
        return self._response

    async def _wait_for_items(self) -> bool:
        """Waits until events are in `_ready`; false at the end of the run."""
        ended = self._failure is not None or self._exhausted or self._closed
        if ended or self._reading or (self._loop is not None and not runs_here(self._loop)):
            return self._items_or_error()
        self._reading = True
        if self._loop is None:
            self._loop = running_loop()
            if self._settings.seconds is not None:
                self._deadline = self._loop.time() + self._settings.seconds
            if self._settings.telemetry is not None:
                self._observer = self._settings.telemetry.run(self._first_body)
                self._first_body = None
        try:
            step = self._next
            while step is not None:
                with nullcontext() if self._observer is None else self._observer.activate():
                    events = await self._in_time(step)
                if self._closed:  # by another task
                    raise HorayError(RUN_STOPPED)
                step = self._next
                if step is None:
                    self._end()
                if events:
                    self._ready = iter(events)
                    return True
        except BaseException as error:
            if isinstance(error, StopAsyncIteration):
                error = no_end(error)
            self._failure = error if isinstance(error, Exception) else interrupted(error, "the run")
            self._halt()
            try:
                await self._stop()
            finally:
                self._end(error)
            raise error
        finally:
            self._reading = False
        self._exhausted = True
        return False

    def _end(self, error: BaseException | None = None) -> None:
        """Tells the observer that the run is over, for the first time or once more."""
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

    async def _in_time(self, step: Callable[[], Awaitable[Events]]) -> Events:
        self._limit = limit = asyncio.timeout_at(self._deadline)
        try:
            async with limit:
                return await step()
        except Exception as error:
            if self._closed:  # by another task, which ends what this one waits for
                raise HorayError(RUN_STOPPED) from None
            if not (isinstance(error, TimeoutError) and limit.expired()):
                raise
            raise APITimeoutError(
                f"the run of tools wasn't over after {self._settings.seconds:g} s",
                clock="total",
                execution="executed",
            ) from error
        finally:
            self._limit = None

    def _left(self) -> float | None:
        """Seconds until the deadline; a little even when it has passed, for the timeout to pass."""
        if self._deadline is None or self._loop is None:
            return None
        return max(0.001, self._deadline - self._loop.time())

    # The steps, each of which names the next one.

    async def _begin(self) -> Events:
        if self._round == self._settings.max_rounds:
            raise AnswerError(
                f"the model still asks for tools after {self._round} rounds",
                reason="rounds",
                completion=self._response,
            )
        self._check_tokens()
        for tool in self._settings.tools.values():
            if tool._check is not None:
                tool._check()
        self._round += 1
        self._next = self._send
        return [RoundStarted(self._round)]

    async def _send(self) -> Events:
        self._inference_calls += 1
        stream = self._settings.ask(self._messages, self._round, self._left())
        self._stream = await stream.__aenter__()
        self._next = self._read
        return []

    async def _read(self) -> Events:
        stream = cast("AsyncEventStream[ChatEvent, ChatCompletion]", self._stream)
        if chunks := await stream._next_items():
            return list(stream._events_of(iter(chunks)))
        self._stream = None
        self._response = response = stream._merged()
        self._usages.append(response.usage)
        self._next = None
        if response.choices:
            self._take(response.choices[0])
        return [*stream._events_of(None), RoundFinished(self._round, response)]

    def _take(self, choice: ChatChoice) -> None:
        """Goes on from the model's message: with its calls, where there are any for us."""
        self._messages.append(choice.message)
        calls = choice.message.tool_calls or []
        if calls and (cut := cut_of(choice.finish_reason)):
            raise AnswerError(
                f"the model was asking for tools, none of which was run, when {cut.problem}",
                reason=cut.reason,
                text=calls[-1].function.arguments,
                completion=self._response,
            )
        calls = self._with_own_ids(calls)
        if calls:
            choice.message.tool_calls = calls
        left = self._settings.left_to_caller
        ours = [call for call in calls if _name_of(call) not in left]
        if len(ours) < len(calls):
            LOG.warning(
                "the run of tools ends here: the model called %s, which was given without a function; run it "
                "yourself and go on from `run.messages`, or give run_tools a tool that can be run",
                ", ".join(sorted(left.intersection(map(_name_of, calls)))),
            )
        if ours:
            from horay_async.tools._calls import ToolCaller  # noqa: PLC0415 - loads cattrs, for calls alone

            if self._caller is None:
                settings = self._settings
                self._caller = ToolCaller(settings.tools, settings.approve, settings.telemetry)
            self._tasks = {asyncio.create_task(self._caller.run(call)): call for call in ours}
            for task in self._tasks:
                task.add_done_callback(_look_at)
            self._next = self._await_tools
            self._last_round = len(ours) < len(calls)

    def _with_own_ids(self, calls: list[ToolCall]) -> list[ToolCall]:
        """The calls, each with an id of its own: some servers send none, or one for several. One that is repeated with its id
        is the same call.
        """
        known: dict[str, ToolCall] = {}
        taken = {call.id for call in calls}
        for place, call in enumerate(calls):
            same = known.get(call.id)
            if same is not None and same == call and unknown_of(same) == unknown_of(call):
                continue
            if same is not None or not call.id:
                call.id = f"call_{self._round}_{place}"
                while call.id in taken:
                    call.id += "_"
                taken.add(call.id)
            known[call.id] = call
        return list(known.values())

    def _check_tokens(self) -> None:
        """Raises `AnswerError` where another round would go beyond `max_total_tokens`."""
        most = self._settings.max_total_tokens
        if most is None:
            return
        told = [usage.total_tokens for usage in self._usages if usage is not None]
        if len(told) < len(self._usages) or not are_believable(*told):
            problem = "the server doesn't tell its tokens, so that max_total_tokens can't be held"
        elif (tokens := sum(told)) >= most:
            problem = f"the model still asks for tools after {tokens:,} tokens of {most:,}"
        else:
            return
        raise AnswerError(problem, reason="tokens", completion=self._response)

    async def _await_tools(self) -> Events:
        waiting = [task for task in self._tasks if task not in self._handed_out]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if any(task.cancelled() for task in done):
            # Passed on as it is, it would look as if whoever reads the run had been cancelled.
            raise HorayError("the task of a tool was cancelled")
        self._handed_out |= done
        results: Events = [task.result() for task in done]
        if len(self._handed_out) == len(self._tasks):
            self._messages += self._tool_messages()
            self._tasks, self._handed_out = {}, set()
            self._next = None if self._last_round else self._begin
        return results

    def _tool_messages(self) -> list[ToolMessage]:
        """What the calls of this round have brought so far, for the model; where the run was stopped, also that others have
        brought nothing. A call whose tool wasn't called has no message: `approve` or time may have kept it from that.
        """
        if self._caller is None:
            return []
        from horay_async.tools._calls import stopped, tool_message  # noqa: PLC0415 - see above

        messages: list[ToolMessage] = []
        for task, call in self._tasks.items():
            if task.done() and not task.cancelled() and task.exception() is None:
                messages.append(tool_message(task.result()))
            elif self._closed and task in self._caller.begun:
                messages.append(stopped(call))
        return messages

    def _stop_step(self) -> None:
        """Ends the step that another task takes, and the tools."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(-math.inf)
        self._cancel()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _stop(self) -> None:
        """Cancels the tools that run, and waits until they have cleaned up; for a bounded time. What comes of a tool later
        is among the messages from then on.
        """
        self._cancel()
        if self._tasks:
            from horay_async.tools._call_user_code import CLEANUP  # noqa: PLC0415 - see above

            await asyncio.wait(self._tasks, timeout=CLEANUP)


def _name_of(call: ToolCall) -> str:
    """What the model calls, a function or a custom tool."""
    return call.function.name or str(fields_of((unknown_of(call) or {}).get("custom")).get("name"))


def _look_at(task: asyncio.Task[ToolResult]) -> None:
    """Keeps asyncio from reporting what a call raised that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
