"""Showing how far a batch is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from horay_async.cli.output import note
from horay_async.cli.pace import Pace

if TYPE_CHECKING:
    from horay_async import BatchProgress

__all__ = ["show_progress"]

EVERY: Final = 5.0
"""Seconds between two lines."""


@contextmanager
def show_progress(totals: BatchProgress) -> Generator[None]:
    """Shows the totals, on standard error, until the block ends."""
    pace = Pace(totals)
    if sys.stderr.isatty():
        from horay_async.cli.bar import bar  # noqa: PLC0415 - loads rich, which pipes do without

        shown = bar(pace)
    else:
        shown = _lines(pace)
    with shown:
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
