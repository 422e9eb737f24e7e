"""The options that every call takes beside the parameters of its operation."""

from collections.abc import Mapping
from typing import Literal, TypedDict

from horay_async._timeouts import Timeouts

__all__ = ["CallOptions", "GenerationOptions"]


class CallOptions(TypedDict, total=False):
    """Taken by every operation; each overrides the client's setting for one call."""

    # `object`, never `Any`: with an Any in a method's parameters mypy can't tell which overload of
    # `blocking` is meant, and the whole blocking method becomes an Any.

    timeout: float | Timeouts | None
    """The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets
    each of the five timeouts."""
    max_retries: int
    """Most attempts after the first."""
    extra_headers: Mapping[str, str]
    """Sent in addition to the client's own, which they override; none that the connection sets by itself, such as
    `Host` and `Content-Length`."""
    extra_query: Mapping[str, object]
    """Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name."""
    extra_body: Mapping[str, object]
    """Fields that this client doesn't know, put into the JSON body over those that it does."""
    idempotency_key: str
    """Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given."""
    bulk: bool
    """Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go
    first. False unless given."""


class GenerationOptions(CallOptions, total=False):
    """Taken by the operations that can stream."""

    on_truncation: Literal["raise", "return"]
    """What to do when a stream ends without `[DONE]` and without a finish reason for every choice:
    raise `StreamTruncatedError` (the default), or take what came as the response, for servers that
    never mark the end."""
