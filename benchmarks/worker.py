"""One measurement in a process of its own: a job as JSON on the command line, a reading as JSON out.

python -m benchmarks.worker JOB
"""

from __future__ import annotations

import json
import sys

from benchmarks.contenders import load
from benchmarks.measure import allow_many_files, peak_bytes, pin
from benchmarks.workloads import WORKLOADS, Job, Reading

__all__ = ["measure"]


def measure(job: Job) -> Reading:
    """Runs a job in this process; adds `peak`, its largest resident size in bytes, to what the workload gives."""
    found = WORKLOADS[job["workload"]](load(job["contender"]), job)
    reading = found if isinstance(found, dict) else {"unit": found}
    return {**reading, "peak": peak_bytes()}


if __name__ == "__main__":
    job: Job = json.loads(sys.argv[1])
    if job["core"] is not None:
        pin(job["core"])
    allow_many_files()
    if "profile" in job:
        from benchmarks.profiling import profiled

        profiled(job)
    else:
        json.dump(measure(job), sys.stdout)
