"""What a client holds doesn't grow with its calls: memory, objects, descriptors, tasks, threads, cache entries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adversary.echo import Echo, echo_server
from tests.processes import printed_by

N = 5
"""Calls of each operation; then four times as many."""

MOST = {"memory": 96 * 1024, "objects": 200, "descriptors": 3, "tasks": 0, "threads": 0}
"""By how much each may differ. A response holds a hundred objects; idle connections come and go, three at most."""

ROOT = Path(__file__).parent.parent.parent


TRIES = 3
"""What grows does so each time; what was left may still be ending once."""


@pytest.mark.parametrize("client", ["async", "blocking"])
def test_nothing_grows(client: str) -> None:
    """After 4 N more calls of an operation as much is held as after the first N; measured again where it isn't."""
    grown: dict[str, str] = {}
    for turn in range(TRIES):
        found = growth(client)
        grown = found if turn == 0 else {what: found[what] for what in grown if what in found}
        if not grown:
            return
    raise AssertionError(f"grows each time: {grown}")


def growth(client: str) -> dict[str, str]:
    """What is held more of at the end than the limits allow, by operation and name."""
    with echo_server(Echo()) as server:
        given = (server.base_url, server.api_key, str(N), client)
        printed = printed_by("-m", "tests.adversary.meter", *given, cwd=ROOT, timeout=200)
    found = json.loads(printed)
    assert len(found) > 15
    grown: dict[str, str] = {}
    for kind, (first, last) in found.items():
        for name, most in MOST.items():
            # There, full caches replace entries from before the tracing by traced ones.
            if last[name] - first[name] > most and (kind, name) != ("own_options", "memory"):
                grown[f"{kind}: {name}"] = f"from {first[name]} to {last[name]}"
        before, after = json.loads(first["entries"]), json.loads(last["entries"])
        for name, count in after.items():
            if count > before.get(name, 0) + 2:
                grown[f"{kind}: {name}"] = f"from {before.get(name, 0)} to {count}"
    return grown
