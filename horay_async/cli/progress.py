"""How far a batch is, on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import horay_async
from horay_async.batch.bar import ProgressBar
from horay_async.cli.output import note
from horay_async.cli.terminal import drawing

EVERY: Final = 5.0
"""Seconds between two lines."""


@contextmanager
def show_progress(progress: horay_async.BatchProgress, *, bar: bool) -> Generator[None]:
    """Shows the progress until the block ends. Without `bar` none is drawn: it would be drawn over what is typed."""
    if bar and sys.stderr.isatty():
        drawn = ProgressBar(progress, "always", transient=True, counted=True)
        with drawing(sys.stderr):
            try:
                drawn.start()
                yield
            finally:
                drawn.stop()
        return
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(EVERY):
            if progress.total is not None and not progress.pause:  # which the log has reported
                note(describe(progress, progress.total))

    thread = threading.Thread(target=repeat, name="horay-batch-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def describe(progress: horay_async.BatchProgress, total: int) -> str:
    """How far a batch of `total` requests is, on a line. The rate is that of this run as a whole."""
    ended = progress.done + progress.failed
    finished = progress.skipped + ended
    rate = ended / progress.seconds if progress.seconds else 0.0
    left = f" · {timedelta(seconds=round((total - finished) / rate))} left" if rate else ""
    if seconds := progress.seconds_unreached:
        left = (
            f" · the server can't be reached for {timedelta(seconds=round(seconds))}, trying again"
        )
    return (
        f"{finished:,} of {total:,} · {rate:.1f}/s · {progress.total_tokens:,} tokens · "
        f"{progress.failed:,} failed{left}"
    )
