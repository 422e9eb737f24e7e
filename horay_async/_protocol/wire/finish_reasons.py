"""How a response ends that isn't whole, by the finish reason of its choice."""

from __future__ import annotations

from horay_async.errors import AnswerFault

AT_THE_LIMIT = "the response was cut at the token limit: raise max_tokens"
BROKEN_OFF = "the server broke the response off"

CUT_REASONS: dict[str | None, tuple[AnswerFault, str]] = {
    "length": ("length", AT_THE_LIMIT),
    "model_length": ("length", AT_THE_LIMIT),  # Mistral
    "content_filter": ("content_filter", "the server's content filter cut the response"),
    "abort": ("failed", BROKEN_OFF),  # vLLM, SGLang
    "insufficient_system_resource": ("failed", BROKEN_OFF),  # DeepSeek
}
"""The finish reasons of a response that isn't whole, as these servers document them: the `reason` and the message of the error.
They count whatever else a server says, before or after: some end a choice that calls tools, and say `stop` at the end of
the stream once more."""
