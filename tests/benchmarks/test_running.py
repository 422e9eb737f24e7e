"""Readings: a fresh process each, and right responses only."""

from __future__ import annotations

import pytest

from benchmarks import running
from benchmarks.contenders import CONTENDERS, installed
from benchmarks.rows import ROWS, Cell
from benchmarks.running import Failed, Readings, job_of, read

BLOCKING = [name for name in CONTENDERS if installed(name) and name.endswith("blocking")]
ON_RAY = [name for name in ("horay, Ray", "Ray's HTTP stage") if installed(name)]
AWAITED = [name for name in CONTENDERS if installed(name) and name not in BLOCKING + ON_RAY]

STREAM = {"chunks": 20, "burst": 3, "streams": 2}


@pytest.mark.parametrize("contender", AWAITED)
@pytest.mark.parametrize(
    ("workload", "arguments"),
    [
        ("responses", {"calls": 4, "at_once": 2}),
        ("batches", {"calls": 9, "at_once": 2}),
        ("streams", {**STREAM, "at_once": 2}),
        ("first_response", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_awaited_contenders_are_right(
    stub: str, contender: str, workload: str, arguments: dict[str, int]
) -> None:
    """Every installed client gets the stub's responses right: the worker compares them."""
    reading = read(Cell(contender, "unit", workload, arguments), stub, 1.0)
    assert reading["unit"] >= 0
    assert reading["process"] > reading["unit"]
    assert reading["peak"] > 2**20


@pytest.mark.parametrize("contender", AWAITED)
def test_first_tokens_come(stub: str, contender: str) -> None:
    """Every installed client gives the texts of a stream as they come, and the last stream is no faster than the median."""
    cell = Cell(
        contender, "unit", "first_tokens", {"chunks": 5, "burst": 2, "at_once": 3, "times": 1}
    )
    reading = read(cell, stub, 1.0)
    assert 0 < reading["unit"] <= reading["worst"]


@pytest.mark.parametrize("events", [0, 2])
def test_held_requests_wait(stub: str, events: int) -> None:
    """Requests wait for what the stub doesn't send, with the text that came: the worker looks."""
    reading = read(Cell("horay", "unit", "held", {"events": events, "at_once": 3}), stub, 1.0)
    assert reading["unit"] < reading["peak"]


@pytest.mark.skipif(not ON_RAY, reason="needs the extra `ray`")
def test_datasets_are_right(stub: str) -> None:
    """All rows of a dataset have the stub's response. Ray's own stage, which takes as long, isn't tried."""
    cell = Cell("horay, Ray", "unit", "datasets", {"calls": 256})
    assert read(cell, stub, 1.0)["peak"] > 2**20


@pytest.mark.parametrize("contender", BLOCKING)
@pytest.mark.parametrize(
    ("workload", "arguments"),
    [("blocking_responses", {"calls": 2}), ("blocking_streams", STREAM)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_blocking_contenders_are_right(
    stub: str, contender: str, workload: str, arguments: dict[str, int]
) -> None:
    """So does every blocking one."""
    assert read(Cell(contender, "unit", workload, arguments), stub, 1.0)["unit"] > 0


@pytest.mark.parametrize("by", ["text", "events"])
def test_other_ways_of_reading(stub: str, by: str) -> None:
    """The text alone, and the events with their merged response, give the same text."""
    cell = Cell("horay", "unit", "streams", {**STREAM, "at_once": 1, "by": by})
    assert read(cell, stub, 1.0)["unit"] > 0


@pytest.mark.parametrize("collector", [{}, {"threshold": 0}, {"freeze": True, "threshold": 5000}])
def test_collector_is_set(stub: str, collector: dict[str, int]) -> None:
    """Calls are answered whatever the garbage collector is told."""
    arguments = {"calls": 4, "at_once": 2, "collector": collector}
    assert read(Cell("horay", "unit", "responses", arguments), stub, 1.0)["unit"] >= 0


def test_failure_is_told(stub: str) -> None:
    """A process that breaks off is a failure, with the last line of what it said."""
    cell = Cell("horay", "unit", "streams", {**STREAM, "at_once": 0})
    with pytest.raises(Failed, match="ConfigurationError: max_connections"):
        read(cell, stub, 1.0)


def test_wrong_response_is_a_failure(stub: str) -> None:
    """A client that lost something isn't measured: here, one chunk is expected too many."""
    code = (
        "from benchmarks import canned, workloads; from benchmarks.contenders import load; "
        "canned.response_text = lambda model: 'Bonn'; "
        f"workloads.first_response(load('horay'), {{'base_url': {stub!r}}})"
    )
    with pytest.raises(Failed, match="WrongResponse"):
        read(Cell("code", "process", code=code), stub, 1.0)


def test_peers_do_less_and_at_once_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow clients get a part of the work; nobody gets less than each parallel task needs."""
    monkeypatch.setattr(running, "cores", lambda: [2, 3])
    cell = Cell("horay", "unit", "streams", {"streams": 100, "at_once": 10})
    assert job_of(cell, "", 0.5)["streams"] == 50
    assert job_of(cell.by("together"), "", 0.5)["streams"] == 12
    assert job_of(cell, "", 0.01)["streams"] == 10
    assert (
        job_of(Cell("horay", "unit", "responses", {"calls": 9, "at_once": 5}), "", 1.0)["calls"]
        == 20
    )
    assert job_of(cell, "", 1.0)["core"] == 2
    assert job_of(cell.by("horay, uvloop"), "", 1.0)["uvloop"]


def test_bare_interpreter_is_taken_off() -> None:
    """What importing costs is counted from the moment that an interpreter is up."""
    readings = Readings()
    imports = Cell("import something", "process", code="import something")
    readings.add(imports, 0, {"process": 0.5})
    readings.add(running.BARE, 0, {"process": 0.25})
    assert readings.of(imports) == {0: 0.25}


def test_cells_share_a_process() -> None:
    """Two rows that count different figures of the same work need it done once."""
    readings = Readings()
    (many,) = [row for row in ROWS if row.key == "many"]
    (memory,) = [row for row in ROWS if row.key == "memory"]
    readings.add(many.subject, 0, {"unit": 1.0, "peak": 2.0})
    assert readings.have(memory.subject, 0)
    assert readings.of(memory.subject) == {0: 2.0}


def test_rows_have_names_of_their_own() -> None:
    """Each row can be asked for by its key."""
    keys = [row.key for row in ROWS]
    assert len(keys) == len(set(keys))
