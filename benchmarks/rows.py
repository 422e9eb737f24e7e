"""What is measured: the rows of the table, each with the target that this client has to reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import attrs

from benchmarks.contenders import CONTENDERS, installed

__all__ = ["PEERS", "ROWS", "Cell", "Row"]

Metric = Literal["unit", "worst", "peak", "process"]


@attrs.frozen
class Cell:
    """One figure: what runs in a process of its own, and which of its readings counts.

    A cell either has a `contender` do a `workload`, or is a piece of Python `code` whose CPU time counts
    from the moment that a bare interpreter would be up.
    """

    contender: str
    metric: Metric = "unit"
    """`"unit"`, what a unit of the workload takes: CPU seconds, but for those that `workloads` names; `"worst"`, what
    the worst of them took; `"process"`, CPU seconds of the process as a whole; `"peak"`, its largest resident size in
    bytes."""
    workload: str = ""
    arguments: dict[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    code: str = ""

    def by(self, contender: str) -> Cell:
        """The same done by another contender."""
        return attrs.evolve(self, contender=contender)

    @property
    def possible(self) -> bool:
        """Whether all that it needs is installed."""
        return self.contender not in CONTENDERS or installed(self.contender)


SCALES: Final = {"µs": 1e6, "ms": 1e3, "kB": 1e-3, "MiB": 1 / 2**20}


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table: this client's figure, as a multiple of the reference's."""

    key: str
    """Its name on the command line."""
    title: str
    unit: str
    """What the figures count, e.g. `"µs a call"`; its first word is in `SCALES`."""
    subject: Cell
    reference: Cell | None = None
    """What the subject is a multiple of; None where the target is absolute."""
    target: float | None = None
    """The most that the ratio, or the figure itself, may be; None for a row that stands for comparison."""
    others: tuple[Cell, ...] = ()
    """Shown for comparison, as multiples of the reference too."""

    @property
    def scale(self) -> float:
        """What readings, in seconds or bytes, are multiplied with to be in that unit."""
        return SCALES[self.unit.split()[0]]

    @property
    def cells(self) -> list[Cell]:
        """All cells that can be measured here, the reference first."""
        first = [self.reference] if self.reference else []
        return [cell for cell in (*first, self.subject, *self.others) if cell.possible]


PEERS: Final = (
    "horay, uvloop",
    "hand-written, uvloop",
    "floor",
    "pyreqwest",
    "huggingface_hub",
    "openai, aiohttp",
    "openai",
    "together",
)


def _against_hand_written(subject: Cell, peers: Iterable[str] = PEERS) -> dict[str, Any]:
    others = tuple(subject.by(peer) for peer in peers)
    return {"subject": subject, "reference": subject.by("hand-written"), "others": others}


def _streams(contender: str, **arguments: Any) -> Cell:
    return Cell(contender, "unit", "streams", {"burst": 4, "at_once": 1, **arguments})


RESPONSES: Final = Cell("horay", "unit", "responses", {"calls": 4000, "at_once": 64})
POOL: Final = 256
"""Connections of the fan-out rows, a quarter of this client's default: hundreds of calls wait for one."""
FEW: Final = Cell("horay", "unit", "responses", {"calls": 4000, "at_once": 64, "connections": POOL})
MANY_CALLS: Final = Cell(
    "horay", "unit", "responses", {"calls": 10_000, "at_once": 2000, "connections": POOL}
)
BATCH: Final = Cell("horay", "unit", "batches", {"calls": 4000, "at_once": 64})
DATASET: Final = Cell("horay, Ray", "unit", "datasets", {"calls": 8000})
CHUNKS: Final = _streams("horay", chunks=1000, streams=40)
MANY: Final = _streams("horay", chunks=100, streams=2000, at_once=1000)
PACED: Final = _streams("horay", chunks=60, streams=500, at_once=250, burst=1, pace=20)
"""As a model generates: 250 streams, each with 20 chunks a second, and each chunk in a segment of its own."""
SINGLY: Final = _streams("horay", chunks=100, streams=2000, at_once=1000, burst=1)

SHORT: Final = {"chunks": 8, "burst": 4}
FEW_PEERS: Final = ("horay, uvloop", "floor", "pyreqwest", "openai, aiohttp", "openai")
"""Who is shown in the rows of first tokens and of memory a request."""
ALONE: Final = Cell("horay", "unit", "first_tokens", {"at_once": 1, "times": 400, **SHORT})
HUNDRED: Final = Cell("horay", "unit", "first_tokens", {"at_once": 100, "times": 40, **SHORT})
THOUSAND: Final = Cell("horay", "unit", "first_tokens", {"at_once": 1000, "times": 8, **SHORT})
WAITING: Final = Cell("horay", "unit", "held", {"at_once": 2000, "events": 0})
OPEN: Final = Cell("horay", "unit", "held", {"at_once": 1000, "events": 2})
"""A thousand, since openai's pool has no more connections."""

