"""`POST /chat/completions`: its parameters, the response and one streamed chunk of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Required

import attrs

from horay_async.models._base import Model, Response, WireForm
from horay_async.models.dicts import MessageDict, ResponseFormatDict, ToolChoiceDict, ToolDict
from horay_async.models.sampling import SamplingParams
from horay_async.models.tools import HasTool, ToolBase
from horay_async.models.usage import Usage

__all__ = [
    "ChatChoice",
    "ChatChunkChoice",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatDelta",
    "ChatLogprobs",
    "ChatMessage",
    "ChatParams",
    "ChatSettings",
    "ConversationParams",
    "FunctionCall",
    "FunctionCallDelta",
    "Message",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "TopLogprob",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class FunctionCall(Model):
    """Which function the model wants called, and with what."""

    __wire__: ClassVar[WireForm] = WireForm(required=("name", "arguments"))

    name: str = ""
    """The function's name."""
    arguments: str = ""
    """JSON text, as the model wrote it: it can be malformed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ToolCall(Model):
    """One call of a tool that the model asks for."""

    __wire__: ClassVar[WireForm] = WireForm(required=("id", "type", "function"))

    id: str = ""
    """What the result has to name."""
    type: str = "function"
    """What kind of tool it is."""
    function: FunctionCall = attrs.field(factory=FunctionCall)
    """What is to be called."""


class Message(Model):
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
        self.content = self.refusal = self.reasoning_content = self.tool_calls = None


class ChatSettings(SamplingParams, total=False):
    """The parameters of a chat operation that don't depend on the conversation."""

    max_completion_tokens: int | None
    """Most tokens to generate, reasoning included, for models that distinguish the two."""
    parallel_tool_calls: bool | None
    """Whether one response may ask for several calls."""
    logprobs: bool | None
    """Asks for the log probabilities of the sampled tokens."""
    top_logprobs: int | None
    """How many alternatives to report for each token, with `logprobs=True`."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None
    """How much to reason before the response; another word where the model knows one."""
    verbosity: Literal["low", "medium", "high"] | str | None
    """How long the response is to be."""
    service_tier: str | None
    """How the request is served, in the server's word, e.g. `"auto"` or `"flex"`."""
    metadata: Mapping[str, str] | None
    """Names and values kept with the request, where the server stores it."""
    store: bool | None
    """Whether the server keeps the response."""
    modalities: Sequence[str] | None
    """The kinds of output, e.g. `["text", "audio"]`."""
    audio: Mapping[str, object] | None
    """The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`."""
    prediction: Mapping[str, object] | None
    """Text that the response is likely to repeat: `{"type": "content", "content": ...}`."""
    web_search_options: Mapping[str, object] | None
    """How the model is to search the web, where it can; `{}` for the server's defaults."""
    prompt_cache_key: str | None
    """Requests with the same key are likely to share the server's prompt cache."""
    safety_identifier: str | None
    """A stable name of the end user, best hashed, by which the server notices misuse."""


class ConversationParams(ChatSettings, total=False):
    """What every chat operation takes."""

    messages: Required[Sequence[MessageDict | Message]]
    """The conversation, oldest first: objects with `role` and `content`, instances of the message
    classes, and responses' messages."""
    tools: Sequence[ToolDict | ToolBase | HasTool] | None
    """The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's
    (see `HasTool`)."""
    tool_choice: Literal["auto", "none", "required"] | str | ToolChoiceDict | None
    """`"auto"`, `"none"`, `"required"`, or the one tool to use."""


