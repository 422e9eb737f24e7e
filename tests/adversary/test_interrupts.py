"""Ctrl-C at random moments of blocking calls and of batch files, and forks beside calls, each in a child process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.processes import printed_by, unmeasured

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
    module = ("-m", "tests.adversary.interrupts")
    printed = printed_by(*module, what, "7", cwd=ROOT, env=unmeasured(), timeout=240)
    assert json.loads(printed)[most_of] >= 5
