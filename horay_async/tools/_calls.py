"""Running one tool call: its arguments checked, its result or its failure put into text for the model."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import attrs
import msgspec

from horay_async._json import is_array, plain_value
from horay_async._protocol.structured.parse import parse_arguments
from horay_async._protocol.wire.clean import well_formed, with_texts
from horay_async._user_code import contain
from horay_async.errors import AnswerError
from horay_async.models.chat import ToolCall
from horay_async.models.events import ToolResult
from horay_async.models.messages import ImagePart, TextPart, ToolMessage
from horay_async.tools._call_user_code import call_user_code, message_of
from horay_async.tools.define import Approve, Tool

if TYPE_CHECKING:
    from horay_async._observers import TelemetryObserver


@attrs.define(eq=False)
class ToolCaller:
    """Runs the calls of one run of tools."""

    tools: Mapping[str, Tool[..., Any]]
    """By name."""
    approve: Approve | None
    telemetry: TelemetryObserver | None
    _asking: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    """Held while `approve` is asked: one call at a time, in their order, since locks are fair."""
    runs: int = attrs.field(default=0, init=False)
    """Calls that have been run, those that failed included; `approve` may keep others from it."""
    begun: set[asyncio.Task[Any] | None] = attrs.field(
        factory=set["asyncio.Task[Any] | None"], init=False
    )
    """The tasks whose tools were called."""

    async def run(self, call: ToolCall) -> ToolResult:
        """Runs the tool that `call` names. What the tool raises is in the result, and told to the model; what
        `approve` raises is raised.
        """
        began = time.perf_counter()
        try:
            tool, arguments = self._parsed(call)
        except Exception as error:  # noqa: BLE001 - the model is to know, and may do better
            with self._observed(call) as on_end:
                result = _failed(call, error, began)
                on_end(result)
            return result
        if self.approve is not None:
            async with self._asking:
                # A copy: the message that it is a part of says what the model has asked for.
                asked = deepcopy(call)
                approved = await call_user_code(partial(self.approve, asked))
            if isinstance(approved, str):
                return ToolResult(call, well_formed(approved))
            if isinstance(approved, Mapping):
                asked.function.arguments = _result_text(
                    dict(cast("Mapping[str, object]", approved))
                )
            elif approved is not None and approved is not True:
                raise TypeError(
                    "approve returns None or True to let the call run, a string to tell the model instead, "
                    f"or a mapping of arguments; not {approved!r}"
                )
            if asked.function != call.function:  # what it has approved is what runs
                call = copy(call)
                call.function = asked.function
                try:
                    tool, arguments = self._parsed(call)
                except (AnswerError, LookupError) as error:
                    return _failed(call, error, began)
        self.begun.add(asyncio.current_task())
        with self._observed(call) as on_end:
            result = await _run(call, tool, arguments)
            on_end(result)
        return result

    def _parsed(self, call: ToolCall) -> tuple[Tool[..., Any], Any]:
        """The tool that `call` names, and its arguments as that takes them."""
        tool = self.tools.get(call.function.name)
        if tool is None:
            known = ", ".join(sorted(self.tools))
            raise LookupError(f"there is no tool {call.function.name!r}; there are: {known}")
        return tool, parse_arguments(tool.signature.arguments, call.function.arguments)

    def _observed(self, call: ToolCall) -> AbstractContextManager[Callable[[ToolResult], object]]:
        """Within it the call is told to telemetry as going on; the function tells how it has ended."""
        self.runs += 1
        if self.telemetry is None:
            return nullcontext(lambda result: result)
        tool = self.tools.get(call.function.name)
        return self.telemetry.tool(call, None if tool is None else tool.description)


async def _run(call: ToolCall, tool: Tool[..., Any], arguments: Any) -> ToolResult:
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


def _failed(call: ToolCall, error: Exception, began: float) -> ToolResult:
    content = message_of(error)
    if isinstance(error, AnswerError):
        found = "; ".join(f"{path}: {message}" for path, message in error.errors)
        content = f"the arguments don't fit: {found}"
    seconds = time.perf_counter() - began
    return ToolResult(call, well_formed(f"Error: {content}"), error=error, seconds=seconds)


STOPPED = (
    "Error: the run was stopped before this call was over; what it has done by then isn't known"
)
"""What the model is told of a tool that was called, and brought no result."""


def stopped(call: ToolCall) -> ToolMessage:
    """The message for a call whose tool was stopped at its work: a conversation can't go on without one."""
    return ToolMessage(STOPPED, tool_call_id=call.id)


def tool_message(result: ToolResult) -> ToolMessage:
    """The message that tells the model."""
    content = result.content if result.parts is None else result.parts
    return ToolMessage(content, tool_call_id=result.tool_call.id)


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
    # The encoder would make null of what is no number, and base64 of bytes, without a word.
    plain = msgspec.to_builtins(value, enc_hook=_plainly, builtin_types=UNENCODED)
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
    if isinstance(plain, dict | list):
        items = cast("dict[Any, Any] | list[Any]", plain)
        for item in items.values() if isinstance(items, dict) else items:
            _check(item)


def _plainly(value: Any) -> Any:
    """For what the encoder doesn't know: pydantic models, and texts and numbers of derived classes."""
    if hasattr(value, "__pydantic_fields__"):
        return value.model_dump(mode="json")
    return plain_value(value)


UNENCODED = (Decimal, bytes, bytearray, memoryview)
"""What stays as it is where a result is made of plain values."""
ENCODER = msgspec.json.Encoder(enc_hook=_plainly, decimal_format="number")
