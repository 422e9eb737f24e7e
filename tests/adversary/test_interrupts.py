"""Ctrl-C at random moments of blocking calls and of batch files, and forks beside calls, each in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import unmeasured

pytestmark = pytest.mark.posix

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("what", "most_of"),
    [
        ("calls", "interrupted"),
        ("awaited", "interrupted"),
        ("file", "interrupted"),
        ("forks", "children"),
    ],
)
def test_nothing_is_lost(what: str, most_of: str) -> None:
    """Every response is its own request's, the client goes on, and nothing is left."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.adversary.interrupts", what, "7"],
        cwd=ROOT, env=unmeasured(), capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[most_of] >= 5
