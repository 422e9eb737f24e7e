"""Merging streamed chunks into the whole response.

Adding a chunk takes constant time: pieces are collected, and joined only when a result is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

import attrs

from horay_async._json import Json
from horay_async._protocol.wire.decode import NO_DIFFERENCES, drift_of, number_choices
from horay_async._protocol.wire.dialects import MEDIA
from horay_async._protocol.wire.finish_reasons import cut_of
from horay_async._protocol.wire.tool_calls import ToolCalls
from horay_async._protocol.wire.unknown import (
    count_unknown,
    drop_repeated,
    merge_unknown,
    replace_unknown,
    with_unknown,
)
from horay_async.models._base import Response
from horay_async.models.chat import (
    ChatChoice,
    ChatCompletion,
    ChatLogprobs,
    ChatMessage,
    TokenLogprob,
)
from horay_async.models.chat_chunks import ChatChunkChoice, ChatCompletionChunk
from horay_async.models.completions import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
    CompletionLogprobs,
)
from horay_async.models.events import (
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    UsageReported,
)
from horay_async.models.usage import Usage, updated

ResponseT = TypeVar("ResponseT", bound=Response)
ChunkT = TypeVar("ChunkT", bound=Response)
ChoiceChunkT = TypeVar("ChoiceChunkT", CompletionChunk, ChatCompletionChunk)
T = TypeVar("T")

ALTERNATIVES_PER_OBJECT = 4
"""Of the objects that a stream leaves, the alternatives to its tokens are the most: 131,072 tokens, the most that common models
generate, with 20 alternatives each have to fit into `max_response_objects`, and do, counted so."""

NO_TOKENS = Usage()

Events = list[Any] | None
"""Where what a chunk means is appended as events; None where nobody asks for them."""


@attrs.define(eq=False, weakref_slot=False)
class MergedChoice:
    """What has come of one choice so far."""

    text: list[str] = attrs.field(factory=list[str])
    finish_reason: str | None = None
    role: str = "assistant"
    refusal: list[str] = attrs.field(factory=list[str])
    reasoning: list[str] = attrs.field(factory=list[str])
    tools: ToolCalls | None = None
    logprobs: Any = None
    unknown: Json = attrs.field(factory=Json)
    unknown_in_logprobs: Json = attrs.field(factory=Json)
    unknown_in_message: Json = attrs.field(factory=Json)

    @property
    def empty(self) -> bool:
        """Whether nothing generated has come."""
        known = self.text or self.tools or self.reasoning or self.refusal or self.logprobs
        return not known and not any(self.unknown_in_message.get(name) for name in MEDIA)

    def content(self) -> str | None:
        """The text; None where something else came in its place, as servers send it unstreamed."""
        other = self.tools or self.refusal
        return "".join(self.text) if self.text or not other else None


class Accumulator(ABC, Generic[ChunkT, ResponseT]):
    """Makes events of the chunks of one stream, and merges them."""

    @abstractmethod
    def add(self, chunk: ChunkT, events: Events = None) -> bool:
        """Takes in `chunk`; says whether it held any generated content.

        `events`, where given, gets what the chunk means appended, as events.
        """

    @abstractmethod
    def end(self, events: list[Any]) -> None:
        """Appends what the end of a complete stream means, as events: choices that no finish reason has ended."""

    def shaped(self, merged: Any) -> ResponseT:
        """What another accumulator has merged of the same stream, as a result of this one."""
        return cast("ResponseT", merged)

    @abstractmethod
    def result(self) -> ResponseT:
        """The whole response, or as much of it as has come."""


class ChoiceAccumulator(Accumulator[ChoiceChunkT, ResponseT]):
    """Merges chunks choice by choice; what a choice has is for the derived classes to say. `expected` is how many choices were
    asked for.
    """

    def __init__(self, expected: int = 1) -> None:
        self._expected = expected
        self._choices: dict[int, MergedChoice] = {}
        self._first: ChoiceChunkT | None = None
        self._unfinished = 0
        self._goes_on = False  # once something generated came behind a finish reason
        self._ended = False
        self._usage: Any = None
        self._fingerprint: str | None = None
        self._unknown: Json = {}
        self.object_count: int = 0
        """Objects that the stream has left here: choices, tool calls and log probabilities; pieces of text
        are counted by who reads the stream."""

    @property
    def finished(self) -> bool:
        """Whether every choice asked for has its finish reason."""
        return not self._unfinished and len(self._choices) >= self._expected

    @property
    def complete(self) -> bool:
        """Whether they have it, and nothing generated has come behind one: some servers send one with each chunk."""
        return self.finished and not self._goes_on

    @property
    def empty(self) -> bool:
        """Whether no chunk was added."""
        return self._first is None

    @property
    def holds_nothing(self) -> bool:
        """Whether there are choices, and nothing generated in any."""
        return bool(self._choices) and all(choice.empty for choice in self._choices.values())

    @property
    def without_choices(self) -> bool:
        """Whether no chunk had a choice."""
        return not self._choices

    @property
    def has_one_choice(self) -> bool:
        """Whether no more than one was asked for, and none but the first has come."""
        return self._expected == 1 and self._choices.keys() <= {0}

    def knows_call(self, choice: int, index: int) -> bool:
        """Whether a tool call of a choice has come with this index."""
        known = self._choices.get(choice)
        return known is not None and known.tools is not None and known.tools.knows(index)

    @property
    def partly_finished(self) -> bool:
        """Whether some choices have their finish reason, and others don't."""
        return 0 < self._unfinished < len(self._choices)

    def add(self, chunk: ChoiceChunkT, events: Events = None) -> bool:
        if self._first is None or (chunk.id and not self._first.id):
            self._first = chunk
        choices: Any = chunk.choices
        if len(choices) > 1:
            number_choices(choices)
        content = False
        for chunk_choice in choices:
            choice = self._choices.get(chunk_choice.index) or self._begin(chunk_choice.index)
            if brought := self._add_choice(choice, chunk_choice, events):
                content = True
                if choice.finish_reason is not None:
                    self._goes_on = True
            if chunk_choice.finish_reason:  # some send "" until then
                if choice.finish_reason is None:
                    self._unfinished -= 1
                    if events is not None:
                        self._tell_calls(choice, chunk_choice.index, events, ended=not brought)
                        events.append(
                            ChoiceFinished(chunk_choice.index, chunk_choice.finish_reason)
                        )
                    choice.finish_reason = chunk_choice.finish_reason
                elif cut_of(chunk_choice.finish_reason) and not cut_of(choice.finish_reason):
                    choice.finish_reason = chunk_choice.finish_reason
            if chunk_choice.logprobs is not None:
                self._add_logprobs(choice, chunk_choice.logprobs)
        # Behind counts, an empty object, or one of zeros, is as good as none.
        if chunk.usage is not None and (self._usage is None or chunk.usage != NO_TOKENS):
            told = chunk.usage
            self._usage = told if self._usage is None else updated(self._usage, told)
            if events is not None:
                events.append(UsageReported(self._usage))
        if chunk.system_fingerprint is not None:
            self._fingerprint = chunk.system_fingerprint
        self._add_rest(chunk)
        if events is not None and drift_of(chunk) is not NO_DIFFERENCES:
            self.add_unknown(chunk)
        return content

    def add_unknown(self, chunk: ChoiceChunkT) -> None:
        """Takes in the fields of `chunk`, which was added, that its classes don't know."""
        self.object_count += replace_unknown(self._unknown, chunk)
        choices: Any = chunk.choices
        for chunk_choice in choices:
            choice = self._choices[chunk_choice.index]
            self.object_count += replace_unknown(choice.unknown, chunk_choice)
            self.object_count += merge_unknown(choice.unknown_in_message, chunk_choice.delta)
            self.object_count += merge_unknown(choice.unknown_in_logprobs, chunk_choice.logprobs)
            if chunk_choice.logprobs is not None:
                self.object_count += self._count_unknown_of_tokens(chunk_choice.logprobs)

    def is_new(self, index: int) -> bool:
        """Whether nothing has come of a choice."""
        choice = self._choices.get(index)
        return choice is None or (choice.empty and not choice.unknown_in_message)

    def is_repeated_by(self, chunk_choice: Any) -> bool:
        """Whether the texts of `chunk_choice`, which came as a message, begin with all that has come."""
        texts = [("".join(pieces), whole) for pieces, whole in self._texts_of(chunk_choice)]
        return any(so_far and whole for so_far, whole in texts) and all(
            whole.startswith(so_far) for so_far, whole in texts if whole
        )

    @abstractmethod
    def _texts_of(self, chunk_choice: Any) -> list[tuple[list[str], str]]:
        """The pieces of each text that have come of a choice, and what a chunk's choice has of it."""

    @abstractmethod
    def drop_repeated(self, chunk_choice: Any, *, may_be_delta: bool) -> bool:
        """Takes out of `chunk_choice`, a choice's end that came as a whole message, what has come before. False where
        that isn't how the message begins.
        """

    @abstractmethod
    def texts_in(self, chunks: Sequence[ChoiceChunkT]) -> list[str]:
        """The text, or the reasoning, of the first choice of each chunk that has one."""

    @abstractmethod
    def only_text_of(self, chunk: ChoiceChunkT) -> list[str] | None:
        """The list to which the text of `chunk`, which was added and has one, was appended. Chunks that differ from it in the
        text alone need no more than that: their texts can be appended to the list, too. None where they add more than text.
        """

    @abstractmethod
    def _add_choice(self, choice: MergedChoice, chunk_choice: Any, events: Events) -> bool:
        """Adds what a chunk has of one choice; says whether there was any."""

    @abstractmethod
    def _add_logprobs(self, choice: MergedChoice, more: Any) -> None:
        """Adds log probabilities."""

    def _count_unknown_of_tokens(self, logprobs: Any) -> int:
        """How many values tokens have in fields that their classes don't know."""
        return 0

    @abstractmethod
    def _add_rest(self, chunk: ChoiceChunkT) -> None:
        """Adds what a chunk has beside its choices."""

    def end(self, events: list[Any]) -> None:
        for index, choice in self._in_order():
            # Some servers send more behind its finish reason.
            self._tell_calls(choice, index, events, ended=True)
            if choice.finish_reason is None and not self._ended:
                events.append(ChoiceFinished(index, None))
        self._ended = True

    def _tell_calls(
        self, choice: MergedChoice, index: int, events: list[Any], *, ended: bool
    ) -> None:
        """Appends that calls are whole, each once and in their order. Unless the choice has `ended`, more can follow what isn't
        whole JSON: some servers send a finish reason with each chunk.
        """
        for call in choice.tools.in_order() if choice.tools else ():
            arguments = call.arguments
            if not (ended or arguments.whole):
                return
            if not call.told:
                call.told = True
                if arguments.pieces and arguments.may_be_placeholder:
                    text = "".join(arguments.pieces)
                    events.append(ToolCallArgumentsDelta(index, call.number, text))
                events.append(ToolCallDone(index, call.number, call.result()))

    def _only_choice(self, chunk: ChoiceChunkT) -> Any:
        """The only choice in `chunk`, if nothing is counted or ends with it."""
        choices: Any = chunk.choices
        if len(choices) != 1 or chunk.usage is not None:
            return None
        chunk_choice = choices[0]
        return (
            None
            if chunk_choice.finish_reason or chunk_choice.logprobs is not None
            else chunk_choice
        )

    def _begin(self, index: int) -> MergedChoice:
        choice = self._choices[index] = MergedChoice()
        self._unfinished += 1
        self.object_count += 1
        return choice

    def _in_order(self) -> list[tuple[int, MergedChoice]]:
        return sorted(self._choices.items())


