"""The proxy that the environment names."""

from __future__ import annotations

import netrc
from base64 import b64encode
from typing import cast
from urllib.parse import quote, unquote
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from horay_async._checks import is_loopback
from horay_async._keys import Secret
from horay_async._protocol.wire.clean import Cleaner
from horay_async.options import netrc_file


def proxy_from_environment(url: URL) -> URL | None:
    """The proxy for `url`, its user and password in it; None where there is none.

    From `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the system's settings on macOS and Windows;
    the password also from `.netrc`. In plain HTTP this machine is reached without a proxy on another one, which
    would get to see the key.
    """
    host = url.host or ""
    found = getproxies().get(url.scheme)
    if not found or proxy_bypass(host):
        return None
    proxy = URL(found if "://" in found else f"http://{found}")
    if proxy.host is None:
        return None
    if url.scheme == "http" and is_loopback(host) and not is_loopback(proxy.host):
        return None
    if proxy.user is not None:
        return proxy
    try:
        account = netrc.netrc(netrc_file()).authenticators(proxy.host)
    except (OSError, netrc.NetrcParseError):
        return proxy
    if account is None:
        return proxy
    user, _, password = account
    return proxy.with_user(user).with_password(cast("str | None", password))


class _Account(Secret):
    """The value of the header with a proxy's user and password, of which not even the end is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def with_auth_apart(proxy: str | URL | None) -> tuple[URL | None, dict[str, str] | None]:
    """The proxy's URL without its user and password, and the header that tells it these.

    aiohttp keeps the URL in local variables, which tools record with a traceback; the header's `repr` is masked.
    It makes `Proxy-Authorization` of `Authorization` for either kind of proxying.
    """
    if proxy is None:
        return None, None
    url = URL(proxy)
    if url.user is None and url.password is None:
        return url, None
    account = f"{url.user or ''}:{url.password or ''}".encode("latin1")  # as aiohttp does by itself
    header = _Account(f"Basic {b64encode(account).decode()}")
    return url.with_user(None), {"Authorization": header}


def masking_proxy(clean: Cleaner, proxy: str | URL | None) -> Cleaner:
    """`clean`, which masks the password of `proxy` too, as it is and as a URL spells it."""
    password = None if proxy is None else URL(proxy).password
    if not password:
        return clean
    return clean.masking(password, quote(password, safe=""), unquote(password))
