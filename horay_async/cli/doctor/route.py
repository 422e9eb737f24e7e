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
        for step in (self._check_dns, self._check_connection, self._check_tls):
            finding = step()
            if finding is not None:
                yield finding
                if finding.state == "fault":
                    return False
        return True

    def _check_dns(self) -> Finding | None:
        host, began = self._first.host, time.perf_counter()
        try:
            found = socket.getaddrinfo(*_host_and_port(self._first), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for what can't be a name
            return fault("DNS", f"{host} can't be looked up: {describe(error)}", ADVICE["DNS"])
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        if host in addresses:
            return None
        return ok("DNS", f"{host} is {', '.join(addresses)} ({_elapsed(began)})")

    def _check_connection(self) -> Finding:
        name = "proxy" if self._proxy else "connection"
        place, began = _place(self._first), time.perf_counter()
        try:
            socket.create_connection(_host_and_port(self._first), STEP_TIMEOUT).close()
        except OSError as error:
            return fault(name, f"{place} {describe(error)}", ADVICE[name])
        self.reachable = not self._secure
        return ok(name, f"{place} accepts connections ({_elapsed(began)})")

    def _check_tls(self) -> Finding | None:
        if not self._secure:
            return None
        began = time.perf_counter()
        try:
            with contextlib.closing(self._connection(ssl.create_default_context())) as connection:
                connection.connect()
                spoken = cast("ssl.SSLSocket", connection.sock).version()
        except ssl.SSLError as error:
            self.reachable = isinstance(error, ssl.SSLCertVerificationError)
            return tls_fault(error, self._server.host or "")
        except OSError as error:
            name = "proxy" if self._proxy else "TLS"
            return fault(name, f"{_place(self._server)} {describe(error)}", ADVICE[name])
        self.reachable = True
        return ok("TLS", f"{spoken}, and the certificate is trusted ({_elapsed(began)})")

    def date(self) -> str | None:
        """What time the server says that it is, as its `Date` header; None where it doesn't say.

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


def _elapsed(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"
