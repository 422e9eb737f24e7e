"""What the errors of sockets and TLS mean, and what to do about them."""

from __future__ import annotations

import re
import ssl
from typing import Final

from horay_async.cli.doctor.findings import Finding, fault

ADVICE: Final = {
    "DNS": "Check the name in HORAY_BASE_URL or --base-url for a typing error, and whether this "
    "machine is online and has a name server.",
    "connection": "Check host and port in HORAY_BASE_URL or --base-url, whether the server runs, and "
    "whether a firewall is in between.",
    "proxy": "Check HTTPS_PROXY, HTTP_PROXY or --proxy: the proxy must run and let you through; set "
    "NO_PROXY to the API's host if none is needed.",
    "TLS": "Write http:// in the base URL if the server has no TLS, else check its port, and that nothing in "
    "between cuts the connection.",
}
"""What to do, by the name of the check."""

RENEW: Final = "If the clock is right, the server's operator has to renew it."

CERTIFICATES: Final[tuple[tuple[set[int], str, str], ...]] = (
    ({9}, "the certificate of {host} isn't valid yet, by this machine's clock", RENEW),
    ({10}, "the certificate of {host} has expired, by this machine's clock", RENEW),
    (
        {62, 64},
        "the certificate is for another host than {host}",
        (
            "Check the host in the base URL; behind it may be another server, or a network that "
            "wants you to log in first."
        ),
    ),
    (
        {2, 18, 19, 20, 21},
        "the certificate of {host} isn't signed by an authority that this machine trusts",
        (
            "If a company's proxy or server is meant to sign it, set SSL_CERT_FILE to a file with "
            "its authority's certificate; otherwise somebody may be reading along."
        ),
    ),
)
"""What is wrong with a certificate, and what to do, by OpenSSL's numbers for it (X509_V_ERR_… in x509_vfy.h)."""


def describe(error: Exception) -> str:
    """What became of an attempt, as the end of a sentence that begins with the place."""
    match error:
        case ConnectionRefusedError():
            return "refuses connections: nothing listens there"
        case TimeoutError():
            return "doesn't respond"
        case ConnectionResetError() | BrokenPipeError():
            return "breaks the connection off"
        case _:
            return getattr(error, "strerror", None) or str(error) or "unknown"


def tls_fault(error: ssl.SSLError, host: str) -> Finding:
    """What is wrong with the server's TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        for codes, found, todo in CERTIFICATES:
            if error.verify_code in codes:
                return fault("TLS", found.format(host=host), todo)
        found = f"the certificate of {host} isn't accepted: {error.verify_message}"
        return fault("TLS", found, ADVICE["TLS"])
    reason = error.reason or str(error)
    if re.search("PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS", reason):
        return fault(
            "TLS",
            f"{host} speaks no TLS version that this machine accepts (1.2 or newer): {reason}",
            "The server, or a proxy that breaks TLS open, is too old: have it updated. This side "
            f"has {ssl.OPENSSL_VERSION}.",
        )
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return fault(
            "TLS", f"{host} speaks plain HTTP, or another protocol, not TLS", ADVICE["TLS"]
        )
    return fault("TLS", f"the handshake with {host} failed: {reason}", ADVICE["TLS"])
