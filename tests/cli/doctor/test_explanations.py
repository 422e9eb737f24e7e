"""What errors of sockets and TLS are told as."""

from __future__ import annotations

import socket
import ssl

import pytest

from horay_async.cli.doctor.explanations import describe, tls_fault


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(), "refuses connections: nothing listens there"),
        (TimeoutError(), "doesn't respond"),
        (ConnectionResetError(), "breaks the connection off"),
        (BrokenPipeError(), "breaks the connection off"),
        (socket.gaierror(8, "no such name"), "no such name"),
        (socket.gaierror(), "unknown"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError("Tunnel connection failed: 407"), "Tunnel connection failed: 407"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_refusals(error: Exception, words: str) -> None:
    """Each is told as what the other side did, or in the system's words."""
    assert describe(error) == words


def refused(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = code, "as OpenSSL says"
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "isn't valid yet, by this machine's clock"),
        (10, "has expired, by this machine's clock"),
        (18, "signed by an authority that this machine trusts"),
        (20, "signed by an authority that this machine trusts"),
        (62, "for another host than api.test"),
        (64, "for another host than api.test"),
        (24, "isn't accepted: as OpenSSL says"),
    ],
)
def test_certificates(code: int, words: str) -> None:
    """Each code of OpenSSL's x509_vfy.h that is likely has words of its own."""
    found = tls_fault(refused(code), "api.test")
    assert words in found.found
    assert found.todo
