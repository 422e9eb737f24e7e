"""The way to the server, step by step: name, connection, TLS. The key isn't sent on it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Generator
from typing import Final, cast

from yarl import URL

from horay_async.cli.doctor.explanations import ADVICE, describe, tls_fault
from horay_async.cli.doctor.findings import Finding, fault, ok

STEP_TIMEOUT: Final = 10.0
"""Seconds for each step: a server that takes longer to accept a connection isn't well."""


class Route:
    """The way to `base_url`, through the proxy at the URL `proxy` where there is one."""

    def __init__(self, base_url: str, proxy: str | None) -> None:
        self._server = URL(base_url)
        self._proxy: URL | None = None
        with contextlib.suppress(ValueError):
            if proxy and URL(proxy).scheme == "http":
                self._proxy = URL(proxy)
        self._wrong_proxy = bool(proxy) and not self._proxy
        self._first = self._proxy or self._server
        """Where a connection is opened to."""
        self._secure = self._server.scheme == "https"
        self.reachable: bool = False
        """Whether requests can be sent to the server, be its certificate right or wrong."""

    def check(self) -> Generator[Finding, None, bool]:
        """Goes as far as it can, and returns whether that was the whole way."""
        if self._wrong_proxy:
            # It isn't shown: it may hold a password.
            yield fault("proxy", "it isn't of the form http://host:port", ADVICE["proxy"])
            return False
        via = "proxy" if self._proxy else None
        for name, culprit, subject, step in (
            ("DNS", "DNS", f"{self._first.host} can't be looked up:", self._look_up),
            (via or "connection", via or "connection", _place(self._first), self._connect),
            ("TLS", via or "TLS", _place(self._server), self._shake_hands),
        ):
            began = time.perf_counter()
            try:
                found = step()
            except ssl.SSLError as error:
                self.reachable = isinstance(error, ssl.SSLCertVerificationError)
                yield tls_fault(error, self._server.host or "")
                return False
            except (OSError, UnicodeError) as error:  # the latter for what can't be a name
                yield fault(culprit, f"{subject} {describe(error)}", ADVICE[culprit])
                return False
            if found:
                yield ok(name, f"{found} ({(time.perf_counter() - began) * 1000:.0f} ms)")
        return True

    def _look_up(self) -> str:
        entries = socket.getaddrinfo(*_host_and_port(self._first), type=socket.SOCK_STREAM)
        host, addresses = self._first.host, dict.fromkeys(str(entry[4][0]) for entry in entries)
        return "" if host in addresses else f"{host} is {', '.join(addresses)}"

    def _connect(self) -> str:
        socket.create_connection(_host_and_port(self._first), STEP_TIMEOUT).close()
        self.reachable = not self._secure
        return f"{_place(self._first)} accepts connections"

    def _shake_hands(self) -> str:
        if not self._secure:
            return ""
        with contextlib.closing(self._connection(ssl.create_default_context())) as connection:
            connection.connect()
            spoken = cast("ssl.SSLSocket", connection.sock).version()
        self.reachable = True
        return f"{spoken}, and the certificate is trusted"

    def date(self) -> str | None:
        """The server's time, as its `Date` header; None where it sends none.

        Its certificate isn't checked, since a clock that is wrong spoils that check.
        """
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        direct = self._secure or self._proxy is None
        target = self._server.raw_path if direct else str(self._server)
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(self._connection(unchecked)) as connection,
        ):
            connection.request("GET", target)
            return connection.getresponse().getheader("Date")
        return None

    def _connection(self, context: ssl.SSLContext) -> http.client.HTTPConnection:
        """A connection to the server that isn't open yet, through the proxy where there is one."""
        first = _host_and_port(self._first)
        if not self._secure:
            return http.client.HTTPConnection(*first, timeout=STEP_TIMEOUT)
        connection = http.client.HTTPSConnection(*first, timeout=STEP_TIMEOUT, context=context)
        if self._proxy:
            headers: dict[str, str] = {}
            if self._proxy.user is not None:
                pair = f"{self._proxy.user}:{self._proxy.password or ''}"
                token = base64.b64encode(pair.encode()).decode()
                headers["Proxy-Authorization"] = f"Basic {token}"
            connection.set_tunnel(*_host_and_port(self._server), headers)
        return connection


def _host_and_port(url: URL) -> tuple[str, int]:
    return url.raw_host or "", url.port or 80


def _place(url: URL) -> str:
    return f"{url.host_subcomponent}:{url.port}"
