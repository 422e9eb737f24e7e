"""What the operating system says of a process: CPU time, peak memory, which core it may use.

Loads next to nothing: it is part of every process that is measured.
"""

from __future__ import annotations

import os
import resource
import sys

__all__ = ["allow_many_files", "cores", "cpu_seconds", "peak_bytes", "pin", "resident_bytes"]

MANY_FILES = 8192
"""Open files that thousands of connections at once need, with room."""


def cpu_seconds(of: resource.struct_rusage | None = None) -> float:
    """CPU time in seconds, user and system, all threads; of this process unless `of` is another's."""
    usage = of or resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_bytes() -> int:
    """The largest resident size of this process so far, in bytes."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int:
    """The resident size of this process now, in bytes; the largest so far where the system doesn't tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        return peak_bytes()


def cores() -> list[int]:
    """The cores that this process may use; empty where the system doesn't tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int) -> None:
    """Keeps this process, and those it starts from now on, on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def allow_many_files() -> None:
    """Raises this process's limit of open files as far as it may and needs to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
