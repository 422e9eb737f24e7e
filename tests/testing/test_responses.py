"""HTTP messages, made into steps, as they come over the wire."""

from __future__ import annotations

import zlib

import pytest

from horay_async.testing import (
    Coding,
    FaultServer,
    MarkExecuted,
    Pause,
    Repeat,
    ScriptedResponse,
    Send,
    json_response,
    raw,
    respond,
)

from .rawclient import RawClient


def exchange(
    server: FaultServer, client: RawClient, response: ScriptedResponse
) -> tuple[int, dict[str, str], bytes]:
    """What a plain socket is answered."""
    server.add(response)
    client.request()
    return client.response()


def test_a_json_response(server: FaultServer, raw_client: RawClient) -> None:
    """Status, reason, headers and body are those of HTTP/1.1, in one piece."""
    server.add(json_response({"é": 1}, 201, headers={"X-More": "2"}))
    raw_client.request()
    assert raw_client.some() == (
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 9\r\nX-More: 2\r\n\r\n"
        b'{"\xc3\xa9": 1}'
    )


@pytest.mark.parametrize("status", [299, 777])
def test_a_status_without_a_name(server: FaultServer, raw_client: RawClient, status: int) -> None:
    """Any number can be sent as a status."""
    assert exchange(server, raw_client, respond(status=status))[0] == status


def test_headers_take_the_place_of_the_usual_ones() -> None:
    """A given header replaces the one of its name, however it is spelled."""
    response = respond(b"x", headers={"content-LENGTH": "9", "Content-Type": "a/b"})
    assert response.data == b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 9\r\nContent-Type: a/b\r\n\r\nx"


def test_no_content_type(server: FaultServer, raw_client: RawClient) -> None:
    """An empty media type isn't sent."""
    assert "content-type" not in exchange(server, raw_client, respond("x", content_type=""))[1]


def test_chunks(server: FaultServer, raw_client: RawClient) -> None:
    """Each piece is one chunk; an empty one is none, since that would be the end."""
    server.add(respond([b"Ber", b"", Pause(0), b"lin"], framing="chunked"))
    raw_client.request()
    assert b"transfer-encoding: chunked" in raw_client.until(b"\r\n\r\n").lower()
    assert raw_client.exactly(21) == b"3\r\nBer\r\n3\r\nlin\r\n0\r\n\r\n"


def test_framing_by_close(server: FaultServer, raw_client: RawClient) -> None:
    """Without length or chunks the end of the connection is the end of the body."""
    server.add(respond([b"Ber", b"lin"], framing="close"))
    raw_client.request()
    head = raw_client.until(b"\r\n\r\n").lower()
    assert b"connection: close" in head
    assert b"content-length" not in head
    assert raw_client.to_the_end() == (b"Berlin", "fin")


@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("deflate", 15)])
def test_compression(
    server: FaultServer, raw_client: RawClient, coding: Coding, wbits: int
) -> None:
    """A compressed body says so, and each of its pieces can be decompressed as it comes."""
    response = respond([b"Ber", b"lin"], coding=coding, framing="chunked")
    _, headers, body = exchange(server, raw_client, response)
    assert headers["content-encoding"] == coding
    assert zlib.decompress(body, wbits) == b"Berlin"
    first = response.steps[1]
    assert isinstance(first, Send)
    size, _, rest = first.data.partition(b"\r\n")
    assert zlib.decompressobj(wbits).decompress(rest[: int(size, 16)]) == b"Ber"


@pytest.mark.parametrize("cut", [1, 8, 15])
def test_compression_cut_short(server: FaultServer, raw_client: RawClient, cut: int) -> None:
    """The compressed body lacks its end, across pieces if need be, while its length is right."""
    whole = respond([b"Ber", b"lin"], coding="gzip")
    _, _, body = exchange(
        server, raw_client, respond([b"Ber", b"lin"], coding="gzip", coding_cut=cut)
    )
    assert body == whole.data[whole.head_size : -cut]
    assert not zlib.decompressobj(31).copy().eof


def test_a_length_that_lies(server: FaultServer, raw_client: RawClient) -> None:
    """Content-Length can promise more than comes."""
    server.add(respond("Berlin", content_length=100, then="close"))
    raw_client.request()
    assert b"Content-Length: 100\r\n" in raw_client.until(b"\r\n\r\n")
    assert raw_client.to_the_end() == (b"Berlin", "fin")


def test_headers_too_large(server: FaultServer, raw_client: RawClient) -> None:
    """A header can be of any size."""
    response = respond(headers={"X-Filler": "x" * 100_000})
    assert len(exchange(server, raw_client, response)[1]["x-filler"]) == 100_000


def test_an_endless_body(server: FaultServer, raw_client: RawClient) -> None:
    """Repeated bytes are framed once and come until the client leaves."""
    server.add(respond([Repeat(b": ping\n\n")], framing="chunked"))
    raw_client.request()
    raw_client.until(b"\r\n\r\n")
    assert raw_client.exactly(26) == b"8\r\n: ping\n\n\r\n" * 2
    raw_client.socket.close()
    server.wait_for_close()
    with pytest.raises(ValueError, match="endless"):
        respond([Repeat(b"x")], coding="gzip")


def test_raw_bytes(server: FaultServer, raw_client: RawClient) -> None:
    """Raw bytes go out as they are, HTTP or not."""
    server.add(raw(b"\x00\xffnot HTTP", then="close"))
    raw_client.request()
    assert raw_client.to_the_end() == (b"\x00\xffnot HTTP", "fin")


@pytest.mark.parametrize(
    ("response", "status", "executed"),
    [
        (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, True),
        (raw(Pause(0), b"HTTP/1.0 500 Oops\r\n\r\n"), 500, False),
        (raw(b"HTTP/2 200\r\n\r\n"), None, False),
        (raw(MarkExecuted()), None, False),
        (respond(status=429), 429, False),
        (respond(status=200), 200, True),
        (respond(status=200, executed=False), 200, False),
    ],
)
def test_which_responses_mean_execution(
    response: ScriptedResponse, status: int | None, executed: bool
) -> None:
    """A response of success means that the request was run, unless it says otherwise."""
    assert (response.status, response.executed) == (status, executed)


def test_head_size() -> None:
    """The head ends with its empty line; what isn't HTTP has none."""
    assert respond("x").data[respond("x").head_size :] == b"x"
    assert raw(b"not HTTP").head_size == 0
