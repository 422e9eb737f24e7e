"""Chaos that can be repeated: a fault drawn for each request from a seed, and a record of it."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

import attrs

from horay_async.testing.canned import default
from horay_async.testing.failures import RETRY_FORMS, error, error_event
from horay_async.testing.faults import CloseUnderNext, Cut, Delay, Ending, Executed, Hang, Split
from horay_async.testing.records import Request
from horay_async.testing.responses import ScriptedResponse, framed, raw, respond
from horay_async.testing.script import Scripted, made
from horay_async.testing.steps import Fin, Reset, Send

__all__ = ["Chaos", "ChaosKind", "Dealt"]

ChaosKind = Literal[
    "good",
    "split",
    "late",
    "close_under_next",
    "ended_unexecuted",
    "ended_executed",
    "cut_head",
    "cut_body",
    "hung",
    "hung_within",
    "rate_limited",
    "overloaded",
    "server_error",
    "bad_gateway",
    "gateway_timeout",
    "garbage",
    "error_event",
    "unfinished",
]
"""What can be dealt. The first four bring the whole response, though the last of these ends the connection under
the next request. The `ended` ones send nothing and differ in whether the request counts as executed; the
`hung` ones stop until the client leaves; the last two are for streams alone: a failure reported among the
chunks, and an orderly end before the finish reason.
"""

HARMLESS: frozenset[ChaosKind] = frozenset({"good", "split", "late", "close_under_next"})
STREAMS_ONLY: frozenset[ChaosKind] = frozenset({"error_event", "unfinished"})


@attrs.frozen
class Dealt:
    """What one request met."""

    request: Request
    """The request."""
    kind: ChaosKind
    """What became of it."""
    good: ScriptedResponse
    """The response that it would have got."""
    response: ScriptedResponse
    """The response that it got."""

    @property
    def whole(self) -> bool:
        """Whether the client was sent the whole good response."""
        return self.kind in HARMLESS


Dealer = Callable[[ScriptedResponse, random.Random, float], ScriptedResponse]


def _by(draw: random.Random) -> Ending:
    return draw.choice(("fin", "rst"))


def _ended(draw: random.Random) -> ScriptedResponse:
    return raw(Reset() if _by(draw) == "rst" else Fin())


def _cut(good: ScriptedResponse, draw: random.Random, start: int, end: int) -> ScriptedResponse:
    return good.with_faults(Cut(draw.randrange(start, end), by=_by(draw)))


def _rate_limited(_good: ScriptedResponse, draw: random.Random, wait: float) -> ScriptedResponse:
    # A date in whole seconds can't be short; one that has passed asks for no wait, as 0 seconds do.
    form = draw.choice(RETRY_FORMS)
    asked = 0.0 if form in ("seconds", "date") else draw.uniform(0, wait)
    return error(429, shape="limit", retry_after=asked, form=form)


def _garbage(_good: ScriptedResponse, draw: random.Random, _wait: float) -> ScriptedResponse:
    page = respond("<html><title>Welcome</title></html>", content_type="text/html")
    half = respond('{"id": "half", "choices": [{')
    broken = respond(b'{"id": "\xff\xfe", "choices": []}')
    return draw.choice((page, half, broken))


def _some_chunks(good: ScriptedResponse, draw: random.Random, *more: bytes) -> ScriptedResponse:
    """The head and a few events of a stream, others behind them, and an orderly end."""
    sends = [step for step in good.steps if isinstance(step, Send)]
    # The last three hold the finish reason, [DONE] and the end.
    kept = sends[: 1 + draw.randrange(0, max(1, len(sends) - 3))]
    ending = (Send(framed(piece)) for piece in more)
    return attrs.evolve(good, steps=(*kept, *ending, Send(b"0\r\n\r\n")))


_DEALERS: Mapping[ChaosKind, tuple[float, Dealer]] = {
    "split": (0.1, lambda good, draw, _: good.with_faults(Split(seed=draw.getrandbits(32), gap=0))),
    "late": (0.05, lambda good, draw, wait: good.with_faults(Delay(draw.uniform(0, wait)))),
    "close_under_next": (0.02, lambda good, draw, _: good.with_faults(CloseUnderNext(_by(draw)))),
    "ended_unexecuted": (0.02, lambda _, draw, __: _ended(draw)),
    "ended_executed": (0.01, lambda _, draw, __: _ended(draw).with_faults(Executed())),
    "cut_head": (0.01, lambda good, draw, _: _cut(good, draw, 1, good.head_size)),
    "cut_body": (0.03, lambda good, draw, _: _cut(good, draw, good.head_size, len(good.data))),
    "hung": (0.005, lambda good, draw, _: good.with_faults(Hang(0))),
    "hung_within": (
        0.005,
        lambda good, draw, _: good.with_faults(Hang(draw.randrange(1, len(good.data)))),
    ),
    "rate_limited": (0.03, _rate_limited),
    "overloaded": (
        0.02,
        lambda good, draw, _: error(503, "Model service overloaded", shape="code"),
    ),
    "server_error": (0.01, lambda good, draw, _: error(500)),
    "bad_gateway": (0.01, lambda good, draw, _: error(502, "Bad gateway", shape="html")),
    "gateway_timeout": (0.01, lambda good, draw, _: error(504, shape="empty")),
    "garbage": (0.01, _garbage),
    "error_event": (0.02, lambda good, draw, _: _some_chunks(good, draw, error_event())),
    "unfinished": (0.02, lambda good, draw, _: _some_chunks(good, draw)),
}
"""Each kind but good, with its default probability, and what makes its response."""

DEFAULT_RATES: Mapping[ChaosKind, float] = {kind: rate for kind, (rate, _) in _DEALERS.items()}
"""A third of all requests meets something; what is left of 1 is good."""


class Chaos:
    """A handler for `FaultServer.always` that responds with faults at random, and records them.

    Which fault it is depends on `seed`, on the request (method, target and body), and on how many like it came before;
    not on the order in which different requests come. So the same calls meet the same faults, however they run beside
    each other, and a retry meets another one.

    `rates` gives the probability of each kind; what is left of 1 is good. `response` makes the good responses.
    `longest_wait` is in seconds, for late responses and for what rate limits ask for (where the form allows:
    whole seconds are 0 or 1).
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[ChaosKind, float] = DEFAULT_RATES,
        *,
        response: Scripted = default,
        longest_wait: float = 0.01,
    ) -> None:
        if not 0 <= sum(rates.values()) <= 1 or any(rate < 0 for rate in rates.values()):
            raise ValueError("rates are probabilities: none below 0, and at most 1 together")
        self._seed = seed
        self._kinds: list[ChaosKind] = [*rates, "good"]
        self._weights = [*rates.values(), max(0.0, 1 - sum(rates.values()))]
        self._response = response
        self._longest_wait = longest_wait
        self._seen: Counter[bytes] = Counter()
        self._dealt: list[Dealt] = []

    @property
    def dealt(self) -> tuple[Dealt, ...]:
        """What each request met, in the order in which they came."""
        return tuple(self._dealt)

    def by_key(self) -> dict[str, list[Dealt]]:
        """What each request met, by its `Idempotency-Key`, which all attempts of one call share."""
        found: dict[str, list[Dealt]] = {}
        for dealt in self._dealt:
            found.setdefault(dealt.request.headers.get("Idempotency-Key", ""), []).append(dealt)
        return found

    def __call__(self, request: Request) -> ScriptedResponse:
        asked = f"{request.method} {request.target}\n".encode() + request.body
        digest = hashlib.sha256(asked).digest()
        self._seen[digest] += 1
        draw = random.Random(f"{self._seed} {digest.hex()} {self._seen[digest]}")
        good = made(self._response, request)
        (kind,) = draw.choices(self._kinds, self._weights)
        if kind in STREAMS_ONLY and not good.name.endswith("stream"):
            kind = "good"
        met = good if kind == "good" else _DEALERS[kind][1](good, draw, self._longest_wait)
        response = attrs.evolve(met, name=kind)
        self._dealt.append(Dealt(request, kind, good, response))
        return response
