"""`client.batch`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, Unpack, cast, overload

from horay_async._argument_errors import keyword_names
from horay_async._checks import is_true
from horay_async._extras import missing_extra
from horay_async.batch.batch_request import BatchRequest
from horay_async.batch.options import BatchOptions, Settings, check_interval
from horay_async.batch.outcomes import is_refused_key
from horay_async.batch.preparer import not_taken
from horay_async.batch.results import BatchProgress, ShowProgress
from horay_async.batch.run import AsyncBatchRun
from horay_async.batch.runner import BatchRunner
from horay_async.batch.sender import RequestSender
from horay_async.errors import ConfigurationError
from horay_async.models._base import Response
from horay_async.resources._base import Resource

if TYPE_CHECKING:
    from horay_async.batch.bar import ProgressBar

__all__ = ["AsyncBatch"]


def bar_for(progress: BatchProgress, show: ShowProgress) -> ProgressBar | None:
    """The bar that was asked for. Raises `ImportError` where rich is missing, `ConfigurationError` for what
    asks for none.
    """
    if show is False:
        return None
    if show is not True and show != "always":
        raise ConfigurationError(_no_bar(show))
    if problem := missing_extra("progress=True", "cli", "rich"):
        raise ImportError(problem)
    from horay_async.batch.bar import ProgressBar  # noqa: PLC0415 - what only a bar needs

    return ProgressBar(progress, show)


def _no_bar(given: object) -> str:
    """What is wrong with a value for `progress`."""
    instead = (
        ": no function is called; read run.progress in the loop, or hand run_file a BatchProgress to read"
        if callable(given)
        else ""
    )
    return f'progress must be True, False or "always"; got {given!r}{instead}'


def _is_descriptor(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool)


def _path(name: str, given: object) -> Path:
    """A parameter as a path. Raises `TypeError` for what is none, and `ConfigurationError` for an empty one."""
    if not isinstance(given, str | os.PathLike):
        allowed, instead = "a path", ""
        if name == "requests":
            allowed = "a path, or an open file's descriptor"
            if hasattr(given, "__iter__") or hasattr(given, "__aiter__"):
                instead = ": run(requests) takes requests; a file has the to_line() of each"
        raise TypeError(
            f"{name} must be {allowed}, not a value of type {type(given).__qualname__}{instead}"
        )
    if not os.fspath(given):  # of which `Path` makes the current folder
        raise ConfigurationError(f"{name} must name a file; it is empty")
    return Path(cast("os.PathLike[str]", given))


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
        **options: Unpack[BatchOptions],
    ) -> AsyncBatchRun[ResponseT]: ...

    @overload
    def run(
        self,
        requests: Iterable[BatchRequest[Response] | Mapping[str, object]]
        | AsyncIterable[BatchRequest[Response] | Mapping[str, object]],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        **options: Unpack[BatchOptions],
    ) -> AsyncBatchRun[Any]: ...

    def run(
        self,
        requests: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        **options: Unpack[BatchOptions],
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
            ordered: Whether the results come in the order of the requests. Where the loop raises, or is ended by
                `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its
                place.
            progress: Whether to draw a bar where somebody sees it; `"always"` draws it anyway.
        """
        settings = Settings.of(*keyword_names(self.run), **options)
        given = cast(object, requests)
        if isinstance(given, Mapping | str) or not isinstance(given, Iterable | AsyncIterable):
            raise TypeError(
                "requests must be an iterable of BatchRequest objects or mappings, "
                f"not a value of type {type(requests).__qualname__}"
            )
        items = cast("Iterable[object]", given) if isinstance(given, list | tuple) else ()
        first = next(iter(items), None)
        if isinstance(first, str) or callable(first) or hasattr(first, "__await__"):
            raise TypeError(not_taken(first))  # the others are hardly requests either

        in_order = is_true("ordered", ordered)
        run = BatchProgress(total=len(requests) if isinstance(requests, Sized) else None)
        bar = bar_for(run, progress)

        def start(threaded: bool) -> BatchRunner:
            return BatchRunner(
                RequestSender(self._transport, settings, run, ends_with=is_refused_key),
                requests,
                ordered=in_order,
                threaded=threaded,
                bar=bar,
            )

        return AsyncBatchRun(start, run)

    async def run_file(
        self,
        requests: str | os.PathLike[str] | int,
        results: str | os.PathLike[str],
        *,
        retry_failed: bool = False,
        sync_interval: float = 5.0,
        progress: BatchProgress | ShowProgress = False,
        **options: Unpack[BatchOptions],
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
        """
        from horay_async.batch.run_file import run_file  # noqa: PLC0415 - what only files need

        settings = Settings.of(*keyword_names(self.run_file), **options)
        given = progress if isinstance(progress, BatchProgress) else BatchProgress()
        bar = None if isinstance(progress, BatchProgress) else bar_for(given, progress)
        await run_file(
            self._transport,
            requests if _is_descriptor(requests) else _path("requests", requests),
            _path("results", results),
            settings,
            given,
            bar,
            retry_failed=is_true("retry_failed", retry_failed),
            sync_interval=check_interval(sync_interval),
        )
        return given
