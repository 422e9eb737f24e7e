"""How tests start processes of their own."""

from __future__ import annotations

import os

__all__ = ["unmeasured"]


def unmeasured() -> dict[str, str]:
    """The environment for a process that coverage doesn't measure.

    Coverage takes a lock when a thread first runs a file. A forked child whose parent's thread had it waits for ever, and
    so does a thread that a signal handler waits for, where it interrupted that. So what forks beside threads, and what
    interrupts threads, runs without.
    """
    return {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
