"""Runs the tool calls of a message: checks their arguments, and makes texts for the model of the results."""

from __future__ import annotations

import asyncio
import math
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import msgspec

from horay_async._json import fields_of, is_array
from horay_async._protocol.structured.parse import parse_arguments
from horay_async._protocol.wire.clean import well_formed, with_texts
from horay_async._protocol.wire.tool_calls import are_same_json
from horay_async._protocol.wire.unknown import unknown_of
from horay_async._transport.in_thread import Start
from horay_async._user_code import contain
from horay_async.errors import AnswerError, HorayError
from horay_async.models._dump import encode_foreign
from horay_async.models.chat import FunctionCall, ToolCall
from horay_async.models.events import ToolResult
from horay_async.models.messages import ImagePart, TextPart, ToolMessage
from horay_async.tools._call_user_code import call_user_code, message_of, wait_for_cleanup
from horay_async.tools.define import Approve, Tool

if TYPE_CHECKING:
    from horay_async._observers import TelemetryObserver


MOST_COMPARED = 8
"""Calls of one id that another one of that id is held against: more would take too long of many, and no model is known to send any."""


def with_own_ids(
    calls: Sequence[ToolCall], new_id: Callable[[int], str], *, before: Iterable[Any] = ()
) -> list[ToolCall]:
    """The calls of one message, each with an id of its own: some servers send none, or one for several. One that is repeated
    with its id is the same call. `new_id` makes an id for the call at a place, which gets another one where a call in the messages `before`
    has it.
    """
    kept: list[ToolCall] = []
    # By the id that was given; each call without one is new.
    of_id: dict[str, list[ToolCall]] = {}
    taken, complete = {call.id for call in calls}, False
    for place, call in enumerate(calls):
        same = of_id.setdefault(call.id, []) if call.id else []
        if any(_is_repeated(other, call) for other in same[:MOST_COMPARED]):
            continue
        if same or not call.id:
            if not complete:
                taken |= _ids_in(before)
                complete = True
            call.id = new_id(place)
            while call.id in taken:
                call.id += "_"
            taken.add(call.id)
        same.append(call)
        kept.append(call)
    return kept


def _ids_in(messages: Iterable[Any]) -> set[str]:
    """The ids of the calls in messages, of classes or in the API's JSON form."""
    found: set[str] = set()
    for message in messages:
        calls = _field(message, "tool_calls")
        ids = (_field(call, "id") for call in calls) if is_array(calls) else ()
        found.update(id_ for id_ in ids if isinstance(id_, str))
    return found


def _field(holder: Any, name: str) -> Any:
    if isinstance(holder, Mapping):
        return cast("Mapping[str, Any]", holder).get(name)
    return getattr(holder, name, None)


def _is_repeated(call: ToolCall, other: ToolCall) -> bool:
    """Whether two calls of one id are the same."""
    named, other_named = call.function, other.function
    return (
        (call.type, named.name, unknown_of(call))
        == (other.type, other_named.name, unknown_of(other))
        and unknown_of(named) == unknown_of(other_named)
        and are_same_json(named.arguments, other_named.arguments)
    )


def tool_name(call: ToolCall) -> str:
    """What the model calls, by its name: a function or a custom tool."""
    return call.function.name or str(fields_of((unknown_of(call) or {}).get("custom")).get("name"))


