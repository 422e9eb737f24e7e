"""Merging the chunks of a response that is to become an instance of a class. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from horay_async._protocol.structured.parse import (
    NO_SECRETS,
    complete,
    mask,
    parse_choice,
    so_far,
    upgraded,
)
from horay_async._protocol.structured.partial_json import PartialJSON
from horay_async._protocol.wire.accumulate import Accumulator, ChatAccumulator
from horay_async._protocol.wire.clean import Cleaner
from horay_async.errors import AnswerError
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.events import (
    AnswerParsed,
    ChatEvent,
    ChoiceFinished,
    PartialObject,
    RefusalDelta,
    TextDelta,
    ToolCallDone,
)
from horay_async.models.meta import ResponseMeta
from horay_async.models.parsed import ParsedChoice, ParsedCompletion

T = TypeVar("T")


class _Draft:
    """The state of one choice: which events were made of it."""

    def __init__(self) -> None:
        self.json = PartialJSON()
        self.calls: list[ToolCallDone] = []
        self.told_calls = 0
        """The number of calls whose parsed event was made."""
        self.told_text: str | None = None
        """The text of the newest event with an instance."""
        self.end: ChoiceFinished | None = None
        self.is_open = True
        """Whether it is to be parsed at the end of the stream: it didn't fit, or something came behind its finish reason."""


class TypedAccumulator(Accumulator[ChatCompletionChunk, ParsedCompletion[T]]):
    """Merges the chunks of a chat completion, and parses each choice as it finishes; once more at the end where it didn't fit, or
    went on.

    `into` is the class of the text, None where there is none; `tools` maps the names of tools to the
    classes of their arguments.
    """

    def __init__(
        self, into: type[T] | None, tools: Mapping[str, Any], clean: Cleaner = NO_SECRETS
    ) -> None:
        self._clean = clean
        self._into = into
        self._tools = tools
        self._merged = ChatAccumulator()
        self._drafts: defaultdict[int, _Draft] = defaultdict(_Draft)
        self._whole: dict[int, ParsedChoice[T]] = {}
        self._meta: ResponseMeta | None = None
        """How the response came about; set by the chunks that came over the wire."""

    def add(self, chunk: ChatCompletionChunk, events: list[Any] | None = None) -> bool:
        self._meta = getattr(chunk, "meta", None)
        plain: list[ChatEvent] = []
        content = self._merged.add(chunk, plain)
        told = [] if events is None else events
        for event in plain:
            self._tell(event, told)
        return content

    def end(self, events: list[Any]) -> None:
        """Appends what the end means; then raises `AnswerError` where a choice doesn't fit, or can't become whole: that of the first
        such choice.
        """
        plain: list[ChatEvent] = []
        self._merged.end(plain)
        for event in plain:
            self._tell(event, events)
        failures: list[AnswerError] = []
        for _, draft in sorted(self._drafts.items()):
            if draft.end is not None and (draft.is_open or self._was_cut_later(draft.end)):
                try:
                    self._parse(draft, draft.end, events)
                except AnswerError as error:
                    failures.append(error)
        try:
            if failures:
                raise failures[0]
        finally:
            del failures  # which know this frame

    def result(self) -> ParsedCompletion[T]:
        return self.shaped(self._merged.result())

    def shaped(self, merged: ChatCompletion) -> ParsedCompletion[T]:
        choices = [so_far(choice, self._whole.get(choice.index)) for choice in merged.choices]
        return upgraded(merged, choices)

    def _tell(self, event: ChatEvent, events: list[Any]) -> None:
        if isinstance(event, TextDelta):
            draft = self._open(event.index)
            events.append(event)
            if self._into is not None and draft.json.feed(event.text):
                events.append(PartialObject(event.index, draft.json))
        elif isinstance(event, ToolCallDone):
            # Told with its choice's end: only then is it known not to be cut.
            self._open(event.index).calls.append(event)
        elif isinstance(event, ChoiceFinished):
            draft = self._open(event.index)
            draft.end = event
            # Raised at the end: the rest, other choices and the usage may come behind it.
            with suppress(AnswerError):
                self._parse(draft, event, events)
            events.append(event)
        else:
            if isinstance(event, RefusalDelta):
                self._open(event.index)
            events.append(event)

    def _parse(self, draft: _Draft, end: ChoiceFinished, events: list[Any]) -> None:
        merged = self._merged.choice(end.index)
        merged.message.tool_calls = [done.tool_call for done in draft.calls] or None
        try:
            choice = parse_choice(merged, self._into, self._tools)
        except AnswerError as error:
            mask(error, self._clean)
            completion: Response = self._merged.result()
            if self._meta is not None:
                completion.meta = self._meta
            complete(error, completion)
            raise
        self._whole[end.index] = choice
        calls = list(zip(draft.calls, choice.message.tool_calls or (), strict=True))
        for done, call in calls[draft.told_calls :]:
            events.append(ToolCallDone(done.index, done.tool_index, call))
        draft.told_calls, draft.is_open = len(calls), False
        text = (merged.message.content or "").strip()
        if choice.message.parsed is not None and text != draft.told_text:
            events.append(AnswerParsed(end.index, choice.message.parsed))
            draft.told_text = text

    def _was_cut_later(self, end: ChoiceFinished) -> bool:
        """Whether another finish reason came behind the first one, and counts."""
        return self._merged.choice(end.index).finish_reason != end.finish_reason

    def _open(self, index: int) -> _Draft:
        """The draft of a choice that goes on."""
        draft = self._drafts[index]
        draft.is_open = True
        return draft