class CompletionAccumulator(ChoiceAccumulator[CompletionChunk, Completion]):
    """Merges the chunks of a text completion."""

    _prompt: Any = None

    def _add_choice(
        self, choice: MergedChoice, chunk_choice: CompletionChunkChoice, events: Events
    ) -> bool:
        if chunk_choice.delta is not None and not chunk_choice.text:
            # Some servers stream chat deltas on this path too.
            sent = chunk_choice.delta.get("content")
            chunk_choice.text = sent if isinstance(sent, str) else ""
        if not chunk_choice.text:
            return False
        choice.text.append(chunk_choice.text)
        if events is not None:
            events.append(TextDelta(chunk_choice.index, chunk_choice.text))
        return True

    def _texts_of(self, chunk_choice: CompletionChunkChoice) -> list[tuple[list[str], str]]:
        return [(self._choices[chunk_choice.index].text, chunk_choice.text)]

    def drop_repeated(self, chunk_choice: CompletionChunkChoice, *, may_be_delta: bool) -> bool:
        pieces = self._choices[chunk_choice.index].text
        # Others end with one more piece.
        if len(pieces) > 1 and _may_begin_with(chunk_choice.text, pieces):
            chunk_choice.text = chunk_choice.text.removeprefix("".join(pieces))
        return True

    def _add_logprobs(self, choice: MergedChoice, more: CompletionLogprobs) -> None:
        self.object_count += len(more.tokens) + len(more.top_logprobs or ())
        choice.logprobs = _extended(choice.logprobs, more)

    def _add_rest(self, chunk: CompletionChunk) -> None:
        if chunk.prompt is not None:
            self._prompt = chunk.prompt

    def texts_in(self, chunks: Sequence[CompletionChunk]) -> list[str]:
        return [chunk.choices[0].text for chunk in chunks if chunk.choices]

    def only_text_of(self, chunk: CompletionChunk) -> list[str] | None:
        chunk_choice = self._only_choice(chunk)
        if chunk_choice is None or chunk_choice.delta is not None or chunk.prompt is not None:
            return None
        return self._choices[chunk_choice.index].text

    def result(self) -> Completion:
        first = self._first or CompletionChunk()
        merged = Completion(
            id=first.id,
            object="text_completion",
            created=first.created,
            model=first.model,
            choices=[
                with_unknown(
                    CompletionChoice(
                        index=index,
                        text="".join(choice.text),
                        finish_reason=choice.finish_reason,
                        logprobs=choice.logprobs
                        and with_unknown(
                            _extended(None, choice.logprobs), choice.unknown_in_logprobs
                        ),
                    ),
                    choice.unknown,
                )
                for index, choice in self._in_order()
            ],
            prompt=self._prompt,
            usage=self._usage,
            system_fingerprint=self._fingerprint,
        )
        return with_unknown(merged, self._unknown)


