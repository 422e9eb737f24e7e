"""A process's first calls by several threads at once, in fresh processes: what is made when it is first used is made then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.processes import printed_by, unmeasured

pytestmark = pytest.mark.posix

ROOT = Path(__file__).parent.parent.parent

PROCESSES = 8
"""Without a lock, one in six fails."""


@pytest.mark.parametrize("what", ["awaited", "forks"])
def test_first_calls(what: str) -> None:
    """Every thread and every child has its response."""
    for turn in range(PROCESSES):
        interval = 1e-5 if turn % 2 else sys.getswitchinterval()
        module = ("-X", "faulthandler", "-m", "tests.adversary.first_calls")
        printed_by(*module, str(interval), what, cwd=ROOT, env=unmeasured(), timeout=240)
