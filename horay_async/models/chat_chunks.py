"""`POST /chat/completions`: one streamed chunk of the response."""

from __future__ import annotations

from typing import ClassVar

import attrs

from horay_async.models._base import Extensible, GeneratedResponse, WireForm
from horay_async.models.chat import ChatLogprobs
from horay_async.models.usage import Usage

__all__ = [
    "ChatChunkChoice",
    "ChatCompletionChunk",
    "ChatDelta",
    "FunctionCallDelta",
    "ToolCallDelta",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class FunctionCallDelta(Extensible):
    """What one chunk adds to a function call."""

    _in_pieces: ClassVar[bool] = True

    name: str | None = None
    """The function's name; in the call's first piece only."""
    arguments: str | None = None
    """A piece of the arguments' JSON."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ToolCallDelta(Extensible):
    """What one chunk adds to one tool call."""

    _in_pieces: ClassVar[bool] = True

    index: int | None = None
    """Which of the message's tool calls; some servers leave it out where there is just one."""
    id: str | None = None
    """What the result has to name; in the call's first piece only."""
    type: str | None = None
    """What kind of tool it is; in the call's first piece only."""
    function: FunctionCallDelta | None = None
    """A piece of what is to be called."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatDelta(Extensible):
    """What one chunk adds to a message."""

    _in_pieces: ClassVar[bool] = True

    role: str | None = None
    """Who speaks; in the first chunk only."""
    content: str | None = None
    """A piece of the text."""
    refusal: str | None = None
    """A piece of the reason why the model declines."""
    reasoning_content: str | None = None
    """A piece of the reasoning that comes before the text."""
    tool_calls: list[ToolCallDelta] | None = None
    """Pieces of the calls that the model asks for."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.role = new.content = new.refusal = new.reasoning_content = new.tool_calls = None


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatChunkChoice(Extensible):
    """What one chunk adds to one choice."""

    __wire__: ClassVar[WireForm] = WireForm(required=("delta",))

    index: int = 0
    """Which of the choices it belongs to, from 0."""
    delta: ChatDelta = attrs.field(factory=ChatDelta)
    """What has come."""
    finish_reason: str | None = None
    """Why the response ended; None until it does."""
    logprobs: ChatLogprobs | None = None
    """Probabilities of the tokens that have come, where they were asked for."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.finish_reason = new.logprobs = None


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatCompletionChunk(GeneratedResponse):
    """One streamed piece of a chat completion."""

    __wire__: ClassVar[WireForm] = attrs.evolve(
        GeneratedResponse.__wire__, allow_empty=True, content_in="delta"
    )

    choices: list[ChatChunkChoice] = attrs.field(factory=list[ChatChunkChoice])
    """What has come of each choice; empty in a chunk that only reports the usage."""
    usage: Usage | None = None
    """The tokens that were used; in the last chunk only, and only where it was asked for."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""
    service_tier: str | None = None
    """How the request was served, as the server names it."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.usage = new.system_fingerprint = new.service_tier = None

    @property
    def text(self) -> str:
        """The new text of the first choice (index 0); empty where the chunk has none."""
        for choice in self.choices:
            if choice.index == 0:
                return choice.delta.content or ""
        return ""
