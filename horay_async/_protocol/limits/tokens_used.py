"""What a response says of the tokens that it took."""

from __future__ import annotations

from typing import Any

from horay_async._json import is_object
from horay_async.models.usage import Usage

__all__ = ["tokens_used"]


def tokens_used(response: object) -> tuple[Any, Any, Any]:
    """Tokens of the prompt, of the response and of both together, as a response says them; 0 for what it doesn't. They are
    the server's: nothing is known of what they are.
    """
    usage: object = getattr(response, "usage", None)
    if (
        isinstance(usage, Usage) and usage.total_tokens
    ):  # what mostly comes, without looking for names
        return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if usage is None:
        json = _fields(getattr(response, "json", None))  # of a path without a method
        usage = json.get("usage") if json is not None else None
    fields = _fields(usage)

    def count(*names: str) -> Any:
        for name in names:
            if value := getattr(usage, name, 0) if fields is None else fields.get(name):
                return value
        return 0

    prompt, completion = (
        count("prompt_tokens", "input_tokens"),
        count("completion_tokens", "output_tokens"),
    )
    total = count("total_tokens")
    if not total and isinstance(prompt, int) and isinstance(completion, int):
        total = prompt + completion
    return prompt, completion, total


def _fields(value: object) -> dict[str, Any] | None:
    """`value` where it is a JSON object."""
    return value if is_object(value) else None
