"""Token counts, shared by both kinds of completion."""

# Fields that a class doesn't know are kept under a private name, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, TypeVar

import attrs

from horay_async.models._base import Extensible, WireForm

__all__ = ["CompletionTokensDetails", "PromptTokensDetails", "Usage"]


@attrs.define(kw_only=True, eq=False, repr=False)
class PromptTokensDetails(Extensible):
    """Which of the prompt's tokens were what."""

    _as_sent: ClassVar[bool] = True

    cached_tokens: int | None = None
    """Read from the server's prompt cache."""
    cache_write_tokens: int | None = None
    """Written to it."""
    audio_tokens: int | None = None
    """Tokens of sound."""


@attrs.define(kw_only=True, eq=False, repr=False)
class CompletionTokensDetails(Extensible):
    """Which of the generated tokens were what."""

    _as_sent: ClassVar[bool] = True

    reasoning_tokens: int | None = None
    """Spent on reasoning that isn't part of the response's text."""
    audio_tokens: int | None = None
    """Tokens of sound."""
    accepted_prediction_tokens: int | None = None
    """Tokens of a prediction that the response took over."""
    rejected_prediction_tokens: int | None = None
    """Tokens of a prediction that it didn't; they are paid for all the same."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Usage(Extensible):
    """Token counts of one call."""

    __wire__: ClassVar[WireForm] = WireForm(
        required=("prompt_tokens", "completion_tokens", "total_tokens")
    )
    _as_sent: ClassVar[bool] = True

    prompt_tokens: int = 0
    """Tokens of the prompt."""
    completion_tokens: int = 0
    """Over all choices."""
    total_tokens: int = 0
    """Tokens of prompt and response together."""
    prompt_tokens_details: PromptTokensDetails | None = None
    """The kinds of the prompt's tokens; None where the server doesn't send them."""
    completion_tokens_details: CompletionTokensDetails | None = None
    """The kinds of the response's tokens; None where the server doesn't send them."""

    def __attrs_pre_init__(self) -> None:
        new = self
        new.prompt_tokens_details = new.completion_tokens_details = None


UsageT = TypeVar("UsageT", bound=Usage)


def tokens_in(usage: Usage) -> int:
    """The tokens of prompt and response together: the sum of these counts, where the server sends no total, or a
    smaller one. 0 where it sends no counts.
    """
    return max(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)


def updated(usage: UsageT, newer: UsageT) -> UsageT:
    """`newer`, completed by `usage`: some servers send the prompt's tokens at a stream's beginning, and the
    response's at its end.
    """
    unknown: dict[str, Any] = getattr(newer, "_unknown", {})
    before: dict[str, Any] = getattr(usage, "_unknown", {})
    counted = newer.prompt_tokens and newer.completion_tokens
    prompt = newer.prompt_tokens_details or usage.prompt_tokens_details
    completion = newer.completion_tokens_details or usage.completion_tokens_details
    if (
        counted
        and prompt is newer.prompt_tokens_details
        and completion is newer.completion_tokens_details
        and before.keys() <= unknown.keys()
    ):
        return newer
    made = copy(newer)
    if not counted:
        made.prompt_tokens = newer.prompt_tokens or usage.prompt_tokens
        made.completion_tokens = newer.completion_tokens or usage.completion_tokens
        made.total_tokens = tokens_in(made)
    made.prompt_tokens_details = prompt
    made.completion_tokens_details = completion
    if before or unknown:
        made._unknown = {**before, **unknown}
    return made


def total_of(usages: Sequence[UsageT | None]) -> UsageT | None:
    """The sum of the counts, without details; None where one of them is missing, or all are."""
    told = [usage for usage in usages if usage is not None]
    if not told or len(told) < len(usages):
        return None
    return type(told[0])(
        prompt_tokens=sum(usage.prompt_tokens for usage in told),
        completion_tokens=sum(usage.completion_tokens for usage in told),
        total_tokens=sum(map(tokens_in, told)),
    )
