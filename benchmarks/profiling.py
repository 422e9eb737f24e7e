"""Where the time of one row goes: its work done once under a profiler."""

from __future__ import annotations

import cProfile
import importlib.util
import json
import pstats
import subprocess
import sys
from typing import Any

from benchmarks.rows import Row
from benchmarks.running import ROOT, job_of, stub_server
from benchmarks.worker import measure
from benchmarks.workloads import Job

__all__ = ["profile_row", "profiled"]

SHOWN = 40
"""Functions in the table."""


def profile_row(row: Row) -> int:
    """Runs a row's subject under a profiler, which prints to standard output; gives the exit status."""
    if row.subject.code:
        # Where the time of an import goes is the interpreter's own to say.
        command = [sys.executable, "-X", "importtime", "-c", row.subject.code]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    with stub_server() as base_url:
        job = {**job_of(row.subject, base_url, share=1.0), "profile": True}
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def profiled(job: Job) -> None:
    """Does a job under pyinstrument where it is installed, else under cProfile, and prints the profile."""
    if importlib.util.find_spec("pyinstrument"):
        pyinstrument: Any = importlib.import_module("pyinstrument")
        with pyinstrument.Profiler(interval=0.0005, async_mode="disabled") as profiler:
            measure(job)
        print(profiler.output_text(unicode=True, show_all=True))
        return
    profile = cProfile.Profile()
    profile.runcall(measure, job)
    pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)
