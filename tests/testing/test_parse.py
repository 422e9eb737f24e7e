"""Requests off the wire: what the recorder keeps of them."""

from __future__ import annotations

import json
import socket
import struct
import threading

import pytest

from horay_async.testing import FaultServer, Headers, Stall, raw, respond

from .conftest import Connect
from .rawclient import RawClient


def test_the_record(server: FaultServer, raw_client: RawClient) -> None:
    """Method, path, query, headers, body, connection and time are on record."""
    raw_client.request(
        "/v1/models?type=text&x=%20&type=image&empty=", {"a": "é"}, "POST", "X-A: 1", "x-a: 2"
    )
    raw_client.response()
    request = server.requests[0]
    assert (request.number, request.connection, request.method) == (1, 1, "POST")
    assert request.target == "/v1/models?type=text&x=%20&type=image&empty="
    assert request.path == "/models"
    assert request.origin == server.origin
    assert request.query == {"type": "image", "x": " ", "empty": ""}
    assert request.headers["X-a"] == "1, 2"
    assert request.headers.lines[-2:] == (("X-A", "1"), ("x-a", "2"))
    assert "x-b" not in request.headers
    assert request.json() == {"a": "é"}
    assert json.loads(request.text) == {"a": "é"}
    assert request.complete
    connection = server.connections[0]
    assert connection.opened_at <= request.at
    assert connection.requests == 1


def test_headers_are_a_mapping() -> None:
    """They can be counted and listed, under lower-case names."""
    headers = Headers([("A", "1"), ("a", "2"), ("B", "3")])
    assert dict(headers) == {"a": "1, 2", "b": "3"}
    assert len(headers) == 2
    assert repr(headers) == "Headers({'a': '1, 2', 'b': '3'})"


def test_a_path_elsewhere(server: FaultServer, raw_client: RawClient) -> None:
    """Outside the base URL, the path is whole."""
    raw_client.request("/v1x/models", method="GET")
    assert raw_client.response()[0] == 404
    assert server.requests[0].path == "/v1x/models"


def test_as_a_proxy(server: FaultServer, raw_client: RawClient) -> None:
    """A client that names the whole URL is answered as if it had asked the host itself."""
    raw_client.request("http://api.example/v1/models?type=text", method="GET")
    assert raw_client.response()[0] == 200
    request = server.requests[0]
    assert (request.path, request.query) == ("/models", {"type": "text"})
    assert request.target == "http://api.example/v1/models?type=text"


@pytest.mark.parametrize("split", [1, 7, 1000])
def test_a_chunked_request(server: FaultServer, raw_client: RawClient, split: int) -> None:
    """Chunks, their extensions and trailers are taken, wherever a read ends."""
    data = (
        b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Bearer test-key\r\n\r\n"
        b"3;x=1\r\nBer\r\n3\r\nlin\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    for place in range(0, len(data), split):
        raw_client.send(data[place : place + split])
    assert raw_client.response()[0] == 200
    assert server.requests[0].body == b"Berlin"


def test_requests_back_to_back(server: FaultServer, raw_client: RawClient) -> None:
    """A connection serves any number of requests, sent ahead or not."""
    for name in ("a", "b", "c"):
        server.add(respond(name))
        raw_client.request()
    assert [raw_client.response()[2] for _ in range(3)] == [b"a", b"b", b"c"]
    assert [request.connection for request in server.requests] == [1, 1, 1]
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("line", "header", "closes"),
    [
        ("HTTP/1.1", "X: y", False),
        ("HTTP/1.1", "Connection: close", True),
        ("HTTP/1.0", "X: y", True),
        ("HTTP/1.0", "Connection: keep-alive", False),
    ],
)
def test_keep_alive(
    server: FaultServer, raw_client: RawClient, line: str, header: str, closes: bool
) -> None:
    """The client decides whether the connection is kept."""
    raw_client.send(f"GET /files/picture.png {line}\r\n{header}\r\n\r\n".encode())
    assert raw_client.response()[0] == 200
    if closes:
        assert raw_client.to_the_end() == (b"", "fin")
    else:
        raw_client.request()
        assert raw_client.response()[0] == 200


