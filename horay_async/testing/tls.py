"""Certificates for a server on this machine: a good one, and some that no client should accept."""

from __future__ import annotations

import datetime
import ssl
from typing import Literal, get_args

import attrs

from horay_async.testing.responses import check_word

__all__ = ["TLSKind"]

TLSKind = Literal["good", "wrong_name", "expired", "old"]
"""What is right or wrong with the server: nothing; its certificate is for another host; it expired
yesterday; it speaks no version of TLS that is still in use, and says so. One that nobody trusts is `"good"` for a client without
the server's `ssl_context`."""


@attrs.frozen
class Certificates:
    """Both sides of a TLS connection."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    """Trusts the authority that signed the server's certificate, and it alone."""


def certificates(kind: TLSKind) -> Certificates:
    """A new authority and a certificate of its. Raises `ValueError` for a kind that there isn't, and `ImportError` where
    `trustme` is missing.
    """
    check_word("tls", kind, get_args(TLSKind))
    try:
        import trustme  # noqa: PLC0415 - of the extra, and only needed here
    except ImportError as error:
        raise ImportError("a test server with TLS needs trustme: pip install trustme") from error
    authority = trustme.CA()
    now = datetime.datetime.now(datetime.UTC)
    names = ["elsewhere.example"] if kind == "wrong_name" else ["127.0.0.1", "::1", "localhost"]
    expires = now - datetime.timedelta(days=1) if kind == "expired" else None
    begins = now - datetime.timedelta(days=30)
    certificate = authority.issue_cert(*names, not_before=begins, not_after=expires)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)  # pyright: ignore[reportUnknownMemberType] # also takes a type of pyOpenSSL
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType] # as above
    return Certificates(server, client)
