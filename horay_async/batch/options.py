"""How a batch is run."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

import attrs

from horay_async._checks import check_concurrency, check_positive, is_number, is_true, wrong
from horay_async._suggestions import BATCH_OPTIONS, unknown_option


class BatchOptions(TypedDict, total=False):
    """Taken by `batch.run` and `batch.run_file`."""

    concurrency: int | Literal["auto"]
    """Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries
    more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its
    responses get slower. What it found is shared by all batches of the client. Neither is bound by the
    client's `max_connections`; a session of the caller's is bound by its connector."""
    rpm: float | None
    """Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm`
    share them. The client's `limits` hold beside this and the others. None, the default, is no limit."""
    tpm: float | None
    """Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what
    its response reports. None, the default, is no limit."""
    bulk: bool
    """Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with
    False they wait in the same line."""
    fail_fast: bool
    """Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops
    what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next
    start sends it, unless a response came that can't be used."""
    give_up_after: float
    """Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or
    can't be reached though it has responded before. After that, the request fails with that error. If the server has
    refused everything for so long, the requests that wait fail too. All other failures are retried as the client's
    `RetryPolicy` says, and no more."""


def check_interval(seconds: float) -> float:
    """The `sync_interval` of `run_file`; raises `ConfigurationError` for one that can't work."""
    if not (is_number(seconds) and seconds >= 0):
        raise wrong("sync_interval", "a number of seconds, 0 or above", seconds)
    return seconds


def _check_switch(_: object, field: attrs.Attribute[Any], value: object) -> None:
    is_true(field.name, value)


@attrs.frozen(kw_only=True)
class Settings:
    """`BatchOptions`, checked. Raises `ConfigurationError` for one that can't work."""

    concurrency: int | Literal["auto"] = attrs.field(default="auto", validator=check_concurrency)
    rpm: float | None = attrs.field(default=None, validator=check_positive)
    tpm: float | None = attrs.field(default=None, validator=check_positive)
    bulk: bool = attrs.field(default=True, validator=_check_switch)
    fail_fast: bool = attrs.field(default=False, validator=_check_switch)
    give_up_after: float = attrs.field(default=600.0, validator=check_positive)

    @classmethod
    def of(cls, *beside: str, **options: Unpack[BatchOptions]) -> Settings:
        """The settings from a method's arguments; `beside` are its other options. Raises `TypeError` for an unknown one."""
        if strange := options.keys() - BatchOptions.__annotations__.keys():
            known = [*BatchOptions.__annotations__, *beside]
            raise unknown_option("batch option", min(strange), known, BATCH_OPTIONS)
        return cls(**options)
