"""How far a batch is, on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, Task

from horay_async.cli.output import note
from horay_async.cli.terminal import make_console

if TYPE_CHECKING:
    from horay_async import BatchProgress

__all__ = ["BatchBar", "show_progress"]

REFRESH: Final = 0.25
"""Seconds between two states of the bar."""

EVERY: Final = 5.0
"""Seconds between two lines."""


class BatchBar(Progress):
    """The progress of one batch. rich keeps the rate: that of the last 30 seconds."""

    def __init__(self, totals: BatchProgress, *, visible: bool) -> None:
        super().__init__(
            BarColumn(bar_width=None),
            console=make_console(sys.stderr),
            auto_refresh=False,  # one thread does both: read the totals, and draw
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not visible,
            expand=True,
        )
        self._totals = totals
        self._batch = self.add_task("batch", total=None)

    def read_totals(self) -> None:
        """Brings the task up to the totals."""
        totals, task = self._totals, self.tasks[0]
        if totals.total is None:
            return
        if task.total is None:  # counted just now; neither that time nor earlier runs make the rate
            self.reset(self._batch, total=totals.total, completed=totals.skipped)
        self.update(self._batch, completed=totals.skipped + totals.done + totals.failed)

    def describe(self) -> str:
        """The state as text."""
        task: Task = self.tasks[0]
        if task.total is None:
            return "counting the requests …"
        left = task.time_remaining
        return " · ".join(
            (
                f"{task.completed:,.0f} of {task.total:,.0f}",
                f"{task.speed or 0:.1f}/s",
                f"{self._totals.total_tokens:,} tokens",
                f"{self._totals.failed:,} failed",
                *(() if left is None else (f"{timedelta(seconds=left)} left",)),
            )
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.tasks:  # rich asks once before there is one
            yield self.describe()
        yield self.make_tasks_table(self.tasks)


@contextmanager
def show_progress(totals: BatchProgress) -> Generator[None]:
    """Shows the totals until the block ends."""
    on_terminal = sys.stderr.isatty()
    progress = BatchBar(totals, visible=on_terminal)
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(REFRESH if on_terminal else EVERY):
            progress.read_totals()
            if on_terminal:
                progress.refresh()
            elif totals.total is not None:
                note(progress.describe())

    thread = threading.Thread(target=repeat, name="horay-batch-progress", daemon=True)
    with progress:
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
