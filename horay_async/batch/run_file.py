"""From a file of requests to an output file, in as many runs as it takes."""

# What moves the totals is kept under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from horay_async._transport.in_thread import in_thread
from horay_async._transport.log import LOG
from horay_async.batch.batch_limiter import batch_limiter_of
from horay_async.batch.errors import BatchFileError
from horay_async.batch.ids import IdTable
from horay_async.batch.options import Settings
from horay_async.batch.outcomes import is_of_setup
from horay_async.batch.request_file import RequestFile
from horay_async.batch.result_file import FinishedCounts, ResultFile
from horay_async.batch.results import BatchProgress, BatchResult
from horay_async.batch.runner import BatchRunner
from horay_async.batch.sender import RequestSender
from horay_async.batch.spool import input_file

if TYPE_CHECKING:
    from horay_async._transport.transport import Transport
    from horay_async.batch.bar import ProgressBar

T = TypeVar("T")


async def run_file(
    transport: Transport,
    requests: Path | int,
    results: Path,
    settings: Settings,
    progress: BatchProgress,
    bar: ProgressBar | None,
    *,
    retry_failed: bool,
    sync_interval: float,
) -> None:
    """Sends the requests of one file, and writes the results into another; see `AsyncBatch.run_file`."""
    ids = IdTable()
    # Raises for one that can't be reached, before files are made.
    batch_limiter_of(transport).concurrency(settings)
    await _in_thread(partial(_check_names, requests, results))

    def read_both_files() -> tuple[int, FinishedCounts]:
        total = source.index()
        progress.unfinished_line = source.unfinished_line
        finished = result_file.open(ids, retry_failed=retry_failed)
        progress.unreadable = tuple(result_file.unreadable)
        source.log_mistakes(total)
        if result_file.unreadable:
            LOG.warning(
                "%s, line %d%s: can't be read: it stays there, and its request is sent again",
                results,
                result_file.unreadable[0],
                f" and {more:,} more" if (more := len(result_file.unreadable) - 1) else "",
            )
        if finished.total < total:
            result_file.check_room()
        result_file.sync_name()
        return total, finished

    def stop_reading() -> None:
        source.stop()
        result_file.stop()

    def write(results: list[BatchResult[Any]]) -> None:
        result_file.append(results)
        if not sync_interval:
            result_file.sync()

    async with contextlib.AsyncExitStack() as opened:
        progress._restart()
        opened.callback(progress._end)  # also where a file can't be read
        result_file = opened.enter_context(contextlib.closing(ResultFile(results)))
        source = RequestFile(await opened.enter_async_context(input_file(requests)), ids)
        progress.total, finished = await _in_thread(read_both_files, stop_reading)
        progress.skipped, progress.skipped_failed = finished
        if progress.skipped_failed:
            told = "%s: %d that failed in earlier runs aren't sent again; retry_failed=True, or --retry-failed, sends them"
            LOG.warning(told, results, progress.skipped_failed)
        runner = BatchRunner(
            RequestSender(transport, settings, progress, ends_with=is_of_setup),
            source.unfinished(),
            ordered=False,
            threaded=True,
            bar=bar,
        )

        async def finish() -> None:
            """What came until the end is written, too."""
            await runner.close()
            syncing.cancel()
            await asyncio.wait([syncing])
            await _in_thread(partial(write, runner.get_nowait()))
            await _in_thread(result_file.sync)
            await _in_thread(result_file.drop_superseded)
            progress.unreadable = tuple(result_file.unreadable)

        syncing = asyncio.create_task(_sync_regularly(result_file, sync_interval, runner))
        try:
            while batch := await runner.get():
                await _in_thread(partial(write, batch))
        finally:
            await _to_its_end(asyncio.create_task(finish()))


def _check_names(requests: Path | int, results: Path) -> None:
    """Raises for requests that aren't there, or that are in the output file, before that is touched."""
    found = os.fstat(requests) if isinstance(requests, int) else requests.stat()
    if results.exists() and os.path.samestat(found, results.stat()):
        raise BatchFileError(
            f"{results} holds the requests: their results need a file of their own",
            path=str(results),
        )


async def _sync_regularly(result_file: ResultFile, seconds: float, runner: BatchRunner) -> None:
    """Sees to it that what was written is on the disk; stops the runner where it can't be."""
    while seconds:
        await asyncio.sleep(seconds)
        try:
            await _in_thread(result_file.sync)
        except BatchFileError as error:
            runner.stop(error)
            return


async def _in_thread(function: Callable[[], T], stop: Callable[[], None] | None = None) -> T:
    """Runs a blocking function, and waits for its end even when it is cancelled: what it works on is
    closed afterwards. `stop` is called then, and may have it end early.
    """
    running = in_thread(function, name="horay-batch-file", or_here=True, daemon=False)
    result, error = await _to_its_end(running, stop)
    try:
        if error is not None:
            raise error
    finally:
        del error  # it knows this frame
    return cast("T", result)


async def _to_its_end(under_way: asyncio.Future[T], stop: Callable[[], None] | None = None) -> T:
    """Waits for what is under way, however often that is cancelled: scopes of anyio do it at each await."""
    cancelled: asyncio.CancelledError | None = None
    while not under_way.done():
        try:
            await asyncio.wait([under_way])
        except asyncio.CancelledError as error:
            cancelled = error
            if stop is not None:
                stop()
    if cancelled is not None:
        under_way.exception()  # looked at, so that nobody complains that it wasn't
        raise cancelled
    return under_way.result()
