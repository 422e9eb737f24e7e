"""What the `stream(...)` helpers yield: each event says one thing that happened.

Every class has a literal `type`, so that both `match` on the class and a comparison of `type` narrow.
"""

from __future__ import annotations

from typing import Literal

import attrs

from horay_async.models.chat import ToolCall
from horay_async.models.usage import Usage

__all__ = [
    "ChatEvent",
    "ChoiceFinished",
    "CompletionEvent",
    "ReasoningDelta",
    "RefusalDelta",
    "TextDelta",
    "ToolCallArgumentsDelta",
    "ToolCallDone",
    "ToolCallStarted",
    "UsageReported",
]


@attrs.define
class TextDelta:
    """New text of a choice."""

    index: int
    """The choice's number."""
    text: str
    type: Literal["text"] = "text"


@attrs.define
class ReasoningDelta:
    """New reasoning of a choice."""

    index: int
    """The choice's number."""
    text: str
    type: Literal["reasoning"] = "reasoning"


@attrs.define
class RefusalDelta:
    """New words of a choice in which the model declines."""

    index: int
    """The choice's number."""
    text: str
    type: Literal["refusal"] = "refusal"


@attrs.define
class ToolCallStarted:
    """The model begins to ask for a tool call."""

    index: int
    """The choice's number."""
    tool_index: int
    """The call's number within the choice."""
    id: str
    name: str
    """The function's name, as far as it had come."""
    type: Literal["tool_call_started"] = "tool_call_started"


@attrs.define
class ToolCallArgumentsDelta:
    """New text of a tool call's arguments."""

    index: int
    """The choice's number."""
    tool_index: int
    """The call's number within the choice."""
    arguments: str
    type: Literal["tool_call_arguments"] = "tool_call_arguments"


@attrs.define
class ToolCallDone:
    """A tool call is whole. Comes when its choice finishes: until then more may follow."""

    index: int
    """The choice's number."""
    tool_index: int
    """The call's number within the choice."""
    tool_call: ToolCall
    type: Literal["tool_call_done"] = "tool_call_done"


@attrs.define
class ChoiceFinished:
    """A choice is whole."""

    index: int
    """The choice's number."""
    finish_reason: str
    type: Literal["finished"] = "finished"


@attrs.define
class UsageReported:
    """The server reports token counts."""

    usage: Usage
    type: Literal["usage"] = "usage"


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
