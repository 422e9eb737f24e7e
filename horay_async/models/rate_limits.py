"""The rate limits in a response's headers."""

from __future__ import annotations

import attrs

from horay_async._class_docs import describe_fields

__all__ = ["RateLimit", "RateLimits"]


@describe_fields
@attrs.frozen(kw_only=True)
class RateLimit:
    """One rate limit of a response's headers; None for what they lack, or what can't be parsed."""

    limit: int | None = None
    """Most in a window."""
    remaining: int | None = None
    """How many of them are left."""
    reset: float | None = None
    """Seconds from the response until the window starts again; at most 31 days."""


@describe_fields
@attrs.frozen(kw_only=True)
class RateLimits:
    """The rate limits in a response's headers: those of `x-ratelimit-*`, `RateLimit` with `RateLimit-Policy`, or
    `RateLimit-Limit`, `-Remaining` and `-Reset`.
    """

    requests: RateLimit = RateLimit()
    """Of requests."""
    tokens: RateLimit = RateLimit()
    """Of tokens, those of prompts and of responses."""
