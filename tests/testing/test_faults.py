"""Every fault, as a plain socket meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import horay_async.testing
from horay_async.testing import (
    CloseUnderNext,
    Cut,
    Delay,
    Ending,
    Executed,
    FaultServer,
    Gate,
    Hang,
    Pause,
    Repeat,
    ScriptedResponse,
    Send,
    Split,
    Stall,
    chat,
    raw,
    respond,
    stream,
)

from .conftest import Connect
from .rawclient import RawClient

BERLIN = respond("Berlin")
testing: Any = horay_async.testing
"""As untyped code has it."""


@pytest.mark.parametrize("by", ["fin", "rst"])
@pytest.mark.parametrize("at", [0, 1, 40, -3, -1])
def test_cut(server: FaultServer, raw_client: RawClient, at: int, by: Ending) -> None:
    """Exactly the bytes before the place come, and then the FIN or the reset."""
    server.add(BERLIN.with_faults(Cut(at, by=by)))
    raw_client.request()
    assert raw_client.to_the_end() == (BERLIN.data[:at], by)


@pytest.mark.parametrize("by", ["fin", "rst"])
@pytest.mark.parametrize(
    ("at", "rest"), [(0, b""), (4, b"Berl"), (-1, b"Berli"), (-99, b""), (6, b"Berlin")]
)
def test_cut_within_the_body(
    server: FaultServer, raw_client: RawClient, at: int, rest: bytes, by: Ending
) -> None:
    """A place in the body is counted from behind the head."""
    server.add(BERLIN.with_faults(Cut(at, by=by, within="body")))
    raw_client.request()
    assert raw_client.to_the_end() == (BERLIN.data[: BERLIN.head_size] + rest, by)


def test_what_comes_after_a_fin(server: FaultServer, raw_client: RawClient) -> None:
    """Whatever the client still sends is taken, so that the FIN doesn't turn into a reset."""
    server.add(BERLIN.with_faults(Cut(-1)))
    raw_client.request()
    assert raw_client.to_the_end()[1] == "fin"
    for _ in range(2):
        raw_client.send(b"x" * 200_000)
    assert server.connections[0].open
    raw_client.socket.close()
    server.wait_for_close()
    assert server.connections[0].closed_by == "client"


def test_cut_short_chunks(server: FaultServer, raw_client: RawClient) -> None:
    """A stream that is cut lacks its last chunk."""
    response = stream(["Ber", "lin"])
    server.add(response.with_faults(Cut(-5)))
    raw_client.request()
    data, _ = raw_client.to_the_end()
    assert response.data == data + b"0\r\n\r\n"


def test_cut_over_many_pieces() -> None:
    """Whole pieces before the place stay as they are, with the steps between them."""
    response = raw(b"abc", Pause(1), b"def", Pause(2), b"ghi").with_faults(Cut(4))
    assert [step for step in response.steps if isinstance(step, Send | Pause)] == [
        Send(b"abc"),
        Pause(1),
        Send(b"d"),
    ]


@pytest.mark.parametrize("at", [0, 1, -1])
def test_hang(server: FaultServer, raw_client: RawClient, at: int) -> None:
    """The response stops at the place, and the connection stays open until the client leaves."""
    server.add(BERLIN.with_faults(Hang(at)))
    raw_client.request()
    kept = BERLIN.data[:at]
    assert raw_client.exactly(len(kept)) == kept
    raw_client.socket.settimeout(0.02)
    with pytest.raises(TimeoutError):
        raw_client.some()
    assert server.connections[0].open
    raw_client.socket.close()
    server.wait_for_close()
    assert server.connections[0].closed_by == "client"


def sizes(response: ScriptedResponse) -> list[int]:
    """How long each piece is."""
    return [len(step.data) for step in response.steps if isinstance(step, Send)]


def test_split_at_places(server: FaultServer, raw_client: RawClient) -> None:
    """The pieces come one by one, and are the whole."""
    response = BERLIN.with_faults(Split([1, 2], gap=0.01, within="body"))
    server.add(response)
    raw_client.request()
    assert raw_client.some() == BERLIN.data[: BERLIN.head_size]
    assert raw_client.exactly(6) == b"Berlin"
    assert sizes(response) == [BERLIN.head_size, 1, 1, 4]


def test_split_every_byte() -> None:
    """A slow body is one that is split often."""
    response = BERLIN.with_faults(Split(every=1, gap=0.5))
    assert sizes(response) == [1] * len(BERLIN.data)
    assert response.steps.count(Pause(0.5)) == len(BERLIN.data) - 1
    assert response.data == BERLIN.data


@pytest.mark.parametrize("pieces", [2, 8, 1000])
def test_split_at_random(pieces: int) -> None:
    """The same seed splits at the same places, another one elsewhere; there can't be more than bytes."""
    first, again, other = (
        BERLIN.with_faults(Split(seed=seed, pieces=pieces)) for seed in (1, 1, 2)
    )
    assert sizes(first) == sizes(again)
    assert len(sizes(first)) == min(pieces, len(BERLIN.data))
    assert first.data == BERLIN.data
    assert (sizes(first) == sizes(other)) == (pieces == 1000)