def test_expect_continue(server: FaultServer, raw_client: RawClient) -> None:
    """The client is told to go on before its body is read."""
    raw_client.send(b"POST /x HTTP/1.1\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
    assert raw_client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw_client.send(b"Berlin")
    assert raw_client.response()[0] == 404
    assert server.requests[0].body == b"Berlin"


def test_expect_refused(server: FaultServer, raw_client: RawClient) -> None:
    """A response that reads nothing comes instead of the word to go on, and then the connection ends."""
    server.add(respond(status=413, read=0))
    raw_client.send(b"POST /x HTTP/1.1\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
    assert raw_client.response()[0] == 413
    assert raw_client.to_the_end() == (b"", "fin")


def test_an_early_response_survives(server: FaultServer, raw_client: RawClient) -> None:
    """A response to a body that isn't read reaches the client, however much it goes on to send."""
    server.add(respond("too large", status=413, read=0))
    raw_client.send(b"POST /x HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000)
    assert raw_client.response()[2] == b"too large"
    assert raw_client.to_the_end() == (b"", "fin")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("read", "got"), [(0, b""), (4, b"Berl"), (6, b"Berlin")])
def test_a_body_read_in_part(
    server: FaultServer, raw_client: RawClient, read: int, got: bytes, chunked: bool
) -> None:
    """A response can begin after so many bytes of the body; then it doesn't count as executed."""
    server.add(respond("early", read=read))
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 6"
    body = b"6\r\nBerlin\r\n0\r\n\r\n" if chunked else b"Berlin"
    raw_client.send(b"POST /x HTTP/1.1\r\n" + framing + b"\r\n\r\n" + body)
    assert raw_client.response()[2] == b"early"
    request = server.requests[0]
    assert request.body == got
    whole = read == 6 and not chunked  # of chunks, the last one says that it was all
    assert (request.complete, request.executed) == (whole, whole)


def test_a_body_that_is_never_read(server: FaultServer, raw_client: RawClient) -> None:
    """The client's writing comes to a halt, and its reset is seen all the same."""
    server.add(raw(Stall(), read=0))
    raw_client.send(b"POST /x HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n")
    raw_client.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        raw_client.send(b"x" * 100_000_000)
    # Closing by a reset: a FIN would stand behind the bytes that nobody reads.
    raw_client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw_client.socket.close()
    server.wait_for_close()
    assert server.connections[0].closed_by == "client"


def test_a_body_larger_than_the_read_ahead(server: FaultServer, raw_client: RawClient) -> None:
    """Reading goes on where the script wants more."""
    sender = threading.Thread(target=raw_client.request, args=("/v1/x", "x" * 3_000_000))
    sender.start()
    assert raw_client.response()[0] == 404
    sender.join()
    assert len(server.requests[0].body) == 3_000_002


def test_a_client_that_leaves_within_the_body(server: FaultServer, connect: Connect) -> None:
    """What had come is on record, as incomplete; the connection as closed by the client."""
    client = connect()
    client.send(b"POST /v1/x HTTP/1.1\r\nContent-Length: 9\r\n\r\nBer")
    client.socket.close()
    server.wait_for_close()
    request = server.wait_for_requests()[0]
    assert (request.body, request.complete, request.executed) == (b"Ber", False, False)
    assert request.response is None
    assert server.connections[0].closed_by == "client"


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x00\x20",  # what begins TLS, and goes on without a line's end
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
)
def test_what_is_not_http(raw_client: RawClient, data: bytes) -> None:
    """A client that speaks something else is told so, and the connection ends."""
    raw_client.send(data)
    assert raw_client.response()[0] == 400
    assert raw_client.to_the_end() == (b"", "fin")
