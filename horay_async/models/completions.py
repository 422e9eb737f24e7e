"""`POST /completions`: its parameters, the response and one streamed chunk of it."""

from __future__ import annotations

from typing import Any, ClassVar, Required

import attrs

from horay_async.models._base import Extensible, GeneratedResponse, WireForm
from horay_async.models.sampling import SamplingParams
from horay_async.models.usage import Usage

__all__ = [
    "Completion",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionChunkChoice",
    "CompletionLogprobs",
    "CompletionParams",
    "PromptEcho",
]


class CompletionParams(SamplingParams, total=False):
    """The parameters of `completions.create` and `completions.stream`."""

    prompt: Required[str]
    """The text to continue."""
    logprobs: int | bool | None
    """Asks for the log probabilities of the sampled tokens."""
    echo: bool | None
    """Asks for the prompt in front of the generated text."""
    suffix: str | None
    """Text that comes after the generated one, for models that fill in."""


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionLogprobs(Extensible):
    """Log probabilities, aligned by position."""

    __wire__: ClassVar[WireForm] = WireForm(required=("tokens", "token_logprobs"))
    _in_pieces: ClassVar[bool] = True

    tokens: list[str] = attrs.field(factory=list[str])
    """The tokens' texts."""
    token_logprobs: list[float | None] = attrs.field(factory=list["float | None"])
    """Natural logarithm of each token's probability; None for a first token, which follows nothing, and where the
    server sent no number."""
    top_logprobs: list[dict[str, float] | None] | None = None
    """The likeliest tokens in each place, with the logarithms of their probabilities; without those for which the server sent
    no number."""
    text_offset: list[int] | None = None
    """Where each token begins in the text, in characters."""


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionChoice(Extensible):
    """One generated continuation."""

    __wire__: ClassVar[WireForm] = WireForm(required=("text", "finish_reason"))

    index: int = 0
    """Its number among the choices; filled in by position where the server sends none."""
    text: str = ""
    """The text that follows the prompt."""
    finish_reason: str | None = None
    """`"stop"`, `"length"` or another word of the server's; None in a cut stream's `partial`. Where a stream has several, the
    first counts, or the first that is `"length"` or `"content_filter"`, by which the text isn't whole."""
    logprobs: CompletionLogprobs | None = None
    """Probabilities of the tokens, where they were asked for."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.logprobs = None


@attrs.define(kw_only=True, eq=False, repr=False)
class PromptEcho(Extensible):
    """The prompt as the server read it."""

    __wire__: ClassVar[WireForm] = WireForm(required=("text",))
    _as_sent: ClassVar[bool] = True

    text: str = ""
    """The prompt."""
    logprobs: CompletionLogprobs | None = None
    """Probabilities of the prompt's tokens, where they were asked for."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Completion(GeneratedResponse):
    """A whole text completion."""

    __wire__: ClassVar[WireForm] = attrs.evolve(GeneratedResponse.__wire__, content_in="text")

    choices: list[CompletionChoice] = attrs.field(factory=list[CompletionChoice])
    """The choices, `n` of them to each prompt."""
    prompt: list[PromptEcho] | None = None
    """The prompts, given back where `echo` asked for it."""
    usage: Usage | None = None
    """The tokens that were used; None where the server doesn't send them."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.prompt = new.usage = new.system_fingerprint = None


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionChunkChoice(Extensible):
    """What one chunk adds to one choice."""

    index: int = 0
    """Which of the choices it belongs to, from 0."""
    text: str = ""
    """The new text."""
    finish_reason: str | None = None
    """Why the response ended; None until it does."""
    logprobs: CompletionLogprobs | None = None
    """Probabilities of the tokens that have come, where they were asked for."""
    delta: dict[str, Any] | None = None
    """Some servers send the text as `delta.content` on this path too; `text` has it then as well."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.finish_reason = new.logprobs = new.delta = None


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionChunk(GeneratedResponse):
    """One streamed piece of a completion."""

    __wire__: ClassVar[WireForm] = attrs.evolve(
        GeneratedResponse.__wire__, allow_empty=True, content_in="text"
    )

    choices: list[CompletionChunkChoice] = attrs.field(factory=list[CompletionChunkChoice])
    """What has come of each choice; empty in a chunk that only reports the usage."""
    prompt: list[PromptEcho] | None = None
    """The prompts, given back where `echo` asked for it."""
    usage: Usage | None = None
    """The tokens that were used; in the last chunk only, and only where it was asked for."""
    system_fingerprint: str | None = None
    """Tells whether the server's set-up is the same as in another response."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.prompt = new.usage = new.system_fingerprint = None

    @property
    def text(self) -> str:
        """The new text of the first choice (index 0); empty where the chunk has none."""
        for choice in self.choices:
            if choice.index == 0:
                return choice.text
        return ""
