# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""`client.batch`."""

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Literal, TypeVar, overload

from horay_async.batch.bar import ProgressBar
from horay_async.batch.batch_request import BatchRequest
from horay_async.batch.results import BatchProgress, ShowProgress
from horay_async.batch.run import AsyncBatchRun
from horay_async.models._base import Response
from horay_async.resources._base import Resource

__all__ = ["AsyncBatch"]

def bar_for(progress: BatchProgress, show: ShowProgress) -> ProgressBar | None:
    """The bar that was asked for. Raises `ImportError` where rich is missing, `ConfigurationError` for what
    asks for none.
    """

ResponseT = TypeVar("ResponseT", bound=Response)

class AsyncBatch(Resource):
    """Sends any number of requests at the pace that the server can take."""
    @overload
    def run(
        self,
        requests: Iterable[BatchRequest[ResponseT]] | AsyncIterable[BatchRequest[ResponseT]],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> AsyncBatchRun[ResponseT]:
        """Sends `requests` and gives one `BatchResult` for each, as they come.

        The requests are `BatchRequest` objects, or mappings as the lines of an OpenAI batch file, with
        `custom_id`, `method`, `url` and `body`; of different operations if need be. They are read as they
        are needed, and no further ahead than a few of them: a generator of millions is fine. With
        `ordered` the results come in the order of the requests. `progress=True` draws a bar on standard
        error, where that is a terminal, and in a notebook; `"always"` draws it elsewhere too. The other
        parameters are those of `BatchOptions`.

        A request that fails, or can't be sent, gives a result with an `error`; the others go on. But if the server
        refuses the key of all the first requests, or the balance is exhausted, the loop raises that
        `AuthenticationError` or `InsufficientBalanceError`, and there are no results for them. `run` itself raises
        `ConfigurationError` for an option that can't work, `TypeError` for one of a wrong name, or for
        `requests` that can't be iterated over, and `ImportError` for `progress` without rich, which comes with
        `pip install 'horay-async[cli]'`.

        Args:
            requests: What to send: an iterable, plain or asynchronous.
            ordered: Whether the results come in the order of the requests. Where the loop raises, or is ended by `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its place.
            progress: Whether to draw a bar where somebody sees it; `"always"` draws it anyway.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """
    @overload
    def run(
        self,
        requests: Iterable[BatchRequest[Response] | Mapping[str, object]]
        | AsyncIterable[BatchRequest[Response] | Mapping[str, object]],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> AsyncBatchRun[Any]:
        """Sends `requests` and gives one `BatchResult` for each, as they come.

        The requests are `BatchRequest` objects, or mappings as the lines of an OpenAI batch file, with
        `custom_id`, `method`, `url` and `body`; of different operations if need be. They are read as they
        are needed, and no further ahead than a few of them: a generator of millions is fine. With
        `ordered` the results come in the order of the requests. `progress=True` draws a bar on standard
        error, where that is a terminal, and in a notebook; `"always"` draws it elsewhere too. The other
        parameters are those of `BatchOptions`.

        A request that fails, or can't be sent, gives a result with an `error`; the others go on. But if the server
        refuses the key of all the first requests, or the balance is exhausted, the loop raises that
        `AuthenticationError` or `InsufficientBalanceError`, and there are no results for them. `run` itself raises
        `ConfigurationError` for an option that can't work, `TypeError` for one of a wrong name, or for
        `requests` that can't be iterated over, and `ImportError` for `progress` without rich, which comes with
        `pip install 'horay-async[cli]'`.

        Args:
            requests: What to send: an iterable, plain or asynchronous.
            ordered: Whether the results come in the order of the requests. Where the loop raises, or is ended by `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its place.
            progress: Whether to draw a bar where somebody sees it; `"always"` draws it anyway.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """
    async def run_file(
        self,
        requests: str | os.PathLike[str] | int,
        results: str | os.PathLike[str],
        *,
        retry_failed: bool = False,
        sync_interval: float = 5.0,
        progress: BatchProgress | ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> BatchProgress:
        """Sends the requests of one file, writes their results to another, and gives the progress.

        Both have one JSON object a line, in the form of OpenAI's batch files and of their output. The
        server's responses are copied as they are. Lines are written as responses come, in no particular order.
        `requests` may be a pipe, or the descriptor of an open file, such as 0 for standard input: it is read to its
        end first.

        The output file is the record of what is done: where it exists, what it holds is skipped, and
        the rest is appended. So a run that ended early, however it did, goes on when it is started again,
        and each request has exactly one line in the end; only what was under way is sent twice, unless
        `progress.stop_sending()` ended the run: that waits for it. With
        `retry_failed` the failures of earlier runs are sent again; the line of each is taken out at the end of the run if there is a new
        one behind it. Where a failure has something of a response, and the next one nothing, it is the first that stays.
        Results are safe from a loss of power `sync_interval` seconds after they were written, with 0 at once. `progress` is a
        `BatchProgress` that is kept up to date while it runs, or draws a bar as for `run`. The other
        parameters are those of `BatchOptions`.

        Raises `BatchFileError`, before anything is sent, for lines that have no id, or one that was there before (the first ten
        are named); for an output file that another run is writing, under whatever name, or that isn't one of a batch; for what
        is no file; and for a full disk. Raises it during the run for an output file that something else removes or
        truncates; for requests that are edited, other than by appending; and for a disk that gets full. Raises `OSError` for
        files that can't be opened, and what `run` raises.

        A request that can't be sent, or whose line can't be read further than its id, raises nothing: the output has a line for
        it. If the server refuses the key of all the first requests, or the balance is exhausted, or none of them reaches the
        server, the run ends with their `AuthenticationError`, `InsufficientBalanceError` or `APIConnectionError`; if an
        `api_key` function raises, with that `ConfigurationError`. Nothing is written for these requests.

        Args:
            requests: The file of requests, or a pipe; or the descriptor of one that is open.
            results: The output file; it is made, or continued.
            retry_failed: Whether to send earlier failures again.
            sync_interval: Seconds until what was written is safe from a loss of power; 5, with 0 at once.
            progress: Whether to draw a bar, as for `run`; or an object that is kept up to date. One of an earlier run begins anew; one of a run that goes on is refused.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """
