"""Showing how far a batch is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from horay_async.cli.output import colours, note
from horay_async.cli.pace import Pace

if TYPE_CHECKING:
    from rich.console import RenderableType

    from horay_async import BatchTotals

__all__ = ["watching"]

EVERY: Final = 5.0
"""Seconds between two lines."""

FRAMES: Final = 4.0
"""Looks a second at the bar: enough to look alive."""


@contextmanager
def watching(totals: BatchTotals) -> Generator[None]:
    """Shows the totals, on standard error, until the block ends."""
    pace = Pace(totals)
    with _bar(pace) if sys.stderr.isatty() else _lines(pace):
        yield


@contextmanager
def _lines(pace: Pace) -> Generator[None]:
    over = threading.Event()

    def tell() -> None:
        while not over.wait(EVERY):
            if look := pace.look():
                note(str(look))

    teller = threading.Thread(target=tell, name="horay-batch-progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@contextmanager
def _bar(pace: Pace) -> Generator[None]:
    from rich.console import Console, Group  # noqa: PLC0415 - pipes do without rich
    from rich.live import Live  # noqa: PLC0415 - as above
    from rich.progress_bar import ProgressBar  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    def frame() -> RenderableType:
        look = pace.look()
        if look is None:
            return "counting the requests …"
        return Group(Text(str(look)), ProgressBar(look.total, look.finished))

    console = Console(stderr=True, color_system="auto" if colours(sys.stderr) else None)
    live = Live(get_renderable=frame, console=console, refresh_per_second=FRAMES, transient=True)
    with live:
        yield