class ChatAccumulator(ChoiceAccumulator[ChatCompletionChunk, ChatCompletion]):
    """Merges the chunks of a chat completion."""

    _service_tier: str | None = None

    def _add_choice(
        self, choice: MergedChoice, chunk_choice: ChatChunkChoice, events: Events
    ) -> bool:
        delta = chunk_choice.delta
        content = False
        if delta.content:
            choice.text.append(delta.content)
            content = True
            if events is not None:
                events.append(TextDelta(chunk_choice.index, delta.content))
        if delta.role:
            choice.role = delta.role
        if delta.reasoning_content:
            choice.reasoning.append(delta.reasoning_content)
            content = True
            if events is not None:
                events.append(ReasoningDelta(chunk_choice.index, delta.reasoning_content))
        if delta.refusal:
            choice.refusal.append(delta.refusal)
            content = True
            if events is not None:
                events.append(RefusalDelta(chunk_choice.index, delta.refusal))
        if delta.tool_calls:
            if choice.tools is None:
                choice.tools = ToolCalls()
            before = choice.tools.object_count
            for position, call in enumerate(delta.tool_calls):
                if choice.tools.add(call, position, chunk_choice.index, events):
                    content = True
            self.object_count += choice.tools.object_count - before
        return content

    def _texts_of(self, chunk_choice: ChatChunkChoice) -> list[tuple[list[str], str]]:
        choice, delta = self._choices[chunk_choice.index], chunk_choice.delta
        return [
            (choice.text, delta.content or ""),
            (choice.reasoning, delta.reasoning_content or ""),
        ]

    def drop_repeated(self, chunk_choice: ChatChunkChoice, *, may_be_delta: bool) -> bool:
        choice, delta = self._choices[chunk_choice.index], chunk_choice.delta
        if may_be_delta and not (
            len(choice.text) > 1
            and _may_begin_with(delta.content or "", choice.text)
            and delta.content == "".join(choice.text)
        ):
            return True
        for name, texts in (
            ("content", choice.text),
            ("reasoning_content", choice.reasoning),
            ("refusal", choice.refusal),
        ):
            rest = _rest(getattr(delta, name) or "", texts)
            if rest is None and name == "content":
                return False
            setattr(delta, name, rest or None)
        if choice.tools and delta.tool_calls:
            delta.tool_calls = choice.tools.rest_of(delta.tool_calls) or None
        if (have := choice.logprobs) is not None and (more := chunk_choice.logprobs) is not None:
            more.content = _beyond(have.content, more.content)
            more.refusal = _beyond(have.refusal, more.refusal)
        drop_repeated(choice.unknown_in_message, delta)
        return True

    def _add_logprobs(self, choice: MergedChoice, more: ChatLogprobs) -> None:
        for entries in (more.content, more.refusal):
            for entry in entries or ():
                self.object_count += 1 + len(entry.top_logprobs) // ALTERNATIVES_PER_OBJECT
        choice.logprobs = _extended_chat(choice.logprobs, more)

    def _count_unknown_of_tokens(self, logprobs: ChatLogprobs) -> int:
        entries = [*(logprobs.content or ()), *(logprobs.refusal or ())]
        return count_unknown(entries) + sum(count_unknown(entry.top_logprobs) for entry in entries)

    def _add_rest(self, chunk: ChatCompletionChunk) -> None:
        if chunk.service_tier is not None:
            self._service_tier = chunk.service_tier

    def texts_in(self, chunks: Sequence[ChatCompletionChunk]) -> list[str]:
        return [
            (delta := chunk.choices[0].delta).content or delta.reasoning_content or ""
            for chunk in chunks
            if chunk.choices
        ]

    def only_text_of(self, chunk: ChatCompletionChunk) -> list[str] | None:
        chunk_choice = self._only_choice(chunk)
        if chunk_choice is None or chunk_choice.delta.refusal or chunk_choice.delta.tool_calls:
            return None
        content, reasoning = chunk_choice.delta.content, chunk_choice.delta.reasoning_content
        if content and reasoning:
            return None
        choice = self._choices[chunk_choice.index]
        return choice.text if content else choice.reasoning

    def result(self) -> ChatCompletion:
        first = self._first or ChatCompletionChunk()
        merged = ChatCompletion(
            id=first.id,
            object="chat.completion",
            created=first.created,
            model=first.model,
            choices=[self.choice(index) for index in sorted(self._choices)],
            usage=self._usage,
            system_fingerprint=self._fingerprint,
            service_tier=self._service_tier,
        )
        return with_unknown(merged, self._unknown)

    def choice(self, index: int) -> ChatChoice:
        """A choice, as far as it has come."""
        choice = self._choices[index]
        message = ChatMessage(
            role=choice.role,
            content=choice.content(),
            refusal="".join(choice.refusal) or None,
            reasoning_content="".join(choice.reasoning) or None,
            tool_calls=[call.result() for call in choice.tools.in_order()]
            if choice.tools
            else None,
        )
        made = ChatChoice(
            index=index,
            message=with_unknown(message, choice.unknown_in_message),
            finish_reason=choice.finish_reason,
            logprobs=choice.logprobs
            and with_unknown(_extended_chat(None, choice.logprobs), choice.unknown_in_logprobs),
        )
        return with_unknown(made, choice.unknown)


