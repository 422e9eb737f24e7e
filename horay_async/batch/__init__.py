"""Fan-out: any number of requests over one client, at the pace that the server can take.

`client.batch.run(...)` gives results as they come; `client.batch.run_file(...)` goes from a file of
requests to an output file, and can be started again where it was left.

What is said of requests and models in this folder:

| word | said of | meaning | kept in |
|---|---|---|---|
| under way | a request | it was admitted, and waits for its response or to be retried by its own policy | `BatchRunner` |
| deferred | a request | it is to be sent, for the first time or again, before the source's next one | `DeferredRequests` |
| unconfirmed | a failure | it may be every request's: it is no result until it is known whether others get past it | `UnconfirmedFailures` |
| refused | a model | all of its requests were refused since one was let through, because of a limit (429, 503) | `RefusedModels` |
| of low priority | a model | it was refused lately, or may be: requests for others are sent first | `RefusedModels` |
| refused alone | a model | the server refuses it, and takes others: these don't wait for it | `RefusedModels` |
| paused | a model | it is refused alone, and nothing is sent for it before a time | `RequestSender` |
"""

from __future__ import annotations

from horay_async.batch.batch_request import BatchRequest
from horay_async.batch.errors import BatchFileError, InvalidRequestError
from horay_async.batch.options import BatchOptions
from horay_async.batch.reading import read_results
from horay_async.batch.resource import AsyncBatch
from horay_async.batch.results import BatchProgress, BatchResult
from horay_async.batch.run import AsyncBatchRun

__all__ = [
    "AsyncBatch",
    "AsyncBatchRun",
    "BatchFileError",
    "BatchOptions",
    "BatchProgress",
    "BatchRequest",
    "BatchResult",
    "InvalidRequestError",
    "read_results",
]
