"""The bar of a batch on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from horay_async.cli.output import colours
from horay_async.cli.pace import Pace

__all__ = ["bar"]

FRAMES: Final = 4.0
"""Looks a second: enough to look alive."""


@contextmanager
def bar(pace: Pace) -> Generator[None]:
    """Shows how far the batch is, on standard error, and takes it back when the block ends."""

    def frame() -> RenderableType:
        look = pace.look()
        if look is None:
            return Text("counting the requests …")
        return Group(Text(str(look)), ProgressBar(look.total, look.finished))

    console = Console(stderr=True, color_system="auto" if colours(sys.stderr) else None)
    with Live(get_renderable=frame, console=console, refresh_per_second=FRAMES, transient=True):
        yield