def _beyond(
    have: list[TokenLogprob] | None, whole: list[TokenLogprob] | None
) -> list[TokenLogprob] | None:
    """The tokens of a whole message beyond those that have come; all, where they are others."""
    known = [each.token for each in have or ()]
    if whole and known == [each.token for each in whole[: len(known)]]:
        return whole[len(known) :]
    return whole


def _may_begin_with(whole: str, pieces: list[str]) -> bool:
    """Whether a text is as long as its pieces are at least: servers that end each piece as if it were the last one cost no more
    time for each than the piece is long.
    """
    return len(whole) >= len(pieces)


def _rest(whole: str, pieces: list[str]) -> str | None:
    """What a whole text has beyond its pieces; None where it is another one."""
    so_far = "".join(pieces)
    for begun in (so_far, so_far.lstrip()):  # some take blanks off its ends
        if whole.startswith(begun):
            return whole[len(begun) :]
    # Some take the reasoning out, others put it in front.
    text = so_far.strip()
    return "" if whole.strip() in so_far or (text and whole.rstrip().endswith(text)) else None


def _extended(have: CompletionLogprobs | None, more: CompletionLogprobs) -> CompletionLogprobs:
    """`have` with `more` behind it; a copy of `more` where there is none yet. All stays aligned with the tokens, also where
    some of the chunks lack a list: None fills the gap, and offsets, which can't be None, are left out.
    """
    if have is None:
        have = CompletionLogprobs()
    before, count = len(have.tokens), max(len(more.tokens), len(more.token_logprobs))
    if have.token_logprobs or more.token_logprobs:
        _extend(have.token_logprobs, before, more.token_logprobs, count)
    if have.top_logprobs is None and more.top_logprobs is not None:
        have.top_logprobs = []
    if have.top_logprobs is not None and (have.top_logprobs or more.top_logprobs):
        _extend(have.top_logprobs, before, more.top_logprobs or [], count)
    offsets = more.text_offset or []
    if len(offsets) != count:
        have.text_offset = None
    elif not before:
        have.text_offset = None if more.text_offset is None else [*offsets]
    elif have.text_offset is not None:
        have.text_offset.extend(offsets)
    have.tokens.extend(more.tokens)
    have.tokens.extend([""] * (count - len(more.tokens)))
    return have


def _extend(have: list[T | None], before: int, more: Sequence[T | None], count: int) -> None:
    """Adds `count` values to a list of `before`: those of `more`, and None for each that is missing in either. What is more
    than that belongs to no token.
    """
    have.extend([None] * (before - len(have)))
    have.extend(more[:count])
    have.extend([None] * (count - len(more)))


def _extended_chat(have: ChatLogprobs | None, more: ChatLogprobs) -> ChatLogprobs:
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
