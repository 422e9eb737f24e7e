"""Merging streamed chunks into the whole answer.

Adding a chunk takes constant time: pieces are collected, and joined only when a result is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from horay_async.models._base import Response
from horay_async.models.chat import (
    ChatChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatLogprobs,
    ChatMessage,
    FunctionCall,
    ToolCall,
    ToolCallDelta,
)
from horay_async.models.completions import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionLogprobs,
)
from horay_async.models.events import (
    ChatEvent,
    ChoiceFinished,
    CompletionEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    UsageReported,
)

__all__ = ["Accumulator", "ChatAccumulator", "CompletionAccumulator", "number_choices"]


class _Numbered(Protocol):
    index: int


def number_choices(choices: Sequence[_Numbered]) -> None:
    """Gives choices their position as index where the server sent none: all are 0 then."""
    if len(choices) > 1 and not any(choice.index for choice in choices):
        for position, choice in enumerate(choices):
            choice.index = position


AnswerT = TypeVar("AnswerT", bound=Response)
ChunkT = TypeVar("ChunkT", bound=Response)


class _Choice:
    """The pieces of one choice so far."""

    __slots__ = ("finish_reason", "logprobs", "reasoning", "refusal", "role", "text", "tools")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.finish_reason: str | None = None
        self.role = "assistant"
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.tools: dict[int, _Tool] = {}
        self.logprobs: Any = None


class _Tool:
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


class Accumulator(Generic[ChunkT, AnswerT]):
    """Collects the chunks of one stream; `expected` is how many choices were asked for."""

    def __init__(self, expected: int = 1) -> None:
        self._expected = expected
        self._choices: dict[int, _Choice] = {}
        self._first: ChunkT | None = None
        self._unfinished = 0
        self._usage: Any = None
        self._fingerprint: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every choice asked for has its finish reason."""
        return not self._unfinished and len(self._choices) >= self._expected

    @property
    def empty(self) -> bool:
        """Whether no chunk was added."""
        return self._first is None

    def add(self, chunk: ChunkT, events: list[Any] | None = None) -> bool:
        """Takes in `chunk`; says whether it held any generated content.

        `events`, where given, gets what the chunk means appended, as events.
        """
        raise NotImplementedError

    def result(self) -> AnswerT:
        """The whole answer, or as much of it as has come."""
        raise NotImplementedError

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
            self._unfinished += 1
        return choice

    def _finish(self, choice: _Choice, reason: str) -> None:
        if choice.finish_reason is None:
            self._unfinished -= 1
        choice.finish_reason = reason

    def _in_order(self) -> list[tuple[int, _Choice]]:
        return sorted(self._choices.items())


class CompletionAccumulator(Accumulator[CompletionChunk, Completion]):
    """Merges the chunks of a text completion."""

    _prompt: Any = None

    def add(self, chunk: CompletionChunk, events: list[CompletionEvent] | None = None) -> bool:
        if self._first is None:
            self._first = chunk
        number_choices(chunk.choices)
        content = False
        for piece in chunk.choices:
            choice = self._choices.get(piece.index) or self._choice(piece.index)
            if piece.delta is not None and not piece.text:
                # Some servers stream chat deltas on this path too.
                sent = piece.delta.get("content")
                piece.text = sent if isinstance(sent, str) else ""
            if piece.text:
                choice.text.append(piece.text)
                content = True
                if events is not None:
                    events.append(TextDelta(piece.index, piece.text))
            if piece.finish_reason is not None:
                self._finish(choice, piece.finish_reason)
                if events is not None:
                    events.append(ChoiceFinished(piece.index, piece.finish_reason))
            if piece.logprobs is not None:
                _extend_logprobs(choice, piece.logprobs)
        if chunk.usage is not None:
            self._usage = chunk.usage
            if events is not None:
                events.append(UsageReported(chunk.usage))
        if chunk.prompt is not None:
            self._prompt = chunk.prompt
        if chunk.system_fingerprint is not None:
            self._fingerprint = chunk.system_fingerprint
        return content

    def result(self) -> Completion:
        first = self._first or CompletionChunk()
        return Completion(
            id=first.id,
            object="text_completion",
            created=first.created,
            model=first.model,
            choices=[
                CompletionChoice(
                    index=index,
                    text="".join(choice.text),
                    finish_reason=choice.finish_reason,
                    logprobs=choice.logprobs,
                )
                for index, choice in self._in_order()
            ],
            prompt=self._prompt,
            usage=self._usage,
            system_fingerprint=self._fingerprint,
        )


