"""How a response ends that isn't whole, by the finish reason of its choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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

_NAMES = {
    AT_THE_LIMIT: "length max_tokens max_output_tokens",
    OF_THE_MODEL: "model_length model_context_window_exceeded error_limit",
    FILTERED: (
        "content_filter content_filtered guardrail_intervened error_toxic refusal sensitive "
        "safety image_safety recitation language blocklist prohibited_content spii"
    ),
    BROKEN_OFF: (
        "abort insufficient_system_resource network_error time_limit timeout cancelled user_cancel "
        "malformed_function_call unexpected_tool_call function_call_filter other"
    ),
}

CUT_REASONS: dict[str, CutReason] = {
    name: cut for cut, names in _NAMES.items() for name in names.split()
}
"""The finish reasons of a response that isn't whole, in lower case, as their servers document them: OpenAI's API, Anthropic, Bedrock,
Cohere, DeepSeek, Gemini, Mistral, SGLang, vLLM, watsonx and Zhipu; gateways pass them on. They count whatever else a server says,
before or after: some end a choice that calls tools, and say `stop` at the end of the stream once more.
"""


def cut_of(finish_reason: str | None) -> CutReason | None:
    """How a choice with that finish reason was cut; None where it is whole."""
    if finish_reason is None:
        return None
    # Gemini's endpoint for this API has two in one, such as "content_filter: RECITATION": the second is the more exact one.
    names = reversed([name.strip() for name in finish_reason.lower().split(":")])
    return next(filter(None, map(CUT_REASONS.get, names)), None)
