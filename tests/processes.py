"""How tests start processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

__all__ = ["printed_by", "run_python", "unmeasured"]


def run_python(
    *arguments: str | os.PathLike[str], timeout: float = 120.0, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Runs this Python in a process of its own to its end: what it returned, and what it printed. It is killed, and the
    test fails, where it hangs.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **how,
    )


def printed_by(*arguments: str | os.PathLike[str], **how: Any) -> str:
    """What this Python prints on standard output in a process of its own, which must end well."""
    done = run_python(*arguments, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unmeasured() -> dict[str, str]:
    """The environment for a process that coverage doesn't measure.

    Coverage takes a lock when a thread first runs a file. A forked child whose parent's thread had it waits for ever, and
    so does a thread that a signal handler waits for, where it interrupted that. So what forks beside threads, and what
    interrupts threads, runs without.
    """
    return {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