CHECKED: Final = "{}; import sys; sys.exit(bool({{'aiohttp', 'anyio'}} & sys.modules.keys()))"
"""An import that may load neither of these: it would be a failure, not just slow."""
IMPORT: Final = Cell("import horay_async", "process", code=CHECKED.format("import horay_async"))
OPENAI: Final = Cell("import openai", "process", code="import openai")

BLOCKING: Final = Cell(
    "horay, blocking", "unit", "blocking_streams", {"chunks": 1000, "streams": 40, "burst": 4}
)
AT_ONCE: Final = 200
DOCUMENTED: Final = "horay, documented aiohttp"
"""This client without the parts of aiohttp that aren't documented."""
ON_HORAY: Final = "openai on horay"
"""openai's client over this package's, which is measured against its own way of sending."""


def _against_openai(subject: Cell) -> dict[str, Any]:
    return {"subject": subject, "reference": subject.by("openai")}


ROWS: Final = (
    Row(
        key="paced",
        title="a chunk as it comes: 250 streams, 20 chunks a second each",
        unit="µs a chunk",
        target=1.00,
        **_against_hand_written(PACED),
    ),
    Row(
        key="call",
        title="one response, 64 at once",
        unit="µs a call",
        target=1.15,
        **_against_hand_written(RESPONSES),
    ),
    Row(
        key="chunk",
        title="one streamed, typed chunk",
        unit="µs a chunk",
        target=0.80,
        **_against_hand_written(CHUNKS),
    ),
    Row(
        key="text",
        title="the same through `.text()`",
        unit="µs a chunk",
        target=0.60,
        subject=_streams("horay", chunks=1000, streams=40, by="text"),
        reference=CHUNKS.by("hand-written"),
        others=(_streams("horay, uvloop", chunks=1000, streams=40, by="text"),),
    ),
    Row(
        key="many",
        title="a chunk, 1,000 streams at once",
        unit="µs a chunk",
        target=0.90,
        **_against_hand_written(MANY),
    ),
    Row(
        key="many-singly",
        title="the same, each chunk in a write of its own",
        unit="µs a chunk",
        target=0.90,
        **_against_hand_written(SINGLY, ("horay, uvloop", "hand-written, uvloop")),
    ),
    Row(
        key="memory",
        title="peak memory of 1,000 streams",
        unit="MiB",
        target=1.25,
        **_against_hand_written(attrs.evolve(MANY, metric="peak")),
    ),
    Row(
        key="first-token",
        title="time to the first token, one stream",
        unit="ms of wall-clock time",
        **_against_hand_written(ALONE, FEW_PEERS),
    ),
    Row(
        key="first-token-100",
        title="time to the first token, 100 streams at once",
        unit="ms of wall-clock time",
        **_against_hand_written(HUNDRED, FEW_PEERS),
    ),
    Row(
        key="first-token-100-worst",
        title="the same, the last of the streams",
        unit="ms of wall-clock time",
        **_against_hand_written(attrs.evolve(HUNDRED, metric="worst"), FEW_PEERS),
    ),
    Row(
        key="first-token-1000",
        title="time to the first token, 1,000 streams at once",
        unit="ms of wall-clock time",
        target=1.15,
        **_against_hand_written(THOUSAND, FEW_PEERS),
    ),
    Row(
        key="first-token-1000-worst",
        title="the same, the last of the streams",
        unit="ms of wall-clock time",
        target=1.15,
        **_against_hand_written(attrs.evolve(THOUSAND, metric="worst"), FEW_PEERS),
    ),
    Row(
        key="memory-call",
        title="memory of a waiting call, 2,000 of them",
        unit="kB",
        target=1.00,
        **_against_hand_written(WAITING, FEW_PEERS),
    ),
    Row(
        key="memory-stream",
        title="memory of an open stream, 1,000 of them",
        unit="kB",
        target=1.00,
        **_against_hand_written(OPEN, FEW_PEERS),
    ),
    Row(
        key="cold",
        title="cold start: import, client, first response",
        unit="ms",
        target=1.30,
        **_against_hand_written(Cell("horay", "process", "first_response"), PEERS[2:]),
    ),
    Row(
        key="import",
        title="`import horay_async`, against `import openai`",
        unit="ms",
        target=0.10,
        subject=IMPORT,
        reference=OPENAI,
    ),
    Row(
        key="import-client",
        title="`from horay_async import AsyncHoray`, against `import openai`",
        unit="ms",
        subject=attrs.evolve(IMPORT, code=CHECKED.format("from horay_async import AsyncHoray")),
        reference=OPENAI,
    ),
    Row(
        key="blocking-chunk",
        title="a chunk, blocking, against openai's blocking client",
        unit="µs a chunk",
        target=0.06,
        subject=BLOCKING,
        reference=BLOCKING.by("openai, blocking"),
    ),
    Row(
        key="blocking-call",
        title="a call, blocking, against openai's blocking client",
        unit="µs a call",
        target=0.30,
        subject=Cell("horay, blocking", "unit", "blocking_responses", {"calls": 2000}),
        reference=Cell("openai, blocking", "unit", "blocking_responses", {"calls": 2000}),
    ),
    Row(
        key="openai-call",
        title="a call of openai's client over this one, against its own transport, 64 at once",
        unit="µs a call",
        target=0.60,
        **_against_openai(Cell(ON_HORAY, "unit", "responses", {"calls": 2000, "at_once": 64})),
    ),
    Row(
        key="openai-chunk",
        title="a chunk of the same",
        unit="µs a chunk",
        target=0.80,
        **_against_openai(_streams(ON_HORAY, chunks=500, streams=20)),
    ),
    Row(
        key="openai-streams",
        title="the same, 200 streams at once",
        unit="µs a chunk",
        target=0.75,
        **_against_openai(_streams(ON_HORAY, chunks=60, streams=400, at_once=AT_ONCE, burst=1)),
    ),
    Row(
        key="langchain-call",
        title="a call of `ChatHoray`, against `ChatOpenAI`",
        unit="µs a call",
        target=0.60,
        subject=Cell("ChatHoray", "unit", "responses", {"calls": 1000, "at_once": 16}),
        reference=Cell("ChatOpenAI", "unit", "responses", {"calls": 1000, "at_once": 16}),
    ),
    Row(
        key="langchain-chunk",
        title="a chunk of the same",
        unit="µs a chunk",
        target=0.60,
        subject=_streams("ChatHoray", chunks=500, streams=8),
        reference=_streams("ChatOpenAI", chunks=500, streams=8),
    ),
    Row(
        key="merge",
        title="a chunk of 4,000 merged in `stream(...)`, against one of 500",
        unit="µs a chunk",
        target=1.20,
        subject=_streams("horay", chunks=4000, streams=10, by="events"),
        reference=_streams("horay", chunks=500, streams=80, by="events"),
    ),
    Row(
        key="fan-out",
        title="one response, 2,000 at once, against 64 at once",
        unit="µs a call",
        target=1.20,
        subject=MANY_CALLS,
        reference=FEW,
    ),
    Row(
        key="fan-out-hand-written",
        title="the same of the hand-written loop, for comparison",
        unit="µs a call",
        subject=MANY_CALLS.by("hand-written"),
        reference=FEW.by("hand-written"),
    ),
    Row(
        key="batch",
        title="one response through `batch.run`, against a semaphore and gather, 64 at once",
        unit="µs a call",
        target=1.25,
        **_against_hand_written(BATCH),
    ),
    Row(
        key="dataset",
        title="a row of a dataset on Ray, against Ray's own HTTP stage",
        unit="µs of wall-clock time a row",
        target=1.00,
        subject=DATASET,
        reference=DATASET.by("Ray's HTTP stage"),
    ),
    Row(
        key="documented-call",
        title="one response by aiohttp's documented means alone, against the default",
        unit="µs a call",
        subject=RESPONSES.by(DOCUMENTED),
        reference=RESPONSES,
    ),
    Row(
        key="documented-chunk",
        title="one streamed chunk in the same way",
        unit="µs a chunk",
        subject=CHUNKS.by(DOCUMENTED),
        reference=CHUNKS,
    ),
    Row(
        key="documented-paced",
        title="a chunk as it comes, in the same way",
        unit="µs a chunk",
        subject=PACED.by(DOCUMENTED),
        reference=PACED,
    ),
    Row(
        key="make",
        title="making a client after the first",
        unit="µs",
        target=100.0,
        subject=Cell("horay", "unit", "make", {"times": 4000}),
    ),
    Row(
        key="large",
        title="decoding a 1 MB completion with logprobs, against the JSON parse",
        unit="ms",
        target=1.30,
        subject=Cell("horay", "unit", "decode", {"times": 100}),
        reference=Cell("hand-written", "unit", "decode", {"times": 100}),
    ),
)
