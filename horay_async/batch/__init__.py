"""Fan-out: any number of requests over one client, at the pace that the server can take.

`client.batch.run(...)` gives results as they come; `client.batch.run_file(...)` goes from a file of
requests to an output file, and can be started again where it was left.
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