class ChatParams(ConversationParams, total=False):
    """The parameters of `chat.completions.create` and `chat.completions.stream`."""

    response_format: ResponseFormatDict | None
    """The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an
    instance of a class, see `parse`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TopLogprob(Model):
    """One alternative at a token's place."""

    __wire__: ClassVar[WireForm] = WireForm(required=("token", "logprob"))

    token: str = ""
    """The token's text."""
    logprob: float = 0.0
    """Natural logarithm of its probability."""
    bytes: list[int] | None = None
    """Its bytes in UTF-8, as a token may be a part of a character."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TokenLogprob(Model):
    """A sampled token and its log probability."""

    __wire__: ClassVar[WireForm] = WireForm(required=("token", "logprob"))

    token: str = ""
    """The token's text."""
    logprob: float = 0.0
    """Natural logarithm of its probability."""
    bytes: list[int] | None = None
    """The token's UTF-8 bytes: a character can be spread over several tokens."""
    top_logprobs: list[TopLogprob] = attrs.field(factory=list[TopLogprob])
    """The likeliest tokens in its place, as many as were asked for."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatLogprobs(Model):
    """Log probabilities of a choice's tokens."""

    content: list[TokenLogprob] | None = None
    """One entry for each token of the text."""
    refusal: list[TokenLogprob] | None = None
    """One entry for each token of the refusal."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatChoice(Model):
    """One of the generated messages."""

    __wire__: ClassVar[WireForm] = WireForm(required=("message", "finish_reason"))

    index: int = 0
    """Its number among the choices; filled in by position where the server sends none."""
    message: ChatMessage = attrs.field(factory=ChatMessage)
    """The message."""
    finish_reason: str | None = None
    """`"stop"`, `"length"`, `"tool_calls"`, `"content_filter"` or another word of the server's; None
    in a cut stream's `partial`."""
    logprobs: ChatLogprobs | None = None
    """Probabilities of the tokens, where they were asked for."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatCompletion(Response):
    """A whole chat completion."""

    __wire__: ClassVar[WireForm] = WireForm(
        list_field="choices",
        content_in="message",
        required=("id", "object", "created", "model", "choices"),
    )

    id: str = ""
    """The server's name for this response."""
    object: str = ""
    """What kind of object it is, in the server's word."""
    created: int = 0
    """Unix time, in seconds."""
    model: str = ""
    """The model that was used."""
    choices: list[ChatChoice] = attrs.field(factory=list[ChatChoice])
    """The choices, `n` of them."""
    usage: Usage | None = None
    """The tokens that were used; None where the server doesn't say."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""
    service_tier: str | None = None
    """How the request was served, in the server's word."""

    def __attrs_pre_init__(self) -> None:
        self.usage = self.system_fingerprint = self.service_tier = None


@attrs.define(kw_only=True, eq=False, repr=False)
class FunctionCallDelta(Model):
    """What one chunk adds to a function call."""

    name: str | None = None
    """The function's name; in the call's first piece only."""
    arguments: str | None = None
    """A piece of the arguments' JSON."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ToolCallDelta(Model):
    """What one chunk adds to one tool call."""

    index: int | None = None
    """Which of the message's tool calls; some servers leave it out where there is just one."""
    id: str | None = None
    """What the result has to name; in the call's first piece only."""
    type: str | None = None
    """What kind of tool it is; in the call's first piece only."""
    function: FunctionCallDelta | None = None
    """A piece of what is to be called."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatDelta(Model):
    """What one chunk adds to a message."""

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
        self.role = self.content = self.refusal = self.reasoning_content = self.tool_calls = None


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatChunkChoice(Model):
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


@attrs.define(kw_only=True, eq=False, repr=False)
class ChatCompletionChunk(Response):
    """One streamed piece of a chat completion."""

    __wire__: ClassVar[WireForm] = WireForm(
        list_field="choices",
        allow_empty=True,
        content_in="delta",
        required=("id", "object", "created", "model", "choices"),
    )

    id: str = ""
    """The server's name for this response."""
    object: str = ""
    """What kind of object it is, in the server's word."""
    created: int = 0
    """Unix time, in seconds."""
    model: str = ""
    """The model that was used."""
    choices: list[ChatChunkChoice] = attrs.field(factory=list[ChatChunkChoice])
    """What has come of each choice; empty in a chunk that only reports the usage."""
    usage: Usage | None = None
    """The tokens that were used; in the last chunk only, and only where it was asked for."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""
    service_tier: str | None = None
    """How the request was served, in the server's word."""

    def __attrs_pre_init__(self) -> None:
        self.usage = self.system_fingerprint = self.service_tier = None

    @property
    def text(self) -> str:
        """The new text of the first choice (index 0); empty where the chunk has none."""
        for choice in self.choices:
            if choice.index == 0:
                return choice.delta.content or ""
        return ""
