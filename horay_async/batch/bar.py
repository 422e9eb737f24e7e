"""A progress bar for a batch, drawn by rich in a terminal or a notebook. Loaded for a bar alone: rich is an optional library."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import IO, cast

import attrs
from rich import progress as rich
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column
from rich.text import Text

from horay_async.batch.results import BatchProgress, ShowProgress

MIN_COLUMNS = 4
"""Columns of a bar that shows something."""


@attrs.define(eq=False)
class ProgressBar:
    """Shows how far a batch has come, from `start` to `stop`, on standard error; in a notebook, on standard output.

    It stays when the batch is over, unless it is `transient`. One that is `counted` shows nothing until the total is known.
    """

    _progress: BatchProgress
    _show: ShowProgress
    _transient: bool = attrs.field(default=False, kw_only=True, alias="transient")
    _counted: bool = attrs.field(default=False, kw_only=True, alias="counted")
    _drawn: _Bar | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    """A batch that is dropped may be stopped by another thread."""

    def start(self) -> None:
        """Begins to draw, unless there is nowhere to draw to."""
        console = _LastingConsole(
            stderr=True, force_terminal=True if self._show == "always" else None
        )
        if console.is_jupyter:
            # rich's own way asks for ipywidgets. A line that is drawn anew needs nothing, and stays in a stored
            # notebook; on standard output, since notebooks show the other as a failure.
            console = _LastingConsole(
                file=cast("IO[str]", _NotebookOutput()), force_jupyter=False, force_terminal=True
            )
        if console.is_terminal:
            self._drawn = _Bar(
                self._progress, console, transient=self._transient, counted=self._counted
            )
            # A terminal that is gone is no end of a batch.
            with contextlib.suppress(OSError, ValueError):
                self._drawn.start()

    def stop(self) -> None:
        """Draws a last time. Stopping twice is fine."""
        with self._lock:
            drawn, self._drawn = self._drawn, None
        if drawn is not None:
            with contextlib.suppress(OSError, ValueError):
                drawn.stop()


class _LastingConsole(Console):
    def on_broken_pipe(self) -> None:  # rich would end the process
        self.quiet = True


class _NotebookOutput:
    """A notebook's standard output, which knows how to go back to a line's start, but not how to erase the line."""

    ERASE = "\r\x1b[2K"

    def __init__(self) -> None:
        self._output = sys.stdout  # rich puts an object of its own in its place
        self._longest = 0

    def write(self, text: str) -> int:
        for line in re.split("[\r\n]", re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", text)):
            self._longest = max(self._longest, len(line))
        return self._output.write(text.replace(self.ERASE, f"\r{' ' * self._longest}\r"))

    def flush(self) -> None:
        self._output.flush()


class _TimeLeft(rich.TimeRemainingColumn):
    """Tells the time left from the time that has passed."""

    def render(self, task: rich.Task) -> Text:
        return super().render(task).append(" left")


class _Bar(rich.Progress):
    """Looks at the batch whenever rich draws, ten times a second."""

    def __init__(
        self, batch: BatchProgress, console: Console, *, transient: bool, counted: bool
    ) -> None:
        self._batch = batch
        self._counted = counted
        self._line = rich.BarColumn()
        self._count = rich.MofNCompleteColumn(table_column=Column(no_wrap=True))
        self._told = rich.TextColumn("{task.fields[text]}", markup=False)
        self._elapsed = rich.TimeElapsedColumn(table_column=Column(no_wrap=True))
        self._remaining = _TimeLeft(table_column=Column(no_wrap=True))
        super().__init__(
            console=console,
            transient=transient,
            # What is printed meanwhile goes above the bar; but what goes into a file or a pipe goes there.
            redirect_stdout=sys.stdout.isatty() or isinstance(console.file, _NotebookOutput),
        )
        self.add_task("batch", total=None, text="")

    def get_renderables(self) -> Iterable[RenderableType]:
        batch = self._batch
        if self._counted and batch.total is None:
            return
        for task in self.tasks:  # none yet when rich asks first
            self.update(  # from which rich learns the speed, and so the time left
                task.id,
                total=batch.total,
                completed=batch.skipped + batch.done + batch.failed,
            )
            failed = f"{batch.skipped_failed + batch.failed:,} failed"
            told = f"{batch.total_tokens:,} tokens"
            if seconds := batch.seconds_unreached:
                told = f"server unreachable for {timedelta(seconds=round(seconds))}"
            texts = [f"{failed}, {told}", failed]
            if pause := batch.pause:
                texts[:1] = [f"{failed}, {pause}", f"{failed}, {pause.partition(' (')[0]}"]
            self._fit(task, texts, timed=not pause)
        yield self.make_tasks_table(self.tasks)

    def _fit(self, task: rich.Task, texts: list[str], *, timed: bool) -> None:
        """Leaves out what a narrow terminal has no room for: how far it is comes first, what failed second. Without `timed`
        no time is shown.
        """
        left = self.console.width - cell_len(str(self._count.render(task)))
        text = next((text for text in texts if cell_len(text) < left), "")
        shown: list[rich.ProgressColumn] = [self._count]
        if text:
            self.update(task.id, text=text)
            shown.append(self._told)
            left -= cell_len(text) + 1
        # One time alone, so that nobody takes one for the other.
        time = self._elapsed if self._batch.total is None else self._remaining
        needed = cell_len(str(time.render(task))) + 1
        if timed and needed <= left:
            shown.append(time)
            left -= needed
        self.columns = (self._line, *shown) if left > MIN_COLUMNS else tuple(shown)
