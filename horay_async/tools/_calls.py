"""Running one tool call: its arguments checked, its result or its failure put into words for the model."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from horay_async._protocol.structured.parse import parse_text
from horay_async.errors import AnswerError
from horay_async.models.chat import ToolCall
from horay_async.models.events import ToolResult
from horay_async.models.messages import ToolMessage
from horay_async.tools.define import Tool

if TYPE_CHECKING:
    from horay_async._observe import Telemetry

__all__ = ["run_call", "told"]


async def run_call(
    call: ToolCall, tools: Mapping[str, Tool[..., Any]], telemetry: Telemetry | None = None
) -> ToolResult:
    """Runs the tool that `call` names. Whatever it raises is in the result, and told to the model."""
    if telemetry is None:
        return await _run(call, tools)
    from horay_async._observe import ToolEnded, ToolStarted  # noqa: PLC0415 - seldom needed

    tool = tools.get(call.function.name)
    started = ToolStarted(
        name=call.function.name,
        call_id=call.id,
        arguments=call.function.arguments,
        description=None if tool is None else tool.description,
    )
    with telemetry.tool(started) as on_end:
        result = await _run(call, tools)
        on_end(ToolEnded(content=result.content, error=result.error))
        return result


async def _run(call: ToolCall, tools: Mapping[str, Tool[..., Any]]) -> ToolResult:
    began = time.perf_counter()
    value: Any = None
    failure: Exception | None = None
    try:
        value = await _called(call, tools)
        content = _text(value)
    except AnswerError as error:
        content, failure = _mismatches(error), error
    except Exception as error:  # noqa: BLE001 - a tool may raise anything; the model is to know
        content, failure = f"Error: {type(error).__name__}: {error}", error
    seconds = time.perf_counter() - began
    return ToolResult(call, content, value, failure, seconds)


def told(result: ToolResult) -> ToolMessage:
    """The message that tells the model."""
    return ToolMessage(result.content, tool_call_id=result.tool_call.id)


async def _called(call: ToolCall, tools: Mapping[str, Tool[..., Any]]) -> Any:
    tool = tools.get(call.function.name)
    if tool is None:
        known = ", ".join(sorted(tools))
        raise LookupError(f"there is no tool {call.function.name!r}; there are: {known}")
    signature = tool.signature
    # Some models send nothing at all for a function without parameters.
    arguments = parse_text(signature.arguments, call.function.arguments.strip() or "{}")
    function = tool.function
    if isinstance(arguments, function if isinstance(function, type) else ()):
        return arguments
    args, kwargs = signature.bound(arguments)
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    value = await asyncio.to_thread(_in_thread, function, args, kwargs)
    return await value if inspect.isawaitable(value) else value


def _in_thread(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except (
        StopIteration
    ) as error:  # Python 3.11 can't hand it over to whom awaits it, who waits for ever
        raise RuntimeError("it raised StopIteration") from error


def _mismatches(error: AnswerError) -> str:
    found = "; ".join(f"{path}: {message}" for path, message in error.errors)
    return f"Error: the arguments don't fit: {found}"


def _text(value: Any) -> str:
    """A result as the model reads it: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else ENCODER.encode(value).decode()


def _plainly(value: Any) -> Any:
    """For what the encoder doesn't know: pydantic models."""
    if hasattr(value, "__pydantic_fields__"):
        return value.model_dump(mode="json")
    raise TypeError(f"a result of type {type(value).__qualname__} has no JSON form")


ENCODER = msgspec.json.Encoder(enc_hook=_plainly, decimal_format="number")
