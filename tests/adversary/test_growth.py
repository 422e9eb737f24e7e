"""What a client holds doesn't grow with its calls: memory, objects, descriptors, tasks, threads, cache entries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adversary.echo import Echo, echo_server

N = 5
"""Calls of each operation; then four times as many."""

MOST = {"memory": 96 * 1024, "objects": 200, "descriptors": 3, "tasks": 0, "threads": 0}
"""By how much each may differ. A response holds a hundred objects; idle connections come and go, three at most."""

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("face", ["async", "blocking"])
def test_nothing_grows(face: str) -> None:
    """After 4 N more calls of an operation as much is held as after the first N."""
    with echo_server(Echo()) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.adversary.meter", server.base_url, server.api_key, str(N), face],
            cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 15
    grown: list[str] = []
    for kind, (first, last) in found.items():
        grown += [
            f"{kind}: {name} from {first[name]} to {last[name]}"
            for name, most in MOST.items()
            if last[name] - first[name] > most
            # There, full caches replace entries from before the tracing by traced ones.
            and (kind, name) != ("own_options", "memory")
        ]
        before, after = json.loads(first["entries"]), json.loads(last["entries"])
        grown += [
            f"{kind}: {name} from {before.get(name, 0)} to {count}"
            for name, count in after.items()
            if count > before.get(name, 0) + 2
        ]
    assert not grown, grown
