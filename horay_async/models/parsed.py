"""Responses whose text was made an instance of a caller's class."""

# Made once and then read, so that narrowing the fields of the base classes does no harm:
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from horay_async.models.chat import ChatChoice, ChatCompletion, ChatMessage, FunctionCall, ToolCall

__all__ = [
    "ParsedChoice",
    "ParsedCompletion",
    "ParsedFunctionCall",
    "ParsedMessage",
    "ParsedToolCall",
]

T = TypeVar("T")

NOT_SENT = {"sent": False}
"""Marks a field that stays behind when the message goes into the next request."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ParsedFunctionCall(FunctionCall):
    """Which function the model wants called, and with what."""

    parsed_arguments: Any = attrs.field(default=None, metadata=NOT_SENT)
    """For a tool made of a class, an instance of it; for one made of a function, an object with its
    parameters as attributes. None for a tool that was given in the API's JSON form."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ParsedToolCall(ToolCall):
    """One call of a tool that the model asks for."""

    function: ParsedFunctionCall = attrs.field(factory=ParsedFunctionCall)
    """What is to be called, its arguments parsed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ParsedMessage(ChatMessage, Generic[T]):
    """The model's message. It can be put into the next request's `messages` as it is."""

    parsed: T | None = attrs.field(default=None, metadata=NOT_SENT)
    """The text as an instance of the class; None where the model called tools instead, whatever it
    says beside them that is no instance, and in a snapshot where the text isn't whole yet."""
    tool_calls: list[ParsedToolCall] | None = None  # type: ignore[assignment] # narrowed, see above


@attrs.define(kw_only=True, eq=False, repr=False)
class ParsedChoice(ChatChoice, Generic[T]):
    """One generated response."""

    message: ParsedMessage[T] = attrs.field(factory=ParsedMessage[T])


@attrs.define(kw_only=True, eq=False, repr=False)
class ParsedCompletion(ChatCompletion, Generic[T]):
    """A whole chat completion, its text made instances of a class."""

    choices: list[ParsedChoice[T]] = attrs.field(factory=list[ParsedChoice[T]])  # type: ignore[assignment] # narrowed, see above
