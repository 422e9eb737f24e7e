"""The pieces of one choice that chunks bring, and how each kind is joined to those before it."""

from __future__ import annotations

from typing import Any, TypeVar

from horay_async.models.chat import ChatLogprobs, FunctionCall, ToolCall, ToolCallDelta
from horay_async.models.completions import CompletionLogprobs
from horay_async.models.events import ChatEvent, ToolCallArgumentsDelta, ToolCallStarted

__all__ = ["Choice", "Tool", "add_tool", "extended", "extended_chat"]

T = TypeVar("T")


class Choice:
    """The pieces of one choice so far."""

    __slots__ = ("finish_reason", "logprobs", "reasoning", "refusal", "role", "text", "tools")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.finish_reason: str | None = None
        self.role = "assistant"
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.tools: dict[int, Tool] = {}
        self.logprobs: Any = None

    def content(self) -> str | None:
        """The text; None where something else came in its place, as servers send it unstreamed."""
        other = self.tools or self.refusal
        return "".join(self.text) if self.text or not other else None


class Tool:
    """The pieces of one tool call so far."""

    __slots__ = ("arguments", "id", "name", "type")

    def __init__(self) -> None:
        self.id = ""
        self.type = "function"
        self.name = ""
        self.arguments: list[str] = []

    def call(self) -> ToolCall:
        function = FunctionCall(name=self.name, arguments="".join(self.arguments))
        return ToolCall(id=self.id, type=self.type, function=function)


def add_tool(
    choice: Choice, delta: ToolCallDelta, index: int, events: list[ChatEvent] | None
) -> None:
    number = _tool_number(choice.tools, delta)
    tool = choice.tools.get(number)
    started = tool is None
    if tool is None:
        tool = choice.tools[number] = Tool()
    if delta.id:
        tool.id = delta.id
    if delta.type:
        tool.type = delta.type
    arguments = None
    if delta.function is not None:
        if delta.function.name:
            tool.name += delta.function.name
        arguments = delta.function.arguments
    if started and events is not None:
        events.append(ToolCallStarted(index, number, tool.id, tool.name))
    if arguments:
        tool.arguments.append(arguments)
        if events is not None:
            events.append(ToolCallArgumentsDelta(index, number, arguments))


def _tool_number(known: dict[int, Tool], delta: ToolCallDelta) -> int:
    """Which tool call a delta belongs to.

    Servers that leave the index out send each call whole, or go on with the newest: a new id opens a
    new call.
    """
    if delta.index is not None:
        return delta.index
    newest = max(known, default=-1)
    if newest < 0 or (delta.id and known[newest].id not in ("", delta.id)):
        return newest + 1
    return newest


def extended(have: CompletionLogprobs | None, more: CompletionLogprobs) -> CompletionLogprobs:
    """`have` with `more` behind it; a copy of `more` where there is none yet."""
    if have is None:
        have = CompletionLogprobs()
    if more.top_logprobs is not None and have.top_logprobs is None:
        have.top_logprobs = []
    if have.top_logprobs or more.top_logprobs:
        # Aligned with the tokens, also where only some of the chunks have alternatives.
        have.top_logprobs = top = have.top_logprobs or []
        top.extend([None] * (len(have.tokens) - len(top)))
        top.extend(more.top_logprobs or [None] * len(more.tokens))
    have.tokens.extend(more.tokens)
    have.token_logprobs.extend(more.token_logprobs)
    have.text_offset = _joined(have.text_offset, more.text_offset)
    return have


def extended_chat(have: ChatLogprobs | None, more: ChatLogprobs) -> ChatLogprobs:
    """`have` with `more` behind it; a copy of `more` where there is none yet."""
    if have is None:
        have = ChatLogprobs()
    have.content = _joined(have.content, more.content)
    have.refusal = _joined(have.refusal, more.refusal)
    return have


def _joined(have: list[T] | None, more: list[T] | None) -> list[T] | None:
    if more is None:
        return have
    if have is None:
        return list(more)
    have.extend(more)
    return have
