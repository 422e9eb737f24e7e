"""How much a client sends: requests and tokens a minute, and requests at once."""

from __future__ import annotations

from typing import Literal

import attrs

from horay_async._checks import check_concurrency, check_positive
from horay_async._class_docs import describe_fields
from horay_async._suggestions import naming_options


# Every call of a client with limits looks its limiter up by them, so that their hash is to be quick.
@naming_options
@describe_fields
@attrs.frozen(kw_only=True)
class Limits:
    """What all calls of a client keep to, those of its batches and of its copies included; None is no limit.

    A call that would go over a limit waits, in the order of arrival, under the timeout `queue` and the deadline; those with
    `bulk=True`, as a batch's, wait until no other call does. The limits hold on each event loop by itself: a client that is
    used from several threads with a loop each sends up to so much on each. The blocking clients of a process share one loop.
    """

    rpm: float | None = attrs.field(default=None, validator=check_positive)
    """Most requests a minute, retries included. They are sent evenly spaced: a server that allows so many a minute mostly
    enforces it over shorter times."""
    tpm: float | None = attrs.field(default=None, validator=check_positive)
    """Most tokens a minute, of prompts and responses together: estimated from a request's length and its `max_tokens`, and
    corrected by the `usage` of its response, also that of a stream, where it has one."""
    concurrency: int | Literal["auto"] | None = attrs.field(
        default=None, validator=check_concurrency
    )
    """Most requests under way at once, streams until their end. `"auto"` finds what the server can take, as batches
    do. `max_connections` holds beside it."""