class ToolCaller:
    """Runs the calls of one run of tools: those of a round at once, each in a task."""

    def __init__(
        self,
        tools: Mapping[str, Tool[..., Any]],
        approve: Approve | None,
        telemetry: TelemetryObserver | None,
        *,
        start_approve: Start | None,
    ) -> None:
        self._tools = tools
        """By name."""
        self._approve = approve
        self._start_approve = start_approve
        """Has a plain `approve` run by a thread that there is; None for one of its own."""
        self._asking = asyncio.Lock()
        """Held while `approve` is asked: one call at a time, in their order, since locks are fair."""
        self._telemetry = telemetry
        self.runs: int = 0
        """Calls that have been run, those that failed included; `approve` may keep others from it."""
        self.tasks: dict[asyncio.Task[ToolResult], ToolCall] = {}
        """The calls of the newest round, in their order, by what runs them; also once the run has ended within the round."""
        self.waiting: set[asyncio.Task[ToolResult]] = set()
        """The tasks whose results weren't returned yet."""
        self._begun: set[asyncio.Task[Any] | None] = set()
        """The tasks whose tools were called."""

    def start(self, calls: Sequence[ToolCall]) -> None:
        """Starts the calls of a round."""
        self.tasks = {asyncio.create_task(self._run_call(call)): call for call in calls}
        self.waiting, self._begun = set(self.tasks), set()
        for task in self.tasks:
            task.add_done_callback(_retrieve_exception)

    async def next_results(self) -> list[ToolResult]:
        """The results of the next calls that end, at least one. Raises what `approve` raised, and `HorayError` for a
        task that something else has cancelled.
        """
        done, self.waiting = await asyncio.wait(self.waiting, return_when=FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                task.result()  # raises it; the others may be cancelled because of it
        if any(task.cancelled() for task in done):
            # Passed on as it is, it would look as if whoever reads the run had been cancelled.
            raise HorayError("the task of a tool was cancelled")
        # Copies: what a reader does with them changes nothing that the model is told.
        return [_copy_of(task.result()) for task in self.tasks if task in done]

    def messages(self, *, stopped: bool) -> list[ToolMessage]:
        """The messages with the results of this round so far. Where the run was `stopped`, a tool that was called and
        hasn't ended has a message that says so, since a conversation can't go on without one. A tool that wasn't
        called, because of `approve` or the time, has none.
        """
        messages: list[ToolMessage] = []
        for task, call in self.tasks.items():
            if task.done() and not task.cancelled() and task.exception() is None:
                result = task.result()
                content = result.content if result.parts is None else result.parts
                messages.append(ToolMessage(content, tool_call_id=result.tool_call.id))
            elif stopped and task in self._begun:
                messages.append(ToolMessage(STOPPED, tool_call_id=call.id))
        return messages

    def pop_messages(self) -> list[ToolMessage]:
        """The messages of a round whose results were all handed out."""
        messages, self.tasks = self.messages(stopped=False), {}
        return messages

    def cancel(self) -> None:
        """Cancels the calls that run."""
        for task in self.tasks:
            task.cancel()

    async def stop(self) -> None:
        """Cancels the calls that run, and waits a bounded time until they have cleaned up."""
        self.cancel()
        await wait_for_cleanup(self.tasks)

    async def _run_call(self, call: ToolCall) -> ToolResult:
        """Runs the tool that `call` names. What the tool raises goes to the model, as the result; what `approve`
        raises is raised.
        """
        began = time.perf_counter()
        try:
            tool, arguments = self._parsed(call)
        except Exception as error:  # noqa: BLE001 - the model is to know, and may do better
            return self._not_run(call, error, began)
        if self._approve is not None:
            approved = await self._approved(call, self._approve)
            if isinstance(approved, str):
                return ToolResult(call, well_formed(approved), ran=False)
            if approved != call.function:  # what it has approved is what runs
                call = copy(call)
                call.function = approved
                try:
                    tool, arguments = self._parsed(call)
                except Exception as error:  # noqa: BLE001 - as above
                    return self._not_run(call, error, began)
        self._begun.add(asyncio.current_task())
        with self._observed(call) as on_end:
            result = await _execute(call, tool, arguments)
            on_end(result)
        return result

    async def _approved(self, call: ToolCall, approve: Approve) -> FunctionCall | str:
        """The function and arguments that `approve` lets run, or a text to tell the model instead."""
        # A copy: the message that it is a part of says what the model has asked for.
        asked = deepcopy(call)
        async with self._asking:
            said = await self._ask(partial(approve, asked))
        if said is False:
            return REFUSED
        if isinstance(said, str):
            return said
        if isinstance(said, Mapping):
            asked.function.arguments = _result_text(dict(cast("Mapping[str, object]", said)))
        elif said is not None and said is not True:
            raise TypeError(
                "approve returns None or True to let the call run, False to refuse it, a string to tell the model "
                f"instead, or a mapping of arguments; not {said!r}"
            )
        return _checked(asked.function)

    async def _ask(self, approve: Callable[[], Any]) -> Any:
        """What `approve` says. Where it raises, the run ends: it isn't asked about the other calls."""
        try:
            return await call_user_code(approve, start=self._start_approve)
        except Exception:
            for task in self.tasks.keys() - {asyncio.current_task()}:
                task.cancel()
            raise

    def _not_run(self, call: ToolCall, error: Exception, began: float) -> ToolResult:
        """The result of a call whose tool doesn't exist, or whose arguments don't fit."""
        result = _failed(call, error, began, ran=False)
        with self._observed(call) as on_end:
            on_end(result)
        return result

    def _parsed(self, call: ToolCall) -> tuple[Tool[..., Any], Any]:
        """The tool that `call` names, and its arguments as that takes them."""
        asked = call.function
        tool = self._tools.get(asked.name)
        if tool is None:
            known = ", ".join(sorted(self._tools))
            raise LookupError(f"there is no tool {asked.name!r}; there are: {known}")
        return tool, parse_arguments(tool.signature.arguments, asked.arguments, asked.name)

    def _observed(self, call: ToolCall) -> AbstractContextManager[Callable[[ToolResult], object]]:
        """A context in which telemetry observes the call; the function that it yields is called with the result."""
        self.runs += 1
        if self._telemetry is None:
            return nullcontext(lambda result: result)
        tool = self._tools.get(call.function.name)
        return self._telemetry.tool(call, None if tool is None else tool.description)


def _copy_of(result: ToolResult) -> ToolResult:
    """A result as the reader of a run gets it: all but the tool's own value and error is a copy."""
    made = copy(result)
    made.tool_call, made.parts = deepcopy((result.tool_call, result.parts))
    return made


def _retrieve_exception(task: asyncio.Task[ToolResult]) -> None:
    """Retrieves a call's exception, which asyncio would report where nothing waits for the call any more."""
    if not task.cancelled():
        task.exception()


def _checked(function: FunctionCall) -> FunctionCall:
    """What `approve` has left of a call. Raises `TypeError` where it is no name with a JSON text any more."""
    if not isinstance(cast("object", function), FunctionCall):
        raise TypeError(
            f"approve has set tool_call.function to {function!r}: set its name or arguments"
        )
    for field, value in (("name", function.name), ("arguments", function.arguments)):
        if not isinstance(cast("object", value), str):
            raise TypeError(
                f"approve has set tool_call.function.{field}, which is a text, to {value!r}; return a mapping to change the "
                "arguments"
            )
    return function


async def _execute(call: ToolCall, tool: Tool[..., Any], arguments: Any) -> ToolResult:
    began = time.perf_counter()
    function = tool.function
    try:
        if isinstance(function, type) and isinstance(arguments, function):
            value: Any = arguments  # the tool is the class
        else:
            args, kwargs = tool.signature.bound(arguments)
            call_tool = partial(function, *args, **kwargs)
            value = await call_user_code(call_tool, to_its_end=True)
        parts = _parts(value)
        content = contain(_result_text, value) if parts is None else _text_of(parts)
    except Exception as error:  # noqa: BLE001 - a tool may raise anything; the model is to know
        return _failed(call, error, began)
    return ToolResult(call, content, value, parts=parts, seconds=time.perf_counter() - began)


def _failed(call: ToolCall, error: Exception, began: float, *, ran: bool = True) -> ToolResult:
    content = message_of(error)
    if isinstance(error, AnswerError) and not ran:
        found = "; ".join(f"{path}: {message}" for path, message in error.errors)
        content = f"the arguments don't fit: {found}"
    seconds = time.perf_counter() - began
    told = well_formed(f"Error: {content}")
    return ToolResult(call, told, error=error, seconds=seconds, ran=ran)


STOPPED = (
    "Error: the run was stopped before this call was over; what it has done by then isn't known"
)
"""The message for the model about a tool that was called and has no result."""

REFUSED = "The call was not approved."
"""The message for the model about a call that `approve` refused."""


def _parts(value: Any) -> list[TextPart | ImagePart] | None:
    """A result that is made of content parts; None for any other."""
    parts = value if is_array(value) else [value]
    if not parts or not all(isinstance(part, TextPart | ImagePart) for part in parts):
        return None
    return [
        TextPart(well_formed(part.text)) if isinstance(part, TextPart) else part for part in parts
    ]


def _text_of(parts: list[TextPart | ImagePart]) -> str:
    return "\n".join(part.text if isinstance(part, TextPart) else "[image]" for part in parts)


def _result_text(value: Any) -> str:
    """A result as the model reads it: texts as they are, all else as JSON."""
    if isinstance(value, str):
        return well_formed(value)
    # The encoder would silently write null for infinity and NaN, and base64 for bytes.
    plain = msgspec.to_builtins(value, enc_hook=encode_foreign, builtin_types=UNENCODED)
    _check(plain)
    try:
        return ENCODER.encode(plain).decode()
    except UnicodeEncodeError:
        return ENCODER.encode(with_texts(plain, well_formed)).decode()


def _check(plain: Any) -> None:
    """Raises `TypeError` where a value has something in it that JSON can't hold."""
    if isinstance(plain, bytes | bytearray | memoryview):
        raise TypeError("a result of bytes has no JSON form: return text, or an ImagePart")
    if isinstance(plain, float | Decimal) and not math.isfinite(plain):
        raise TypeError(f"the number {plain} has no JSON form")
    if isinstance(plain, dict):
        items = cast("dict[Any, Any]", plain)
        for item in chain(items, items.values()):
            _check(item)
    elif isinstance(plain, list | tuple | AbstractSet):
        for item in cast("Iterable[Any]", plain):
            _check(item)


UNENCODED = (Decimal, bytes, bytearray, memoryview)
"""Types that stay as they are in the plain form of a result."""
ENCODER = msgspec.json.Encoder(decimal_format="number")
