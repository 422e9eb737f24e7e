"""How a response ends that isn't whole, by the finish reason of its choice."""

from __future__ import annotations

from typing import NamedTuple

from horay_async.errors import AnswerFault


class CutReason(NamedTuple):
    """How a response was cut, as the error says it."""

    reason: AnswerFault
    problem: str


AT_THE_LIMIT = CutReason("length", "the response was cut at the token limit: raise max_tokens")
OF_THE_MODEL = CutReason(
    "length", "the response was cut at the model's own limit: shorten the messages"
)
FILTERED = CutReason("content_filter", "the server's content filter cut the response")
BROKEN_OFF = CutReason("failed", "the server broke the response off")

CUT_REASONS: dict[str, CutReason] = {
    "length": AT_THE_LIMIT,
    "max_tokens": AT_THE_LIMIT,  # Anthropic, Bedrock, Cohere, Gemini
    "max_output_tokens": AT_THE_LIMIT,  # OpenAI's newer endpoint
    "model_length": OF_THE_MODEL,  # Mistral
    "model_context_window_exceeded": OF_THE_MODEL,  # Anthropic
    "content_filter": FILTERED,
    "content_filtered": FILTERED,  # Bedrock
    "guardrail_intervened": FILTERED,  # Bedrock
    "error_toxic": FILTERED,  # Cohere
    "refusal": FILTERED,  # Anthropic
    **dict.fromkeys(
        ("safety", "recitation", "blocklist", "prohibited_content", "spii"), FILTERED
    ),  # Gemini
    "malformed_function_call": BROKEN_OFF,  # Gemini
    "abort": BROKEN_OFF,  # vLLM, SGLang
    "insufficient_system_resource": BROKEN_OFF,  # DeepSeek
}
"""The finish reasons of a response that isn't whole, in lower case, as these servers document them; gateways pass them on.
They count whatever else a server says, before or after: some end a choice that calls tools, and say `stop` at the end of
the stream once more."""


def cut_of(finish_reason: str | None) -> CutReason | None:
    """How a choice with that finish reason was cut; None where it is whole."""
    return None if finish_reason is None else CUT_REASONS.get(finish_reason.lower())
