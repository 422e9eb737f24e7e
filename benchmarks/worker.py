"""One measurement in a process of its own: a job as JSON on the command line, a reading as JSON out.

python -m benchmarks.worker JOB
"""

from __future__ import annotations

import json
import sys

from benchmarks.contenders import load
from benchmarks.measure import allow_many_files, peak_bytes, pin
from benchmarks.workloads import WORKLOADS, Job

__all__ = ["Reading", "measure"]

Reading = dict[str, float]
"""`unit`, CPU seconds a unit of the workload; `peak`, the largest resident size of the process in bytes."""


def measure(job: Job) -> Reading:
    """Runs a job in this process."""
    unit = WORKLOADS[job["workload"]](load(job["contender"]), job)
    return {"unit": unit, "peak": peak_bytes()}


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
