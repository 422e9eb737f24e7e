"""Whether work grows no faster than its input: CPU time at n and at 16 n, taken in a process of its own.

The only timed assertions of the suite. A machine under load makes a measurement longer, never shorter, so the
least of several is taken, and work counts as growing too fast only where three measurements in a row say so.
"""

from __future__ import annotations

import textwrap

from tests.processes import printed_by

__all__ = ["assert_linear", "peak_memory"]

FACTOR = 16
"""How much more input there is."""
MOST = 4.0
"""How many times linear the longer run may take. Quadratic work takes 16 times."""
TRIES = 3

TIMED = """
import time
{setup}
def measured(n):
    best = float("inf")
    for _ in range(3):
        given = prepare(n)
        start = time.process_time()
        work(given)
        best = min(best, time.process_time() - start)
    return best
measured({small})  # what is made once
print(measured({small}), measured({large}))
"""

MEASURED = """
import resource
{setup}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work(prepare({n}))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def _output(code: str, timeout: float) -> list[float]:
    return [float(word) for word in printed_by("-c", code, timeout=timeout).split()]


def assert_linear(setup: str, n: int) -> None:
    """Fails where work at 16 `n` takes more than 4 times what it would, were it linear, thrice in a row.

    `setup` is Python that defines `prepare(n)`, which makes the input and isn't timed, and `work(input)`. At
    `n` the work should take a millisecond at least.
    """
    code = TIMED.format(setup=textwrap.dedent(setup), small=n, large=n * FACTOR)
    ratios: list[float] = []
    for _ in range(TRIES):
        small, large = _output(code, timeout=120)
        ratios.append(large / max(small, 1e-4) / FACTOR)
        if ratios[-1] <= MOST:
            return
    raise AssertionError(f"grows faster than its input: {ratios} times linear")


def peak_memory(setup: str, n: int = 0) -> float:
    """By how many MiB `work(prepare(n))` raises the peak memory of a process of its own. POSIX only."""
    (mebibytes,) = _output(MEASURED.format(setup=textwrap.dedent(setup), n=n), timeout=120)
    return mebibytes
