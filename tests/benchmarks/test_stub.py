"""The stub server: its bytes, and how it takes requests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from benchmarks import canned
from benchmarks.stub import writes


def unchunked(body: bytes) -> bytes:
    """The body that HTTP's chunked encoding holds, which must be whole."""
    pieces: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(body[:length])
        assert body[length : length + 2] == b"\r\n"
        body = body[length + 2 :]
        if not length:
            assert not body
            return b"".join(pieces)


@pytest.mark.parametrize("burst", [1, 4, 5, 11, 1000])
def test_stream_is_whole_however_it_is_written(burst: int) -> None:
    """Each burst holds as many events as asked for, and together they are the stream."""
    written = writes(canned.stream(10, burst))
    events = canned.events(10)
    assert len(written) == -(-len(events) // burst)
    assert written[0].count(b"data: ") == min(burst, len(events))
    head, _, body = b"".join(written).partition(b"\r\n\r\n")
    assert b"text/event-stream" in head
    assert unchunked(body) == b"".join(events)


def test_chunks_are_of_a_real_size() -> None:
    """A chunk is what servers of this family send: 200 to 300 bytes of JSON, one choice."""
    datas = [event.removeprefix(b"data: ").strip() for event in canned.events(50)]
    assert datas.pop() == b"[DONE]"
    assert all(200 <= len(data) <= 300 for data in datas)
    deltas = [json.loads(data)["choices"][0]["delta"] for data in datas]
    text = "".join(delta.get("content", "") for delta in deltas)
    assert text == canned.response_text(canned.stream(50, 1))


def test_large_response_is_one_megabyte() -> None:
    """The large response has about the size that its row speaks of, with alternatives for each token."""
    body = canned.large_body()
    assert abs(len(body) - canned.LARGE_BYTES) < canned.LARGE_BYTES / 20
    logprobs = json.loads(body)["choices"][0]["logprobs"]
    assert len(logprobs["tokens"]) == len(logprobs["top_logprobs"]) > 1000


@pytest.fixture
def connection(stub: str) -> Iterator[socket.socket]:
    """A connection to the stub."""
    place = urlsplit(stub)
    with closing(socket.create_connection((place.hostname, place.port), timeout=5)) as opened:
        yield opened


def request(model: str) -> bytes:
    """A request as clients send it."""
    body = json.dumps({"model": model}).encode()
    return b"POST /any HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def read(connection: socket.socket, size: int) -> bytes:
    """So many bytes of what the stub sends."""
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        assert piece
        received += piece
    return received


def test_connection_is_kept(connection: socket.socket) -> None:
    """Requests of one connection are answered one after another, each for itself."""
    for model in (canned.RESPONSE, canned.stream(5, 2), canned.LARGE, canned.RESPONSE):
        expected = b"".join(writes(model))
        connection.sendall(request(model))
        assert read(connection, len(expected)) == expected


def test_request_in_pieces(connection: socket.socket) -> None:
    """A request that comes byte by byte is waited for."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request(canned.RESPONSE):
        connection.sendall(bytes([byte]))
    expected = writes(canned.RESPONSE)[0]
    assert read(connection, len(expected)) == expected
