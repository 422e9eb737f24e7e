"""The way to the server, step by step: name, connection, TLS. The key isn't sent on it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

from horay_async.cli.doctor.explanations import ADVICE, describe, tls_fault
from horay_async.cli.doctor.findings import Finding, fault, ok

PATIENCE: Final = 10.0
"""Seconds for each step: a server that takes longer to accept a connection isn't well."""

PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class HostPort:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> HostPort:
        """Where a URL leads. Raises `ValueError` for a port that isn't one."""
        return cls(url.hostname or "", url.port or PORTS.get(url.scheme, 80))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Route:
    """The way to `base_url`, through the proxy at the URL `proxy` where there is one."""

    def __init__(self, base_url: str, proxy: str | None) -> None:
        self._url = urlsplit(base_url)
        self.server: HostPort = HostPort.of(self._url)
        self._proxy_url = urlsplit(proxy or "")
        self.proxy: HostPort | None = None
        if self._proxy_url.scheme == "http":
            with contextlib.suppress(ValueError):
                self.proxy = HostPort.of(self._proxy_url)
        self._wrong_proxy = bool(proxy) and not self.proxy
        self.reachable: bool = False
        """Whether requests can be sent to the server, be its certificate right or wrong."""
        self._secure = self._url.scheme == "https"

    def check(self) -> Generator[Finding, None, bool]:
        """Goes as far as it can, and returns whether that was the whole way."""
        if self._wrong_proxy:
            # It isn't shown: it may hold a password.
            yield fault("proxy", "it isn't of the form http://host:port", ADVICE["proxy"])
            return False
        return (
            (yield from self._check_dns())
            and (yield from self._check_connection())
            and (not self._secure or (yield from self._check_tls()))
        )

    def _check_dns(self) -> Generator[Finding, None, bool]:
        place = self.proxy or self.server
        began = time.perf_counter()
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for what can't be a name
            yield fault("DNS", f"{place.host} can't be looked up: {describe(error)}", ADVICE["DNS"])
            return False
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        if place.host not in addresses:
            yield ok("DNS", f"{place.host} is {', '.join(addresses)} ({_elapsed(began)})")
        return True

    def _check_connection(self) -> Generator[Finding, None, bool]:
        name = "proxy" if self.proxy else "connection"
        place = self.proxy or self.server
        began = time.perf_counter()
        try:
            socket.create_connection((place.host, place.port), PATIENCE).close()
        except OSError as error:
            yield fault(name, f"{place} {describe(error)}", ADVICE[name])
            return False
        self.reachable = not self._secure
        yield ok(name, f"{place} accepts connections ({_elapsed(began)})")
        return True

    def _check_tls(self) -> Generator[Finding, None, bool]:
        began = time.perf_counter()
        try:
            with contextlib.closing(self._connection(ssl.create_default_context())) as connection:
                connection.connect()
                spoken = cast("ssl.SSLSocket", connection.sock).version()
        except ssl.SSLError as error:
            self.reachable = isinstance(error, ssl.SSLCertVerificationError)
            yield tls_fault(error, self.server.host)
            return False
        except OSError as error:
            name = "proxy" if self.proxy else "TLS"
            yield fault(name, f"{self.server} {describe(error)}", ADVICE[name])
            return False
        self.reachable = True
        yield ok("TLS", f"{spoken}, and the certificate is trusted ({_elapsed(began)})")
        return True

    def date(self) -> str | None:
        """What time the server says that it is, as its `Date` header; None where it doesn't say.

        Its certificate isn't checked, since a clock that is wrong spoils that check.
        """
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        direct = self._secure or self.proxy is None
        target = (self._url.path or "/") if direct else self._url.geturl()
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(self._connection(unchecked)) as connection,
        ):
            connection.request("GET", target)
            return connection.getresponse().getheader("Date")
        return None

    def _connection(self, context: ssl.SSLContext) -> http.client.HTTPConnection:
        """A connection to the server that isn't open yet, through the proxy where there is one."""
        first = self.proxy or self.server
        if not self._secure:
            return http.client.HTTPConnection(first.host, first.port, timeout=PATIENCE)
        connection = http.client.HTTPSConnection(
            first.host, first.port, timeout=PATIENCE, context=context
        )
        if self.proxy:
            connection.set_tunnel(self.server.host, self.server.port, self._credentials())
        return connection

    def _credentials(self) -> dict[str, str]:
        user, password = self._proxy_url.username, self._proxy_url.password
        if user is None:
            return {}
        pair = f"{unquote(user)}:{unquote(password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _elapsed(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"
