"""TLS, good and bad, met by Python's own client."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from horay_async.testing import Cut, Ending, FaultServer, TLSKind, respond
from horay_async.testing.tls import certificates

from .rawclient import RawClient


def handshake(
    server: FaultServer, context: ssl.SSLContext, host: str = "127.0.0.1"
) -> ssl.SSLSocket:
    """A TLS connection to the server."""
    port = int(server.origin.rpartition(":")[2])
    plain = socket.create_connection(("127.0.0.1", port), 5)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def context_of(server: FaultServer) -> ssl.SSLContext:
    """The context for clients, which must be there."""
    assert server.ssl_context is not None
    return server.ssl_context


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_good(host: str) -> None:
    """A client that trusts the authority is served, under both names of this machine."""
    with FaultServer(tls="good") as server:
        server.add(respond("Berlin", then="close"))
        assert server.base_url.startswith("https://")
        assert server.picture_url.startswith("https://localhost:")
        with handshake(server, context_of(server), host) as secure:
            secure.sendall(b"GET /files/picture.png HTTP/1.1\r\n\r\n")
            data = b""
            while piece := secure.recv(2**16):
                data += piece
        assert data.endswith(b"\r\n\r\nBerlin")
        assert server.requests[0].origin == server.origin


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("wrong_name", "IP address mismatch"), ("expired", "certificate has expired")],
)
def test_certificates_that_are_wrong(kind: TLSKind, complaint: str) -> None:
    """The certificate is wrong in just the way that was asked for."""
    with FaultServer(tls=kind) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
            handshake(server, context_of(server))
        server.wait_for_close()
        assert server.connections[0].closed_by == "client"
        assert server.requests == ()


def test_nobody_trusts_it_unasked() -> None:
    """A client with the system's trust refuses the good certificate."""
    with FaultServer(tls="good") as server:
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            handshake(server, ssl.create_default_context())
        server.wait_for_close()


def test_an_old_protocol() -> None:
    """A client of today finds no version in common."""
    with FaultServer(tls="old") as server:
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            handshake(server, context_of(server))
        server.wait_for_close()


def test_a_handshake_that_never_comes() -> None:
    """A connection can be ignored before TLS is spoken."""
    with FaultServer(tls="good") as server:
        server.on_connect("stall")
        port = int(server.origin.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), 0.02) as plain,
            pytest.raises(TimeoutError),
        ):
            context_of(server).wrap_socket(plain, server_hostname="127.0.0.1")
        server.wait_for_close()


def test_leaving_amid_handshakes() -> None:
    """A server with a handshake under way ends like any other."""
    with FaultServer(tls="good") as server:
        port = int(server.origin.rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), 5)
        server.wait(lambda: server.open_connections)
    plain.close()
    assert not server.open_connections


def test_many_pieces() -> None:
    """A response of many pieces, and large ones, comes whole."""
    with FaultServer(tls="good") as server:
        server.add(respond([b"Ber", b"x" * 3_000_000, b"lin"], framing="close"))
        with handshake(server, context_of(server)) as secure:
            secure.sendall(b"GET /files/picture.png HTTP/1.1\r\n\r\n")
            data = b""
            while piece := secure.recv(2**20):
                data += piece
        assert data.endswith(b"\r\n\r\nBer" + b"x" * 3_000_000 + b"lin")


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_cut(by: Ending) -> None:
    """A cut comes without TLS's goodbye: nothing but a FIN, or a reset."""
    with FaultServer(tls="good") as server, RawClient(server) as client:
        server.add(respond([b"Ber", b"l", b"in"]).with_faults(Cut(-3, by=by)))
        came, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = context_of(server).wrap_bio(came, to_send, server_hostname="127.0.0.1")

        def step(act: Callable[[], object]) -> bool:
            try:
                act()
            except ssl.SSLWantReadError:
                return False
            finally:
                if data := to_send.read():
                    client.send(data)
            return True

        while not step(secure.do_handshake):
            came.write(client.some())
        step(lambda: secure.write(b"GET /files/picture.png HTTP/1.1\r\n\r\n"))
        data, ending = client.to_the_end()
        came.write(data)
        response: list[bytes] = []
        while step(lambda: response.append(secure.read(2**16))):
            assert response[-1], "an end that was said, not cut"
        assert b"".join(response).endswith(b"\r\n\r\nBer")
        assert ending == by


def test_a_kind_that_there_is_not() -> None:
    """It would be a good certificate otherwise, and the test that asks for another one would say nothing."""
    misspelt: Any = "expird"
    with pytest.raises(ValueError, match="tls must be one of good, wrong_name, expired, old; got"):
        FaultServer(tls=misspelt)


def test_without_trustme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the library is missing, the error says how to get it."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ImportError, match=r"needs trustme: pip install trustme$"):
        certificates("good")
