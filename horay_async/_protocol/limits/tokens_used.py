"""What a response says of the tokens that it took."""

from __future__ import annotations

from typing import Any

from horay_async._json import fields_of, is_object
from horay_async.models.usage import Usage


def tokens_used(response: object) -> tuple[Any, Any, Any]:
    """Tokens of the prompt, of the response and of both together, as a response says them; 0 for what it doesn't. They are
    the server's: nothing is known of what they are.
    """
    usage: object = getattr(response, "usage", None)
    # What mostly comes, without looking for names.
    if isinstance(usage, Usage) and usage.total_tokens:
        return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if usage is None:  # of a path without a method
        usage = fields_of(getattr(response, "json", None)).get("usage")

    def count(*names: str) -> Any:
        for name in names:
            if value := usage.get(name) if is_object(usage) else getattr(usage, name, 0):
                return value
        return 0

    prompt = count("prompt_tokens", "input_tokens")
    completion = count("completion_tokens", "output_tokens")
    total = count("total_tokens")
    if not total and isinstance(prompt, int) and isinstance(completion, int):
        total = prompt + completion
    return prompt, completion, total
