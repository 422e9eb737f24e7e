"""Merging streamed chunks into the whole answer.

Adding a chunk takes constant time: pieces are collected, and joined only when a result is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from horay_async._protocol.wire.decode import number_choices
from horay_async._protocol.wire.pieces import Choice, add_tool, extended, extended_chat
from horay_async.models._base import Response
from horay_async.models.chat import (
    ChatChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatMessage,
)
from horay_async.models.completions import Completion, CompletionChoice, CompletionChunk
from horay_async.models.events import (
    ChatEvent,
    ChoiceFinished,
    CompletionEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDone,
    UsageReported,
)

__all__ = ["Accumulator", "ChatAccumulator", "CompletionAccumulator"]


AnswerT = TypeVar("AnswerT", bound=Response)
ChunkT = TypeVar("ChunkT", bound=Response)


class Accumulator(ABC, Generic[ChunkT, AnswerT]):
    """Collects the chunks of one stream; `expected` is how many choices were asked for."""

    def __init__(self, expected: int = 1) -> None:
        self._expected = expected
        self._choices: dict[int, Choice] = {}
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

    @property
    def texts(self) -> tuple[list[str], ...]:
        """The lists that text and reasoning are collected in, where there is just one choice."""
        if len(self._choices) != 1:
            return ()
        (choice,) = self._choices.values()
        return choice.text, choice.reasoning

    @abstractmethod
    def add(self, chunk: ChunkT, events: list[Any] | None = None) -> bool:
        """Takes in `chunk`; says whether it held any generated content.

        `events`, where given, gets what the chunk means appended, as events.
        """

    @abstractmethod
    def result(self) -> AnswerT:
        """The whole answer, or as much of it as has come."""

    def _begin(self, index: int) -> Choice:
        choice = self._choices[index] = Choice()
        self._unfinished += 1
        return choice

    def _finish(self, choice: Choice, reason: str) -> None:
        if choice.finish_reason is None:
            self._unfinished -= 1
        choice.finish_reason = reason

    def _in_order(self) -> list[tuple[int, Choice]]:
        return sorted(self._choices.items())


class CompletionAccumulator(Accumulator[CompletionChunk, Completion]):
    """Merges the chunks of a text completion."""

    _prompt: Any = None

    def add(self, chunk: CompletionChunk, events: list[CompletionEvent] | None = None) -> bool:
        if self._first is None or (chunk.id and not self._first.id):
            self._first = chunk
        choices = chunk.choices
        if len(choices) > 1:
            number_choices(choices)
        content = False
        for piece in choices:
            choice = self._choices.get(piece.index) or self._begin(piece.index)
            if piece.delta is not None and not piece.text:
                # Some servers stream chat deltas on this path too.
                sent = piece.delta.get("content")
                piece.text = sent if isinstance(sent, str) else ""
            if piece.text:
                choice.text.append(piece.text)
                content = True
                if events is not None:
                    events.append(TextDelta(piece.index, piece.text))
            if piece.finish_reason:  # some servers send "" until then
                if events is not None and choice.finish_reason is None:
                    events.append(ChoiceFinished(piece.index, piece.finish_reason))
                self._finish(choice, piece.finish_reason)
            if piece.logprobs is not None:
                choice.logprobs = extended(choice.logprobs, piece.logprobs)
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
                    logprobs=choice.logprobs and extended(None, choice.logprobs),
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
        if self._first is None or (chunk.id and not self._first.id):
            self._first = chunk
        choices = chunk.choices
        if len(choices) > 1:
            number_choices(choices)
        content = False
        for piece in choices:
            choice = self._choices.get(piece.index) or self._begin(piece.index)
            delta = piece.delta
            if delta.content:
                choice.text.append(delta.content)
                content = True
                if events is not None:
                    events.append(TextDelta(piece.index, delta.content))
            if delta.role:
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
                    add_tool(choice, call, piece.index, events)
                content = True
            if piece.finish_reason:  # some servers send "" until then
                if events is not None and choice.finish_reason is None:
                    for number, tool in sorted(choice.tools.items()):
                        events.append(ToolCallDone(piece.index, number, tool.call()))
                    events.append(ChoiceFinished(piece.index, piece.finish_reason))
                self._finish(choice, piece.finish_reason)
            if piece.logprobs is not None:
                choice.logprobs = extended_chat(choice.logprobs, piece.logprobs)
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
                        content=choice.content(),
                        refusal="".join(choice.refusal) or None,
                        reasoning_content="".join(choice.reasoning) or None,
                        tool_calls=[tool.call() for _, tool in sorted(choice.tools.items())]
                        or None,
                    ),
                    finish_reason=choice.finish_reason,
                    logprobs=choice.logprobs and extended_chat(None, choice.logprobs),
                )
                for index, choice in self._in_order()
            ],
            usage=self._usage,
            system_fingerprint=self._fingerprint,
            service_tier=self._service_tier,
        )