def test_split_pauses_between_pieces_that_were_there() -> None:
    """The gap also parts the pieces that the response was made of."""
    response = raw(b"ab", Stall(), b"cd").with_faults(Split([1], gap=3))
    assert response.steps == (
        Send(b"a"),
        Pause(3),
        Send(b"b"),
        Stall(),
        Pause(3),
        Send(b"cd"),
    )


def test_late_by_a_gate(server: FaultServer, raw_client: RawClient) -> None:
    """Nothing comes until the gate opens."""
    gate = Gate()
    server.add(BERLIN.with_faults(Delay(gate)))
    raw_client.request()
    server.wait_for_requests()
    raw_client.socket.settimeout(0.02)
    with pytest.raises(TimeoutError):
        raw_client.some()
    gate.open()
    raw_client.socket.settimeout(5)
    assert raw_client.response()[2] == b"Berlin"


def test_late_by_a_gate_that_never_opens(server: FaultServer, raw_client: RawClient) -> None:
    """A client that leaves meanwhile is noticed."""
    server.add(BERLIN.with_faults(Delay(Gate())))
    raw_client.request()
    server.wait_for_requests()
    raw_client.socket.close()
    server.wait_for_close()
    assert server.executions == 0


def test_late_by_seconds(server: FaultServer, raw_client: RawClient) -> None:
    """The response begins no sooner."""
    response = BERLIN.with_faults(Delay(0.02))
    server.add(response)
    raw_client.request()
    assert raw_client.response()[2] == b"Berlin"
    assert response.steps[0] == Pause(0.02)


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_closed_under_the_next_request(server: FaultServer, connect: Connect, by: Ending) -> None:
    """The connection looks kept, and ends the moment the next request comes, which uses no response up."""
    server.add(BERLIN.with_faults(CloseUnderNext(by)), respond("Bonn"))
    client = connect()
    client.request()
    assert client.response()[2] == b"Berlin"
    assert server.connections[0].open
    client.request(body={"n": 2})
    assert client.to_the_end() == (b"", by)
    client.socket.close()
    server.wait_for_close()
    other = connect()
    other.request()
    assert other.response()[2] == b"Bonn"
    assert [request.executed for request in server.requests] == [True, False, True]
    assert server.waiting == 0


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_executed_without_a_response(
    server: FaultServer, raw_client: RawClient, by: Ending
) -> None:
    """A request can be run and its response lost."""
    server.add(BERLIN.with_faults(Cut(0, by=by), Executed()))
    raw_client.request()
    assert raw_client.to_the_end() == (b"", by)
    assert server.executions == 1


def test_faults_name_the_response(server: FaultServer, raw_client: RawClient) -> None:
    """The record says what a request was answered with."""
    server.add(chat().with_faults(Split(every=50), Cut(9)))
    raw_client.request()
    raw_client.to_the_end()
    response = server.requests[0].response
    assert response is not None
    assert response.name == "chat split cut"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: testing.Cut("3"), "at must be a number of bytes; got '3'"),
        (lambda: testing.Cut(True), "at must be a number of bytes; got True"),
        (lambda: testing.Cut(3, by="reset"), 'by must be "fin" or "rst"; got \'reset\''),
        (lambda: testing.CloseUnderNext("reset"), 'by must be "fin" or "rst"'),
        (lambda: testing.Hang(3, within="head"), 'within must be "response" or "body"'),
        (lambda: testing.Delay("3"), "by must be a number of seconds, 0 or above, or a Gate"),
        (lambda: testing.Split(every=0), "every must be a whole number of at least 1; got 0"),
        (lambda: testing.Split(every="3"), "every must be a whole number of at least 1; got '3'"),
        (
            lambda: testing.Split(seed=1, pieces=0),
            "pieces must be a whole number of at least 1; got 0",
        ),
        (lambda: testing.Split(seed=1, pieces=None), "pieces must be a whole number of at least 1"),
        (
            lambda: testing.Split([-5]),
            "at must be a list of numbers of bytes, 0 or above; got [-5]",
        ),
        (lambda: testing.Split(5), "at must be a list of numbers of bytes, 0 or above; got 5"),
        (lambda: testing.Split("5"), "at must be a list of numbers of bytes, 0 or above; got '5'"),
        (lambda: testing.Split([1], gap=-1), "gap must be a number of seconds, 0 or above"),
        (lambda: Delay(-1), "by must be a number of seconds, 0 or above, or a Gate"),
        (lambda: BERLIN.with_faults(testing.Cut), "a fault must be one of Cut"),
        (
            lambda: BERLIN.with_faults(Cut(1000)),
            "byte 1000 is beyond the end of the response '200'",
        ),
        (lambda: respond([b"Ber", Repeat(b"lin")]).with_faults(Cut(200)), "byte 200 is beyond"),
        (lambda: BERLIN.with_faults(Hang(7, within="body")), "its body has 6 bytes"),
        (lambda: BERLIN.with_faults(Split([1, 7], within="body")), "its body has 6 bytes"),
    ],
)
def test_faults_that_would_do_nothing(make: Callable[[], object], told: str) -> None:
    """They raise when they are made, or given to a response: a test with one would prove nothing."""
    with pytest.raises((TypeError, ValueError), match=re.escape(told)):
        make()
