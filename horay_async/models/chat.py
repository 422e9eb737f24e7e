"""`POST /chat/completions`: the whole response."""

from __future__ import annotations

from typing import ClassVar

import attrs

from horay_async.models._base import Extensible, GeneratedResponse, WireForm
from horay_async.models.usage import Usage

__all__ = [
    "ChatChoice",
    "ChatCompletion",
    "ChatLogprobs",
    "ChatMessage",
    "FunctionCall",
    "Message",
    "TokenLogprob",
    "ToolCall",
    "TopLogprob",
]

UNLIKELY = -9999.0
"""What the OpenAI API sends in place of a log probability that is too small for a number, since JSON has no infinity.
Servers written in Python send null for it."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FunctionCall(Extensible):
    """Which function the model wants called, and with what."""

    __wire__: ClassVar[WireForm] = WireForm(required=("name", "arguments"))

    name: str = ""
    """The function's name."""
    arguments: str = ""
    """JSON text, as the model wrote it: it can be malformed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ToolCall(Extensible):
    """One call of a tool that the model asks for."""

    __wire__: ClassVar[WireForm] = WireForm(required=("id", "type", "function"))

    id: str = ""
    """The id of the call, which its result has to name."""
    type: str = "function"
    """What kind of tool it is."""
    function: FunctionCall = attrs.field(factory=FunctionCall)
    """What is to be called."""


class Message(Extensible):
    """One message of a conversation."""

    __slots__ = ()


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatMessage(Message):
    """The model's message. It can be put into the next request's `messages` as it is."""

    __wire__: ClassVar[WireForm] = WireForm(required=("role", "content"))

    role: str = "assistant"
    """Who speaks."""
    content: str | None = None
    """The text; None where the model calls tools or declines."""
    refusal: str | None = None
    """What the model says where it declines; `content` is None then."""
    reasoning_content: str | None = None
    """The reasoning that came before the response, where the model shows it."""
    tool_calls: list[ToolCall] | None = None
    """The calls that the model asks for."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.content = new.refusal = new.reasoning_content = new.tool_calls = None


@attrs.define(kw_only=True, eq=False, repr=False)
class Logprob(Extensible):
    """A token and its log probability."""

    __wire__: ClassVar[WireForm] = WireForm(required=("token", "logprob"))
    _as_sent: ClassVar[bool] = True

    token: str = ""
    """The token's text."""
    logprob: float = UNLIKELY
    """Natural logarithm of its probability; -9999.0 where it is very small, or the server sent no number."""
    bytes: list[int] | None = None
    """The token's UTF-8 bytes: a character can be spread over several tokens."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TopLogprob(Logprob):
    """One alternative at a token's place."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TokenLogprob(Logprob):
    """A sampled token and its log probability."""

    top_logprobs: list[TopLogprob] = attrs.field(factory=list[TopLogprob])
    """The likeliest tokens in its place, as many as were asked for."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatLogprobs(Extensible):
    """Log probabilities of a choice's tokens."""

    _in_pieces: ClassVar[bool] = True

    content: list[TokenLogprob] | None = None
    """One entry for each token of the text."""
    refusal: list[TokenLogprob] | None = None
    """One entry for each token of the refusal."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatChoice(Extensible):
    """One of the generated messages."""

    __wire__: ClassVar[WireForm] = WireForm(required=("message", "finish_reason"))

    index: int = 0
    """Its number among the choices; filled in by position where the server sends none."""
    message: ChatMessage = attrs.field(factory=ChatMessage)
    """The message."""
    finish_reason: str | None = None
    """`"stop"`, `"length"`, `"tool_calls"`, `"content_filter"` or another word of the server's; None
    in a cut stream's `partial`. Where a stream has several, the first counts, or the first that is `"length"` or
    `"content_filter"`, by which the text isn't whole."""
    logprobs: ChatLogprobs | None = None
    """Probabilities of the tokens, where they were asked for."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.logprobs = None


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatCompletion(GeneratedResponse):
    """A whole chat completion."""

    __wire__: ClassVar[WireForm] = attrs.evolve(GeneratedResponse.__wire__, content_in="message")

    choices: list[ChatChoice] = attrs.field(factory=list[ChatChoice])
    """The choices, `n` of them."""
    usage: Usage | None = None
    """The tokens that were used; None where the server doesn't send them."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""
    service_tier: str | None = None
    """How the request was served, as the server names it."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.usage = new.system_fingerprint = new.service_tier = None