class ChatAccumulator(Accumulator[ChatCompletionChunk, ChatCompletion]):
    """Merges the chunks of a chat completion."""

    _service_tier: str | None = None

    def add(self, chunk: ChatCompletionChunk, events: list[ChatEvent] | None = None) -> bool:
        if self._first is None:
            self._first = chunk
        choices = chunk.choices
        if len(choices) > 1:
            number_choices(choices)
        content = False
        for piece in choices:
            choice = self._choices.get(piece.index) or self._choice(piece.index)
            delta = piece.delta
            if delta.content:
                choice.text.append(delta.content)
                content = True
                if events is not None:
                    events.append(TextDelta(piece.index, delta.content))
            if delta.role is not None:
                choice.role = delta.role
            if delta.reasoning_content:
                choice.reasoning.append(delta.reasoning_content)
                content = True
                if events is not None:
                    events.append(ReasoningDelta(piece.index, delta.reasoning_content))
            if delta.refusal:
                choice.refusal.append(delta.refusal)
                content = True
                if events is not None:
                    events.append(RefusalDelta(piece.index, delta.refusal))
            if delta.tool_calls:
                for call in delta.tool_calls:
                    _add_tool(choice, call, piece.index, events)
                content = True
            if piece.finish_reason is not None:
                if events is not None and choice.finish_reason is None:
                    for number, tool in sorted(choice.tools.items()):
                        events.append(ToolCallDone(piece.index, number, tool.call()))
                    events.append(ChoiceFinished(piece.index, piece.finish_reason))
                self._finish(choice, piece.finish_reason)
            if piece.logprobs is not None:
                _extend_chat_logprobs(choice, piece.logprobs)
        if chunk.usage is not None:
            self._usage = chunk.usage
            if events is not None:
                events.append(UsageReported(chunk.usage))
        if chunk.system_fingerprint is not None:
            self._fingerprint = chunk.system_fingerprint
        if chunk.service_tier is not None:
            self._service_tier = chunk.service_tier
        return content

    def result(self) -> ChatCompletion:
        first = self._first or ChatCompletionChunk()
        return ChatCompletion(
            id=first.id,
            object="chat.completion",
            created=first.created,
            model=first.model,
            choices=[
                ChatChoice(
                    index=index,
                    message=ChatMessage(
                        role=choice.role,
                        # No text at all is null, as the server would have sent it unstreamed.
                        content="".join(choice.text) if choice.text or not choice.tools else None,
                        refusal="".join(choice.refusal) or None,
                        reasoning_content="".join(choice.reasoning) or None,
                        tool_calls=[tool.call() for _, tool in sorted(choice.tools.items())]
                        or None,
                    ),
                    finish_reason=choice.finish_reason,
                    logprobs=choice.logprobs,
                )
                for index, choice in self._in_order()
            ],
            usage=self._usage,
            system_fingerprint=self._fingerprint,
            service_tier=self._service_tier,
        )


def _add_tool(
    choice: _Choice, delta: ToolCallDelta, index: int, events: list[ChatEvent] | None
) -> None:
    number = _tool_index(choice.tools, delta)
    tool = choice.tools.get(number)
    started = tool is None
    if tool is None:
        tool = choice.tools[number] = _Tool()
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


def _tool_index(known: dict[int, _Tool], delta: ToolCallDelta) -> int:
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


def _extend_logprobs(choice: _Choice, more: CompletionLogprobs) -> None:
    if choice.logprobs is None:
        choice.logprobs = CompletionLogprobs()
    have: CompletionLogprobs = choice.logprobs
    have.tokens.extend(more.tokens)
    have.token_logprobs.extend(more.token_logprobs)
    have.top_logprobs = _joined(have.top_logprobs, more.top_logprobs)
    have.text_offset = _joined(have.text_offset, more.text_offset)


def _extend_chat_logprobs(choice: _Choice, more: ChatLogprobs) -> None:
    if choice.logprobs is None:
        choice.logprobs = ChatLogprobs()
    have: ChatLogprobs = choice.logprobs
    have.content = _joined(have.content, more.content)
    have.refusal = _joined(have.refusal, more.refusal)


T = TypeVar("T")


def _joined(have: list[T] | None, more: list[T] | None) -> list[T] | None:
    if more is None:
        return have
    if have is None:
        return list(more)
    have.extend(more)
    return have
