"""`complete_dataset` and `embed_dataset`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Unpack, cast

import ray
from ray.data import ActorPoolStrategy, Dataset

from horay_async._keys import KeyFunction
from horay_async.batch.options import Settings
from horay_async.errors import ConfigurationError
from horay_async.integrations.ray.allotment_actor import start_allotment_actor
from horay_async.integrations.ray.options import SealedOptions
from horay_async.integrations.ray.rows import EmbeddingRows, Rows
from horay_async.integrations.ray.worker import Worker
from horay_async.options import ClientParams

BATCHES = 16
"""Batches that a worker has under way, where the concurrency is found by itself: 1,024 rows by default. The
end of one is no gap, since the others go on."""

SPARE = 2
"""Batches that wait at a worker for one to end: enough to hide the way there."""

MEMORY = 160 * 2**20
"""Bytes that Ray reckons with for a worker: it was seen to take 120 MiB, most of it Ray and Arrow themselves."""


def complete_dataset(
    ds: Dataset,
    *,
    model: str,
    prompt_column: str | None = None,
    messages_column: str | None = None,
    params: Mapping[str, object] | None = None,
    rpm: float | None = None,
    tpm: float | None = None,
    concurrency: int | Literal["auto"] = "auto",
    give_up_after: float = 600.0,
    prefix: str = "",
    nodes: int | None = None,
    batch_size: int = 64,
    api_key: str | KeyFunction | None = None,
    **options: Unpack[ClientParams],
) -> Dataset:
    """A lazy dataset with the rows of `ds` and three columns more.

    `answer` is the text of the first choice, `usage` the counts `prompt_tokens`, `completion_tokens` and
    `total_tokens`, and `error` is null, or the `type`, `message` and HTTP `status` of what a row failed
    with; then the other two are null. `prefix` stands before these names.

    With `prompt_column` each row is a text completion of what that column holds; with `messages_column` a
    chat completion, of a list of messages or of one user message's text. `params` are further parameters
    of the operation, the same for all rows.

    `rpm` and `tpm` are the most requests and tokens a minute of all nodes together, kept to within 5 %; a
    `Retry-After` of the server pauses all of them.
    `concurrency` and `give_up_after` are those of `BatchOptions`, for each node. There is one worker on each
    node with CPUs, or `nodes` of them. Each takes `batch_size` rows at a time, up to 16 times over; what
    was under way on a node that dies, and responses of it that nobody had fetched yet, are asked for again.

    Without `api_key` each worker takes `HORAY_API_KEY` from the environment of its node. A key that is
    passed goes to the workers with the other `options` of the client, through Ray's object store and never
    into its logs; a function that provides keys is sent too, and each worker calls its own. `session` and `ssl_context` can't be passed.

    Raises `ConfigurationError` for an option that can't work; when it runs, the dataset raises it, wrapped
    by Ray, where a node has no key or the columns aren't there.
    """
    if (prompt_column is None) == (messages_column is None):
        raise ConfigurationError("pass one of prompt_column and messages_column")
    rows = Rows(
        column=messages_column or prompt_column or "",
        chat=messages_column is not None,
        params={**(params or {}), "model": model},
        prefix=prefix,
    )
    settings = Settings(concurrency=concurrency, give_up_after=give_up_after, rpm=rpm, tpm=tpm)
    sealed = SealedOptions(api_key, **options)
    return _with_results(ds, rows, settings, sealed, nodes, batch_size, requests=batch_size)


def embed_dataset(
    ds: Dataset,
    *,
    model: str,
    input_column: str,
    params: Mapping[str, object] | None = None,
    rpm: float | None = None,
    tpm: float | None = None,
    concurrency: int | Literal["auto"] = "auto",
    give_up_after: float = 600.0,
    prefix: str = "",
    nodes: int | None = None,
    batch_size: int = 64,
    api_key: str | KeyFunction | None = None,
    **options: Unpack[ClientParams],
) -> Dataset:
    """A lazy dataset with the rows of `ds` and two columns more, as by `complete_dataset`.

    `embedding` is the vector of what `input_column` holds, a text or a list of token ids, as 32-bit floats; `error`
    is null, or the `type`, `message` and HTTP `status` of what a row failed with, whose vector is null then. A row
    with nothing in that column fails, and isn't sent. `prefix` stands before these names.

    `batch_size` rows go in one request, up to the limits of `embeddings.create`. Where the server refuses it for
    what is in it (400, 413 or 422), each of the rows is sent alone, so that one doesn't take the others with it.
    `params` are further parameters, such as `dimensions`; `rpm` counts requests, not rows.

    The other parameters, and what is raised, are those of `complete_dataset`.
    """
    sent = {**(params or {}), "model": model}
    rows = EmbeddingRows(column=input_column, params=sent, prefix=prefix)
    settings = Settings(concurrency=concurrency, give_up_after=give_up_after, rpm=rpm, tpm=tpm)
    sealed = SealedOptions(api_key, **options)
    return _with_results(ds, rows, settings, sealed, nodes, batch_size, requests=1)


def _with_results(
    ds: Dataset,
    rows: Rows | EmbeddingRows,
    settings: Settings,
    sealed: SealedOptions,
    nodes: int | None,
    batch_size: int,
    *,
    requests: int,
) -> Dataset:
    """The dataset with the columns of `rows`; `requests` is how many a batch of rows takes."""
    for name, count in (("nodes", nodes), ("batch_size", batch_size)):
        if count is not None and count < 1:
            raise ConfigurationError(f"{name} must be at least 1; got {count}")
    concurrency = settings.concurrency
    batches = BATCHES if concurrency == "auto" else math.ceil(concurrency / requests) + 1
    blocks = cast(Any, ds.repartition(target_num_rows_per_block=batch_size, strict=True))
    completed: Dataset = blocks.map_batches(  # not all of its parameters have types
        Worker,
        fn_constructor_kwargs={
            "options": sealed,
            "rows": rows,
            "settings": settings,
            "allotment": start_allotment_actor(),
        },
        batch_size=None,  # a block as it is: the unit that is done again
        batch_format="pyarrow",
        udf_modifying_row_count=False,
        compute=ActorPoolStrategy(
            size=nodes or _nodes(),
            max_concurrent_calls_per_actor=batches,
            max_tasks_in_flight_per_actor=batches + SPARE,
        ),
        # It mostly waits, and must fit where the node of another one has died. What takes nothing at all
        # Ray wouldn't spread over the nodes.
        num_cpus=0,
        memory=MEMORY,
    )
    return completed


def _nodes() -> int:
    """How many nodes there are to run something."""
    nodes: list[dict[str, Any]] = cast(Any, ray).nodes()  # it has no types
    return sum(node["Alive"] and node["Resources"].get("CPU", 0) > 0 for node in nodes)
