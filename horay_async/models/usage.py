"""Token counts, shared by both kinds of completion."""

from __future__ import annotations

import attrs

from horay_async.models._base import Model

__all__ = ["CompletionTokensDetails", "PromptTokensDetails", "Usage"]


@attrs.define(kw_only=True, eq=False, repr=False)
class PromptTokensDetails(Model):
    """Which of the prompt's tokens were what."""

    cached_tokens: int | None = None
    """Read from the server's prompt cache."""
    audio_tokens: int | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionTokensDetails(Model):
    """Which of the generated tokens were what."""

    reasoning_tokens: int | None = None
    """Spent on reasoning that isn't part of the answer's text."""
    audio_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class Usage(Model):
    """Token counts of one call."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Over all choices."""
    total_tokens: int = 0
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None

    def __attrs_pre_init__(self) -> None:
        self.prompt_tokens_details = self.completion_tokens_details = None
