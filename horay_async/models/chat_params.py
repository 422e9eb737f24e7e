"""`POST /chat/completions`: its parameters."""

from collections.abc import Mapping, Sequence
from typing import Literal, Required

from horay_async.models.chat import Message
from horay_async.models.dicts import MessageDict, ResponseFormatDict, ToolChoiceDict, ToolDict
from horay_async.models.sampling import SamplingParams
from horay_async.models.tools import HasTool, ToolBase

__all__ = ["ChatParams", "ChatSettings", "ConversationParams"]


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
    """How much to reason before the response; other values where the model has them."""
    verbosity: Literal["low", "medium", "high"] | str | None
    """How long the response is to be."""
    service_tier: str | None
    """How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`."""
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
    tool_choice: Literal["auto", "none", "required"] | str | ToolChoiceDict | ToolBase | None
    """`"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form."""


class ChatParams(ConversationParams, total=False):
    """The parameters of `chat.completions.create` and `chat.completions.stream`."""

    response_format: ResponseFormatDict | None
    """The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an
    instance of a class, see `parse`."""
