"""Chaos: drawn from a seed, on record, and on the wire."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from horay_async.testing import (
    Chaos,
    ChaosKind,
    Dealt,
    FaultServer,
    Fin,
    Headers,
    Request,
    Reset,
    Stall,
    respond,
)
from horay_async.testing.chaos import DEFAULT_RATES

from .conftest import Connect

KINDS: tuple[ChaosKind, ...] = get_args(ChaosKind)


UNRUN = frozenset(
    {
        "ended_unexecuted",
        "hung",
        "rate_limited",
        "overloaded",
        "server_error",
        "bad_gateway",
        "gateway_timeout",
    }
)


def request(prompt: str, *, stream: bool = True, key: str = "k") -> Request:
    """A chat request, as a handler gets it."""
    return Request(
        number=1,
        connection=1,
        at=0.0,
        method="POST",
        target="/v1/chat/completions",
        path="/chat/completions",
        origin="http://127.0.0.1:1",
        headers=Headers([("Idempotency-Key", key)]),
        body=json.dumps({"prompt": prompt, "stream": stream}).encode(),
        complete=True,
    )


def deal(seed: int, prompts: list[str]) -> dict[bytes, list[object]]:
    """What each request meets, by its body, in the order of its repetitions."""
    chaos = Chaos(seed)
    for prompt in prompts:
        chaos(request(prompt))
    met: dict[bytes, list[object]] = {}
    for dealt in chaos.dealt:
        # Of a date that a rate limit names, only the length is the same a second later.
        steps = [type(step) for step in dealt.response.steps]
        drawn = (dealt.kind, len(dealt.response.data), steps)
        met.setdefault(dealt.request.body, []).append(drawn)
    return met


def test_a_seed_repeats_itself() -> None:
    """The same requests meet the same, in whatever order they come; under another seed, something else."""
    prompts = [str(number % 150) for number in range(300)]
    assert deal(1, prompts) == deal(1, prompts[::-1])
    assert deal(1, prompts) != deal(2, prompts)


def test_a_retry_draws_anew() -> None:
    """The same request doesn't meet the same fault for ever."""
    chaos = Chaos(1, {"server_error": 0.5})
    for _ in range(20):
        chaos(request("same"))
    assert {dealt.kind for dealt in chaos.dealt} == {"good", "server_error"}
    assert [dealt.response.name for dealt in chaos.dealt] == [dealt.kind for dealt in chaos.dealt]


def test_rates_are_kept() -> None:
    """Over many requests, each kind comes about as often as it should."""
    chaos = Chaos(7)
    for number in range(2000):
        chaos(request(str(number)))
    counts = {kind: sum(dealt.kind == kind for dealt in chaos.dealt) for kind in KINDS}
    assert counts["good"] == pytest.approx(2000 * (1 - sum(DEFAULT_RATES.values())), rel=0.1)
    assert all(counts.values())
    assert counts["split"] == pytest.approx(200, rel=0.3)


@pytest.mark.parametrize("rates", [{"hung": 1.1}, {"hung": 1.0, "late": 0.1}, {"hung": -0.1}])
def test_rates_are_probabilities(rates: dict[ChaosKind, float]) -> None:
    """What can't be a probability is refused."""
    with pytest.raises(ValueError, match="probabilities"):
        Chaos(1, rates)


def one(kind: ChaosKind, *, stream: bool = True, seed: int = 0) -> Dealt:
    """What a request meets when only this can happen."""
    chaos = Chaos(seed, {kind: 1.0})
    chaos(request("?", stream=stream))
    return chaos.dealt[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_dealt(kind: ChaosKind, seed: int) -> None:
    """Each kind is what its name says: whole or not, ended, hung, or of a status."""
    dealt = one(kind, seed=seed)
    response = dealt.response
    assert dealt.whole == (response.data == dealt.good.data)
    last = response.steps[-1]
    assert isinstance(last, Stall) == kind.startswith("hung")
    assert isinstance(last, Fin | Reset) == kind.startswith(("ended", "cut"))
    if kind.startswith("ended") or kind == "hung":
        assert response.data == b""
    if kind.startswith(("cut", "hung")):
        assert dealt.good.data.startswith(response.data)
    if kind == "cut_head":
        assert 0 < len(response.data) < dealt.good.head_size
    if kind == "cut_body":
        assert dealt.good.head_size <= len(response.data)
    statuses = {"rate_limited": 429, "overloaded": 503, "server_error": 500}
    statuses |= {"bad_gateway": 502, "gateway_timeout": 504}
    if kind in statuses:
        assert (response.status, response.executed) == (statuses[kind], False)
    assert (response.then != "keep") == (kind == "close_under_next")
    if kind in ("error_event", "unfinished"):
        assert response.data.endswith(b"0\r\n\r\n")
        assert b"[DONE]" not in response.data
        assert (b'{"error"' in response.data) == (kind == "error_event")


@pytest.mark.parametrize("kind", ["error_event", "unfinished"])
def test_streams_alone(kind: ChaosKind) -> None:
    """What needs a stream leaves other responses good."""
    dealt = one(kind, stream=False)
    assert (dealt.kind, dealt.whole) == ("good", True)


def test_responses_of_ones_own() -> None:
    """The good responses can be any."""
    chaos = Chaos(1, {}, response=respond("Berlin"))
    assert chaos(request("?")).data == respond("Berlin").data


def test_by_key() -> None:
    """All attempts of one call are found by its key."""
    chaos = Chaos(1)
    for key in ("a", "b", "a"):
        chaos(request("?", key=key))
    assert {key: len(dealt) for key, dealt in chaos.by_key().items()} == {"a": 2, "b": 1}


def test_on_the_wire(server: FaultServer, connect: Connect) -> None:
    """A server under chaos sends what the record says, and counts executions by it."""
    chaos = Chaos(3)
    server.always(chaos)
    for number in range(60):
        client = connect()
        client.request(body={"prompt": number, "stream": True})
        dealt = server.wait_for_requests(number + 1)[-1]
        response = chaos.dealt[-1].response
        assert client.exactly(len(response.data)) == response.data
        if response.steps and isinstance(response.steps[-1], Fin | Reset):
            assert client.to_the_end() == (
                b"",
                "fin" if isinstance(response.steps[-1], Fin) else "rst",
            )
        assert dealt.executed == (chaos.dealt[-1].kind not in UNRUN)
        client.socket.close()
    assert len({dealt.kind for dealt in chaos.dealt}) > 8
