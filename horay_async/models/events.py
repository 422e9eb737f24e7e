"""What the `stream(...)` helpers yield: each event says one thing that happened.

Every class has a literal `type`, so that both `match` on the class and a comparison of `type` narrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import attrs

from horay_async._record import Record
from horay_async._suggestions import no_attribute
from horay_async.models.chat import ChatCompletion, ToolCall
from horay_async.models.messages import ImagePart, TextPart
from horay_async.models.usage import Usage

__all__ = [
    "AnswerParsed",
    "ChatEvent",
    "ChoiceFinished",
    "CompletionEvent",
    "PartialObject",
    "ReasoningDelta",
    "RefusalDelta",
    "RoundFinished",
    "RoundStarted",
    "TextDelta",
    "ToolCallArgumentsDelta",
    "ToolCallDone",
    "ToolCallStarted",
    "ToolResult",
    "ToolRunEvent",
    "TypedChatEvent",
    "UsageReported",
]

T = TypeVar("T")


class Event(Record):
    """Something that happened while a response was received."""

    __slots__ = ()

    if not TYPE_CHECKING:
        __getattr__ = no_attribute


@attrs.define(eq=False, repr=False)
class ChoiceEvent(Event):
    """Something that happened to one choice."""

    index: int
    """The choice's number."""


@attrs.define(eq=False, repr=False)
class TextDelta(ChoiceEvent):
    """New text of a choice."""

    text: str
    """The piece."""
    type: Literal["text"] = "text"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ReasoningDelta(ChoiceEvent):
    """New reasoning of a choice."""

    text: str
    """The piece."""
    type: Literal["reasoning"] = "reasoning"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class RefusalDelta(ChoiceEvent):
    """New text of a choice in which the model declines."""

    text: str
    """The piece."""
    type: Literal["refusal"] = "refusal"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ToolCallStarted(ChoiceEvent):
    """The model begins to ask for a tool call."""

    tool_index: int
    """The call's number within the choice."""
    id: str
    """The id of the call, which its result has to name."""
    name: str
    """The function's name, as far as it had come."""
    type: Literal["tool_call_started"] = "tool_call_started"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ToolCallArgumentsDelta(ChoiceEvent):
    """New text of a tool call's arguments. An empty object comes only when the call is whole: some servers begin with one, whatever follows."""

    tool_index: int
    """The call's number within the choice."""
    arguments: str
    """A piece of their JSON."""
    type: Literal["tool_call_arguments"] = "tool_call_arguments"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ToolCallDone(ChoiceEvent):
    """A tool call is whole. Comes when its choice finishes, since until then more may follow; if the arguments aren't whole by then,
    at the end of the stream.
    """

    tool_index: int
    """The call's number within the choice."""
    tool_call: ToolCall
    """The whole call."""
    type: Literal["tool_call_done"] = "tool_call_done"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ChoiceFinished(ChoiceEvent):
    """A choice is whole."""

    finish_reason: str | None
    """Why: `stop`, `length`, `tool_calls` ...; None if the server ended the stream without saying it."""
    type: Literal["finished"] = "finished"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class UsageReported(Event):
    """The server reports token counts."""

    usage: Usage
    """The tokens that were used."""
    type: Literal["usage"] = "usage"
    """The name of this kind of event."""


class _HasValue(Protocol):
    @property
    def value(self) -> Any: ...


@attrs.define(eq=False, repr=False)
class PartialObject(ChoiceEvent):
    """The object that a choice's text is becoming has grown."""

    _draft: _HasValue = attrs.field(repr=False)
    type: Literal["partial"] = "partial"
    """The name of this kind of event."""

    @property
    def value(self) -> Any:
        """What has come so far, as plain JSON: strings from their first character on, all else once it
        is whole, None before the first brace.

        It is one object that goes on growing until the choice is finished, so copy what is to stay as it
        is. Looking at it decodes what has come since the last time; only a string that you keep while it
        is open is copied when it grows.
        """
        return self._draft.value


@attrs.define(eq=False, repr=False)
class AnswerParsed(ChoiceEvent, Generic[T]):
    """A choice's text is whole, and fits the class."""

    parsed: T
    """The instance."""
    type: Literal["parsed"] = "parsed"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class RoundStarted(Event):
    """A request goes out with the conversation so far."""

    round: int
    """Counted from 1."""
    type: Literal["round_started"] = "round_started"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class RoundFinished(Event):
    """The model's message is whole. Its tool calls, if any, are run next."""

    round: int
    """Counted from 1."""
    completion: ChatCompletion
    """The model's whole answer in this round."""
    type: Literal["round_finished"] = "round_finished"
    """The name of this kind of event."""


@attrs.define(eq=False, repr=False)
class ToolResult(Event):
    """A tool call was run, or couldn't be."""

    tool_call: ToolCall
    """The call that was carried out."""
    content: str
    """The text for the model: the result as text or JSON, or what went wrong."""
    value: Any = None
    """What the function returned."""
    error: Exception | None = None
    """What it raised; an `AnswerError` where the arguments don't fit its parameters. None as well where
    `approve` had refused the call."""
    seconds: float = 0.0
    """How long the function ran."""
    parts: list[TextPart | ImagePart] | None = None
    """The content for the model where the function returned content parts; `content` has their texts."""
    ran: bool = True
    """Whether the function was called: not where `approve` had refused the call, nor where the call can't be run."""
    type: Literal["tool_result"] = "tool_result"
    """The name of this kind of event."""


CompletionEvent = TextDelta | ChoiceFinished | UsageReported
"""What `completions.stream` yields."""

ChatEvent = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStarted
    | ToolCallArgumentsDelta
    | ToolCallDone
    | ChoiceFinished
    | UsageReported
)
"""What `chat.completions.stream` yields."""

TypedChatEvent = ChatEvent | PartialObject | AnswerParsed[T]
"""What `chat.completions.stream` yields with a class as its `response_format`."""

ToolRunEvent = ChatEvent | RoundStarted | RoundFinished | ToolResult
"""What `chat.completions.run_tools` yields."""
